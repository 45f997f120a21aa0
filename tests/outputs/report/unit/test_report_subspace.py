"""What the report says of a shared subspace follows from the summary's numbers."""

from dataclasses import replace

import numpy as np
from synthetic_units import make_unit, parcel_targets

from bids_app.outputs.derivatives.summary import subspace_summary, unit_summary
from bids_app.outputs.derivatives.tables import SUBSPACE_COLUMNS, subspace_cells
from bids_app.outputs.report.unit.subspace import subspace_sentences
from bids_app.records import (
    ComponentSummary,
    ExtraPartition,
    SharedSubspace,
    Spread,
    StatSpreads,
    SubspaceFold,
    SubspaceSpec,
    partition_components,
)

GROUPS = {name: (name,) for name in ("shared", "semantic", "low_level")}


def fold(number, kept, held=(0.9, 0.5, 0.1)):
    leak = (1 - np.array(held[:kept])) / (2 * (1 + np.array(held[:kept])))
    return SubspaceFold(
        number, 900, (20, 30), np.full(kept, 0.95), leak, np.array(held), np.array([0.005, 0.005, 0.4]), 0.2
    )


def mean_of(value):
    return Spread(12, value, None, None, None, 12)


def summary(folds, fit="training", predicted=12):
    """Of a unit whose components of `against` have mean R² 0.01, 0.02, …, over predicted targets."""
    extra = ExtraPartition("against", GROUPS, fit == "all", ("speech", "language"))
    components = {
        one.label: ComponentSummary(("rsquared",), {"rsquared": StatSpreads(mean_of(None), mean_of(0.01 * (n + 1)))})
        for n, one in enumerate(partition_components(tuple(GROUPS), extra.name))
    }
    whole = unit_summary(make_unit(parcel_targets(), rest="task-story_seg-X"), {"a.tsv": "0"}, "table")
    return replace(
        whole,
        subspace=subspace_summary(SharedSubspace(SubspaceSpec(("speech", "language"), None, fit), tuple(folds))),
        extra=(extra,),
        components=components,
        targets=replace(whole.targets, n_predicted=predicted),
    )


def test_pairs_their_correlations_and_the_leak():
    pairs, _ = subspace_sentences(summary([fold(0, 2), fold(1, 1)]))
    assert "was fitted anew in each of 2 outer folds. It has 1 to 2 pairs" in pairs
    assert "the first pair correlates by 0.900, the last by 0.700." in pairs
    assert "also carries 10% of a signal that one model alone has: do not take" in pairs  # (.167 + .026) / 2


def test_no_pair_is_said_plainly():
    pairs, _ = subspace_sentences(summary([fold(0, 0), fold(1, 0)]))
    assert "No pair of canonical variates holds up on held-out words. Do not conclude" in pairs


def test_an_in_sample_fit_is_said_to_be_one():
    pairs, against = subspace_sentences(summary([fold(None, 2)], "all"))
    assert "fitted once on all stimuli, test stimuli included (in-sample" in pairs
    assert "Beyond semantic and low_level" in against


def test_parts_of_the_shared_subspace_are_those_of_the_partition():
    _, against = subspace_sentences(summary([fold(0, 2)]))
    order = [one.label for one in partition_components(tuple(GROUPS))]
    assert "Over 12 predicted targets the shared subspace alone has a mean R² of 0.020. It shares 0.0" in against
    for part, words in (
        ("sharedSharedSemantic", "with semantic only"),
        ("sharedSharedLowLevel", "with low_level only"),
        ("sharedSharedSemanticLowLevel", "with semantic and low_level"),
    ):
        assert f"{0.01 * (order.index(part) + 1):.3f} {words}" in against
    assert f"Beyond semantic and low_level it has {0.01 * (order.index('uniqueShared') + 1):.3f}." in against


def test_the_table_has_a_row_a_fold_and_pair():
    cells = subspace_cells(SharedSubspace(SubspaceSpec(("a", "b")), (fold(0, 2), fold(1, 0), fold(2, 3, (0.9, 0.8)))))
    assert list(cells) == list(SUBSPACE_COLUMNS)
    assert list(cells["fold"]) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert list(cells["kept"]) == ["yes", "yes", "no", "no", "no", "no", "yes", "yes", "yes"]
    assert np.isnan(cells["correlation"][2])
    assert np.isnan([cells["correlation_held_out"][8], cells["leak"][2]]).all()
