"""Participants' results → group results: means, spread, tests over participants."""

from bids_app.group.compared.over_participants import WHOLE, compared_group
from bids_app.group.compared.pairs import compared_regions, compared_unit, paired_blocks, why_not_paired
from bids_app.group.compared.shared_blocks import Heard, SharedBlocks, blocks_of, joined
from bids_app.group.electrodes import over_electrodes
from bids_app.group.maps.side_by_side import Room, held_bytes
from bids_app.group.mean_response import SharedRun, average_participants, match_participants, require_same_features
from bids_app.group.membership import GroupKey, group_key, key_of_written, shared_stem
from bids_app.group.participant_tests import ParticipantValues, participant_tests
from bids_app.group.summarise import INDIVIDUAL, summarise

__all__ = [
    "INDIVIDUAL",
    "WHOLE",
    "GroupKey",
    "Heard",
    "ParticipantValues",
    "Room",
    "SharedBlocks",
    "SharedRun",
    "average_participants",
    "blocks_of",
    "compared_group",
    "compared_regions",
    "compared_unit",
    "group_key",
    "held_bytes",
    "joined",
    "key_of_written",
    "match_participants",
    "over_electrodes",
    "paired_blocks",
    "participant_tests",
    "require_same_features",
    "shared_stem",
    "summarise",
    "why_not_paired",
]
