"""Ceilings of planted signals, over signal-to-noise ratios and numbers of repeats; run by `benchmarks.recovery`.

Between people, the ceiling is a ratio to what the others have in common, which may be nothing: it has no mean where
that is near, so the median stands for it, and 1.48 times the median deviation for the error.
"""

from __future__ import annotations

import numpy as np

from benchmarks.bars import Bar
from benchmarks.simulation import Setting, series
from bids_app.encoding import Ceiling, between_people, from_repeats
from bids_app.records import Array

SHARES = (0.0, 0.02, 0.1, 0.5, 0.9)  # the signal's, of a single hearing's variance
ONE_RUN = Setting(n_runs=1, n_samples=300, period_s=2.0, least_s=60.0)
BLOCK = 10  # samples, 20 s
WITHIN = 0.01  # of the planted share, on average


def ceilings(quick: bool) -> list[Bar]:
    """The average of many targets against what was planted: hearings of one person, or five people once."""
    print("\n| ceiling from | planted | average | error | coverage | called reliable |")
    print("|---|---|---|---|---|---|")
    rng, count, bars = np.random.default_rng(0), 200 if quick else 2000, list[Bar]()
    for share in SHARES:
        found = {f"{n} hearings": from_repeats([hearings(share, n, count, rng)], BLOCK) for n in (2, 3, 10)}
        found["5 people"] = between_people(list(hearings(share, 5, count, rng)), BLOCK)[0]
        bars += [_bar(name, share, ceiling) for name, ceiling in found.items()]
    return bars


def hearings(share: float, n: int, n_targets: int, rng: np.random.Generator) -> Array:
    """(n, n_times, n_targets): a common signal and noise of equal autocorrelation, z-scored within run."""
    signal = np.sqrt(share) * series("ar.5", ONE_RUN, n_targets, rng)
    return np.stack([signal + np.sqrt(1 - share) * series("ar.5", ONE_RUN, n_targets, rng) for _ in range(n)])


def _bar(name: str, share: float, ceiling: Ceiling) -> Bar:
    found, of_people = ceiling.explainable, name.endswith("people")
    average = float(np.median(found) if of_people else np.mean(found))
    error = float(np.median(np.abs(found - share)) / 0.6745 if of_people else np.sqrt(np.mean((found - share) ** 2)))
    covered = float(((ceiling.low <= share) & (share <= ceiling.high)).mean())
    reliable = float(ceiling.reliable.mean())
    print(f"| {name} | {share} | {average:.3f} | {error:.3f} | {covered:.3f} | {reliable:.3f} |", flush=True)
    return Bar(f"ceiling-{name}-{share}", abs(average - share), WITHIN, "bias")
