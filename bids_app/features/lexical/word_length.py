"""`word_length`: how many letters each word has."""

from __future__ import annotations

import numpy as np

from bids_app.features.base.family import Family
from bids_app.features.base.words import STAMP, event_features, spoken_words
from bids_app.records import FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, 1): letters and digits of the word; punctuation is not counted.

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
    lengths = [[sum(character.isalnum() for character in word)] for word in words.text]
    provenance = FeatureProvenance(
        kind=spec.kind,
        description="Number of letters and digits of each word.",
        stamp=STAMP,
        dimensions=("letters",),
        causal=True,
        notes=notes,
    )
    return event_features(spec, words, np.array(lengths, dtype=np.float64), provenance)


FAMILY = Family(
    kind="word_length",
    label="word length in letters",
    role="lexical",
    version=1,
    needs=frozenset({"words"}),
    extract=extract,
)
