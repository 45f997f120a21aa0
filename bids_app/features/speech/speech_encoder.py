"""How each kind of speech encoder takes audio, and which of its frames were heard by when."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from bids_app.errors import UsageError
from bids_app.features.base.memory import or_on_cpu
from bids_app.features.transformers.find_layers import ModelLayers, find_layers, near
from bids_app.features.transformers.hidden_layers import hidden_states
from bids_app.features.transformers.load_model import WHOLE, Depth, depth_of, load_model
from bids_app.features.transformers.model_options import wanted_layers
from bids_app.features.transformers.models import load_feature_extractor, model_of
from bids_app.features.transformers.trials import rests_on_borrowed, tried_once
from bids_app.records import Array, FeatureSpec, ModelSource

Inputs = dict[str, Any]
SECONDS_AT_ONCE = {"cpu": 16.0, "cuda": 256.0}  # audio in one forward pass; bounds the memory of the first layer
KNOWN = "wav2vec2, HuBERT, WavLM, data2vec-audio, UniSpeech, SEW, Wav2Vec2-BERT and Whisper are"
SILENCE = np.zeros(1, dtype=np.float32)


@dataclass(frozen=True)
class SpeechEncoder:
    """An encoder with its feature extractor, for mono audio at `rate_hz`; a decoder where the `model` has one.

    Parameters
    ----------
    model : the whole model.
    encoder : the part whose states are read.
    extractor : turns a waveform into the model's input.
    rate_hz : of the audio, in Hz.
    frames : n_samples → how many frames rest on the first n samples and on nothing after them, padding included.
    inputs : windows of n_samples each → tensors for the encoder's forward pass.
    padded_s : seconds that every window is padded to, which is also the longest (0: no padding, any length, but all
        windows of one).
    decoder : None where there is none.
    """

    model: Any
    encoder: Any
    extractor: Any
    rate_hz: int
    frames: Callable[[int], int]
    inputs: Callable[[Sequence[Array]], Inputs]
    padded_s: float = 0.0
    decoder: Any = None


def load_speech_encoder(spec: FeatureSpec, source: ModelSource, depth: Depth = WHOLE) -> SpeechEncoder:
    """The spec's model, with what gives it audio.

    Parameters
    ----------
    spec : names the model; `window_s` must not be longer than the model hears.
    source : where models are, and the device.
    depth : how many blocks are wanted (see `load_model`).

    Raises
    ------
    UsageError : it takes audio in no way known here, or not as much as asked.
    NoInput : it is not there, or not whole.
    """
    name = model_of(spec)
    return speech_encoder_of(spec, load_feature_extractor(name, source), load_model(name, source, depth=depth))


def speech_encoder_of(spec: FeatureSpec, extractor: Any, model: Any) -> SpeechEncoder:
    """A model with what gives it audio.

    Parameters
    ----------
    spec : names the model; `window_s` must not be longer than the model hears.
    extractor : turns a waveform into its input.
    model : of the library, with or without its weights' numbers.

    Raises
    ------
    UsageError : it takes audio in no way known here, or not as much as asked.
    """
    import torch

    from bids_app.features.speech.front_end import fold_norms  # here, since it needs torch at once

    name = model_of(spec)
    rate = int(extractor.sampling_rate)

    def extracted(windows: Sequence[Array], **settings: Any) -> Any:
        with torch.autocast("cpu", enabled=False):  # what the model hears is in full precision
            return extractor(list(windows), sampling_rate=rate, return_tensors="pt", **settings)

    def waveform(windows: Sequence[Array]) -> Inputs:
        return {"input_values": extracted(windows, padding=False)["input_values"].to(model.device)}

    def stacked(windows: Sequence[Array]) -> Inputs:
        n_frames = stacked_frames(len(windows[0]))  # the last may be half padding: left out
        return {"input_features": extracted(windows)["input_features"][:, :n_frames].to(model.device)}

    def whisper(windows: Sequence[Array]) -> Inputs:
        heard = [window if len(window) else SILENCE for window in windows]  # a word may end as the sound begins
        return {"input_features": extracted(heard)["input_features"].to(model.device)}

    kind = type(extractor).__name__
    convolves = hasattr(model.config, "conv_kernel") and hasattr(model, "feature_extractor")
    if extractor.model_input_names[0] == "input_values" and convolves:
        fold_norms(model)
        return SpeechEncoder(model, model, extractor, rate, lambda n: convolved_frames(n, model.config), waveform)
    if kind == "SeamlessM4TFeatureExtractor" and hasattr(model, "feature_projection"):
        return SpeechEncoder(model, model, extractor, rate, stacked_frames, stacked)
    if kind == "WhisperFeatureExtractor" and hasattr(model, "get_encoder"):
        encoder, decoder, seconds = model.get_encoder(), model.get_decoder(), float(extractor.chunk_length)
        if spec.options["window_s"] > seconds:
            longest = f"{name.name} hears at most {seconds:g} s"
            raise UsageError(f"'window_s' is {spec.options['window_s']:g}", f"feature '{spec.name}'", longest)
        return SpeechEncoder(model, encoder, extractor, rate, whisper_frames, whisper, seconds, decoder)
    raise UsageError(f"{name.name} is no speech encoder of a known kind", f"feature '{spec.name}'", KNOWN)


def encoder_with_layers(spec: FeatureSpec, source: ModelSource) -> tuple[SpeechEncoder, ModelLayers]:
    """The spec's model, of which no weights above the wanted layers are loaded, and where its encoder's layers are.

    Parameters
    ----------
    spec : resolved.
    source : where models are, and the device.

    Raises
    ------
    UsageError : they cannot be read, or it lacks a wanted one.
    """

    def tried(speech: SpeechEncoder) -> ModelLayers:
        find = partial(or_on_cpu, lambda: encoder_layers(speech, spec), speech.model)
        return tried_once(speech.encoder, spec, source, find)

    lower = {**depth_of(spec.options["layer"], "num_hidden_layers"), "decoder_layers": 1}
    speech = load_speech_encoder(spec, source, lower)
    found = tried(speech)
    if rests_on_borrowed(found, wanted_layers(spec, found.widths)):
        del speech, found  # the whole one is loaded into the room that these leave
        gc.collect()  # modules refer to each other
        speech = load_speech_encoder(spec, source)
        found = tried(speech)
    return speech, found


def encoder_layers(speech: SpeechEncoder, spec: FeatureSpec) -> ModelLayers:
    """Where the encoder's hidden layers are, tried with a second of noise; so is the short way to single frames.

    Parameters
    ----------
    speech : the encoder.
    spec : resolved.

    Raises
    ------
    UsageError : they cannot be read, or have other frames than are counted here.
    """
    import torch

    n_samples = speech.rate_hz
    heard = np.random.default_rng(0).normal(0, 0.1, (2, n_samples)).astype(np.float32)
    n_frames = speech.frames(round(speech.padded_s * speech.rate_hz) or n_samples)
    inputs, last = speech.inputs(list(heard)), [n_frames - 1]
    found = find_layers(speech.encoder, inputs, n_frames, spec)
    with torch.no_grad():
        below = [found.highest - 1]
        (whole,), (alone,) = (hidden_states(found, inputs, below, frames) for frames in (None, last))
    return found if near(whole[:, last], alone) else replace(found, topmost=False)


def inputs_of(speech: SpeechEncoder, windows: Sequence[Array], rate: float) -> Inputs:
    """What the encoder takes.

    Parameters
    ----------
    speech : the encoder.
    windows : of equal numbers of samples; each is resampled on its own, so that none hears ahead.
    rate : of the samples, in Hz.
    """
    if rate == speech.rate_hz:
        return speech.inputs(windows)
    import soxr

    return speech.inputs([soxr.resample(window, rate, speech.rate_hz) for window in windows])


def convolved_frames(n_samples: int, config: Any) -> int:
    """Frames of an unpadded convolutional front end (wav2vec2: one every 320 samples, the first after 400), as many
    as its blocks take: SEW's take the means of `squeeze_factor` frames, and what is left over is left out.

    Parameters
    ----------
    n_samples : at the model's rate.
    config : with `conv_kernel` and `conv_stride`.
    """
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        n_samples = max((n_samples - kernel) // stride + 1, 0)
    return int(n_samples // getattr(config, "squeeze_factor", 1))


def stacked_frames(n_samples: int) -> int:
    """Whole pairs of Kaldi's frames of 400 samples every 160, as Wav2Vec2-BERT takes them."""
    return max((n_samples - 400) // 160 + 1, 0) // 2


def whisper_frames(n_samples: int) -> int:
    """Frames, one every 320 samples from 0 on, whose centre lies within the audio and not in the padding after it."""
    return (n_samples + 319) // 320
