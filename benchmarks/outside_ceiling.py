"""The noise ceiling with noise covariance (GSN) beside the one that takes each target alone; run by
`python -m benchmarks.outside --only ceiling`.

GSN models trials as signal plus noise, each normal with a covariance over targets (Kay et al. 2024). Its ceiling of a
target is read from the two diagonals: as first estimated, from the variance over repeats and that of their mean, and
after both covariances have been brought in turn to the nearest positive semi-definite ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cholesky, solve_triangular

from benchmarks.bars import Bar
from benchmarks.recovery_ceilings import BLOCK_WIDTH, ONE_RUN
from benchmarks.simulation import mixed, series, standardized
from bids_app.encoding import noise_ceiling_of_trials
from bids_app.records import Array

SHRINKAGES = np.linspace(0, 1, 51)  # of covariances off the diagonal, as published
VALIDATION = 5  # one in so many samples decides the shrinkage
MOST_ROUNDS, CONVERGED = 100, 0.999  # of the two projections in turn; correlation with the round before
SHARES = (0.0, 0.1, 0.5)  # the signal's, of a single hearing's variance: a third of the targets each
DIMENSIONS = 10  # of the signal
SOURCES = 5  # of the noise that targets have in common
SAME = 0.01  # our error may be larger by so much


@dataclass(frozen=True)
class Hearings:
    """Responses to one run heard several times.

    Parameters
    ----------
    repeats, n_targets : how many.
    in_common : share of the noise that comes from a few sources which targets weigh differently.
    """

    repeats: int
    n_targets: int
    in_common: float

    @property
    def planted(self) -> Array:
        """(n_targets,) the signal's share of a single hearing's variance."""
        return np.resize(SHARES, self.n_targets)

    def draw(self, rng: np.random.Generator) -> Array:
        """(repeats, n_times, n_targets), signal and noise AR .5, z-scored within run."""
        signal = self._of_sources(DIMENSIONS, rng)
        return np.stack([mixed(signal, self._noise(rng), self.planted, ONE_RUN) for _ in range(self.repeats)])

    def _noise(self, rng: np.random.Generator) -> Array:
        own = series("ar.5", ONE_RUN, self.n_targets, rng)
        together = np.sqrt(self.in_common) * self._of_sources(SOURCES, rng) + np.sqrt(1 - self.in_common) * own
        return standardized(together, ONE_RUN)

    def _of_sources(self, count: int, rng: np.random.Generator) -> Array:
        mixing = rng.standard_normal((count, self.n_targets))
        return standardized(series("ar.5", ONE_RUN, count, rng) @ mixing, ONE_RUN)


def ceiling(quick: bool) -> list[Bar]:
    """Bias and error of each ceiling, by planted share."""
    print(
        "\n| repeats | targets | noise in common | estimate | bias and error (rms) at "
        + " | at ".join(f"{share:g}" for share in SHARES)
        + " |"
    )
    print("|---|---|---|---|" + "---|" * len(SHARES))
    bars: list[Bar] = []
    for n_targets in (30, 120) if quick else (30, 120, 360):
        for repeats in (2, 3, 10):
            for in_common in (0.0, 0.6):
                bars += _compared(Hearings(repeats, n_targets, in_common), 3 if quick else 2400 // n_targets)
    return bars


def _compared(hearings: Hearings, draws: int) -> list[Bar]:
    rng, found = np.random.default_rng(0), dict[str, list[Array]]()
    for _ in range(draws):
        trials = hearings.draw(rng)
        ours = noise_ceiling_of_trials([trials], BLOCK_WIDTH).explainable
        first, last = gsn_ceilings(trials)
        estimates = {"ours": ours, "ours, not below 0": ours.clip(0), "GSN, first": first, "GSN, last": last}
        for name, estimate in estimates.items():
            found.setdefault(name, []).append(estimate)
    error = {name: np.array(estimates) - hearings.planted for name, estimates in found.items()}
    for name, each in error.items():
        by_share = [each[:, hearings.planted == share] for share in SHARES]
        shown = " | ".join(f"{one.mean():+.3f}, {np.sqrt(np.square(one).mean()):.3f}" for one in by_share)
        print(
            f"| {hearings.repeats} | {hearings.n_targets} | {hearings.in_common:g} | {name} | {shown} |", flush=True
        )
    rms = {name: float(np.sqrt(np.square(each).mean())) for name, each in error.items()}
    label = f"ceiling-{hearings.repeats}-{hearings.n_targets}-{hearings.in_common:g}"
    best = min(rms["GSN, first"], rms["GSN, last"])
    return [Bar(f"{label}-ours", rms["ours, not below 0"], round((1 + SAME) * best, 4), "rms")]


def gsn_ceilings(trials: Array) -> tuple[Array, Array]:
    """Ceilings of single trials by generative modelling of signal and noise (Kay et al. 2024).

    Noise: the covariance over repeats, averaged over samples. Data: that of the repeats' mean, over samples. Each is
    shrunk off its diagonal, by as much as makes a fifth of the samples likeliest. Signal: data less noise / repeats.

    Parameters
    ----------
    trials : (n_repeats, n_times, n_targets), each repeat centred.

    Returns
    -------
    (n_targets,) each, not below zero: of the first estimates, and when projections have converged.
    """
    R, n, _ = trials.shape
    mean = trials.mean(axis=0)
    noise = shrunken_covariance(trials - mean, n * (R - 1))
    data = shrunken_covariance((mean - mean.mean(axis=0))[None], n - 1)
    signal, cleaned = data - noise / R, noise
    first = _share(signal, noise)
    # weights of what noise and data say of the noise, by their degrees of freedom
    total = n * R**2 * (R - 1) + n - 1
    for _ in range(MOST_ROUNDS):
        before = signal, cleaned
        signal = nearest_covariance(data - cleaned / R)
        cleaned = nearest_covariance((n * (R - 1) * R**2 * noise + (n - 1) * R * (data - signal)) / total)
        if min(_alike(*pair) for pair in zip(before, (signal, cleaned), strict=True)) > CONVERGED:
            break
    return first, _share(signal, cleaned)


def shrunken_covariance(residuals: Array, freedom: int) -> Array:
    """(n_targets, n_targets) covariance, shrunk off its diagonal by what makes held-out samples likeliest.

    Parameters
    ----------
    residuals : (n_repeats, n_times, n_targets) deviations.
    freedom : of all of them.
    """
    held_out = np.random.default_rng(0).permutation(residuals.shape[1]) % VALIDATION == 0
    train, test = (residuals[:, rows].reshape(-1, residuals.shape[2]) for rows in (~held_out, held_out))
    fitted = train.T @ train * (residuals.shape[0] * residuals.shape[1] / (freedom * len(train)))
    chosen = SHRINKAGES[np.argmin([_unlikelihood(_shrunk(fitted, each), test) for each in SHRINKAGES])]
    return _shrunk(np.tensordot(residuals, residuals, ((0, 1), (0, 1))) / freedom, chosen)


def nearest_covariance(matrix: Array) -> Array:
    """The nearest positive semi-definite matrix (Higham 1988)."""
    eigenvalues, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * eigenvalues.clip(0)) @ vectors.T)


def _shrunk(covariance: Array, kept: float) -> Array:
    return np.asarray(kept * covariance + (1 - kept) * np.diag(np.diag(covariance)))


def _unlikelihood(covariance: Array, samples: Array) -> float:
    """Mean negative log likelihood, but for a constant; infinite for a singular covariance."""
    try:
        factor = cholesky(covariance, lower=True)
    except LinAlgError:
        return np.inf
    whitened = solve_triangular(factor, samples.T, lower=True)
    return float(np.square(whitened).sum(axis=0).mean() / 2 + np.log(np.diag(factor)).sum())


def _share(signal: Array, noise: Array) -> Array:
    power = np.diag(signal).clip(0)
    return np.asarray(power / (power + np.diag(noise)))


def _alike(one: Array, other: Array) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
