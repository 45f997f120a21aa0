"""Canonical correlation at the seed paper's size against scikit-learn's: `python -m benchmarks.subspace`.

3,575 words, 462 components of one model and 705 of the other, 50 pairs, fit and scores of both sides, on the same
centred rows. scikit-learn iterates, and by default stops before pairs of nearly equal correlation have come apart:
equality with it is taken where it is made to converge, on a tenth of the columns; at full size, with the angles
between the two spaces of columns (scipy). `--quick` times a tenth of the columns.
"""

from __future__ import annotations

import sys
import time
import warnings
from statistics import median

import numpy as np
from scipy.linalg import subspace_angles
from sklearn.cross_decomposition import CCA

from benchmarks.bars import Bar, run_bars
from bids_app.encoding.subspace.canonical import canonical
from bids_app.records import Array

WORDS, SIZES, PAIRS = 3575, (462, 705), 50
TENTH, FEWER = (46, 70), 10
LATENTS = 60  # of both models, from strong to weak
REPEATS = 3
NEAR = 1e-4


def rows(sizes: tuple[int, int]) -> tuple[Array, Array]:
    """Centred rows of both models, whose latents correlate from strongly to hardly, as canonical pairs do."""
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((WORDS, LATENTS)) * np.geomspace(3, 0.3, LATENTS)
    sides = [latent @ rng.standard_normal((LATENTS, d)) / 4 + rng.standard_normal((WORDS, d)) for d in sizes]
    return sides[0] - sides[0].mean(axis=0), sides[1] - sides[1].mean(axis=0)


def correlations(u: Array, v: Array) -> Array:
    """(k,) of columns."""
    return np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(u.T, v.T, strict=True)])


def scikit_learn(one: Array, other: Array, pairs: int, **settings: float) -> tuple[Array, int]:
    """Its correlations, and how many pairs did not converge."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        fitted = CCA(n_components=pairs, **settings).fit(one, other)
    unfinished = sum("Maximum number of iterations" in str(one.message) for one in said)
    return correlations(*fitted.transform(one, other)), unfinished


def speed(quick: bool) -> list[Bar]:
    """Seconds of both, and our correlations beside the cosines of the angles between the spaces of columns."""
    one, other = rows(TENTH if quick else SIZES)
    pairs = FEWER if quick else PAIRS
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        found = canonical(one, other, pairs)
        ours = correlations(one @ found.first, other @ found.second)
        seconds.append(time.perf_counter() - started)
    print(f"  ours: {median(seconds):.3f} s", flush=True)
    started = time.perf_counter()
    theirs, unfinished = scikit_learn(one, other, pairs)
    taken = time.perf_counter() - started
    print(f"  theirs: {taken:.1f} s; {unfinished} of {pairs} pairs did not converge")
    print(f"  first, middle, last: {ours[[0, pairs // 2, -1]]}, {theirs[[0, pairs // 2, -1]]}")
    exact = np.sort(np.cos(subspace_angles(one, other)))[::-1][:pairs]
    size = f"{WORDS} x {one.shape[1]} against {WORDS} x {other.shape[1]}, {pairs} pairs"
    return [
        Bar(f"canonical correlation, {size}, against scikit-learn's", taken / median(seconds), 100, "x", False),
        Bar("largest difference from the angles between the columns", float(np.abs(ours - exact).max()), NEAR, ""),
    ]


def equality(_: bool) -> list[Bar]:
    """Largest difference from scikit-learn's correlations where every pair converges."""
    one, other = rows(TENTH)
    pairs = canonical(one, other, FEWER)
    theirs, unfinished = scikit_learn(one, other, FEWER, tol=1e-12, max_iter=20_000)
    ours = correlations(one @ pairs.first, other @ pairs.second)
    print(f"  {unfinished} of {FEWER} did not converge")
    return [Bar("largest difference from scikit-learn's, converged", float(np.abs(ours - theirs).max()), NEAR, "")]


if __name__ == "__main__":
    sys.exit(run_bars({"equality": equality, "speed": speed}))
