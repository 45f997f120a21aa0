"""`entropy`: how uncertain a causal language model is before each word."""

from __future__ import annotations

from typing import Any

from bids_app.features.base.family import Family
from bids_app.features.language import contexts, prediction
from bids_app.features.language.workload import workload_of_all
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, 1): the entropy of what the model expects where the word begins, over its first token.

    Parameters
    ----------
    stimulus : with its words.
    spec : resolved; the model and its context.
    source : where models are, and the device.

    Returns
    -------
    Events; the values are in bits.
    """
    what = "Entropy in bits of the word's first token, before it"
    return prediction.extract(stimulus, spec, source, lambda given, tokenizer: entropy, what)


def entropy(log2_p: Any, tokens: Any, row: int) -> Any:
    """Entropy of what is expected for the word's first token.

    Parameters
    ----------
    log2_p : (n_tokens + 1, n_vocabulary).
    tokens, row : not looked at.

    Returns
    -------
    Bits.
    """
    return -(log2_p[0].exp2() * log2_p[0]).sum()


FAMILY = Family(
    kind="entropy",
    label="a language model's entropy before each word",
    role="prediction",
    version=4,
    needs=frozenset({"words"}),
    extract=extract,
    options=prediction.OPTIONS,
    files=prediction.files,
    check_model=prediction.check_model,
    workload=workload_of_all,
    rules=contexts.rules,
    reach=contexts.reach,
)
