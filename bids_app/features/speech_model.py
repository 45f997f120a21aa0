"""`speech_model`: hidden layers of a speech encoder, as they stand at each instant or over a whole utterance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.errors import DataError, UsageError
from bids_app.features import approximate
from bids_app.features.family import Family, Option
from bids_app.features.hearing import Hearing, load_hearing
from bids_app.features.layers import blocks_of, columns, hidden_states, parts_of, patiently
from bids_app.features.model_options import MODEL, PARTS, Layer, Layers, wanted_layers
from bids_app.features.models import describe_model, model_files, model_of
from bids_app.features.needs import audio_of
from bids_app.records import Array, Features, FeatureSpec, ModelSource, Stimulus

SECONDS_AT_ONCE = {"cpu": 16.0, "cuda": 256.0}  # audio in one forward pass; bounds the memory of the first layer
MODES = {
    "window": "the last frame of a window of {window_s:g} s that ends at the row's time; early windows are shorter",
    "utterance": "the last frame heard by the row's time, in a piece of {window_s:g} s that goes on after it (pieces "
    "overlap by half; the one in whose middle the time lies is taken)",
}


@dataclass(frozen=True)
class Window:
    """Samples [start, stop) of one forward pass; its rows: a number, and the sample at which the row's time is."""

    start: int
    stop: int
    rows: tuple[tuple[int, int], ...]


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_times, n_hidden·n_layers) at t = stride_s, 2·stride_s, …; layers stand side by side.

    `mode: window`: the last frame of the states for the audio of the last `window_s` seconds before t (Vaidya et al.
    2022, arXiv:2205.14252); early windows begin with the stimulus. `mode: utterance`: the same frame in a longer
    piece, so that what follows t enters. Rows start once a window fills a frame of the model's front end. No frame of
    padding is ever taken. `refresh_s` reads the rows of so many seconds off one window: approximate, but causal
    (see approximate.py). Resampling and normalisation are done within each window, so nothing after it enters.
    Raises UsageError (layer, model or window that does not fit) and DataError (audio too short).
    """
    name, layer, window_s, stride_s, mode = (
        spec.options[key] for key in ("model", "layer", "window_s", "stride_s", "mode")
    )
    audio, rate = audio_of(stimulus)
    hearing = load_hearing(spec, source)
    layers = wanted_layers(spec, len(blocks_of(hearing.encoder)), parts_of(hearing.encoder))
    if 0 < hearing.padded_s < window_s:
        longest = f"{name} hears at most {hearing.padded_s:g} s"
        raise UsageError(f"'window_s' is {window_s:g}", f"feature '{spec.name}'", longest)
    times, stops = row_times(len(audio), rate, stride_s)
    first = next((row for row, stop in enumerate(stops) if hearing.frames(int(stop * hearing.rate_hz / rate))), None)
    if first is None:
        raise DataError(f"the audio is too short for a frame of {name}", stimulus.stimulus_id)
    windows = _plan(spec, hearing, rate, stops[first:], len(audio))
    found: set[str] = set()
    budget = SECONDS_AT_ONCE[source.device.split(":")[0]]
    values, widths = run(
        hearing,
        audio,
        rate,
        windows,
        layers,
        budget,
        len(stops) - first,
        found,
        spec.options["refresh_s"] is not None,
    )
    provenance = {
        "description": f"Hidden states of {name}, layer {layer} (0: the input of the first), every {stride_s:g} s: "
        f"{MODES[mode].format(window_s=window_s)}{_said_of_refresh(spec.options['refresh_s'])}.",
        "stamp": "the instant by which the model has heard the frame",
        "dimensions": f"{sum(widths)} hidden units" + (f" of {len(layers)} layers" if len(layers) > 1 else ""),
        "layers": columns(layers, widths),
        "causal": mode == "window",
        "approximate": spec.options["refresh_s"] is not None,
        "notes": tuple(sorted(found)),
        **describe_model(model_of(spec), source),
    }
    return Features(spec.name, values, times[first:], "continuous", None, provenance)


def row_times(n_samples: int, rate: float, stride_s: float) -> tuple[Array, Array]:
    """times (n,) = stride_s·(1…n) and the sample before which each is: rounded once, so errors do not add up."""
    count = int(np.floor(n_samples / rate / stride_s + 1e-9))
    times = np.arange(1, count + 1) * stride_s
    return times, np.minimum(np.rint(times * rate).astype(np.int64), n_samples)


def _plan(spec: FeatureSpec, hearing: Hearing, rate: float, stops: Array, n_samples: int) -> Iterator[Window]:
    window_s, stride_s, mode, refresh_s = (spec.options[key] for key in ("window_s", "stride_s", "mode", "refresh_s"))
    length = round(window_s * rate)
    if mode == "utterance":
        return utterance_windows(stops, length, n_samples)
    if refresh_s is None:
        return causal_windows(stops, length)
    if hearing.encoder.config.model_type not in approximate.KINDS:
        advice = f"{', '.join(approximate.KINDS)} can"
        raise UsageError(f"{spec.options['model']} cannot be approximated", f"feature '{spec.name}'", advice)
    return refreshed_windows(stops, length, round(refresh_s / stride_s))


def _said_of_refresh(refresh_s: float | None) -> str:
    if refresh_s is None:
        return ""
    return (
        f"; approximate: a window is heard anew every {refresh_s:g} s, in between it goes on, and the frames already "
        "heard do not see what follows"
    )


def refreshed_windows(stops: Array, length: int, n_rows: int) -> Iterator[Window]:
    """One window for `n_rows` rows: the last `length` samples before the first one's time, up to the last one's."""
    for at in range(0, len(stops), n_rows):
        block = stops[at : at + n_rows].tolist()
        yield Window(max(block[0] - length, 0), block[-1], tuple(enumerate(block, start=at)))


def causal_windows(stops: Array, length: int) -> Iterator[Window]:
    """One window a row: the last `length` samples before its time, fewer at the audio's beginning."""
    for row, stop in enumerate(stops.tolist()):
        yield Window(max(stop - length, 0), stop, ((row, stop),))


def utterance_windows(stops: Array, length: int, n_samples: int) -> Iterator[Window]:
    """Pieces of `length` samples that overlap by half, the last one ending with the audio; each row is read off the
    piece whose middle is nearest to its time."""
    step = max(length // 2, 1)
    starts = [*range(0, max(n_samples - length, 0), step), max(n_samples - length, 0)]
    between = [(one + other + length) / 2 for one, other in pairwise(starts)]

    def nearest(row: tuple[int, int]) -> int:
        return int(starts[int(np.searchsorted(between, row[1]))])

    for start, group in groupby(enumerate(stops.tolist()), key=nearest):
        yield Window(start, min(start + length, n_samples), tuple(group))


def equal_batches(windows: Iterable[Window], n_samples: int, padded: int = 0) -> Iterator[list[Window]]:
    """Neighbouring windows of one length, each padded to `padded`, together at most `n_samples` (at least one)."""
    for length, group in groupby(windows, key=lambda window: window.stop - window.start):
        size, batch = max(1, n_samples // max(length, padded)), list[Window]()
        for window in group:
            batch.append(window)
            if len(batch) == size:
                yield batch
                batch = []
        if batch:
            yield batch


def run(
    hearing: Hearing,
    audio: Array,
    rate: float,
    windows: Iterable[Window],
    layers: Sequence[Layer],
    seconds: float,
    n_rows: int,
    notes: set[str],
    refreshed: bool = False,
) -> tuple[Array, list[int]]:
    """values (n_rows, n_hidden·n_layers) float32 and the layers' widths, in passes of at most `seconds` of audio.

    Beside the result only one batch is held, however long the audio is.
    """
    values, widths = np.zeros((0, 0), dtype=np.float32), list[int]()

    def compute(batch: Sequence[Window]) -> list[list[Array]]:
        return row_states(hearing, audio, rate, batch, layers, refreshed)

    padded = round(hearing.padded_s * rate)
    for batch in equal_batches(windows, round(seconds * rate), padded):
        for window, states in zip(batch, patiently(compute, batch, hearing.encoder, notes), strict=True):
            if not widths:
                widths = [state.shape[1] for state in states]
                values = np.empty((n_rows, sum(widths)), dtype=np.float32)
            values[[row for row, _ in window.rows]] = np.concatenate(states, axis=1)
    return values, widths


def row_states(
    hearing: Hearing, audio: Array, rate: float, batch: Sequence[Window], layers: Sequence[Layer], refreshed: bool
) -> list[list[Array]]:
    """For each window of one length, for each layer: the frames (n_rows, n_hidden) heard by its rows' times."""
    import torch
    from torch.backends import cudnn

    heard = np.stack([audio[window.start : window.stop] for window in batch])
    rows = [[_last(hearing, rate, stop - window.start) for _, stop in window.rows] for window in batch]
    frames = sorted({frame for one in rows for frame in one})
    places = [np.searchsorted(frames, one) for one in rows]
    with torch.inference_mode(), cudnn.flags(enabled=True, allow_tf32=False):  # convolutions in full float32 too
        each: list[Any]
        if refreshed:
            stops = [[stop - window.start for _, stop in window.rows] for window in batch]
            each = [
                approximate.block_states(hearing, one, rate, ends, layers, frames)
                for one, ends in zip(heard, stops, strict=True)
            ]
        else:
            inputs = _inputs(hearing, heard, rate)
            each = list(zip(*hidden_states(hearing.encoder, inputs, layers, frames), strict=True))
        return [
            [np.asarray(layer[place].cpu().numpy()) for layer in states]
            for place, states in zip(places, each, strict=True)
        ]


def _inputs(hearing: Hearing, heard: Array, rate: float) -> dict[str, Any]:
    """heard (n, n_samples) at `rate` → what the encoder takes."""
    if rate == hearing.rate_hz:
        return hearing.inputs(heard)
    import soxr

    return hearing.inputs(soxr.resample(heard.T, rate, hearing.rate_hz).T)


def _last(hearing: Hearing, rate: float, n_samples: int) -> int:
    """The last frame that rests on the first `n_samples` at `rate` alone."""
    return hearing.frames(int(n_samples * hearing.rate_hz / rate)) - 1


def files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """The model's files."""
    return model_files(model_of(spec), source)


def rules(spec: FeatureSpec) -> FeatureSpec:
    """Raises UsageError where `refresh_s` has no meaning."""
    refresh_s, stride_s, where = spec.options["refresh_s"], spec.options["stride_s"], f"feature '{spec.name}'"
    if refresh_s is not None and spec.options["mode"] != "window":
        raise UsageError("'refresh_s' is for 'mode: window'", where)
    if refresh_s is not None and (
        refresh_s < stride_s or abs(refresh_s / stride_s - round(refresh_s / stride_s)) > 1e-6
    ):
        raise UsageError(f"'refresh_s' must be a multiple of 'stride_s', not {refresh_s:g}", where)
    return spec


FAMILY = Family(
    "speech_model",
    1,
    frozenset({"audio"}),
    extract,
    {
        **MODEL,
        "layer": Layers(PARTS),
        "window_s": Option(float, 16.0, least=0.1),
        "stride_s": Option(float, 0.1, least=0.001),
        "mode": Option(str, "window", choices=tuple(MODES)),
        "refresh_s": Option(float, None),
    },
    files,
    rules,
)
