"""The listing of a data set: the same files as pybids, in a hundredth of its time."""

from pathlib import Path

import pytest
from bids.layout import BIDSLayout, BIDSLayoutIndexer

from bids_app.dataset.files.layout import CONFIG, _ignored, build_index

FILES = (
    "participants.tsv",
    "dataset_description.json",
    "task-story_bold.json",
    "README",
    "sub-01_task-story_events.tsv",
    "sub-02_task-story_bold.nii.gz",
    "sub-01/sub-01_scans.tsv",
    "sub-01/func/sub-01_task-story_bold.nii.gz",
    "sub-01/func/more/sub-01_task-story_desc-x_bold.nii.gz",
    "sub-01/anat/sub-01_T1w.nii.gz",
    "sub-01/ses-a/sub-01_ses-a_scans.tsv",
    "sub-01/ses-a/ieeg/sub-01_ses-a_task-story_ieeg.edf",
    "sub-01/ses-a/dwi/sub-01_ses-a_dwi.nii.gz",
    "sub-011/func/sub-011_task-story_bold.nii.gz",
    "sub-02/func/sub-02_task-story_bold.nii.gz",
    "sub-03/func/sub-03_task-story_bold.nii.gz",
    "stimuli/story.wav",
    "derivatives/fmriprep/sub-01/func/sub-01_task-story_desc-preproc_bold.nii.gz",
    "code/func/sub-01_bold.json",
)


@pytest.fixture
def root(tmp_path):
    for name in FILES:
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "set/sub-01/func/sub-01_task-rest_bold.nii.gz").symlink_to("../nowhere")  # an unfetched annex file
    (tmp_path / "set/sub-04").symlink_to(tmp_path / "set/sub-03")
    return tmp_path / "set"


@pytest.mark.parametrize("participants", [("01",), ("01", "02", "04"), ("011",), ()])
def test_the_files_are_those_that_pybids_lists(root, participants):
    indexer = BIDSLayoutIndexer(validate=False, index_metadata=False, ignore=_ignored(participants))
    layout = BIDSLayout(root, validate=False, config=[str(CONFIG)], indexer=indexer)
    listed = {entry.path for entry in build_index(root, "raw", participants).entries}
    assert listed == set(map(Path, layout.files))


def test_a_folder_with_an_extension_is_one_recording(root):
    (root / "sub-01/ieeg/sub-01_task-story_ieeg.mefd/a.timd").mkdir(parents=True)
    entries = build_index(root, "raw", ("01",)).entries
    assert [entry.path.name for entry in entries if entry.suffix == "ieeg"] == [
        "sub-01_task-story_ieeg.mefd",
        "sub-01_ses-a_task-story_ieeg.edf",
    ]
