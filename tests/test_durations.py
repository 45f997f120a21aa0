"""Lengths of time in words."""

import pytest

from bids_app.durations import in_words

LENGTHS = {
    0: "1 s",
    0.4: "1 s",
    119: "119 s",
    120: "2 min",
    7199: "120 min",
    7200: "2 h",
    172_799: "48 h",
    2e5: "2 days",
}


@pytest.mark.parametrize(("seconds", "words"), LENGTHS.items(), ids=[str(one) for one in LENGTHS])
def test_times_are_in_the_largest_unit_of_which_there_are_two(seconds, words):
    assert in_words(seconds) == words
