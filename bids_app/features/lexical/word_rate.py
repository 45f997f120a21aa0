"""`word_rate`: a one for every word, the floor that any model of words has to beat."""

from __future__ import annotations

from bids_app.features.base.family import Family
from bids_app.features.base.words import STAMP, rate_features, spoken_words
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, 1), all ones."""
    words, notes = spoken_words(stimulus)
    return rate_features(spec, words, "word", STAMP, causal=True, notes=notes)


FAMILY = Family(
    kind="word_rate",
    label="word rate",
    role="lexical",
    version=1,
    needs=frozenset({"words"}),
    extract=extract,
    is_baseline=True,
)
