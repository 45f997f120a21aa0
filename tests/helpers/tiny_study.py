"""A small fMRI study on disk: people × runs of 40 voxels whose responses follow the word rate, 4 s late."""

import json

import nibabel as nib
import numpy as np
import soundfile

TR, N, SHAPE = 2.0, 70, (5, 4, 2)
AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
ANALYSIS = """\
name: tiny
features:
  rate: {kind: word_rate}
  loudness: {kind: melspectrogram, n_mels: 8, pca: 2}
response: {fmri: {confounds: motion, high_pass_s: 128}}
design: {fmri: {delays_s: [2, 4, 6], skip_onset_s: 10}}
fit: {candidates: 6, alphas: [0.01, 10000, 7]}
"""


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def words_of(run):
    """Word onsets (s) of a run's story: bursts and pauses, seeded."""
    rng = np.random.default_rng(run)
    gaps = rng.choice([0.3, 0.4, 0.5, 3.0], size=200, p=[0.35, 0.3, 0.25, 0.1])
    onsets = np.cumsum(gaps)
    return onsets[onsets < 120]


def write_stimulus(folder, run):
    onsets = words_of(run)
    table = "".join(f"w{number}\t{onset:.3f}\t{onset + 0.25:.3f}\n" for number, onset in enumerate(onsets))
    (folder / f"story{run}.tsv").write_text("word\tstart\tend\n" + table)
    audio = np.zeros(125 * 8000, dtype=np.float32)
    noise = np.random.default_rng(run).normal(size=len(audio)).astype(np.float32)
    for onset in onsets:
        audio[int(onset * 8000) : int((onset + 0.25) * 8000)] = 0.1
    soundfile.write(folder / f"story{run}.wav", audio * noise * 0.5, 8000)


def bold(run, seed):
    """(5, 4, 2, N): voxels with i < 3 follow the word rate, the others are noise."""
    rng = np.random.default_rng(100 * seed + run)
    edges = np.arange(N + 1) * TR - 4.0
    rate = np.histogram(words_of(run) + 0.25, edges)[0].astype(float)
    data = 100 + rng.normal(size=(*SHAPE, N))
    data[:3] += (rate - rate.mean()) / rate.std()
    return data.astype(np.float32)


def make_study(root, people=("01", "02"), runs=(1, 2, 3)):
    """Writes root/bids and root/tiny.yaml; returns (bids_dir, analysis file)."""
    bids, derivative = root / "bids", root / "bids" / "derivatives" / "fmriprep"
    write_json(bids / "dataset_description.json", {"Name": "tiny", "BIDSVersion": "1.10.0", "DatasetType": "raw"})
    write_json(
        derivative / "dataset_description.json",
        {"Name": "prep", "BIDSVersion": "1.10.0", "DatasetType": "derivative", "GeneratedBy": [{"Name": "fMRIPrep"}]},
    )
    (bids / "stimuli").mkdir()
    for run in runs:
        write_stimulus(bids / "stimuli", run)
    for number, person in enumerate(people):
        for run in runs:
            write_run(bids, derivative, person, run, bold(run, number))
    (root / "tiny.yaml").write_text(ANALYSIS)
    return bids, root / "tiny.yaml"


def write_run(bids, derivative, person, run, data):
    stem = f"sub-{person}_task-story_run-{run}"
    raw, func = bids / f"sub-{person}" / "func", derivative / f"sub-{person}" / "func"
    raw.mkdir(parents=True, exist_ok=True)
    func.mkdir(parents=True, exist_ok=True)
    (raw / f"{stem}_events.tsv").write_text(
        f"onset\tduration\ttrial_type\tstim_file\n0.0\t125\tstory\tstory{run}.wav\n"
    )
    space = f"{stem}_space-MNI152NLin2009cAsym"
    nib.save(nib.Nifti1Image(data, AFFINE), func / f"{space}_desc-preproc_bold.nii.gz")
    write_json(
        func / f"{space}_desc-preproc_bold.json", {"RepetitionTime": TR, "StartTime": 0.0, "TaskName": "story"}
    )
    nib.save(nib.Nifti1Image(np.ones(SHAPE, np.uint8), AFFINE), func / f"{space}_desc-brain_mask.nii.gz")
    rng = np.random.default_rng(run)
    names = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]
    table = ["\t".join(names), *("\t".join(f"{x:.6f}" for x in row) for row in rng.normal(size=(N, 6)) * 0.01)]
    (func / f"{stem}_desc-confounds_timeseries.tsv").write_text("\n".join(table) + "\n")
