"""`melspectrogram`: log power in mel bands, each row a window that ends at the row's time."""

from __future__ import annotations

import warnings

import numpy as np

from bids_app.features.acoustic.frames import FRAMES, frame_ends, frames, hann
from bids_app.features.base.family import Family, Option
from bids_app.features.base.needs import audio_of
from bids_app.records import Array, FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus

HIGHEST_HZ = 8000.0  # of the mel bands, whatever the audio's rate, so that a column means the same for all stimuli
FLOOR, SILENCE = 1e-10, -10.0  # power relative to full scale up to which a band is silent (-100 dB), and its log10


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_times, n_mels): log10 of the power of a Hann window in triangular bands, Slaney's mel scale.

    Frames are cut at the audio's own rate and neither padded nor centred: a resampling filter would hear milliseconds
    ahead, and a hop of a rounded number of samples would drift. Power is the mean square within the band, weighted
    by the window, so it does not depend on the rate; a full-scale sine has 0.5.

    Parameters
    ----------
    stimulus : with its audio.
    spec : resolved; `n_mels`, `hop_s` and `window_s` in seconds.
    source : where models are; not used.

    Returns
    -------
    Continuous; `times_s` (n_times,) are the ends of the windows.
    """
    n_mels, hop_s, window_s = (spec.options[key] for key in ("n_mels", "hop_s", "window_s"))
    audio, rate = audio_of(stimulus)
    times, stops = frame_ends(stimulus, hop_s, window_s)
    length = round(window_s * rate)
    filters, centres = mel_filters(n_mels, length, rate)
    values = np.concatenate([_log_power(heard, filters) for heard in frames(audio, stops, length)])
    empty = int(np.sum(~filters.any(axis=0)))
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Log10 power in {n_mels} mel bands up to {HIGHEST_HZ:g} Hz, in Hann windows of "
        f"{window_s:g} s every {hop_s:g} s, floored at {FLOOR:g} of full scale.",
        stamp="the end of the window",
        dimensions=tuple(f"{centre:.0f} Hz" for centre in centres),
        causal=True,
        notes=(f"{empty} of {n_mels} bands hold no frequency of audio at {rate:g} Hz",) if empty else (),
    )
    return Features(spec.name, values, times, "continuous", None, provenance)


def mel_filters(n_mels: int, length: int, rate: float) -> tuple[Array, Array]:
    """Triangular filters on Slaney's mel scale, from 0 to HIGHEST_HZ.

    Parameters
    ----------
    n_mels : number of bands.
    length : samples of a window.
    rate : samples a second.

    Returns
    -------
    filters : (n_bins, n_mels) float32.
    centres : (n_mels,) Hz.
    """
    from transformers.audio_utils import hertz_to_mel, mel_filter_bank, mel_to_hertz

    n_bins = fft_length(length) // 2 + 1
    with warnings.catch_warnings():  # bands above an 8 kHz recording's highest frequency are empty: extract notes it
        warnings.filterwarnings("ignore", message="At least one mel filter has all zero values")
        filters = mel_filter_bank(n_bins, n_mels, 0.0, HIGHEST_HZ, int(rate), mel_scale="slaney")
    edges = np.linspace(0.0, hertz_to_mel(HIGHEST_HZ, mel_scale="slaney"), n_mels + 2)
    return filters.astype(np.float32), mel_to_hertz(edges[1:-1], mel_scale="slaney")


def fft_length(length: int) -> int:
    """Samples of the transform: a power of two, at least two windows, so that narrow low bands hold a bin."""
    return 1 << (2 * length - 1).bit_length()


def _log_power(heard: Array, filters: Array) -> Array:
    """heard (n, length) → (n, n_mels) float32, at least SILENCE."""
    length = heard.shape[1]
    window = hann(length)
    spectrum = np.fft.rfft(heard.astype(np.float32) * window, n=fft_length(length), axis=1)
    scale = np.float32(
        2 / (fft_length(length) * np.sum(window**2))
    )  # Parseval: all bins together are the mean square
    power = (spectrum.real**2 + spectrum.imag**2) * scale
    bands, floor = power @ filters, np.float32(FLOOR)
    # a silent band is SILENCE by definition: the logarithm of the floor is -10.000001 on some processors
    return np.where(bands <= floor, np.float32(SILENCE), np.log10(np.maximum(bands, floor)))


FAMILY = Family(
    kind="melspectrogram",
    label="a log mel spectrogram",
    role="acoustic",
    version=1,
    needs=frozenset({"audio"}),
    extract=extract,
    options={"n_mels": Option(int, 80, least=1), **FRAMES},
)
