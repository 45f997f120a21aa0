"""Nested ridge on simulated runs: what the engine hands to inference, for tests and benchmarks of inference alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.candidates import as_candidates
from bids_app.encoding.fitted import Fitted, fit_chosen
from bids_app.encoding.moments import Moments
from bids_app.encoding.search import Choice, Search
from bids_app.encoding.signflip import ChosenModel, OuterFold
from bids_app.encoding.splits import Columns, Split, Weights
from bids_app.records import Array


@dataclass(frozen=True)
class HeldOut:
    """One outer fold: its chosen models and the band weights of each, its test responses and their predictions
    (n_eval, n_targets), less the training mean."""

    fold: OuterFold
    weights: Sequence[Weights]
    Y: torch.Tensor
    predictions: torch.Tensor


def nested(
    bands: Sequence[torch.Tensor], Y: torch.Tensor, folds: Array, table: Array, alphas: Array, purge: int = 0
) -> list[HeldOut]:
    """Bands (n_times, n_columns_b) and Y (n_times, n_targets), folds (n_times,); band weights (n_candidates, n_bands)
    and alphas chosen by leaving out one of the other folds at a time; a single pair is taken as it is. `purge`: rows
    before and after test samples that are not trained on."""
    candidates = as_candidates(table, range(len(bands)))
    return [_held_out(bands, Y, folds, fold, candidates, alphas, purge) for fold in np.unique(folds)]


def _held_out(
    bands: Sequence[torch.Tensor],
    Y: torch.Tensor,
    folds: Array,
    fold: int,
    candidates: Sequence[Weights],
    alphas: Array,
    purge: int,
) -> HeldOut:
    near = np.convolve(folds == fold, np.ones(2 * purge + 1), mode="same") > 0
    train, test = np.flatnonzero(~near), np.flatnonzero(folds == fold)
    columns = Columns([band.double() for band in bands], train)
    outer = Split(columns, train, test)
    moments = Moments(Y, outer)
    only = np.zeros(Y.shape[1], dtype=np.int64)
    choice = Choice(only, only, np.zeros(Y.shape[1]))
    if len(candidates) * len(alphas) > 1:
        others = [other for other in np.unique(folds) if other != fold]
        rows = [(np.flatnonzero(~near & (folds != other)), np.flatnonzero(folds == other)) for other in others]
        inner = (Split(columns, *pair, outer) for pair in rows)
        choice = Search(inner, [moments], alphas, candidates).choose(candidates)
    fitted = list(fit_chosen(0, 0, [(np.arange(Y.shape[1]), moments)], candidates, alphas, choice))
    predictions = torch.zeros_like(Y[test])
    for one in fitted:
        predictions[:, one.targets] = one.predictions
    models = [chosen_model(one) for one in fitted]
    responses = Y[test] - Y[train].mean(dim=0)
    return HeldOut(
        OuterFold(_tensor(train), _tensor(test), models), [one.weights for one in fitted], responses, predictions
    )


def chosen_model(fitted: Fitted) -> ChosenModel:
    """The engine's models as inference takes them."""
    lam = fitted.basis.lam
    coordinates = fitted.samples * lam
    return ChosenModel(lam, coordinates, fitted.basis.held, _tensor(fitted.targets), fitted.alpha)


def _tensor(rows: Array) -> torch.Tensor:
    return torch.as_tensor(rows)
