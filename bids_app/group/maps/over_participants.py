"""Statistics over participants, target by target, without a test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.group.group_tests import prevalence_labels
from bids_app.group.maps.prevalence import counts, prevalence_maps
from bids_app.group.maps.side_by_side import Number, SideBySide
from bids_app.group.participant_tests import t_interval
from bids_app.group.statistics import Values, participant_statistics
from bids_app.records import SCORES, Array, WrittenUnit


def common_components(members: Sequence[WrittenUnit]) -> list[str]:
    """Components of which everybody has some amount."""
    return [name for name in members[0].partition.values if common_scores(members, name)]


def common_scores(members: Sequence[WrittenUnit], component: str) -> list[str]:
    """What everybody has: ceilings need repeats, and a baseline what it is made of.

    Parameters
    ----------
    members : units of a group.
    component : label.
    """
    everyones = [unit.partition.values.get(component, {}) for unit in members]
    return [stat for stat in SCORES if all(stat in stats for stats in everyones)]


def over_participants(side: SideBySide, level: float | None) -> Values:
    """Means and spread of every amount; with a level, intervals of R² and prevalence besides.

    Parameters
    ----------
    side : participants on their common targets.
    level : at which participants' own p count as significant; None: nothing is inferred.

    Returns
    -------
    Component → stat → statistic → (n_targets,).
    """
    members = side.members
    amounts = [(name, stat) for name in common_components(members) for stat in common_scores(members, name)]
    own_p = [(name, "pfwe") for name in prevalence_labels(members) if _everybody_has(members, name)] if level else []
    silent = [not counts(unit) for unit in members] if level else []
    parts: dict[Number, list[dict[str, Array]]] = {number: [] for number in amounts}
    for some in side.blocks(len(amounts) + len(own_p)):
        tables = side.tables([*amounts, *own_p], some)
        for name, stat in amounts:
            found = participant_statistics(tables[name, stat], stat)
            if level and stat == "rsquared":
                found |= t_interval(tables[name, stat])
                if (name, "pfwe") in tables:
                    tables[name, "pfwe"][silent] = np.nan
                    found |= prevalence_maps(tables[name, "pfwe"], level)
            parts[name, stat].append(found)
    return {
        name: {stat: _joined(parts[name, stat]) for stat in common_scores(members, name)}
        for name in common_components(members)
    }


def _everybody_has(members: Sequence[WrittenUnit], component: str) -> bool:
    """Whether everybody has R² of a component and p of it."""
    return all({"rsquared", "pfwe"} <= {*unit.partition.values.get(component, ())} for unit in members)


def _joined(blocks: Sequence[dict[str, Array]]) -> dict[str, Array]:
    """Statistics of all targets."""
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
