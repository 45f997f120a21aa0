"""Hundreds of findings as a reader meets them: one line a cause."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.records import Excluded, group_findings, refusal_lines


def labels(count):
    return [f"sub-{number:03d}_task-story_bold" for number in range(1, count + 1)]


def test_a_thousand_equal_findings_are_one_line():
    (notice,) = group_findings((label, "no StartTime in the sidecar") for label in labels(1008))
    assert notice.line == "no StartTime in the sidecar (1008 recordings, first sub-001_task-story_bold)"


def test_a_finding_of_one_recording_names_it():
    assert [notice.line for notice in group_findings([("sub-01_bold", "heard 2 times")])] == [
        "heard 2 times (sub-01_bold)"
    ]


@pytest.mark.parametrize(
    ("texts", "line"),
    [
        (["only 12% of it is heard", "only 94% of it is heard", "only 50% of it is heard"],
         "only 12…94% of it is heard"),
        (["TR is 2 s in the sidecar, 1.985 s in the header"] * 3, "TR is 2 s in the sidecar, 1.985 s in the header"),
        (["it drifts by -0.5 s of 300 s", "it drifts by 0.25 s of 300 s", "it drifts by 0 s of 300 s"],
         "it drifts by -0.5…0.25 s of 300 s"),
        ([f"cannot read: /data/raw/sub-{n}/func/sub-{n}_bold.json (repair it)" for n in ("01", "02", "13")],
         "cannot read: /data/raw/sub-…_bold.json (repair it)"),
        ([f"several match: sub-{n}_run-1_events.tsv, sub-{n}_run-2_events.tsv" for n in ("a", "bc", "d")],
         "several match: sub-…_run-1_events.tsv, sub-…_run-2_events.tsv"),
    ],
)  # fmt: skip
def test_what_differs_between_recordings_is_a_range_or_an_ellipsis(texts, line):
    (notice,) = group_findings(zip(labels(3), texts, strict=True))
    assert notice.text == line


def test_other_causes_and_other_stimuli_stay_apart():
    texts = ["story1.wav: the transcript is empty", "story2.wav: the transcript is empty", "no brain mask"]
    assert [notice.text for notice in group_findings(zip(labels(3), texts, strict=True))] == texts


def test_refused_recordings_are_counted_by_reason():
    many = [Excluded("", label, f"no events.tsv matches: /data/{label[:7]}/func (add it)") for label in labels(107)]
    assert refusal_lines([*many, Excluded("", "sub-200_bold", "it is broken")]) == (
        "cannot use 107 recordings: no events.tsv matches: /data/sub-…/func (add it) (first sub-001_task-story_bold)",
        "cannot use sub-200_bold: it is broken",
    )


WORDS = st.one_of(
    st.sampled_from(["only", "of", "TR is", "% of", "—", "sub-01_bold.nii", "a/b.wav", "(", ")", "2 s", "x-1", "−3"]),
    st.integers(-5, 5).map(str),
    st.floats(-9, 9, allow_nan=False).map("{:.3g}".format),
    st.builds(lambda n: str(PurePosixPath("/data") / f"sub-{n}" / "f.json"), st.integers(0, 99)),
)
TEXTS = st.lists(WORDS, min_size=1, max_size=6).map(" ".join)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(labels(6)), TEXTS), max_size=30))
def test_every_finding_is_in_one_notice_and_none_is_made_up(findings):
    notices = group_findings(findings)
    assert {label for notice in notices for label in notice.labels} == {label for label, _ in findings}
    assert sum(len(notice.labels) for notice in notices) <= len(set(findings))
    assert len({notice.text for notice in notices}) <= len({text for _, text in findings})
    texts = {text for _, text in findings}
    for notice in notices:
        assert len(set(notice.labels)) == len(notice.labels)
        if len(notice.labels) == 1 and "…" not in notice.text:
            assert notice.text in texts


@settings(max_examples=40)
@given(st.lists(TEXTS, min_size=1, max_size=10, unique=True))
def test_one_recording_alone_has_each_of_its_texts(texts):
    notices = group_findings((labels(1)[0], text) for text in texts)
    assert all(notice.labels == tuple(labels(1)) for notice in notices)
    assert len(notices) <= len(texts)
