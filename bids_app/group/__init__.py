"""Participants' results → group results: means, spread, tests over participants."""

from bids_app.group.electrodes import over_electrodes
from bids_app.group.maps.side_by_side import Room, held_bytes
from bids_app.group.mean_response import SharedRun, average_participants, match_participants, require_same_features
from bids_app.group.membership import GroupKey, group_key, key_of_written, shared_stem
from bids_app.group.paired import compared_unit, why_not_paired
from bids_app.group.participant_tests import ParticipantValues, participant_tests
from bids_app.group.summarise import INDIVIDUAL, summarise

__all__ = [
    "INDIVIDUAL",
    "GroupKey",
    "ParticipantValues",
    "Room",
    "SharedRun",
    "average_participants",
    "compared_unit",
    "group_key",
    "held_bytes",
    "key_of_written",
    "match_participants",
    "over_electrodes",
    "participant_tests",
    "require_same_features",
    "shared_stem",
    "summarise",
    "why_not_paired",
]
