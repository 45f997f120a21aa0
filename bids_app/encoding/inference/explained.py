"""What flip units explain of held-out responses, E of `sign_flips`, by the cheaper of two ways.

Both are E = (2B)'F − F'F, F = D H', D the units' coordinates after shrinkage. Where directions are many, F is made
of each target, by its alpha's hat matrix or through coordinates. Where they are few, products stay in them:

    E = 2 (B'H) D' − D (H'H) D'

in which held-out samples are met once, and not once a pair of units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from bids_app.encoding.inference.sign_flips import Directions, FlipUnitColumns
from bids_app.records import Array

ELEMENTS_AT_ONCE = 2**22  # of F; bounds memory and keeps it near the cache; a constant, so that results repeat


@dataclass(frozen=True)
class Whole:
    """Responses of which the units are but a part; the rest never changes its sign, and is one more unit, the last.

    Parameters
    ----------
    Y : (n_models, …) the models' whole responses, by `FlipUnits.responses`.
    which : (n,) the model that each target's units are of.
    """

    Y: torch.Tensor
    which: torch.Tensor


def explained(
    alpha_index: Array,
    Y: torch.Tensor,
    columns: FlipUnitColumns,
    directions: Directions,
    whole: Whole | None = None,
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """One outer fold's part of E, a few targets at a time.

    Parameters
    ----------
    alpha_index : (n,) places of each target's alpha in the grid.
    Y : (n, …) the responses that change their signs, by `FlipUnits.responses`, in the working type.
    columns : of the fold, for the flip units.
    directions : of the models in these columns.
    whole : of what Y is a part; None: Y is all there is, and each target its own model.

    Yields
    ------
    Positions (n_few,) among the targets, and (n_few, n_units, n_units).
    """
    n_train, rank = directions.V.shape
    n_eval, n_units = len(directions.H), columns.flip_units.count
    through_samples = n_eval * (n_train + n_units**2)
    if rank * (n_train + n_eval + n_units * (rank + n_units)) < through_samples:
        yield from _through_coordinates(Y, columns, directions, whole)
    else:
        yield from _through_samples(alpha_index, Y, columns, directions, whole)


def _through_coordinates(
    Y: torch.Tensor, columns: FlipUnitColumns, directions: Directions, whole: Whole | None
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """`explained` where directions are few; alphas need not be told apart."""
    H_met, shrinkage = directions.met_projection, directions.shrinkage
    squares, mean_of = directions.H.T @ directions.H, columns.tested.T @ H_met
    # the training mean beside the coordinates
    V_and_mean = torch.cat([directions.V_met, columns.trained / columns.n_train], dim=1)
    if whole is not None:
        shrinkage = shrinkage[whole.which]
        all_D, all_BH = columns.of_all_trained(whole.Y, directions.V_met), columns.centred(whole.Y) @ H_met
    n_units = columns.flip_units.count + (whole is not None)
    at_once = _at_once(n_units * max(n_units, V_and_mean.shape[1]))
    for first in range(0, len(Y), at_once):
        some = slice(first, min(first + at_once, len(Y)))  # views, where positions would copy
        D, means = columns.of_trained(Y[some], V_and_mean).transpose(0, 1).tensor_split([-1], dim=2)
        # B is the unit's own held-out response less what it adds to the training mean
        BH = torch.addcmul(columns.of_held_out(Y[some], H_met).transpose(0, 1), means, mean_of, value=-1)
        if whole is not None:
            model = whole.which[some]
            D, BH = _with_rest(D, all_D[model]), _with_rest(BH, all_BH[model])
        D = D * shrinkage[some, None]
        yield torch.arange(some.start, some.stop, device=Y.device), (2 * BH - D @ squares) @ D.mT


def _through_samples(
    alpha_index: Array, Y: torch.Tensor, columns: FlipUnitColumns, directions: Directions, whole: Whole | None
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """`explained` where directions are many: F of every unit and held-out sample."""
    labels, test, nuisance = columns.flip_units.labels, columns.test, directions.nuisance
    means, samples = columns.unit_means(Y), torch.arange(len(test), device=Y.device)
    held_out = columns.held_out(Y)
    # what predictions would have of lost nuisance stands beside them, as amounts: k further columns of F
    directions = replace(directions, H=torch.cat([directions.H, directions.lost]))
    if whole is not None:
        coordinates = directions.shrinkage * columns.of_all_trained(whole.Y, directions.V_met)
        all_B, all_F = columns.centred(whole.Y), coordinates @ directions.H.T
        directions = replace(directions, shrinkage=directions.shrinkage[whole.which])
    for few, F in flip_unit_predictions(alpha_index, Y, columns, directions):
        B = -means[:, few].T[:, :, None] * columns.tested[:, 0]
        # one entry a sample beside the means: that of the unit to which the sample belongs
        B[:, labels[test], samples] += held_out[few]
        if whole is not None:
            model = whole.which[few]
            B, F = _with_rest(B, all_B[model]), _with_rest(F, all_F[model])
        B *= 2
        amounts = B @ nuisance
        yield few, torch.cat([B.sub_(F[..., : len(test)]), amounts], dim=2) @ F.mT


def _with_rest(units: torch.Tensor, together: torch.Tensor) -> torch.Tensor:
    """(n_few, n_units, k) and, as one more, what they leave of the whole (n_few, k)."""
    return torch.cat([units, (together - units.sum(dim=1))[:, None]], dim=1)


def _at_once(elements: int) -> int:
    """How many targets of so many elements are computed together."""
    return max(1, ELEMENTS_AT_ONCE // max(1, elements))


def flip_unit_predictions(
    alpha_index: Array, Y: torch.Tensor, columns: FlipUnitColumns, directions: Directions
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """What each flip unit of the responses contributes to the predictions, a few targets at a time.

    A unit's coefficients meet nothing but their own, so the hat matrix of an alpha, once made, costs one product a
    target, against n_flip_units products with the predictor in coordinates: alpha by alpha, the cheaper is taken.

    Parameters
    ----------
    alpha_index, Y, columns, directions : as of `explained`.

    Yields
    ------
    Positions (n_few,) among the models' targets, and (n_few, n_flip_units, n_eval), in coefficients of the test
    samples.
    """
    V, H, shrinkage = directions.V_met, directions.H, directions.shrinkage
    (n_train, rank), n_eval = V.shape, len(H)
    at_once = _at_once(columns.flip_units.count * n_eval)
    rest = [torch.arange(0, device=Y.device)]
    for each in np.unique(alpha_index):
        alike = torch.as_tensor(np.flatnonzero(alpha_index == each), device=Y.device)
        through_hat = n_eval * n_train * (rank + len(alike))
        if through_hat > len(alike) * rank * (n_train + n_eval * columns.flip_units.count):
            rest.append(alike)
            continue
        hat = (V * shrinkage[alike[0]]) @ H.T
        for few in torch.split(alike, at_once):
            yield few, columns.of_trained(Y[few], hat).transpose(0, 1)
    # targets of an alpha that few share: through coordinates V'y of each unit
    for few in torch.split(torch.cat(rest), at_once):
        yield few, (columns.of_trained(Y[few], V).transpose(0, 1) * shrinkage[few, None]) @ H.T
