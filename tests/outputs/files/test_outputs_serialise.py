"""Summaries and JSON: what is written comes back equal, and what was written otherwise is refused, never misread."""

import json
from dataclasses import asdict, fields, is_dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic_units import BASELINE_LABELS, all_kinds, electrode_targets, make_unit, with_inference, with_words
from written_units import read_units

from bids_app import group, outputs
from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives.group.write import group_summary
from bids_app.outputs.derivatives.summary import unit_summary
from bids_app.outputs.files.files import json_text
from bids_app.outputs.files.map_files import map_files
from bids_app.outputs.files.serialise import PROOF, from_json, hash_of, read_summary, summary_text, to_json
from bids_app.records import (
    CONTEXT,
    SUMMARY_FORMAT,
    WHOLE,
    Agreement,
    BaselineModel,
    ContextLeakage,
    ControlsProvenance,
    Effort,
    ElectrodeMean,
    Excluded,
    ExtraPartition,
    GroupInference,
    GroupLayerScore,
    GroupStatistic,
    GroupSummary,
    InferenceSpec,
    LayerScores,
    MapFile,
    ModelPairStatistic,
    ModelPairStatistics,
    Responsive,
    SharedSubspace,
    SplitPart,
    StatisticSubject,
    SubspaceFold,
    SubspaceSpec,
    UnitSummary,
    autocorrelation_control,
    baseline_alone,
    beyond_baseline,
    full_beyond_baseline,
)

LEFT_OUT = (Excluded("02", "sub-02_task-story", "stale: its files have changed"),)
CONTROLS = (
    baseline_alone(("baseline_word_rate",)),
    beyond_baseline("speech", ("speech",), ("baseline_word_rate",)),
    full_beyond_baseline(("speech", "language"), ("speech", "language"), ("baseline_word_rate",)),
    autocorrelation_control(),
)
SUBJECTS = (
    StatisticSubject("score", ("speech",)),
    StatisticSubject("prediction_correlation", ("speech", "language")),
    StatisticSubject("amount", part=WHOLE),
    StatisticSubject("share", part=SplitPart("spaces", ("semantic", "low_level")), in_sample=True),
    StatisticSubject("difference", part=CONTEXT, less=SplitPart("alone", ("speech",))),
)


def everything(unit):
    """A unit that has all that a summary can hold."""
    n = len(unit.targets.names)
    part = np.linspace(-1, 1, n)
    layers = LayerScores(("0", "1"), np.ones((2, n)), np.ones((2, n)), np.zeros(n), np.ones(n), np.ones(n), {0: "1"})
    fold = SubspaceFold(0, 100, (3, 4), np.array([0.9]), np.array([np.nan]), np.array([0.5]), np.array([0.01]), 0.2)
    rows = tuple(ModelPairStatistic(one, "all", n, 0.1, np.nan, np.nan) for one in SUBJECTS)
    provenance = replace(
        unit.provenance,
        controls=ControlsProvenance(
            BaselineModel(("baseline_word_rate",), {"baseline_motion": "no"}, BASELINE_LABELS), "fitted", CONTROLS
        ),
        contexts={"speech": ContextLeakage(3, 10, "4 s of sound", True)},
    )
    pair = ModelPairStatistics(("speech", "language"), (Agreement(("speech", "language"), part, part, part),), rows)
    extra = (ExtraPartition("subspace", {"shared": ("shared",)}, True, ("speech", "language")),)
    return replace(
        unit,
        layers={"speech": layers},
        subspace=SharedSubspace(SubspaceSpec(("speech", "language")), (fold,)),
        model_pair=pair,
        provenance=provenance,
        partition=replace(unit.partition, extra=extra, controls=CONTROLS),
        responsive=Responsive(np.ones(n), np.ones(n), 0.05, 20, 0.4, (0.0, 0.5), (-0.4, 0.0)),
    )


def units():
    electrodes = make_unit(electrode_targets(), rest="task-pooled")
    return (*all_kinds(), *map(with_inference, all_kinds()), with_words(electrodes), everything(electrodes))


def through_json(kind, record):
    return from_json(kind, json.loads(json_text(to_json(record))))


@pytest.mark.parametrize("unit", units(), ids=lambda unit: unit.stem)
def test_a_units_summary_comes_back_equal(unit):
    summary = unit_summary(unit, {}, "maps", map_files((("full", "rsquared"), ("full", "r")), unit.partition.groups))
    back = through_json(UnitSummary, summary)
    assert back == summary
    assert back.by_label == summary.by_label


def test_every_field_of_a_summary_is_tried():
    """Else a type that does not come back would go unseen."""
    maps = (MapFile("rsquared", "full", ("full",)), MapFile("r", "", ("full", "speech")))
    tried = [unit_summary(unit, {"a.tsv": "0"}, "table", maps, Effort(1.0, 2.0)) for unit in units()]
    empty = {
        field.name for field in fields(UnitSummary) if not any(getattr(summary, field.name) for summary in tried)
    }
    assert empty == set()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out_dir = tmp_path_factory.mktemp("out")
    for number, participant in enumerate(("01", "02", "03")):
        for unit in all_kinds(participant, number):
            outputs.write_unit(out_dir, unit)
    return group.summarise(read_units(out_dir, ("01", "02", "03")), InferenceSpec(100))


def test_a_groups_summary_comes_back_equal_but_for_nan(results):
    layer = GroupLayerScore("speech", "1", "all", 3, 0.1, 0.2, 0.5)
    statistics = tuple(GroupStatistic(one, "reliable", 3, 0.1, None, 0.2) for one in SUBJECTS)
    results = [replace(one, statistics=statistics, layers=(layer,), controls=CONTROLS) for one in results]
    summary = GroupSummary(
        tuple(group_summary(one, 0.05) for one in results), ("09",), LEFT_OUT, {"sub-01": "0"}, {"a.tsv": "0"}
    )
    assert any(one.inference for one in summary.groups)
    assert any(one.electrodes for one in summary.groups)
    back = through_json(GroupSummary, summary)
    assert to_json(back) == to_json(summary)
    assert through_json(GroupSummary, back) == back
    assert back.groups[0].statistics == statistics


NUMBERS = st.floats(allow_nan=True, allow_infinity=True) | st.none()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NUMBERS, NUMBERS, st.integers(0, 9), st.text(max_size=9)), max_size=4))
def test_numbers_and_text_come_back_whatever_they_are(results, rows):
    electrodes = tuple(ElectrodeMean(text, "all", n, n, one, other, None, one) for one, other, n, text in rows)
    how = GroupInference(3, "none", guarded=False, biased=True)
    result = replace(results[0], electrodes=electrodes, inference=how, values={})
    back = through_json(GroupSummary, GroupSummary((group_summary(result, 0.05),), (), (), {}, {}))
    for row, given_row in zip(back.groups[0].electrodes, electrodes, strict=True):
        for name, value in asdict(given_row).items():
            missing = isinstance(value, float) and not np.isfinite(value)
            assert getattr(row, name) == (None if missing else value)


@pytest.mark.parametrize("version", [None, 1, 2, SUMMARY_FORMAT + 1])
@pytest.mark.parametrize("kind", [UnitSummary, GroupSummary])
def test_another_format_is_refused_in_one_line(tmp_path, kind, version):
    path = tmp_path / "logs" / "some.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"stem": "sub-01"} | ({} if version is None else {"format": version})))
    what = rf"\(format {version or 'none'}, this one reads {SUMMARY_FORMAT}\)"
    with pytest.raises(
        ReadWriteError, match=rf"another version of concord {what}: .*some\.json \(run the .* level again\)"
    ) as caught:
        read_summary(path, kind)
    assert "\n" not in str(caught.value)


def places(content, path=()):
    """Where objects of a summary are that stand for records: their keys are names of fields."""
    if isinstance(content, dict):
        yield path
        for key, value in content.items():
            yield from places(value, (*path, key))
    elif isinstance(content, list):
        for number, value in enumerate(content):
            yield from places(value, (*path, number))


def record_at(record, path):
    for step in path:
        record = getattr(record, step) if is_dataclass(record) else record[step]
    return record


def test_a_misspelt_unknown_or_missing_key_is_refused_wherever_it_stands(tmp_path):
    summary = unit_summary(everything(make_unit(electrode_targets(), rest="task-pooled")), {}, "table")
    content = to_json(summary)
    (tmp_path / "logs").mkdir()
    path = tmp_path / "logs" / "x_unit.json"
    records = [place for place in places(content) if is_dataclass(record_at(summary, place))]
    assert len(records) > 40
    seen = set()
    for place in records:
        kind = type(record_at(summary, place))
        if kind in seen:
            continue
        seen.add(kind)
        changed = json.loads(json_text(content))
        inner = changed
        for step in place:
            inner = inner[step]
        key = fields(kind)[0].name
        inner[f"{key}_"] = inner[key]
        path.write_text(json.dumps(changed | {PROOF: hash_of(changed)}))
        with pytest.raises(ReadWriteError, match="not a summary as concord writes it"):
            read_summary(path, UnitSummary)
        del inner[f"{key}_"], inner[key]
        path.write_text(json.dumps(changed | {PROOF: hash_of(changed)}))
        with pytest.raises(ReadWriteError, match="not a summary as concord writes it") as caught:
            read_summary(path, UnitSummary)
        assert "\n" not in str(caught.value)


def numbers_and_texts(content, path=()):
    """Where a summary says anything."""
    items = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in items:
        if isinstance(value, dict | list):
            yield from numbers_and_texts(value, (*path, key))
        else:
            yield (*path, key)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_is_edited_is_seen(tmp_path, data):
    summary = unit_summary(make_unit(electrode_targets(3), rest="task-pooled"), {"a.tsv": "0"}, "table")
    content = json.loads(summary_text(summary))
    path = tmp_path / "x_unit.json"
    path.write_text(json.dumps(content, indent=7))  # the layout of the text is no content
    assert read_summary(path, UnitSummary) == summary
    *place, last = data.draw(st.sampled_from(sorted(numbers_and_texts(content), key=str)))
    inner = content
    for step in place:
        inner = inner[step]
    inner[last] = "x" if inner[last] != "x" else "y"
    path.write_text(json.dumps(content))
    with pytest.raises(ReadWriteError, match="format x" if last == "format" else "changed since concord wrote it"):
        read_summary(path, UnitSummary)
