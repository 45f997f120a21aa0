"""Every union of feature groups, fitted in nested folds and scored on held-out samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import torch

from bids_app.encoding.design.columns import columns_and_lost, n_delays, n_dims, nuisance_columns
from bids_app.encoding.design.folds import audit, fold_warnings, inner_folds, outer_split
from bids_app.encoding.ridge.batches import Size, batches, load, with_workers
from bids_app.encoding.ridge.candidates import Grid, alpha_grid, band_weights, nested_grid
from bids_app.encoding.ridge.fitted import ChosenModels, Observer, ObserverGroup, TargetBlock
from bids_app.encoding.ridge.foreseen import ForeseenModels
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.options import FitContext, FitOptions
from bids_app.encoding.ridge.results import Results
from bids_app.encoding.ridge.search import Choice, Search
from bids_app.encoding.ridge.splits import Columns, Split, Weights
from bids_app.encoding.side_by_side import made_once, side_by_side
from bids_app.records import SOLVERS, Array, Design, Fit, FitSpec, Union, subsets

MOST_GROUPS = 4  # 15 unions
TYPES = {
    "mixed": (torch.float32, torch.float64),
    "float32": (torch.float32, torch.float32),
    "float64": (torch.float64, torch.float64),
}  # of products in the search and in the final fit; decompositions and sums are always in float64
Searched = tuple[Grid, Sequence[Sequence[int]]]  # `nested_grid`
HERE = FitContext()  # on the CPU, without a limit of its own
ALL_UNIONS = FitOptions()


@dataclass(frozen=True)
class OuterFold:
    """An outer fold.

    Parameters
    ----------
    number : as in the design's folds.
    train, test : (n_times,) bool.
    inner : row numbers (training, validation) of each inner fold.
    """

    number: int
    train: Array
    test: Array
    inner: Sequence[tuple[Array, Array]]


@dataclass(frozen=True)
class _Plan:
    """What is the same for every batch of targets.

    bands: their names; unions: of each its feature groups, as numbers of bands; table: band weights drawn for all
    bands; alphas: those asked for; subsets: whether searches include all subsets; types: of products in search and
    final fit; workers: candidates that are computed side by side.
    """

    bands: Sequence[str]
    unions: Sequence[Sequence[Sequence[int]]]
    table: Array
    alphas: Array
    subsets: bool
    types: tuple[torch.dtype, torch.dtype]
    device: str
    workers: int = 0

    @property
    def tf32(self) -> bool:
        """Whether the search, and it alone, may use a GPU's TF32."""
        return self.types[0] == torch.float32 and torch.device(self.device).type == "cuda"

    def search_without(self, constant: frozenset[int]) -> Searched:
        """What is searched, and the numbers of the candidates that each union may choose, as if no union had the
        constant bands; a model of these alone predicts the mean."""
        if constant not in self._searched:
            varying = [[[b for b in group if b not in constant] for group in union] for union in self.unions]
            kept = [
                [group for group in union if group] or whole
                for union, whole in zip(varying, self.unions, strict=True)
            ]
            self._searched[constant] = nested_grid(kept, self.table, self.alphas, self.subsets)
        return self._searched[constant]

    @made_once
    def _searched(self) -> dict[frozenset[int], Searched]:
        """Made when first asked for: most folds have the same bands."""
        return {}


def unions_of(groups: Sequence[str]) -> tuple[Union, ...]:
    """All 2^k − 1 non-empty sets of feature groups: singles first, the full one last."""
    return subsets(groups)


def fit(
    design: Design,
    groups: Mapping[str, Sequence[str]],
    spec: FitSpec,
    context: FitContext = HERE,
    options: FitOptions = ALL_UNIONS,
    observer: Observer | None = None,
) -> Fit:
    """Fit all unions of feature groups, or those of `options`, in nested folds.

    rsquared pools squared errors over all outer folds, against the training mean; r is Pearson's within each outer
    fold, averaged through Fisher's z. Banded ridge with random search (Dupré la Tour et al. 2022, NeuroImage
    264:119728); plain ridge is one candidate, equal weights.

    Parameters
    ----------
    design : Y (n_times, n_targets) may be a memory map: it is read a batch of targets at a time.
    groups : feature group → the bands that it holds; each band in one group.
    spec : solver, candidates, alphas, inner folds and the seed of the search.
    context : device, memory and precision.
    options : which unions, what their search includes, whether weights are kept.
    observer : meets every fitted model.

    Returns
    -------
    Fit
        Scores (n_unions, n_targets); NaN where a target is not usable.

    Raises
    ------
    CannotFit
        Where the data do not make the folds that are asked for.
    ValueError
        For no group, all unions of more than four, or a band that is not in the design or in two groups.
    MemoryError
        Where the limit is too low for any fit.
    """
    if not groups or (options.unions is None and len(groups) > MOST_GROUPS):
        raise ValueError(f"a partition takes 1 to {MOST_GROUPS} feature groups, not {len(groups)}")
    unions = unions_of(tuple(groups)) if options.unions is None else tuple(options.unions)
    bands = _bands(design, groups)
    plan = _Plan(
        bands=bands,
        unions=[[[bands.index(band) for band in groups[group]] for group in union] for union in unions],
        table=band_weights(len(bands), _n_candidates(spec), spec.seed),
        alphas=alpha_grid(*spec.alphas),
        subsets=options.search_subsets,
        types=TYPES[context.precision],
        device=context.device,
    )
    folds = [_outer_fold(design, number, spec) for number in np.unique(design.folds).tolist()]
    results = Results(design, bands, (len(unions), len(folds)), options.keep_weights)
    observers: list[Observer] = [results] if observer is None else [results, observer]
    size = _size(design, plan, len(folds), options.keep_weights, observers)
    size = with_workers(design, size, context.device, context.mem_mb)
    plan = replace(plan, workers=size.workers)
    constant: Sequence[frozenset[int]] = ()
    for blocks in batches(design, size, context.device, context.mem_mb):
        constant = _fit_batch(design, folds, blocks, plan, observers)  # the same for all batches
    audits = tuple(audit(design, fold.number, fold.train, fold.test, len(fold.inner)) for fold in folds)
    warnings = (
        *fold_warnings(design, spec.outer),
        *_solver_warnings(spec, unions),
        *_constant_warnings(groups, bands, constant),
    )
    return results.fit(unions, audits, warnings)


class _Responses:
    """Targets (their columns in the design's Y) and their responses in the types of search and final fit."""

    def __init__(self, source: Array, targets: Array, plan: _Plan) -> None:
        search, final = plan.types
        self.targets = targets
        self.final = load(source, targets, final, plan.device)
        self.search = self.final.to(search)


def _bands(design: Design, groups: Mapping[str, Sequence[str]]) -> list[str]:
    """All bands of the groups, in order."""
    bands = [band for members in groups.values() for band in members]
    if missing := sorted(set(bands) - set(design.bands) - set(design.projected)):
        raise ValueError(f"the design has no band {', '.join(missing)}")
    if len(set(bands)) < len(bands):
        raise ValueError("a band belongs to more than one feature group")
    return bands


def _n_candidates(spec: FitSpec) -> int:
    """One where nothing is searched: plain ridge."""
    return spec.candidates if SOLVERS[spec.solver].searches_bands else 1


def _outer_fold(design: Design, number: int, spec: FitSpec) -> OuterFold:
    train, test = outer_split(design, number)
    return OuterFold(number, train, test, inner_folds(design, train, spec.inner))


def _size(design: Design, plan: _Plan, n_folds: int, keep_weights: bool, observers: Sequence[Observer]) -> Size:
    search, final = plan.types
    grid, _ = plan.search_without(frozenset())
    return Size(
        n_columns=sum(n_delays(design, name) * n_dims(design, name) for name in plan.bands),
        n_folds=n_folds,
        n_unions=len(plan.unions),
        n_candidates=len(grid.candidates),
        n_penalties=sum(map(len, grid.offered)),
        search=search.itemsize,
        final=final.itemsize,
        weights=keep_weights,
        observed=(sum(each.target_bytes for each in observers), sum(each.cell_bytes for each in observers)),
    )


def _solver_warnings(spec: FitSpec, unions: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """What plain ridge does to shared parts; nothing where no two feature groups are fitted apart and together."""
    fitted = {frozenset(union) for union in unions}
    has_shared = any({first, second, first | second} <= fitted for first, second in combinations(fitted, 2))
    if SOLVERS[spec.solver].searches_bands or not has_shared:
        return ()
    return (
        "plain ridge makes shared parts too large where spaces differ in size: do not conclude from a shared part "
        "that spaces share anything; solver: banded_ridge has no such bias",
    )


def _constant_warnings(
    groups: Mapping[str, Sequence[str]], bands: Sequence[str], constant: Sequence[frozenset[int]]
) -> list[str]:
    """A line for each band that is constant in some fold's training samples, `constant` fold by fold."""
    owner = {band: group for group, members in groups.items() for band in members}
    lines = []
    for number, band in enumerate(bands):
        count = sum(number in each for each in constant)
        if count:
            named = band if owner[band] == band else f"{band} (of {owner[band]})"
            where = "every fold" if count == len(constant) else f"{count} of {len(constant)} folds"
            lines.append(
                f"the feature space {named} does not vary in the training samples of {where}: it predicts nothing "
                "there, whatever the responses are, so this is no finding about them"
            )
    return lines


def _fit_batch(
    design: Design, folds: Sequence[OuterFold], blocks: Sequence[Array], plan: _Plan, observers: Sequence[Observer]
) -> list[frozenset[int]]:
    """A batch of targets in all folds and unions; nothing of it is held when it returns.

    Of each fold the numbers of the bands that are constant in training are returned.
    """
    everyone = ObserverGroup(observers)
    batch = [_Responses(design.Y, targets, plan) for targets in blocks]
    everyone.begin(np.concatenate(blocks), [responses.final for responses in batch])
    choices, constant = [], []
    for place, fold in enumerate(folds):
        outer = _outer_fold_split(design, fold, plan)
        final = [Moments(responses.final, outer) for responses in batch]
        choices.append(_searched(fold, outer, final, batch, plan))
        constant.append(outer.columns.constant)
        if everyone.foreseen:
            wanted = {union: choices[place][union] for union in sorted(everyone.foreseen)}
            blocks_of_fold, grid = _target_blocks(batch, final), _grid(outer, plan)
            ahead = ForeseenModels(blocks_of_fold, grid, wanted)

            def foresee(number: int, outer: Split = outer, ahead: ForeseenModels = ahead) -> None:
                """What the models of one candidate leave."""
                for residuals in ahead.of(number):
                    everyone.foresee(outer, residuals)

            _prepare(blocks_of_fold, outer, [grid.candidates[number] for number in ahead.numbers])
            for _ in side_by_side(foresee, ahead.numbers, plan.workers):
                pass
        else:
            _show(place, _target_blocks(batch, final), plan, choices[place], everyone)
    if everyone.foreseen:
        for place, fold in enumerate(folds):
            outer = _outer_fold_split(design, fold, plan)
            final = [Moments(responses.final, outer) for responses in batch]
            _show(place, _target_blocks(batch, final), plan, choices[place], everyone)
    everyone.end()
    return constant


def _target_blocks(batch: Sequence[_Responses], final: Sequence[Moments]) -> list[TargetBlock]:
    return [TargetBlock(responses.targets, moments) for responses, moments in zip(batch, final, strict=True)]


def _grid(outer: Split, plan: _Plan) -> Grid:
    """Candidates and alphas of an outer fold."""
    return plan.search_without(outer.columns.constant)[0]


def _outer_fold_split(design: Design, fold: OuterFold, plan: _Plan) -> Split:
    """Rows of an outer fold, with the columns of all bands on the device."""
    bands, lost = zip(*(columns_and_lost(design, name, fold.number, fold.train) for name in plan.bands), strict=True)
    (nuisance,), train = _tensors([nuisance_columns(design)], plan), np.flatnonzero(fold.train)
    columns = Columns(_tensors(bands, plan), train, (nuisance, _tensors(lost, plan)))
    return Split(columns, train, np.flatnonzero(fold.test))


def _tensors(bands: Sequence[Array], plan: _Plan) -> list[torch.Tensor]:
    return [torch.as_tensor(band, dtype=torch.float64, device=plan.device) for band in bands]


def _searched(
    fold: OuterFold, outer: Split, final: Sequence[Moments], batch: Sequence[_Responses], plan: _Plan
) -> list[Choice]:
    """What each union chooses in the inner folds of an outer one, over the targets of all blocks side by side."""
    # a generator: the search takes one inner split at a time, so that no two of them are held
    inner = (Split(outer.columns, train, validation, outer) for train, validation in fold.inner)
    # the final fit must not meet products that the search made in TF32, so the search then has moments of its own
    same = plan.types[0] == plan.types[1] and not plan.tf32
    searched = final if same else [Moments(responses.search, outer) for responses in batch]
    grid, allowed = plan.search_without(outer.columns.constant)
    search = Search(inner, searched, grid, plan.tf32, plan.workers)
    return [search.choose(numbers) for numbers in allowed]


def _show(
    place: int, blocks: Sequence[TargetBlock], plan: _Plan, choices: Sequence[Choice], observer: Observer
) -> None:
    """The chosen models of every union in one outer fold, fitted on all its training rows, to an observer."""
    outer = blocks[0].moments.split
    observer.begin_fold(place, outer)
    grid = _grid(outer, plan)
    models = ChosenModels(place, blocks, grid, choices)

    def show(number: int) -> None:
        """The models of one candidate."""
        for fitted in models.of(number):
            observer.fitted(fitted)

    _prepare(blocks, outer, [grid.candidates[number] for number in models.numbers])
    for _ in side_by_side(show, models.numbers, plan.workers):
        pass
    observer.end_fold()


def _prepare(blocks: Sequence[TargetBlock], outer: Split, candidates: Sequence[Weights]) -> None:
    """Make what candidates have in common, with all threads, before they are computed side by side."""
    outer.prepare(candidates)
    primal = any(map(outer.is_primal, candidates))
    for block in blocks:
        block.moments.cross if primal else block.moments.mean  # noqa: B018
