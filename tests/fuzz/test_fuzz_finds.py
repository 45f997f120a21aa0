"""What fuzzing found once, each case by itself: it stays mended."""

import pytest
from fuzz_parsers import fault_of
from fuzz_samples import make_samples
from fuzz_spoil import Spoiling
from fuzz_studies import Case, concord, faults_of, make_fuzz_study
from quick_study import quick_runs

SUB_02 = "bids/derivatives/fmriprep/sub-02/func/sub-02_task-story_run-1_space-MNI152NLin2009cAsym_desc-preproc_bold"
MAP = "out/sub-01/func/sub-01_task-story_space-MNI152NLin2009cAsym_stat-product_statmap.nii.gz"
IEEG = "derivatives/hga/sub-01/ieeg/sub-01_task-story_desc-highgamma_ieeg"
BOLD = "derivatives/fmriprep/sub-01/func/sub-01_task-story_space-MNI152NLin2009cAsym_desc-preproc_bold"
STUDIES = {
    "a pipe in the place of a map that was written": (True, [(MAP, "as_pipe", ())]),
    "half a character in a word of a JSON": (False, [("bids/stimuli/story1.json", "key", (2, '"\\ud800"'))]),
    "an affine that is not finite": (
        False,
        [(f"{SUB_02.replace('run-1', 'run-2')}.nii.gz", "nifti_field", ("srow_x", 0, float("inf")))],
    ),
    "a name that is no UTF-8": (False, [(f"{SUB_02}.json", "renamed", ("\udcff.tsv",))]),
}
PARSED = {
    "a BrainVision file without samples": (
        "dataset:whole recordings",
        "brainvision",
        [(f"{IEEG}.eeg", "replaced", ("\x15M7",))],
    ),
    "a channels.tsv without channels": (
        "dataset:whole recordings",
        "brainvision",
        [("sub-01/ieeg/sub-01_task-story_channels.tsv", "rows_kept", (1,))],
    ),
    "a derivative that a number has made": (
        "dataset:whole recordings",
        "dtseries",
        [("derivatives/fmriprep/dataset_description.json", "key", (9, "-4.8881413710115624e+16"))],
    ),
    "a map whose header knows no such type": (
        "outputs/files/images.py:read_volume",
        "volume",
        [(f"{BOLD}.nii.gz", "nifti_field", ("datatype", 0, -54))],
    ),
    "a unit of time that NIfTI does not have": (
        "dataset/responses/volumes.py:header_period_s",
        "volume",
        [(f"{BOLD}.nii.gz", "nifti_field", ("xyzt_units", 5, 10000000.0))],
    ),
}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    root = make_fuzz_study(tmp_path_factory.mktemp("fuzz"))
    with quick_runs():
        assert concord(root)[0] == 0
        yield root


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    return make_samples(tmp_path_factory.mktemp("samples"))


@pytest.mark.parametrize("what", STUDIES)
def test_a_data_set_that_was_found(what, pristine, tmp_path):
    again, spoilings = STUDIES[what]
    assert faults_of(Case("run", again, tuple(map(Spoiling.of, spoilings))), pristine, tmp_path) == []


@pytest.mark.parametrize("what", PARSED)
def test_a_file_that_was_found(what, samples, tmp_path):
    parser, sample, spoilings = PARSED[what]
    assert fault_of(parser, (sample, [Spoiling.of(one) for one in spoilings]), samples, tmp_path) == ""
