"""`envelope`: loudness of the whole signal and its onsets, each row a window that ends at the row's time."""

from __future__ import annotations

import numpy as np

from bids_app.features.acoustic.frames import FRAMES, frame_ends, frames, hann
from bids_app.features.base.family import Family, Option
from bids_app.features.base.needs import audio_of
from bids_app.records import Array, FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_times, 2): the envelope, and its rise per second where it rises, else 0.

    The envelope is the root mean square of a Hann window (full scale 1), to the power of `exponent`, which
    compresses it as hearing does (0.6: Biesmans et al. 2017, IEEE TNSRE 25(5)). Onsets are its half-wave rectified
    slope (Daube et al. 2019, Curr. Biol. 29(12)), from one row to the next; the first row has none.

    Parameters
    ----------
    stimulus : with its audio.
    spec : resolved; `hop_s` and `window_s` in seconds, `exponent`.
    source : where models are; not used.

    Returns
    -------
    Continuous; `times_s` (n_times,) are the ends of the windows.
    """
    hop_s, window_s, exponent = (spec.options[key] for key in ("hop_s", "window_s", "exponent"))
    audio, rate = audio_of(stimulus)
    times, stops = frame_ends(stimulus, hop_s, window_s)
    length = round(window_s * rate)
    level = np.concatenate([_rms(heard) for heard in frames(audio, stops, length)]) ** exponent
    onsets = np.maximum(np.diff(level, prepend=level[:1]), 0) / hop_s
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Root mean square of Hann windows of {window_s:g} s every {hop_s:g} s, to the power of "
        f"{exponent:g}, and its half-wave rectified rise per second.",
        stamp="the end of the window",
        dimensions=("envelope", "onsets"),
        causal=True,
        notes=(),
    )
    values = np.stack([level, onsets], axis=1).astype(np.float32)
    return Features(spec.name, values, times, "continuous", None, provenance)


def _rms(heard: Array) -> Array:
    """heard (n, length) → (n,) float64."""
    window = hann(heard.shape[1]).astype(np.float64)
    return np.asarray(np.sqrt(np.square(heard.astype(np.float64)) @ (window / window.sum())))


FAMILY = Family(
    kind="envelope",
    label="the envelope of the sound and its onsets",
    role="acoustic",
    version=1,
    needs=frozenset({"audio"}),
    extract=extract,
    options={**FRAMES, "exponent": Option(float, 0.6, least=0.1)},
    baseline_label="envelope",
)
