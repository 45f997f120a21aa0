from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from bids_trees import (
    SPACE,
    confounds,
    describe,
    events,
    fmri_dataset,
    ieeg_dataset,
    ieeg_tables,
    parcels,
    signals,
    snapshot,
    some_mask,
    surface,
    volume,
    write,
    write_json,
    write_tsv,
)

from bids_app.dataset import find_recordings
from bids_app.dataset.discovery import clock
from bids_app.dataset.files import layout
from bids_app.errors import ConcordError, NoInput, NotBids, NothingMatched, UsageError
from bids_app.records import FoundRecordings, RecordingQuery


def find(root: Path, **settings: Any) -> FoundRecordings:
    return find_recordings(RecordingQuery(bids_dir=root, out_dir=root.parent / "out", **settings))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return fmri_dataset(tmp_path / "sub-99_run-7" / "bids")  # names above the data set must not be taken for entities


def reasons(found: FoundRecordings) -> str:
    return "\n".join(excluded.reason for excluded in found.excluded)


# ------------------------------------------------------------------------------------------------ what is found
def test_one_recording_a_person_with_all_that_belongs_to_it(root: Path) -> None:
    found = find(root)
    assert [recording.participant for recording in found.recordings] == ["01", "02"]
    first = found.recordings[0]
    assert (first.kind, first.modality, first.space) == ("volume", "fmri", SPACE)
    assert dict(first.entities) == {"sub": "01", "task": "story", "space": SPACE, "desc": "preproc"}
    assert first.rate_hz == 0.5
    assert first.start_s == 0.9
    assert first.stimuli[0].stimulus_id == "story.wav"
    assert set(first.companions) == {"mask", "confounds", "events"}
    assert first.sources[0] == f"bids:fmriprep:sub-01/func/sub-01_task-story_space-{SPACE}_desc-preproc_bold.nii.gz"
    assert "bids:raw:sub-01/func/sub-01_task-story_events.tsv" in first.sources
    assert first.metadata["TaskName"] == "s"
    assert dict(found.datasets) == {"raw": root, "fmriprep": root / "derivatives/fmriprep"}
    assert found.warnings == ()
    assert first.warnings == ()


def test_surfaces_pair_and_a_missing_hemisphere_is_excluded(root: Path) -> None:
    derivative = root / "derivatives/fmriprep"
    surface(derivative, "sub-01_task-story")
    surface(derivative, "sub-02_task-story", sides="L")
    found = find(root, spaces=("fsaverage5",))
    (pair,) = found.recordings
    assert [path.name.split("hemi-")[1][0] for path in pair.paths] == ["L", "R"]
    assert "hemi" not in pair.entities
    assert pair.rate_hz == pytest.approx(1 / 1.5)
    assert "mask" not in pair.companions
    assert "hemisphere" in reasons(found)
    assert found.excluded[0].participant == "02"


@pytest.mark.parametrize("atlas", ["seg-Schaefer", "atlas-Schaefer"])
def test_parcels_are_named_by_their_atlas_and_confounds_are_no_parcels(root: Path, atlas: str) -> None:
    parcels(root / "derivatives/fmriprep", "sub-01_task-story", atlas=atlas, meta={"SamplingFrequency": "TR"})
    recordings = find(root, spaces=("Schaefer",)).recordings
    assert [(recording.kind, recording.space) for recording in recordings] == [("parcels", "Schaefer")]
    assert recordings[0].rate_hz == 0.5  # XCP-D writes the text 'TR': the raw sidecar decides


def test_every_space_is_taken_without_a_filter(root: Path) -> None:
    surface(root / "derivatives/fmriprep", "sub-01_task-story")
    parcels(root / "derivatives/fmriprep", "sub-01_task-story")
    assert {recording.space for recording in find(root).recordings} == {SPACE, "fsaverage5", "Schaefer"}


def test_preproc_wins_over_no_desc_and_other_descs_need_a_filter(root: Path) -> None:
    derivative = root / "derivatives/fmriprep"
    volume(derivative, "sub-01_task-story", desc="")
    volume(derivative, "sub-01_task-other", desc="")
    volume(derivative, "sub-01_task-story", desc="denoised")
    events(root, task="other")
    found = find(root, participants=("01",)).recordings
    assert {(r.entities["task"], r.entities.get("desc")) for r in found} == {("story", "preproc"), ("other", None)}
    denoised = find(root, filters={"bold": {"desc": "denoised"}}).recordings
    assert [recording.entities["desc"] for recording in denoised] == ["denoised"]


def test_one_person_and_a_data_set_that_is_itself_a_derivative(tmp_path: Path) -> None:
    root = tmp_path / "prep"
    describe(root, derivative=True)
    volume(root, "sub-01_task-story", mask=some_mask())
    events(root)
    found = find(root)
    assert len(found.recordings) == 1
    assert dict(found.datasets) == {"prep": root}
    assert found.recordings[0].sources[0].startswith("bids:prep:sub-01")


def test_task_level_events_and_sidecars_at_the_root_are_inherited(root: Path) -> None:
    for events_file in root.glob("sub-*/func/*_events.tsv"):
        events_file.unlink()
    for sidecar in [*root.glob("sub-*/func/*.json"), *root.glob("derivatives/*/sub-*/func/*bold.json")]:
        sidecar.unlink()
    columns = {"onset": [-4.5], "duration": [30], "stim_file": ["story.wav"]}
    write_tsv(root / "task-story_events.tsv", columns)
    write_json(root / "task-story_bold.json", {"RepetitionTime": 1.25})
    recordings = find(root).recordings
    assert [recording.rate_hz for recording in recordings] == [0.8, 0.8]
    assert recordings[0].stimuli[0].onset_s == -4.5


def test_the_closest_file_wins(root: Path) -> None:
    write_tsv(root / "task-story_events.tsv", {"onset": [7], "duration": [30], "stim_file": ["other.wav"]})
    write_json(root / "task-story_bold.json", {"RepetitionTime": 9, "Manufacturer": "x"})
    for sidecar in root.glob("derivatives/*/sub-*/func/*bold.json"):
        sidecar.unlink()
    recording = find(root).recordings[0]
    assert recording.stimuli[0].stimulus_id == "story.wav"
    assert recording.rate_hz == 0.5
    assert recording.metadata["Manufacturer"] == "x"


def test_runs_match_by_number_and_padding_does_not_matter(root: Path) -> None:
    derivative = root / "derivatives/fmriprep"
    for run, onset in (("01", 1.0), ("02", 2.0)):
        volume(derivative, f"sub-01_task-two_run-{run}")
        columns = {"onset": [onset], "duration": [9], "stim_file": [f"{run}.wav"]}
        events(root, task="two", run=run.lstrip("0"), **columns)
    found = find(root, tasks=("two",))
    onsets = {recording.entities["run"]: recording.stimuli[0].onset_s for recording in found.recordings}
    assert onsets == {"01": 1.0, "02": 2.0}


def test_events_of_an_acquisition_the_derivative_does_not_name(root: Path) -> None:
    volume(root / "derivatives/fmriprep", "sub-01_task-new")
    columns = {"onset": ["0"], "duration": ["9"], "stim_file": ["a.wav"]}
    write_tsv(root / "sub-01/func/sub-01_task-new_acq-mb_events.tsv", columns)
    assert find(root, tasks=("new",)).recordings[0].stimuli[0].stimulus_id == "a.wav"


def test_events_of_two_acquisitions_are_ambiguous(root: Path) -> None:
    volume(root / "derivatives/fmriprep", "sub-01_task-new")
    for label in ("a", "b"):
        columns = {"onset": ["0"], "duration": ["9"], "stim_file": ["a.wav"]}
        write_tsv(root / f"sub-01/func/sub-01_task-new_acq-{label}_events.tsv", columns)
    assert "several events files" in reasons(find(root, tasks=("new",)))


def test_relative_paths(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "stimuli")
    (recording,) = find(
        Path("../../bids"), participants=("01",), derivatives={"p": Path("../derivatives/fmriprep")}
    ).recordings
    assert set(recording.companions) == {"mask", "confounds", "events"}
    assert recording.sources[0].startswith("bids:p:sub-01/func/")


@pytest.mark.parametrize(
    ("meta", "start", "warned"),
    [
        ({"RepetitionTime": 2.0, "StartTime": 0.0, "SliceTimingCorrected": True}, 0.0, False),
        ({"RepetitionTime": 2.0, "SliceTimingCorrected": True}, 1.0, False),
        ({"RepetitionTime": 2.0, "SliceTimingCorrected": False}, 0.0, True),
        ({"SliceTimingCorrected": True}, 1.0, False),  # the TR is in the raw sidecar
    ],
)
def test_time_of_the_first_sample(root: Path, meta: dict[str, Any], start: float, warned: bool) -> None:
    volume(root / "derivatives/fmriprep", "sub-01_task-story", meta=meta)
    recording = find(root, participants=("01",)).recordings[0]
    assert recording.start_s == start
    assert any("StartTime" in warning for warning in recording.warnings) is warned


def test_tr_from_the_header_is_told(root: Path) -> None:
    volume(root / "derivatives/fmriprep", "sub-01_task-bare", meta={"StartTime": 0})
    events(root, task="bare")
    (recording,) = find(root, tasks=("bare",)).recordings
    assert recording.rate_hz == 0.5
    assert any("header" in warning for warning in recording.warnings)
    assert any("no brain mask" in warning for warning in recording.warnings)


def test_twin_derivatives_are_not_fitted_twice(root: Path) -> None:
    describe(root / "derivatives/zz", derivative=True)
    volume(root / "derivatives/zz", "sub-01_task-story")
    found = find(root)
    assert len(found.recordings) == 2
    assert "same run is in fmriprep" in reasons(found)


# ------------------------------------------------------------------------------------------------ iEEG
def test_ieeg_with_its_tables_and_standard_space_first(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    (recording,) = find(root).recordings
    assert (recording.kind, recording.modality, recording.space) == ("electrodes", "ieeg", "MNI152NLin2009aSym")
    assert (recording.rate_hz, recording.start_s) == (512.0, 0.0)
    assert set(recording.companions) == {"channels", "electrodes", "coordsystem", "events"}
    assert recording.companions["coordsystem"].name == "sub-01_space-MNI152NLin2009aSym_coordsystem.json"


def test_spaces_keep_ieeg_unless_they_are_about_electrodes(tmp_path: Path) -> None:
    root = fmri_dataset(tmp_path / "bids")
    ieeg_tables(root, "02")
    columns = {"onset": [1.0], "duration": [5.0], "stim_file": ["story.wav"]}
    for sub in ("01", "02"):
        write_tsv(root / f"sub-{sub}/ieeg/sub-{sub}_task-story_events.tsv", columns)
        signals(root / "derivatives/fmriprep", f"sub-{sub}_task-story")
    about_fmri = find(root, spaces=(SPACE,)).recordings
    assert sorted(recording.modality for recording in about_fmri) == ["fmri", "fmri", "ieeg", "ieeg"]
    about_ieeg = find(root, spaces=("Other",)).recordings
    assert [(recording.participant, recording.space) for recording in about_ieeg] == [("02", "Other")]
    assert {recording.modality for recording in find(root, modality="fmri").recordings} == {"fmri"}
    with pytest.raises(NothingMatched):
        find(root, spaces=(SPACE,), modality="ieeg")


def test_high_gamma_wins_over_voltages_and_splits_are_one(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    signals(root / "derivatives/hga", "sub-01_task-story_desc-preproc")
    write(root / "derivatives/hga/sub-01/ieeg/sub-01_task-story_split-02_desc-highgamma_ieeg.fif", "")
    (recording,) = find(root).recordings
    assert recording.entities["desc"] == "highgamma"


def test_broken_signal_file_costs_itself_alone(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    write(root / "derivatives/hga/sub-02/ieeg/sub-02_task-story_ieeg.fif", "nonsense")
    write_tsv(
        root / "sub-02/ieeg/sub-02_task-story_events.tsv", {"onset": [0], "duration": [1], "stim_file": ["a.wav"]}
    )
    found = find(root)
    assert len(found.recordings) == 1
    assert "cannot be read whole" in reasons(found)


# ------------------------------------------------------------------------------------------------ excluded
@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"onset": [0], "duration": [1]}, "stim_file"),
        ({"onset": [0], "duration": [1], "stim_file": ["n/a"]}, "stim_file"),
        ({"onset": [0], "duration": [1], "stim_file": ["../secret.wav"]}, "leaves /stimuli"),
        ({"onset": [0], "duration": [1], "stim_file": ["/etc/passwd"]}, "leaves /stimuli"),
        ({"onset": [0], "duration": [1], "stim_file": ["a/../../b.wav"]}, "leaves /stimuli"),
        ({"onset": [0], "duration": [1], "trial_type": ["word"], "stim_file": ["a.wav"]}, "stim_file"),
        ({"start": [0], "stim_file": ["a.wav"]}, "onset"),
        ({"onset": ["n/a"], "duration": [1], "stim_file": ["a.wav"]}, "stim_file"),
        ({"onset": [0], "duration": [1], "stim_file": ["face.png"]}, "stim_file"),
        ({"onset": [0], "trial_type": ["word"], "stim_file": ["a.wav"]}, "events.tsv"),
    ],
)
def test_events_that_cannot_be_used(root: Path, columns: dict[str, Any], reason: str) -> None:
    events(root, "01", **columns)
    found = find(root)
    assert [recording.participant for recording in found.recordings] == ["02"]
    assert reason in reasons(found)
    assert "\n" not in found.excluded[0].reason


def test_no_events_at_all_is_a_reason(root: Path) -> None:
    (root / "sub-01/func/sub-01_task-story_events.tsv").unlink()
    assert "no events.tsv" in reasons(find(root))


def test_malformed_sidecar_is_a_reason_not_an_empty_object(root: Path) -> None:
    write(root / "sub-01/func/sub-01_task-story_bold.json", '{"RepetitionTime": 2.0')
    found = find(root)
    assert "JSON cannot be read" in reasons(found)
    assert "sub-01_task-story_bold.json" in reasons(found)
    assert len(found.recordings) == 1


def test_links_may_stay_in_the_data_set_but_not_leave_it(root: Path, tmp_path: Path) -> None:
    write(root / ".git/annex/objects/key.wav", "")
    write(tmp_path / "outside.wav", "")
    (root / "stimuli/in.wav").symlink_to("../.git/annex/objects/key.wav")
    (root / "stimuli/out.wav").symlink_to(tmp_path / "outside.wav")
    for sub, name in (("01", "in.wav"), ("02", "out.wav")):
        events(root, sub, onset=[0], duration=[1], stim_file=[name])
    found = find(root)
    assert [recording.participant for recording in found.recordings] == ["01"]
    told = f"a link leads out of the data set, to {tmp_path / 'outside.wav'}: {root / 'stimuli/out.wav'} ("
    assert told in reasons(found)


# ------------------------------------------------------------------------------------------------ events in detail
def test_words_and_phones_of_the_recording_itself(root: Path) -> None:
    rows = [
        (-2.0, 8, "story", "story.wav", "n/a"), (5.0, 0.5, "Word", "story.wav", "hello"),
        (4.0, "n/a", "word", "story.wav", "oh"), (4.0, 0.1, "phoneme", "n/a", "OW1"),
        (12.0, 3, "story", "b.wav", "n/a"),
    ]  # fmt: skip
    names = ("onset", "duration", "trial_type", "stim_file", "word")
    events(root, **dict(zip(names, zip(*rows, strict=True), strict=True)))
    recording = find(root, participants=("01",)).recordings[0]
    assert [(event.stimulus_id, event.onset_s) for event in recording.stimuli] == [
        ("story.wav", -2.0),
        ("b.wav", 12.0),
    ]
    assert recording.own_words is not None
    assert recording.own_words.text == ("oh", "hello")
    assert recording.own_words.duration_s.tolist() == [0.0, 0.5]
    assert recording.own_phones is not None
    assert recording.own_phones.text == ("OW1",)


def test_bep044_identifiers(root: Path) -> None:
    write(root / "stimuli/stim-alice_audio.wav", "")
    write_tsv(root / "stimuli/stimuli.tsv", {"stimulus_id": ["stim-b"], "stim_file": ["sub/b.wav"]})
    events(root, onset=[0, 5], duration=[1, 1], stim_id=["stim-alice", "b"])
    recording = find(root, participants=("01",)).recordings[0]
    assert [event.stimulus_id for event in recording.stimuli] == ["stim-alice_audio.wav", "sub/b.wav"]


# ------------------------------------------------------------------------------------------------ errors
def code(error: pytest.ExceptionInfo[ConcordError]) -> int:
    assert "\n" not in str(error.value)
    return error.value.exit_code


def test_no_such_bids_dir(tmp_path: Path) -> None:
    with pytest.raises(NoInput) as error:
        find(tmp_path / "absent")
    assert code(error) == 66


@pytest.mark.parametrize("content", [None, "{", "[]"])
def test_not_a_bids_data_set(root: Path, content: str | None) -> None:
    (root / "dataset_description.json").unlink()
    if content is not None:
        write(root / "dataset_description.json", content)
    with pytest.raises(NotBids) as error:
        find(root)
    assert code(error) == 16


def test_unknown_participant_names_those_there_are(root: Path) -> None:
    with pytest.raises(NothingMatched, match=r"99.*01, 02") as error:
        find(root, participants=("01", "99"))
    assert code(error) == 18


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"tasks": ("rest",)}, "story"),
        ({"sessions": ("1",)}, "none"),
        ({"spaces": ("mni152nlin2009casym",)}, f"did you mean '{SPACE}'"),
        ({"modality": "ieeg"}, "fmri"),
        ({"filters": {"bold": {"run": 3}}}, "bold"),
        ({"excluded_participants": ("01", "02")}, "01"),
    ],
)
def test_what_matches_nothing_says_what_there_is(root: Path, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(NothingMatched, match=said) as error:
        find(root, **settings)
    assert code(error) == 18


def test_no_derivatives_advises_the_flag(root: Path, tmp_path: Path) -> None:
    (root / "derivatives").rename(tmp_path / "elsewhere")
    with pytest.raises(NoInput, match="-d") as error:
        find(root)
    assert code(error) == 66
    assert len(find(root, derivatives={"p": tmp_path / "elsewhere/fmriprep"}).recordings) == 2
    assert len(find(root, derivatives={"p": tmp_path / "elsewhere"}).recordings) == 2
    with pytest.raises(NoInput, match="no such derivative"):
        find(root, derivatives={"p": tmp_path / "nowhere"})


def test_derivatives_without_responses(root: Path) -> None:
    for path in root.glob("derivatives/fmriprep/sub-*/func/*bold*"):
        path.unlink()
    with pytest.raises(NoInput, match="no responses"):
        find(root)


def test_own_output_and_out_dir_are_never_input(root: Path) -> None:
    for name in ("mine", "old"):
        describe(root / "derivatives" / name, derivative=True, maker="Concord" if name == "old" else "x")
        volume(root / "derivatives" / name, "sub-01_task-own")
    query = RecordingQuery(bids_dir=root, out_dir=root / "derivatives/mine")
    found = find_recordings(query)
    assert [recording.entities["task"] for recording in found.recordings] == ["story", "story"]
    assert not found.excluded
    assert set(found.datasets) == {"raw", "fmriprep"}
    with pytest.raises(NoInput, match="-d"):
        find(root, derivatives={"old": root / "derivatives/old"})


# ------------------------------------------------------------------------------------------------ filters
@pytest.mark.parametrize(
    ("bold", "people"),
    [
        ({"subject": "02"}, ["02"]),
        ({"sub": ["01", "02"]}, ["01", "02"]),
        ({"suffix": "bold", "datatype": "func", "space": SPACE, "extension": ".nii.gz"}, ["01", "02"]),
        ({"run": None}, ["01", "02"]),
        ({"run": "Query.NONE"}, ["01", "02"]),
        ({"task": "*"}, ["01", "02"]),
        ({"task": "<Query.ANY: 2>"}, ["01", "02"]),
        ({"task": ["rest", "story"]}, ["01", "02"]),
    ],
)
def test_filter_file_of_fmriprep(root: Path, bold: dict[str, Any], people: list[str]) -> None:
    found = find(root, filters={"bold": bold, "t1w": {"acquisition": "x"}})
    assert [recording.participant for recording in found.recordings] == people


@pytest.mark.parametrize(
    "filters",
    [{"blod": {}}, {"bold": {"sesion": "1"}}, {"bold": {"run": "Query.NOTHING"}}, {"bold": []}],
)
def test_filter_file_with_unknown_words(root: Path, filters: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as error:
        find(root, filters=filters)
    assert code(error) == 64


@pytest.mark.parametrize(
    ("filters", "settings"),
    [
        ({"subject": "02"}, {"participants": ("01",)}),
        ({"session": None}, {"sessions": ("1",)}),
        ({"task": ["a", "b"]}, {"tasks": ("story",)}),
    ],
)
def test_filter_that_contradicts_a_label(root: Path, filters: dict[str, Any], settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        find(root, filters={"bold": filters}, **settings)


def test_a_query_without_match_beside_one_with_is_told(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    volume(root / "derivatives/hga", "sub-01_task-story")
    found = find(root, filters={"bold": {"run": 9}, "ieeg": {"task": "story"}})
    assert [recording.modality for recording in found.recordings] == ["ieeg"]
    assert any("'bold'" in warning for warning in found.warnings)


def test_people_without_responses_are_named(root: Path) -> None:
    events(root, "03")
    assert find(root).warnings == ("no responses of sub-03",)


# ------------------------------------------------------------------------------------------------ reading only
def test_nothing_is_written(root: Path) -> None:
    before = snapshot(root)
    find(root)
    assert snapshot(root) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_data_set(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert len(find(root).recordings) == 2


def test_confounds_of_the_old_name(root: Path) -> None:
    path = confounds(root / "derivatives/fmriprep", "sub-01_task-story")
    path.rename(path.with_name(path.name.replace("timeseries", "regressors")))
    assert find(root).recordings[0].companions["confounds"].name.endswith("regressors.tsv")


# ------------------------------------------------------------------------------------------------ one row
@pytest.mark.parametrize("place", ["sub-01", "sub-01/func"])
@pytest.mark.parametrize("where", [".", "derivatives/fmriprep"])
def test_a_folder_that_cannot_be_listed_costs_its_own_row(
    root: Path, place: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, scandir = root / where / place, layout.os.scandir

    def refused(path: Any) -> Any:
        if Path(path) == folder:
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(layout.os, "scandir", refused)
    found = find(root)
    assert [recording.participant for recording in found.recordings] == ["02"]
    rows = [one for one in found.excluded if "cannot be listed" in one.reason]
    assert [(one.participant, one.label) for one in rows] == [("01", place.replace("/", "_"))]
    assert str(folder) in rows[0].reason


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep"), ZeroDivisionError("planted"), OSError("x")])
def test_whatever_is_raised_costs_the_recording_alone(
    root: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = clock.fmri_clock

    def sometimes(candidate: Any, *rest: Any) -> Any:
        if candidate.entities["sub"] == "01":
            raise error
        return read(candidate, *rest)

    monkeypatch.setattr(clock, "fmri_clock", sometimes)
    found = find(root)
    assert [recording.participant for recording in found.recordings] == ["02"]
    assert [one.participant for one in found.excluded] == ["01"]
    assert found.excluded[0].label.startswith("sub-01_task-story")


@pytest.mark.parametrize("label", ["01 copy", "é", "x<b>", "..", "01.bak", "a+b", "01\n"])
def test_labels_of_people_are_those_of_bids(root: Path, label: str) -> None:
    (root / "derivatives/fmriprep" / f"sub-{label}/func").mkdir(parents=True)
    odd = root / "derivatives/fmriprep/sub-01/func" / f"sub-{label}_task-story_space-{SPACE}_desc-preproc_bold.nii.gz"
    odd.write_bytes(b"")
    found = find(root)
    assert [recording.participant for recording in found.recordings] == ["01", "02"]
    assert not found.excluded
    told = [line for line in found.warnings if "left out" in line]
    assert len(told) == 2 - label.startswith("01.")  # a file of another ending
    assert all(line.isprintable() for line in told)


@pytest.mark.parametrize("header", ["onset\tduration\t1\t2\tstim_file", "onset\tduration\t0.5\t-1\t3\tstim_file"])
def test_columns_of_events_may_be_called_by_numbers(root: Path, header: str) -> None:
    path = root / "sub-01/func/sub-01_task-story_events.tsv"
    cells = ["0.0", "30", *["0"] * (header.count("\t") - 2), "story.wav"]
    path.write_text(header + "\n" + "\t".join(cells) + "\n")
    found = find(root)
    assert [recording.participant for recording in found.recordings] == ["01", "02"]
    assert len(found.recordings[0].stimuli) == 1
