"""Every union of the partition's units, fitted in nested folds and scored on held-out samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import torch

from bids_app.encoding.candidates import alpha_grid, band_weights
from bids_app.encoding.columns import band_columns
from bids_app.encoding.folds import audit, fold_warnings, inner_folds, outer_split
from bids_app.encoding.ridge import Search, Split, as_candidates, make_split, refit, total_weights
from bids_app.encoding.scores import FoldScores, held_out, pooled, side_by_side
from bids_app.records import Array, Design, Fit, FitSpec

TARGETS_AT_ONCE = 8192  # bounds memory; a constant, so that results do not depend on the machine
MOST_UNITS = 4  # 15 unions
Rows = tuple[Array, Array]  # row numbers of training and of evaluation samples


def unions_of(units: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """All 2^k − 1 non-empty sets of units: singles first, the full one last."""
    return tuple(chosen for size in range(1, len(units) + 1) for chosen in combinations(units, size))


def fit(design: Design, units: Mapping[str, Sequence[str]], spec: FitSpec, device: str = "cpu") -> Fit:
    """Fit all unions of `units` (unit → its bands) in nested folds.

    Scores as DESIGN 6 defines them: rsquared pools squared errors over all outer folds, against the training mean;
    r is Pearson's within each outer fold, averaged through Fisher's z. Unusable targets are NaN.
    Raises ValueError for no unit, more than four, a band that is not in the design, or folds that cannot be made.
    """
    bands = _bands(design, units)
    unions = unions_of(tuple(units))
    members = [tuple(bands.index(band) for unit in union for band in units[unit]) for union in unions]
    Y = design.Y[:, design.usable]  # a surface with a limited field of view is mostly unusable
    scores: list[list[FoldScores]] = []
    norms: list[list[Array]] = []
    audits = []
    for fold in np.unique(design.folds).tolist():
        train, test = outer_split(design, fold)
        X = [band_columns(design.bands[name], train, design.pca.get(name)) for name in bands]
        inner = inner_folds(design, train, spec.inner)
        outer = np.flatnonzero(train), np.flatnonzero(test)
        fold_scores, fold_norms = _fit_fold(X, Y, outer, inner, members, len(design.delays_s), spec, device)
        scores.append(fold_scores)
        norms.append(fold_norms)
        audits.append(audit(design, fold, train, test, len(inner)))
    rsquared, r, at_edge = zip(*(pooled(union) for union in zip(*scores, strict=True)), strict=True)
    profile = {
        name: _in_place(np.mean(band, axis=0), design.usable)
        for name, band in zip(bands, zip(*norms, strict=True), strict=True)
    }
    return Fit(
        unions=unions,
        rsquared=_in_place(np.stack(rsquared), design.usable),
        r=_in_place(np.stack(r), design.usable),
        at_edge=_in_place(np.stack(at_edge), design.usable),
        profile=profile,
        delays_s=design.delays_s,
        folds=tuple(audits),
        warnings=(*fold_warnings(design, spec.outer), *_solver_warnings(spec, bands)),
    )


def _in_place(values: Array, usable: Array) -> Array:
    """values (n, n_usable) → (n, n_targets), NaN for unusable targets."""
    whole = np.full((len(values), len(usable)), np.nan)
    whole[:, usable] = values
    return whole


def _bands(design: Design, units: Mapping[str, Sequence[str]]) -> list[str]:
    bands = [band for members in units.values() for band in members]
    if not 1 <= len(units) <= MOST_UNITS:
        raise ValueError(f"a partition takes 1 to {MOST_UNITS} units, not {len(units)}")
    if missing := sorted(set(bands) - set(design.bands)):
        raise ValueError(f"the design has no band {', '.join(missing)}")
    if len(set(bands)) < len(bands):
        raise ValueError("a band belongs to more than one unit")
    return bands


def _solver_warnings(spec: FitSpec, bands: Sequence[str]) -> tuple[str, ...]:
    if spec.solver == "banded_ridge" or len(bands) == 1:
        return ()
    return ("plain ridge biases shared parts upwards where spaces differ in size; banded_ridge does not",)


def _fit_fold(
    X: Sequence[Array],
    Y: Array,
    outer: Rows,
    inner: Sequence[Rows],
    members: Sequence[tuple[int, ...]],
    n_delays: int,
    spec: FitSpec,
    device: str,
) -> tuple[list[FoldScores], list[Array]]:
    """One outer fold, targets in batches: scores of every union (by its bands' numbers), and of the last one the
    norm of each band's weights, (n_delays, n_targets)."""
    bands = [torch.as_tensor(band, dtype=torch.float64, device=device) for band in X]
    scores, norms = [], []
    for at in range(0, Y.shape[1], TARGETS_AT_ONCE):
        targets = torch.as_tensor(Y[:, at : at + TARGETS_AT_ONCE], dtype=torch.float64, device=device)
        batch_scores, weights = _fit_batch(
            _split(bands, targets, outer), [_split(bands, targets, rows) for rows in inner], members, spec
        )
        scores.append(batch_scores)
        norms.append([_delay_norms(weights[band], n_delays) for band in range(len(bands))])
    joined = [side_by_side(parts) for parts in zip(*scores, strict=True)]
    return joined, [np.concatenate(parts, axis=1) for parts in zip(*norms, strict=True)]


def _split(bands: Sequence[torch.Tensor], targets: torch.Tensor, rows: Rows) -> Split:
    train, evaluate = (torch.as_tensor(part, device=targets.device) for part in rows)
    return make_split(bands, targets, train, evaluate)


def _fit_batch(
    outer: Split, inner: Sequence[Split], members: Sequence[tuple[int, ...]], spec: FitSpec
) -> tuple[list[FoldScores], dict[int, torch.Tensor]]:
    """Scores of every union, and the last union's weights {band: (n_columns_b, n_targets)}."""
    alphas = alpha_grid(*spec.alphas)
    search = Search(inner, alphas)
    scores = []
    for union in members:
        table = band_weights(len(union), spec.candidates if spec.solver == "banded_ridge" else 1, spec.seed)
        candidates = as_candidates(table, union)
        choice = search.choose(candidates)
        scores.append(held_out(outer.Y_eval, refit(outer, candidates, alphas, choice), choice.alpha, len(alphas)))
    return scores, total_weights(outer, candidates, alphas, choice)


def _delay_norms(weights: torch.Tensor, n_delays: int) -> Array:
    """weights (n_delays · n_dims, n_targets) → (n_delays, n_targets) Euclidean norm over dimensions."""
    return np.asarray(weights.reshape(n_delays, -1, weights.shape[1]).norm(dim=1).cpu().numpy())
