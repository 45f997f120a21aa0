"""Every union of the partition's units, fitted in nested folds and scored on held-out samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import torch

from bids_app.encoding.candidates import alpha_grid, band_weights
from bids_app.encoding.columns import band_columns
from bids_app.encoding.design import BLOCKS, fold_index, purged, stimulus_groups
from bids_app.encoding.ridge import Choice, Search, Split, as_candidates, make_split, refit
from bids_app.records import Array, Design, Fit, FitSpec, FoldAudit

TARGETS_AT_ONCE = 8192  # bounds memory; every batch sees the same folds and candidates


def unions_of(units: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """All 2^k − 1 non-empty sets of units: singles first, the full one last."""
    return tuple(chosen for size in range(1, len(units) + 1) for chosen in combinations(units, size))


@dataclass(frozen=True)
class FoldScores:
    """One outer fold and union: sums of squares, Pearson r and whether alpha is at the grid's edge, (n_targets,)."""

    residual: Array
    total: Array
    r: Array
    at_edge: Array
    weights: Mapping[int, Array] = field(kw_only=True)


def fit(design: Design, units: Mapping[str, Sequence[str]], spec: FitSpec, device: str = "cpu") -> Fit:
    """Fit all unions of `units` (unit → its bands) in nested folds.

    Scores as DESIGN 6 defines them: rsquared pools squared errors over all outer folds, against the training mean;
    r is Pearson's within each outer fold, averaged through Fisher's z. Unusable targets are NaN.
    Raises ValueError where folds cannot be made.
    """
    unions = unions_of(tuple(units))
    names = [band for bands in units.values() for band in bands]
    number = {name: index for index, name in enumerate(names)}
    members = [tuple(number[band] for unit in union for band in units[unit]) for union in unions]
    Y = np.where(design.usable, design.Y, 0.0)  # columns stay in place, so that no target's bits depend on another's
    scores: list[list[FoldScores]] = []
    audits = []
    for fold in np.unique(design.folds):
        train, test = _outer_split(design, int(fold))
        X = [band_columns(design.bands[name], train, design.pca.get(name)) for name in names]
        inner = _inner_folds(design, train, spec.inner)
        scores.append(_fit_fold(X, Y, train, test, inner, members, spec, device))
        audits.append(_audit(design, int(fold), train, test, len(inner)))
    residual = np.array([[union.residual for union in fold_scores] for fold_scores in scores]).sum(axis=0)
    total = np.array([[union.total for union in fold_scores] for fold_scores in scores]).sum(axis=0)
    r = np.tanh(np.mean([[np.arctanh(union.r) for union in fold_scores] for fold_scores in scores], axis=0))
    edge = np.mean([[union.at_edge for union in fold_scores] for fold_scores in scores], axis=0)
    profile = _profile([fold_scores[-1].weights for fold_scores in scores], names, len(design.delays_s))
    alive = np.where(design.usable, 1.0, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        rsquared = (1 - residual / total) * alive
    return Fit(
        unions=unions,
        rsquared=rsquared,
        r=r * alive,
        at_edge=edge * alive,
        profile={name: values * alive for name, values in profile.items()},
        delays_s=design.delays_s,
        folds=tuple(audits),
        warnings=_warnings(design, spec),
    )


def _warnings(design: Design, spec: FitSpec) -> tuple[str, ...]:
    lines = []
    if spec.outer == "by_run" and len(set(stimulus_groups(design.run_stimuli))) == 1:
        lines.append(f"a single run: outer folds are {BLOCKS} contiguous blocks")
    if len(np.unique(design.folds)) < 3:
        lines.append("fewer than three outer folds: scores are uncertain")
    if spec.solver == "ridge" and len(design.bands) > 1:
        lines.append("plain ridge biases shared parts upwards where spaces differ in size; banded_ridge does not")
    return tuple(lines)


# ------------------------------------------------------------------------------------------------------------- folds
def _outer_split(design: Design, fold: int) -> tuple[Array, Array]:
    """(n_times,) bool train and test of a fold. Raises ValueError where purging leaves nothing."""
    test = design.folds == fold
    train = purged(~test, test, design.runs, design.times_s, design.purge_s)
    if not train.any():
        raise ValueError(f"purging leaves fold {fold} without training samples")
    return train, test


def _audit(design: Design, fold: int, train: Array, test: Array, n_inner: int) -> FoldAudit:
    purged_samples = int((~test & ~train).sum())
    spans = _spans(design, test), _spans(design, train)
    return FoldAudit(fold, *spans, int(train.sum()), int(test.sum()), purged_samples, n_inner)


def _spans(design: Design, chosen: Array) -> tuple[str, ...]:
    """Labels of the runs with chosen samples, with the time spans where a run is split."""
    lines = []
    for run in np.unique(design.runs[chosen]):
        mine = design.runs == run
        label = design.run_labels[run]
        if chosen[mine].all():
            lines.append(label)
            continue
        times, inside = design.times_s[mine], chosen[mine].astype(int)
        starts = np.flatnonzero(np.diff(np.concatenate([[0], inside])) == 1)
        stops = np.flatnonzero(np.diff(np.concatenate([inside, [0]])) == -1)
        spans = ", ".join(f"{times[a]:.0f}–{times[b]:.0f} s" for a, b in zip(starts, stops, strict=True))
        lines.append(f"{label} [{spans}]")
    return tuple(lines)


def _inner_folds(design: Design, train: Array, inner: str | int) -> list[tuple[Array, Array]]:
    """Indices into all samples of each inner fold's training and validation rows, purged as outer folds are."""
    rows = np.flatnonzero(train)
    present, runs = np.unique(design.runs[rows], return_inverse=True)
    folds = fold_index(runs, [design.run_stimuli[run] for run in present], inner)
    pairs = []
    for fold in np.unique(folds):
        validate = np.zeros(len(train), dtype=bool)
        validate[rows[folds == fold]] = True
        fitted = purged(train & ~validate, validate, design.runs, design.times_s, design.purge_s)
        if fitted.any():
            pairs.append((np.flatnonzero(fitted), np.flatnonzero(validate)))
    if not pairs:
        raise ValueError("purging leaves no inner fold with training samples")
    return pairs


# ----------------------------------------------------------------------------------------------------------- one fold
def _fit_fold(
    X: Sequence[Array],
    Y: Array,
    train: Array,
    test: Array,
    inner: Sequence[tuple[Array, Array]],
    members: Sequence[tuple[int, ...]],
    spec: FitSpec,
    device: str,
) -> list[FoldScores]:
    """Scores of every union (by its bands' numbers) on one outer fold, targets in batches."""
    batches = [
        _fit_batch(X, Y[:, at : at + TARGETS_AT_ONCE], train, test, inner, members, spec, device)
        for at in range(0, Y.shape[1], TARGETS_AT_ONCE)
    ]
    return [_joined(parts) for parts in zip(*batches, strict=True)]


def _joined(parts: Sequence[FoldScores]) -> FoldScores:
    columns = [
        np.concatenate([getattr(part, name) for part in parts]) for name in ("residual", "total", "r", "at_edge")
    ]
    weights = {band: np.concatenate([part.weights[band] for part in parts], axis=1) for band in parts[0].weights}
    return FoldScores(*columns, weights=weights)


def _fit_batch(
    X: Sequence[Array],
    Y: Array,
    train: Array,
    test: Array,
    inner: Sequence[tuple[Array, Array]],
    members: Sequence[tuple[int, ...]],
    spec: FitSpec,
    device: str,
) -> list[FoldScores]:
    bands = [torch.as_tensor(band, dtype=torch.float64, device=device) for band in X]
    targets = torch.as_tensor(Y, dtype=torch.float64, device=device)

    def split(fitted: Array, evaluated: Array) -> Split:
        return make_split(bands, targets, torch.as_tensor(fitted).to(device), torch.as_tensor(evaluated).to(device))

    outer = split(np.flatnonzero(train), np.flatnonzero(test))
    alphas = alpha_grid(*spec.alphas)
    search = Search([split(fitted, evaluated) for fitted, evaluated in inner], alphas)
    results = []
    for union in members:
        count = spec.candidates if spec.solver == "banded_ridge" else 0
        table = band_weights(len(union), count, spec.seed)
        candidates = as_candidates(table if spec.solver == "banded_ridge" else table[:1], union)
        choice = search.choose(candidates)
        predictions, weights = refit(outer, candidates, alphas, choice)
        last = union == members[-1]
        results.append(_scores(outer, predictions, choice, alphas, weights if last else {}))
    return results


def _scores(
    outer: Split, predictions: torch.Tensor, choice: Choice, alphas: Array, weights: Mapping[int, torch.Tensor]
) -> FoldScores:
    edges = {0, len(alphas) - 1} if len(alphas) > 1 else set()
    return FoldScores(
        residual=((outer.Y_eval - predictions) ** 2).sum(dim=0).cpu().numpy(),
        total=(outer.Y_eval**2).sum(dim=0).cpu().numpy(),
        r=pearson(outer.Y_eval, predictions).cpu().numpy(),
        at_edge=np.isin(choice.alpha, list(edges)).astype(float),
        weights={band: values.cpu().numpy() for band, values in weights.items()},
    )


def pearson(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """(n_targets,) correlation of columns; 0 where one is constant, short of ±1 so that Fisher's z is finite."""
    a, b = one - one.mean(dim=0), other - other.mean(dim=0)
    size = torch.sqrt((a**2).sum(dim=0) * (b**2).sum(dim=0))
    r = torch.where(size > 0, (a * b).sum(dim=0) / torch.where(size > 0, size, 1.0), 0.0)
    return r.clamp(-1 + 1e-12, 1 - 1e-12)


def _profile(folds: Sequence[Mapping[int, Array]], names: Sequence[str], n_delays: int) -> dict[str, Array]:
    """{band: (n_delays, n_targets)} norm over dimensions of the full union's weights, averaged over folds."""
    norms = {}
    for number, name in enumerate(names):
        by_fold = [weights[number].reshape(n_delays, -1, weights[number].shape[1]) for weights in folds]
        norms[name] = np.mean([np.sqrt((weights**2).sum(axis=1)) for weights in by_fold], axis=0)
    return norms
