"""Canonical correlation at the seed paper's size against scikit-learn's: `python -m benchmarks.subspace`.

3,575 words, 462 components of one model and 705 of the other, 50 pairs, fit and scores of both sides. Both get the
same centred rows. `--quick` leaves four fifths of the columns out.
"""

from __future__ import annotations

import sys
import time
import warnings
from statistics import median

import numpy as np
from sklearn.cross_decomposition import CCA

from benchmarks.bars import Bar, run_bars
from bids_app.encoding.subspace import canonical
from bids_app.records import Array

WORDS, SIZES, PAIRS = 3575, (462, 705), 50
LATENTS = 60  # of both models, from strong to weak
REPEATS = 5
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


def against_scikit_learn(quick: bool) -> list[Bar]:
    """Seconds of both, and how far their correlations are apart where scikit-learn's iteration has converged."""
    one, other = rows((SIZES[0] // 5, SIZES[1] // 5) if quick else SIZES)
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        found = canonical(one, other, PAIRS)
        u, v = one @ found.one, other @ found.other
        seconds.append(time.perf_counter() - started)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        started = time.perf_counter()
        theirs = CCA(n_components=PAIRS).fit(one, other)
        a, b = theirs.transform(one, other)
        taken = time.perf_counter() - started
    unfinished = sum("Maximum number of iterations" in str(one.message) for one in said)
    print(f"  seconds: {median(seconds):.3f} (ours), {taken:.1f} (theirs); {unfinished} of {PAIRS} did not converge")
    ours, other_r = correlations(u, v), correlations(a, b)
    print(
        "  correlations, first, middle, last:",
        ours[[0, PAIRS // 2, -1]].round(4),
        other_r[[0, PAIRS // 2, -1]].round(4),
    )
    return [
        Bar("canonical correlation, 50 pairs, against scikit-learn's", taken / median(seconds), 100, "x", False),
        Bar("largest difference of a correlation", float(np.abs(ours - other_r).max()), NEAR, ""),
    ]


if __name__ == "__main__":
    sys.exit(run_bars({"scikit-learn": against_scikit_learn}))
