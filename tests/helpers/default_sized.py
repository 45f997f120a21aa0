"""A unit as the default analysis leaves it: all partitions, controls, stats and tables that it can have."""

from dataclasses import replace

import numpy as np
from synthetic_units import make_unit, with_inference

from bids_app.records import (
    Agreement,
    ControlsProvenance,
    ModelPairStatistic,
    ModelPairStatistics,
    SharedSubspace,
    StatisticSubject,
    SubspaceFold,
    SubspaceSpec,
    all_components,
)
from bids_app.settings.load import load_analysis

SHARES = ("shapley", "shapley025", "shapley975", "product", "product025", "product975")


def default_sized(targets, person="01", rest="task-story_space-MNI152NLin2009cAsym", ceiling=False):
    """Every number has values of its own, and none in the first target. `ceiling`: as where stimuli were repeated."""
    analysis, _ = load_analysis("speech-language")
    groups, extra, controls = tuple(analysis.groups), analysis.extra_partitions, analysis.all_controls
    unit = make_unit(targets, person, rest, groups=groups)
    rng = np.random.default_rng(0)
    values = {
        label: {
            stat: drawn(rng, targets)
            for stat in (
                "rsquared",
                *(("r",) if one.kind != "shared" else ()),
                *(SHARES if one.kind == "alone" else ()),
                *(("ceiling", "share") if ceiling and label == "full" else ()),
            )
        }
        for label, one in all_components(groups, extra, controls).items()
    }
    models = analysis.compared_models
    r = drawn(rng, targets)
    row = ModelPairStatistic(StatisticSubject("score", models[:1]), "all", len(r), 0.1, 0.0, 0.2)
    fold = SubspaceFold(0, 100, (3, 4), np.array([0.9]), np.array([0.1]), np.array([0.5]), np.array([0.01]), 0.2)
    made = ControlsProvenance(unit.provenance.controls.baseline, "fitted", controls)
    return with_inference(
        replace(
            unit,
            partition=replace(unit.partition, values=values, extra=extra, controls=controls),
            provenance=replace(unit.provenance, controls=made),
            subspace=SharedSubspace(SubspaceSpec(models), (fold,)),
            model_pair=ModelPairStatistics(models, (Agreement(models, r, r - 0.1, r + 0.1),), (row,)),
        )
    )


def drawn(rng, targets):
    """(n_targets,) values."""
    values = rng.normal(size=len(targets.names)).astype(np.float32)
    values[0] = np.nan
    return values
