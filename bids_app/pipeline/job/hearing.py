"""What of a stimulus is heard in one playing: words and rows of features after its end are not."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bids_app.records import Array, Features, Intervals, Stimulus, StimulusEvent

EDGE_S = 0.05  # transcripts and windows may end this much after the sound


@dataclass(frozen=True)
class Hearing:
    """One playing of a stimulus.

    Parameters
    ----------
    lasts_s : from the file's first sample to the end of what is heard, in seconds.
    cut_s : rows that are complete after this time of the stimulus are not heard; infinite where it is heard to its
        end.
    words_until_s : nor are words and phones that begin then or later: the sound's length, infinite where unknown.
    """

    lasts_s: float
    cut_s: float = math.inf
    words_until_s: float = math.inf

    def words(self, words: Intervals) -> Intervals:
        """Those that are heard."""
        heard = self._heard(words.onset_s, words.offset_s)
        if heard.all():
            return words
        text = tuple(text for text, kept in zip(words.text, heard, strict=True) if kept)
        return replace(words, onset_s=words.onset_s[heard], duration_s=words.duration_s[heard], text=text)

    def features(self, features: Features) -> Features:
        """Rows that are heard."""
        heard = self._heard(features.onsets_s, features.times_s)
        if heard.all():
            return features
        onsets_s = None if features.onsets_s is None else features.onsets_s[heard]
        return replace(features, values=features.values[heard], times_s=features.times_s[heard], onsets_s=onsets_s)

    def _heard(self, onsets_s: Array | None, ends_s: Array) -> Array:
        """(n,) bool of rows, by their onsets (None: of a signal) and the instants at which they are complete."""
        heard = np.asarray(ends_s) <= self.cut_s
        return heard if onsets_s is None else np.asarray(heard & (np.asarray(onsets_s) < self.words_until_s))


def hearing_of(event: StimulusEvent, stimulus: Stimulus) -> Hearing:
    """What of a stimulus is heard in one playing.

    To the event's end, as precisely as that is written, or to the end of the sound, whichever is first. Without both,
    to the end of the transcript.

    Parameters
    ----------
    event : its duration, None to the file's end.
    stimulus : its length, None where the sound is not there.
    """
    file_s = math.inf if stimulus.file_s is None else stimulus.file_s
    if event.duration_s is None:
        return Hearing(stimulus.duration_s, words_until_s=file_s)
    end_s = event.duration_s + event.precision_s + EDGE_S
    return Hearing(min(event.duration_s, file_s), end_s if end_s < file_s else math.inf, file_s)
