"""`surprisal`: how unexpected each word is to a causal language model."""

from __future__ import annotations

from typing import Any

from bids_app.features.base.family import Family, Option
from bids_app.features.base.tokens import boundary_tokens
from bids_app.features.base.words import Tokenized, may_precede_blank
from bids_app.features.language import contexts, prediction
from bids_app.features.language.workload import workload_of_all
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus

WHITESPACE = ("trailing", "leading")  # the blank between two words belongs to the first, or to the second


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, 1): −log2 of the word's probability (Hale 2001; Levy 2008).

    The sum over its tokens, where these begin with the blank before the word, is not that of a word: only the blank
    of the next one tells that it has ended. `whitespace: trailing` gives each word the probability of the boundary
    after it, and takes that of the boundary before it away (Pimentel & Meister 2024, arXiv:2406.14561; Oh & Schuler
    2024, arXiv:2406.10851). `leading` is the plain sum.

    Parameters
    ----------
    stimulus : with its words.
    spec : resolved; the model, its context and `whitespace`.
    source : where models are, and the device.

    Returns
    -------
    Events; the values are in bits.
    """
    if spec.options["whitespace"] == "leading":
        what = "Surprisal in bits, the sum over the word's tokens with the blank before it"
        return prediction.extract(stimulus, spec, source, lambda given, tokenizer: plain, what)
    what = "Surprisal in bits, the sum over the word's tokens with the boundary after it, given the one before it"
    return prediction.extract(stimulus, spec, source, with_boundaries, what)


def plain(log2_p: Any, tokens: Any, row: int) -> Any:
    """The sum over a word's tokens, each given those before it.

    Parameters
    ----------
    log2_p : (n_tokens + 1, n_vocabulary).
    tokens : (n_tokens,) the word's own.
    row : not looked at.

    Returns
    -------
    Bits.
    """
    return -log2_p[:-1].gather(1, tokens[:, None]).sum()


def with_boundaries(given: Tokenized, tokenizer: Any) -> prediction.Measure:
    """The measure of these words: plain − log2 P(boundary after) + log2 P(boundary before). Where no blank stands
    between two words there is no boundary to correct for, nor where no token begins with a blank.

    Parameters
    ----------
    given : the words and their tokens.
    tokenizer : of the model.
    """
    import torch

    boundary = boundary_tokens(tokenizer, given.joiner == "clitics")
    ends = [bool(boundary) and may_precede_blank(word, given.joiner) for word in given.words.text]
    begins = [
        after and own[0] in boundary for after, own in zip([bool(boundary), *ends[:-1]], given.ids, strict=True)
    ]
    places = torch.tensor(sorted(boundary), dtype=torch.int64)

    def measure(log2_p: Any, tokens: Any, row: int) -> Any:
        """Bits; of a word longer than the window the beginning is not known.

        Parameters
        ----------
        log2_p, tokens, row : see `prediction.Measure`.
        """
        bits = plain(log2_p, tokens, row)
        if begins[row] and len(tokens) == len(given.ids[row]):
            bits = bits + log2_p[0, places.to(log2_p.device)].exp2().sum().log2()
        return bits - log2_p[-1, places.to(log2_p.device)].exp2().sum().log2() if ends[row] else bits

    return measure


FAMILY = Family(
    kind="surprisal",
    label="the surprisal of each word to a language model",
    role="prediction",
    version=5,
    needs=frozenset({"words"}),
    extract=extract,
    options={**prediction.OPTIONS, "whitespace": Option(str, "trailing", choices=WHITESPACE)},
    files=prediction.files,
    check_model=prediction.check_model,
    workload=workload_of_all,
    rules=contexts.rules,
    reach=contexts.reach,
)
