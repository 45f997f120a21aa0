"""What flip units explain of held-out responses, E of `sign_flips`, by whichever of three ways is the cheapest.

What a model learns from a unit are a few numbers G, of which its predictions are G M' (G M_met' as responses meet
them), so

    E = 2 B'F_met − F'F = (2 B'M_met − G M'M) G'

Where directions are few, G are the model's coordinates, of models of any alphas. Where they are many, M'M would be
dear; then G are held-out predictions themselves. And where many models share an alpha, G is one product of their
coefficients with what this alpha learns from them (`Directions`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.inference.flips.fold_columns import Directions, FlipUnitColumns
from bids_app.records import Array

ELEMENTS_AT_ONCE = 2**20  # of G; bounds memory and keeps it near the cache; a constant, so that results repeat
OF_A_CALL = 2**24  # multiply–adds that take as long as a few models of their own do besides their products


@dataclass(frozen=True)
class Responses:
    """Responses of some models.

    Parameters
    ----------
    laid_out : (n_rows, …) of all targets, by `FlipUnits.responses`, in the working type.
    rows : (n,) each model's.
    """

    laid_out: torch.Tensor
    rows: torch.Tensor


@dataclass(frozen=True)
class Whole:
    """Responses of which the units are but a part; the rest never changes its sign, and is one more unit, the last.

    Parameters
    ----------
    responses : the whole ones, of some models.
    which : (n,) the one of these that each model's units are of.
    """

    responses: Responses
    which: torch.Tensor


def explained(
    alphas: Array,
    responses: Responses,
    columns: FlipUnitColumns,
    directions: Directions,
    whole: Whole | None = None,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One outer fold's part of E, a few models at a time; of those that predict nothing it is zero, and passed over.

    Parameters
    ----------
    alphas : (n,) of each model.
    responses : those that change their signs.
    columns : of the fold, for the flip units.
    directions : of the candidate in these columns.
    whole : of what the responses are a part; None: they are all there is.

    Yields
    ------
    Positions (n_few,) among the models, and (n_few, n_units, n_units).
    """
    n_units = columns.flip_units.count + (whole is not None)
    for way in _ways(alphas, columns, directions):
        widths = way.values.shape[1], way.held_out.shape[1]
        at_once = max(1, ELEMENTS_AT_ONCE // (n_units * max(n_units, *widths)))
        for at in range(0, len(way.models), at_once):
            few = torch.as_tensor(way.models[at : at + at_once], device=way.values.device)
            G, BM = _products(responses.laid_out[responses.rows[few]], _rest(whole, few), columns, way)
            if way.shrinkage is not None:
                G[..., :-1].mul_(way.shrinkage[at : at + at_once])
            # 2 B'M_met − G M'M, B less what units add to the training mean, the last column of G
            of_mean = columns.tested.T @ way.held_out
            if way.squares is not None:
                taken = torch.cat([way.squares, 2 * of_mean])
                BM.flatten(0, 1).addmm_(G.flatten(0, 1), taken, beta=2, alpha=-1)
                G = G[..., :-1]
            else:
                BM.addcmul_(G[..., -1:], of_mean, value=-1).mul_(2)
                G = G[..., :-1] if way.learned is None else G[..., :-1] @ way.learned.T
                BM[..., : directions.n_own].sub_(G[..., : directions.n_own])
            yield few, BM.transpose(0, 1) @ G.permute(1, 2, 0)


@dataclass(frozen=True)
class _Way:
    """How some models learn from coefficients.

    Parameters
    ----------
    models : (n,) positions.
    values : (n_train, j) that coefficients are multiplied with.
    held_out : (n_eval, l) M_met.
    shrinkage : (n, j) that the products are multiplied with; None: they are made with it.
    learned : (l, j) that they are multiplied with then; None: l is j.
    squares : (l, l) M'M; None: M are orthonormal, and the first `Directions.n_own` of the l.
    """

    models: Array
    values: torch.Tensor
    held_out: torch.Tensor
    shrinkage: torch.Tensor | None = None
    learned: torch.Tensor | None = None
    squares: torch.Tensor | None = None


def _ways(alphas: Array, columns: FlipUnitColumns, directions: Directions) -> Iterator[_Way]:
    """Of alphas that many models share their predictors; all others through coordinates."""
    (n_train, rank), n_learned, n_units = directions.V.shape, directions.held_out.shape[1], columns.flip_units.count
    # multiply–adds: of a model by coordinates, less those by a predictor; of a predictor
    saved = n_train * (rank - n_learned) + n_units * rank * min(rank, n_learned)
    made = n_train * rank * n_learned
    used, which, counts = np.unique(alphas, return_inverse=True, return_counts=True)
    many = counts * saved >= made + OF_A_CALL
    for number in np.flatnonzero(many):
        if directions.matters(float(used[number])):
            alike = np.flatnonzero(which == number)
            yield _Way(alike, directions.predictor(float(used[number])), directions.held_out)
    if not many.all():
        models = np.flatnonzero(~many[which])
        some = directions.influential(alphas[models])
        rank = some.V.shape[1]
        if 0 < rank <= n_learned:
            yield _Way(models, some.V_met, some.H_met, some.shrinkage, squares=some.H.T @ some.H)
        elif rank:
            yield _Way(models, some.V_met, directions.held_out, some.shrinkage, some.learned)


def _rest(whole: Whole | None, few: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Whole responses of some models, each once, and which of them is each model's."""
    if whole is None:
        return None
    models, which = torch.unique(whole.which[few], return_inverse=True)
    return whole.responses.laid_out[whole.responses.rows[models]], which


def _products(
    Y: torch.Tensor, rest: tuple[torch.Tensor, torch.Tensor] | None, columns: FlipUnitColumns, way: _Way
) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit by unit, of responses Y (n, …) that change their signs: their trained coefficients times `values`, with
    what they add to the training mean (n_units, n, j + 1), and their held-out ones times M_met (n_units, n, l)."""
    more, held_out = int(rest is not None), way.held_out
    # the training mean beside what is learned
    values_and_mean = torch.cat([way.values, columns.trained / columns.n_train], dim=1)
    of_trained, BM = columns.of_trained(Y, values_and_mean, more), columns.of_held_out(Y, held_out, more)
    if rest is not None:
        whole, which = rest
        torch.sub(
            columns.of_all_trained(whole, values_and_mean)[which], of_trained[:-1].sum(dim=0), out=of_trained[-1]
        )
        torch.sub((columns.held_out(whole) @ held_out)[which], BM[:-1].sum(dim=0), out=BM[-1])
    return of_trained, BM
