"""Every union of the partition's units, fitted in nested folds and scored on held-out samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
import torch

from bids_app.encoding.design.columns import design_columns, n_delays, n_dims
from bids_app.encoding.design.folds import audit, fold_warnings, inner_folds, outer_split
from bids_app.encoding.ridge.batches import Size, batches, load
from bids_app.encoding.ridge.candidates import alpha_grid, nested_candidates
from bids_app.encoding.ridge.fitted import Observer, fit_chosen
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.results import Results
from bids_app.encoding.ridge.search import Search
from bids_app.encoding.ridge.splits import Columns, Split, Weights
from bids_app.records import Array, Design, Fit, FitSpec

MOST_UNITS = 4  # 15 unions
Precision = Literal["mixed", "float32", "float64"]
TYPES = {
    "mixed": (torch.float32, torch.float64),
    "float32": (torch.float32, torch.float32),
    "float64": (torch.float64, torch.float64),
}  # of products in the search and in the final fit; decompositions and sums are always in float64


@dataclass(frozen=True)
class _Fold:
    """An outer fold: its number, (n_times,) bool train and test, rows (training, validation) of its inner folds."""

    number: int
    train: Array
    test: Array
    inner: Sequence[tuple[Array, Array]]


@dataclass(frozen=True)
class _Plan:
    """What is the same for every batch: bands by name, candidates, the numbers of those that each union may choose,
    alphas, types, device."""

    bands: Sequence[str]
    candidates: Sequence[Weights]
    allowed: Sequence[Sequence[int]]
    alphas: Array
    types: tuple[torch.dtype, torch.dtype]
    device: str

    @property
    def tf32(self) -> bool:
        """Whether the search, and it alone, may use a GPU's TF32."""
        return self.types[0] == torch.float32 and torch.device(self.device).type == "cuda"


def unions_of(units: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """All 2^k − 1 non-empty sets of units: singles first, the full one last."""
    return tuple(chosen for size in range(1, len(units) + 1) for chosen in combinations(units, size))


def fit(
    design: Design,
    units: Mapping[str, Sequence[str]],
    spec: FitSpec,
    device: str = "cpu",
    *,
    unions: Sequence[tuple[str, ...]] | None = None,
    mem_mb: int | None = None,
    precision: Precision = "mixed",
    weights: bool = False,
    observer: Observer | None = None,
    subsets: bool = True,
) -> Fit:
    """Fit all unions of `units` (unit → its bands), or only `unions`, the last of them the full one, in nested folds.

    Scores as DESIGN 6 defines them: rsquared pools squared errors over all outer folds, against the training mean;
    r is Pearson's within each outer fold, averaged through Fisher's z. Unusable targets are NaN. Y may be a memory
    map: it is read a batch of targets at a time. `mem_mb` bounds the memory of the whole process in MB (10⁶ bytes)
    and changes no result. `precision`: 'mixed' searches in float32 (on a GPU in TF32) and fits in float64.
    `weights` keeps the full union's weights. `observer` is told of every fitted model. A union's search includes
    those of all its subsets, fitted or not; without `subsets`, those of the fitted ones alone.

    Raises ValueError for no unit, all unions of more than four, a band that is not in the design, or folds that
    cannot be made; MemoryError where the limit is too low for any fit.
    """
    if not units or (unions is None and len(units) > MOST_UNITS):
        raise ValueError(f"a partition takes 1 to {MOST_UNITS} units, not {len(units)}")
    unions = unions_of(tuple(units)) if unions is None else tuple(unions)
    bands = _bands(design, units)
    plan = _plan(units, bands, unions, spec, precision, device, subsets)
    folds = [_fold(design, number, spec) for number in np.unique(design.folds).tolist()]
    results = Results(design, bands, len(unions), len(folds), len(plan.alphas), weights)
    observers: list[Observer] = [results] if observer is None else [results, observer]
    size = _size(design, plan, folds, weights, observers)
    for blocks in batches(design, size, device, mem_mb):
        _fit_batch(design, folds, blocks, plan, observers)
    audits = tuple(audit(design, fold.number, fold.train, fold.test, len(fold.inner)) for fold in folds)
    warnings = (*fold_warnings(design, spec.outer), *_solver_warnings(spec, bands))
    return results.fit(unions, audits, warnings)


class _Block:
    """Targets (their columns in the design's Y) and their responses in the types of search and final fit."""

    def __init__(self, source: Array, targets: Array, plan: _Plan) -> None:
        search, final = plan.types
        self.targets = targets
        self.final = load(source, targets, final, plan.device)
        self.search = self.final.to(search)


def _bands(design: Design, units: Mapping[str, Sequence[str]]) -> list[str]:
    bands = [band for members in units.values() for band in members]
    if missing := sorted(set(bands) - set(design.bands) - set(design.projected)):
        raise ValueError(f"the design has no band {', '.join(missing)}")
    if len(set(bands)) < len(bands):
        raise ValueError("a band belongs to more than one unit")
    return bands


def _plan(
    units: Mapping[str, Sequence[str]],
    bands: Sequence[str],
    unions: Sequence[tuple[str, ...]],
    spec: FitSpec,
    precision: Precision,
    device: str,
    subsets: bool,
) -> _Plan:
    members = [[[bands.index(band) for band in units[unit]] for unit in union] for union in unions]
    count = spec.candidates if spec.solver == "banded_ridge" else 1
    candidates, allowed = nested_candidates(members, count, spec.seed, subsets)
    return _Plan(bands, candidates, allowed, alpha_grid(*spec.alphas), TYPES[precision], device)


def _fold(design: Design, number: int, spec: FitSpec) -> _Fold:
    train, test = outer_split(design, number)
    return _Fold(number, train, test, inner_folds(design, train, spec.inner))


def _size(design: Design, plan: _Plan, folds: Sequence[_Fold], weights: bool, observers: Sequence[Observer]) -> Size:
    search, final = plan.types
    return Size(
        n_columns=sum(n_delays(design, name) * n_dims(design, name) for name in plan.bands),
        n_folds=len(folds),
        n_unions=len(plan.allowed),
        n_candidates=len(plan.candidates),
        n_alphas=len(plan.alphas),
        search=search.itemsize,
        final=final.itemsize,
        weights=weights,
        observed=(sum(one.target_bytes for one in observers), sum(one.cell_bytes for one in observers)),
    )


def _solver_warnings(spec: FitSpec, bands: Sequence[str]) -> tuple[str, ...]:
    if spec.solver == "banded_ridge" or len(bands) == 1:
        return ()
    return ("plain ridge biases shared parts upwards where spaces differ in size; banded_ridge does not",)


def _fit_batch(
    design: Design, folds: Sequence[_Fold], blocks: Sequence[Array], plan: _Plan, observers: Sequence[Observer]
) -> None:
    """A batch of targets in all folds and unions; nothing of it is held when it returns."""
    for observer in observers:
        observer.begin(np.concatenate(blocks))
    batch = [_Block(design.Y, targets, plan) for targets in blocks]
    for number, fold in enumerate(folds):
        _fit_fold(number, fold, _columns(design, fold, plan), batch, plan, observers)
    for observer in observers:
        observer.end()


def _columns(design: Design, fold: _Fold, plan: _Plan) -> Columns:
    bands = [design_columns(design, name, fold.number, fold.train) for name in plan.bands]
    tensors = [torch.as_tensor(band, dtype=torch.float64, device=plan.device) for band in bands]
    return Columns(tensors, np.flatnonzero(fold.train))


def _fit_fold(
    number: int,
    fold: _Fold,
    columns: Columns,
    batch: Sequence[_Block],
    plan: _Plan,
    observers: Sequence[Observer],
) -> None:
    """The chosen models of every union in one outer fold."""
    outer = Split(columns, np.flatnonzero(fold.train), np.flatnonzero(fold.test))
    inner = (Split(columns, train, validation, outer) for train, validation in fold.inner)
    final = [Moments(block.final, outer) for block in batch]
    same = plan.types[0] == plan.types[1] and not plan.tf32
    whole = final if same else [Moments(block.search, outer) for block in batch]
    search = Search(inner, whole, plan.alphas, plan.candidates, plan.tf32)
    choices = [search.choose(allowed) for allowed in plan.allowed]
    blocks = [(block.targets, moments) for block, moments in zip(batch, final, strict=True)]
    for models in fit_chosen(number, blocks, plan.candidates, plan.alphas, choices):
        for observer in observers:
            observer.fitted(models)
