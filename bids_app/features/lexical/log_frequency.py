"""`log_frequency`: how common each word is in its language."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.errors import UsageError
from bids_app.features.base.family import Family, Option
from bids_app.features.base.needs import require_language
from bids_app.features.base.words import STAMP, event_features, spoken_words
from bids_app.records import Array, FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, 1): log10 of occurrences per billion words (Zipf scale, van Heuven et al. 2014), by wordfreq
    (Speer 2022, doi:10.5281/zenodo.7199437). Words it does not know have 0.

    Parameters
    ----------
    stimulus : with its words.
    spec : resolved; `language` as a code such as 'en'.
    source : where models are; not used.

    Returns
    -------
    Events; `times_s` (n_words,) are the words' offsets.

    Raises
    ------
    UsageError
        Where wordfreq does not know the language.
    """
    language = spec.options["language"]
    words, notes = spoken_words(stimulus)
    values = zipf_frequencies(words.text, language, f"feature '{spec.name}'")[:, None]
    unknown = float((values == 0).mean())
    if unknown:
        notes = (*notes, f"{unknown:.1%} of the words are not in wordfreq's list and have 0")
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Log10 of each word's occurrences per billion words of language '{language}' (Zipf scale).",
        stamp=STAMP,
        dimensions=("log10 frequency",),
        causal=True,
        unknown_share=round(unknown, 6),
        notes=notes,
    )
    return event_features(spec, words, values, provenance)


def zipf_frequencies(words: Sequence[str], language: str, where: str) -> Array:
    """Zipf frequencies by wordfreq.

    Parameters
    ----------
    words : (n_words,).
    language : two letters.
    where : the feature, for errors.

    Returns
    -------
    (n_words,) log10 of occurrences per billion words; 0 where wordfreq does not know the word.

    Raises
    ------
    UsageError : wordfreq lacks the language, or what splits it into words.
    """
    import wordfreq

    known = wordfreq.available_languages()
    if language not in known:
        raise UsageError(f"no word frequencies for '{language}'", where, f"one of {', '.join(sorted(known))}")
    try:
        return np.array([wordfreq.zipf_frequency(word, language) for word in words])
    except ImportError as error:  # Chinese, Japanese and Korean need packages of their own
        raise UsageError(f"no word frequencies for '{language}' here", where, str(error)) from None


def check_stimulus(stimulus: Stimulus, spec: FeatureSpec) -> None:
    """Make sure that the list is of the words' language, where that is known.

    Parameters
    ----------
    stimulus : with its language, or None.
    spec : resolved; `language`.

    Raises
    ------
    DataError : it is of another.
    """
    require_language(stimulus, spec.options["language"], f"feature '{spec.name}'")


FAMILY = Family(
    kind="log_frequency",
    label="log word frequency",
    role="lexical",
    version=1,
    needs=frozenset({"words"}),
    extract=extract,
    options={"language": Option(str, "en")},
    check_stimulus=check_stimulus,
)
