"""What reports say of two models follows from the statistics and their intervals, of a participant and over them."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from synthetic_units import BASELINE_LABELS, make_unit, parcel_targets, with_inference

from bids_app import outputs
from bids_app.outputs.derivatives.read_unit import read_unit
from bids_app.outputs.files import names
from bids_app.outputs.report.group.model_pair import group_model_pair_sentences
from bids_app.outputs.report.unit.controls import controls_sentences
from bids_app.outputs.report.unit.model_pair import (
    Comparison,
    comparison_sentences,
    model_pair_drawings,
    model_pair_sentences,
)
from bids_app.outputs.report.unit.statistic_rows import StatisticRows
from bids_app.records import (
    CONTEXT,
    RESTS,
    WHOLE,
    Agreement,
    BaselineModel,
    ControlsProvenance,
    ExtraPartition,
    FitSpec,
    GroupStatistic,
    ModelPairStatistic,
    ModelPairStatistics,
    SharedSubspace,
    SplitPart,
    StatisticSubject,
    SubspaceFold,
    SubspaceSpec,
    baseline_alone,
    control_alone,
    partition_components,
)

MODELS = ("speech", "language")
GROUPS = ("semantic", "speech", "language")
SUBSPACE = ExtraPartition(
    "subspace", {name: (name,) for name in ("shared", "speechRest", "languageRest")}, models=MODELS
)
AGAINST = ExtraPartition("against", {name: (name,) for name in ("shared", "semantic")}, models=MODELS)
BASELINE = baseline_alone(("baseline_word_rate",))
MADE = ControlsProvenance(BaselineModel(("baseline_word_rate",), {}, BASELINE_LABELS), "not asked for", (BASELINE,))
SEMANTIC = SplitPart("spaces", ("semantic",))
ALONE = {model: SplitPart("alone", (model,)) for model in MODELS}
SUBJECTS = {
    StatisticSubject("score"): (0.2, 0.15, 0.25),
    StatisticSubject("score", ("speech",)): (0.12, 0.1, 0.14),
    StatisticSubject("score", ("language",)): (0.11, 0.09, 0.13),
    StatisticSubject("map_correlation", MODELS): (0.9, 0.8, 0.95),
    StatisticSubject("map_correlation_partial", MODELS): (0.5, 0.3, 0.6),
    StatisticSubject("prediction_correlation", MODELS): (0.7, 0.6, 0.8),
    StatisticSubject("prediction_correlation", ("speech", "baseline")): (0.4, 0.3, 0.5),
    StatisticSubject("prediction_correlation", ("language", "baseline")): (0.3, 0.2, 0.4),
    StatisticSubject("agreement_beyond", (*MODELS, "baseline")): (0.44, 0.2, 0.6),
    StatisticSubject("amount", part=WHOLE): (0.1, 0.05, 0.15),
    StatisticSubject("share", part=CONTEXT): (0.4, 0.3, 0.5),
    StatisticSubject("share", part=SEMANTIC): (0.3, 0.2, 0.4),
    StatisticSubject("share", part=ALONE["speech"]): (0.2, 0.1, 0.3),
    StatisticSubject("share", part=ALONE["language"]): (0.1, 0.0, 0.2),
    StatisticSubject("share", part=RESTS): (0.0, -0.1, 0.1),
    StatisticSubject("difference", part=CONTEXT, less=SplitPart("space", ("semantic",))): (0.01, -0.01, 0.03),
    StatisticSubject("difference", part=CONTEXT, less=ALONE["speech"]): (0.02, 0.01, 0.03),
    StatisticSubject("difference", part=CONTEXT, less=ALONE["language"]): (-0.03, -0.04, -0.02),
}


def in_sample(subject):
    return replace(subject, in_sample=subject.part is not None)


def unit_with(subjects=None, extra=(SUBSPACE, AGAINST)):
    """A unit with inference, whose two models are compared."""
    unit = with_inference(make_unit(parcel_targets(), rest="task-story_seg-Brennan10mm", groups=GROUPS))
    n = len(unit.targets.names)
    rest = [one for part in extra for one in partition_components(tuple(part.groups), part.name)]
    p = {stat: np.full(n, 0.5) for stat in ("p", "pfwe", "q", "ci025", "ci975")}
    stats = {"rsquared": np.full(n, 0.02)}
    more = {one.label: {**stats, **({"r": stats["rsquared"]} if one.is_total else {}), **p} for one in rest}
    more[BASELINE.label] = {**stats, "r": stats["rsquared"], **p}
    partition = replace(unit.partition, values={**unit.partition.values, **more}, extra=extra, controls=(BASELINE,))
    rows = tuple(
        ModelPairStatistic(subject, targets, 5, *numbers)
        for targets in ("all", "reliable")
        for subject, numbers in (SUBJECTS if subjects is None else subjects).items()
    )
    r = np.linspace(-0.5, 0.5, n)
    fold = SubspaceFold(0, 900, (20, 30), np.array([0.9]), np.array([0.1]), np.array([0.8]), np.array([0.01]), 0.2)
    return replace(
        unit,
        partition=partition,
        provenance=replace(unit.provenance, controls=MADE),
        subspace=SharedSubspace(SubspaceSpec(MODELS), (fold,)) if extra else None,
        model_pair=ModelPairStatistics(MODELS, (Agreement(MODELS, r, r - 0.1, r + 0.1),), rows),
    )


def written(out_dir, unit):
    outputs.write_unit(out_dir, unit)
    return read_unit(names.summary_path(out_dir, unit.stem))


def test_scores_agreement_shares_and_comparisons(tmp_path):
    unit = written(tmp_path, unit_with())
    which, scores, agreement, beside, shares, comparison = model_pair_sentences(unit.summary)
    assert which.startswith(
        "The full model predicts 1 parcel (family-wise p ≤ 0.05). What follows is over the 5 reliable targets: there"
    )
    assert scores == (
        "Scores. Mean R² is 0.120 (0.100 to 0.140) for speech alone, 0.110 (0.090 to 0.130) for language alone, "
        "0.200 (0.150 to 0.250) for all together."
    )
    assert "0.500 (0.300 to 0.600) once the noise ceiling is partialled out" in agreement
    assert agreement.endswith("The models predict in part the same.")
    assert beside == (
        "The baseline. The time courses that it predicts correlate by 0.400 (0.300 to 0.500) with speech's and by "
        "0.300 (0.200 to 0.400) with language's."
    )
    for words in (
        "40 % (30 % to 50 %) shared context (beyond semantic)", "30 % (20 % to 40 %) shared, and in semantic;",
        "20 % (10 % to 30 %) speech alone", "common to the models' rests", "add up to 100 %",
    ):  # fmt: skip
        assert words in shares, words
    assert "in-sample" not in shares
    for words in (
        "neither reliably more nor less than what semantic has of the shared subspace",
        "more than speech alone (difference in R² 0.020", "less than language alone (difference in R² −0.030",
    ):  # fmt: skip
        assert words in comparison, words
    assert [drawing.label for drawing in model_pair_drawings(unit)] == ["agreement", "shares"]


AGREE = StatisticSubject("prediction_correlation", MODELS)
BEYOND = StatisticSubject("agreement_beyond", (*MODELS, "baseline"))
BEYOND_RANDOM = StatisticSubject("agreement_beyond", (*MODELS, "controlRandom"))


@pytest.mark.parametrize(
    ("numbers", "said", "is_same"),
    [
        ({}, "They agree more with each other than either does with the baseline (difference in Fisher's z", True),
        ({BEYOND: (0.1, -0.1, 0.3)}, "They do not reliably agree more with each other than with the baseline", False),
        (
            {BEYOND: (-0.3, -0.4, -0.1)},
            "At least one of them agrees more with the baseline than with",
            False,
        ),
        ({BEYOND_RANDOM: (0.1, -0.1, 0.2)}, "than with the control random alone", False),
        ({BEYOND_RANDOM: (0.3, 0.1, 0.5)}, "than either does with the control random alone", True),
        ({BEYOND: None}, "There is no baseline to compare this correlation with.", False),
        ({BEYOND: None, BEYOND_RANDOM: (0.3, 0.1, 0.5)}, "There is no baseline to compare", False),
        ({AGREE: (0.1, -0.1, 0.3)}, "That is not reliably different from 0.", False),
        ({AGREE: (-0.3, -0.4, -0.1)}, "They predict in part the opposite.", False),
        ({AGREE: (0.7, None, None)}, "correlate by 0.700 on average.", False),
    ],
)
def test_models_predict_the_same_only_where_they_agree_more_than_with_every_control(numbers, said, is_same):
    subjects = {subject: values for subject, values in {**SUBJECTS, **numbers}.items() if values}
    rows = StatisticRows([GroupStatistic(subject, "all", 5, *values) for subject, values in subjects.items()], "all")
    comparison = Comparison(MODELS, (), (BASELINE, control_alone("random")))
    (line,) = [one for one in comparison_sentences(rows, comparison, claims=True) if one.startswith("Agreement.")]
    assert said in line
    assert line.endswith("The models predict in part the same.") == is_same


def test_p_that_is_unreliable_is_called_so_beside_family_wise(tmp_path):
    unit = written(tmp_path, unit_with())
    summary = replace(unit.summary, warnings=("p is unreliable: 9 blocks",))
    doubt = "(family-wise p ≤ 0.05, which does not hold here: see the warnings)"
    assert doubt in model_pair_sentences(summary)[0]
    assert all(doubt in line for line in controls_sentences(replace(unit, summary=summary)) if "family-wise" in line)
    assert doubt not in model_pair_sentences(unit.summary)[0]


def test_what_cannot_be_tested_is_not_called_insignificant(tmp_path):
    unit = written(tmp_path, unit_with())
    summary = replace(unit.summary, warnings=("p is n/a: cannot be tested with 2 runs",))
    lines = [*model_pair_sentences(summary), *controls_sentences(replace(unit, summary=summary))]
    assert lines[0].startswith("Whether the full model predicts anything cannot be tested on these data")
    assert not any("family-wise" in line or "significant" in line or "no sign" in line for line in lines)


def test_an_in_sample_subspace_is_called_one(tmp_path):
    extra = tuple(replace(one, in_sample=True) for one in (SUBSPACE, AGAINST))
    unit = written(tmp_path, unit_with({in_sample(one): numbers for one, numbers in SUBJECTS.items()}, extra))
    *_, shares, comparison = model_pair_sentences(unit.summary)
    assert "(in-sample: the subspace was fitted on test stimuli too)" in shares
    assert comparison.startswith("Comparison. Shared context explains")


def test_nothing_is_claimed_without_a_test_or_without_a_score(tmp_path):
    unit = written(tmp_path, unit_with())
    untested = {label: replace(one, significant=None) for label, one in unit.summary.components.items()}
    made = replace(unit.summary.provenance, inference=None)
    first, *others = model_pair_sentences(replace(unit.summary, components=untested, provenance=made))
    assert first.startswith("No test was made")
    assert not any(line.startswith("Comparison") for line in others)
    full = unit.summary.components["full"]
    none = {**unit.summary.components, "full": replace(full, significant=replace(full.significant, pfwe=0))}
    (line,) = model_pair_sentences(replace(unit.summary, components=none))
    assert line.startswith("No parcel is significantly predicted by the full model (family-wise p ≤ 0.05).")
    analysis = replace(unit.summary.provenance.analysis, fit=FitSpec("chen2024"))
    published = replace(unit.summary, provenance=replace(unit.summary.provenance, analysis=analysis))
    assert model_pair_sentences(published)[0].startswith("Scores are those of the published code")


def group_of(subjects=None, n=5, signed=True):
    rows = tuple(
        GroupStatistic(subject, "all", n, *numbers)
        for subject, numbers in (SUBJECTS if subjects is None else subjects).items()
    )
    return SimpleNamespace(
        statistics=rows, compared_models=MODELS, participants=("x",) * n, signed_rsquared=signed,
        controls=(BASELINE,), extra=(SUBSPACE, AGAINST),
    )  # fmt: skip


def test_over_participants_the_same_is_said_of_means():
    first, scores, _, beside, shares, comparison = group_model_pair_sentences(group_of())
    assert first == (
        "Means over 5 participants, of each participant's usable targets; 95 % confidence intervals by Student's t "
        "over participants."
    )
    assert scores.startswith("Scores. Mean R² is 0.120")
    assert beside.startswith("The baseline. The time courses that it predicts")
    assert shares.startswith("Shares. ")
    assert comparison.startswith("Comparison. ")
    assert group_model_pair_sentences(group_of(signed=False))[0].startswith("Scores are those of the published code")


@pytest.mark.parametrize("n", [0, 1])
def test_one_participant_is_no_group(n):
    assert group_model_pair_sentences(group_of(n=n)) == []


def test_a_mean_that_is_not_above_zero_is_no_ground_for_comparisons():
    noise = {**SUBJECTS, StatisticSubject("score"): (0.01, -0.01, 0.03)}
    (line,) = group_model_pair_sentences(group_of(noise))
    assert line == "Over participants the full model's mean R² is not reliably above 0: no parts are compared."
