"""What was not fetched is said to be so, with the command that gets it, and never counts as absent."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from bids_trees import fmri_dataset

from bids_app.dataset import find_recordings
from bids_app.errors import DataError, NoInput
from bids_app.pointers import how_to_install, is_there, pointer_at, require_content, require_parts
from bids_app.records import RecordingQuery

KEY = "MD5E-s104--d41d8cd98f00b204e9800998ecf8427e.wav"
LFS = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"


def link(path: Path, target: str = f"../.git/annex/objects/0x/Kz/{KEY}/{KEY}") -> None:
    path.symlink_to(target)


def text(content: str) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content.encode())


POINTERS = {
    "a link into the annex": (link, "git-annex", "datalad get stimuli/a.wav"),
    "a link on Windows": (
        lambda path: link(path, f"..\\.git\\annex\\objects\\{KEY}"),
        "git-annex",
        "git annex get stimuli/a.wav",
    ),
    "a module's annex": (
        lambda path: link(path, f"../.git/modules/x/annex/objects/{KEY}/{KEY}"),
        "git-annex",
        "datalad get",
    ),
    "unlocked": (text(f"/annex/objects/{KEY}\n"), "git-annex", "git annex get stimuli/a.wav"),
    "a link kept as text": (text(f"../.git/annex/objects/0x/Kz/{KEY}/{KEY}"), "git-annex", "datalad get"),
    "LFS": (text(LFS), "Git LFS", "git lfs pull --include stimuli/a.wav"),
    "an older LFS": (text(LFS.replace("git-lfs.github.com", "hawser.github.com")), "Git LFS", "git lfs pull"),
    "nothing": (text(""), "0 bytes", "datalad get stimuli/a.wav"),
    "a link elsewhere": (lambda path: link(path, "/mnt/gone/a.wav"), "leads nowhere", "/mnt/gone/a.wav"),
}


@pytest.mark.parametrize("kind", POINTERS)
def test_a_pointer_is_named_with_its_command_in_one_line(kind: str, tmp_path: Path) -> None:
    make, said, command = POINTERS[kind]
    (tmp_path / ".datalad").mkdir()
    path = tmp_path / "stimuli/a.wav"
    path.parent.mkdir()
    make(path)
    assert is_there(path)
    with pytest.raises(NoInput) as caught:
        require_content(path, NoInput)
    line = str(caught.value)
    assert all(part in line for part in (said, command, str(path)))
    assert "\n" not in line
    assert str(tmp_path) in line.partition("(")[2] or kind == "a link elsewhere"  # where the command is to be run


@pytest.mark.parametrize(
    "content", [b"RIFF$\0", b"/annexe", b"version 2", b"n/a", b"annex/objects of the house", b"x" * 40000]
)
def test_content_is_no_pointer(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(content)
    assert pointer_at(tmp_path / "a") is None


def test_what_is_not_there_and_what_was_fetched_are_no_pointers(tmp_path: Path) -> None:
    kept = tmp_path / ".git/annex/objects/aa/bb/k/k"
    kept.parent.mkdir(parents=True)
    kept.write_text("word\tstart\tend\n")
    (tmp_path / "a.tsv").symlink_to(os.path.relpath(kept, tmp_path))
    require_content(tmp_path / "a.tsv")
    require_content(tmp_path / "absent.tsv")
    assert not is_there(tmp_path / "absent.tsv")


def test_names_with_blanks_are_quoted(tmp_path: Path) -> None:
    (tmp_path / "a b.wav").write_text(LFS)
    (tmp_path / ".git").mkdir()
    with pytest.raises(DataError, match=r"--include 'a b\.wav'"):
        require_content(tmp_path / "a b.wav")


@pytest.mark.parametrize(
    ("opened", "part"),
    [("s_ieeg.vhdr", "s_ieeg.eeg"), ("s_ieeg.set", "s_ieeg.fdt"), ("s_split-01_ieeg.fif", "s_split-02_ieeg.fif")],
)
def test_parts_of_a_file_count(opened: str, part: str, tmp_path: Path) -> None:
    (tmp_path / opened).write_text("header")
    require_parts(tmp_path / opened)
    (tmp_path / part).symlink_to(".git/annex/objects/k/k")
    (tmp_path / "other_ieeg.eeg").symlink_to(".git/annex/objects/k/k")
    with pytest.raises(DataError, match=f"datalad get {part}"):
        require_parts(tmp_path / opened)


def test_a_data_set_within_that_was_not_installed(tmp_path: Path) -> None:
    (tmp_path / ".gitmodules").write_text('[submodule "x"]\n\tpath = derivatives/fmriprep\n\turl = ./x\n')
    wanted = tmp_path / "derivatives/fmriprep/sub-01/a.nii"
    assert "datalad get derivatives/fmriprep/sub-01/a.nii" in how_to_install(wanted)
    assert how_to_install(tmp_path / "stimuli/a.wav") == ""
    (tmp_path / "derivatives/fmriprep/sub-01").mkdir(parents=True)
    assert how_to_install(wanted) == ""


# ------------------------------------------------------------------------------------------------ in a data set
SPACED = "sub-01/func/sub-01_task-story_space-MNI152NLin2009cAsym"
LOST = {
    f"derivatives/fmriprep/{SPACED}_desc-preproc_bold.nii.gz": "unlocked",
    f"derivatives/fmriprep/{SPACED}_desc-preproc_bold.json": "link",
    f"derivatives/fmriprep/{SPACED}_desc-brain_mask.nii.gz": "link",
    "derivatives/fmriprep/sub-01/func/sub-01_task-story_desc-confounds_timeseries.tsv": "LFS",
    "sub-01/func/sub-01_task-story_events.tsv": "nothing",
    "sub-01/func/sub-01_task-story_bold.json": "a link kept as text",
}


@pytest.mark.parametrize("lost", LOST)
def test_any_file_of_a_recording_that_was_not_fetched_costs_it_and_is_named(lost: str, tmp_path: Path) -> None:
    root = fmri_dataset(tmp_path / "bids")
    (root / ".git").mkdir()
    path = root / lost
    path.unlink()
    if LOST[lost] == "link":
        link(path, "../" * lost.count("/") + f".git/annex/objects/0x/Kz/{KEY}/{KEY}")
    else:
        POINTERS[LOST[lost]][0](path)
    found = find_recordings(RecordingQuery(root, tmp_path / "out"))
    assert [recording.participant for recording in found.recordings] == ["02"]
    (excluded,) = found.excluded
    assert str(path) in excluded.reason
    assert ("git lfs pull --include " if LOST[lost] == "LFS" else "datalad get ") + lost in excluded.reason
