"""`speech_model`: a hidden layer of a wav2vec2-like encoder, as it stands at each instant of a causal window."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.errors import DataError, UsageError
from bids_app.features.family import Family, Option
from bids_app.features.models import describe_model, load_feature_extractor, load_model, model_files
from bids_app.features.needs import audio_of
from bids_app.records import Array, Features, FeatureSpec, ModelSource, Stimulus

SECONDS_AT_ONCE = {"cpu": 16.0, "cuda": 256.0}  # audio in one forward pass; bounds the memory of the first layer


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_times, n_hidden): at t = stride_s, 2·stride_s, …, the last frame of the layer's states for the
    audio of the last `window_s` seconds before t (Vaidya et al. 2022, arXiv:2205.14252).

    Early windows begin with the stimulus; rows start once a window fills a frame of the model's front end. No window
    is ever padded. Resampling and normalisation are done within each window, so nothing after t enters.
    """
    name, layer, window_s, stride_s = (spec.options[key] for key in ("model", "layer", "window_s", "stride_s"))
    audio, rate = audio_of(stimulus)
    extractor, model = load_feature_extractor(name, source), load_model(name, source)
    _check(model.config, extractor, layer, spec)
    times, spans = causal_windows(audio.shape[0], rate, window_s, stride_s)
    seconds = (spans[:, 1] - spans[:, 0]) / rate
    enough = seconds * extractor.sampling_rate >= receptive_field(model.config)
    if not enough.any():
        raise DataError(f"the audio is too short for a frame of {name}", stimulus.stimulus_id)
    batches = equal_batches(spans[enough], round(SECONDS_AT_ONCE[source.device.split(":")[0]] * rate))
    values = np.concatenate([last_frames(model, extractor, _cut(audio, batch), rate, layer) for batch in batches])
    provenance = {
        "description": f"Hidden states of {name}, layer {layer} (0: the input of the first), every {stride_s:g} s: "
        f"the last frame of a window of {window_s:g} s that ends at the row's time; early windows are shorter.",
        "stamp": "the end of the window, the instant by which the model has heard it",
        "dimensions": f"{values.shape[1]} hidden units",
        "causal": True,
        "notes": (),
        **describe_model(name, source),
    }
    return Features(spec.name, values, times[enough], "continuous", None, provenance)


def _check(config: Any, extractor: Any, layer: int, spec: FeatureSpec) -> None:
    where, name = f"feature '{spec.name}'", spec.options["model"]
    if extractor.model_input_names[0] != "input_values" or not hasattr(config, "conv_kernel"):
        kin = "wav2vec2, HuBERT, WavLM and data2vec-audio do"
        raise UsageError(f"{name} does not take a waveform through a convolutional front end", where, kin)
    if layer > config.num_hidden_layers:
        raise UsageError(f"no layer {layer}", where, f"{name} has layers 0 to {config.num_hidden_layers}")


def causal_windows(n_samples: int, rate: float, window_s: float, stride_s: float) -> tuple[Array, Array]:
    """times (n,) = stride_s·(1…n) and spans (n, 2): the samples [start, stop) of the window that ends at each time.

    A time is rounded to samples once, at the window's end, so errors do not add up.
    """
    count = int(np.floor(n_samples / rate / stride_s + 1e-9))
    times = np.arange(1, count + 1) * stride_s
    stops = np.minimum(np.rint(times * rate).astype(np.int64), n_samples)
    starts = np.maximum(stops - round(window_s * rate), 0)
    return times, np.stack([starts, stops], axis=1)


def receptive_field(config: Any) -> int:
    """Samples that the convolutional front end needs for its first frame (400 for wav2vec2)."""
    samples = 1
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        samples = (samples - 1) * stride + kernel
    return int(samples)


def equal_batches(spans: Array, n_samples: int) -> Iterator[Array]:
    """Neighbouring windows of one length, (n, 2) at a time, together at most `n_samples` long (but at least one)."""
    for length, group in groupby(spans.tolist(), key=lambda span: span[1] - span[0]):
        same = np.array(list(group))
        size = max(1, n_samples // length)
        yield from (same[at : at + size] for at in range(0, len(same), size))


def _cut(audio: Array, spans: Array) -> Array:
    return np.stack([audio[start:stop] for start, stop in spans])


def last_frames(model: Any, extractor: Any, windows: Array, rate: float, layer: int) -> Array:
    """windows (n, n_samples) at `rate` → (n, n_hidden) float32: the layer's last frame of each."""
    import torch
    from torch.backends import cudnn

    if rate != extractor.sampling_rate:
        import soxr

        windows = soxr.resample(windows.T, rate, extractor.sampling_rate).T
    inputs = extractor(list(windows), sampling_rate=extractor.sampling_rate, padding=False, return_tensors="pt")
    waves = inputs["input_values"].to(model.device)
    with torch.inference_mode(), cudnn.flags(enabled=True, allow_tf32=False):  # convolutions in full float32 too
        states = model(waves, output_hidden_states=True).hidden_states[layer]
        return np.asarray(states[:, -1].cpu().numpy())


def files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """The model's files."""
    return model_files(spec.options["model"], source)


FAMILY = Family(
    "speech_model",
    1,
    frozenset({"audio"}),
    extract,
    {
        "model": Option(str),
        "layer": Option(int, least=0),
        "window_s": Option(float, 16.0, least=0.1),
        "stride_s": Option(float, 0.1, least=0.001),
    },
    files,
)
