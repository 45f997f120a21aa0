"""What chosen models will leave of held-out samples, before any of them is fitted for all else.

Flips of what smaller models leave need it of all outer folds, before the first model is refitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise, product

import numpy as np
import torch

from bids_app.encoding.ridge.basis import cholesky_predictor, decompose
from bids_app.encoding.ridge.candidates import Grid
from bids_app.encoding.ridge.fitted import Residuals, TargetBlock, chosen_alike, coordinates
from bids_app.encoding.ridge.moments import Moments
from bids_app.encoding.ridge.search import Choice
from bids_app.encoding.ridge.splits import Split
from bids_app.records import Array

FEW_ALPHAS = 6  # of a candidate: so many Cholesky factors cost less than its eigenvectors
Predict = Callable[[Moments, Array, Array], torch.Tensor]  # moments, positions, places of alphas → (n_eval, n)


class ForeseenModels:
    """What the models that some unions chose leave of held-out samples, and nothing else of them.

    A few alphas of a candidate take a Cholesky factor each, which costs a seventh to a tenth of its eigenvectors.

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
        """For each block and each of some candidates alike, the targets that chose it in some union, alpha by alpha
        where each has a factor."""
        blocks, used = self._blocks, np.unique(self._alpha_index[np.isin(self._candidates, alike)])
        predictors = _predictors(blocks[0].moments.split, self._grid, alike[0], used)
        for number, (same, predict) in product(alike, predictors):
            picked = (self._candidates == number) & np.isin(self._alpha_index, same)
            for block, (first, stop) in zip(blocks, pairwise(self._starts), strict=True):
                positions = np.flatnonzero(picked[:, first:stop].any(axis=0))
                if len(positions):
                    rows = picked[:, first + positions]
                    unions = {
                        union: np.flatnonzero(row) for union, row in zip(self._unions, rows, strict=True) if row.any()
                    }
                    alpha_index = self._alpha_index[rows.argmax(axis=0), first + positions]
                    left = _held_out(block.moments, positions) - predict(block.moments, positions, alpha_index)
                    yield Residuals(unions, first + positions, left)


def _predictors(split: Split, grid: Grid, number: int, used: Array) -> list[tuple[Array, Predict]]:
    """Places of alphas, and what predicts the targets that chose them."""
    weights, alphas = grid.candidates[number], [float(alpha) for alpha in grid.alphas[used]]
    solve = cholesky_predictor(split, weights, alphas) if len(used) <= FEW_ALPHAS else None
    if solve is None:
        basis = decompose(split, weights)

        def through_basis(moments: Moments, positions: Array, alpha_index: Array) -> torch.Tensor:
            alpha = basis.eigenvalues.new_tensor(grid.alphas[alpha_index])
            u = coordinates(moments, basis, float(grid.alphas[0]), torch.as_tensor(positions, device=alpha.device))
            return basis.eval_projection.to(u.dtype) @ (basis.shrinkage(alpha).T.to(u.dtype) * u)

        return [(used, through_basis)]

    def through_factor(moments: Moments, positions: Array, alpha_index: Array) -> torch.Tensor:
        chosen = torch.as_tensor(positions, device=moments.Y.device)
        if split.is_primal(weights):
            given = moments.cross[:, chosen]
        else:
            given = torch.cat([moments.Y[at][:, chosen] for at in split.train_slices]) - moments.mean[chosen]
        return solve(given.double(), float(grid.alphas[alpha_index[0]])).to(moments.Y.dtype)

    return [(used[at : at + 1], through_factor) for at in range(len(used))]


def _held_out(moments: Moments, positions: Array) -> torch.Tensor:
    """(n_eval, n) of some of a block's targets, less the training mean."""
    chosen = torch.as_tensor(positions, device=moments.Y.device)
    return torch.cat([moments.Y[at][:, chosen] for at in moments.split.eval_slices]) - moments.mean[chosen]
