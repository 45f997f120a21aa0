"""How much of the stimulus a model heard for a test sample lies amid training samples: for the leakage audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bids_app import encoding, features
from bids_app.features import Reach
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.records import Array, ContextLeakage, Design, FeatureSpec, Recording


def context_leakage(
    specs: Mapping[str, FeatureSpec], library: StimulusLibrary, recordings: Sequence[Recording], design: Design
) -> dict[str, ContextLeakage]:
    """Space → how many test samples' context reaches back to a training sample of the same run.

    Parameters
    ----------
    specs : feature space → how it is made of stimuli, resolved.
    library : stimuli, for the words that contexts hold.
    recordings : of the design's runs, in order.
    design : rows with their outer folds.
    """
    leakage = {}
    split = encoding.splits_runs(design)
    for name, spec in specs.items():
        if reach := features.reach_of(spec):
            starts_s = _starts(library, recordings, design, reach) if split else design.times_s
            crossing = encoding.reaching_back(design, starts_s) if split else 0
            leakage[name] = ContextLeakage(crossing, len(design.times_s), reach.text, split)
    return leakage


def _starts(library: StimulusLibrary, recordings: Sequence[Recording], design: Design, reach: Reach) -> Array:
    """(n_times,) the earliest instant, on the run's clock, that any of a sample's features has heard."""
    earliest_s = design.times_s - max(design.delays_s)
    if reach.seconds is not None:
        return np.asarray(earliest_s - reach.seconds)
    n_words = reach.most_words or 0
    starts_s = earliest_s.copy()
    for run, recording in enumerate(recordings):
        own = design.runs == run
        onsets_s = np.sort(
            np.concatenate([event.onset_s + library.words(recording, event).onset_s for event in recording.stimuli])
        )
        at = np.searchsorted(onsets_s, earliest_s[own], side="right") - 1 - n_words
        starts_s[own] = np.minimum(earliest_s[own], onsets_s[np.maximum(at, 0)])
    return starts_s
