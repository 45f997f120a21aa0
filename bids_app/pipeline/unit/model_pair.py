"""What is averaged while a unit's partitions are fitted, and what it answers about two models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bids_app import encoding
from bids_app.encoding import NoiseCeiling
from bids_app.pipeline.unit.fitted import FittedUnit
from bids_app.pipeline.unit.solvers import Averaging
from bids_app.records import Array, Component, ExtraPartition, ModelPairStatistics, Responsive


def first_averaging(
    usable: Array, n_windows: int, responsive: Responsive | None, ceiling: NoiseCeiling | None
) -> Averaging:
    """Sets of targets that scores are averaged over: all usable ones, and those that respond to speech.

    Parameters
    ----------
    usable : (n_targets,) bool.
    n_windows : targets of one response, of which the first, its own value, is averaged.
    responsive : tests of speech against silence, (n_responses,), where there are any.
    ceiling : noise ceiling, (n_targets,), where there is one.
    """
    own = np.arange(len(usable)) % n_windows == 0
    sets = {"all": own & usable}
    if responsive is not None:
        called = np.asarray(responsive.q <= responsive.level)
        sets["responsive"] = sets["all"] & np.repeat(called, n_windows)
    return Averaging(sets, None if ceiling is None else np.asarray(ceiling.explainable))


def control_models(
    compared_models: tuple[str, str] | None, groups: Mapping[str, Sequence[str]], controls: Sequence[Component]
) -> dict[str, tuple[str, ...]]:
    """What the two models' agreement is compared with.

    Parameters
    ----------
    compared_models : feature groups of the two models, if the analysis has two.
    groups : feature group → its bands.
    controls : what is fitted beside the partition.

    Returns
    -------
    name → bands, of both models first, of the baseline, and of every control that is fitted; empty where there is
    nothing but the models.
    """
    if compared_models is None:
        return {}
    alone = {one.label: one.terms[0][0] for one in controls if one.kind in ("baseline", "control")}
    others = {name: bands for name, bands in alone.items() if bands not in map(tuple, groups.values())}
    return {**{group: tuple(groups[group]) for group in compared_models}, **others} if others else {}


def model_pair_statistics(
    fitted: FittedUnit, compared_models: tuple[str, str] | None, extra: Sequence[ExtraPartition]
) -> ModelPairStatistics:
    """Scores of two models, their agreement, and the split of what they explain.

    Parameters
    ----------
    fitted : averages of all fits of the unit.
    compared_models : feature groups of the two models, if the analysis has two.
    extra : partitions of their shared subspace.
    """
    of_role = {one.role: one for one in extra}
    split = None
    if "subspace" in of_role and "against" in of_role:
        subspace, against = of_role["subspace"], of_role["against"]
        split = encoding.SubspaceSplit(
            fitted.extra[subspace.name].averages,
            fitted.extra[against.name].averages,
            subspace.models,
            subspace.in_sample,
        )
    return encoding.model_pair_statistics(
        fitted.main.averages, compared_models, split, fitted.control_models, has_ceiling=fitted.main.has_ceiling
    )
