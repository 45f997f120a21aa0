"""How much of the stimulus a model heard for a test sample lies amid training samples: for the leakage audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app import encoding
from bids_app.pipeline.job.job import Job
from bids_app.records import Array, ContextLeakage, Design, Recording

WORD_MODELS, SOUND_MODELS = ("language_model", "surprisal", "entropy"), ("speech_model",)


def context_leakage(job: Job, recordings: Sequence[Recording], design: Design) -> dict[str, ContextLeakage]:
    """Space → how many test samples' context reaches back to a training sample of the same run."""
    found = {}
    split = encoding.splits_runs(design)
    for name, spec in job.specs.items():
        if spec.kind not in (*WORD_MODELS, *SOUND_MODELS):
            continue
        reach = _reach(spec.kind, spec.options)
        starts_s = _starts(job, recordings, design, spec.kind, spec.options) if split else design.times_s
        crossing = encoding.reaching_back(design, starts_s) if split else 0
        found[name] = ContextLeakage(crossing, len(design.times_s), reach, split)
    return found


def _reach(kind: str, options: Mapping[str, Any]) -> str:
    if kind in SOUND_MODELS:
        return f"{options['window_s']:g} s of sound"
    if options.get("context") is not None:
        return f"up to {options['context']['tokens']} tokens"
    return f"{options['context_words']} words"


def _starts(
    job: Job, recordings: Sequence[Recording], design: Design, kind: str, options: Mapping[str, Any]
) -> Array:
    """(n_times,) the earliest instant, on the run's clock, that any of a sample's features has heard."""
    earliest_s = design.times_s - max(design.delays_s)
    if kind in SOUND_MODELS:
        return np.asarray(earliest_s - options["window_s"])
    rolling = options.get("context")
    n_words = rolling["tokens"] if rolling is not None else options["context_words"]  # a word has a token at least
    starts_s = earliest_s.copy()
    for run, recording in enumerate(recordings):
        mine = design.runs == run
        onsets_s = np.sort(
            np.concatenate(
                [event.onset_s + job.library.words(recording, event).onset_s for event in recording.stimuli]
            )
        )
        at = np.searchsorted(onsets_s, earliest_s[mine], side="right") - 1 - n_words
        starts_s[mine] = np.minimum(earliest_s[mine], onsets_s[np.maximum(at, 0)])
    return starts_s
