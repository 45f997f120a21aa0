"""A study that goes the whole line in seconds, and OUT_DIRs compared: all files, hidden ones too."""

import csv
import hashlib
import json
import os
import re
from contextlib import contextmanager, suppress

import nibabel as nib
import numpy as np
import pytest
from tiny_study import make_study

from bids_app.cli.concord import main
from bids_app.outputs.files.serialise import PROOF, hash_of

PEOPLE = ("01", "02", "03")
ANALYSIS = """\
name: quick
features:
  rate: {kind: word_rate}
  length: {kind: word_length}
response: {fmri: {confounds: motion, high_pass_s: 128}}
design: {fmri: {delays_s: [2, 4], skip_onset_s: 10}}
fit: {solver: ridge, alphas: [0.01, 10000, 4]}
inference: {permutations: 15}
baseline: {spaces: [word_rate], autocorrelation: false}
"""
DERIVATIVES = "bids/derivatives/fmriprep"
SPACE = "space-MNI152NLin2009cAsym"
RUN_SECTION = re.compile(r'<section id="run">.*?</section>', re.DOTALL)


def stem(person):
    return f"sub-{person}_task-story_{SPACE}"


def make_quick_study(root, people=PEOPLE, runs=(1, 2)):
    make_study(root, people, runs)
    (root / "quick.yaml").write_text(ANALYSIS)
    return root


def concord(root, *levels, out="out"):
    return main([str(root / "bids"), str(root / out), *levels, "--analysis", str(root / "quick.yaml")])


@contextmanager
def plain_brains():
    """Brains take most of the time of so small a study: in their place a text that hangs on their numbers."""

    def brain_maps(targets, maps, label):
        digest = hashlib.sha256("".join(f"{name}{np.asarray(maps[name]).tolist()}" for name in maps).encode())
        return f"<svg>{digest.hexdigest()}</svg>".encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bids_app.outputs.figures.maps.brain_maps", brain_maps)
        patch.setattr("bids_app.outputs.report.brain.brain_page", lambda *said: None)
        yield


@contextmanager
def quick_runs():
    """Without what takes most of the time of so small a study: drawing, and waiting for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("canvas", "charts", "layers", "minute", "model_pair", "maps", "glass"):
            patch.setattr(f"bids_app.outputs.figures.{module}.svg_bytes", lambda figure: b"<svg/>", raising=False)
        patch.setattr("bids_app.outputs.figures.maps.brain_maps", lambda targets, maps, label: b"<svg/>")
        patch.setattr("bids_app.outputs.report.brain.brain_page", lambda *said: None)
        patch.setattr(os, "fsync", lambda number: None)
        yield


def settled(path):
    """A file's content without what differs from run to run: durations, memory, and whether a unit was reused."""
    if path.suffix == ".html":
        return RUN_SECTION.sub("", path.read_text())
    if path.name in ("status.tsv", "status.json"):
        with suppress(ValueError, OSError):  # a test has broken it
            rows = json.loads(path.with_suffix(".json").read_text())
            return [(row["unit"], row["status"].replace("reused", "done"), row["reason"]) for row in rows]
    if path.name.endswith("_unit.json"):
        with suppress(ValueError):  # a test has broken it
            content = json.loads(path.read_text())
            return {key: value for key, value in content.items() if key not in ("effort", "sha256")}
    return path.read_bytes()


def contents(out):
    """Every file's content by its name, logs of runs apart."""
    files = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return {name: settled(path) for name, path in files.items() if not name.endswith(".log") and name != "plan.json"}


def differences(out, other):
    """Names of files that are not the same in both, or in one alone."""
    one, two = contents(out), contents(other)
    return sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))


# ------------------------------------------------------------------------------------------------ where things are
def rows(root):
    with (root / "out/status.tsv").open() as table:
        return {row["unit"]: row for row in csv.DictReader(table, delimiter="\t")}


def counted(root):
    (group,) = json.loads((root / "out/logs/group.json").read_text())["groups"]
    return tuple(group["participants"])


def func(root, person, ending):
    return root / f"out/sub-{person}/func/{stem(person)}_{ending}"


def response(root, person, run, ending="_desc-preproc_bold.nii.gz"):
    return root / DERIVATIVES / f"sub-{person}/func/sub-{person}_task-story_run-{run}_{SPACE}{ending}"


def summary(root, person="02"):
    return root / f"out/logs/{stem(person)}_unit.json"


def cut(path, share=0.5):
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])


def edit_map(root):
    path = func(root, "02", "stat-rsquared_desc-full_statmap.nii.gz")
    image = nib.load(path)
    values = image.get_fdata().astype(np.float32)
    values[1, 1, 1] = 0.99
    nib.save(nib.Nifti1Image(values, image.affine, image.header), path)


def replace_text(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def rehashed(root, change, person="02"):
    """A summary edited by someone who knew how its hash is made."""
    content = json.loads(summary(root, person).read_text())
    del content[PROOF]
    change(content)
    summary(root, person).write_text(json.dumps(content | {PROOF: hash_of(content)}))


def change_word(root):
    replace_text(root / "bids/stimuli/story1.tsv", "w3\t", "longerword\t")
