"""What is chosen of one participant hangs on nobody else."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.dataset.discovery.select import select
from bids_app.dataset.files.candidates import candidates_of
from bids_app.dataset.files.layout import build_index
from bids_app.errors import NothingMatched
from bids_app.records import RecordingQuery

FILES = (
    "func/{}_task-story_space-MNI_desc-preproc_bold.nii.gz",
    "func/{}_task-story_space-MNI_desc-sm6_bold.nii.gz",
    "func/{}_task-tale_space-MNI_desc-preproc_bold.nii.gz",
    "func/{}_task-story_space-T1w_desc-preproc_bold.nii.gz",
    "func/{}_task-story_desc-preproc_bold.nii.gz",
    "func/{}_task-story_echo-1_bold.nii.gz",
    "ieeg/{}_task-story_desc-highgamma_ieeg.fif",
    "ieeg/{}_task-story_desc-sm6_ieeg.fif",
    "ieeg/{}_space-MNI_electrodes.tsv",
    "ieeg/{}_space-Other_electrodes.tsv",
)
PEOPLE = ("01", "02", "03")
some_files = st.lists(st.sampled_from(FILES), unique=True, max_size=6)


def chosen(root, people, query):
    """Names and problems of what is selected; nothing where nothing matches."""
    index = build_index(root, "derivative", people)
    try:
        kept, _ = select(candidates_of(index), query, {}, index)
    except NothingMatched:
        return set()
    return {(one.path.name, one.problem) for one in kept}


@settings(max_examples=30)
@given(
    theirs=st.tuples(some_files, some_files, some_files),
    spaces=st.lists(st.sampled_from(["MNI", "T1w", "Other", "n/a"]), unique=True, max_size=2),
    desc=st.sampled_from([None, None, "sm6", "preproc", "highgamma"]),
    modality=st.sampled_from(["auto", "auto", "fmri", "ieeg"]),
    tasks=st.sampled_from([(), (), ("story",), ("tale",)]),
)
def test_all_together_are_each_alone(theirs, spaces, desc, modality, tasks):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for person, files in zip(PEOPLE, theirs, strict=True):
            for name in files:
                path = root / f"sub-{person}" / name.format(f"sub-{person}")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
        query = RecordingQuery(root, root, tasks=tasks, modality=modality, spaces=tuple(spaces), desc=desc)
        alone = [chosen(root, (person,), query) for person in PEOPLE]
        assert chosen(root, PEOPLE, query) == set().union(*alone)
