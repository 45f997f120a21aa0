"""The models that unions chose in an outer fold: fitted for all that is asked of them, or, before any of these, what
they will leave of held-out samples.

Flips of what smaller models leave need the latter of all outer folds, before the first model is refitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import torch

from bids_app.encoding.ridge.basis import Basis, cholesky_predictor, decompose
from bids_app.encoding.ridge.candidates import Grid
from bids_app.encoding.ridge.fitted import Fitted, HeldOut, Residuals
from bids_app.encoding.ridge.moments import Moments, rounding_of
from bids_app.encoding.ridge.search import Choice, by_columns
from bids_app.encoding.ridge.splits import Split, cross_rows
from bids_app.encoding.side_by_side import made_once
from bids_app.records import Array

FEW_ALPHAS, FEW_ON_GPU = 8, 60  # of a candidate: so many Cholesky factors cost less than its eigenvectors
Predict = Callable[[Moments, Array, Array], torch.Tensor]  # moments, positions, places of alphas → (n_eval, n)
Solve = Callable[[torch.Tensor, Array], torch.Tensor]  # of `cholesky_predictor`


@dataclass(frozen=True)
class TargetBlock:
    """A block of targets in an outer split.

    Parameters
    ----------
    targets : (n,) columns in the design's Y.
    moments : of their responses.
    """

    targets: Array
    moments: Moments


class ChosenModels:
    """The models that each union's choice asks for, candidate by candidate, so that each is decomposed once.

    Parameters
    ----------
    fold : place of the outer fold among all.
    blocks : the batch's targets, block by block, all in one split.
    grid : candidates and alphas.
    choices : of each union, over the targets of all blocks side by side.
    """

    def __init__(self, fold: int, blocks: Sequence[TargetBlock], grid: Grid, choices: Sequence[Choice]) -> None:
        self._fold, self._blocks, self._grid = fold, blocks, grid
        self._starts = np.cumsum([0, *(len(block.targets) for block in blocks)]).tolist()
        # (n_unions, n_batch) each
        self._candidates = np.stack([choice.candidate for choice in choices])
        self._alpha_index = np.stack([choice.alpha_index for choice in choices])
        self._inner_rsquared = np.stack([choice.rsquared for choice in choices])

    @property
    def alike(self) -> list[list[int]]:
        """Of the candidates that any target chose, those of each distinct weights."""
        return chosen_alike(self._grid, self._candidates)

    def of(self, alike: Sequence[int]) -> Iterator[Fitted]:
        """For each block and each of some candidates alike, the targets that chose it in some union."""
        grid, basis = self._grid, decompose(self._blocks[0].moments.split, self._grid.candidates[alike[0]])
        for block, start in zip(self._blocks, self._starts[:-1], strict=True):
            rows = self._candidates[:, start : start + len(block.targets)]
            chose = {number: rows == number for number in alike if (rows == number).any()}
            if not chose:
                continue
            anyone = np.flatnonzero(np.any([each.any(axis=0) for each in chose.values()], axis=0))
            u = coordinates(block.moments, basis, float(grid.alphas[0]), _columns(block, anyone))
            for number, of_number in chose.items():
                positions = np.flatnonzero(of_number.any(axis=0))
                of_unions = enumerate(of_number[:, positions])
                unions = {union: np.flatnonzero(row) for union, row in of_unions if row.any()}
                # a candidate has one best alpha for a target, whichever union chose it: that of the first is taken
                first = of_number[:, positions].argmax(axis=0), start + positions
                alpha_index, inner = self._alpha_index[first], self._inner_rsquared[first]
                chosen = _Chosen(unions, positions, start + positions, alpha_index, inner)
                own = u if len(chose) == 1 else u[:, np.searchsorted(anyone, positions)]
                yield _fit(self._fold, block, (basis, own), chosen, grid, number)


def chosen_alike(grid: Grid, candidates: Array) -> list[list[int]]:
    """Of some numbers of candidates, those of each distinct weights."""
    chosen = set(np.unique(candidates).tolist())
    return [kept for alike in grid.alike if (kept := [number for number in alike if number in chosen])]


def fit_chosen(fold: int, blocks: Sequence[TargetBlock], grid: Grid, choices: Sequence[Choice]) -> Iterator[Fitted]:
    """All of `ChosenModels`, one candidate after another.

    Parameters
    ----------
    fold, blocks, grid, choices : as of `ChosenModels`.
    """
    models = ChosenModels(fold, blocks, grid, choices)
    for alike in models.alike:
        yield from models.of(alike)


@dataclass(frozen=True)
class _Chosen:
    """Targets of a block that chose one candidate: `positions` within the block, the rest as in `Fitted`."""

    unions: Mapping[int, Array]
    positions: Array
    places: Array
    alpha_index: Array
    inner_rsquared: Array


def _fit(
    fold: int, block: TargetBlock, given: tuple[Basis, torch.Tensor], chosen: _Chosen, grid: Grid, number: int
) -> Fitted:
    """The models of the targets that chose a candidate, given its basis and their coordinates in it, which are
    overwritten."""
    basis, u = given
    alpha = basis.eigenvalues.new_tensor(grid.alphas[chosen.alpha_index])
    coordinates = u.mul_(basis.shrinkage(alpha).T.to(u.dtype))
    return Fitted(
        fold=fold,
        unions=chosen.unions,
        targets=block.targets[chosen.positions],
        places=chosen.places,
        alpha=alpha,
        alpha_index=chosen.alpha_index,
        at_edge=grid.at_edge(number, chosen.alpha_index),
        inner_rsquared=chosen.inner_rsquared,
        basis=basis,
        coordinates=coordinates,
        held_out=HeldOut(basis, block.moments, _columns(block, chosen.positions), coordinates),
    )


def _columns(block: TargetBlock, positions: Array) -> torch.Tensor | slice:
    """Of some of a block's targets; of all of them a slice, which makes no copy."""
    everyone = len(positions) == len(block.targets)
    return slice(None) if everyone else torch.as_tensor(positions, device=block.moments.Y.device)


def coordinates(moments: Moments, basis: Basis, least_alpha: float, columns: torch.Tensor | slice) -> torch.Tensor:
    """V'y of some of a block's targets.

    Parameters
    ----------
    moments : of the block in the outer split.
    basis : of the candidate.
    least_alpha : the smallest of the grid, which decides whether X'y is exact enough.
    columns : (n,) positions of the targets in the block, or all of them.

    Returns
    -------
    (r, n) in the type of the block's Y.
    """
    dtype = moments.Y.dtype
    if by_columns(basis, least_alpha, rounding_of(dtype)):
        return basis.basis_map.to(dtype).T @ moments.split.side_by_side(moments.cross[:, columns], basis.weights)
    if not basis.primal and moments.spanned is not None:
        return basis.basis_map.to(dtype).T @ moments.spanned[:, columns]
    return cross_rows(basis.samples.to(dtype), moments.Y[:, columns], moments.split.train_slices)


class ForeseenModels:
    """What the models that some unions chose leave of held-out samples, and nothing else of them.

    A few alphas of a candidate take a Cholesky factor each, which costs a tenth to a fifteenth of its eigenvectors,
    on a GPU far less.

    Parameters
    ----------
    blocks, grid : as of `ChosenModels`.
    choices : of each union that is asked for, by its number.
    """

    def __init__(self, blocks: Sequence[TargetBlock], grid: Grid, choices: Mapping[int, Choice]) -> None:
        self._blocks, self._grid, self._unions = blocks, grid, tuple(choices)
        self._candidates = np.stack([choice.candidate for choice in choices.values()])
        self._alpha_index = np.stack([choice.alpha_index for choice in choices.values()])
        self._starts = np.cumsum([0, *(len(block.targets) for block in blocks)]).tolist()

    @property
    def alike(self) -> list[list[int]]:
        """Of the candidates that any target chose, those of each distinct weights."""
        return chosen_alike(self._grid, self._candidates)

    def of(self, alike: Sequence[int]) -> Iterator[Residuals]:
        """For each block and each of some candidates alike, the targets that chose it in some union."""
        make = _Predictors(self._blocks[0].moments.split, self._grid, alike[0])
        for block, (first, stop) in zip(self._blocks, pairwise(self._starts), strict=True):
            candidates, alpha_index = self._candidates[:, first:stop], self._alpha_index[:, first:stop]
            chose = np.isin(candidates, alike)
            if not chose.any():
                continue
            # by what this block alone has chosen: nothing of it hangs on those beside it
            predict, anyone = make.choose(np.unique(alpha_index[chose])), np.flatnonzero(chose.any(axis=0))
            for number in alike:
                rows = candidates[:, anyone] == number
                there = rows.any(axis=0)
                positions, rows = anyone[there], rows[:, there]
                if len(positions):
                    unions = {
                        union: np.flatnonzero(row) for union, row in zip(self._unions, rows, strict=True) if row.any()
                    }
                    own = alpha_index[rows.argmax(axis=0), positions]
                    left = _held_out(block.moments, positions) - predict(block.moments, positions, own)
                    yield Residuals(unions, first + positions, left)


class _Predictors:
    """What predicts the targets that chose a candidate: a factor of each alpha where they are few, or eigenvectors.

    Parameters
    ----------
    split : rows to fit on and to evaluate on.
    grid : candidates and alphas.
    number : of the candidate.
    """

    def __init__(self, split: Split, grid: Grid, number: int) -> None:
        self._split, self._grid, self._weights = split, grid, grid.candidates[number]
        self._few = FEW_ALPHAS if split.columns.X.device.type == "cpu" else FEW_ON_GPU
        self._factors: dict[float, torch.Tensor] = {}  # by alpha; of several blocks, but never more than are few

    def choose(self, used: Array) -> Predict:
        """Of a block that chose alphas at these places: what predicts its targets."""
        alphas = [float(alpha) for alpha in self._grid.alphas[used]]
        few = len(used) <= self._few
        if len(self._factors.keys() | set(alphas)) > self._few:
            for alpha in self._factors.keys() - (alphas if few else []):
                del self._factors[alpha]
        solve = cholesky_predictor(self._split, self._weights, alphas, self._factors) if few else None
        if solve is None:
            return self._through_basis
        return partial(self._through_factor, solve)

    @made_once
    def _basis(self) -> Basis:
        return decompose(self._split, self._weights)

    def _through_basis(self, moments: Moments, positions: Array, alpha_index: Array) -> torch.Tensor:
        """What targets are predicted, (n_eval, n)."""
        basis, grid = self._basis, self._grid
        alpha = basis.eigenvalues.new_tensor(grid.alphas[alpha_index])
        u = coordinates(moments, basis, float(grid.alphas[0]), torch.as_tensor(positions, device=alpha.device))
        return basis.eval_projection.to(u.dtype) @ (basis.shrinkage(alpha).T.to(u.dtype) * u)

    def _through_factor(self, solve: Solve, moments: Moments, positions: Array, alpha_index: Array) -> torch.Tensor:
        """The same."""
        split, chosen = self._split, torch.as_tensor(positions, device=moments.Y.device)
        if split.is_primal(self._weights):
            given = moments.cross[:, chosen]
        elif moments.spanned is not None:
            given = moments.spanned[:, chosen]
        else:
            given = torch.cat([moments.Y[at][:, chosen] for at in split.train_slices]) - moments.mean[chosen]
        return solve(given.double(), self._grid.alphas[alpha_index]).to(moments.Y.dtype)


def _held_out(moments: Moments, positions: Array) -> torch.Tensor:
    """(n_eval, n) of some of a block's targets, less the training mean."""
    chosen = torch.as_tensor(positions, device=moments.Y.device)
    return torch.cat([moments.Y[at][:, chosen] for at in moments.split.eval_slices]) - moments.mean[chosen]
