"""Which of several files of a run is its response: spaces, desc, echoes and parts; and sidecars of its scans."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bids_trees import SPACE, describe, events, fmri_dataset, some_mask, surface, volume, write_json

from bids_app.dataset import find_recordings, load_response, load_targets
from bids_app.dataset.files.names import parse_name
from bids_app.errors import NoInput, NothingMatched
from bids_app.records import FoundRecordings, RecordingQuery, ResponseSpec

STEM = "sub-01_task-story"


def find(root: Path, **settings: Any) -> FoundRecordings:
    return find_recordings(RecordingQuery(bids_dir=root, out_dir=root.parent / "out", **settings))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Raw, and a derivatives folder that is a data set itself, with nothing in it yet."""
    describe(tmp_path / "bids")
    events(tmp_path / "bids")
    return tmp_path / "bids"


def bold(root: Path, middle: str, stem: str = STEM, **settings: Any) -> Path:
    """A volume in derivatives/sub-*/func named `stem`, `middle`, bold."""
    made = volume(root / "derivatives", stem, **settings)
    path = made.with_name(f"{stem}{middle}_bold.nii.gz")
    for old in (made, made.with_name(made.name.replace(".nii.gz", ".json"))):
        if old.exists():
            old.rename(path.with_name(path.name.replace(".nii.gz", "".join(old.suffixes))))
    return path


def names(found: FoundRecordings) -> list[str]:
    return sorted(recording.paths[0].name.split(f"{STEM}_")[-1].split(".")[0] for recording in found.recordings)


def said(found: FoundRecordings) -> str:
    return "\n".join([*found.warnings, *(line for one in found.recordings for line in one.warnings)])


def reasons(found: FoundRecordings) -> str:
    return "\n".join(excluded.reason for excluded in found.excluded)


# ------------------------------------------------------------------------------------------------ space
@pytest.mark.parametrize("middle", ["_desc-preproc", "_desc-preprocessed", ""])
def test_bold_without_space_is_read_and_told(root: Path, middle: str) -> None:
    bold(root, middle)
    (recording,) = find(root).recordings
    assert (recording.kind, recording.space) == ("volume", "n/a")
    assert "space" not in recording.entities
    assert "space unknown: its name has no space-" in recording.warnings[0]
    response = load_response(recording, load_targets(recording), ResponseSpec("none", None))
    assert response.values.shape == (20, 59)
    assert [one.space for one in find(root, spaces=("n/a",)).recordings] == ["n/a"]


def test_a_stated_space_is_where_unnamed_bold_lies(root: Path) -> None:
    bold(root, "_desc-preproc")
    (recording,) = find(root, unnamed_space="MNIColin27", spaces=("MNIColin27",)).recordings
    assert (recording.space, recording.entities["space"]) == ("MNIColin27", "MNIColin27")
    assert "taken to be in MNIColin27, as stated" in recording.warnings[0]
    with pytest.raises(NothingMatched, match="--unnamed-space LABEL states it"):
        find(root, spaces=("MNIColin27",))


def test_scans_of_the_raw_data_set_are_no_responses(root: Path) -> None:
    volume(root, STEM, desc="").rename(root / f"sub-01/func/{STEM}_bold.nii.gz")
    with pytest.raises(NoInput, match="no responses"):
        find(root, derivatives={"raw": root})


def test_names_without_space_are_copies_where_others_have_one(root: Path) -> None:
    bold(root, "_desc-preproc")
    volume(root / "derivatives", STEM)
    found = find(root)
    assert names(found) == [f"space-{SPACE}_desc-preproc_bold"]
    assert "1 BOLD files have no space- in their names and others of their runs do: left out" in said(found)
    assert names(find(root, spaces=("n/a",))) == ["desc-preproc_bold"]
    events(root, task="other")
    bold(root, "_desc-preproc", stem="sub-01_task-other")
    assert "its name has no space-, others of the participant do" in reasons(find(root))


# ------------------------------------------------------------------------------------------------ desc
@pytest.mark.parametrize(
    ("there", "taken", "told"),
    [
        (["preproc", "sm6"], "preproc", "desc-preproc taken, there is also desc-sm6"),
        (["denoised", "denoisedSmoothed"], "denoised", "there is also desc-denoisedSmoothed"),
        (["clean"], "clean", "desc-clean taken, as there is no desc-preproc"),
        (["", "preprocessed"], "preprocessed", "there is also a file without desc-"),
        (["preproc"], "preproc", ""),
        (["clean", "sm6"], None, "choose with --desc LABEL"),
    ],
)
def test_one_desc_is_taken_and_told(root: Path, there: list[str], taken: str | None, told: str) -> None:
    for desc in there:
        volume(root / "derivatives", STEM, desc=desc)
    found = find(root)
    assert [one.entities.get("desc", "") for one in found.recordings] == ([] if taken is None else [taken])
    assert told in said(found) + reasons(found)
    assert ("taken" in said(found)) is (bool(told) and taken is not None)
    for desc in there:
        chosen = find(root, desc=desc or "n/a")
        assert [one.entities.get("desc", "") for one in chosen.recordings] == [desc]
        assert "taken" not in said(chosen)
    with pytest.raises(NothingMatched, match=r"no response of desc-other \(there are "):
        find(root, desc="other")


def test_all_runs_of_a_task_are_of_one_desc(root: Path) -> None:
    for run, desc in (("1", "preproc"), ("1", "sm6"), ("2", "sm6")):
        volume(root / "derivatives", f"{STEM}_run-{run}", desc=desc)
    found = find(root)
    assert [(one.entities["run"], one.entities["desc"]) for one in found.recordings] == [("1", "preproc")]
    assert "only desc-sm6 of this run, desc-preproc of others" in reasons(found)
    assert len(find(root, desc="sm6").recordings) == 2


def test_narratives_surfaces_have_no_suffix(root: Path) -> None:
    for path in surface(root / "derivatives", STEM):
        side = path.name.split("hemi-")[1][0]
        for old, new in ((path, ".func.gii"), (path.with_name(path.name.replace(".func.gii", ".json")), ".json")):
            old.rename(path.with_name(f"{STEM}_space-fsaverage6_hemi-{side}_desc-clean{new}"))
    (recording,) = find(root).recordings
    assert (recording.kind, recording.space, recording.entities["desc"]) == ("surface", "fsaverage6", "clean")
    assert recording.rate_hz == pytest.approx(1 / 1.5)


# ------------------------------------------------------------------------------------------------ echoes, parts
@pytest.mark.parametrize(
    ("there", "taken", "told"),
    [
        (["", "_echo-1", "_echo-2"], [""], ""),
        (["_echo-1", "_echo-2"], [], "a single echo"),
        (["_part-mag", "_part-phase"], ["_part-mag"], "not the magnitude"),
        (["", "_part-mag", "_part-phase"], [""], ""),
    ],
)
def test_single_echoes_and_phases_are_no_responses(root: Path, there: list[str], taken: list[str], told: str) -> None:
    for extra in there:
        volume(root / "derivatives", STEM + extra)
    found = find(root)
    assert names(found) == [f"{extra}_space-{SPACE}_desc-preproc_bold".removeprefix("_") for extra in taken]
    assert told in reasons(found)
    assert bool(told) is bool(reasons(found))
    if "_echo-2" in there:
        asked = find(root, filters={"bold": {"echo": "2"}})
        assert [one.entities["echo"] for one in asked.recordings] == ["2"]


@pytest.mark.parametrize(
    ("sidecars", "rate_hz"),
    [
        ({"_echo-1": 2.0, "_echo-2": 2.0}, 0.5),  # ds003643
        ({"_acq-mb_echo-1": 2.5, "_acq-mb_echo-2": 2.5}, 0.4),
        ({"_lab-x": 4.0}, 0.25),  # an entity that no list knows
        ({"_echo-1": 2.0, "_echo-2": 4.0}, 0.8),  # they disagree: the header's
        ({"": 8.0, "_echo-1": 2.0, "_echo-2": 2.0}, 0.5),
        ({"_run-2": 8.0}, 0.8),  # of another run
    ],
)
def test_the_repetition_time_of_scans_whose_entities_a_derivative_drops(
    root: Path, sidecars: dict[str, float], rate_hz: float
) -> None:
    import nibabel

    path = bold(root, "_desc-preproc", meta={})
    image = nibabel.load(path)
    image.header.set_zooms((2, 2, 2, 1.25))  # 1 would say nothing
    nibabel.save(nibabel.Nifti1Image(image.get_fdata(), image.affine, image.header), path)
    for extra, period_s in sidecars.items():
        meta = {"RepetitionTime": period_s, "EchoTime": len(extra)}
        write_json(root / f"sub-01/func/{STEM}{extra}_bold.json", meta)
    (recording,) = find(root).recordings
    assert recording.rate_hz == rate_hz


def test_raw_sidecars_of_one_echo_are_inherited_each_by_itself(root: Path) -> None:
    bold(root, "_desc-preproc", meta={})
    for echo in (1, 2):
        write_json(root / f"task-story_echo-{echo}_bold.json", {"RepetitionTime": 9.0, "EchoTime": echo / 100})
        write_json(root / f"sub-01/func/{STEM}_echo-{echo}_bold.json", {"RepetitionTime": 2.0})
    (recording,) = find(root).recordings
    assert recording.rate_hz == 0.5
    assert "EchoTime" not in recording.metadata


# ------------------------------------------------------------------------------------------------ old names
@pytest.mark.parametrize(
    ("name", "today"),
    [
        (
            "sub-01_task-x_bold_space-MNI152NLin2009cAsym_preproc.nii.gz",
            "sub-01_task-x_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz",
        ),
        ("sub-01_task-x_bold_space-MNI_brainmask.nii.gz", "sub-01_task-x_space-MNI_desc-brain_mask.nii.gz"),
        ("sub-01_task-x_bold_confounds.tsv", "sub-01_task-x_desc-confounds_timeseries.tsv"),
        ("sub-01_task-x_bold_space-fsaverage5.L.func.gii", "sub-01_task-x_space-fsaverage5_hemi-L_bold.func.gii"),
        ("sub-01_task-x_bold_space-fsaverage5.R.func.json", "sub-01_task-x_space-fsaverage5_hemi-R_bold.json"),
        ("sub-01_task-x_space-fsLR_bold.dtseries.json", "sub-01_task-x_space-fsLR_bold.json"),
    ],
)
def test_old_names_are_read_as_todays(name: str, today: str) -> None:
    old, new = parse_name(Path(name)), parse_name(Path(today))
    assert (dict(old.entities), old.suffix, old.extension) == (dict(new.entities), new.suffix, new.extension)


def test_a_derivative_of_old_fmriprep(tmp_path: Path) -> None:
    root = fmri_dataset(tmp_path / "bids", people=("01",))
    func = root / "derivatives/fmriprep/sub-01/func"
    for path in surface(root / "derivatives/fmriprep", STEM):
        side = path.name.split("hemi-")[1][0]
        path.with_name(path.name.replace(".func.gii", ".json")).unlink()
        path.rename(func / f"{STEM}_bold_space-fsaverage5.{side}.func.gii")
    old = {"desc-preproc_bold.nii.gz": "preproc.nii.gz", "desc-brain_mask.nii.gz": "brainmask.nii.gz"}
    for new, name in old.items():
        (func / f"{STEM}_space-{SPACE}_{new}").rename(func / f"{STEM}_bold_space-{SPACE}_{name}")
    (func / f"{STEM}_desc-confounds_timeseries.tsv").rename(func / f"{STEM}_bold_confounds.tsv")
    surfaces, volumes = sorted(find(root).recordings, key=lambda one: one.kind)
    assert [path.name for path in surfaces.paths] == [
        f"{STEM}_bold_space-fsaverage5.{side}.func.gii" for side in "LR"
    ]
    assert surfaces.rate_hz == 0.5
    assert set(volumes.companions) == {"mask", "confounds", "events"}
    assert volumes.space == SPACE
    assert some_mask().sum() == len(load_targets(volumes).names)
    assert json.dumps(dict(volumes.entities))
