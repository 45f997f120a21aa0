"""What an error of a recording's clock costs: the share of explained variance that is left, by drift and by shift.

`python -m benchmarks.alignment` prints the table of benchmarks/RESULTS.md, and holds the thresholds of
`bids_app/dataset/alignment/thresholds.py` against it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from benchmarks.bars import Bar, run_bars
from bids_app import encoding
from bids_app.dataset.alignment.thresholds import limits
from bids_app.records import Array, Features, Modality

N_RUNS, N_DIMS, N_TARGETS = 4, 4, 16
ALPHAS = np.logspace(-1, 5, 13)
MOST_WARNED, LEAST_REFUSED = 0.06, 0.02  # what a drift at the two thresholds may, and must, cost
FMRI_ERRORS_S = (0.25, 0.5, 1.0, 2.0, 4.0)  # among them both thresholds
IEEG_ERRORS_S = (0.02, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True)
class Scene:
    """A kind of recording: what a word calls forth, how it is sampled, and what the model may do.

    Parameters
    ----------
    name : for the table.
    modality, interval_s, seconds : of the recording.
    answer : seconds after a word → its response.
    delays_s : of the model.
    noise : standard deviation over that of the signal; it makes the right model explain about .3.
    """

    name: str
    modality: Modality
    interval_s: float
    seconds: float
    answer: Callable[[Array], Array]
    delays_s: tuple[float, ...]
    noise: float = 1.5


def hrf(after_s: Array) -> Array:
    """The double gamma of SPM: a peak at 5 s, an undershoot at 15 s."""
    t = np.maximum(after_s, 0.0)
    return np.asarray(t**5 * np.exp(-t) / 120 - t**15 * np.exp(-t) / (6 * 1307674368000.0))


def high_gamma_answer(after_s: Array) -> Array:
    """A bump of 50 ms (standard deviation) 150 ms after a word's onset."""
    return np.asarray(np.exp(-0.5 * ((after_s - 0.15) / 0.05) ** 2))


FIR = (2.0, 4.0, 6.0, 8.0)
SCENES = (
    Scene("fMRI, TR 1 s", "fmri", 1.0, 600.0, hrf, FIR),
    Scene("fMRI, TR 1.5 s", "fmri", 1.5, 600.0, hrf, FIR),
    Scene("fMRI, TR 2 s", "fmri", 2.0, 600.0, hrf, FIR),
    Scene("high gamma, TRF", "ieeg", 0.01, 200.0, high_gamma_answer, tuple(np.arange(0, 0.41, 0.02).tolist())),
    Scene("high gamma, words, one lag", "ieeg", 0.01, 200.0, high_gamma_answer, (0.15,)),
)


def rsquared(scene: Scene, drift_s: float, shift_s: float, seed: int = 0) -> float:
    """Held-out R², mean over targets, of a model whose clock is off.

    Parameters
    ----------
    scene : what is recorded.
    drift_s : error at the recording's end, growing from 0.
    shift_s : error throughout.
    seed : of words, weights and noise; the same for every error.
    """
    weights = np.random.default_rng(seed).normal(size=(N_DIMS, N_TARGETS))
    runs = [_run(scene, weights, (drift_s, shift_s), 100 * seed + number) for number in range(N_RUNS)]
    errors = np.zeros(N_TARGETS)
    total = np.zeros(N_TARGETS)
    for test in range(N_RUNS):
        train = [run for number, run in enumerate(runs) if number != test]
        alpha = max(ALPHAS, key=lambda value: -_loss(train[1:], train[0], value).sum())
        errors += _loss(train, runs[test], alpha)
        total += ((runs[test][1] - runs[test][1].mean(axis=0)) ** 2).sum(axis=0)
    return float((1 - errors / total).mean())


def _run(scene: Scene, weights: Array, error: tuple[float, float], seed: int) -> tuple[Array, Array]:
    """(design, responses) of one run, centred."""
    rng = np.random.default_rng(seed)
    gaps = rng.gamma(2.0, 0.2, round(scene.seconds * 3))
    words_s = np.cumsum(gaps)[np.cumsum(gaps) < scene.seconds - 1]
    values = rng.normal(size=(len(words_s), N_DIMS)).astype(np.float32)
    times_s = np.arange(0, scene.seconds, scene.interval_s)
    signal = np.zeros((len(times_s), N_DIMS))
    reach = 32.0 if scene.modality == "fmri" else 0.6
    for onset_s, value in zip(words_s, values, strict=True):
        near = slice(*np.searchsorted(times_s, [onset_s, onset_s + reach]))
        signal[near] += scene.answer(times_s[near] - onset_s)[:, None] * value
    Y = signal @ weights
    Y += scene.noise * Y.std(axis=0) * rng.normal(size=Y.shape)
    drift_s, shift_s = error
    believed_s = times_s * (1 + drift_s / scene.seconds) + shift_s
    words = Features("words", values, words_s, "events", words_s)
    band = encoding.make_band([(words, 0.0)], believed_s, scene.delays_s, scene.interval_s, "offset")
    X = np.asarray(band, dtype=float).reshape(len(times_s), -1)
    return X - X.mean(axis=0), Y - Y.mean(axis=0)


def _loss(train: list[tuple[Array, Array]], test: tuple[Array, Array], alpha: float) -> Array:
    """Squared error of a ridge on the test run, a target each."""
    gram = sum(X.T @ X for X, _ in train) + alpha * np.eye(train[0][0].shape[1])
    weights = np.linalg.solve(gram, sum(X.T @ Y for X, Y in train))
    return np.asarray(((test[1] - test[0] @ weights) ** 2).sum(axis=0))


def left(scene: Scene, drift_s: float, shift_s: float, seeds: int) -> float:
    """The share of explained variance that an error leaves.

    Parameters
    ----------
    scene : what is recorded.
    drift_s, shift_s : the error.
    seeds : that are averaged.
    """
    wrong = sum(rsquared(scene, drift_s, shift_s, seed) for seed in range(seeds))
    return wrong / sum(rsquared(scene, 0.0, 0.0, seed) for seed in range(seeds))


def costs(quick: bool) -> list[Bar]:
    """The table, and whether the thresholds lie where they are said to."""
    seeds, bars = (1 if quick else 3), []
    for scene in SCENES:
        allowed = limits(scene.modality, scene.interval_s)
        errors = FMRI_ERRORS_S if scene.modality == "fmri" else IEEG_ERRORS_S
        drifts = [left(scene, error, 0.0, seeds) for error in errors]
        shifts = [left(scene, 0.0, error, seeds) for error in errors]
        right = rsquared(scene, 0.0, 0.0)
        print(f"| {scene.name} | {right:.2f} | drift | {' | '.join(f'{one:.0%}' for one in drifts)} |")
        print(f"| | | shift | {' | '.join(f'{one:.0%}' for one in shifts)} |")
        by_error = dict(zip(errors, drifts, strict=True))
        for what, error, limit in (
            ("warning", allowed.warn_s, MOST_WARNED),
            ("refusal", allowed.refuse_s, LEAST_REFUSED),
        ):
            name = f"{scene.name}: cost of a drift at the {what} ({error:g} s)"
            bars.append(Bar(name, 1 - by_error[error], limit, "", smaller_is_better=what == "warning"))
    return bars


if __name__ == "__main__":
    sys.exit(run_bars({"costs": costs}))
