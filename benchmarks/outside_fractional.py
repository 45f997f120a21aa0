"""Penalties by the fraction of the unpenalised weights' length beside a grid of alphas; run by
`python -m benchmarks.outside --only fractional`.

Fractional ridge (Rokem & Kay 2020, GigaScience 9:giaa133) asks how long the weights shall be, as a fraction of what
they are without a penalty: 1 is no penalty and 0 predicts the mean, so no grid of fractions can end too early. Each
target has penalties of its own then. Both kinds are searched here by the same code, in the same folds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.bars import Bar
from benchmarks.planting import Planting
from bids_app import encoding
from bids_app.encoding.ridge.candidates import alpha_grid
from bids_app.encoding.ridge.fit import unions_of
from bids_app.records import Array, Design, FitSpec

N_TARGETS = 60
STEPS = 0.2  # decades between the alphas from which those of a fraction are interpolated, as published
BEYOND = 1e4  # times the largest, and below the least eigenvalue: where these alphas end
EDGE_SHARE = 0.1  # of folds of predicted targets, above which the program warns
LOSS = 0.002  # of R²: less is no difference
Grid = Callable[["Rotated"], Array]


@dataclass(frozen=True)
class Rotated:
    """Training samples in the eigenbasis of their columns, for any penalties.

    Parameters
    ----------
    singular : (r,) values of the z-scored columns.
    coordinates : (r, n_targets) of the responses.
    evaluation : (n_eval, r) held-out columns on the right singular vectors, over the singular values.
    missed : (n_eval, n_targets) held-out responses less the training mean.
    """

    singular: Array
    coordinates: Array
    evaluation: Array
    missed: Array

    @classmethod
    def of(cls, X: Array, Y: Array, train: Array, test: Array) -> Rotated:
        """From columns, responses and (n_times,) bool."""
        mean, deviation = X[train].mean(axis=0), X[train].std(axis=0)
        U, singular, V = np.linalg.svd((X[train] - mean) / deviation, full_matrices=False)
        kept = singular > 1e-6 * singular[0]
        evaluation = (X[test] - mean) / deviation @ V[kept].T / singular[kept]
        centred = Y - Y[train].mean(axis=0)
        return cls(singular[kept], U[:, kept].T @ centred[train], evaluation, centred[test])

    def losses(self, alphas: Array) -> Array:
        """(n_penalties, n_targets) squared errors; alphas (n_penalties, n_targets or 1)."""
        return np.array([np.square(self.missed - self.predictions(each)).sum(axis=0) for each in alphas])

    def predictions(self, alphas: Array) -> Array:
        """(n_eval, n_targets) at one alpha a target, or one for all."""
        eigenvalues = np.square(self.singular)[:, None]
        return np.asarray(self.evaluation @ (eigenvalues / (eigenvalues + alphas) * self.coordinates))

    def alphas_of(self, fractions: Array) -> Array:
        """(n_fractions, n_targets) the alphas at which the weights have these fractions of their unpenalised length;
        fractions ascending. Interpolated in log(1 + alpha), as published."""
        eigenvalues = np.square(self.singular)
        ends = np.log10([eigenvalues.min() / BEYOND, eigenvalues.max() * BEYOND])
        tried = np.concatenate([[0], 10 ** np.arange(ends[0], ends[1], STEPS)])
        squares = np.square(self.coordinates / self.singular[:, None])
        lengths = np.sqrt(np.square(eigenvalues / (eigenvalues + tried[:, None])) @ squares)
        relative = (lengths / lengths[0])[::-1]
        logarithms = np.log1p(tried)[::-1]
        return np.expm1([np.interp(fractions, each, logarithms) for each in relative.T]).T


def of_alphas(lowest: float, highest: float, count: int) -> Grid:
    """The same penalties for all targets."""
    grid = alpha_grid(lowest, highest, count)[:, None]
    return lambda _: grid


def of_fractions(step: float) -> Grid:
    """From `step` to 1."""
    fractions = np.arange(step, 1 + step / 2, step)
    return lambda rotated: rotated.alphas_of(fractions)


GRIDS = {
    "30 alphas, 1e-5 to 1e10": of_alphas(1e-5, 1e10, 30),
    "10 alphas, 1 to 1e6": of_alphas(1, 1e6, 10),
    "10 alphas, 1 to 1e3": of_alphas(1, 1e3, 10),
    "10 fractions": of_fractions(0.1),
    "20 fractions": of_fractions(0.05),
}
PROGRAM = "the program, 30 alphas, 1e-5 to 1e10"
PROGRAMS = {
    PROGRAM: FitSpec(candidates=10),
    "the program, 10 alphas, 1 to 1e6": FitSpec(candidates=10, alphas=(1, 1e6, 10)),
}
BASE = Planting("fmri", 1000, {"a": 20, "b": 20}, 0.0, ("a",), 0.3)
PLANTINGS = {
    "160 columns, n 1,000, 5 %": replace(BASE, share=0.05),
    "160 columns, n 1,000, 30 %": BASE,
    "160 columns, n 1,000, 80 %": replace(BASE, share=0.8),
    "160 columns of r .99, n 1,000, 30 %": replace(BASE, correlation=0.99),
    "480 columns, n 300, 30 %": replace(BASE, n=300, columns={"a": 60, "b": 60}),
}


@dataclass(frozen=True)
class Searched:
    """What one grid makes of a data set.

    Parameters
    ----------
    rsquared : (3, n_targets) held out, of a, of b, and of both.
    at_end : (n_targets,) share of folds in which both together chose an end of the grid.
    seconds : of processor time.
    """

    rsquared: Array
    at_end: Array
    seconds: float


def fractional(quick: bool) -> list[Bar]:
    """Held-out R², ends and time of every grid; unique and shared parts beside them, where only a is there."""
    print("\n| planted | grid | held-out R² | a alone | unique b | shared | at an end | s |")
    print("|---|---|---|---|---|---|---|---|")
    return [bar for name, planting in PLANTINGS.items() for bar in _compared(name, planting, 1 if quick else 4)]


def _compared(label: str, planting: Planting, draws: int) -> list[Bar]:
    rng, found = np.random.default_rng(0), dict[str, list[Searched]]()
    for _ in range(draws):
        design = planting.draw(N_TARGETS, rng).design
        for name, spec in PROGRAMS.items():
            found.setdefault(name, []).append(program(design, spec))
        for name, grid in GRIDS.items():
            found.setdefault(name, []).append(search(design, grid))
    full, ends = dict[str, float](), dict[str, float]()
    for name, each in found.items():
        a, b, both = np.concatenate([one.rsquared for one in each], axis=1)
        full[name] = float(both.mean())
        # a target that is not predicted has no best penalty, and the largest is right
        ends[name] = float(np.concatenate([one.at_end for one in each])[both > 0].mean())
        parts = f"{a.mean():.3f} | {(both - a).mean():+.3f} | {(a + b - both).mean():+.3f}"
        seconds = np.mean([one.seconds for one in each])
        print(f"| {label} | {name} | {full[name]:.3f} | {parts} | {ends[name]:.3f} | {seconds:.2f} |", flush=True)
    best = max(full[name] for name in GRIDS if "fractions" in name)
    return [
        Bar(f"fractional-{label}-loss", best - full[PROGRAM], LOSS, "of R²"),
        Bar(f"fractional-{label}-ends", ends[PROGRAM], EDGE_SHARE, "of folds"),
    ]


def program(design: Design, spec: FitSpec) -> Searched:
    """Banded ridge with its own search."""
    started = time.process_time()
    fitted = encoding.fit(design, {"a": ("a",), "b": ("b",)}, spec)
    return Searched(fitted.rsquared, fitted.at_edge[-1], time.process_time() - started)


def search(design: Design, grid: Grid) -> Searched:
    """Plain ridge, penalties chosen target by target in inner folds.

    What an inner fold tries in one place of the grid, the others and the outer fold try in the same place.
    """
    started = time.process_time()
    Y, folds = design.Y, design.folds
    numbers = np.unique(folds).tolist()
    total = sum(np.square(Y[folds == each] - Y[folds != each].mean(axis=0)).sum(axis=0) for each in numbers)
    rsquared = []
    for union in unions_of(tuple(design.bands)):
        X = np.concatenate([design.bands[name][:, 0] for name in union], axis=1)
        found = [_fold(X, Y, folds, number, grid) for number in numbers]
        rsquared.append(1 - sum(one.residual for one in found) / total)
    at_end = np.mean([one.at_end for one in found], axis=0)
    return Searched(np.array(rsquared), at_end, time.process_time() - started)


@dataclass(frozen=True)
class _Fold:
    """An outer fold, (n_targets,) each: squared error, and whether the penalty lies at an end of the grid."""

    residual: Array
    at_end: Array


def _fold(X: Array, Y: Array, folds: Array, outer: int, grid: Grid) -> _Fold:
    train = folds != outer
    inner = [Rotated.of(X, Y, train & (folds != each), folds == each) for each in np.unique(folds[train])]
    summed = np.sum([split.losses(grid(split)) for split in inner], axis=0)
    place = summed.argmin(axis=0)
    rotated = Rotated.of(X, Y, train, ~train)
    alphas = np.broadcast_to(grid(rotated), summed.shape)[place, np.arange(Y.shape[1])]
    residual = np.square(rotated.missed - rotated.predictions(alphas)).sum(axis=0)
    return _Fold(residual, (place == 0) | (place == len(summed) - 1))
