"""Sound files, mono: read in pieces where the format allows it, so that length costs no memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bids_app.dataset.stimuli.events import AUDIO
from bids_app.errors import DataError
from bids_app.pointers import how_to_install, require_content
from bids_app.records import Array, Samples

SEEKABLE = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "FLAC"}  # exact to the sample, unlike mp3 and ogg
BLOCK_S = 60.0


class SoundFile:
    """Samples of a file as an array would give them, float32, the mean of all channels; a block is held at a time.

    Parameters
    ----------
    path : of the file.
    n_samples : of each channel.
    rate_hz : of the file, in Hz.
    """

    dtype, ndim = np.dtype(np.float32), 1

    def __init__(self, path: Path, n_samples: int, rate_hz: float) -> None:
        self._path, self._n_samples, self._block = path, n_samples, round(BLOCK_S * rate_hz)
        self._first, self._held = 0, np.empty(0, dtype=np.float32)

    def __len__(self) -> int:
        return self._n_samples

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return _mono(self._path, 0, self._n_samples).astype(dtype or self.dtype)

    def __getitem__(self, part: slice | int) -> Any:
        if not isinstance(part, slice):
            place = range(self._n_samples)[part]
            return self[place : place + 1][0]
        first, stop, step = part.indices(self._n_samples)
        if first < self._first or stop > self._first + len(self._held):
            self._held = _mono(self._path, first, max(stop, min(first + self._block, self._n_samples)))
            self._first = first
        return self._held[first - self._first : max(stop, first) - self._first : step]


def sound_length_s(path: Path) -> float | None:
    """Seconds of sound by the file's header; None where it is not there, or not sound."""
    if not path.is_file():
        return None
    import soundfile

    try:
        return float(soundfile.info(path).duration)
    except (OSError, RuntimeError, ValueError):
        return None  # a text that was read, an image, or a pointer to a file that was not fetched


def read_audio(path: Path) -> tuple[Samples, float]:
    """Samples (n_samples,) float32, the mean of all channels at the file's own rate in Hz. Raises DataError.

    Every sample is read once, and must be a number. WAV, AIFF and FLAC are then read where they are needed; what is
    compressed otherwise is held whole.
    """
    import soundfile

    require_content(path)
    if not path.is_file():
        remedy = how_to_install(path) or "put it in BIDS_DIR/stimuli"
        raise DataError("audio of the stimulus is missing", path, remedy)
    try:
        facts = soundfile.info(path)
        rate = float(facts.samplerate)
        audio: Samples = _mono(path) if facts.format not in SEEKABLE else SoundFile(path, facts.frames, rate)
        step = round(BLOCK_S * rate)
        fine = all(np.isfinite(audio[at : at + step]).all() for at in range(0, len(audio), step))
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"audio cannot be decoded ({error})", path, f"use {', '.join(AUDIO)}") from error
    if not len(audio) or not fine:
        raise DataError("audio is empty or has samples that are not numbers", path)
    return audio, rate


def _mono(path: Path, first: int = 0, stop: int | None = None) -> Array:
    """Samples [first, stop). Raises what soundfile raises, and ValueError where the file ends earlier."""
    import soundfile

    channels, _ = soundfile.read(path, start=first, stop=stop, dtype="float32", always_2d=True)
    if stop is not None and len(channels) < stop - first:
        raise ValueError(f"it ends after {first + len(channels)} samples")
    return np.ascontiguousarray(channels.mean(axis=1, dtype=np.float32))
