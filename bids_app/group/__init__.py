"""Participants' results → group results: means, spread, tests over people."""

from bids_app.group.electrodes import over_electrodes
from bids_app.group.mean_response import SharedRun, average_participants, match_participants, require_same_features
from bids_app.group.participant_tests import participant_tests
from bids_app.group.summarise import INDIVIDUAL, summarise

__all__ = [
    "INDIVIDUAL",
    "SharedRun",
    "average_participants",
    "match_participants",
    "over_electrodes",
    "participant_tests",
    "require_same_features",
    "summarise",
]
