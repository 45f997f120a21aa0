"""What families ask of a stimulus, or one clear line on what it lacks."""

from __future__ import annotations

from bids_app.errors import DataError
from bids_app.records import Array, Intervals, Stimulus


def audio_of(stimulus: Stimulus) -> tuple[Array, float]:
    """Audio (n_samples,) and its rate in Hz. Raises DataError."""
    if stimulus.audio is None or stimulus.rate_hz is None:
        raise DataError("the stimulus has no audio", stimulus.stimulus_id)
    if not len(stimulus.audio):
        raise DataError("the stimulus's audio is empty", stimulus.stimulus_id)
    return stimulus.audio, stimulus.rate_hz


def words_of(stimulus: Stimulus) -> Intervals:
    """The words, at least one with text. Raises DataError."""
    if stimulus.words is None:
        raise DataError("the stimulus has no word times", stimulus.stimulus_id)
    if not any(text.strip() for text in stimulus.words.text):
        raise DataError("the stimulus's transcript is empty", stimulus.stimulus_id)
    return stimulus.words


def phones_of(stimulus: Stimulus) -> Intervals:
    """The phones, at least one. Raises DataError."""
    if stimulus.phones is None:
        raise DataError("the stimulus has no phone times", stimulus.stimulus_id)
    if not stimulus.phones.text:
        raise DataError("the stimulus's table of phones is empty", stimulus.stimulus_id)
    return stimulus.phones


CHECKS = {"audio": audio_of, "words": words_of, "phones": phones_of}
