"""One stream of fits that answers several questions: batch by batch of targets, fold by fold, each distinct candidate
decomposed once, whichever questions ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from bids_app.encoding.design.columns import columns_and_lost, nuisance_columns
from bids_app.encoding.ridge.batches import load
from bids_app.encoding.ridge.candidates import Grid, Searched, nested_grid, together
from bids_app.encoding.ridge.chosen import ChosenModels, ForeseenModels, TargetBlock
from bids_app.encoding.ridge.fitted import Fitted, Observer, ObserverGroup, Residuals
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.options import Watch, nobody_watches
from bids_app.encoding.ridge.search import Choice, Search
from bids_app.encoding.ridge.splits import Columns, Split, Weights
from bids_app.encoding.side_by_side import made_once, side_by_side
from bids_app.records import MODELS_STAGE, RESIDUALS_STAGE, SEARCH_STAGE, Array, Design, Union


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
class Asked:
    """A question in numbers.

    Parameters
    ----------
    names : of the unions, as sets of feature groups.
    unions : of each its feature groups, as the question's own numbers of bands.
    bands : of each own number the band's number among the columns of all questions.
    table : band weights drawn for all of the question's bands.
    alphas : those asked for.
    subsets : whether searches include all subsets.
    """

    names: Sequence[Union]
    unions: Sequence[Sequence[Sequence[int]]]
    bands: Sequence[int]
    table: Array
    alphas: Array
    subsets: bool

    def own(self, columns: frozenset[int]) -> frozenset[int]:
        """Own numbers of those bands that the question has."""
        return frozenset(number for number, band in enumerate(self.bands) if band in columns)

    def search_without(self, constant: frozenset[int]) -> Searched:
        """What is searched, and what each union may choose, as if no union had the constant bands (numbers among the
        columns, as those of the candidates); a model of these alone predicts the mean."""
        left_out = self.own(constant)
        varying = [[[b for b in group if b not in left_out] for group in union] for union in self.unions]
        kept = [
            [group for group in union if group] or whole for union, whole in zip(varying, self.unions, strict=True)
        ]
        grid, allowed = nested_grid(kept, self.table, self.alphas, self.subsets)
        # in the order of the columns, so that questions that hold their bands in another one ask for the same
        candidates = [dict(sorted((self.bands[own], g) for own, g in weights.items())) for weights in grid.candidates]
        return replace(grid, candidates=candidates), allowed


@dataclass(frozen=True)
class Plan:
    """What is the same for every batch of targets.

    Parameters
    ----------
    bands : names of all that any question holds.
    asked : the questions; their unions are numbered one question's after another's, and so are their candidates.
    types : of products in search and final fit.
    device : where they are computed.
    workers : candidates that are computed side by side.
    watch : is told how far the fit is.
    n_rounds : batches, times outer folds.
    """

    bands: Sequence[str]
    asked: Sequence[Asked]
    types: tuple[torch.dtype, torch.dtype]
    device: str
    workers: int = 0
    watch: Watch = nobody_watches
    n_rounds: int = 1

    def step(self, stage: str, n_steps: int) -> Callable[[], None]:
        """What tells of one of the equal steps of a stage in one round."""
        return partial(self.watch, stage, 1 / (self.n_rounds * max(1, n_steps)))

    @property
    def tf32(self) -> bool:
        """Whether the search, and it alone, may use a GPU's TF32."""
        return self.types[0] == torch.float32 and torch.device(self.device).type == "cuda"

    @property
    def by_factors(self) -> bool:
        """Whether the search may take factors of kernels in place of eigenvectors (`search.errors_of`)."""
        return self.types[0] == torch.float32 and torch.device(self.device).type != "cpu"

    @property
    def n_unions(self) -> int:
        """Of all questions."""
        return sum(len(one.names) for one in self.asked)

    def search_without(self, constant: frozenset[int]) -> Searched:
        """`Asked.search_without` of all questions together."""
        if constant not in self._searched:
            self._searched[constant] = together([one.search_without(constant) for one in self.asked])
        return self._searched[constant]

    @made_once
    def _searched(self) -> dict[frozenset[int], Searched]:
        """Made when first asked for: most folds have the same bands."""
        return {}

    def observers(self, of_questions: Sequence[Observer]) -> Observer:
        """One observer of the stream for one of each question, called in their order."""
        firsts = np.cumsum([0, *(len(one.names) for one in self.asked)]).tolist()
        numbered = zip(of_questions, pairwise(firsts), self.asked, strict=True)
        return ObserverGroup([_OwnNumbers(observer, range(*at), one) for observer, at, one in numbered])


class _OwnNumbers(ObserverGroup):
    """What a question's observer meets of a stream for several: its own unions, by its own numbers, and so bands.

    Parameters
    ----------
    observer : of the question.
    unions : its numbers of them in the stream.
    asked : the question.
    """

    def __init__(self, observer: Observer, unions: range, asked: Asked) -> None:
        super().__init__([observer])
        self._observer, self._unions = observer, unions
        self._bands = {band: own for own, band in enumerate(asked.bands)}
        self.foreseen = frozenset(unions[own] for own in observer.foreseen)

    def foresee(self, split: Split, residuals: Residuals) -> None:
        """See Observer.

        Parameters
        ----------
        split : rows of the outer fold.
        residuals : of some models.
        """
        if unions := self._own(residuals.unions):
            self._observer.foresee(split, replace(residuals, unions=unions))

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        if unions := self._own(models.unions):
            self._observer.fitted(replace(models, unions=unions, own_bands=self._bands))

    def _own(self, unions: Mapping[int, Array]) -> dict[int, Array]:
        return {union - self._unions.start: at for union, at in unions.items() if union in self._unions}


class OuterSplits:
    """Rows of the outer folds, with the columns of all bands on the device.

    Parameters
    ----------
    design : what is fitted.
    folds : the outer folds.
    plan : whose bands.
    keeps : whether each is made once; else again whenever it is asked for.
    """

    def __init__(self, design: Design, folds: Sequence[OuterFold], plan: Plan, keeps: bool) -> None:
        self.folds, self._design, self._plan, self._keeps = folds, design, plan, keeps
        self._kept: dict[int, Split] = {}

    def of(self, place: int) -> Split:
        """That of the fold at a place among all."""
        split = self._kept.get(place) or self._made(self.folds[place])
        if self._keeps:
            self._kept[place] = split
        return split

    def _made(self, fold: OuterFold) -> Split:
        design, plan = self._design, self._plan
        made = (columns_and_lost(design, name, fold.number, fold.train) for name in plan.bands)
        bands, lost = zip(*made, strict=True)
        train = np.flatnonzero(fold.train)
        columns = Columns(_tensors(bands, plan), train, (self._nuisance, _tensors(lost, plan)))
        return Split(columns, train, np.flatnonzero(fold.test))

    @made_once
    def _nuisance(self) -> torch.Tensor:
        """The same in all folds."""
        return _tensors([nuisance_columns(self._design)], self._plan)[0]


def _tensors(bands: Sequence[Array], plan: Plan) -> list[torch.Tensor]:
    return [torch.as_tensor(band, dtype=torch.float64, device=plan.device) for band in bands]


class _Responses:
    """Targets (their columns in the design's Y) and their responses in the types of search and final fit."""

    def __init__(self, source: Array, targets: Array, plan: Plan) -> None:
        search, final = plan.types
        self.targets = targets
        self.final = load(source, targets, final, plan.device)
        self.search = self.final.to(search)


def fit_batch(
    design: Design, splits: OuterSplits, blocks: Sequence[Array], plan: Plan, observer: Observer
) -> list[frozenset[int]]:
    """A batch of targets in all folds and unions; nothing of it is held when it returns.

    Parameters
    ----------
    design : what is fitted.
    splits : its outer folds.
    blocks : of the batch: targets' columns in Y.
    plan : what is asked.
    observer : meets every fitted model.

    Returns
    -------
    Of each fold the numbers of the bands that are constant in training.
    """
    batch = [_Responses(design.Y, targets, plan) for targets in blocks]
    observer.begin(np.concatenate(blocks), [responses.final for responses in batch])
    choices, constant = [], []
    for place, fold in enumerate(splits.folds):
        outer = splits.of(place)
        final = [Moments(responses.final, outer) for responses in batch]
        choices.append(_searched(fold, outer, final, batch, plan))
        constant.append(outer.columns.constant)
        if observer.foreseen:
            _foresee(_target_blocks(batch, final), plan, choices[place], observer)
        else:
            _show(place, _target_blocks(batch, final), plan, choices[place], observer)
    if observer.foreseen:
        for place in range(len(splits.folds)):
            outer = splits.of(place)
            final = [Moments(responses.final, outer) for responses in batch]
            _show(place, _target_blocks(batch, final), plan, choices[place], observer)
    observer.end()
    return constant


def _target_blocks(batch: Sequence[_Responses], final: Sequence[Moments]) -> list[TargetBlock]:
    return [TargetBlock(responses.targets, moments) for responses, moments in zip(batch, final, strict=True)]


def _searched(
    fold: OuterFold, outer: Split, final: Sequence[Moments], batch: Sequence[_Responses], plan: Plan
) -> list[Choice]:
    """What each union chooses in the inner folds of an outer one, over the targets of all blocks side by side."""
    # a generator: the search takes one inner split at a time, so that no two of them are held
    inner = (Split(outer.columns, train, validation, outer) for train, validation in fold.inner)
    # the final fit must not meet products that the search made in TF32, so the search then has moments of its own
    same = plan.types[0] == plan.types[1] and not plan.tf32
    searched = final if same else [Moments(responses.search, outer) for responses in batch]
    grid, allowed = plan.search_without(outer.columns.constant)
    step = plan.step(SEARCH_STAGE, len(fold.inner) * len(grid.alike))
    search = Search(inner, searched, grid, plan.tf32, plan.workers, step)
    return [search.choose(numbers) for numbers in allowed]


def _grid(outer: Split, plan: Plan) -> Grid:
    """Candidates and alphas of an outer fold."""
    return plan.search_without(outer.columns.constant)[0]


def _foresee(blocks: Sequence[TargetBlock], plan: Plan, choices: Sequence[Choice], observer: Observer) -> None:
    """What the chosen models of the unions that are foreseen leave in one outer fold, to an observer."""
    outer = blocks[0].moments.split
    grid, wanted = _grid(outer, plan), {union: choices[union] for union in sorted(observer.foreseen)}
    ahead = ForeseenModels(blocks, grid, wanted)
    step = plan.step(RESIDUALS_STAGE, len(ahead.alike))

    def foresee(alike: Sequence[int]) -> None:
        """What the models of candidates alike leave."""
        for residuals in ahead.of(alike):
            observer.foresee(outer, residuals)
        step()

    _prepare(blocks, outer, [grid.candidates[alike[0]] for alike in ahead.alike])
    for _ in side_by_side(foresee, ahead.alike, plan.workers):
        pass


def _show(
    place: int, blocks: Sequence[TargetBlock], plan: Plan, choices: Sequence[Choice], observer: Observer
) -> None:
    """The chosen models of every union in one outer fold, fitted on all its training rows, to an observer."""
    outer = blocks[0].moments.split
    observer.begin_fold(place, outer)
    grid = _grid(outer, plan)
    models = ChosenModels(place, blocks, grid, choices)
    step = plan.step(MODELS_STAGE, len(models.alike))

    def show(alike: Sequence[int]) -> None:
        """The models of candidates alike."""
        for fitted in models.of(alike):
            observer.fitted(fitted)
        step()

    _prepare(blocks, outer, [grid.candidates[alike[0]] for alike in models.alike])
    for _ in side_by_side(show, models.alike, plan.workers):
        pass
    observer.end_fold()


def _prepare(blocks: Sequence[TargetBlock], outer: Split, candidates: Sequence[Weights]) -> None:
    """Make what candidates have in common, with all threads, before they are computed side by side."""
    outer.prepare(candidates)
    primal = list(map(outer.is_primal, candidates))
    for block in blocks:
        block.moments.cross if any(primal) else block.moments.mean
        all(primal) or block.moments.spanned
