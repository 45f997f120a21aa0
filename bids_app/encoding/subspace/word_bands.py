"""Bands projected from rows by word: what two models share and what is left of each, and one space less another."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bids_app.encoding.design.words import Words, inner_labels, words_of
from bids_app.encoding.errors import CannotFit
from bids_app.encoding.subspace import canonical
from bids_app.encoding.subspace.rank import held_out
from bids_app.records import (
    SHARED_GROUP,
    WORD_COUNT,
    Array,
    Design,
    Projected,
    ResidualSpec,
    Run,
    SharedSubspace,
    SubspaceFold,
    SubspaceSpec,
    own_band,
    rest_band,
)

PENALTIES = tuple(10.0**power for power in range(-5, 4))  # of a residual's ridge, as shares of a column's squares


@dataclass(frozen=True)
class FittedSubspace:
    """A shared subspace of some words.

    Parameters
    ----------
    audit : what is reported of it.
    maps : from both models' rows.
    """

    audit: SubspaceFold
    maps: canonical.Subspace


def shared_subspace(
    runs: Sequence[Run],
    design: Design,
    spec: SubspaceSpec,
    sources: tuple[str, str],
    seed: int,
    known: dict[str, FittedSubspace] | None = None,
) -> tuple[dict[str, Projected], SharedSubspace]:
    """Bands of what two models share and of what is left of each, fitted on the words of each outer fold's training
    stimuli.

    Where `spec.fit` is 'all', one fit on all stimuli, and each model's own variates besides.

    Parameters
    ----------
    runs : with the rows of their words.
    design : made of these runs.
    spec : which models, and how many pairs are kept.
    sources : the bands of both models' rows by word.
    seed : of the null of the rank.
    known : fits by a digest of what decides them; looked up and added to, for participants who heard the same words.

    Returns
    -------
    Bands `shared`, `<one>Rest` and `<other>Rest` (and `<one>Shared`, `<other>Shared`), and what was fitted.

    Raises
    ------
    CannotFit
        Where words are too few, or one fit for all folds would have to choose among layers.
    """
    folds = np.unique(design.folds).tolist()
    fitted_folds = [None] if spec.fit == "all" else folds
    fitted = [
        _fitted(runs, design, spec, sources, fold, seed, {} if known is None else known) for fold in fitted_folds
    ]
    maps = [each.maps for each in fitted] * (len(folds) // len(fitted_folds))
    first, second = ((source, WORD_COUNT) for source in sources)
    bands = {
        SHARED_GROUP: _projected((*sources, WORD_COUNT), folds, [each.shared for each in maps]),
        rest_band(spec.between[0]): _projected(first, folds, [each.rest[0] for each in maps]),
        rest_band(spec.between[1]): _projected(second, folds, [each.rest[1] for each in maps]),
    }
    if spec.fit == "all":
        bands[own_band(spec.between[0])] = _projected(first, folds, [each.variates[0] for each in maps])
        bands[own_band(spec.between[1])] = _projected(second, folds, [each.variates[1] for each in maps])
    return bands, SharedSubspace(spec, tuple(each.audit for each in fitted))


def _fitted(
    runs: Sequence[Run],
    design: Design,
    spec: SubspaceSpec,
    sources: tuple[str, str],
    fold: int | None,
    seed: int,
    known: dict[str, FittedSubspace],
) -> FittedSubspace:
    words = words_of(runs, design, fold)
    first, second = (_rows(words, design, source, fold) for source in sources)
    labels = inner_labels(words, design.purge_s)
    # what decides a fit: its settings and the bytes of its rows, as participants may have heard the same words
    digest = hashlib.sha256(repr((spec, seed, fold is None, first.shape, second.shape)).encode())
    for part in (first, second, labels):
        digest.update(part.tobytes())
    key = digest.hexdigest()
    if key not in known:
        known[key] = _fit(first, second, labels, spec, fold is not None, seed)
    fitted = known[key]
    return replace(fitted, audit=replace(fitted.audit, fold=fold))


def _rows(words: Words, design: Design, source: str, fold: int | None) -> Array:
    """A band's rows (n_words, n_dims), of a band of layers those of the layer that the outer fold has chosen."""
    layered = design.layered.get(source)
    if layered is None:
        return words.values[source]
    if fold is None:
        raise CannotFit(
            f"{source} has several layers, and one fit for all folds cannot choose among them", "give it one layer"
        )
    return words.values[source][:, layered.dims(fold)]


def _fit(first: Array, second: Array, labels: Array, spec: SubspaceSpec, limited: bool, seed: int) -> FittedSubspace:
    pairs = held_out(first, second, labels, seed, spec.components)
    count = pairs.rank if spec.components is None else spec.components
    maps = canonical.subspace(first, second, count, spec.rest_pca, limited)
    leak = np.full(len(maps.correlation), np.nan)
    tried = canonical.leakage(pairs.correlation[: len(leak)])
    leak[: len(tried)] = tried
    audit = SubspaceFold(
        None, len(first), maps.dims, maps.correlation, leak, pairs.correlation, pairs.p, pairs.null_95
    )
    return FittedSubspace(audit, maps)


def residual(runs: Sequence[Run], design: Design, spec: ResidualSpec, sources: tuple[str, str]) -> Projected:
    """A band of the contextual rows, scaled, less what ridge regression predicts of them from the static rows.

    Fitted on the words of each outer fold's training stimuli.

    Parameters
    ----------
    runs : with the rows of their words.
    design : made of these runs.
    spec : of which the components kept count.
    sources : the bands of contextual and static rows by word.

    Raises
    ------
    CannotFit
        Where words are too few.
    """
    folds = np.unique(design.folds).tolist()
    matrices = []
    for fold in folds:
        words = words_of(runs, design, fold)
        contextual, static = (_rows(words, design, source, fold) for source in sources)
        matrices.append(residual_map(contextual, static, inner_labels(words, design.purge_s), spec.pca))
    return _projected((*sources, WORD_COUNT), folds, matrices)


def residual_map(contextual: Array, static: Array, folds: Array, most: int | None) -> Array:
    """The map from both models' rows, side by side with a one, to the residual.

    Parameters
    ----------
    contextual, static : (n, d) and (n, e) rows of the same words.
    folds : (n,) int, −1 for rows that choose no penalty.
    most : principal components kept; None: all d dimensions.

    Returns
    -------
    (d + e + 1, k).
    """
    mean, scale = canonical.mean_and_scale(contextual)
    static_mean, static_scale = canonical.mean_and_scale(static)
    z, x = (contextual - mean) / scale, (static - static_mean) / static_scale
    weights = ridge(x, z, folds)
    left = z - x @ weights
    axes = np.eye(z.shape[1]) if most is None else canonical.principal(left.T @ left / len(left))[0][:, :most]
    # the scaling of both sides, taken into the map, and its constant in the last row
    on_contextual, on_static = axes / scale[:, None], -(weights @ axes) / static_scale[:, None]
    return np.vstack([on_contextual, on_static, -mean @ on_contextual - static_mean @ on_static])


def ridge(x: Array, z: Array, folds: Array) -> Array:
    """Ridge regression with the penalty that leaves least in held-out folds.

    Parameters
    ----------
    x, z : (n, e) and (n, d), centred; z is predicted.
    folds : (n,) int, −1 for rows that choose no penalty.

    Returns
    -------
    Weights (e, d); the penalty is one of `PENALTIES`, shares of a column's sum of squares.

    Raises
    ------
    CannotFit
        For fewer than two folds.
    """
    numbers = [number for number in np.unique(folds) if number >= 0]
    if len(numbers) < 2:
        raise CannotFit("a residual needs at least two folds of words to choose its penalty", canonical.MORE_WORDS)
    left = np.zeros(len(PENALTIES))
    for number in numbers:
        train, test = (folds >= 0) & (folds != number), folds == number
        values, axes = np.linalg.eigh(x[train].T @ x[train])
        coordinates, rows = axes.T @ (x[train].T @ z[train]), x[test] @ axes
        for place, penalty in enumerate(PENALTIES):
            # every penalty from one decomposition of the training rows
            shrunk = rows / (np.maximum(values, 0) + penalty * train.sum())
            left[place] += np.square(z[test] - shrunk @ coordinates).sum()
    penalty = PENALTIES[int(left.argmin())] * len(x)
    return np.asarray(np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ z))


def _projected(sources: tuple[str, ...], folds: Sequence[int], matrices: Sequence[Array]) -> Projected:
    """Matrices brought to one width by columns of zeros: one at least."""
    width = max(1, *(matrix.shape[1] for matrix in matrices))
    wide = [np.pad(matrix, ((0, 0), (0, width - matrix.shape[1]))) for matrix in matrices]
    return Projected(sources, dict(zip(folds, wide, strict=True)))
