"""Confounds by group, name and pattern; the user's own tables; samples that head motion spoils."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bids_trees import MOTION, confounds, fmri_dataset, write_tsv
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bids_app.dataset import align, find_recordings, load_response, load_targets, with_companions
from bids_app.dataset.confounds.censoring import censored
from bids_app.dataset.confounds.columns import matching
from bids_app.dataset.confounds.nuisance import filtered_s
from bids_app.dataset.confounds.tables import read_confounds
from bids_app.errors import DataError
from bids_app.records import Alignment, Recording, RecordingQuery, Response, ResponseSpec
from bids_app.settings.sections import FmriResponse

FUNC = "derivatives/fmriprep/sub-01/func"
STEM = "sub-01_task-story"
N = 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fmri_dataset(tmp_path / "bids", people=("01",))


def func(root: Path) -> Path:
    return root / FUNC


def table(root: Path, **columns: Any) -> None:
    confounds(root / "derivatives/fmriprep", STEM, N, **columns)


def only(root: Path, **settings: Any) -> Recording:
    (recording,) = find_recordings(RecordingQuery(root, root.parent / "out", **settings)).recordings
    return recording


def asked(confounds: str = "none", **settings: Any) -> ResponseSpec:
    return ResponseSpec(confounds, None, **settings)


def respond(recording: Recording, spec: ResponseSpec) -> Response:
    return load_response(recording, load_targets(recording), spec)


def account(recording: Recording, spec: ResponseSpec) -> Alignment:
    return with_companions(align(recording, []), recording, spec)


RAMP = np.arange(N, dtype=float)


# ------------------------------------------------------------------------------------------------ columns
@pytest.mark.parametrize(
    ("items", "columns"),
    [
        ("csf", ["csf"]),
        ("cosine*", ["cosine00", "cosine01"]),
        ("csf+cosine0[1]", ["csf", "cosine01"]),
        ("motion+csf", [*MOTION, "csf"]),
        ("motion+trans_?", [*MOTION]),  # each once
        ("*_x", ["trans_x", "rot_x"]),
        ("mot_dx", ["mot_dx"]),  # a derivation of one's own
        ("c*", ["csf", "cosine00", "cosine01"]),  # 'comment' is text: passed over
    ],
)
def test_groups_names_and_patterns(root: Path, items: str, columns: list[str]) -> None:
    made = {
        "csf": RAMP, "cosine00": RAMP**2, "cosine01": -RAMP, "mot_dx": RAMP + 7, "comment": ["good"] * N,
    }  # fmt: skip
    table(root, **{name: list(values) for name, values in made.items()})
    recording = only(root)
    response = respond(recording, asked(items))
    there = read_confounds(recording.companions["confounds"])
    wanted = there[columns].to_numpy(dtype=float)
    assert response.nuisance.shape == wanted.shape
    assert np.allclose(sorted(response.nuisance.T.tolist()), sorted(wanted.T.tolist()))
    assert account(recording, asked(items)).of("refusal") == ()


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ("csff", "did you mean 'csf'"),
        ("motion2", "did you mean 'motion"),
        ("nothing*", "no column of the confounds is 'nothing*'"),
        ("wmcsf", "need columns white_matter"),
        ("acompcor", "need columns a_comp_cor_00"),
    ],
)
def test_what_matches_nothing_is_refused_before_anything_is_fitted(root: Path, items: str, said: str) -> None:
    table(root, csf=RAMP.tolist())
    recording = only(root)
    (refusal,) = account(recording, asked(items)).of("refusal")
    assert said in refusal
    with pytest.raises(DataError) as refused:
        respond(recording, asked(items))
    assert said in str(refused.value)


def test_a_column_of_text_costs_nothing_unless_it_is_asked_for(root: Path) -> None:
    table(root, comment=["moved"] * N)
    recording = only(root)
    assert respond(recording, asked("motion")).nuisance.shape == (N, 6)
    with pytest.raises(DataError, match="'comment' of the confounds holds text"):
        respond(recording, asked("comment"))
    table(root, trans_x=["much"] * N)
    with pytest.raises(DataError, match="'trans_x' of the confounds holds text"):
        respond(only(root), asked("motion"))


def test_columns_without_a_table_are_refused_and_groups_told(root: Path) -> None:
    next(func(root).glob("*confounds*.tsv")).unlink()
    recording = only(root)
    assert "no confounds file" in "".join(account(recording, asked("motion")).of("warning"))
    assert "is 'csf'" in "".join(account(recording, asked("csf")).of("refusal"))


def test_columns_of_old_fmriprep(root: Path) -> None:
    old = dict(
        zip(("X", "Y", "Z", "RotX", "RotY", "RotZ"), np.random.default_rng(0).normal(size=(6, N)), strict=True)
    )
    numbered = {"aCompCor00": RAMP, "aCompCor01": -RAMP, "FramewiseDisplacement": ["n/a", *RAMP[1:]]}
    path = next(func(root).glob("*confounds*.tsv"))
    write_tsv(path, {name: list(values) for name, values in (old | numbered).items()})
    nuisance = respond(only(root), asked("motion+acompcor")).nuisance
    assert np.allclose(nuisance, np.c_[np.array(list(old.values())).T, RAMP, -RAMP])
    assert respond(only(root), asked(censor_fd_mm=12.5)).valid.sum() == 13


@given(st.text(st.characters(categories=("L", "N")), min_size=1, max_size=5))
def test_a_plain_name_means_itself_alone(name: str) -> None:
    assert matching(name, [name, name + "x", "y" + name]) == [name]
    assert matching(name + "*", [name, name + "x"]) == [name, name + "x"]


# ------------------------------------------------------------------------------------------------ own tables
@pytest.mark.parametrize(
    ("file", "template"),
    [
        (f"{FUNC}/sub-01_task-story_desc-physio_timeseries.tsv", "{stem}_desc-physio_timeseries.tsv"),
        (f"{FUNC}/sub-01_desc-physio_timeseries.tsv", "{stem}_desc-physio_timeseries.tsv"),
        ("derivatives/physio/sub-01/sub-01_task-story_physio.tsv", "derivatives/physio/sub-{sub}/{stem}_physio.tsv"),
        ("derivatives/physio/01_story.csv", "derivatives/physio/{sub}_{task}.csv"),
    ],
)  # fmt: skip
def test_tables_of_ones_own(root: Path, file: str, template: str) -> None:
    table(root)
    columns = {"heart": (RAMP**2).tolist(), "breath": RAMP.tolist()}
    path = write_tsv(root / file, columns)
    if path.suffix == ".csv":
        path.write_text(path.read_text().replace("\t", ","))
    recording = only(root, confounds_files=(template,))
    assert recording.companions["confounds 1"] == path
    assert any(source.endswith(path.name) for source in recording.sources)
    nuisance = respond(recording, asked("motion+heart")).nuisance
    assert nuisance.shape == (N, 7)
    assert np.allclose(nuisance[:, 6], RAMP**2)


@pytest.mark.parametrize(
    ("files", "template", "said"),
    [
        ([], "{stem}_desc-physio_timeseries.tsv", "no table of confounds fits"),
        (["sub-01_task-other"], "{stem}_desc-physio_timeseries.tsv", "no table of confounds fits"),
        (["sub-01_task-story_acq-a", "sub-01_task-story_acq-b"], "{stem}_desc-physio_timeseries.tsv", "2 tables"),
        ([], "{stem}_{ses}_x.tsv", "the response's name does not say 'ses'"),
    ],
)
def test_own_tables_that_are_not_there_cost_the_recording(
    root: Path, files: list[str], template: str, said: str
) -> None:
    for stem in files:
        write_tsv(func(root) / f"{stem}_desc-physio_timeseries.tsv", {"heart": RAMP.tolist()})
    found = find_recordings(RecordingQuery(root, root.parent / "out", confounds_files=(template,)))
    assert not found.recordings
    assert said in found.excluded[0].reason


def test_an_own_table_of_another_length_is_refused(root: Path) -> None:
    write_tsv(func(root) / f"{STEM}_desc-physio_timeseries.tsv", {"heart": [1, 2, 3]})
    recording = only(root, confounds_files=("{stem}_desc-physio_timeseries.tsv",))
    with pytest.raises(DataError, match="3 rows for 20 samples"):
        respond(recording, asked("heart"))


# ------------------------------------------------------------------------------------------------ censoring
def spikes(*at: int) -> list[Any]:
    values = np.full(N, 0.1)
    values[list(at)] = 0.9
    return ["n/a", *values[1:].tolist()]


@pytest.mark.parametrize(
    ("at", "neighbours", "expected"),
    [
        ((5,), (0, 0), [5]),
        ((5,), (1, 2), [4, 5, 6, 7]),
        ((1, 19), (2, 2), [0, 1, 2, 3, 17, 18, 19]),
        ((5, 6), (1, 0), [4, 5, 6]),
        ((), (1, 1), []),
    ],
)
def test_censored_samples_are_not_valid_and_counted(
    root: Path, at: tuple[int, ...], neighbours: tuple[int, int], expected: list[int]
) -> None:
    table(root, framewise_displacement=spikes(*at))
    recording = only(root)
    spec = asked(censor_fd_mm=0.5, censor_neighbours=neighbours)
    assert np.flatnonzero(~respond(recording, spec).valid).tolist() == expected
    found = account(recording, spec)
    assert found.dropped is not None
    assert (found.dropped.n_censored, found.dropped.n_dropped) == (len(expected), 0)
    assert any(f"{len(expected)} of 20 samples" in line.text for line in found.lines)
    assert respond(recording, replace(spec, censor_fd_mm=None)).valid.all()


def test_displacement_is_powers_where_the_table_has_none(root: Path) -> None:
    shifts = {name: [0.0] * N for name in MOTION}
    shifts["trans_y"] = [0.0] * 8 + [0.3] * 12
    shifts["rot_z"] = [0.0] * 8 + [-0.006] * 12  # 0.3 mm at 50 mm
    table(root, **shifts)
    recording = only(root)
    assert np.flatnonzero(~respond(recording, asked(censor_fd_mm=0.59)).valid).tolist() == [8]
    assert respond(recording, asked(censor_fd_mm=0.61)).valid.all()


@pytest.mark.parametrize("share", [0.5, 0.55])
def test_too_little_left_costs_the_run(root: Path, share: float) -> None:
    table(root, framewise_displacement=spikes(*range(1, 1 + round(share * N))))
    recording, spec = only(root), asked(censor_fd_mm=0.5)
    refused = account(recording, spec).of("refusal")
    assert bool(refused) is (share > 0.5)
    if refused:
        assert "55% of the samples" in refused[0]
        with pytest.raises(DataError, match="too little is left"):
            respond(recording, spec)


def test_nothing_to_censor_by_is_refused(root: Path) -> None:
    path = next(func(root).glob("*confounds*.tsv"))
    write_tsv(path, {"csf": RAMP.tolist()})
    assert "to censor by" in account(only(root), asked(censor_fd_mm=0.5)).of("refusal")[0]
    path.unlink()
    assert "to censor by" in account(only(root), asked(censor_fd_mm=0.5)).of("refusal")[0]


def test_censoring_is_of_the_scan_where_samples_were_dropped(root: Path) -> None:
    table(root, framewise_displacement=spikes(5, 15))
    rows = np.arange(4, N)
    marks = censored(only(root).companions, rows, N, asked(censor_fd_mm=0.5))
    assert np.flatnonzero(marks).tolist() == [5, 15]


# ------------------------------------------------------------------------------------------------ settings
def test_a_list_is_its_items_joined() -> None:
    made = FmriResponse.model_validate({"confounds": ["motion24", "cosine*", "csf"]})
    assert made == FmriResponse(confounds="motion24+cosine*+csf")
    assert FmriResponse.model_validate({"confounds": []}).confounds == "none"
    assert set(FmriResponse().model_dump()) == {"confounds", "high_pass_s", "standardize"}  # hashes stay
    more = FmriResponse(censor_fd_mm=0.5, censor_neighbours=(1, 2))
    assert {"censor_fd_mm", "censor_neighbours"} <= set(more.model_dump())
    assert (more.spec().censor_fd_mm, more.spec().censor_neighbours) == (0.5, (1, 2))


@pytest.mark.parametrize(
    "given",
    [
        {"confounds": 3},
        {"confounds": [1]},
        {"censor_fd_mm": 0},
        {"censor_neighbours": [-1, 0]},
        {"confounds_files": ["/x"]},
        {"confounds_files": ["../x"]},
    ],
)
def test_settings_that_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FmriResponse.model_validate(given)


XCPD = {"Bandpass filter": {"High-pass cutoff (Hz)": 0.05, "Low-pass cutoff (Hz)": 0.1, "Filter order": 2}}


@pytest.mark.parametrize(
    ("filters", "left_s"),
    [
        (XCPD, 20),
        ({"Highpass filter": {"Cutoff (Hz)": 0.05, "Filter order": 2}}, 20),
        ({"HighPass": {"HalfAmplitudeCutOffHz": 0.05, "RollOff": "6dB/octave"}}, 20),
        ({"one": {"highpass_hz": 0.01}, "two": {"highpass_hz": 0.05}}, 20),
        ({"HighPass": {"HalfAmplitudeCutOffHz": 0.01, "TransitionBandwidthHz": 0.02}}, 100),
        ({"Highpass filter": {"Cutoff (Hz)": 0.01, "Sampling frequency (Hz)": 0.05}}, 100),
        ({"HighPass": {"cutoff_s": 128}}, None),
        ({"Highpass filter": {"cutoff (sec)": 100}}, None),
        ({"HighPass": {"cutoff_hz": 128}}, None),
        ({"Lowpass filter": {"Cutoff (Hz)": 0.1}}, None),
        ({"HighPass": {"HalfAmplitudeCutOffHz": "n/a"}}, None),
        ({"HighPass": {"HalfAmplitudeCutOffHz": 0}}, None),
        ({"Highpass filter": "0.01 Hz"}, None),
        ("n/a", None),
        (None, None),
    ],
)
def test_filters_that_a_sidecar_tells_of(filters: Any, left_s: float | None) -> None:
    assert filtered_s({"SoftwareFilters": filters}) == left_s


@pytest.mark.parametrize(
    ("high_pass_s", "removed", "told"), [(None, 0, False), (128.0, 4, True), (20.0, 4, False), (10.0, 8, False)]
)
def test_of_filtered_responses_no_less_than_their_filter_is_removed(
    root: Path, high_pass_s: float | None, removed: int, told: bool
) -> None:
    recording = only(root)
    filtered = replace(recording, rate_hz=0.5, metadata={**recording.metadata, "SoftwareFilters": XCPD})
    response = respond(filtered, ResponseSpec("none", high_pass_s))
    assert response.nuisance.shape[1] == removed  # cosines of 40 s: periods of 80 s / k down to the shortest
    assert any("come high-pass filtered at 0.05 Hz" in line for line in response.warnings) is told


# ------------------------------------------------------------------------------------------------ head motion
def moved(root: Path) -> list[str]:
    return [line.text for line in account(only(root), asked()).lines if line.topic == "head motion"]


def test_head_motion_is_told_where_a_table_says_it(root: Path) -> None:
    table(root, framewise_displacement=["n/a", *[0.1] * (N - 3), 0.6, 0.9])
    mean = (0.1 * (N - 3) + 1.5) / (N - 1)
    assert moved(root) == [
        f"framewise displacement {mean:.2f} mm on average, 0.90 mm at most; 2 of {N - 1} above 0.5 mm"
    ]


def test_head_motion_of_six_parameters_and_of_none(root: Path) -> None:
    still = {name: [0.0] * N for name in MOTION}
    table(root, **(still | {"trans_x": [0.0] * 10 + [0.25] * 10}))
    assert "0.25 mm at most; 0 of 19" in moved(root)[0]
    table(root, **(still | {"trans_x": [0.0, np.inf, np.inf, *[-np.inf] * (N - 3)]}))
    assert moved(root) == []
    path = next(func(root).glob("*confounds*.tsv"))
    write_tsv(path, {"csf": RAMP.tolist()})
    assert moved(root) == []
    path.unlink()
    assert moved(root) == []
