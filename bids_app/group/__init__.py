"""Participants' results → group results. No inference yet: means, spread and counts."""

from bids_app.group.average import average_people, count_people
from bids_app.group.summary import summarise

__all__ = ["average_people", "count_people", "summarise"]
