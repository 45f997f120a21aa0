"""Tests over participants of planted parts, where all hear one story and where each hears their own; run by
`benchmarks.recovery`.

Of one story, responses have a share of their noise in common, as all brains have that hear the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from benchmarks.bars import Bar
from benchmarks.calibration_group import BANDED, noises, of_mean, person_values
from benchmarks.calibration_participants import together
from benchmarks.conditions import LEVEL, PERMUTATIONS, bar
from benchmarks.planting import Planting
from benchmarks.simulation import FMRI, mixed
from bids_app.group import ParticipantValues, participant_tests
from bids_app.records import Array, partition_components

N_PEOPLE, N_TARGETS, COMMON = 12, 20, 0.3
PLANTINGS = {
    "null": Planting("fmri", FMRI.n_runs * FMRI.n_samples, {"a": 10, "b": 20}, 0.5, (), 0.0),
    "a": Planting("fmri", FMRI.n_runs * FMRI.n_samples, {"a": 10, "b": 20}, 0.5, ("a",), 0.1),
}
Draw = Mapping[str, Mapping[str, Array]]  # component: {'population', 'value', 'p', 'pfwe'}


def people(quick: bool) -> list[Bar]:
    """False positives and what is found, of 12 participants."""
    columns = ("planted", "part", "population", "mean over participants", "p ≤ .05", "family-wise")
    print(f"\n| heard | {' | '.join(columns)} |\n|{'---|' * (1 + len(columns))}")
    bars: list[Bar] = []
    for heard, study in (("one story", one_story), ("their own", their_own)):
        for name, planting in PLANTINGS.items():
            draws = [study(planting, seed) for seed in range(2 if quick else 20)]
            for part in draws[0]:
                found = {key: np.stack([draw[part][key] for draw in draws]) for key in draws[0][part]}
                hits, family = found["p"] <= LEVEL, (found["pfwe"] <= LEVEL).any(axis=1)
                means = f"{found['population'].mean():.3f} | {found['value'].mean():.3f}"
                print(
                    f"| {heard} | {name} | {part} | {means} | {hits.mean():.3f} | {family.mean():.3f} |", flush=True
                )
                if np.abs(found["population"]).max() < 1e-9:
                    bars.append(bar(f"people-{heard}-{name}-{part}", hits.ravel()))
    return bars


def one_story(planting: Planting, seed: int) -> Draw:
    """The same features and tuning for all; the stimulus is guarded against by the mean response."""
    rng = np.random.default_rng(seed)
    planted = planting.draw(N_TARGETS, rng)
    bands = {name: values[:, 0] for name, values in planted.design.bands.items()}
    signal = np.hstack(list(bands.values())) @ planted.weights
    noise = noises(N_PEOPLE, N_TARGETS, COMMON, "ar.5", rng)
    Y = np.stack([mixed(signal, one, planting.share) if planting.share else one for one in noise])
    stimulus = of_mean(bands, Y, BANDED, seed)
    return _told(planted.population(), person_values(bands, Y, BANDED), seed, stimulus)


def their_own(planting: Planting, seed: int) -> Draw:
    """Features, tuning and noise drawn anew for each."""
    rng = np.random.default_rng(seed)
    drawn = [planting.draw(N_TARGETS, rng) for _ in range(N_PEOPLE)]
    each = [
        person_values({name: values[:, 0] for name, values in one.design.bands.items()}, one.design.Y[None], BANDED)
        for one in drawn
    ]
    populations = [one.population() for one in drawn]
    population = {name: np.mean([one[name] for one in populations], axis=0) for name in populations[0]}
    return _told(population, together(each), seed, None)


def _told(
    population: Mapping[str, Array],
    values: ParticipantValues,
    seed: int,
    stimulus: Mapping[str, Mapping[str, Array]] | None,
) -> Draw:
    found = participant_tests(values, partition_components(("a", "b")), PERMUTATIONS, seed, stimulus)
    return {
        name: {
            "population": population[name],
            "value": values.rsquared[name].mean(axis=0),
            "p": one["p"],
            "pfwe": one["pfwe"],
        }
        for name, one in found.items()
    }
