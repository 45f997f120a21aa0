"""The answer in four sentences, and what stands against trusting it: numbers as they are, no untested claim."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_units import BASELINE_LABELS, electrode_targets, make_unit, parcel_targets, with_inference

from bids_app.outputs.derivatives.summary import unit_summary
from bids_app.outputs.wording.answer.doubts import MANY, doubts, group_doubts
from bids_app.outputs.wording.answer.group import group_answer
from bids_app.outputs.wording.answer.parts import NOT_SPLIT, ONE_GROUP
from bids_app.outputs.wording.answer.unit import unit_answer
from bids_app.records import (
    NO_P,
    UNRELIABLE_P,
    BaselineModel,
    FitSpec,
    GroupInference,
    GroupResultSummary,
    NoiseCeilingSummary,
    ParticipantScore,
    SignificantCounts,
    Spread,
    baseline_alone,
    full_beyond_baseline,
)

GROUPS = ("speech", "language")
BANDS = ("baseline_word_rate", "baseline_envelope")
LEVEL = 0.05


def parcels(person="01", groups=GROUPS):
    return make_unit(parcel_targets(), person, "task-story_seg-Brennan10mm", groups=groups)


def summary_of(unit):
    return unit_summary(unit, {}, "table")


def none_significant(unit):
    values = {
        label: {**stats, "pfwe": np.full(len(stats["p"]), 0.9)} for label, stats in unit.partition.values.items()
    }
    return replace(unit, partition=replace(unit.partition, values=values))


def with_baseline(unit):
    """A baseline of R² 0.01, beyond which the model adds 0.04 in every target."""
    controls = (baseline_alone(BANDS), full_beyond_baseline(GROUPS, GROUPS, BANDS))
    n = len(unit.targets.names)
    stats = unit.partition.values["full"]
    values = {
        "baseline": {**stats, "rsquared": np.full(n, 0.01)},
        "fullBeyondBaseline": {**stats, "rsquared": np.full(n, 0.04)},
    }
    partition = replace(unit.partition, values={**unit.partition.values, **values}, controls=controls)
    made = replace(unit.provenance.controls, baseline=BaselineModel(BANDS, {}, BASELINE_LABELS))
    return replace(unit, partition=partition, provenance=replace(unit.provenance, controls=made))


def mean_of(unit, label):
    return f"{np.nanmean(unit.partition.values[label]['rsquared']):.3f}".replace("-", "−")


def test_without_a_test_nothing_is_claimed():
    unit = parcels()
    predicted, ceiling, baseline, split = unit_answer(summary_of(unit))
    assert predicted.startswith(
        f"The model of speech and language together has a mean held-out R² of {mean_of(unit, 'full')}"
    )
    assert "nothing was tested" in predicted
    assert "not known" in ceiling
    assert "none was fitted" in baseline
    assert "significant" not in f"{predicted} {ceiling} {baseline} {split}"
    unique = sum(np.nanmean(unit.partition.values[f"unique{name}"]["rsquared"]) for name in ("Speech", "Language"))
    assert f"{unique:.3f} is of single feature groups alone" in split
    assert f"{mean_of(unit, 'sharedSpeechLanguage')} is shared" in split


def test_with_tests_counts_are_those_of_the_family_wise_p():
    predicted, _, baseline, split = unit_answer(summary_of(with_baseline(with_inference(parcels()))))
    assert "predicts 1 of 5 parcels (family-wise p ≤ 0.05)" in predicted
    assert "Beyond the baseline (word rate and envelope; mean R² 0.010) it adds a mean R² of 0.040" in baseline
    assert baseline.endswith("significantly in 1 of 6 parcels.")
    assert split.count("significant in 1") == 2


def test_what_is_not_predicted_is_not_split():
    predicted, *_, split = unit_answer(summary_of(none_significant(with_inference(parcels()))))
    assert "significantly predicts none of 5 parcels" in predicted
    assert split == NOT_SPLIT


@pytest.mark.parametrize(
    ("warning", "said", "unsaid"),
    [
        (f"{NO_P}: too few blocks", "nothing can be tested on these data", "significant"),
        (f"{UNRELIABLE_P}: smooth", "which does not hold here", "significant in"),
    ],
)
def test_a_p_that_does_not_hold_is_said_and_not_used(warning, said, unsaid):
    answer = " ".join(unit_answer(summary_of(replace(with_inference(parcels()), warnings=(warning,)))))
    assert said in answer
    assert unsaid not in answer


def test_a_single_feature_group_is_not_split():
    assert unit_answer(summary_of(parcels(groups=("speech",))))[3] == ONE_GROUP


def test_the_noise_ceiling_where_there_is_one():
    unit = parcels()
    full = unit.partition.values["full"]
    n = len(unit.targets.names)
    for share, said in ((np.full(n, 0.5), "in 6 parcels"), (np.full(n, np.nan), "in no target")):
        more = {"full": {**full, "ceiling": np.full(n, 0.2), "share": share}}
        values = {**unit.partition.values, **more}
        summary = summary_of(replace(unit, partition=replace(unit.partition, values=values)))
        ceiling = unit_answer(summary)[1]
        assert "median noise ceiling of 0.200" in ceiling
        assert said in ceiling
        assert ("0.50 of it" in ceiling) == (said == "in 6 parcels")


def test_the_published_score_is_not_called_held_out():
    unit = parcels()
    analysis = replace(unit.provenance.analysis, fit=FitSpec("chen2024", 1, (1e-3, 1e3, 7), 5, 5, 0))
    unit = replace(unit, provenance=replace(unit.provenance, analysis=analysis))
    predicted = unit_answer(summary_of(unit))[0]
    assert "held-out" not in predicted
    assert "above 0 on noise" in predicted


# ------------------------------------------------------------------------------------------------ groups
def group_of(units, inference=None, significant=None, inter_subject=None):
    summaries = [summary_of(unit) for unit in units]
    first = summaries[0]
    scores = tuple(
        ParticipantScore(one.participant, one.stem, label, "rsquared", component.spreads["rsquared"].usable)
        for one in summaries
        for label, component in one.components.items()
    )
    group = GroupResultSummary(
        stem="task-story", modality=first.modality, targets=first.targets, has_values=True,
        participants=tuple(one.participant for one in summaries), groups=first.groups, extra=(),
        controls=first.controls, scores=scores, left_out=(), notes=(), layers=(), inference=inference,
        significant=significant, level=LEVEL, electrodes=(), ceiling="none: nobody heard the same",
        inter_subject=inter_subject, signed_rsquared=True, statistics=(), compared_models=None, maps=(),
    )  # fmt: skip
    return group, summaries


def inferred(n, guarded=True):
    return GroupInference(n, "the mean response", guarded, False, True, 2**n)


def test_few_participants_have_no_p_over_them():
    units = [with_baseline(with_inference(parcels(f"0{number}"))) for number in (1, 2, 3)]
    answer = group_answer(*group_of(units, inferred(3), {}))
    assert "fewer than 5 participants allow no test over them (p is n/a)" in answer[0]
    assert "in their own tests it predicts 1 parcel a participant" in answer[0]
    assert "above 0 in 3 of 3 participants" in answer[2]
    assert "not known (nobody heard the same)" in answer[1]
    assert f"of the mean R² of {mean_of(units[0], 'full')}" in answer[3]


def test_a_test_over_participants_is_told():
    units = [with_inference(parcels(f"0{number}")) for number in range(1, 7)]
    group, summaries = group_of(units, inferred(6), {"full": SignificantCounts(4, 5)})
    assert (
        "; its r is significantly above 0 in 4 of 6 parcels (family-wise p ≤ 0.05)"
        in group_answer(group, summaries)[0]
    )
    group, summaries = group_of(units, inferred(6), {"full": SignificantCounts(0, 0)})
    assert "its r is significantly above 0 in none of 6 parcels" in group_answer(group, summaries)[0]


def test_parts_of_participants_of_whom_none_is_predicted_are_not_told():
    units = [none_significant(with_inference(parcels(f"0{number}"))) for number in (1, 2)]
    assert group_answer(*group_of(units, inferred(2)))[3] == NOT_SPLIT


def test_the_ceiling_from_other_participants():
    ceiling, share = Spread(4, 0.5, 0.4, 0.3, 0.5, 4), Spread(3, 0.8, 0.75, 0.7, 0.9, 3)
    group, summaries = group_of([parcels("01")], inter_subject=NoiseCeilingSummary(10, ceiling, share))
    assert group_answer(group, summaries)[1] == (
        "Of what ceiling: what other participants share has a median of 0.400 where it is known (4 of 10 targets of "
        "all); in 3 of these it is reliably above 0, and there the model reaches 0.75 of it (median)."
    )


# ------------------------------------------------------------------------------------------------ doubts
def test_alike_warnings_are_said_once_and_those_of_p_first():
    units = [
        replace(parcels(f"0{number}"), warnings=(f"blocks lose {number}%", f"{UNRELIABLE_P}: smooth"))
        for number in (1, 2, 3)
    ]
    lines = doubts([summary_of(unit) for unit in units])
    assert lines[:2] == (f"{UNRELIABLE_P}: smooth", "blocks lose 1…3%")
    assert lines[2:] == ("3 recordings could not be used", "the times of 6 recordings are doubtful: see Alignment")


def test_many_warnings_are_counted():
    words = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta")
    lines = doubts([summary_of(replace(electrodes(), warnings=words))])
    assert lines[MANY] == "and 2 warnings more, in the sections below"


def electrodes():
    return make_unit(electrode_targets(4), "01", "task-pooled", groups=GROUPS)


def test_what_a_group_takes_for_granted_is_said():
    group, _ = group_of([parcels("01")], inferred(1, guarded=False))
    lines = group_doubts([group], ("07",), 2)
    assert lines[0] == "1 participant without results: 07"
    assert lines[1] == "2 units left out, whose results do not count"
    assert "take the stimulus as fixed" in lines[2]
    guarded, _ = group_of([parcels("01")], inferred(1))
    assert group_doubts([guarded], (), 0) == ()
