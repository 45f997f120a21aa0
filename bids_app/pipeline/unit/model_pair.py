"""What is gathered while a unit's partitions are fitted, and what it answers about two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from bids_app import encoding
from bids_app.records import Array, ControlResults, Design, ModelPairStatistics, Responsive

MAIN = ""  # the analysis's own partition, among the names of the further ones
REFERENCES = "references"  # the two models, the baseline and untrained models, each alone
IN_SAMPLE = "inSample"  # what names of partitions of an in-sample subspace begin with


@dataclass
class ModelPairCollector:
    """Averages of every partition over sets of targets, all with the same blocks of time left out in turn.

    n_windows: targets of an electrode where rows are words (the first is its own value, the one that is averaged),
    else 1; ceiling (n_targets,) or none; labels (n_times,): the blocks, None for values without limits.
    """

    design: Design
    n_windows: int
    responsive: Responsive | None
    ceiling: Array | None
    labels: Array | None
    _observers: dict[str, encoding.Averages] = field(default_factory=dict)
    _averaged: dict[str, encoding.Averaged] = field(default_factory=dict)

    def observer(self, name: str, unions: Sequence[tuple[str, ...]], device: str) -> encoding.Averages:
        """Of the fit of one partition."""
        maps = encoding.singles(unions) if name in (MAIN, REFERENCES) else ()
        ceiling = self.ceiling if maps else None
        plan = encoding.AveragingPlan(self.design.folds, self.sets(name), self.labels, ceiling)
        made = encoding.Averages(unions, maps, plan, device)
        self._observers[name] = made
        return made

    def add(self, name: str, averaged: encoding.Averaged) -> None:
        """A partition whose averages were made otherwise."""
        self._averaged[name] = averaged

    def sets(self, name: str) -> dict[str, Array]:
        """Targets by the name of their set: all usable; those that respond to speech; and those that the first
        partition predicts reliably, where it is another than `name` and has limits."""
        own = np.arange(len(self.design.usable)) % self.n_windows == 0
        sets = {"all": own & self.design.usable}
        if self.responsive is not None:
            called = np.asarray(self.responsive.q <= self.responsive.level)
            sets["responsive"] = sets["all"] & np.repeat(called, self.n_windows)
        if name != MAIN and encoding.RELIABLE in self._main_sets:
            sets[encoding.RELIABLE] = self._main_sets[encoding.RELIABLE]
        return sets

    @property
    def _main_sets(self) -> dict[str, Array]:
        return self._observers[MAIN].sets if MAIN in self._observers else {}

    def findings(self, between: tuple[str, str] | None) -> ModelPairStatistics:
        """All of them, when every partition has been fitted; `between`: the two models' units."""
        done = {**self._averaged, **{name: encoding.averaged(one) for name, one in self._observers.items()}}
        split = {name.removeprefix(IN_SAMPLE).lower(): one for name, one in done.items()}
        prefix = IN_SAMPLE if any(name.startswith(IN_SAMPLE) for name in done) else ""
        has_ceiling = MAIN in self._observers and self.ceiling is not None
        return encoding.findings(
            split[MAIN],
            between,
            split.get("subspace"),
            split.get("against"),
            split.get(REFERENCES),
            has_ceiling=has_ceiling,
            prefix=prefix,
        )


def references(
    between: tuple[str, str] | None, units: Mapping[str, Sequence[str]], beside: ControlResults
) -> dict[str, tuple[str, ...]]:
    """What the two models' agreement is held against: unit → bands of both models, of the baseline and of every control
    that was fitted; none where there is nothing but the models."""
    if between is None:
        return {}
    alone = {one.label: one.terms[0][0] for one in beside.components if one.kind in ("baseline", "control")}
    others = {name: bands for name, bands in alone.items() if bands not in map(tuple, units.values())}
    return {**{unit: tuple(units[unit]) for unit in between}, **others} if others else {}
