"""Accounts that are kept: the same with and without, and never after any file has changed."""

import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from tiny_study import make_study

from bids_app.cli.concord import main, parse_arguments
from bids_app.errors import DataError
from bids_app.pipeline import accounts as module
from bids_app.pipeline.accounts import Accounts
from bids_app.pipeline.job.find_recordings import find_recordings
from bids_app.pipeline.job.job import make_job
from bids_app.pipeline.job.stimulus_library import StimulusLibrary

PREP = "derivatives/fmriprep/sub-01/func/sub-01_task-story"
SPACE = "space-MNI152NLin2009cAsym"


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = tmp_path_factory.mktemp("accounts")
    make_study(root, people=("01", "02"), runs=(1, 2))
    (root / "feature.npy").touch()
    return root


@pytest.fixture
def study(pristine, tmp_path, monkeypatch):
    shutil.copytree(pristine, tmp_path / "study")
    monkeypatch.setattr(module, "WORTH", 1)
    return tmp_path / "study"


def opened(root, out="out"):
    """Accounts of a new process, and the recordings of sub-01."""
    given = [str(root / "bids"), str(root / out), "participant", "--analysis", str(root / "tiny.yaml"), "--dry-run"]
    job = make_job(parse_arguments([*given, "--participant-label", "01"]))
    return Accounts(job, StimulusLibrary(job)), find_recordings(job.options, print).recordings


def fill(root):
    """What is kept after one run, by run."""
    accounts, recordings = opened(root)
    made = [accounts.of(recording) for recording in recordings]
    for recording in recordings:
        accounts.count_targets(recording)
    accounts.keep()
    return made


def made_again(root, monkeypatch):
    """Runs of sub-01 whose account was not taken from what is kept."""
    again = []
    make = module.make_account

    def counting(recording, *rest):
        again.append(recording.entities["run"])
        return make(recording, *rest)

    monkeypatch.setattr(module, "make_account", counting)
    accounts, recordings = opened(root)
    for recording in recordings:
        with suppress(DataError):  # of a file that was broken by its change
            accounts.of(recording)
    return again


def test_what_is_kept_is_what_would_be_made(study, monkeypatch):
    made = fill(study)
    monkeypatch.setattr(module, "make_account", None)  # nothing may be made
    accounts, recordings = opened(study)
    assert [accounts.of(recording).alignment for recording in recordings] == [one.alignment for one in made]
    assert [accounts.of(recording).stimuli for recording in recordings] == [one.stimuli for one in made]
    monkeypatch.setattr("bids_app.dataset.count_targets", None)
    assert accounts.count_targets(recordings[0]) == 40


def touch(path):
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


def grow(path):
    state = path.stat()
    with path.open("ab") as file:
        file.write(b" ")
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def appear(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{}")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (f"bids/{PREP}_run-1_{SPACE}_desc-preproc_bold.nii.gz", touch),
        (f"bids/{PREP}_run-2_{SPACE}_desc-brain_mask.nii.gz", grow),
        (f"bids/{PREP}_run-2_desc-confounds_timeseries.tsv", grow),
        ("bids/sub-01/func/sub-01_task-story_run-1_events.tsv", touch),
        ("bids/stimuli/story1.wav", touch),
        ("bids/stimuli/story2.tsv", grow),
    ],
)
def test_a_file_that_changed_is_read_again(study, monkeypatch, name, change):
    fill(study)
    assert made_again(study, monkeypatch) == []
    change(study / name)
    assert made_again(study, monkeypatch) == ["1", "2"]  # whole folders count


@pytest.mark.parametrize(
    "name",
    [
        f"bids/{PREP}_run-1_outliers.tsv",
        "bids/sub-01/func/sub-01_task-story_run-1_bold.json",
        "bids/stimuli/deep/er/story1.TextGrid",
    ],
)
def test_so_are_those_beside_which_a_file_appears(study, monkeypatch, name):
    fill(study)
    appear(study / name)
    assert made_again(study, monkeypatch) == ["1", "2"]


def test_other_participants_and_other_files_change_nothing(study, monkeypatch):
    fill(study)
    for path in (study / "bids/derivatives/fmriprep/sub-02/func").iterdir():
        touch(path)
    appear(study / "bids/sub-01/anat/sub-01_T1w.json")
    assert made_again(study, monkeypatch) == []


def test_an_inherited_sidecar_counts_by_what_it_says(study, monkeypatch):
    fill(study)
    (study / "bids/task-story_bold.json").write_text(json.dumps({"PowerLineFrequency": 50}))
    assert made_again(study, monkeypatch) == ["1", "2"]


def test_another_analysis_reads_again(study, monkeypatch):
    fill(study)
    with (study / "tiny.yaml").open("a") as file:
        file.write("baseline: {spaces: []}\n")
    assert made_again(study, monkeypatch) == ["1", "2"]


@pytest.mark.parametrize("spoil", ["{", "[]", '{"format": 0, "recordings": {}}'])
def test_a_broken_file_is_as_none(study, monkeypatch, spoil):
    fill(study)
    (study / "out/logs/accounts.json").write_text(spoil)
    assert made_again(study, monkeypatch) == ["1", "2"]


@pytest.mark.parametrize("hurt", [{"alignment": None}, {"stimuli": [{}]}, {"unknown": 1}, {"n_targets": 7}])
def test_a_broken_account_is_as_none(study, monkeypatch, hurt):
    fill(study)
    path = study / "out/logs/accounts.json"
    content = json.loads(path.read_text())
    first = min(content["recordings"])
    content["recordings"][first]["account"] |= hurt
    path.write_text(json.dumps(content))
    assert made_again(study, monkeypatch) == ["1"]


def test_jobs_that_write_at_once_keep_all_of_each_other(study):
    jobs = [opened(study) for _ in range(4)]
    for number, (accounts, recordings) in enumerate(jobs):
        accounts.of(recordings[number % 2])
    with ThreadPoolExecutor(4) as pool:
        tuple(pool.map(lambda job: job[0].keep(), jobs))
    assert len(json.loads((study / "out/logs/accounts.json").read_text())["recordings"]) == 2


def test_where_nothing_can_be_written_nothing_is_lost(study, monkeypatch):
    (study / "out").mkdir()
    (study / "out/logs").write_text("a file")
    fill(study)
    assert made_again(study, monkeypatch) == ["1", "2"]


def test_a_dry_run_shows_the_same_with_it_without_it_and_of_a_refused_recording(study, capsys, monkeypatch):
    """But for how fast the machine is at the moment."""
    monkeypatch.setattr("bids_app.pipeline.dry_run.pace", lambda: 1.0)
    (study / f"bids/{PREP}_run-1_{SPACE}_desc-preproc_bold.json").write_text("{")
    with (study / "bids/stimuli/story2.tsv").open("a") as table:
        table.write("late\t126.0\t126.5\n")
    given = [str(study / "bids"), str(study / "out"), "participant", "--analysis", str(study / "tiny.yaml")]
    shown = []
    for forget in (False, False, True):
        if forget:
            (study / "out/logs/accounts.json").unlink()
        assert main([*given, "--dry-run"]) == 1  # as the run, for the recording that is refused
        shown.append((capsys.readouterr().out, (study / "out/plan.json").read_bytes()))
    assert shown[0] == shown[1] == shown[2]
    assert "of the words end after the sound" in shown[0][0]
    assert "cannot use sub-01_task-story_run-1" in shown[0][0]


def test_few_recordings_leave_no_file(study, monkeypatch):
    monkeypatch.setattr(module, "WORTH", 3)
    fill(study)
    assert not (study / "out").exists()


def test_a_dry_run_tells_of_one_stimulus_under_two_names_and_reads_no_whole_sound_for_it(study, monkeypatch, capsys):
    given = [
        str(study / "bids"),
        str(study / "out"),
        "participant",
        "--analysis",
        str(study / "tiny.yaml"),
        "--dry-run",
    ]
    assert main(given) == 0
    assert "one stimulus" not in capsys.readouterr().out
    for ending in ("wav", "tsv"):
        shutil.copy(study / f"bids/stimuli/story1.{ending}", study / f"bids/stimuli/story2.{ending}")
    told = "story1.wav and story2.wav hold the same sound: they count as one stimulus"
    for patch in ({}, {"read_audio": None}):  # the second time from accounts that were kept
        for name, value in patch.items():
            monkeypatch.setattr(f"bids_app.dataset.stimuli.load.{name}", value)
        assert main(given) == 0
        assert capsys.readouterr().out.count(told) == 1  # of two participants
        (line,) = json.loads((study / "out/plan.json").read_text())["warnings"]
        assert line.startswith(told)
