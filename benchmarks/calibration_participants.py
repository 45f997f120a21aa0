"""Tests over participants: false positives and power of Fisher's z of correlations beside those of signed R², with
and without the guard of the mean response; run by `python -m benchmarks.calibration --only group`.

Two spaces `a` and `b` of independent columns, banded ridge. Rates are of targets, but sets of targets that hear one
stimulus share its chance, so that the standard error beside each is over sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.bars import Bar
from benchmarks.conditions import LEVEL, PERMUTATIONS, infer
from benchmarks.nulls import design_of
from benchmarks.simulation import Setting, series, standardized
from bids_app import encoding
from bids_app.group import ParticipantValues, participant_tests
from bids_app.records import Array, Design, FitSpec, partition_components

SETTING = Setting(n_runs=5, n_samples=80, period_s=2.0, least_s=40.0)  # 13 minutes
SPEC = FitSpec(solver="banded_ridge", candidates=8, alphas=(1e0, 1e5, 10))
COMPONENTS = partition_components(("a", "b"))
N_COLUMNS = 20
SHORT = (80, 80, 40, 20, 20)  # samples of each run where lengths are unequal
Bands = Mapping[str, Array]
Tested = Mapping[str, Mapping[str, Array]]  # component → test → (n_targets,) p, and 'value'


@dataclass(frozen=True)
class Group:
    """What is simulated.

    Parameters
    ----------
    n_people : participants.
    shares : of the variance that a and b decide.
    own_stimuli : whether each participant hears another stimulus; else all the same, and the mean response guards.
    common : share of the noise that all participants have alike.
    kind : `equal`; `lengths` (runs of unequal length, and every other participant has two of five); `skewed` (the
        signal's share differs by a factor of ten, noise is skewed); `outlier` (one participant's responses have a
        spike of 100 standard deviations in one run).
    copies : correlation of b's columns with those of a.
    """

    n_people: int
    shares: tuple[float, float] = (0.0, 0.0)
    own_stimuli: bool = False
    common: float = 0.0
    kind: str = "equal"
    copies: float = 0.0

    @property
    def name(self) -> str:
        """For the table and the bars."""
        stimulus = "own" if self.own_stimuli else f"shared-{self.common:g}"
        copies = f"-copy {self.copies:g}" if self.copies else ""
        return f"{self.n_people}-{stimulus}-{self.kind}-a {self.shares[0]:g}-b {self.shares[1]:g}{copies}"

    @property
    def is_null(self) -> Mapping[str, bool]:
        """Component → whether there is nothing of it. A noisy copy of a truly adds to a in finite data."""
        a, b = self.shares
        return {"b": b == 0 and not self.copies, "uniqueB": b == 0, "sharedAB": not self.copies, "full": a == b == 0}

    @property
    def n_targets(self) -> int:
        """Of a set: more where stimuli are many, so that the sets may be fewer."""
        return 100 if self.own_stimuli else 20

    def n_sets(self, quick: bool) -> int:
        """How many sets are drawn: false positives take more than power."""
        nulls = 5 if quick else 16 if self.shares[1] == 0 else 8
        return max(2, nulls // 4) if self.own_stimuli else nulls

    def draw(self, rng: np.random.Generator) -> list[tuple[Bands, Array]]:
        """Bands and responses (n_people_here, n_times, n_targets) of each stimulus."""
        n_stimuli = self.n_people if self.own_stimuli else 1
        weights = {name: rng.standard_normal((N_COLUMNS, self.n_targets)) for name in "ab"}
        return [self._stimulus(weights, self.n_people // n_stimuli, rng) for _ in range(n_stimuli)]

    def _stimulus(self, weights: Mapping[str, Array], n_people: int, rng: np.random.Generator) -> tuple[Bands, Array]:
        a, own = (series("ar.5", SETTING, N_COLUMNS, rng) for _ in "ab")
        bands = {"a": a, "b": standardized(np.sqrt(self.copies) * a + np.sqrt(1 - self.copies) * own, SETTING)}
        signals = [standardized(bands[name] @ weights[name], SETTING) for name in "ab"]
        alike = series("ar.5", SETTING, self.n_targets, rng)
        people = []
        for number in range(n_people):
            times = 10.0 ** rng.uniform(-1, 0) if self.kind == "skewed" else 1.0
            noise = np.sqrt(self.common) * alike + np.sqrt(1 - self.common) * series(
                "ar.5", SETTING, self.n_targets, rng
            )
            if self.kind == "skewed":
                noise = standardized(np.exp(noise), SETTING)
            shares = np.array(self.shares) * times
            Y = sum(np.sqrt(share) * signal for share, signal in zip(shares, signals, strict=True))
            Y = standardized(Y + np.sqrt(1 - shares.sum()) * noise, SETTING)
            if self.kind == "outlier" and number == 0:
                Y[rng.integers(len(Y))] += 100.0
                Y = standardized(Y, SETTING)
            people.append(Y)
        return bands, np.stack(people)


def groups_of(quick: bool) -> list[Group]:
    """All that is simulated."""
    nulls, weak = (Group(12), Group(12, (0.2, 0.0))), (Group(12, (0.0, 0.02)), Group(12, (0.2, 0.02)))
    if quick:
        return [*nulls, *weak]
    strong = Group(12, (0.0, 0.05)), Group(12, (0.2, 0.05))
    common = [replace(one, common=0.3) for one in (*nulls, *strong)]
    own = [replace(one, own_stimuli=True) for one in (*nulls, *strong)]
    kinds = [
        replace(one, kind=kind, own_stimuli=kind == "lengths")
        for kind in ("lengths", "skewed", "outlier")
        for one in (*nulls, *weak)
    ]
    few, many = ([replace(one, n_people=n) for one in (*nulls, *strong)] for n in (5, 30))
    copies = [Group(12, (0.2, 0.0), copies=share) for share in (0.5, 0.9)]
    return [*nulls, *weak, *strong, *common, *own, *kinds, *few, *many, *copies]


def participants(quick: bool) -> list[Bar]:
    """False positives and power over participants, of models, unique and shared parts."""
    tests = ("signed R²", "z", "reported before", "reported", "standard error")
    print(f"| participants-stimulus-kind-shares | component | mean R² | {' | '.join(tests)} |")
    print(f"|{'---|' * (3 + len(tests))}")
    bars = []
    for group in groups_of(quick):
        rng = np.random.default_rng(0)
        sets = [tested(group, rng, seed) for seed in range(group.n_sets(quick))]
        for label, is_null in group.is_null.items():
            value = np.mean([one[label]["value"] for one in sets])
            by_set = {
                test: np.array([(one[label][test] <= LEVEL).mean() for one in sets])
                for test in ("before", "z", "reported before", "reported")
            }
            error = by_set["reported"].std() / np.sqrt(len(sets))
            rates = " | ".join(f"{rate.mean():.3f}" for rate in by_set.values())
            what = f"**{label}**" if is_null else label
            print(f"| {group.name} | {what} | {value:+.3f} | {rates} | {error:.3f} |", flush=True)
            if is_null:
                limit = round(LEVEL + 2.6 * float(error), 3)
                bars.append(Bar(f"group-{group.name}-{label}", float(by_set["reported"].mean()), limit, "of nulls"))
    return bars


def tested(group: Group, rng: np.random.Generator, seed: int) -> Tested:
    """p of every component, one set of targets: flips of signed R², of z, and both as reported."""
    drawn = group.draw(rng)
    values = [of_people(bands, Y, _kept(group, number)) for number, (bands, Y) in enumerate(drawn)]
    tables = together(values)
    # what was tested before: signed R² in place of z
    before = replace(tables, r={label: np.tanh(table) for label, table in tables.rsquared.items()})
    stimulus = None
    if not group.own_stimuli:
        mean = standardized(drawn[0][1].mean(axis=0), SETTING)
        _, inferred = infer(design_of(drawn[0][0], mean, SETTING.runs, SETTING.times_s), SPEC, SETTING.least_s, seed)
        stimulus = {label: {"p": one.p, "pfwe": one.p_family} for label, one in inferred.items()}
    made = {
        "before": participant_tests(before, COMPONENTS, PERMUTATIONS, seed),
        "z": participant_tests(tables, COMPONENTS, PERMUTATIONS, seed),
        "reported before": participant_tests(before, COMPONENTS, PERMUTATIONS, seed, stimulus),
        "reported": participant_tests(tables, COMPONENTS, PERMUTATIONS, seed, stimulus),
    }
    return {
        label: {"value": table.mean(axis=0), **{test: each[label]["p"] for test, each in made.items()}}
        for label, table in tables.rsquared.items()
    }


def together(values: Sequence[ParticipantValues]) -> ParticipantValues:
    """Participants of several fits, one below the other."""
    rsquared, r = (
        {label: np.concatenate([each[label] for each in some]) for label in some[0]}
        for some in ([one.rsquared for one in values], [one.r for one in values])
    )
    return ParticipantValues(rsquared, r)


def of_people(bands: Bands, Y: Array, kept: Array) -> ParticipantValues:
    """Values of participants who heard one stimulus, Y (n_people, n_times, n_targets), of the samples kept."""
    n_people, n_times, _ = Y.shape
    design = design_of(bands, Y.transpose(1, 0, 2).reshape(n_times, -1), SETTING.runs, SETTING.times_s)
    return values_of(_cut(design, kept), SPEC, n_people)


def values_of(design: Design, spec: FitSpec, n_people: int) -> ParticipantValues:
    """Every component's values of a design whose targets are those of one participant after another."""
    groups = {name: (name,) for name in design.bands}
    components = partition_components(tuple(groups))
    additions = encoding.Additions(encoding.unions_of(tuple(groups)), components, groups, design)
    fitted = encoding.fit(design, groups, spec, observer=additions)
    values = encoding.partition(fitted, partial_r=additions.partial_r()).values
    rsquared, r = (
        {label: stats[stat].reshape(n_people, -1) for label, stats in values.items() if stat in stats}
        for stat in ("rsquared", "r")
    )
    return ParticipantValues(rsquared, r)


def _kept(group: Group, number: int) -> Array:
    """(n_times,) bool: samples that a participant has."""
    if group.kind != "lengths":
        return np.ones(len(SETTING.runs), dtype=bool)
    sample = np.tile(np.arange(SETTING.n_samples), SETTING.n_runs)
    runs = SETTING.n_runs if number % 2 else 2
    return np.asarray((sample < np.array(SHORT)[SETTING.runs]) & (SETTING.runs < runs))


def _cut(design: Design, kept: Array) -> Design:
    """The design of some of its samples, responses centred within run again."""
    if kept.all():
        return design
    runs, Y = design.runs[kept], design.Y[kept]
    for run in np.unique(runs):
        Y[runs == run] -= Y[runs == run].mean(axis=0)
    bands = {name: band[kept][:, 0] for name, band in design.bands.items()}
    return design_of(bands, Y, runs, design.times_s[kept])
