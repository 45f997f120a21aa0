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
    WORD_COUNT,
    Array,
    Design,
    Projected,
    ResidualSpec,
    Run,
    SharedSubspace,
    SubspaceFold,
    SubspaceSpec,
)

SHARED = "shared"
PENALTIES = tuple(10.0**power for power in range(-5, 4))  # of a residual's ridge, as shares of a column's squares


def rest_band(space: str) -> str:
    """A model's own part."""
    return f"{space}Rest"


def own_band(space: str) -> str:
    """A model's own variates, of an in-sample fit."""
    return f"{space}Shared"


@dataclass(frozen=True)
class FittedSubspace:
    """A shared subspace of some words: what is told of it, and its maps."""

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
    """Bands `shared`, `<one>Rest` and `<other>Rest`, fitted on the words of each outer fold's training stimuli;
    `sources`: the bands of both models' rows by word. Where `spec.fit` is 'all', one fit on all stimuli, and each
    model's own variates, `<one>Shared` and `<other>Shared`, besides. `known`: fits by what decides them,
    looked up and added to, for people who heard the same words.

    Raises CannotFit where words are too few.
    """
    folds = np.unique(design.folds).tolist()
    told = [None] if spec.fit == "all" else folds
    fitted = [_fitted(runs, design, spec, sources, fold, seed, {} if known is None else known) for fold in told]
    maps = [each.maps for each in fitted] * (len(folds) // len(told))
    one, other = ((source, WORD_COUNT) for source in sources)
    bands = {
        SHARED: _projected((*sources, WORD_COUNT), folds, [each.shared for each in maps]),
        rest_band(spec.between[0]): _projected(one, folds, [each.rest[0] for each in maps]),
        rest_band(spec.between[1]): _projected(other, folds, [each.rest[1] for each in maps]),
    }
    if spec.fit == "all":
        bands[own_band(spec.between[0])] = _projected(one, folds, [each.variates[0] for each in maps])
        bands[own_band(spec.between[1])] = _projected(other, folds, [each.variates[1] for each in maps])
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
    one, other = (_rows(words, design, source, fold) for source in sources)
    labels = inner_labels(words, design.purge_s)
    digest = hashlib.sha256(repr((spec, seed, fold is None, one.shape, other.shape)).encode())
    for part in (one, other, labels):
        digest.update(part.tobytes())
    key = digest.hexdigest()
    if key not in known:
        known[key] = _fit(one, other, labels, spec, fold is not None, seed)
    found = known[key]
    return replace(found, audit=replace(found.audit, fold=fold))


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


def _fit(one: Array, other: Array, labels: Array, spec: SubspaceSpec, limited: bool, seed: int) -> FittedSubspace:
    held = held_out(one, other, labels, seed, spec.components)
    count = held.rank if spec.components is None else spec.components
    maps = canonical.subspace(one, other, count, spec.rest_pca, limited)
    leak = np.full(len(maps.correlation), np.nan)
    tried = canonical.leakage(held.correlation[: len(leak)])
    leak[: len(tried)] = tried
    audit = SubspaceFold(None, len(one), maps.dims, maps.correlation, leak, held.correlation, held.p, held.null_95)
    return FittedSubspace(audit, maps)


def residual(runs: Sequence[Run], design: Design, spec: ResidualSpec, sources: tuple[str, str]) -> Projected:
    """The contextual rows, scaled, less what ridge regression predicts of them from the static rows of the same
    words, fitted on the words of each outer fold's training stimuli; `sources`: both bands. Raises CannotFit where
    words are too few."""
    folds = np.unique(design.folds).tolist()
    matrices = []
    for fold in folds:
        words = words_of(runs, design, fold)
        contextual, static = (_rows(words, design, source, fold) for source in sources)
        matrices.append(residual_map(contextual, static, inner_labels(words, design.purge_s), spec.pca))
    return _projected((*sources, WORD_COUNT), folds, matrices)


def residual_map(contextual: Array, static: Array, folds: Array, most: int | None) -> Array:
    """(n, d) and (n, e) → (d + e + 1, k) for rows of both and a one side by side: k = d, or `most` principal
    components. folds (n,) int, −1 for rows that choose no penalty."""
    mean, scale = canonical.moments(contextual)
    static_mean, static_scale = canonical.moments(static)
    z, x = (contextual - mean) / scale, (static - static_mean) / static_scale
    weights = ridge(x, z, folds)
    left = z - x @ weights
    axes = np.eye(z.shape[1]) if most is None else canonical.principal(left.T @ left / len(left))[0][:, :most]
    on_contextual, on_static = axes / scale[:, None], -(weights @ axes) / static_scale[:, None]
    return np.vstack([on_contextual, on_static, -mean @ on_contextual - static_mean @ on_static])


def ridge(x: Array, z: Array, folds: Array) -> Array:
    """Weights (e, d) of centred z (n, d) on centred x (n, e), with the one of `PENALTIES` (shares of a column's sum
    of squares) that leaves least in held-out folds. Raises CannotFit for fewer than two folds."""
    numbers = [number for number in np.unique(folds) if number >= 0]
    if len(numbers) < 2:
        raise CannotFit("a residual needs at least two folds of words to choose its penalty", canonical.MORE_WORDS)
    left = np.zeros(len(PENALTIES))
    for number in numbers:
        train, held = (folds >= 0) & (folds != number), folds == number
        values, axes = np.linalg.eigh(x[train].T @ x[train])
        coordinates, rows = axes.T @ (x[train].T @ z[train]), x[held] @ axes
        for place, penalty in enumerate(PENALTIES):
            shrunk = rows / (np.maximum(values, 0) + penalty * train.sum())
            left[place] += np.square(z[held] - shrunk @ coordinates).sum()
    penalty = PENALTIES[int(left.argmin())] * len(x)
    return np.asarray(np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ z))


def _projected(sources: tuple[str, ...], folds: Sequence[int], matrices: Sequence[Array]) -> Projected:
    """Matrices brought to one width by columns of zeros: one at least."""
    width = max(1, *(matrix.shape[1] for matrix in matrices))
    wide = [np.pad(matrix, ((0, 0), (0, width - matrix.shape[1]))) for matrix in matrices]
    return Projected(sources, dict(zip(folds, wide, strict=True)))
