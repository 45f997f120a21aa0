"""What reports say of the baseline: sentences that can be quoted, and no claim where there is none."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from synthetic_units import BASELINE_LABELS, make_unit, parcel_targets, volume_targets, with_inference

from bids_app import outputs
from bids_app.outputs.derivatives.read_unit import read_unit
from bids_app.outputs.files import names
from bids_app.outputs.report.unit.controls import controls_sentences, group_controls_sentences
from bids_app.outputs.report.unit.leakage_audit import audit_rows
from bids_app.outputs.wording.definitions import Definitions
from bids_app.records import (
    BaselineModel,
    ContextLeakage,
    ControlsProvenance,
    ElectrodeMean,
    GroupInference,
    Partition,
    SignificantCounts,
    autocorrelation_control,
    baseline_alone,
    beyond_baseline,
    beyond_untrained,
    control_alone,
    full_beyond_baseline,
    partition_components,
)

GROUPS = ("semantic", "speech")
BASELINE = ("baseline_word_rate", "baseline_envelope", "baseline_position")
CONTROLS = (
    baseline_alone(BASELINE),
    full_beyond_baseline(GROUPS, GROUPS, BASELINE),
    beyond_baseline("speech", ("speech",), BASELINE),
    autocorrelation_control(),
    control_alone("random"),
    beyond_untrained("speech", "random"),
)
MADE = ControlsProvenance(
    BaselineModel(BASELINE, {"baseline_motion": "already regressed out"}, BASELINE_LABELS), "fitted", CONTROLS
)
BY_LABEL = {one.label: one for one in (*partition_components(GROUPS), *CONTROLS)}


def unit_with(significant, targets=None, tested=True):
    """A unit beside whose partition every component has R² .1 and is significant in `significant` targets."""
    unit = with_inference(make_unit(targets or parcel_targets(), rest="task-alice_seg-Brennan10mm", groups=GROUPS))
    n = len(unit.targets.names)
    values = {}
    for component in CONTROLS:
        p = np.where(np.arange(n) < significant.get(component.label, 0), 0.01, 0.5)
        stats = {"rsquared": np.full(n, 0.1), "p": p, "pfwe": p, "q": p}
        values[component.label] = stats | {"ci025": np.full(n, 0.05), "ci975": np.full(n, 0.15)}
    partition = Partition(GROUPS, {**unit.partition.values, **values}, (), CONTROLS)
    inference = unit.provenance.inference if tested else None
    return replace(unit, partition=partition, provenance=replace(unit.provenance, controls=MADE, inference=inference))


def sentences(out_dir, unit):
    outputs.write_unit(out_dir, unit)
    return controls_sentences(read_unit(names.summary_path(out_dir, unit.stem)))


def test_each_region_is_named_where_a_model_beats_the_baseline_and_where_not(tmp_path):
    baseline, full, speech, twin, time = sentences(tmp_path, unit_with({"speechBeyondBaseline": 2}))
    assert baseline.startswith(
        "The baseline is word rate, envelope and position in the story. Alone it has a mean R² of 0.100"
    )
    assert "Not in it: head motion (already regressed out)." in baseline
    assert "semantic is part of the baseline itself." in baseline
    assert full.startswith(
        "In none of 6 parcels does the full model significantly predict more than the baseline (family-wise p ≤ 0.05)"
    )
    assert speech == (
        "In 2 of 6 parcels speech predicts more than the baseline (family-wise p ≤ 0.05): LATL, RATL. In the other 4 "
        "that is not significant: LPTL, LIPL, LPreM, LIFG. Over all 6 parcels its mean R² beyond the baseline is "
        "0.100."
    )
    assert twin.startswith("In none of 6 parcels does speech significantly predict more than the same model with")
    assert twin.endswith("its mean R² beyond the untrained model is 0.100.")
    assert "predicts 0 targets" in time
    assert time.endswith("no sign of leakage.")


def test_leaks_are_called_leaks(tmp_path):
    assert sentences(tmp_path, unit_with({"autocorrelation": 3}))[-1].endswith(
        "training samples have leaked into test samples."
    )


def test_where_nothing_can_be_tested_no_control_is_called_fine(tmp_path):
    outputs.write_unit(tmp_path, unit := unit_with({"autocorrelation": 3}))
    read = read_unit(names.summary_path(tmp_path, unit.stem))
    *_, speech, _, time = controls_sentences(
        replace(read, summary=replace(read.summary, warnings=("p is n/a: cannot be tested with 2 runs",)))
    )
    assert "no test is possible on these data (see the warnings)" in speech
    assert time.endswith("above 0 it would be a sign of leakage.")


def test_many_targets_are_counted_not_named(tmp_path):
    _, _, speech, *_ = sentences(
        tmp_path, unit_with({"speechBeyondBaseline": 20}, volume_targets((10, 10, 10), 16.0))
    )
    assert "In 19 of " in speech  # the first of the 20 is unusable
    assert "voxels speech predicts more" in speech
    assert ":" not in speech


def test_without_a_test_nothing_is_claimed(tmp_path):
    lines = sentences(tmp_path, unit_with({"speechBeyondBaseline": 6}, tested=False))
    assert "no test was made of whether speech predicts more than the baseline" in lines[2]
    assert not any("predicts more than" in line.split("no test was made")[0] for line in lines)


def test_no_baseline_is_said(tmp_path):
    unit = make_unit(parcel_targets(), rest="task-alice_seg-Brennan10mm", groups=GROUPS)
    (line,) = sentences(tmp_path, unit)
    assert line.startswith("No baseline was fitted")


@pytest.mark.parametrize(
    ("component", "stat", "said"),
    [
        ("baseline", "rsquared", "Held-out R² of the baseline"),
        (
            "fullBeyondBaseline",
            "rsquared",
            "What the full model predicts beyond the baseline: R² of the model of both less",
        ),
        ("speechBeyondBaseline", "p", "what the smaller model leaves of the response"),
        ("speechBeyondUntrained", "pfwe", "Family-wise p of what speech predicts beyond the same model with random"),
        ("baseline", "q", "The model is fitted again"),
        (
            "autocorrelation",
            "ci025",
            "Lower end of the 95 % confidence interval of R² of a control that knows nothing but time",
        ),
        ("controlRandom", "r", "Held-out r of the control random alone"),
        ("speech", "shapley", "what speech adds to the R² of the others"),
        ("speech", "shapley975", "Upper end of the 95 % confidence interval"),
        ("speech", "product", "Product measure of speech"),
    ],
)
def test_every_number_is_defined(component, stat, said):
    assert said in Definitions(GROUPS).define(BY_LABEL[component], stat)
    assert Definitions(GROUPS).short(BY_LABEL[component])


def test_the_audit_says_where_each_stage_was_fitted(tmp_path):
    unit = unit_with({})
    contexts = {
        "language": ContextLeakage(31, 560, "32 words", True),
        "speech": ContextLeakage(0, 560, "16 s of sound", False),
    }
    unit = replace(unit, provenance=replace(unit.provenance, contexts=contexts))
    outputs.write_unit(tmp_path, unit)
    rows = dict(audit_rows(read_unit(names.summary_path(tmp_path, unit.stem)).summary))
    assert rows["context of language"].startswith("31 of 560 test samples draw on 32 words before them")
    assert rows["context of speech"] == "no context crosses a fold: no run is split"
    assert rows["principal components of acoustic"] == "training samples of each of 4 outer folds"
    assert "inner folds" in rows["penalties, band weights"]
    assert "whole run" in rows["confounds and drift of responses"]
    assert rows["layers (speech 2, language 1)"] == "named in the analysis, not chosen by any score"
    assert not any("canonical" in stage for stage in rows)


def group_of(n_participants, kind="volume", significant=None, electrodes=()):
    """A group's summary, of which the sentences see no more than this."""
    inference = GroupInference(n_participants, "none: made up", False, False, True, 2**n_participants)
    targets = SimpleNamespace(n=40, kind=kind)
    return SimpleNamespace(
        participants=("x",) * n_participants, controls=(CONTROLS[0], CONTROLS[2]), electrodes=electrodes, level=0.05,
        significant=significant, inference=inference, targets=targets,
    )  # fmt: skip


def counts(**n_significant):
    return {label: SignificantCounts(pfwe, pfwe) for label, pfwe in n_significant.items()}


MEANS = {"baseline": 0.1234, "speechBeyondBaseline": None}


@pytest.mark.parametrize(
    ("group", "baseline", "speech"),
    [
        (
            group_of(1),
            "over 1 participant; not tested over participants.",
            "R² – over 1 participant; not tested over participants.",
        ),
        (
            group_of(4, significant=counts(baseline=0)),
            "over 4 participants; 16 sign vectors allow no p ≤ 0.05.",
            "not tested over participants",
        ),
        (
            group_of(5, significant=counts(baseline=7, speechBeyondBaseline=0)),
            "over 5 participants; r is above 0 in 7 of 40 voxels (family-wise p ≤ 0.05 over participants).",
            "above 0 in 0 of 40 voxels",
        ),
        (
            group_of(5, "electrodes", electrodes=(
                ElectrodeMean("baseline", "responsive", 5, 9, 0.1, 0.0, 0.0, 0.0),
                ElectrodeMean("baseline", "all", 5, 9, 0.1, -0.01, 0.2, 0.0625),
            )),
            "over 5 participants (their electrodes; 95 % confidence interval −0.010 to 0.200, p = 0.062).",
            "not tested over participants",
        ),
    ],
)  # fmt: skip
def test_over_participants_each_difference_has_its_mean_and_what_was_tested(group, baseline, speech):
    first, second = group_controls_sentences(group, MEANS)
    assert first.startswith("The baseline alone: mean R² 0.123 over")
    assert first.endswith(baseline)
    assert second.startswith("What speech predicts beyond the baseline: mean R² –")
    assert speech in second
