"""`word_embedding`: static word meaning, the input embeddings of a language model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bids_app.features.family import Family, Option
from bids_app.features.models import describe_model, load_model, load_tokenizer, model_files
from bids_app.features.words import STAMP, event_features, tokenize
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, n_hidden): the mean of the word's tokens' rows in the model's embedding table."""
    name = spec.options["model"]
    words, ids, notes = tokenize(stimulus, load_tokenizer(name, source))
    table = load_model(name, source).get_input_embeddings().weight.detach().cpu().numpy()
    values = np.stack([table[tokens].mean(axis=0, dtype=np.float64) for tokens in ids])
    provenance = {
        "description": f"Input embedding of each word in {name}, the mean over its tokens; no context enters.",
        "stamp": STAMP,
        "dimensions": f"{values.shape[1]} dimensions of the embedding",
        "causal": True,
        "notes": notes,
        **describe_model(name, source),
    }
    return event_features(spec, words, values, provenance)


def files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """The model's files."""
    return model_files(spec.options["model"], source)


FAMILY = Family("word_embedding", 1, frozenset({"words"}), extract, {"model": Option(str)}, files)
