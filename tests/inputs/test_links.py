"""Links: where they may lead, and that no file of a data set is read through one that leads elsewhere."""

import os
from pathlib import Path

import numpy as np
import pytest
from bids_trees import fmri_dataset, ieeg_dataset, parcels, some_mask, surface, write, write_json
from cifti_files import dense_axis, write_series
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.dataset import align, find_recordings, load_response, load_stimulus, load_targets
from bids_app.errors import ConcordError, DataError
from bids_app.inputs.homes import is_inside, named, require_inside
from bids_app.inputs.opening import JSON, read_bytes
from bids_app.records import RecordingQuery, ResponseSpec


# ------------------------------------------------------------------------------------------------ every file of a set
def with_stimuli(root):
    import soundfile

    soundfile.write(root / "stimuli/story.wav", np.random.default_rng(0).normal(size=8000 * 30) * 0.1, 8000)
    write(root / "stimuli/story.tsv", "word\tstart\tend\na\t0.5\t0.9\nb\t1.0\t1.4\n")
    return root


def volumes(root):
    return with_stimuli(fmri_dataset(root, ("01",)))


def surfaces(root):
    volumes(root)
    surface(root / "derivatives/fmriprep", "sub-01_task-story", vertices=10242)
    return root


def tables(root):
    volumes(root)
    parcels(root / "derivatives/fmriprep", "sub-01_task-story")
    return root


def greyordinates(root):
    volumes(root)
    path = root / "derivatives/fmriprep/sub-01/func/sub-01_task-story_space-fsLR_den-91k_bold.dtseries.nii"
    write_series(path, dense_axis(), np.random.default_rng(0).normal(size=(20, 9)))
    write_json(path.with_name(path.name.replace(".dtseries.nii", ".json")), {"RepetitionTime": 2.0})
    return root


def arrays(root):
    import h5py

    volumes(root)
    path = root / "derivatives/fmriprep/sub-01/func/sub-01_task-story_space-T1w_bold.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.random.default_rng(0).normal(size=(20, int(some_mask().sum())))
    write_json(path.with_suffix(".json"), {"RepetitionTime": 2.0})
    return root


def brainvision(root):
    return with_stimuli(ieeg_dataset(root, "vhdr"))


def fif(root):
    return with_stimuli(ieeg_dataset(root, "fif"))


STUDIES = {one.__name__: one for one in (volumes, surfaces, tables, greyordinates, arrays, brainvision, fif)}


def read_all(root):
    """All that a run reads of a data set; how many recordings could be read whole."""
    count = 0
    try:
        found = find_recordings(RecordingQuery(root, root.parent / "out"))
    except ConcordError:
        return 0
    for recording in found.recordings:
        try:
            heard = [(event, load_stimulus(recording, event, root, None, True)) for event in recording.stimuli]
            align(recording, heard)
            load_response(recording, load_targets(recording), ResponseSpec(confounds="motion"))
            count += 1
        except ConcordError:
            continue
    return count


@pytest.mark.parametrize("name", STUDIES)
def test_no_file_is_read_through_a_link_that_leads_elsewhere(name, tmp_path):
    root = STUDIES[name](tmp_path / "bids")
    assert read_all(root) >= 1
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    files = sorted(path for path in root.rglob("*") if path.is_file())
    needed = 0
    whole = read_all(root)
    for path in files:
        there = elsewhere / path.name
        path.rename(there)
        path.symlink_to(there)
        os.utime(there, ns=(0, there.stat().st_mtime_ns))
        needed += read_all(root) < whole
        assert there.stat().st_atime_ns == 0, f"{path} was read"
        path.unlink()
        there.rename(path)
    assert needed >= 5  # responses, events, words, sound, a sidecar: without one a recording is refused


@pytest.mark.parametrize("name", ["volumes", "brainvision"])
def test_the_same_files_are_read_where_the_annex_keeps_them(name, tmp_path):
    root = STUDIES[name](tmp_path / "bids")
    whole = read_all(root)
    for path in sorted(path for path in root.rglob("*") if path.is_file() and path.suffix != ".vhdr"):
        key = root / ".git/annex/objects/aa/bb" / f"KEY-{path.name}" / f"KEY-{path.name}"
        key.parent.mkdir(parents=True, exist_ok=True)
        path.rename(key)
        path.symlink_to(os.path.relpath(key, path.parent))
    assert read_all(root) == whole


# ------------------------------------------------------------------------------------------------ where they may lead
def layout(tmp_path):
    """A data set with a file to link to in every place that a link may lead to, or may not."""
    root = tmp_path / "bids"
    write_json(root / "dataset_description.json", {})
    return root


def submodule(root, tmp_path):
    inner = root / "derivatives/prep"
    write(inner / ".git", "gitdir: ../../.git/modules/prep\n")
    return inner, root / ".git/modules/prep/annex/objects/k/k"


def submodule_of_a_set_above(root, tmp_path):
    write(root / ".git", "gitdir: ../super/.git/modules/bids\n")
    return root, tmp_path / "super/.git/modules/bids/annex/objects/k/k"


def linked_git(root, tmp_path):
    (tmp_path / "super/.git/modules/bids").mkdir(parents=True)
    (root / ".git").symlink_to(tmp_path / "super/.git/modules/bids")
    return root, tmp_path / "super/.git/modules/bids/annex/objects/k/k"


def work_tree(root, tmp_path):
    write(root / ".git", f"gitdir: {tmp_path / 'main/.git/worktrees/bids'}\n")
    write(tmp_path / "main/.git/worktrees/bids/commondir", "../..\n")
    return root, tmp_path / "main/.git/annex/objects/k/k"


def shared_annex(root, tmp_path):
    (root / ".git").mkdir()
    (tmp_path / "source/.git/annex/objects").mkdir(parents=True)
    (root / ".git/annex").symlink_to(tmp_path / "source/.git/annex")
    return root, tmp_path / "source/.git/annex/objects/k/k"


def within(root, tmp_path):
    return root, root / "code/x.json"


def elsewhere(root, tmp_path):
    return root, tmp_path / "elsewhere/x.json"


def a_sister(root, tmp_path):
    return root, tmp_path / "bids-2/x.json"


def an_annex_of_another(root, tmp_path):
    (root / ".git").mkdir()
    return root, tmp_path / "other/.git/annex/objects/k/k"


def a_git_that_claims_the_disk(root, tmp_path):
    (root / ".git/annex").mkdir(parents=True)
    (root / ".git/annex/objects").symlink_to(tmp_path)
    return root, tmp_path / "elsewhere/x.json"


def a_git_file_with_nonsense(root, tmp_path):
    write(root / ".git", "gitdir: \0\n" * 3)
    return root, tmp_path / "elsewhere/annex/objects/x.json"


MAY = (submodule, submodule_of_a_set_above, linked_git, work_tree, shared_annex, within)
MAY_NOT = (elsewhere, a_sister, an_annex_of_another, a_git_that_claims_the_disk, a_git_file_with_nonsense)


@pytest.mark.parametrize("is_named", [False, True])
@pytest.mark.parametrize("case", [*MAY, *MAY_NOT], ids=lambda case: case.__name__)
def test_where_links_may_lead(case, is_named, tmp_path):
    root = layout(tmp_path)
    holder, target = case(root, tmp_path)
    write_json(target, {})
    link = holder / "sub-01/func/x.json"
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    with named([root] if is_named else []):
        if case in MAY:
            assert read_bytes(link, JSON) == b"{}"
        else:
            with pytest.raises(DataError, match="leads out of the data set"):
                read_bytes(link, JSON)


def test_folders_that_are_links_count_as_well(tmp_path):
    root = layout(tmp_path)
    write_json(tmp_path / "elsewhere/func/x.json", {})
    (root / "sub-01").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="leads out"):
        read_bytes(root / "sub-01/func/x.json", JSON)
    with named([root, tmp_path / "elsewhere"]):
        assert read_bytes(root / "sub-01/func/x.json", JSON) == b"{}"


def test_what_is_named_is_forgotten_with_the_run(tmp_path):
    root = layout(tmp_path)
    write_json(tmp_path / "elsewhere/x.json", {})
    (root / "x.json").symlink_to(tmp_path / "elsewhere/x.json")
    with named([root, tmp_path / "elsewhere", None]):
        require_inside(root / "x.json")
    assert not is_inside(root / "x.json")


def test_a_link_of_a_derivative_into_the_data_set_is_one_into_a_named_folder(tmp_path):
    root = fmri_dataset(tmp_path / "bids", ("01",))
    prep = tmp_path / "prep"
    (root / "derivatives/fmriprep").rename(prep)
    confounds_of = prep / "sub-01/func/sub-01_task-story_desc-confounds_timeseries.tsv"
    confounds_of.rename(root / "confounds_of_01.tsv")
    confounds_of.symlink_to(root / "confounds_of_01.tsv")
    found = find_recordings(RecordingQuery(root, tmp_path / "out", {"prep": prep}))
    assert [one.companions["confounds"] for one in found.recordings] == [confounds_of]


def test_links_in_a_circle_are_gone_through_once(tmp_path):
    root = fmri_dataset(tmp_path / "bids", ("01",))
    for place in ("a", "b", "c"):
        (root / f"sub-01/func/{place}").symlink_to(".")
        (root / f"derivatives/fmriprep/sub-01/func/{place}").symlink_to("..")
    (root / "sub-01/func/loop").symlink_to("loop")
    assert len(find_recordings(RecordingQuery(root, tmp_path / "out")).recordings) == 1


PARTS = st.sampled_from(["..", ".", "a", "b", "sub-01", "etc", "passwd", "", " ", "x\ny", "é"])


@settings(max_examples=60)
@given(parts=st.lists(PARTS, min_size=1, max_size=7))
def test_however_a_path_is_spelled_it_is_inside_where_it_leads_inside(tmp_path_factory, parts):
    home = Path(tmp_path_factory.getbasetemp()) / "home"
    (home / "a/b").mkdir(parents=True, exist_ok=True)
    path = Path(f"{home}/{'/'.join(parts)}")
    with named([home]):
        assert is_inside(path) is Path(os.path.realpath(path)).is_relative_to(os.path.realpath(home))
