"""How much of the stimulus a model heard for a test sample lies amid training samples: for the leakage audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app import encoding
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.records import Array, ContextLeakage, Design, FeatureSpec, Recording

WORD_MODELS, SOUND_MODELS = ("language_model", "surprisal", "entropy"), ("speech_model",)


def context_leakage(
    specs: Mapping[str, FeatureSpec], library: StimulusLibrary, recordings: Sequence[Recording], design: Design
) -> dict[str, ContextLeakage]:
    """Space → how many test samples' context reaches back to a training sample of the same run."""
    leakage = {}
    split = encoding.splits_runs(design)
    for name, spec in specs.items():
        if spec.kind not in (*WORD_MODELS, *SOUND_MODELS):
            continue
        reach = _reach(spec.kind, spec.options)
        starts_s = _starts(library, recordings, design, spec) if split else design.times_s
        crossing = encoding.reaching_back(design, starts_s) if split else 0
        leakage[name] = ContextLeakage(crossing, len(design.times_s), reach, split)
    return leakage


def _reach(kind: str, options: Mapping[str, Any]) -> str:
    if kind in SOUND_MODELS:
        return f"{options['window_s']:g} s of sound"
    if options.get("context") is not None:
        return f"up to {options['context']['tokens']} tokens"
    return f"{options['context_words']} words"


def _starts(library: StimulusLibrary, recordings: Sequence[Recording], design: Design, spec: FeatureSpec) -> Array:
    """(n_times,) the earliest instant, on the run's clock, that any of a sample's features has heard."""
    kind, options = spec.kind, spec.options
    earliest_s = design.times_s - max(design.delays_s)
    if kind in SOUND_MODELS:
        return np.asarray(earliest_s - options["window_s"])
    rolling = options.get("context")
    n_words = rolling["tokens"] if rolling is not None else options["context_words"]  # a word has a token at least
    starts_s = earliest_s.copy()
    for run, recording in enumerate(recordings):
        own = design.runs == run
        onsets_s = np.sort(
            np.concatenate(
                [event.onset_s + library.words(recording, event).onset_s for event in recording.stimuli]
            )
        )
        at = np.searchsorted(onsets_s, earliest_s[own], side="right") - 1 - n_words
        starts_s[own] = np.minimum(earliest_s[own], onsets_s[np.maximum(at, 0)])
    return starts_s
