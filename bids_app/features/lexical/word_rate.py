"""`word_rate`: a one for every word, the baseline that any model of words has to beat."""

from __future__ import annotations

import numpy as np

from bids_app.features.base.family import Family
from bids_app.features.base.words import STAMP, event_features, spoken_words
from bids_app.records import FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, 1), all ones.

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
    provenance = FeatureProvenance(
        kind=spec.kind,
        description="One for every word.",
        stamp=STAMP,
        dimensions=("word",),
        causal=True,
        notes=notes,
    )
    return event_features(spec, words, np.ones((len(words.text), 1)), provenance)


FAMILY = Family(
    kind="word_rate",
    label="word rate",
    role="lexical",
    version=1,
    needs=frozenset({"words"}),
    extract=extract,
    baseline_label="word rate",
)
