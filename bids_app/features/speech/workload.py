"""What a speech encoder's features take to compute, counted on its architecture, without weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.features.base.family import Workload
from bids_app.features.speech import approximate
from bids_app.features.speech.speech_encoder import SpeechEncoder, speech_encoder_of
from bids_app.features.speech.speech_windows import planned_windows, row_times
from bids_app.features.transformers.find_layers import FAILURES
from bids_app.features.transformers.load_model import depth_of, shortened
from bids_app.features.transformers.models import load_config, load_feature_extractor, model_of
from bids_app.features.transformers.preflight import architecture
from bids_app.records import FeatureSpec, ModelSource

QUICKER_S = 1.0  # the `refresh_s` that is named where the exact way is long


def workload(spec: FeatureSpec, source: ModelSource, durations_s: Sequence[float]) -> Workload | None:
    """What the encoder's rows take, with `refresh_s` too where the model can be approximated; None where the model
    says nothing without its weights, and for `part: decoder`.

    Parameters
    ----------
    spec : resolved.
    source : where models are.
    durations_s : seconds of each stimulus.

    Raises
    ------
    NoInput : the model is not there.
    """
    options = spec.options
    if options["part"] == "decoder":
        return None
    name = model_of(spec)
    config, depth = (
        load_config(name, source),
        {**depth_of(options["layer"], "num_hidden_layers"), "decoder_layers": 1},
    )
    skeleton = architecture(shortened(config, depth) or config, name, source)
    speech = speech_encoder_of(spec, load_feature_extractor(name, source), skeleton)
    try:
        each = _operations_a_second(speech, options["window_s"])
    except FAILURES:
        return None
    exact = options["mode"] == "window" and options["refresh_s"] is None
    if not exact or options["stride_s"] > QUICKER_S / 2 or speech.encoder.config.model_type not in approximate.KINDS:
        return Workload(each * _seconds_heard(options, speech, durations_s))
    rarely = round(QUICKER_S / options["stride_s"]) * options["stride_s"]
    exactly, approximately = (
        each * _seconds_heard({**options, "refresh_s": refresh_s}, speech, durations_s)
        for refresh_s in (None, rarely)
    )
    return Workload(exactly, (f"refresh_s: {rarely:g}", approximately))


def _operations_a_second(speech: SpeechEncoder, window_s: float) -> float:
    """Floating-point operations of one pass, by the seconds of its window."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    inputs = speech.inputs([np.zeros(round(window_s * speech.rate_hz), dtype=np.float32)])
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        speech.encoder(**inputs)
    return float(counter.get_total_flops() / (speech.padded_s or window_s))


def _seconds_heard(options: Mapping[str, Any], speech: SpeechEncoder, durations_s: Sequence[float]) -> float:
    """Seconds of all windows together."""
    rate, heard = speech.rate_hz, 0.0
    for duration_s in durations_s:
        n_samples = round(duration_s * rate)
        _, stops = row_times(n_samples, rate, options["stride_s"])
        windows = planned_windows(options, rate, stops, n_samples)
        heard += sum(max((window.stop - window.start) / rate, speech.padded_s) for window in windows)
    return heard
