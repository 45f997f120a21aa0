"""Means over electrodes of participants who hear one stimulus, whose responses have something in common that is in no
feature: `python -m benchmarks.calibration --only electrodes`.

Participants' electrodes are at other places, so there is no mean response. `participants` is the hierarchical
bootstrap alone, which takes participants for independent; `own tests` the smallest family-wise p of any participant's
electrodes, times the number of participants; `reported` the larger. A set is one stimulus: sets are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.bars import Bar
from benchmarks.calibration_participants import SPEC, values_of
from benchmarks.conditions import LEVEL, PERMUTATIONS, RIDGE, bar
from benchmarks.nulls import design_of
from benchmarks.simulation import Setting, series, standardized
from bids_app import encoding
from bids_app.encoding.inference.fit_and_infer import InferencePlan, data_blocks
from bids_app.group import ParticipantValues, over_electrodes
from bids_app.group.electrodes import any_electrode
from bids_app.records import Array, InferenceSpec, partition_components

SETTING = Setting(n_runs=5, n_samples=160, period_s=0.4, least_s=20.0)  # 5 minutes of words
N_PEOPLE, N_ELECTRODES, N_COLUMNS = 6, 10, 20
TESTS = ("participants", "own tests", "reported")


@dataclass(frozen=True)
class Scene:
    """What is simulated.

    Parameters
    ----------
    common : share of the noise that all electrodes of all participants have alike.
    share : of the variance that `b` decides, each electrode by a tuning of its own.
    beside : the same of another space `a`; None: there is no other, and ridge is fitted.
    """

    common: float
    share: float = 0.0
    beside: float | None = None

    @property
    def name(self) -> str:
        """For the table and the bars."""
        alone = "" if self.beside is None else f"-a {self.beside:g}"
        return f"common {self.common:g}-b {self.share:g}{alone}"

    @property
    def label(self) -> str:
        """The component that is looked at."""
        return "full" if self.beside is None else "uniqueB"

    def n_sets(self, quick: bool) -> int:
        """How many sets are drawn: false positives take more than power."""
        nulls = 5 if quick else 60 if self.beside is None else 20
        return nulls // 4 if self.share and not quick else nulls

    def draw(self, rng: np.random.Generator) -> tuple[dict[str, Array], list[Array]]:
        """Bands, and responses (n_times, n_electrodes) of each participant."""
        shares = {"b": self.share} if self.beside is None else {"a": self.beside, "b": self.share}
        bands = {name: series("ar.5", SETTING, N_COLUMNS, rng) for name in shares}
        alike = series("ar.5", SETTING, 1, rng)
        people = []
        for _ in range(N_PEOPLE):
            own = series("ar.5", SETTING, N_ELECTRODES, rng)
            noise = np.sqrt(self.common) * alike + np.sqrt(1 - self.common) * own
            Y = np.sqrt(1 - sum(shares.values())) * noise
            for name, share in shares.items():
                tuned = bands[name] @ rng.standard_normal((N_COLUMNS, N_ELECTRODES))
                Y = Y + np.sqrt(share) * standardized(tuned, SETTING)
            people.append(standardized(Y, SETTING))
        return bands, people


def scenes_of(quick: bool) -> list[Scene]:
    """All that is simulated."""
    if quick:
        return [Scene(0.3), Scene(0.3, 0.05)]
    nulls = [Scene(common) for common in (0.0, 0.1, 0.3)]
    weak = [Scene(0.0, 0.02), Scene(0.3, 0.02), Scene(0.3, 0.05)]
    beside = [Scene(0.3, 0.0, 0.2), Scene(0.3, 0.05, 0.2)]
    return [*nulls, *weak, *beside]


def electrodes(quick: bool) -> list[Bar]:
    """False positives and power of means over electrodes."""
    print(f"| scene | component | sets | {' | '.join(TESTS)} |\n|{'---|' * (3 + len(TESTS))}")
    bars = []
    for scene in scenes_of(quick):
        rng = np.random.default_rng(0)
        hits = np.array([tested(scene, rng, seed) for seed in range(scene.n_sets(quick))]) <= LEVEL
        rates = " | ".join(f"{rate:.3f}" for rate in hits.mean(axis=0))
        print(f"| {scene.name} | {scene.label} | {len(hits)} | {rates} |", flush=True)
        reported = hits[:, -1]
        if scene.share == 0:
            bars.append(bar(f"electrodes-{scene.name}", reported))
        elif scene.share >= 0.05 and scene.beside is None:
            bars.append(Bar(f"electrodes-{scene.name}", float(reported.mean()), 0.8, "found", False))
    return bars


def tested(scene: Scene, rng: np.random.Generator, seed: int) -> Sequence[float]:
    """p of each of `TESTS`, of one set."""
    bands, people = scene.draw(rng)
    spec, components = RIDGE if scene.beside is None else SPEC, partition_components(tuple(bands))
    together = design_of(bands, np.concatenate(people, axis=1), SETTING.runs, SETTING.times_s)
    values = values_of(together, spec, len(people))
    participants = [
        ParticipantValues(
            *({label: table[who] for label, table in each.items()} for each in (values.rsquared, values.r))
        )
        for who in range(len(people))
    ]
    groups = {name: (name,) for name in bands}
    blocks = data_blocks(together, groups, spec, SETTING.least_s)
    plan = InferencePlan(InferenceSpec(PERMUTATIONS, SETTING.least_s, seed), blocks)
    family = []
    for Y in people:
        design = design_of(bands, Y, SETTING.runs, SETTING.times_s)
        family.append(encoding.fit_and_infer(design, groups, spec, plan)[1].components[scene.label].p_family)
    stimulus = {scene.label: any_electrode(family)}
    alone, reported = (
        over_electrodes(participants, components, seed, guard)[scene.label].p for guard in (None, stimulus)
    )
    return alone, stimulus[scene.label], reported
