"""One recording, one row: whatever is wrong with it, in one line; and which links may lead somewhere."""

import csv
import json
import os

import nibabel as nib
import numpy as np
import pytest
from tiny_study import make_study

from bids_app.cli.concord import main
from bids_app.pipeline.runs import load_runs

STEM = "sub-01_task-story_run-{}"
SPACE = "_space-MNI152NLin2009cAsym_desc-"
ANALYSIS = """
name: tiny
features:
  rate: {kind: word_rate}
  mine: {kind: file, path: "{stem}.npy", rate_hz: 2}
response: {fmri: {confounds: motion, high_pass_s: 128}}
design: {fmri: {delays_s: [4], skip_onset_s: 10}}
fit: {candidates: 2, alphas: [0.01, 10000, 3]}
"""
DEEP = "[" * 100_000


class Study:
    """Paths of one run's files, and what may be done to them."""

    def __init__(self, root, run):
        self.root, self.run, self.bids = root, run, root / "bids"
        func = self.bids / "derivatives" / "fmriprep" / "sub-01" / "func"
        stem = STEM.format(run)
        self.bold, self.sidecar = (func / f"{stem}{SPACE}preproc_bold{end}" for end in (".nii.gz", ".json"))
        self.mask = func / f"{stem}{SPACE}brain_mask.nii.gz"
        self.confounds = func / f"{stem}_desc-confounds_timeseries.tsv"
        self.events = self.bids / "sub-01" / "func" / f"{stem}_events.tsv"
        self.words, self.sound, self.mine = (
            self.bids / "stimuli" / f"story{run}{end}" for end in (".tsv", ".wav", ".npy")
        )

    def move(self, path, place):
        """A file elsewhere, and a link to it in its place."""
        there = place / f"{self.run}-{path.name}"
        there.parent.mkdir(parents=True, exist_ok=True)
        path.rename(there)
        path.symlink_to(there)

    def rewrite(self, path, text):
        path.unlink(missing_ok=True)
        path.write_text(text)

    def rename_stimulus(self, name):
        self.rewrite(self.events, f"onset\tduration\ttrial_type\tstim_file\n0.0\t125\tstory\t{name}\n")


def outside(what):
    return lambda study: study.move(getattr(study, what), study.root / "outside")


def pipe(what):
    def make(study):
        getattr(study, what).unlink()
        os.mkfifo(getattr(study, what))

    return make


def transcript(ending, text):
    def write(study):
        study.words.unlink()
        study.rewrite(study.words.with_suffix(ending), text)

    return write


def textgrid(count):
    header = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0 125 <exists> 1 "IntervalTier" "words" '
    return f'{header}0 125 {count} 0 1 "a"'


def claim(study):
    image = nib.load(study.bold)
    image.header["dim"][1:5] = 30_000, 30_000, 30_000, 70
    with nib.openers.Opener(study.bold, "wb") as file:
        image.header.write_to(file)
        file.write(b"\0" * 10_000)


def nan_features(study):
    values = np.load(study.mine)
    values[5] = np.nan
    np.save(study.mine, values)


REFUSED = {
    "deep sidecar": (lambda study: study.rewrite(study.sidecar, DEEP), "JSON cannot be read"),
    "sidecar elsewhere": (outside("sidecar"), "leads out of the data set"),
    "responses elsewhere": (outside("bold"), "leads out of the data set"),
    "mask elsewhere": (outside("mask"), "leads out of the data set"),
    "confounds elsewhere": (outside("confounds"), "leads out of the data set"),
    "events elsewhere": (outside("events"), "leads out of the data set"),
    "words elsewhere": (outside("words"), "leads out of the data set"),
    "features elsewhere": (outside("mine"), "leads out of the data set"),
    "sound elsewhere": (outside("sound"), "leads out of the data set"),
    "responses are a pipe": (pipe("bold"), "a pipe"),
    "sidecar is a pipe": (pipe("sidecar"), "a pipe"),
    "confounds are a pipe": (pipe("confounds"), "a pipe"),
    "words are a pipe": (pipe("words"), "a pipe"),
    "features are a pipe": (pipe("mine"), "a pipe"),
    "a header that claims too much": (claim, "its header claims"),
    "a count without end": (transcript(".TextGrid", textgrid("1e999")), "TextGrid is cut off or damaged"),
    "a count beyond the file": (transcript(".TextGrid", textgrid("1e15")), "TextGrid is cut off or damaged"),
    "a deep transcript": (transcript(".json", DEEP), "JSON cannot be read"),
    "a name with NUL": (lambda study: study.rename_stimulus("a\0b.wav"), "no name of a file"),
    "a name that climbs": (lambda study: study.rename_stimulus("../../outside/x.wav"), "leaves /stimuli"),
    "an absolute name": (lambda study: study.rename_stimulus("/etc/passwd"), "leaves /stimuli"),
    "a feature that is no number": (nan_features, "NaN"),
}  # fmt: skip
PLANTED = {"memory": MemoryError(), "recursion": RecursionError("too deep"), "a bug": ZeroDivisionError("planted")}
SAID = {"memory": "out of memory", "recursion": "a bug of Concord: RecursionError", "a bug": "ZeroDivisionError"}


def annexed(study):
    study.move(study.bold, study.bids / ".git" / "annex" / "objects")


def in_a_named_folder(study):
    study.move(study.sound, study.root / "named")


def numbered_columns(study):
    study.rewrite(study.events, "onset\tduration\t1\t2\tstim_file\n0.0\t125\t0\t0\t" + f"story{study.run}.wav\n")


FINE = {"annexed": annexed, "in a named folder": in_a_named_folder, "columns called by numbers": numbered_columns}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """Every case is a run of one participant: (exit code, rows of status.tsv, run of each case, what was printed)."""
    root = tmp_path_factory.mktemp("study")
    cases = {**REFUSED, **PLANTED, **FINE}
    runs = {name: number for number, name in enumerate(cases, start=4)}
    make_study(root, ("01",), (1, 2, 3, *runs.values()))
    (root / "tiny.yaml").write_text(ANALYSIS)
    (root / "named").mkdir()
    rng = np.random.default_rng(0)
    for run in (1, 2, 3, *runs.values()):
        np.save(Study(root, run).mine, rng.normal(size=(250, 1)))
    for name, (spoil, _) in REFUSED.items():
        spoil(Study(root, runs[name]))
    for name, change in FINE.items():
        change(Study(root, runs[name]))
    read = load_runs.dataset.load_response

    def sometimes(recording, *rest):
        planted = [error for name, error in PLANTED.items() if f"run-{runs[name]}_" in recording.label]
        if planted:
            raise planted[0]
        return read(recording, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load_runs.dataset, "load_response", sometimes)
        given = [str(root / "bids"), str(root / "out"), "participant", "--analysis", str(root / "tiny.yaml")]
        code = main([*given, "--model-dir", str(root / "named")])
    with (root / "out" / "status.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    summary = json.loads(next((root / "out" / "logs").glob("*_unit.json")).read_text())
    return code, rows, runs, summary


def rows_of(outcome, name):
    _, rows, runs, _ = outcome
    return [row for row in rows if f"_run-{runs[name]}_" in row["unit"]]


def test_the_rest_is_done_and_the_code_is_1(outcome):
    code, rows, _, _ = outcome
    assert code == 1
    assert [row["unit"] for row in rows if row["status"] == "done"] == ["sub-01_task-story_space-MNI152NLin2009cAsym"]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_with_a_recording_costs_its_row(outcome, name):
    (row,) = rows_of(outcome, name)
    assert row["status"] == "failed"
    assert REFUSED[name][1] in row["reason"]
    assert "bug" not in row["reason"]


@pytest.mark.parametrize("name", PLANTED)
def test_whatever_is_raised_costs_its_row(outcome, name):
    (row,) = rows_of(outcome, name)
    assert row["status"] == "failed"
    assert SAID[name] in row["reason"]


@pytest.mark.parametrize("name", FINE)
def test_what_is_fine_is_fitted(outcome, name):
    assert rows_of(outcome, name) == []
    assert f"_run-{outcome[2][name]}_" in json.dumps(outcome[3]["provenance"])
