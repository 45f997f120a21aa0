"""`surprisal`: how unexpected each word is to a causal language model."""

from __future__ import annotations

from typing import Any

from bids_app.features.base.family import Family
from bids_app.features.language import contexts, prediction
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, 1): −log2 of the word's probability, the sum over its tokens (Hale 2001; Levy 2008).

    Parameters
    ----------
    stimulus : with its words.
    spec : resolved; the model and its context.
    source : where models are, and the device.

    Returns
    -------
    Events; the values are in bits.
    """
    return prediction.extract(stimulus, spec, source, surprisal, "Surprisal in bits, the sum over the word's tokens")


def surprisal(log2_p: Any, tokens: Any) -> Any:
    """Surprisal of a word: the sum over its tokens, each given those before it.

    Parameters
    ----------
    log2_p : (n_tokens, n_vocabulary).
    tokens : (n_tokens,) the word's own.

    Returns
    -------
    Bits.
    """
    return -log2_p.gather(1, tokens[:, None]).sum()


FAMILY = Family(
    kind="surprisal",
    label="the surprisal of each word to a language model",
    role="prediction",
    version=4,
    needs=frozenset({"words"}),
    extract=extract,
    options=prediction.OPTIONS,
    files=prediction.files,
    check_model=prediction.check_model,
    rules=contexts.rules,
    reach=contexts.reach,
)
