"""Stimuli and what features make of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from bids_app.records.arrays import Array
from bids_app.records.inputs.recipes import TimedFile
from bids_app.records.provenance import NO_PROVENANCE, FeatureProvenance


@dataclass(frozen=True)
class Intervals:
    """Words or phones: onset_s (n,), duration_s (n,), text (n), in the stimulus's time. `left_out`: how many rows of
    the file are not among them, and why, a line a reason. `marks`: how many marked silence or noise, in a line."""

    onset_s: Array
    duration_s: Array
    text: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()

    @property
    def offset_s(self) -> Array:
        """(n,) the ends, in seconds."""
        return np.asarray(self.onset_s + self.duration_s)


@dataclass(frozen=True)
class StimulusSource:
    """Where a stimulus's sound and times lie, where a recipe says it; paths are relative to BIDS_DIR.

    sound : None where there is only a transcript. channel : of the sound, by number (from 1) or 'left', 'right'; None
    where all are one. language : ISO 639-1. joiner : what stands between words: ' ', '', 'elisions' or 'clitics';
    None: as the language and the script have it.
    """

    sound: str | None = None
    words: TimedFile | None = None
    phones: TimedFile | None = None
    channel: int | str | None = None
    language: str | None = None
    joiner: str | None = None


@dataclass(frozen=True)
class StatedStimuli:
    """What an analysis says of all stimuli: `channel` of their sound, by number (from 1) or name, 'mean' for all;
    None where those that agree are averaged. `language` : ISO 639-1. `stretch_words` : word times are stretched to
    the sound's length."""

    channel: int | str | None = None
    language: str | None = None
    stretch_words: bool = False


@dataclass(frozen=True)
class StimulusEvent:
    """One playing of a stimulus: the file's first sample is at `onset_s` (may be negative) of the recording's clock.

    `duration_s`: how long it is heard, None to the file's end; `n_rows` of events.tsv that it is made of; `source`:
    where a recipe says what lies where, else None; `precision_s`: half a unit of its end's last digit; `stretch`: of
    the stimulus's seconds on the recording's clock.
    """

    onset_s: float
    stimulus_id: str  # path relative to /stimuli, as in stim_file; with a source, a unique name
    duration_s: float | None = None
    n_rows: int = 1
    source: StimulusSource | None = None
    precision_s: float = 0.0
    stretch: float = 1.0

    @property
    def contents(self) -> tuple[str, ...]:
        """Its name, and by a recipe its sound and its words: recordings that share one of them heard, in part, the
        same."""
        source = self.source
        sound = () if source is None or source.sound is None else (source.sound.removeprefix("stimuli/"),)
        words = () if source is None or source.words is None else (source.words.name,)
        return tuple(dict.fromkeys((self.stimulus_id, *sound, *words)))


class Samples(Protocol):
    """Mono samples (n_samples,) float32 in −1…1: an array, or a file that is read in pieces."""

    def __len__(self) -> int: ...

    def __getitem__(self, part: slice, /) -> Array:
        """The samples of that stretch, as an array."""
        ...


@dataclass(frozen=True)
class Stimulus:
    """A stimulus as the feature families see it, whoever hears it. `audio` (n_samples,) or None. `joiner` stands
    between its words ('script': a blank, but none between characters that are written without); `language` : ISO
    639-1, None where nothing says it. `notes` : what a person should know of how its files were chosen and read, a
    line each."""

    stimulus_id: str
    label: str  # for file names: alphanumeric, unique for a content
    path: Path  # of the file in /stimuli (it may be absent where only words are needed)
    audio: Samples | None
    rate_hz: float | None
    duration_s: float  # of the sound, without it to the end of the last word
    words: Intervals | None
    phones: Intervals | None
    sha256: str  # of the audio's bytes and of both tables
    joiner: str = "script"
    language: str | None = None
    file_s: float | None = None  # length of the sound, None where it is not there
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Features:
    """values (n_times, n_dims) float32. `times_s` (n_times,): the instant at which each row is available
    (a window's end, a word's or phone's offset), in the stimulus's time, ascending.

    `sampling` 'continuous': samples of a signal (frames, windows). 'events': one row a word or phone, whose
    `onsets_s` (n_times,) are the onsets (None for continuous).
    """

    name: str
    values: Array
    times_s: Array
    sampling: Literal["continuous", "events"]
    onsets_s: Array | None = None
    provenance: FeatureProvenance = NO_PROVENANCE
