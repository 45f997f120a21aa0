"""False positives, coverage and power of inference over participants on simulated data: `python -m
benchmarks.calibration_group`.

Participants hear one stimulus. Besides the features, which are unrelated to a null target's responses, their
responses may have something in common (`in common`: its share of the variance), as all brains have that hear the
same. A target of all participants is one null. A rate holds where it is not above the upper end of the binomial 99 %
interval around .05.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from benchmarks.bars import Bar, run_bars
from benchmarks.calibration_participants import values_of
from benchmarks.conditions import LEVEL, PERMUTATIONS, SPECS, bar, infer
from benchmarks.nulls import design_of
from benchmarks.simulation import FMRI, mixed, series, standardized
from bids_app.group import ParticipantValues, participant_tests
from bids_app.group.electrodes import mean_and_error, student_limits
from bids_app.group.participant_tests import t_interval
from bids_app.records import Array, FitSpec, partition_components

BANDED = FitSpec(solver="banded_ridge", candidates=6, alphas=(1e-1, 1e6, 15))
SOLVERS = {**SPECS, "banded": BANDED}
Bands = Mapping[str, Array]
HEAD = "| participants | mean response | reported | family-wise |"


def person_values(bands: Bands, Y: Array, spec: FitSpec) -> ParticipantValues:
    """Y (n_people, n_times, n_targets) → values of every component, (n_people, n_targets) each."""
    n_people, n_times, _ = Y.shape
    design = design_of(bands, Y.transpose(1, 0, 2).reshape(n_times, -1), FMRI.runs, FMRI.times_s)
    return values_of(design, spec, n_people)


def of_mean(bands: Bands, Y: Array, spec: FitSpec, seed: int) -> dict[str, dict[str, Array]]:
    """p of the participants' mean response."""
    mean = standardized(Y.mean(axis=0), FMRI)
    _, found = infer(design_of(bands, mean, FMRI.runs, FMRI.times_s), spec, FMRI.least_s, seed)
    return {name: {"p": one.p, "pfwe": one.p_family} for name, one in found.items()}


def noises(n_people: int, n_targets: int, common: float, kind: str, rng: np.random.Generator) -> Array:
    """(n_people, n_times, n_targets) of noise, of which everybody has the share `common` alike."""
    alike = series(kind, FMRI, n_targets, rng)
    return np.stack([mixed(alike, series(kind, FMRI, n_targets, rng), common) for _ in range(n_people)])


def tested(bands: Bands, Y: Array, spec: FitSpec, seed: int) -> dict[str, dict[str, Array]]:
    """Component → p of flips of participants alone, of the mean response alone, and as reported; and family-wise."""
    components, values = partition_components(tuple(bands)), person_values(bands, Y, spec)
    alone = participant_tests(values, components, PERMUTATIONS, seed)
    stimulus = of_mean(bands, Y, spec, seed)
    both = participant_tests(values, components, PERMUTATIONS, seed, stimulus)
    return {
        name: {
            "people": alone[name]["p"],
            "mean": stimulus[name]["p"],
            "reported": both[name]["p"],
            "family": np.array([both[name]["pfwe"].min()]),
        }
        for name in values.rsquared
    }


def rates(draws: Sequence[Mapping[str, Mapping[str, Array]]], name: str) -> dict[str, Array]:
    """(n_nulls,) bool of each test of a component."""
    return {key: np.concatenate([draw[name][key] for draw in draws]) <= LEVEL for key in draws[0][name]}


def row(title: str, hits: Mapping[str, Array]) -> str:
    """A line of the table."""
    return f"| {title} | " + " | ".join(f"{one.mean():.3f}" for one in hits.values()) + " |"


def totals(quick: bool) -> list[Bar]:
    """A space that is unrelated to everybody's responses."""
    print(f"| participants-noise-features-alpha-in common {HEAD}\n|---|---|---|---|---|")
    bars, kinds = [], (("ar.5", "ar.5"),) if quick else (("ar.5", "ar.5"), ("ar.9", "ar.9"), ("1/f", "1/f"))
    for n_people in (12,) if quick else (5, 12):
        for noise, features in kinds:
            for alpha in ("highest",) if quick else ("selected", "highest"):
                for common in (0.0, 0.3):
                    rng = np.random.default_rng(0)
                    draws = [
                        tested(
                            {"x": series(features, FMRI, 20, rng)},
                            noises(n_people, 20, common, noise, rng),
                            SPECS[alpha],
                            seed,
                        )
                        for seed in range(10 if quick else 25)
                    ]
                    hits = rates(draws, "x")
                    title = f"{n_people}-{noise}-{features}-{alpha}-{common}"
                    print(row(title, hits), flush=True)
                    bars += [bar(f"total-{title}", hits["reported"]), bar(f"family-{title}", hits["family"])]
    return bars


def parts(quick: bool) -> list[Bar]:
    """Two spaces: b idle beside a that explains 30 % in everybody; and both at work (20 %, 10 %), nothing shared."""
    print(f"| solver-case-in common: component {HEAD}\n|---|---|---|---|---|")
    bars = []
    for solver in ("banded",) if quick else ("banded", "selected", "highest"):
        for case in ("idle", "both"):
            for common in (0.3,) if quick else (0.0, 0.3):
                draws = [_parts(solver, case, common, seed) for seed in range(3 if quick else 15)]
                for name in ("uniqueB", "sharedAB") if case == "idle" else ("sharedAB",):
                    hits = rates(draws, name)
                    title = f"{solver}-{case}-{common}: {name}"
                    print(row(title, hits), flush=True)
                    bars.append(bar(f"part-{title}", hits["reported"]))
    return bars


def _parts(solver: str, case: str, common: float, seed: int) -> dict[str, dict[str, Array]]:
    rng, n_targets = np.random.default_rng(seed), 20
    bands = {"a": series("ar.5", FMRI, 20, rng), "b": series("ar.5", FMRI, 40, rng)}
    weights = {name: rng.standard_normal((band.shape[1], n_targets)) for name, band in bands.items()}
    signal = {name: standardized(bands[name] @ weights[name], FMRI) for name in bands}
    noise = noises(12, n_targets, common, "ar.5", rng)
    planted = {"idle": (0.3, 0.0), "both": (0.2, 0.1)}[case]
    clean = np.sqrt(planted[0]) * signal["a"] + np.sqrt(planted[1]) * signal["b"]
    Y = np.stack([standardized(clean + np.sqrt(1 - sum(planted)) * one, FMRI) for one in noise])
    return tested(bands, Y, SOLVERS[solver], seed)


def intervals(quick: bool) -> list[Bar]:
    """Coverage of the mean over all 200 participants who could hear this stimulus, who differ in their signal."""
    print("| participants-signal-in common | mean | coverage | mean width |\n|---|---|---|---|")
    bars = []
    for n_people in (5,) if quick else (5, 12, 20):
        for share in (0.0, 0.1):
            for common in (0.3,) if quick else (0.0, 0.3):
                found = [_covered(n_people, share, common, seed) for seed in range(1 if quick else 8)]
                covered, widths, means = (np.concatenate(each) for each in zip(*found, strict=True))
                title = f"{n_people}-{share}-{common}"
                print(f"| {title} | {means.mean():.3f} | {covered.mean():.3f} | {widths.mean():.3f} |", flush=True)
                bars.append(Bar(f"coverage-{title}", float(covered.mean()), 0.85, "covered", False))
    return bars


def _covered(n_people: int, share: float, common: float, seed: int) -> tuple[Array, Array, Array]:
    """The 200 participants are cut into samples of n_people."""
    rng, n_targets, population = np.random.default_rng(seed), 10, 200
    X = series("ar.5", FMRI, 20, rng)
    weights = rng.standard_normal((20, n_targets))
    noise = noises(population, n_targets, common, "ar.5", rng)
    shares = np.clip(rng.gamma(2, share / 2, population), 0, 0.9)
    Y = np.stack([mixed(X @ weights, one, mine) for one, mine in zip(noise, shares, strict=True)])
    values = person_values({"x": X}, Y, SPECS["selected"]).rsquared["full"]
    truth = values.mean(axis=0)
    covered, widths = [], []
    for first in range(0, population - n_people + 1, n_people):
        found = t_interval(values[first : first + n_people])
        covered.append((found["ci025"] <= truth) & (found["ci975"] >= truth))
        widths.append(found["ci975"] - found["ci025"])
    return np.concatenate(covered), np.concatenate(widths), truth


def bootstrap(quick: bool) -> list[Bar]:
    """Hierarchical bootstrap: scores of 5 to 60 electrodes a participant, skewed within, with a mean that
    participants differ in; false positives where the mean over participants is zero, and power where it is .03."""
    print("| participants-between-within | coverage | false positives | power at .03 |\n|---|---|---|---|")
    bars = []
    for n_people in (5,) if quick else (3, 5, 8, 15):
        for between, within in ((0.04, 0.05), (0.02, 0.1), (0.0, 0.1)):
            rng, found = np.random.default_rng(n_people), []
            for _ in range(20 if quick else 100):
                sizes = rng.integers(5, 60, n_people)
                tables = [
                    between * rng.standard_normal((1, 10)) + within * (rng.gamma(1, 1, (size, 10)) - 1)
                    for size in sizes
                ]
                mean, error = mean_and_error(tables, 0)
                low, high, p = student_limits(mean, error, n_people)
                there = student_limits(mean + 0.03, error, n_people)[2]
                found.append(((low <= 0) & (high >= 0), p <= LEVEL, there <= LEVEL))
            covered, false, true = (np.concatenate(each) for each in zip(*found, strict=True))
            title = f"{n_people}-{between}-{within}"
            print(f"| {title} | {covered.mean():.3f} | {false.mean():.3f} | {true.mean():.3f} |", flush=True)
            bars.append(bar(f"bootstrap-{title}", false))
    return bars


def power(quick: bool) -> list[Bar]:
    """12 participants: signals that everybody's responses follow alike, and signals of each one's own tuning."""
    print(f"| signal-tuning-in common {HEAD}\n|---|---|---|---|---|")
    bars = []
    for share in (0.05,) if quick else (0.02, 0.05, 0.1):
        for tuning in ("alike", "own"):
            for common in (0.0, 0.3):
                hits = rates([_power(share, tuning, common, seed) for seed in range(1 if quick else 10)], "x")
                title = f"{share}-{tuning}-{common}"
                print(row(title, hits), flush=True)
                if tuning == "alike" and share >= 0.05:
                    bars.append(Bar(f"power-{title}", float(hits["reported"].mean()), 0.5, "found", False))
    return bars


def _power(share: float, tuning: str, common: float, seed: int) -> dict[str, dict[str, Array]]:
    rng, n_people, n_targets = np.random.default_rng(seed), 12, 20
    X = series("ar.5", FMRI, 20, rng)
    weights = rng.standard_normal((n_people, 20, n_targets))
    if tuning == "alike":
        weights = np.broadcast_to(weights[:1], weights.shape)
    noise = noises(n_people, n_targets, common, "ar.5", rng)
    Y = np.stack([mixed(X @ mine, one, share) for mine, one in zip(weights, noise, strict=True)])
    return tested({"x": X}, Y, replace(SPECS["selected"]), seed)


STUDIES = {
    "totals": totals,
    "parts": parts,
    "intervals": intervals,
    "bootstrap": bootstrap,
    "power": power,
}

if __name__ == "__main__":
    sys.exit(run_bars(STUDIES))
