"""Participants' results → group results: means, spread, tests over people."""

from bids_app.group.electrodes import over_electrodes
from bids_app.group.mean_response import Heard, average_people, match_people, require_same_features
from bids_app.group.participant_tests import people_tests
from bids_app.group.summarise import INDIVIDUAL, summarise

__all__ = [
    "INDIVIDUAL",
    "Heard",
    "average_people",
    "match_people",
    "over_electrodes",
    "people_tests",
    "require_same_features",
    "summarise",
]
