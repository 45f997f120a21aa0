"""Ceilings of planted signals, over signal-to-noise ratios and numbers of repeats; run by `benchmarks.recovery`.

Between participants, the ceiling is a ratio to what the others have in common: it is known, and judged, only where
that is reliably above zero. Where it is known in fewer than half of the targets, these are the ones whose chance is
high, and the average is only printed.
"""

from __future__ import annotations

import numpy as np

from benchmarks.bars import Bar
from benchmarks.simulation import Setting, series
from bids_app.encoding import NoiseCeiling, inter_subject_noise_ceiling, noise_ceiling_of_trials
from bids_app.records import Array

SHARES = (0.0, 0.02, 0.1, 0.5, 0.9)  # the signal's, of a single hearing's variance
ONE_RUN = Setting(n_runs=1, n_samples=300, period_s=2.0, least_s=60.0)
BLOCK_WIDTH = 10  # samples, 20 s
WITHIN = 0.01  # of the planted share, on average


def ceilings(quick: bool) -> list[Bar]:
    """The average of many targets against what was planted: hearings of one participant, or of five once."""
    print("\n| ceiling from | planted | known in | average | error | coverage | called reliable |")
    print("|---|---|---|---|---|---|---|")
    rng, count, bars = np.random.default_rng(0), 200 if quick else 2000, list[Bar]()
    for share in SHARES:
        found = {
            f"{n} hearings": noise_ceiling_of_trials([hearings(share, n, count, rng)], BLOCK_WIDTH)
            for n in (2, 3, 10)
        }
        found["5 participants"] = inter_subject_noise_ceiling(list(hearings(share, 5, count, rng)), BLOCK_WIDTH)[0]
        bars += [bar for name, ceiling in found.items() for bar in _bars(name, share, ceiling)]
    return bars


def hearings(share: float, n: int, n_targets: int, rng: np.random.Generator) -> Array:
    """(n, n_times, n_targets): a common signal and noise of equal autocorrelation, z-scored within run."""
    signal = np.sqrt(share) * series("ar.5", ONE_RUN, n_targets, rng)
    return np.stack([signal + np.sqrt(1 - share) * series("ar.5", ONE_RUN, n_targets, rng) for _ in range(n)])


def _bars(name: str, share: float, ceiling: NoiseCeiling) -> list[Bar]:
    """Of the average of targets whose ceiling is known, where these are most."""
    known = np.isfinite(ceiling.explainable)
    found = ceiling.explainable[known]
    average, error = float(found.mean()), float(np.sqrt(np.square(found - share).mean()))
    covered = float(((ceiling.low <= share) & (share <= ceiling.high))[known].mean())
    figures = (known.mean(), average, error, covered, ceiling.reliable.mean())
    print(f"| {name} | {share} | {' | '.join(f'{figure:.3f}' for figure in figures)} |", flush=True)
    return [Bar(f"ceiling-{name}-{share}", abs(average - share), WITHIN, "bias")] if known.mean() > 0.5 else []
