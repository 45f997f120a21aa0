"""Every union of feature groups, fitted in nested folds and scored on held-out samples; several questions in one
stream, whole or a share of the targets at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product

import numpy as np
import torch

from bids_app.encoding.design.columns import n_delays, n_dims
from bids_app.encoding.design.folds import audit, fold_warnings, inner_folds, outer_split
from bids_app.encoding.ridge.batches import Size, batches, keeping_splits, target_blocks, with_workers
from bids_app.encoding.ridge.candidates import alpha_grid, band_weights
from bids_app.encoding.ridge.fitted import Observer, ObserverGroup
from bids_app.encoding.ridge.options import FitContext, FitOptions, Question, Share
from bids_app.encoding.ridge.scores import Results
from bids_app.encoding.ridge.search import MANY_COLUMNS
from bids_app.encoding.ridge.splits import Weights
from bids_app.encoding.ridge.stream import Asked, OuterFold, OuterSplits, Plan, fit_batch
from bids_app.records import SOLVERS, Array, Design, Fit, FitSpec, Part, Union, subsets

MOST_GROUPS = 4  # 15 unions
TYPES = {
    "mixed": (torch.float32, torch.float64),
    "float32": (torch.float32, torch.float32),
    "float64": (torch.float64, torch.float64),
}  # of products in the search and in the final fit; decompositions and sums are always in float64
HERE = FitContext()  # on the CPU, without a limit of its own
ALL_UNIONS = FitOptions()


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
    return fit_all(design, [Question(groups, options, observer)], spec, context)[0]


def fit_all(
    design: Design,
    questions: Sequence[Question],
    spec: FitSpec,
    context: FitContext = HERE,
    folds: Sequence[OuterFold] | None = None,
    shares: Sequence[Share] = (),
) -> list[Fit]:
    """Several questions about the same data, in one stream.

    Columns of all bands are made once a fold, and what questions have in common is computed once: products, and the
    decomposition of every distinct candidate. Each question is answered as if it were asked alone, but for rounding.
    Whatever shares there are, and whoever fitted them, results are the same, bit for bit.

    Parameters
    ----------
    design : with the bands of all questions.
    questions : their observers are called in this order, whatever they are called for.
    spec, context : as of `fit`.
    folds : the outer folds; None: those of the design. One that tests what it trains on fits models to all samples,
        for those that predict others: its scores are no held-out ones.
    shares : what `fit_share` gave for the same questions, spec and data; what they have is not fitted again. One that
        is of another device, or not of whole blocks that no share before it has, is not used.

    Returns
    -------
    Of each question the `Fit`.

    Raises
    ------
    CannotFit, ValueError, MemoryError
        As `fit` does.
    """
    stream = _stream(design, questions, spec, context, folds)
    taken: dict[int, Share] = {}
    for share in shares:
        if (found := stream.blocks_of(share)) and taken.keys().isdisjoint(found):
            stream.observer.take(share.targets, share.kept)
            taken |= dict.fromkeys(found, share)
    left = [number for number in range(len(stream.blocks)) if number not in taken]
    constant = stream.fit(left)
    if taken:  # the same for all targets
        constant = [frozenset(np.flatnonzero(row).tolist()) for row in next(iter(taken.values())).constant]
    audits = tuple(audit(design, fold.number, fold.train, fold.test, len(fold.inner)) for fold in stream.folds)
    fits = []
    for one, asked, kept in zip(questions, stream.plan.asked, stream.results, strict=True):
        warnings = (
            *fold_warnings(design, spec.outer),
            *_solver_warnings(spec, asked.names),
            *_constant_warnings(one.groups, one.bands, list(map(asked.own, constant))),
        )
        fits.append(kept.fit(tuple(asked.names), audits, warnings))
    return fits


def fit_share(
    design: Design, questions: Sequence[Question], spec: FitSpec, context: FitContext, part: Part
) -> Share | None:
    """A share of the targets, for a `fit_all` of the same data that takes it.

    Parameters
    ----------
    design, questions, spec, context : as of `fit_all`; the design is whole.
    part : which of the blocks of targets are fitted.

    Returns
    -------
    What all that observe have kept of these targets; None where there are fewer blocks than parts, and none of them
    is in this one.

    Raises
    ------
    CannotFit, ValueError, MemoryError
        As `fit` does.
    """
    stream = _stream(design, questions, spec, context, None)
    own = part.among(len(stream.blocks))
    if not own:
        return None
    constant = [[band in fold for band in range(len(stream.plan.bands))] for fold in stream.fit(own)]
    targets = np.concatenate([stream.blocks[number] for number in own])
    return Share(targets, context.device, np.array(constant), stream.observer.kept(targets))


@dataclass(frozen=True)
class _Stream:
    """A fit that is about to begin: `blocks` of all targets, and who observes it."""

    design: Design
    context: FitContext
    plan: Plan
    folds: Sequence[OuterFold]
    size: Size
    results: Sequence[Results]
    observer: Observer
    blocks: Sequence[Array]

    def fit(self, chosen: Sequence[int]) -> Sequence[frozenset[int]]:
        """Blocks of these numbers. Returns of each fold the numbers of the bands that are constant in training; none
        where no block is chosen."""
        design, device, mem_mb = self.design, self.context.device, self.context.mem_mb
        size = with_workers(design, replace(self.size, chosen=tuple(chosen)), device, mem_mb)
        size = keeping_splits(design, size, device, mem_mb, bool(self.observer.foreseen))
        plan = replace(self.plan, workers=size.workers)
        splits = OuterSplits(design, self.folds, plan, size.keeps_splits)
        constant: Sequence[frozenset[int]] = ()
        rounds = batches(design, size, device, mem_mb)
        plan = replace(plan, watch=self.context.watch, n_rounds=len(rounds) * len(self.folds))
        for blocks in rounds:
            constant = fit_batch(design, splits, blocks, plan, self.observer)  # the same for all batches
        return constant

    def blocks_of(self, share: Share) -> range:
        """Numbers of the blocks that a share is of; none where it is of no whole ones, or of another device."""
        firsts = [int(block[0]) for block in self.blocks]
        if share.device != self.context.device or not len(share.targets) or int(share.targets[0]) not in firsts:
            return range(0)
        begin = firsts.index(int(share.targets[0]))
        for end in range(begin + 1, len(self.blocks) + 1):
            if np.array_equal(np.concatenate(self.blocks[begin:end]), share.targets):
                return range(begin, end)
        return range(0)


def _stream(
    design: Design,
    questions: Sequence[Question],
    spec: FitSpec,
    context: FitContext,
    folds: Sequence[OuterFold] | None,
) -> _Stream:
    """Raises CannotFit and ValueError as `fit` does."""
    plan = _plan(design, questions, spec, context)
    if folds is None:
        folds = [_outer_fold(design, number, spec) for number in np.unique(design.folds).tolist()]
    results = [
        Results(design, one.bands, (len(asked.names), len(folds)), one.options.keep_weights)
        for one, asked in zip(questions, plan.asked, strict=True)
    ]
    observed = [
        ObserverGroup([kept, *([] if one.observer is None else [one.observer])])
        for kept, one in zip(results, questions, strict=True)
    ]
    size = _size(design, plan, folds, questions, observed)
    blocks = target_blocks(design, size, context.device)
    return _Stream(design, context, plan, folds, size, results, plan.observers(observed), blocks)


def _plan(design: Design, questions: Sequence[Question], spec: FitSpec, context: FitContext) -> Plan:
    for one in questions:
        _check(design, one)
    bands = list(dict.fromkeys(band for one in questions for band in one.bands))
    number = {band: place for place, band in enumerate(bands)}
    return Plan(bands, [_asked(one, number, spec) for one in questions], TYPES[context.precision], context.device)


def _check(design: Design, question: Question) -> None:
    """Raises ValueError as `fit` does."""
    groups, bands = question.groups, question.bands
    if not groups or (question.options.unions is None and len(groups) > MOST_GROUPS):
        raise ValueError(f"a partition takes 1 to {MOST_GROUPS} feature groups, not {len(groups)}")
    if missing := sorted(set(bands) - set(design.bands) - set(design.projected)):
        raise ValueError(f"the design has no band {', '.join(missing)}")
    if len(set(bands)) < len(bands):
        raise ValueError("a band belongs to more than one feature group")


def _asked(question: Question, number: Mapping[str, int], spec: FitSpec) -> Asked:
    """A question, given the number of each band among the columns."""
    bands, options, groups = question.bands, question.options, question.groups
    names = unions_of(tuple(groups)) if options.unions is None else tuple(options.unions)
    return Asked(
        names=names,
        unions=[[[bands.index(band) for band in groups[group]] for group in union] for union in names],
        bands=[number[band] for band in bands],
        table=band_weights(len(bands), _n_candidates(spec), spec.seed),
        alphas=alpha_grid(*spec.alphas),
        subsets=options.search_subsets,
    )


def _n_candidates(spec: FitSpec) -> int:
    """One where nothing is searched: plain ridge."""
    return spec.candidates if SOLVERS[spec.solver].searches_bands else 1


def _outer_fold(design: Design, number: int, spec: FitSpec) -> OuterFold:
    train, test = outer_split(design, number)
    return OuterFold(number, train, test, inner_folds(design, train, spec.inner))


def _size(
    design: Design,
    plan: Plan,
    folds: Sequence[OuterFold],
    questions: Sequence[Question],
    observers: Sequence[Observer],
) -> Size:
    search, final = plan.types
    grid, _ = plan.search_without(frozenset())
    columns = [n_delays(design, name) * n_dims(design, name) for name in plan.bands]
    of_question = [sum(columns[band] for band in one.bands) for one in plan.asked]
    cells = sum(observer.cell_bytes * n for observer, n in zip(observers, of_question, strict=True))
    longest = max((int(fold.train.sum()) for fold in folds), default=0)
    shortest = min((len(train) for fold in folds for train, _ in fold.inner), default=0)
    # columns, of which there are more where kernels are made
    dual = shortest * (MANY_COLUMNS if plan.by_factors else 1)
    of_candidate = [sum(columns[band] for band in weights) for weights in grid.candidates]
    sized = list(zip(grid.candidates, of_candidate, strict=True))
    return Size(
        n_columns=sum(columns),
        largest=max(of_candidate),
        products=_products((weights for weights, n in sized if n <= longest), columns),
        n_kernels=len({band for weights, n in sized if n > dual for band in weights}),
        n_folds=len(folds),
        n_unions=plan.n_unions,
        n_bands=sum(len(one.bands) for one in plan.asked),
        n_candidates=len(grid.candidates),
        n_penalties=sum(len(grid.places(alike)) for alike in grid.alike),
        search=search.itemsize,
        final=final.itemsize,
        weights=sum(n for one, n in zip(questions, of_question, strict=True) if one.options.keep_weights),
        observed=(sum(observer.target_bytes for observer in observers), cells),
    )


def _products(candidates: Iterable[Weights], columns: Sequence[int]) -> int:
    """Numbers in the products of all pairs of bands that some candidate holds."""
    pairs = {pair for weights in candidates for pair in product(weights, repeat=2)}
    return sum(columns[first] * columns[second] for first, second in pairs)


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
