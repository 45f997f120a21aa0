"""Lengths of time in words."""

import pytest

from bids_app.durations import in_words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (172_799, "48 h"),
        (200_000, "2 days"),
    ],
)
def test_times_are_in_the_largest_unit_of_which_there_are_two(seconds, words):
    assert in_words(seconds) == words
