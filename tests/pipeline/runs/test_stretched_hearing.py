"""A playing at another speed: words and features lie where they were heard."""

from pathlib import Path

import numpy as np
import pytest

from bids_app.pipeline.job.hearing import hearing_of
from bids_app.records import Features, Intervals, Stimulus, StimulusEvent

STIMULUS = Stimulus("s.wav", "s", Path("s.wav"), None, None, 100.0, None, None, "", file_s=100.0)


@pytest.mark.parametrize("duration_s", [None, 101.0])
def test_words_and_features_of_a_slow_playing(duration_s):
    hearing = hearing_of(StimulusEvent(5.0, "s.wav", duration_s, stretch=1.01), STIMULUS)
    words = hearing.words(Intervals(np.array([10.0, 99.0]), np.array([1.0, 1.0]), ("a", "b")))
    assert words.onset_s == pytest.approx([10.1, 99.99])
    assert words.duration_s == pytest.approx([1.01, 1.01])
    made = hearing.features(Features("x", np.ones((2, 1)), np.array([11.0, 100.0]), "events", np.array([10.0, 99.0])))
    assert made.times_s == pytest.approx([11.11, 101.0])
    assert made.onsets_s == pytest.approx(words.onset_s, abs=0)
    assert hearing.lasts_s == pytest.approx(101.0)
