"""Bands that are fitted on words: their sources beside a run's other bands, and what a design gets of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bids_app import encoding
from bids_app.errors import DataError
from bids_app.pipeline.runs.load_settings import Sounds
from bids_app.pipeline.runs.subspace_cache import SubspaceCache
from bids_app.records import (
    WORD_COUNT,
    Design,
    Features,
    Projected,
    Run,
    SharedSubspace,
    WordRows,
    is_word_band,
    word_band,
)
from bids_app.settings.analysis import Analysis


def with_words(sounds: Sounds, projected_spaces: Sequence[str]) -> Sounds:
    """Features with rows by word of those projected spaces that have none, and a band of ones, if any are projected.

    Parameters
    ----------
    sounds : of each stimulus its features, and its onset in seconds.
    projected_spaces : spaces whose rows by word are projected.

    Raises
    ------
    DataError : where no such space has rows by word, or their words differ.
    """
    if not projected_spaces:
        return sounds
    return [({**features, **_by_word(features, projected_spaces)}, onset_s) for features, onset_s in sounds]


def _by_word(features: Mapping[str, Features], spaces: Sequence[str]) -> dict[str, Features]:
    words = next((features[name] for name in spaces if features[name].onsets_s is not None), None)
    if words is None:
        what = "needs rows by word of one space at least"
        raise DataError(f"what is fitted on words ({', '.join(spaces)}) {what}", hint="a language_model has them")
    try:
        rows = {name: encoding.over_words(features[name], words) for name in spaces}
    except encoding.CannotFit as error:
        raise DataError(error.message, hint="spaces that are projected together need the same words") from None
    averaged = {word_band(name): made for name, made in rows.items() if made is not features[name]}
    return {**averaged, WORD_COUNT: replace(words, values=np.ones((len(words.values), 1), np.float32))}


def source_bands(sounds: Sounds) -> tuple[str, ...]:
    """Bands that runs hold for projections alone: what `with_words` added."""
    return tuple(name for name in sounds[0][0] if is_word_band(name))


def _source(name: str, bands: Mapping[str, Any]) -> str:
    """The band of a space's rows by word."""
    return word_band(name) if word_band(name) in bands else name


def rows_by_word(
    projected_spaces: Sequence[str], stimuli: Sequence[str], sounds: Sounds, stamp: str
) -> tuple[WordRows, ...]:
    """What projections of a run are fitted on.

    Parameters
    ----------
    projected_spaces : spaces whose rows by word are projected.
    stimuli : ids of the stimuli heard, in order.
    sounds : of each its features, as `with_words` gives them, and its onset in seconds.
    stamp : whether a word's time is its `onset` or its `offset`.

    Returns
    -------
    Rows of each stimulus in order of time, on the run's clock; none where nothing is projected.
    """
    made = []
    for stimulus, (features, onset_s) in zip(stimuli, sounds, strict=True):
        rows = {source: features[source] for source in (_source(name, features) for name in projected_spaces)}
        if rows:
            first = next(iter(rows.values()))
            times_s = np.asarray(first.onsets_s if stamp == "onset" else first.times_s)
            order = np.argsort(times_s, kind="stable")
            values = {name: one.values[order] for name, one in rows.items()}
            made.append(WordRows(stimulus, times_s[order] + onset_s, values))
    return tuple(made)


def project(
    design: Design, runs: Sequence[Run], analysis: Analysis, cache: SubspaceCache
) -> tuple[Design, SharedSubspace | None]:
    """Add the analysis's projected bands to a design.

    Parameters
    ----------
    design : runs stacked, in outer folds.
    runs : with their rows by word.
    analysis : which residuals and which shared subspace are asked for.
    cache : shared subspaces that were fitted already; added to.

    Returns
    -------
    The design, and the shared subspace fold by fold, if one is asked for.

    Raises
    ------
    CannotFit : where there are too few words.
    """
    bands: dict[str, Projected] = {}
    for name, spec in analysis.residual_specs().items():
        sources = _source(spec.contextual, design.bands), _source(spec.static, design.bands)
        bands[name] = encoding.residual(runs, design, spec, sources)
    shared, subspace = analysis.subspace_spec(), None
    if shared is not None:
        sources = _source(shared.between[0], design.bands), _source(shared.between[1], design.bands)
        more, subspace = encoding.shared_subspace(runs, design, shared, sources, analysis.fit.seed, cache.fits)
        bands |= more
    return replace(design, projected=bands), subspace
