"""What reports say of the baseline: sentences that can be quoted, and no claim where there is none."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_units import make_unit, parcel_targets, volume_targets, with_inference

from bids_app import outputs
from bids_app.outputs.derivatives.unit import read_unit
from bids_app.outputs.files import names
from bids_app.outputs.report.baseline import baseline_sentences, group_baseline_sentences
from bids_app.outputs.report.leakage_audit import audit_rows
from bids_app.outputs.wording.definitions import define, short
from bids_app.records import Partition

UNITS = ("semantic", "speech")
SPACES = ["baseline_word_rate", "baseline_envelope", "baseline_position"]
BESIDE = {
    "baseline": {"spaces": SPACES, "left_out": {"baseline_motion": "already regressed out"}},
    "autocorrelation": "fitted",
    "comparisons": {
        name: {"bands": bands, "without": without}
        for name, bands, without in (
            ("baseline", SPACES, []),
            ("fullBeyondBaseline", [*SPACES, "semantic", "speech"], SPACES),
            ("speechBeyondBaseline", [*SPACES, "speech"], SPACES),
            ("autocorrelation", ["autocorrelation"], []),
            ("controlRandom", ["random"], []),
            ("speechBeyondUntrained", ["random", "speech"], ["random"]),
        )
    },
}


def unit_with(significant, targets=None, tested=True):
    """A unit beside whose partition every component has R² .1 and is significant in `significant` targets."""
    unit = with_inference(make_unit(targets or parcel_targets(), rest="task-alice_seg-Brennan10mm", units=UNITS))
    n = len(unit.targets.names)
    values = {}
    for name in BESIDE["comparisons"]:
        p = np.where(np.arange(n) < significant.get(name, 0), 0.01, 0.5)
        stats = {"rsquared": np.full(n, 0.1), "p": p, "pfwe": p, "q": p}
        values[name] = stats | {"ci025": np.full(n, 0.05), "ci975": np.full(n, 0.15)}
    both = {**unit.partition.values, **values}
    inference = unit.provenance["inference"] if tested else None
    return replace(
        unit,
        partition=Partition(UNITS, both, {}, tuple(values)),
        provenance={**unit.provenance, "beside": BESIDE, "inference": inference},
    )


def sentences(out_dir, unit):
    outputs.write_unit(out_dir, unit)
    return baseline_sentences(read_unit(names.summary_path(out_dir, unit.stem)))


def test_each_region_is_named_where_a_model_beats_the_baseline_and_where_not(tmp_path):
    baseline, full, speech, twin, time = sentences(tmp_path, unit_with({"speechBeyondBaseline": 2}))
    assert baseline.startswith(
        "The baseline is word rate, envelope and position in the story; alone it has a mean R² of 0.100"
    )
    assert "Not in it: head motion: already regressed out." in baseline
    assert "semantic is of the baseline itself." in baseline
    assert full.startswith(
        "In none of 6 regions does the full model predict more than the baseline (word rate, envelope"
    )
    assert "In 2 of 6 regions speech predicts more than the baseline" in speech
    assert "LATL, RATL" in speech
    assert "In 4 of 6 it does not: LPTL, LIPL, LPreM, LIFG." in speech
    assert twin.startswith("In none of 6 regions does speech predict more than its untrained twin")
    assert "predicts 0 targets" in time
    assert time.endswith("no sign of leakage.")


def test_leaks_are_called_leaks(tmp_path):
    assert sentences(tmp_path, unit_with({"autocorrelation": 3}))[-1].endswith(
        "leaks from training into test samples."
    )


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
    unit = make_unit(parcel_targets(), rest="task-alice_seg-Brennan10mm", units=UNITS)
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
        ("speechBeyondBaseline", "p", "difference of the nested models' losses"),
        ("speechBeyondUntrained", "pfwe", "Family-wise p of what speech predicts beyond its untrained twin"),
        ("baseline", "q", "the model is fitted again"),
        ("autocorrelation", "ci025", "The 2.5 % limit of R² of a control that knows nothing but time"),
        ("controlRandom", "r", "Held-out r of the control Random alone"),
        ("speech", "shapley", "what speech adds to the R² of the others"),
        ("speech", "shapley975", "The 97.5 % limit"),
        ("speech", "product", "Product measure of speech"),
    ],
)
def test_every_number_is_defined(component, stat, said):
    assert said in define(component, stat, UNITS)
    assert short(component, UNITS)


def test_the_audit_says_where_each_stage_was_fitted(tmp_path):
    unit = unit_with({})
    contexts = {
        "language": {"crossing": 31, "total": 560, "reach": "32 words", "split": True},
        "speech": {"crossing": 0, "total": 560, "reach": "16 s of sound", "split": False},
    }
    unit = replace(unit, provenance={**unit.provenance, "contexts": contexts})
    outputs.write_unit(tmp_path, unit)
    rows = dict(audit_rows(read_unit(names.summary_path(tmp_path, unit.stem)).summary))
    assert rows["context of language"].startswith("31 of 560 test samples draw on 32 words before them")
    assert rows["context of speech"] == "no context crosses a fold: no run is split"
    assert rows["principal components of acoustic"] == "training samples of each of 4 outer folds"
    assert "inner folds" in rows["penalties, band weights"]
    assert "whole run" in rows["confounds and drift of responses"]
    assert rows["layers (speech 2, language 1)"] == "named in the analysis, not chosen by any score"
    assert not any("canonical" in stage for stage in rows)


def group_of(n_people, **more):
    given = {
        "people": ["x"] * n_people,
        "beside": ["baseline", "speechBeyondBaseline"],
        "electrodes": [],
        "level": 0.05,
    }
    given |= {"significant": None, "inference": {"n_signs": 2**n_people}, "n_targets": 40, "kind": "volume"}
    return given | more


MEANS = {"baseline": 0.1234, "speechBeyondBaseline": None}


@pytest.mark.parametrize(
    ("group", "baseline", "speech"),
    [
        (group_of(1), "over 1 person; not tested over people.", "R² – over 1 person; not tested over people."),
        (
            group_of(4, significant={"baseline": {"pfwe": 0}}),
            "over 4 people; 16 sign vectors allow no p ≤ 0.05.",
            "not tested over people",
        ),
        (
            group_of(5, significant={"baseline": {"pfwe": 7}, "speechBeyondBaseline": {"pfwe": 0}}),
            "over 5 people; above 0 in 7 of 40 voxels (family-wise p ≤ 0.05 over people).",
            "above 0 in 0 of 40 voxels",
        ),
        (
            group_of(5, kind="electrodes", electrodes=[
                {"component": "baseline", "electrodes": "responsive", "ci025": 0, "ci975": 0, "p": 0},
                {"component": "baseline", "electrodes": "all", "ci025": -0.01, "ci975": 0.2, "p": 0.0625},
            ]),
            "over 5 people (their electrodes; 95 % interval −0.010 to 0.200, p = 0.062).",
            "not tested over people",
        ),
    ],
)  # fmt: skip
def test_over_people_each_difference_has_its_mean_and_what_was_tested(group, baseline, speech):
    first, second = group_baseline_sentences(group, MEANS)
    assert first.startswith("The baseline alone: mean R² 0.123 over")
    assert first.endswith(baseline)
    assert second.startswith("What speech predicts beyond the baseline: mean R² –")
    assert speech in second
