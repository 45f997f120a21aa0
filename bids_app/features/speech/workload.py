"""What a speech encoder's features take to compute, counted by its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bids_app.features.base.family import Workload
from bids_app.features.speech import approximate
from bids_app.features.speech.speech_encoder import stacked_frames
from bids_app.features.speech.speech_windows import planned_windows, row_times
from bids_app.features.speech.stated_encoder import StatedEncoder, Way, stated_encoder
from bids_app.features.stated.model import StatedModel
from bids_app.features.transformers.load_model import depth_of
from bids_app.records import FeatureSpec, ModelSource

QUICKER_S = 1.0  # the `refresh_s` that is named where the exact way is long
WAVE = {"conv_dim": 512, "conv_kernel": (10, 3, 3, 3, 3, 2, 2), "conv_stride": (5, 2, 2, 2, 2, 2, 2)}  # wav2vec2's
MELS, BANDS, DEPTHWISE = 80, 160, 31  # of Whisper; of pairs of frames, and the kernel of their blocks


def workload(spec: FeatureSpec, source: ModelSource, durations_s: Sequence[float]) -> Workload | None:
    """What the encoder's rows take, with `refresh_s` too where the model can be approximated; None where its
    configuration does not say it, and for `part: decoder`.

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
    encoder = stated_encoder(spec, source)
    each = _operations_a_second(encoder, options)
    if each is None:
        return None
    exact = options["mode"] == "window" and options["refresh_s"] is None
    if not exact or options["stride_s"] > QUICKER_S / 2 or encoder.model.kind not in approximate.KINDS:
        return Workload(each * _seconds_heard(options, encoder, durations_s))
    rarely = round(QUICKER_S / options["stride_s"]) * options["stride_s"]
    exactly, approximately = (
        each * _seconds_heard({**options, "refresh_s": refresh_s}, encoder, durations_s)
        for refresh_s in (None, rarely)
    )
    return Workload(exactly, (f"refresh_s: {rarely:g}", approximately))


def _operations_a_second(encoder: StatedEncoder, options: Mapping[str, Any]) -> float | None:
    """Floating-point operations of one pass, by the seconds of its window; None where they are not known."""
    blocks, width = encoder.n_blocks(), encoder.model.number("hidden_size", "d_model")
    if blocks is None or width is None:
        return None
    n_blocks = min(blocks, depth_of(options["layer"], "blocks").get("blocks", blocks))
    seconds = encoder.longest_s or options["window_s"]
    try:
        counted = COUNTED[encoder.way](encoder.model, width, n_blocks, round(seconds * encoder.rate_hz))
    except (TypeError, ValueError, ZeroDivisionError):  # settings of other forms than its library writes
        return None
    return counted / seconds


def _of_waves(model: StatedModel, width: int, n_blocks: int, n_samples: int) -> float:
    """Convolutions over the waveform, a convolution for positions, and blocks."""
    kernels, strides, widths = (_stated(model, name) for name in ("conv_kernel", "conv_stride", "conv_dim"))
    total, n_frames, n_in = 0.0, n_samples, 1
    for kernel, stride, n_out in zip(kernels, strides, widths * (1 if widths[1:] else len(kernels)), strict=True):
        n_frames = max((n_frames - kernel) // stride + 1, 0)
        total += 2 * n_frames * n_out * n_in * kernel
        if n_in == 1 and model.config.get("feat_extract_norm", "group") == "group":
            total += 2 * n_frames * kernel * kernel  # the norm's variance, by that of the waveform's pieces
        n_in = n_out
    total += 2 * n_frames * n_in * width
    n_frames //= model.config.get("squeeze_factor", 1)
    times, kernel = 1, model.config.get("num_conv_pos_embeddings", 128)
    if model.kind == "data2vec-audio":  # several of them, one after another
        times, kernel = model.config.get("num_conv_pos_embeddings", 5), model.config.get("conv_pos_kernel_size", 19)
    total += times * 2 * n_frames * width * kernel * width / model.config.get("num_conv_pos_embedding_groups", 16)
    return float(total + n_blocks * _of_block(width, _inner(model, width), n_frames))


def _of_pairs(model: StatedModel, width: int, n_blocks: int, n_samples: int) -> float:
    """Blocks of two feed-forward parts, attention with positions, and convolutions."""
    n, inner = stacked_frames(n_samples), _inner(model, width)
    block = _of_block(width, 2 * inner, n) + 2 * n * n * width
    kernel = model.config.get("conv_depthwise_kernel_size", DEPTHWISE)
    block += 2 * n * width * (3 * width + kernel)
    return float(2 * n * model.config.get("feature_projection_input_dim", BANDS) * width + n_blocks * block)


def _of_padded(model: StatedModel, width: int, n_blocks: int, n_samples: int) -> float:
    """Two convolutions over a spectrogram, and blocks."""
    n = n_samples // 160
    first = 2 * n * width * model.config.get("num_mel_bins", MELS) * 3
    inner = model.number("encoder_ffn_dim", default=4 * width) or 0
    return float(first + 2 * (n // 2) * width * width * 3 + n_blocks * _of_block(width, inner, n // 2))


def _of_block(width: int, inner: int, n: int) -> float:
    """Attention, and a feed-forward part, of n frames."""
    return 2.0 * n * (4 * width * width + 2 * width * inner) + 4.0 * n * n * width


def _inner(model: StatedModel, width: int) -> int:
    return model.number("intermediate_size", default=4 * width) or 0


def _stated(model: StatedModel, name: str) -> tuple[int, ...]:
    given = model.config.get(name, WAVE[name])
    return (given,) if isinstance(given, int) else tuple(given)


COUNTED: Mapping[Way, Callable[[StatedModel, int, int, int], float]] = {
    "waveform": _of_waves,
    "pairs of frames": _of_pairs,
    "padded": _of_padded,
}


def _seconds_heard(options: Mapping[str, Any], encoder: StatedEncoder, durations_s: Sequence[float]) -> float:
    """Seconds of all windows together."""
    rate, heard = encoder.rate_hz, 0.0
    for duration_s in durations_s:
        n_samples = round(duration_s * rate)
        _, stops = row_times(n_samples, rate, options["stride_s"])
        windows = planned_windows(options, rate, stops, n_samples)
        heard += sum(max((window.stop - window.start) / rate, encoder.longest_s) for window in windows)
    return heard
