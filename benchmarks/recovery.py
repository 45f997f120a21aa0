"""Is what was planted found again? `python -m benchmarks.recovery`: bias, coverage and false positives of every part.

Two values are known for every component: of the best linear models of the population, and of what the fitted fold
models reach on an endless independent sample (`planting`). Bias and error are against the first, coverage of the
95 % intervals against the second, which is what they are for. An interval that is a point, and right, has nothing to
cover and is counted apart (`points`). Targets of a data set share its features, so standard errors of coverage are
over data sets. A component is null where its population value is zero in every target.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binom

from benchmarks.bars import Bar, run_bars
from benchmarks.conditions import LEVEL, PERMUTATIONS
from benchmarks.planting import LEAST_S, Planting, Reached, Rows
from benchmarks.recovery_ceilings import ceilings
from benchmarks.recovery_people import people
from bids_app import encoding
from bids_app.records import Array, FitSpec, InferenceSpec

BANDED = FitSpec(candidates=10, alphas=(1e-1, 1e7, 17))
N_TARGETS = 40
NULL = 1e-9  # a population value below is zero, but for rounding
COVERED = (0.90, 0.98)
COVERED_FEW, FEW = (0.88, 0.99), 500  # below so many rows
TWO, THREE = {"a": 10, "b": 10}, {"a": 10, "b": 10, "c": 20}
UNEQUAL = {"a": 10, "b": 40}


def plantings(rows: Rows) -> dict[str, Planting]:
    """Conditions by name."""
    base = Planting(rows, 1000, UNEQUAL, 0.0, ("a",), 0.2)
    return {
        "n300-null": replace(base, n=300, columns=TWO, carriers=(), share=0.0),
        "n300-a": replace(base, n=300, columns=TWO),
        "n300-ab-r.9": replace(base, n=300, carriers=("a", "b"), correlation=0.9),
        "n1000-null-slow": replace(base, carriers=(), share=0.0, noise="slow"),
        "n1000-a-weak": replace(base, share=0.05),
        "n1000-ab": replace(base, carriers=("a", "b"), share=0.3),
        "n1000-a-r.9": replace(base, columns={"a": 20, "b": 20}, share=0.3, correlation=0.9),
        "n1000-abc-r.5": replace(base, columns=THREE, carriers=("a", "b"), correlation=0.5),
        "n3000-b-r.5-slow": replace(base, n=3000, carriers=("b",), share=0.1, correlation=0.5, noise="slow"),
        "n10000-ab-r.9-weak": replace(base, n=10000, carriers=("a", "b"), share=0.05, correlation=0.9),
    }


@dataclass(frozen=True)
class Found:
    """One component of a condition, (n_data_sets, n_targets) each: its population value, the value found, what the
    fitted models reach, the limits, and p."""

    population: Array
    value: Array
    reached: Array
    low: Array
    high: Array
    p: Array

    @property
    def right(self) -> Array:
        """Which limits have the value between them, but for rounding."""
        return np.asarray((self.low - NULL <= self.reached) & (self.reached <= self.high + NULL))

    @property
    def points(self) -> Array:
        """Which intervals are a point and right: no fold gave the space a weight, and nothing is left to cover."""
        return np.asarray(self.right & (self.high - self.low <= NULL))

    @property
    def covered(self) -> Array:
        """Share of each data set's other intervals, of data sets that have any, (n,)."""
        others = (~self.points).sum(axis=1)
        return np.asarray((self.right & ~self.points).sum(axis=1)[others > 0] / others[others > 0])

    @property
    def null(self) -> bool:
        """Whether there is nothing of it in any target."""
        return bool(np.abs(self.population).max() < NULL)


def recover(planting: Planting, n_data_sets: int, seed: int = 0, spec: FitSpec = BANDED) -> dict[str, Found]:
    """Components of data sets drawn one after another."""
    rng, drawn = np.random.default_rng(seed), list[dict[str, Sequence[Array]]]()
    for number in range(n_data_sets):
        planted = planting.draw(N_TARGETS, rng)
        tests = InferenceSpec(PERMUTATIONS, LEAST_S[planting.rows], number)
        reached = Reached(planted)
        fitted, found = encoding.fit_and_infer(planted.design, planting.groups, spec, tests, observer=reached)
        population, values, worth = planted.population(), encoding.partition(fitted).values, reached.values()
        drawn.append(
            {
                name: (population[name], values[name]["rsquared"], worth[name], each.low, each.high, each.p)
                for name, each in found.components.items()
            }
        )
    return {name: Found(*np.array([one[name] for one in drawn]).swapaxes(0, 1)) for name in drawn[0]}


def study(rows: Rows, quick: bool) -> list[Bar]:
    """All conditions of one kind of rows."""
    columns = ("population", "mean", "bias", "error (rms)", "reached", "points", "coverage (se)", "false positives")
    print(f"\n| {rows} | part | {' | '.join(columns)} |\n|{'---|' * (2 + len(columns))}")
    bars: list[Bar] = []
    for number, (name, planting) in enumerate(plantings(rows).items()):
        if quick and planting.n > 1000:
            continue
        recovered = recover(planting, 2 if quick else 20, seed=number)
        print(*(_row(name, part, one) for part, one in recovered.items()), sep="\n", flush=True)
        bars += condition_bars(f"{rows}-{name}", planting.n, recovered)
    return bars


def _row(name: str, part: str, one: Found) -> str:
    error = one.value - one.population
    covered = f"{one.covered.mean():.3f} ({standard_error(one.covered):.3f})"
    rate = f"{(one.p <= LEVEL).mean():.3f}" if one.null else ""
    figures = (one.population.mean(), one.value.mean(), error.mean(), np.sqrt(np.square(error).mean()))
    shown = " | ".join(f"{figure:.3f}" for figure in (*figures, one.reached.mean(), one.points.mean()))
    return f"| {name} | {part} | {shown} | {covered} | {rate} |"


def condition_bars(name: str, n: int, found: Mapping[str, Found]) -> list[Bar]:
    """The least and largest coverage of a condition's components, and the false positives of those that are null."""
    least, most = COVERED_FEW if n < FEW else COVERED
    covered = {part: float(one.covered.mean()) for part, one in found.items()}
    lowest, highest = min(covered, key=covered.__getitem__), max(covered, key=covered.__getitem__)
    bars = [
        Bar(f"{name}-{lowest}-covered", covered[lowest], least, "of intervals", smaller_is_better=False),
        Bar(f"{name}-{highest}-covered", covered[highest], most, "of intervals"),
    ]
    for part, one in found.items():
        if one.null:
            limit = float(binom.ppf(0.995, one.p.size, LEVEL) / one.p.size)
            bars.append(Bar(f"{name}-{part}-false", float((one.p <= LEVEL).mean()), round(limit, 4), "of nulls"))
    return bars


def standard_error(covered: Array) -> float:
    """Of the mean of independent data sets."""
    return float(covered.std(ddof=1) / np.sqrt(len(covered)))


def fmri(quick: bool) -> list[Bar]:
    """Samples 2 s apart, four delays."""
    return study("fmri", quick)


def words(quick: bool) -> list[Bar]:
    """A row a word, at irregular times, no delays."""
    return study("words", quick)


STUDIES = {"fmri": fmri, "words": words, "people": people, "ceilings": ceilings}

if __name__ == "__main__":
    sys.exit(run_bars(STUDIES))
