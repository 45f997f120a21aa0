"""Nothing hangs on who else is in the run: participants one by one, then `group`, is all at once, in any order."""

import re
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_study import bold, make_study, write_json, write_run

from bids_app.cli.concord import main

ANALYSIS = """\
name: alone
features:
  rate: {kind: word_rate}
  length: {kind: word_length}
response: {fmri: {confounds: motion, high_pass_s: 128}}
design: {fmri: {delays_s: [2, 4], skip_onset_s: 10}}
fit: {solver: ridge, alphas: [0.01, 10000, 4]}
inference: {permutations: 15}
"""
TIMINGS = re.compile(rb'<section id="run">.*?</section>', re.DOTALL)
PEOPLE = ("01", "02", "03")


def outputs(out):
    """Path → bytes of everything but status, logs and durations."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    names = [path.relative_to(out).as_posix() for path in files]
    return {
        name: TIMINGS.sub(b"", path.read_bytes()) if name.endswith(".html") else path.read_bytes()
        for name, path in zip(names, files, strict=True)
        if not name.startswith(("status.", "logs/"))
    }


def concord(root, out, *more, levels=("participant",)):
    return main([str(root / "bids"), str(root / out), *levels, "--analysis", str(root / "alone.yaml"), *more])


def rewrite_events(bids, person, run, row):
    path = bids / f"sub-{person}" / "func" / f"sub-{person}_task-story_run-{run}_events.tsv"
    path.write_text(f"onset\tduration\ttrial_type\tstim_file\n{row}\n")


def in_session(bids, person, run):
    """The same run once more, in a session that nobody else has."""
    for root in (bids, bids / "derivatives/fmriprep"):
        folder = root / f"sub-{person}" / "ses-extra" / "func"
        folder.mkdir(parents=True)
        for path in (root / f"sub-{person}" / "func").glob(f"*_run-{run}_*"):
            shutil.copy(path, folder / path.name.replace(f"sub-{person}_", f"sub-{person}_ses-extra_"))


ODDITIES = {
    "an extra session": lambda bids, person: in_session(bids, person, 2),
    "a run less": lambda bids, person: [
        path.unlink() for path in (bids / f"derivatives/fmriprep/sub-{person}/func").glob("*_run-3_*_bold.nii.gz")
    ],
    "a story cut short": lambda bids, person: rewrite_events(bids, person, 1, "0\t70\tstory\tstory1.wav"),
    "a length not said": lambda bids, person: rewrite_events(bids, person, 2, "0\tn/a\tstory\tstory2.wav"),
    "a later story": lambda bids, person: rewrite_events(bids, person, 3, "6\t120\tstory\tstory3.wav"),
    "a run of another story": lambda bids, person: rewrite_events(bids, person, 3, "0\t125\tstory\tstory1.wav"),
    "another task too": lambda bids, person: other_task(bids, person),
    "nothing to hear": lambda bids, person: [
        path.unlink() for path in (bids / f"sub-{person}/func").glob("*_events.tsv")
    ],
    "as the others": lambda bids, person: None,
}  # fmt: skip


def other_task(bids, person):
    """A run of a task that has a name of its own."""
    write_run(bids, bids / "derivatives/fmriprep", person, 4, bold(2, 7))
    for root in (bids, bids / "derivatives/fmriprep"):
        for path in (root / f"sub-{person}" / "func").glob("*_run-4_*"):
            path.rename(path.with_name(path.name.replace("task-story_run-4", "task-tale")))
    events = bids / f"sub-{person}/func/sub-{person}_task-tale_events.tsv"
    events.write_text("onset\tduration\ttrial_type\tstim_file\n0\t125\tstory\tstory2.wav\n")


@pytest.mark.long
@settings(max_examples=3, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(
    oddities=st.lists(st.sampled_from(sorted(ODDITIES)), min_size=3, max_size=3),
    order=st.permutations(PEOPLE),
    sounds=st.booleans(),
)
def test_participants_one_by_one_are_all_at_once(oddities, order, sounds):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        bids, _ = make_study(root, PEOPLE)
        (root / "alone.yaml").write_text(ANALYSIS)
        for path in () if sounds else (bids / "stimuli").glob("*.wav"):
            path.unlink()
        for person, oddity in zip(PEOPLE, oddities, strict=True):
            ODDITIES[oddity](bids, person)
        write_json(bids / "participants.json", {})
        concord(root, "at_once", levels=("participant", "group"))
        for person in order:
            concord(root, "one_by_one", "--participant-label", person)
        concord(root, "one_by_one", levels=("group",))
        at_once, there = outputs(root / "at_once"), outputs(root / "one_by_one")
        assert there.keys() == at_once.keys()
        assert [name for name in there if there[name] != at_once[name]] == []
