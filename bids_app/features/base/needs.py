"""What families ask of a stimulus, or one clear line on what it lacks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bids_app.errors import DataError
from bids_app.records import Intervals, Samples, Stimulus


class Sound(NamedTuple):
    """Mono samples (n_samples,) and their rate in Hz."""

    samples: Samples
    rate_hz: float


def audio_of(stimulus: Stimulus) -> Sound:
    """The stimulus's audio, at least one sample. Raises DataError."""
    if stimulus.audio is None or stimulus.rate_hz is None:
        raise DataError("the stimulus has no audio", stimulus.stimulus_id)
    if not len(stimulus.audio):
        raise DataError("the stimulus's audio is empty", stimulus.stimulus_id)
    return Sound(stimulus.audio, stimulus.rate_hz)


def words_of(stimulus: Stimulus) -> Intervals:
    """The words, at least one with text, at usable times. Raises DataError."""
    if stimulus.words is None:
        raise DataError("the stimulus has no word times", stimulus.stimulus_id)
    if not any(text.strip() for text in stimulus.words.text):
        raise DataError("the stimulus's transcript is empty", stimulus.stimulus_id)
    return _timed(stimulus.words, "word", stimulus)


def phones_of(stimulus: Stimulus) -> Intervals:
    """The phones, at least one, at usable times. Raises DataError."""
    if stimulus.phones is None:
        raise DataError("the stimulus has no phone times", stimulus.stimulus_id)
    if not stimulus.phones.text:
        raise DataError("the stimulus's table of phones is empty", stimulus.stimulus_id)
    return _timed(stimulus.phones, "phone", stimulus)


def pronounced(stimulus: Stimulus) -> Intervals:
    """The phones where there are any, else the words. Raises DataError."""
    if stimulus.phones is None and stimulus.words is None:
        raise DataError("the stimulus has neither phone times nor word times", stimulus.stimulus_id)
    return words_of(stimulus) if stimulus.phones is None else phones_of(stimulus)


# Codes that are one language to dictionaries and word lists.
ALIKE = {
    "eng": "en", "nld": "nl", "fra": "fr", "deu": "de", "spa": "es", "zho": "zh", "cmn": "zh", "yue": "zh",
    "nb": "no", "nn": "no", "nob": "no", "hr": "sh", "sr": "sh", "bs": "sh", "tl": "fil",
}  # fmt: skip


def same_language(code: str, other: str) -> bool:
    """Whether two codes are of one language: 'en', 'en-GB' and 'eng' are.

    Parameters
    ----------
    code, other : ISO 639, perhaps with a region.
    """
    first, second = (name.lower().replace("_", "-").split("-")[0] for name in (code, other))
    return ALIKE.get(first, first) == ALIKE.get(second, second)


def require_language(stimulus: Stimulus, language: str, where: str) -> None:
    """Make sure that a feature's `language` is that of the stimulus, where the data set or the analysis says it.

    Parameters
    ----------
    stimulus : with its language, or None.
    language : the feature's option.
    where : the feature, for errors.

    Raises
    ------
    DataError : they differ.
    """
    if stimulus.language is not None and not same_language(stimulus.language, language):
        what = f"{where} is of language '{language}', the words of {stimulus.stimulus_id} of '{stimulus.language}'"
        spoken = stimulus.language.lower()
        raise DataError(what, "", f"write `language: {ALIKE.get(spoken, spoken)}` in the feature")


def _timed(rows: Intervals, what: str, stimulus: Stimulus) -> Intervals:
    """`rows`, if no time is NaN or infinite and none ends before it begins. Overlaps and any order are allowed."""
    onsets, durations = (np.asarray(column, dtype=np.float64) for column in (rows.onset_s, rows.duration_s))
    for wrong, complaint in (
        (~np.isfinite(onsets + durations), "NaN or infinity"),
        (durations < 0, "a negative duration"),
    ):
        if wrong.any():
            row = int(np.argmax(wrong))
            place = f"{what} {row + 1} ('{rows.text[row]}') of {stimulus.stimulus_id}"
            raise DataError(f"{wrong.sum()} {what} times with {complaint}", place)
    return rows


CHECKS = {"audio": audio_of, "words": words_of, "phones": phones_of, "pronunciation": pronounced}
