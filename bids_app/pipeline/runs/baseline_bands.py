"""The baseline: what any model of speech or language has to beat, as bands of runs; and what of it cannot be had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bids_app import dataset, encoding, features
from bids_app.pipeline.runs.load_settings import LoadSettings, ReadRecording
from bids_app.records import Array, BaselineModel, Run, baseline_band

MOTION = baseline_band("motion")
WORD_RATE = baseline_band("word_rate")
MOTION_LABEL = "head motion"


def plan_baseline(settings: LoadSettings, recordings: Sequence[ReadRecording]) -> BaselineModel:
    """Which bands of the baseline model can be had.

    Parameters
    ----------
    settings : the spaces asked for, and stimuli.
    recordings : all of the unit; a band must be there in each.

    Returns
    -------
    The bands, of others why they cannot be had, and what all are called.
    """
    left_out: dict[str, str] = {}
    for read in recordings:
        for event in read.recording.stimuli:
            left_out = {**settings.library.lacking(read.recording, event), **left_out}
    asked = [baseline_band(space) for space in settings.baseline_spaces]
    if MOTION in asked and (reason := _no_motion(settings, recordings)):
        left_out[MOTION] = reason
    labels = {baseline_band(space): features.baseline_label(space) for space in settings.baseline_spaces}
    if MOTION in labels:  # made of confounds, by no family
        labels[MOTION] = MOTION_LABEL
    return BaselineModel(tuple(name for name in asked if name not in left_out), left_out, labels)


def _no_motion(settings: LoadSettings, recordings: Sequence[ReadRecording]) -> str:
    """Why there is no band of motion; empty where there is one."""
    if settings.modality == "ieeg":
        return "electrodes do not move with the head"
    if {"motion", "motion24"} & set(dataset.groups_of(settings.response.confounds)):
        return "already regressed out of the responses, within run"
    without = [
        read.recording.label
        for read in recordings
        if dataset.motion(read.recording, len(read.response.times_s)) is None
    ]
    return f"no motion parameters beside {without[0]}" if without else ""


def feature_bands(baseline: BaselineModel) -> tuple[str, ...]:
    """Bands that are made of stimuli as other spaces are."""
    return tuple(name for name in baseline.bands if name != MOTION)


def motion_band(baseline: BaselineModel, read: ReadRecording) -> dict[str, Array]:
    """Head motion, where it is of the baseline.

    Cleaned as the response is, at the response's own samples, since what motion does to them it does at once.

    Parameters
    ----------
    baseline : which bands there are.
    read : the recording, its response and used samples.

    Returns
    -------
    {name: (n_used, 1, 12)}, six parameters and their differences; empty where motion is not of the baseline.
    """
    if MOTION not in baseline.bands:
        return {}
    values = dataset.motion(read.recording, len(read.response.times_s))
    cleaned = encoding.clean(np.asarray(values), read.response.nuisance, read.used, "run")
    return {MOTION: np.nan_to_num(cleaned)[:, None]}


def common_baseline(baselines: Sequence[BaselineModel]) -> BaselineModel:
    """Of participants whose responses are averaged: what all have, but motion, which is each one's own."""
    left_out = {name: why for baseline in baselines for name, why in baseline.left_out.items()}
    if any(MOTION in baseline.bands for baseline in baselines):
        left_out[MOTION] = "the participants of a mean each move otherwise"
    labels = baselines[0].labels  # one analysis: all have the same
    return BaselineModel(tuple(name for name in baselines[0].bands if name not in left_out), left_out, labels)


def on_baseline(baseline: BaselineModel, runs: Sequence[Run]) -> list[Run]:
    """Runs without those bands of the baseline that are left out.

    Parameters
    ----------
    baseline : which of its bands there are, and which are left out.
    runs : each with bands (n_rows, n_delays, n_dims).
    """
    return [
        replace(run, bands={name: band for name, band in run.bands.items() if name not in baseline.left_out})
        for run in runs
    ]
