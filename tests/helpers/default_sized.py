"""A unit as the default analysis leaves it: all partitions, controls, stats and tables that it can have."""

from dataclasses import replace

import numpy as np
from synthetic_units import GROUPS, make_unit, with_inference

from bids_app.records import (
    Agreement,
    ControlsProvenance,
    ExtraPartition,
    ModelPairStatistic,
    ModelPairStatistics,
    SharedSubspace,
    StatisticSubject,
    SubspaceFold,
    SubspaceSpec,
    autocorrelation_control,
    baseline_alone,
    beyond_baseline,
    full_beyond_baseline,
    partition_components,
)

EXTRA = tuple(
    ExtraPartition(role, {name: (name,) for name in groups})
    for role, groups in (
        ("subspace", ("shared", "speechRest", "languageRest")),
        ("against", ("shared", "semantic", "low_level")),
    )
)
BASELINE = ("baseline_word_rate",)
CONTROLS = (
    baseline_alone(BASELINE),
    *(beyond_baseline(group, (group,), BASELINE) for group in GROUPS),
    full_beyond_baseline(GROUPS, GROUPS, BASELINE),
    autocorrelation_control(),
)
SHARES = ("shapley", "shapley025", "shapley975", "product", "product025", "product975")


def default_sized(targets, person="01", rest="task-story_space-MNI152NLin2009cAsym", ceiling=False):
    """Every number has values of its own, and none in the first target."""
    unit = make_unit(targets, person, rest)
    rng = np.random.default_rng(0)
    others = [one for extra in EXTRA for one in partition_components(tuple(extra.groups), extra.name)]
    values = {label: dict(stats) for label, stats in unit.partition.values.items()}
    for one in (*others, *CONTROLS):
        values[one.label] = dict.fromkeys(("rsquared",) if one.kind == "shared" else ("rsquared", "r"))
    for one in partition_components(GROUPS)[1 : 1 + len(GROUPS)]:
        values[one.label] |= dict.fromkeys(SHARES)
    if ceiling:
        values["full"] |= dict.fromkeys(("ceiling", "share"))
    for stats in values.values():
        for stat in stats:
            stats[stat] = drawn(rng, targets)
    unit = replace(unit, partition=replace(unit.partition, values=values, extra=EXTRA, controls=CONTROLS))
    controls = ControlsProvenance(unit.provenance.controls.baseline, "fitted", CONTROLS)
    models = ("speech", "language")
    r = drawn(rng, targets)
    row = ModelPairStatistic(StatisticSubject("score", ("speech",)), "all", len(r), 0.1, 0.0, 0.2)
    fold = SubspaceFold(0, 100, (3, 4), np.array([0.9]), np.array([0.1]), np.array([0.5]), np.array([0.01]), 0.2)
    return with_inference(
        replace(
            unit,
            provenance=replace(unit.provenance, controls=controls),
            subspace=SharedSubspace(SubspaceSpec(models), (fold,)),
            model_pair=ModelPairStatistics(models, (Agreement(models, r, r - 0.1, r + 0.1),), (row,)),
        )
    )


def drawn(rng, targets):
    values = rng.normal(size=len(targets.names)).astype(np.float32)
    values[0] = np.nan
    return values
