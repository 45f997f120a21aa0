"""`position`: how many words have been said, a baseline for whatever drifts over a story."""

from __future__ import annotations

import numpy as np

from bids_app.features.base.family import Family
from bids_app.features.base.words import STAMP, event_features, spoken_words
from bids_app.records import FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, 2): the word's number from 1 in order of ends, and its natural logarithm.

    Parameters
    ----------
    stimulus : with its words.
    spec : resolved; it has no options.
    source : where models are; not used.

    Returns
    -------
    Events; `times_s` (n_words,) are the words' offsets.
    """
    words, notes = spoken_words(stimulus)
    number = np.arange(1, len(words.text) + 1, dtype=np.float64)
    provenance = FeatureProvenance(
        kind=spec.kind,
        description="Position of each word in the stimulus: its number from 1, and the logarithm of it.",
        stamp=STAMP,
        dimensions=("number", "log number"),
        causal=True,
        notes=notes,
    )
    return event_features(spec, words, np.stack([number, np.log(number)], axis=1), provenance)


FAMILY = Family(
    kind="position",
    label="the position of each word",
    role="lexical",
    version=2,
    needs=frozenset({"words"}),
    extract=extract,
    baseline_label="position in the story",
)
