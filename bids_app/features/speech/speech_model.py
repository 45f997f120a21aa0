"""`speech_model`: hidden layers of a speech encoder, as they stand at each instant or over a whole utterance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.errors import DataError, UsageError
from bids_app.features.base.family import Family, Option, Reach
from bids_app.features.base.memory import WithinMemory
from bids_app.features.base.needs import Sound, audio_of, require_language, words_of
from bids_app.features.speech import approximate, whisper_decoder
from bids_app.features.speech.speech_encoder import (
    SECONDS_AT_ONCE,
    SpeechEncoder,
    encoder_with_layers,
    inputs_of,
)
from bids_app.features.speech.speech_windows import Window, equal_batches, planned_windows, row_times
from bids_app.features.speech.stated_encoder import PARTS_OF, stated_encoder
from bids_app.features.speech.workload import workload
from bids_app.features.stated.model import require_layers
from bids_app.features.stated.tokenizer import require_tokenizer
from bids_app.features.transformers.hidden_layers import POOLED, Reading, columns, hidden_states
from bids_app.features.transformers.model_options import MODEL, PARTS, Layers, wanted_layers
from bids_app.features.transformers.models import model_files, model_of, with_model
from bids_app.features.transformers.precision import PRECISION, Lowered
from bids_app.records import Array, FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus

OF_ENCODER = {"stride_s": 0.1, "mode": "window", "refresh_s": None}  # what each part has, and the other has not
OF_DECODER = {"subtokens": "mean", "language": "en", "casing": "as_written"}
MODES = {
    "window": "the last frame of a window of {window_s:g} s that ends at the row's time; early windows are shorter",
    "utterance": "the last frame heard by the row's time, in a piece of {window_s:g} s that goes on after it (pieces "
    "overlap by half; the one in whose middle the time lies is taken)",
}


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_times, n_hidden·n_layers) at t = stride_s, 2·stride_s, …; layers stand side by side.

    `mode: window`: the last frame of the states for the audio of the last `window_s` seconds before t (Vaidya et al.
    2022, arXiv:2205.14252); early windows begin with the stimulus. `mode: utterance`: the same frame in a longer
    piece, so that what follows t enters. Rows start once a window fills a frame of the model's front end. No frame of
    padding is ever taken. `refresh_s` reads the rows of so many seconds off one window: approximate, but causal
    (see approximate.py). Resampling and normalisation are done within each window, so nothing after it enters.
    `part: decoder` is Whisper's decoder, a row a word (see whisper_decoder.py).

    Parameters
    ----------
    stimulus : with its audio, and its words for the decoder.
    spec : resolved; the model, its layers, `mode` and `part`; `window_s`, `stride_s` and `refresh_s` in seconds.
    source : where models are, and the device.

    Returns
    -------
    Continuous, or events for the decoder.

    Raises
    ------
    UsageError
        Where a layer, model or window does not fit.
    DataError
        Where the audio is too short.
    """
    if spec.options["part"] == "decoder":
        return whisper_decoder.extract(stimulus, spec, source)
    name, layer, window_s, stride_s, mode = (
        spec.options[key] for key in ("model", "layer", "window_s", "stride_s", "mode")
    )
    sound = audio_of(stimulus)
    n_samples, rate = len(sound.samples), sound.rate_hz
    speech, found = encoder_with_layers(spec, source)
    _require_refresh(spec, speech.encoder.config.model_type)
    layers = wanted_layers(spec, found.widths)
    times, stops = row_times(n_samples, rate, stride_s)
    first = next((row for row, stop in enumerate(stops) if speech.frames(int(stop * speech.rate_hz / rate))), None)
    if first is None:
        raise DataError(f"the audio is too short for a frame of {name}", stimulus.stimulus_id)
    windows = planned_windows(spec.options, rate, stops[first:], n_samples)
    lowered, refreshed = spec.options["precision"] == "bfloat16", spec.options["refresh_s"] is not None
    reading = Reading(found, layers, source.device, lowered=lowered, refreshed=refreshed)
    values, notes = run(speech, sound, windows, len(stops) - first, reading)
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Hidden states of {name}, layer {layer} (0: the input of the first), every {stride_s:g} s: "
        f"{MODES[mode].format(window_s=window_s)}{_said_of_refresh(spec.options['refresh_s'])}.",
        stamp="the instant by which the model has heard the frame",
        dimensions=f"{sum(reading.widths)} hidden units" + (f" of {len(layers)} layers" if len(layers) > 1 else ""),
        layers=columns(layers, reading.widths),
        causal=mode == "window",
        approximate=refreshed,
        notes=notes,
    )
    provenance = with_model(provenance, model_of(spec), source)
    return Features(spec.name, values, times[first:], "continuous", None, provenance)


def _said_of_refresh(refresh_s: float | None) -> str:
    if refresh_s is None:
        return ""
    return (
        f"; approximate: a window is heard anew every {refresh_s:g} s (more often while it is short), in between it "
        "goes on, and the frames already heard do not see what follows"
    )


def run(
    speech: SpeechEncoder, sound: Sound, windows: Iterable[Window], n_rows: int, reading: Reading
) -> tuple[Array, tuple[str, ...]]:
    """The states of all rows, in passes that fit the device.

    Beside the result only one batch is held, however long the audio is.

    Parameters
    ----------
    speech : the encoder.
    sound : the whole audio.
    windows : pieces of it, with the rows that are read off each.
    n_rows : how many rows all windows have.
    reading : layers, device and precision; refreshed: the later rows of a window do not hear what follows them.

    Returns
    -------
    values : (n_rows, n_hidden·n_layers) float32.
    notes : on memory and precision, sorted.
    """
    values = np.empty((n_rows, sum(reading.widths)), dtype=np.float32)

    def compute(batch: Sequence[Window]) -> list[list[Array]]:
        return row_states(speech, sound, batch, reading)

    lowered = Lowered(compute, speech.model) if reading.lowered else None
    seconds = SECONDS_AT_ONCE[reading.device.split(":")[0]]
    padded = round(speech.padded_s * sound.rate_hz)
    within = WithinMemory(lowered or compute, lambda window: window.stop - window.start, speech.model, reading.device)
    for batch in equal_batches(windows, round(seconds * sound.rate_hz), padded):
        for window, states in zip(batch, within(batch), strict=True):
            values[[row for row, _ in window.rows]] = np.concatenate(states, axis=1)
    notes = {*within.notes, *([lowered.note] if lowered else [])}
    return values, tuple(sorted(notes))


def row_states(speech: SpeechEncoder, sound: Sound, batch: Sequence[Window], reading: Reading) -> list[list[Array]]:
    """States of the last frame heard by each row's time.

    Parameters
    ----------
    speech : the encoder.
    sound : the whole audio.
    batch : windows of one length.
    reading : layers, and whether later rows of a window hear nothing of what follows them.

    Returns
    -------
    For each window, for each layer: (n_rows, n_hidden).
    """
    import torch
    from torch.backends import cudnn

    rate = sound.rate_hz
    heard = [sound.samples[window.start : window.stop] for window in batch]
    rows = [[_last(speech, rate, stop - window.start) for _, stop in window.rows] for window in batch]
    # all windows of the batch go through the model together: their wanted frames are computed for each of them, and
    # each window's own are looked up in the result
    frames = sorted({frame for of_window in rows for frame in of_window})
    places = [np.searchsorted(frames, of_window) for of_window in rows]
    with torch.inference_mode(), cudnn.flags(enabled=True, allow_tf32=False):  # convolutions in full float32 too
        each: list[Any]
        if reading.refreshed:
            stops = [[stop - window.start for _, stop in window.rows] for window in batch]
            each = [
                approximate.block_states(speech, Sound(wave, rate), ends, reading, frames)
                for wave, ends in zip(heard, stops, strict=True)
            ]
        else:
            inputs = inputs_of(speech, heard, rate)
            each = list(zip(*hidden_states(reading.found, inputs, reading.layers, frames), strict=True))
        return [
            [np.asarray(layer[place].float().cpu().numpy()) for layer in states]
            for place, states in zip(places, each, strict=True)
        ]


def _last(speech: SpeechEncoder, rate: float, n_samples: int) -> int:
    """The last frame that rests on the first `n_samples` at `rate` alone."""
    return speech.frames(int(n_samples * speech.rate_hz / rate)) - 1


def files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """The model's files.

    Parameters
    ----------
    stimulus : not used.
    spec : names the model.
    source : where models are.
    """
    return model_files(model_of(spec), source)


def _require_refresh(spec: FeatureSpec, kind: str) -> None:
    """Raises UsageError where `refresh_s` is asked of a model that cannot be approximated."""
    if spec.options["refresh_s"] is not None and kind not in approximate.KINDS:
        advice = f"{', '.join(approximate.KINDS)} can"
        raise UsageError(f"{spec.options['model']} cannot be approximated", f"feature '{spec.name}'", advice)


def check_model(spec: FeatureSpec, source: ModelSource) -> None:
    """Make sure that the spec can be had of its model, before its weights are loaded.

    Parameters
    ----------
    spec : resolved.
    source : where models are.

    Raises
    ------
    UsageError : the model is of another kind, or lacks a layer or what else is asked.
    NoInput : its files are not all there, or do not fit each other.
    """
    encoder = stated_encoder(spec, source)
    if spec.options["part"] == "decoder":
        whisper_decoder.require_decoder(spec, encoder.is_whisper)
        tokens = require_tokenizer(encoder.model, source)
        if tokens:
            whisper_decoder.marks_of_language(spec, tokens, encoder.model.number("vocab_size"))
        require_layers(spec, encoder.model, encoder.n_blocks("decoder"))
    else:
        _require_refresh(spec, encoder.model.kind)
        require_layers(spec, encoder.model, encoder.n_blocks(), PARTS_OF[encoder.way])


def check_stimulus(stimulus: Stimulus, spec: FeatureSpec) -> None:
    """Make sure that the decoder has words, of its language where that is known.

    Parameters
    ----------
    stimulus : with or without words.
    spec : its `part`.

    Raises
    ------
    DataError
        Where the decoder would have no words, or those of another language.
    """
    if spec.options["part"] == "decoder":
        words_of(stimulus)
        require_language(stimulus, spec.options["language"], f"feature '{spec.name}'")


def rules(spec: FeatureSpec) -> FeatureSpec:
    """What belongs to the part asked for, filled in. Raises UsageError where an option has no meaning."""
    part, where = spec.options["part"], f"feature '{spec.name}'"
    own, others = (OF_DECODER, OF_ENCODER) if part == "decoder" else (OF_ENCODER, OF_DECODER)
    for name in others:
        if spec.options[name] is not None:
            raise UsageError(f"'{name}' is not for 'part: {part}'", where)
    filled = {name: default for name, default in own.items() if spec.options[name] is None}
    options = {**spec.options, **filled}
    stride_s, refresh_s = options["stride_s"], options["refresh_s"]
    if refresh_s is not None and options["mode"] != "window":
        raise UsageError("'refresh_s' is for 'mode: window'", where)
    if refresh_s is not None and (
        refresh_s < stride_s or abs(refresh_s / stride_s - round(refresh_s / stride_s)) > 1e-6
    ):
        raise UsageError(f"'refresh_s' must be a multiple of 'stride_s', not {refresh_s:g}", where)
    return replace(spec, options=options)


def reach(options: Mapping[str, Any]) -> Reach:
    """The seconds of sound that either part hears."""
    return Reach(seconds=options["window_s"])


FAMILY = Family(
    kind="speech_model",
    label="a speech model's hidden states",
    role="speech model",
    version=4,
    needs=frozenset({"audio"}),
    extract=extract,
    options={
        **MODEL,
        "part": Option(str, "encoder", choices=("encoder", "decoder")),
        "layer": Layers(PARTS),
        "window_s": Option(float, 16.0, least=0.1),
        "stride_s": Option(float, None, least=0.001),
        "mode": Option(str, None, choices=tuple(MODES)),
        "refresh_s": Option(float, None),
        "subtokens": Option(str, None, choices=tuple(POOLED)),
        "language": Option(str, None),
        "casing": Option(str, None, choices=("as_written", "lower")),
        **PRECISION,
    },
    files=files,
    check_model=check_model,
    rules=rules,
    check_stimulus=check_stimulus,
    reach=reach,
    workload=workload,
)
