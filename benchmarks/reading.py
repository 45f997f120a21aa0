"""Time of `--dry-run` on 300 people and 10,000 files: `python -m benchmarks.reading`.

Three runs of a story each, as fMRIPrep leaves them: volumes on a 2 mm grid with their masks, surfaces, confounds,
sidecars; raw sidecars and events; sounds of CD quality with a TextGrid. The files of people are links to one another
(sizes and headers are real, contents repeat). Every time is that of a whole process, imports included.
"""

from __future__ import annotations

import compileall
import json
import os
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

import bids_app
from benchmarks.bars import Bar, Measured, measure, run_bars

BIN = Path(sys.executable).parent
N_PEOPLE, RUNS, TR, N_VOLUMES = 300, (1, 2, 3), 1.5, 300
SPACE = "MNI152NLin2009cAsym_res-2"
LISTING = """
from pathlib import Path
from bids_app.dataset import find_recordings
from bids_app.records import RecordingQuery
print(len(find_recordings(RecordingQuery(Path({!r}), Path("/nowhere"))).recordings))
"""
ANALYSIS = """\
name: reading
features:
  acoustic: {kind: melspectrogram, n_mels: 20}
  phonetic: {kind: articulatory}
  rate: {kind: word_rate}
"""


def make_data_set(root: Path, n_people: int) -> int:
    """Writes root/bids and root/reading.yaml; returns the number of files."""
    bids, prep = root / "bids", root / "bids/derivatives/fmriprep"
    for folder, kind in ((bids, "raw"), (prep, "derivative")):
        folder.mkdir(parents=True)
        made = {"GeneratedBy": [{"Name": "fMRIPrep"}]} if kind == "derivative" else {}
        _json(folder / "dataset_description.json", {"Name": "r", "BIDSVersion": "1.10.0", "DatasetType": kind} | made)
    (root / "reading.yaml").write_text(ANALYSIS)
    (bids / "stimuli").mkdir()
    for run in RUNS:
        _story(bids / "stimuli", run)
    first = _originals(root / "originals")
    for number in range(1, n_people + 1):
        for run in RUNS:
            _person(bids, prep, first, f"{number:03d}", run)
    return sum(len(files) for _, _, files in os.walk(bids))


def _json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def _story(folder: Path, run: int) -> None:
    """7.5 minutes of noise, stereo at 44.1 kHz, and 1,200 words of three phones each."""
    import soundfile

    seconds, rate_hz = int(N_VOLUMES * TR), 44_100
    sound = np.random.default_rng(run).integers(-3000, 3000, (seconds * rate_hz, 1), dtype=np.int16)
    soundfile.write(folder / f"story{run}.wav", np.repeat(sound, 2, axis=1), rate_hz)
    tiers = {"words": np.linspace(0, seconds, 1201), "phones": np.linspace(0, seconds, 3601)}
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "0", str(seconds), "<exists>", "2"]
    for name, edges in tiers.items():
        lines += ['"IntervalTier"', f'"{name}"', "0", str(seconds), str(len(edges) - 1)]
        text = "word" if name == "words" else "AH0"
        for start, end in pairwise(edges):
            lines += [f"{start:.3f}", f"{end:.3f}", f'"{text}"']
    (folder / f"story{run}.TextGrid").write_text("\n".join(lines) + "\n")


def _originals(folder: Path) -> dict[str, Path]:
    """One of each kind of file."""
    import nibabel

    folder.mkdir()
    affine, shape = np.diag([2.0, 2.0, 2.0, 1.0]), (97, 115, 97)
    image = nibabel.Nifti1Image(np.zeros((*shape, N_VOLUMES), np.int16), affine)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((2, 2, 2, TR))
    nibabel.save(image, folder / "bold.nii.gz")
    mask = np.zeros(shape, np.uint8)
    mask[20:80, 20:95, 15:75] = 1
    nibabel.save(nibabel.Nifti1Image(mask, affine), folder / "mask.nii.gz")
    arrays = [nibabel.gifti.GiftiDataArray(np.zeros(10242, np.float32)) for _ in range(N_VOLUMES)]
    nibabel.save(nibabel.gifti.GiftiImage(darrays=arrays), folder / "bold.func.gii")
    names = [f"{motion}_{axis}" for motion in ("trans", "rot") for axis in "xyz"]
    names += [f"a_comp_cor_{number:02d}" for number in range(60)]
    values = np.random.default_rng(0).normal(size=(N_VOLUMES, len(names)))
    table = ["\t".join(names), *("\t".join(f"{value:.8f}" for value in row) for row in values)]
    (folder / "confounds.tsv").write_text("\n".join(table) + "\n")
    _json(folder / "sidecar.json", {"RepetitionTime": TR, "StartTime": TR / 2, "SliceTimingCorrected": True})
    return {path.name: path for path in folder.iterdir()}


def _person(bids: Path, prep: Path, first: dict[str, Path], label: str, run: int) -> None:
    """One run of one person: 3 raw files and 8 derived ones."""
    stem = f"sub-{label}_task-story_run-{run}"
    raw, func = bids / f"sub-{label}/func", prep / f"sub-{label}/func"
    raw.mkdir(parents=True, exist_ok=True)
    func.mkdir(parents=True, exist_ok=True)
    seconds = int(N_VOLUMES * TR)
    (raw / f"{stem}_events.tsv").write_text(
        f"onset\tduration\ttrial_type\tstim_file\n0.0\t{seconds}\tstory\tstory{run}.wav\n"
    )
    links = {
        raw / f"{stem}_bold.json": "sidecar.json",
        raw / f"{stem}_bold.nii.gz": "bold.nii.gz",
        func / f"{stem}_space-{SPACE}_desc-preproc_bold.nii.gz": "bold.nii.gz",
        func / f"{stem}_space-{SPACE}_desc-preproc_bold.json": "sidecar.json",
        func / f"{stem}_space-{SPACE}_desc-brain_mask.nii.gz": "mask.nii.gz",
        func / f"{stem}_hemi-L_space-fsaverage5_bold.func.gii": "bold.func.gii",
        func / f"{stem}_hemi-R_space-fsaverage5_bold.func.gii": "bold.func.gii",
        func / f"{stem}_space-fsaverage5_bold.json": "sidecar.json",
        func / f"{stem}_desc-confounds_timeseries.tsv": "confounds.tsv",
        func / f"{stem}_desc-confounds_timeseries.json": "sidecar.json",
    }
    for path, name in links.items():
        os.link(first[name], path)


def reading(quick: bool) -> list[Bar]:
    """Dry runs of one person and of all, before and after there is a cache; `quick`: of 30 people."""
    compileall.compile_dir(Path(bids_app.__file__).parent, quiet=1)  # as pip does when it installs a program
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        n_files = make_data_set(root, 30 if quick else N_PEOPLE)
        print(f"{n_files} files")
        listing = LISTING.format(str(root / "bids"))
        ran = {
            "one person": _dry_run(root, "one", "--participant-label", "007"),
            "one person, again": _dry_run(root, "one", "--participant-label", "007"),
            "listing of all": measure([sys.executable, "-c", listing], root / "log"),
            "all": _dry_run(root, "all"),
            "all, again": _dry_run(root, "all"),
        }
    for name, one in ran.items():
        print(f"{name}: {one.cpu_s:.1f} s of processor time, {one.peak_mb:.0f} MB")
    limits = {"one person": 3, "one person, again": 3, "listing of all": 10, "all": 70, "all, again": 10}
    bars = [Bar(f"reading-{name.replace(', ', '-').replace(' ', '-')}", one.seconds, limits[name], "s")
            for name, one in ran.items()]  # fmt: skip
    return [Bar("reading-exit", sum(one.code for one in ran.values()), 0, "code"), *bars]


def _dry_run(root: Path, out: str, *more: str) -> Measured:
    command = [str(BIN / "concord"), str(root / "bids"), str(root / out), "participant", "--dry-run"]
    return measure([*command, "--analysis", str(root / "reading.yaml"), *more], root / f"{out}.log")


if __name__ == "__main__":
    sys.exit(run_bars({"reading": reading}))
