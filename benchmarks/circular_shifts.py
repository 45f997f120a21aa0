"""Circular shift of responses within run, refitted: the slow reference for the sign flips of `sign_flips`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bids_app.encoding.ridge.fitted import Fitted
from bids_app.records import Array


def draw_shifts(run_lengths: Sequence[int], permutations: int, seed: int) -> Array:
    """Samples by which each run's responses are moved.

    Parameters
    ----------
    run_lengths : samples of each run.
    permutations : shifts to draw.
    seed : of the draws.

    Returns
    -------
    (1 + permutations, n_runs) int; the first row is 0.
    """
    drawn = np.random.default_rng(seed).integers(0, np.asarray(run_lengths), (permutations, len(run_lengths)))
    return np.concatenate([np.zeros((1, len(run_lengths)), dtype=np.int64), drawn])


def shifted_rsquared(Y: torch.Tensor, runs: Array, models: Sequence[Fitted], shifts: Array) -> torch.Tensor:
    """Scores under circular shifts: each one centred, refitted at the chosen hyper-parameters and scored anew.

    Costs a refit a shift: 2 · n_times · rank operations a target and fold.

    Parameters
    ----------
    Y : (n_times, n_targets).
    runs : (n_times,), whose order of appearance is that of the shifts' columns.
    models : of one union, which together cover all folds and targets.
    shifts : (n_shifts, n_runs).

    Returns
    -------
    (n_shifts, n_targets) rsquared.

    Raises
    ------
    ValueError
        For residualised features.
    """
    if any(model.split.columns.lost.numel() for model in models):
        raise ValueError("shifted responses are not cleaned as residualised features are: shift features as they are")
    members = [np.flatnonzero(runs == run) for run in dict.fromkeys(np.asarray(runs).tolist())]
    return torch.stack([_rsquared(Y[_moved(members, shift)], models) for shift in shifts])


def _moved(members: Sequence[Array], shift: Array) -> torch.Tensor:
    """(n_times,) the row that each row's response comes from."""
    source = np.empty(sum(len(rows) for rows in members), dtype=np.int64)
    for rows, by in zip(members, shift.tolist(), strict=True):
        source[rows] = np.roll(rows, by)
    return torch.as_tensor(source)


def _rsquared(Y: torch.Tensor, models: Sequence[Fitted]) -> torch.Tensor:
    gain, total = Y.new_zeros(Y.shape[1]), Y.new_zeros(Y.shape[1])
    for model in models:
        basis, y = model.basis, Y[:, model.targets]
        y = y - y[model.split.train].mean(dim=0)
        predictions = basis.eval_projection @ (
            basis.shrinkage(model.alpha).T * (basis.samples.T @ y[model.split.train])
        )
        gain[model.targets] += (predictions * (2 * y[model.split.evaluate] - predictions)).sum(dim=0)
        total[model.targets] += (y[model.split.evaluate] ** 2).sum(dim=0)
    return gain / total
