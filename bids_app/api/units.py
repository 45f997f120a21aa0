"""Units of work as their users name them, and their scores as rows of a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bids_app.api.written import Written
from bids_app.records import GroupResultSummary, Modality, TargetKind, UnitSummary, entities_of

GROUP = "group"  # in place of a participant: over all of them


@dataclass(frozen=True)
class Unit:
    """What was fitted at once: one participant, task and space; or what is over participants.

    Parameters
    ----------
    name : its entities, `sub-01_task-story_space-MNI152NLin2009cAsym`.
    participant : label without `sub-`; `group` where it is over participants.
    task, session : labels; empty where it is of several, or has none.
    space : of the targets, `n/a` where it is not known.
    modality : fmri or ieeg.
    kind : of the targets: volume, surface, greyordinates, parcels, electrodes or array.
    n_targets : how many targets there are.
    numbers : component → its stats: what `Results.map` can be asked for.
    """

    name: str
    participant: str
    task: str
    session: str
    space: str
    modality: Modality
    kind: TargetKind
    n_targets: int
    numbers: Mapping[str, tuple[str, ...]] = field(repr=False, hash=False)

    @property
    def components(self) -> tuple[str, ...]:
        """Labels of its components, in order."""
        return tuple(self.numbers)


def unit_of(name: str, summary: UnitSummary | GroupResultSummary, written: Written) -> Unit:
    """A unit, or what is over participants, with the numbers there are of it.

    Parameters
    ----------
    name : its stem.
    summary : of it.
    written : its numbers.
    """
    entities, grid = entities_of(name), summary.targets
    stats: dict[str, tuple[str, ...]] = {}
    for component, stat in written.numbers:
        stats[component] = (*stats.get(component, ()), stat)
    return Unit(
        name=name,
        participant=summary.participant if isinstance(summary, UnitSummary) else GROUP,
        task=entities.get("task", ""),
        session=entities.get("ses", ""),
        space=grid.space,
        modality=summary.modality,
        kind=grid.kind,
        n_targets=grid.n,
        numbers=MappingProxyType(_in_order(summary, stats)),
    )


def _in_order(
    summary: UnitSummary | GroupResultSummary, stats: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Components first as the partition has them, R² first of each, whatever file they lie in."""
    first = summary.by_label if isinstance(summary, UnitSummary) else ()
    labels = [label for label in dict.fromkeys([*first, *stats]) if label in stats]
    return {label: tuple(sorted(stats[label], key=lambda stat: stat != "rsquared")) for label in labels}


def score_rows(summary: UnitSummary) -> Iterator[dict[str, Any]]:
    """Of one unit, component by component."""
    entities = entities_of(summary.stem)
    for label, component in summary.components.items():
        for stat, spreads in component.spreads.items():
            for targets, spread in (("usable", spreads.usable), ("predicted", spreads.predicted)):
                has_tests = (stat, targets) == ("rsquared", "usable") and spread.n and not summary.has_no_p
                tested = component.significant if has_tests else None
                yield {
                    "participant": summary.participant,
                    "unit": summary.stem,
                    "task": entities.get("task", ""),
                    "session": entities.get("ses", ""),
                    "space": summary.space,
                    "modality": summary.modality,
                    "targets_kind": summary.targets.kind,
                    "component": label,
                    "kind": summary.by_label[label].kind,
                    "stat": stat,
                    "targets": targets,
                    "n": spread.n,
                    "mean": _number(spread.mean),
                    "median": _number(spread.median),
                    "q25": _number(spread.q25),
                    "q75": _number(spread.q75),
                    "fraction_positive": spread.n_positive / spread.n if spread.n else float("nan"),
                    "fraction_pfwe": tested.pfwe / spread.n if tested else float("nan"),
                    "fraction_q": tested.q / spread.n if tested else float("nan"),
                }


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def fits(unit: Unit, asked: Mapping[str, str | None]) -> bool:
    """Whether a unit has the name, task and space that are asked for.

    Parameters
    ----------
    unit : in question.
    asked : `unit`, `task`, `space` → what it must be; None: anything.
    """
    own = {"unit": unit.name, "task": unit.task, "space": unit.space}
    return all(value is None or own[key] == value for key, value in asked.items())
