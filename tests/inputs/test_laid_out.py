"""Folders of a data set that are links: read where they lead, told once, and never to a whole disk or home."""

import os
from pathlib import Path

import nibabel
import numpy as np
import pytest
from bids_trees import fmri_dataset, write
from tiny_study import make_study

from bids_app.cli.concord import main
from bids_app.dataset import find_recordings
from bids_app.errors import ConcordError
from bids_app.inputs.laid_out import is_too_wide, laid_out
from bids_app.records import RecordingQuery

FOLDERS = ("stimuli", "derivatives", "derivatives/fmriprep", "sub-01")
RAW = "sub-01/func/sub-01_task-story_bold.nii.gz"


@pytest.fixture
def root(tmp_path):
    root = fmri_dataset(tmp_path / "bids", ("01",))
    write(root / "stimuli/story.wav", "no sound")
    return root


def find(root, **settings):
    return find_recordings(RecordingQuery(root, root.parent / "out", **settings))


def move(path, there):
    there.parent.mkdir(parents=True, exist_ok=True)
    path.rename(there)
    path.symlink_to(there)
    return there


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_that_is_a_link_is_read_where_it_leads_and_told_once(folder, root, tmp_path):
    there = move(root / folder, tmp_path / "scratch/kept")
    found = find(root)
    assert (len(found.recordings), found.excluded) == (1, ())
    (told,) = [line for line in found.warnings if "link" in line]
    assert told == f"{root / folder} is a link to {there}: its files are read there"


def test_what_the_user_named_need_not_be_told_and_many_participants_are_one_line(tmp_path):
    root = fmri_dataset(tmp_path / "bids", ("01", "02", "03", "04"))
    prep = move(root / "derivatives/fmriprep", tmp_path / "scratch/prep")
    for sub in ("01", "02", "03", "04"):
        move(root / f"sub-{sub}", tmp_path / "disk" / sub)
    found = find(root, derivatives={"fmriprep": prep})
    assert len(found.recordings) == 4
    (told,) = [line for line in found.warnings if "link" in line]
    assert told == f"{root}: sub-01, sub-02, sub-03 and 1 more are links into {tmp_path / 'disk'}: " + (
        "their files are read there"
    )


def test_the_annex_of_the_data_set_that_a_folder_leads_to_is_read(root, tmp_path):
    other = move(root / "stimuli", tmp_path / "other/stimuli")
    key = tmp_path / "other/.git/annex/objects/k/k"
    key.parent.mkdir(parents=True)
    (other / "story.wav").rename(key)
    (other / "story.wav").symlink_to("../.git/annex/objects/k/k")
    assert find(root).excluded == ()


WIDE = ("/", "/etc", "/etc/ssh", "/proc", "/proc/self", "/sys/kernel", "/dev", "/root", "/home", "/data", "/home/me")


@pytest.mark.parametrize("folder", [*WIDE, "/home/me/..", "/home/me/data", "/data/stimuli", "/etcetera/x"])
def test_what_is_too_wide(folder, monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert is_too_wide(Path(os.path.normpath(folder))) is (folder in (*WIDE, "/home/me/.."))


@pytest.mark.parametrize("target", ["/", "/etc", "home", "above"])
@pytest.mark.parametrize("folder", ["stimuli", "derivatives", "derivatives/x", "sub-02"])
def test_a_link_that_is_too_wide_opens_nothing(folder, target, root, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "above/home"))
    (tmp_path / "above/home").mkdir(parents=True)
    place = {"home": tmp_path / "above/home", "above": tmp_path / "above"}.get(target, Path(target))
    if (root / folder).exists():
        (root / folder).rename(tmp_path / "before")
    (root / folder).symlink_to(place)
    homes, told = laid_out(root)
    assert homes == ()
    if folder in ("stimuli", "sub-02"):
        assert told == (
            f"{root / folder} is a link to {place}, which is too wide to be read from: "
            "let it lead to a folder that holds these files alone",
        )


def test_a_derivative_behind_a_link_that_is_too_wide_is_read_where_it_is_named(root, tmp_path, monkeypatch):
    prep = move(root / "derivatives/fmriprep", tmp_path / "home")
    monkeypatch.setenv("HOME", str(prep))
    hint = f"-d {prep} names it"
    with pytest.raises(ConcordError, match=hint):
        find(root)
    (root / "derivatives/mriqc/sub-01").mkdir(parents=True)
    with pytest.raises(ConcordError, match=hint) as caught:  # the other one has no responses
        find(root)
    assert "looked for" in str(caught.value)
    assert len(find(root, derivatives={"fmriprep": prep}).recordings) == 1


@pytest.mark.parametrize("links", ["one file", "a folder further down"])
def test_a_link_further_down_stays_refused_by_name(links, root, tmp_path):
    story = root / "stimuli/story.wav"
    if links == "one file":
        link, there = story, move(story, tmp_path / "elsewhere/story.wav")
    else:
        link, name = root / "sub-01/func", "sub-01_task-story_events.tsv"
        there = move(link, tmp_path / "elsewhere/func")
        assert (there / name).is_file()
    found = find(root)
    (lost,) = found.excluded
    assert lost.reason == (
        f"a link leads out of the data set, to {there}: {link} (put a copy of what it leads to in its place (cp -rL))"
    )
    copy = there.rename(link.with_name("copy"))
    link.unlink()
    copy.rename(link)
    assert find(root).excluded == ()


def test_a_raw_run_behind_a_link_is_told_where_it_is_no_evidence(root, tmp_path):
    (root / RAW).unlink(missing_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.zeros((1, 1, 1, 20), np.uint8), np.eye(4)), root / RAW)
    (before,) = find(root).recordings
    assert before.clock.raw_file == root / RAW
    there = move(root / RAW, tmp_path / "elsewhere/raw.nii.gz")
    (found,) = find(root).recordings
    assert found.clock.raw_file is None
    told = f"the raw {Path(RAW).name} is no evidence of timing: a link leads out of the data set, to {there}"
    assert set(found.warnings) - set(before.warnings) == {told}


def test_a_run_reads_stimuli_behind_a_link_and_a_dry_run_tells_of_it(tmp_path, capsys):
    bids, analysis = make_study(tmp_path, ("01",))
    move(bids / "stimuli", tmp_path / "scratch/stimuli")
    given = [str(bids), str(tmp_path / "out"), "participant", "--analysis", str(analysis), "--dry-run"]
    assert main(given) == 0
    said = capsys.readouterr()
    line = f"{bids / 'stimuli'} is a link to {tmp_path / 'scratch/stimuli'}"
    assert (said.out + said.err).count(line) == 1
