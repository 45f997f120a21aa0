"""`pitch`: fundamental frequency, voicing and intensity by Praat, as they stand at each instant."""

from __future__ import annotations

from typing import Any

import numpy as np

from bids_app.errors import NoInput, UsageError
from bids_app.features.acoustic.frames import frame_ends
from bids_app.features.base.family import Family, Option
from bids_app.features.base.needs import audio_of
from bids_app.records import Array, FeatureProvenance, Features, FeatureSpec, ModelSource, Samples, Stimulus

PITCH_PERIODS, INTENSITY_PERIODS = 3.0, 6.4  # of the lowest pitch: the lengths of Praat's two windows
FRAMES_AT_ONCE = 3000
QUIETEST_DB = 0.0  # re 20 µPa, a sample of 1 taken for 1 Pa: 91 dB below a full-scale sine


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_times, 3): octaves above `floor_hz` (0 where unvoiced), voiced (1 or 0), intensity in dB.

    Praat's autocorrelation method (Boersma 1993, Proc. IFA 17) frame by frame: its path through all frames and its
    silence threshold, relative to the recording's loudest sample, would let later sound change earlier rows, so both
    are off. Praat centres its grid of frames on the sound it gets; pieces of one fixed length keep the grid where it
    is. Both windows end at the row's time.

    Parameters
    ----------
    stimulus : with its audio.
    spec : resolved; `floor_hz` and `ceiling_hz` in Hz, `hop_s` in seconds.
    source : where models are; not used.

    Returns
    -------
    Continuous; `times_s` (n_times,) are the ends of Praat's windows.

    Raises
    ------
    NoInput
        Where praat-parselmouth is not installed.
    """
    floor, ceiling, hop_s = (spec.options[key] for key in ("floor_hz", "ceiling_hz", "hop_s"))
    audio, rate = audio_of(stimulus)
    times, _ = frame_ends(stimulus, hop_s, INTENSITY_PERIODS / floor)
    pieces = [
        _rows(_piece(audio, rate, first, hop_s, floor), rate, floor, ceiling, hop_s)
        for first in range(0, len(times), FRAMES_AT_ONCE)
    ]
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Praat's pitch ({floor:g} to {ceiling:g} Hz, autocorrelation, no path over frames), voicing "
        f"and intensity every {hop_s:g} s.",
        stamp="the end of Praat's windows for pitch and intensity",
        dimensions=(f"octaves above {floor:g} Hz, 0 where unvoiced", "voiced", "intensity, dB"),
        causal=True,
        notes=(),
    )
    values = np.concatenate(pieces)[: len(times)].astype(np.float32)
    return Features(spec.name, values, times, "continuous", None, provenance)


def _piece(audio: Samples, rate: float, first: int, hop_s: float, floor: float) -> Array:
    """Samples of FRAMES_AT_ONCE frames from frame `first` on, with silence after the audio's end."""
    start = int(first * hop_s * rate)
    length = int(np.ceil((INTENSITY_PERIODS / floor + (FRAMES_AT_ONCE - 1) * hop_s) * rate))
    heard = audio[start : start + length].astype(np.float64)
    return np.pad(heard, (0, length - len(heard)))


def _rows(heard: Array, rate: float, floor: float, ceiling: float, hop_s: float) -> Array:
    """(FRAMES_AT_ONCE, 3) of a piece."""
    praat = _praat()
    late = round((INTENSITY_PERIODS - PITCH_PERIODS) / floor * rate)  # so that the shorter window ends with the other
    pitch = praat.Sound(heard[late:], rate).to_pitch_ac(
        time_step=hop_s,
        pitch_floor=floor,
        pitch_ceiling=ceiling,
        silence_threshold=0.0,
        octave_jump_cost=0.0,
        voiced_unvoiced_cost=0.0,
    )
    intensity = praat.Sound(heard, rate).to_intensity(minimum_pitch=floor, time_step=hop_s)
    hertz, decibels = pitch.selected_array["frequency"], intensity.values[0]
    count = min(len(hertz), len(decibels), FRAMES_AT_ONCE)
    hertz, voiced = hertz[:count], hertz[:count] > 0
    octaves = np.where(voiced, np.log2(np.maximum(hertz, floor) / floor), 0.0)
    return np.stack([octaves, voiced, np.maximum(decibels[:count], QUIETEST_DB)], axis=1)


def _praat() -> Any:
    try:
        import parselmouth
    except ImportError:
        raise NoInput("pitch needs praat-parselmouth", "", "pip install 'bids-concord[phonetics]'") from None
    return parselmouth


def rules(spec: FeatureSpec) -> FeatureSpec:
    """Raises UsageError where the ceiling does not lie above the floor."""
    if spec.options["ceiling_hz"] <= spec.options["floor_hz"]:
        raise UsageError("'ceiling_hz' must lie above 'floor_hz'", f"feature '{spec.name}'")
    return spec


FAMILY = Family(
    kind="pitch",
    label="pitch, voicing and intensity",
    role="acoustic",
    version=1,
    needs=frozenset({"audio"}),
    extract=extract,
    options={
        "floor_hz": Option(float, 75.0, least=20.0),
        "ceiling_hz": Option(float, 600.0, least=40.0),
        "hop_s": Option(float, 0.01, least=0.001),
    },
    rules=rules,
)
