"""What of a stimulus is heard in one playing: words and rows of features after its end are not."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from bids_app.errors import DataError
from bids_app.records import Array, Features, Intervals, Stimulus, StimulusEvent

EDGE_S = 0.05  # transcripts and windows may end this much after the sound
SPEED = 0.05  # players differ by less


@dataclass(frozen=True)
class Hearing:
    """One playing of a stimulus.

    Parameters
    ----------
    lasts_s : from the file's first sample to the end of what is heard, in seconds of the recording.
    cut_s : rows that are complete after this second of the stimulus are not heard; infinite where it is heard to its
        end.
    words_until_s : nor are words and phones that begin then or later: the sound's length, infinite where unknown.
    stretch : seconds of the recording to one of the stimulus.
    """

    lasts_s: float
    cut_s: float = math.inf
    words_until_s: float = math.inf
    stretch: float = 1.0

    def played(self, stimulus: Stimulus) -> Stimulus:
        """The whole stimulus as the player's clock made it, and a note where that was not the sound's."""
        if self.stretch == 1:
            return stimulus

        def stretched(table: Intervals | None) -> Intervals | None:
            """Onsets and durations."""
            if table is None:
                return None
            return replace(table, onset_s=self.stretch * table.onset_s, duration_s=self.stretch * table.duration_s)

        told = f"played at another speed: all its times are multiplied by {self.stretch:.6f}, as the analysis asks"
        return replace(
            stimulus,
            duration_s=self.stretch * stimulus.duration_s,
            file_s=None if stimulus.file_s is None else self.stretch * stimulus.file_s,
            words=stretched(stimulus.words),
            phones=stretched(stimulus.phones),
            notes=(*stimulus.notes, told),
        )

    def words(self, words: Intervals) -> Intervals:
        """Those that are heard, in seconds of the recording from the stimulus's onset."""
        heard = self._heard(words.onset_s, words.offset_s)
        if heard.all() and self.stretch == 1:
            return words
        text = tuple(text for text, kept in zip(words.text, heard, strict=True) if kept)
        onset_s, duration_s = (self.stretch * times_s[heard] for times_s in (words.onset_s, words.duration_s))
        return replace(words, onset_s=onset_s, duration_s=duration_s, text=text)

    def features(self, features: Features) -> Features:
        """Rows that are heard, in seconds of the recording from the stimulus's onset."""
        heard = self._heard(features.onsets_s, features.times_s)
        if heard.all() and self.stretch == 1:
            return features
        onsets_s = None if features.onsets_s is None else self.stretch * features.onsets_s[heard]
        times_s = self.stretch * features.times_s[heard]
        return replace(features, values=features.values[heard], times_s=times_s, onsets_s=onsets_s)

    def _heard(self, onsets_s: Array | None, ends_s: Array) -> Array:
        """(n,) bool of rows, by their onsets (None: of a signal) and the instants at which they are complete."""
        heard = np.asarray(ends_s) <= self.cut_s
        return heard if onsets_s is None else np.asarray(heard & (np.asarray(onsets_s) < self.words_until_s))


def hearing_of(event: StimulusEvent, stimulus: Stimulus, stretch_to_event: bool = False) -> Hearing:
    """What of a stimulus is heard in one playing, and how fast.

    To the event's end, as precisely as that is written, or to the end of the sound, whichever is first. Without both,
    to the end of the transcript.

    Parameters
    ----------
    event : its duration, None to the file's end, and the player's speed, where it is known.
    stimulus : its length, None where the sound is not there.
    stretch_to_event : whether the player ran at another speed where the event lasts longer or shorter than the sound.

    Raises
    ------
    DataError : it shall be stretched, and no player is that far off, or nothing says how long the sound is.
    """
    stretch = _stretch(event, stimulus) if stretch_to_event and event.stretch == 1 else event.stretch
    until_s = math.inf if stimulus.file_s is None else stimulus.file_s
    if event.duration_s is None:
        return Hearing(stretch * stimulus.duration_s, words_until_s=until_s, stretch=stretch)
    end_s = event.duration_s + event.precision_s + EDGE_S
    if end_s >= stretch * until_s:
        return Hearing(stretch * until_s, words_until_s=until_s, stretch=stretch)
    return Hearing(event.duration_s, end_s / stretch, until_s, stretch)


def _stretch(event: StimulusEvent, stimulus: Stimulus) -> float:
    """Seconds of the recording to one of the stimulus, by the events, beyond their precision. Raises DataError."""
    if event.duration_s is None:
        return 1.0
    if not stimulus.file_s:
        what = "the events' clock cannot be compared with the sound's, which is not there"
        raise DataError(what, event.stimulus_id, "`playing_clock: stretch_to_event` needs its length")
    stretch = event.duration_s / stimulus.file_s
    if abs(event.duration_s - stimulus.file_s) <= event.precision_s + EDGE_S:
        return 1.0
    if abs(stretch - 1) > SPEED:
        what = (
            f"the event lasts {event.duration_s:.6g} s and the sound {stimulus.file_s:.6g} s: no player is so wrong"
        )
        raise DataError(what, event.stimulus_id, "it was not heard whole; leave `playing_clock` as_written")
    return stretch
