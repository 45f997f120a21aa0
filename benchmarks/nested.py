"""Nested ridge on simulated runs: what the engine hands to inference, for tests and benchmarks of inference alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.ridge import Choice, Search, Split, Weights, as_candidates, decompose, make_split
from bids_app.encoding.signflip import ChosenModel, OuterFold
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
    train, test = _rows(~near), _rows(folds == fold)
    split = make_split(bands, Y, train, test)
    only = np.zeros(Y.shape[1], dtype=np.int64)
    choice = Choice(only, only, np.zeros(Y.shape[1]))
    if len(candidates) * len(alphas) > 1:
        others = [other for other in np.unique(folds) if other != fold]
        rows = [(_rows(~near & (folds != other)), _rows(folds == other)) for other in others]
        choice = Search([make_split(bands, Y, *pair) for pair in rows], alphas).choose(candidates)
    chosen = np.unique(choice.candidate)
    models = [_model(split, candidates[k], alphas, choice, k) for k in chosen]
    predictions = torch.zeros_like(split.Y_eval)
    for model in models:
        predictions[:, model.targets] = model.predict(split.Y[:, model.targets])
    return HeldOut(OuterFold(train, test, models), [candidates[k] for k in chosen], split.Y_eval, predictions)


def _model(split: Split, weights: Weights, alphas: Array, choice: Choice, candidate: int) -> ChosenModel:
    basis = decompose(split, weights)
    mine = np.flatnonzero(choice.candidate == candidate)
    if basis.primal:
        coordinates = torch.cat([g**0.5 * split.X[band] for band, g in weights.items()], dim=1) @ basis.Q
    else:
        coordinates = split.kernel(weights) @ basis.Q
    alpha = torch.as_tensor(alphas[choice.alpha[mine]], dtype=split.Y.dtype)
    return ChosenModel(basis.lam, coordinates, basis.predictor(split, weights), torch.as_tensor(mine), alpha)


def _rows(mask: Array) -> torch.Tensor:
    return torch.as_tensor(np.flatnonzero(mask))
