"""Sound files, mono: read in pieces where the format allows it, so that length costs no memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bids_app.dataset.stimuli.channels import Channel, choose, measure, quality
from bids_app.dataset.stimuli.events import AUDIO
from bids_app.errors import DataError
from bids_app.inputs.homes import require_inside
from bids_app.inputs.opening import SOUND, check_input, naming
from bids_app.pointers import how_to_install, is_there, pointer_at
from bids_app.records import Array, Samples

SEEKABLE = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "FLAC"}  # exact to the sample, unlike mp3 and ogg
BLOCK_S = 60.0
RATES_HZ = (50.0, 1e6)
MOST_SAMPLES_A_BYTE = 8192  # of one channel: a frame of silence in FLAC has 65,535 samples in 11 bytes


class SoundFile:
    """Samples of a file as an array would give them, float32, the mean of channels; a block is held at a time.

    Parameters
    ----------
    path : of the file.
    n_samples : of each channel.
    rate_hz : of the file, in Hz.
    channels : that are averaged, from 0; None: all.
    """

    dtype, ndim = np.dtype(np.float32), 1

    def __init__(self, path: Path, n_samples: int, rate_hz: float, channels: tuple[int, ...] | None = None) -> None:
        self._path, self._n_samples, self._block = path, n_samples, round(BLOCK_S * rate_hz)
        self._channels = channels
        self._first, self._held = 0, np.empty(0, dtype=np.float32)

    def __len__(self) -> int:
        return self._n_samples

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return self._read(0, self._n_samples).astype(dtype or self.dtype)

    def __getitem__(self, part: slice | int) -> Any:
        if not isinstance(part, slice):
            place = range(self._n_samples)[part]
            return self[place : place + 1][0]
        first, stop, step = part.indices(self._n_samples)
        if first < self._first or stop > self._first + len(self._held):
            self._held = self._read(first, max(stop, min(first + self._block, self._n_samples)))
            self._first = first
        return self._held[first - self._first : max(stop, first) - self._first : step]

    def _read(self, first: int, stop: int) -> Array:
        """Samples [first, stop). Raises what soundfile raises, and ValueError where the file ends earlier."""
        import soundfile

        sound, _ = soundfile.read(self._path, start=first, stop=stop, dtype="float32", always_2d=True)
        if len(sound) < stop - first:
            raise ValueError(f"it ends after {first + len(sound)} samples")
        return _mono(sound, self._channels)


class Sound(NamedTuple):
    """A sound that was read: samples (n_samples,) float32, their rate in Hz, the channels that were averaged (from 0;
    None: all), and what a person should know."""

    samples: Samples
    rate_hz: float
    channels: tuple[int, ...] | None = None
    notes: tuple[str, ...] = ()


def sound_length_s(path: Path) -> float | None:
    """Seconds of sound by the file's header; None where it is not there, or not sound. Raises DataError where the
    header's rate is none."""
    if not _is_fetched(path):
        return None
    check_input(path, SOUND)
    try:
        facts = _facts(path)
    except (OSError, RuntimeError, ValueError):
        return None  # a text that was read, or an image
    return float(facts.frames) / float(facts.samplerate)


def _is_fetched(path: Path) -> bool:
    """Whether a file and its content are there. Raises DataError where it is a link that leads elsewhere."""
    if not path.is_file():
        return False
    require_inside(path)
    return pointer_at(path) is None


class Excerpts(NamedTuple):
    """Stretches of a sound: of how many samples and at what rate in Hz it is, and the second at which each begins →
    its samples (n_samples,), the mean of channels."""

    n_samples: int
    rate_hz: float
    stretches: dict[float, Array]


def read_excerpts(path: Path, starts_s: Sequence[float], length_s: float) -> Excerpts | None:
    """Short stretches of a sound, at no more cost than theirs where the format allows it.

    Parameters
    ----------
    path : of the file.
    starts_s : where they begin, in seconds; the first is read of any sound, others only where all of it is there.
    length_s : of each, in seconds.

    Returns
    -------
    None where it is not there, is not sound or cannot be read.
    """
    if not _is_fetched(path):
        return None
    import soundfile

    check_input(path, SOUND)
    try:
        with soundfile.SoundFile(path) as file:
            rate_hz, stretches = float(file.samplerate), dict[float, Array]()
            for start_s in starts_s:
                first, count = round(start_s * rate_hz), round(length_s * rate_hz)
                if stretches and first + count > file.frames:
                    break
                file.seek(first)
                stretches[start_s] = _mono(file.read(count, dtype="float32", always_2d=True), None)
            return Excerpts(int(file.frames), rate_hz, stretches)
    except (OSError, RuntimeError, ValueError):
        return None


def read_audio(path: Path, channel: Channel = None) -> Sound:
    """A sound at the file's own rate, one channel of it or the mean of those that agree (`channels.choose`).

    Every sample is read once, and must be a number. WAV, AIFF and FLAC are then read where they are needed; what is
    compressed otherwise is held whole.

    Parameters
    ----------
    path : of the file.
    channel : its number from 1, or name, or 'mean' for all; None: nothing is stated.

    Raises
    ------
    DataError : it is missing, was not fetched or cannot be decoded; or its channels hold different sounds and none is
    stated.
    """
    import soundfile

    if not is_there(path):
        remedy = how_to_install(path) or "put it in BIDS_DIR/stimuli"
        raise DataError("audio of the stimulus is missing", path, remedy)
    check_input(path, SOUND)
    try:
        facts = _facts(path)
        rate_hz = float(facts.samplerate)
        held = None if facts.format in SEEKABLE else soundfile.read(path, dtype="float32", always_2d=True)[0]
        size = round(BLOCK_S * rate_hz)
        minutes = (held[at : at + size] for at in range(0, len(held), size)) if held is not None else None
        levels = measure(minutes if minutes is not None else _pieces(path, facts.frames, size))
    except (OSError, RuntimeError, ValueError) as error:
        raise DataError(f"audio cannot be decoded ({error})", path, f"use {', '.join(AUDIO)}") from error
    if not levels.n_samples or not levels.finite:
        raise DataError("audio is empty or has samples that are not numbers", path)
    with naming(path):
        channels, notes = choose(levels, channel)
    samples = SoundFile(path, facts.frames, rate_hz, channels) if held is None else _mono(held, channels)
    return Sound(samples, rate_hz, channels, (*notes, *quality(levels)))


def _facts(path: Path) -> Any:
    """What a sound's header says, where a sound can be so.

    Raises
    ------
    DataError : it has another rate than any sound, or claims more samples than the file can hold.
    OSError, RuntimeError, ValueError : of soundfile, where it is no sound.
    """
    import soundfile

    facts, (lowest, highest) = soundfile.info(path), RATES_HZ
    if not lowest <= facts.samplerate <= highest:
        raise DataError(
            f"the header says {facts.samplerate:g} samples a second, which no sound has", path, "repair the header"
        )
    size = path.stat().st_size
    if facts.frames > size * MOST_SAMPLES_A_BYTE or 4 * facts.frames * facts.channels > SOUND.most_bytes:
        claimed = f"{facts.frames:,} samples of {facts.channels} channels"
        raise DataError(f"the header claims {claimed}, and the file has {size:,} bytes", path, "repair the header")
    return facts


def _pieces(path: Path, n_samples: int, size: int) -> Iterator[Array]:
    """(n, n_channels) float32, one after the other, each only until the next. Raises ValueError where the file ends
    early."""
    import soundfile

    with soundfile.SoundFile(path) as file:
        memory = np.empty((min(size, n_samples), file.channels), dtype=np.float32)
        for first in range(0, n_samples, size):
            wanted = min(size, n_samples - first)
            piece = file.read(out=memory[:wanted])
            if len(piece) < wanted:
                raise ValueError(f"it ends after {first + len(piece)} samples")
            yield piece


def _mono(sound: Array, channels: tuple[int, ...] | None) -> Array:
    """(n_samples, n_channels) → (n_samples,) the mean of channels."""
    if channels is not None and len(channels) == 1:
        return np.ascontiguousarray(sound[:, channels[0]])
    chosen = sound if channels is None else sound[:, list(channels)]
    return np.ascontiguousarray(chosen.mean(axis=1, dtype=np.float32))
