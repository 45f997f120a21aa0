"""Band weights tried by the random search, and the grid of alphas."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.records import Array

CONCENTRATIONS = (0.1, 1.0)  # sparse and even draws in turn, as himalaya's tutorials mix them


def band_weights(n_bands: int, candidates: int, seed: int) -> Array:
    """(n_candidates, n_bands) non-negative weights that sum to one; the random search of banded ridge.

    Always among them: equal weights, each band alone, and every band left out of the others' equal weights (exact
    zeros); then Dirichlet draws until there are `candidates` (Dupré la Tour et al. 2022, NeuroImage 264:119728).
    One candidate is plain ridge: equal weights alone.
    """
    if candidates == 1:
        return np.full((1, n_bands), 1 / n_bands)
    fixed = [np.full(n_bands, 1 / n_bands)]
    if n_bands > 1:
        fixed += list(np.eye(n_bands))
    if n_bands > 2:
        fixed += [(1 - row) / (n_bands - 1) for row in np.eye(n_bands)]
    rng = np.random.default_rng(seed)
    drawn = max(0, candidates - len(fixed)) if n_bands > 1 else 0
    random = [rng.dirichlet(np.full(n_bands, CONCENTRATIONS[k % len(CONCENTRATIONS)])) for k in range(drawn)]
    return np.array([*fixed, *random])


def alpha_grid(lowest: float, highest: float, count: int) -> Array:
    """(count,) log-spaced."""
    return np.geomspace(lowest, highest, count) if count > 1 else np.array([lowest])


def as_candidates(table: Array, bands: Sequence[int]) -> list[dict[int, float]]:
    """Rows of band weights → {band: weight}, zeros left out; rows that repeat an earlier one are dropped."""
    kept: list[dict[int, float]] = []
    for row in table:
        weights = {band: float(g) for band, g in zip(bands, row, strict=True) if g > 0}
        if weights not in kept:
            kept.append(weights)
    return kept
