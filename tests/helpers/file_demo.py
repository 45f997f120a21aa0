"""A study whose features come as files, with truth in closed form: nothing of the extraction, nothing of the demo.

Four spaces are rotations of independent latents. A latent that several spaces hold is exactly what they share, so the
share of a target's variance that it drives is, by itself, one component of the partition.
"""

import json
from itertools import combinations
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import butter, lfilter, sosfiltfilt

SPACES = ("one", "two", "three", "four")
LATENTS = ("one", "two", "three", "four", "one two", "three four", "two three four")  # by the spaces that hold them
TR, START_S, N_VOLUMES, RUNS = 1.5, 0.75, 200, (1, 2, 3, 4)
ONSET_S, STORY_S, RATE_HZ = 3.0, 290.0, 10.0
HRF = {3.0: 1.0, 4.5: -0.8}  # with an undershoot: no other delays can stand in for these
N_PLANTED, N_NOISE = 70, 20
ANALYSIS = """\
name: files
features:
  one: {kind: file, path: "{stem}_one.npy", rate_hz: 10}
  two: {kind: file, path: "{stem}_two.npy", rate_hz: 10}
  three: {kind: file, path: "{stem}_three.npy", rate_hz: 10}
  four: {kind: file, path: "{stem}_four.npy", rate_hz: 10}
response: {fmri: {confounds: none, high_pass_s: null}}
design: {fmri: {delays_s: [3, 4.5]}}
fit: {candidates: 20, alphas: [0.1, 1000000, 12]}
"""


def latents(run):
    """(n_rows, n_latents) unit variance, nothing above 0.2 Hz, so that resampling to the TR loses nothing."""
    white = np.random.default_rng((1, run)).normal(size=(round(STORY_S * RATE_HZ), len(LATENTS)))
    slow = sosfiltfilt(butter(6, 0.2, fs=RATE_HZ, output="sos"), white, axis=0)
    return (slow - slow.mean(0)) / slow.std(0)


def space(name, hidden):
    """(n_rows, n_dims): the latents that this space holds, rotated among each other."""
    held = [column for column, holders in enumerate(LATENTS) if name in holders.split()]
    rotation = np.linalg.qr(np.random.default_rng(SPACES.index(name)).normal(size=(len(held), len(held))))[0]
    return (hidden[:, held] @ rotation).astype(np.float32)


def shares():
    """(n_latents, n_targets) of each target's variance: one latent or two, at 0.2 to 0.8 in all; noise-only last."""
    rng = np.random.default_rng(2)
    planted = np.zeros((len(LATENTS), N_PLANTED + N_NOISE))
    for target in range(N_PLANTED):
        first, second = target % len(LATENTS), rng.integers(len(LATENTS))
        part = rng.uniform(0.6, 1.0)
        planted[first, target] += part
        planted[second, target] += 1 - part
    planted[:, :N_PLANTED] *= rng.uniform(0.2, 0.8, N_PLANTED)
    return planted


def component(holders):
    """The name of what these spaces, and no other, hold: `uniqueOne`, `sharedOneTwo`."""
    return ("unique" if len(holders) == 1 else "shared") + "".join(map(str.capitalize, holders))


def truth():
    """{component: (n_targets,)} for full, every space and every part."""
    planted = shares()
    holders = [tuple(latent.split()) for latent in LATENTS]
    values = {"full": planted.sum(0)}
    values |= {name: planted[[name in held for held in holders]].sum(0) for name in SPACES}
    for size in range(1, 5):
        for chosen in combinations(SPACES, size):
            values[component(chosen)] = planted[[held == chosen for held in holders]].sum(0)
    return values


def responses(run, start_s=START_S):
    """(n_volumes, n_targets): latents under the HRF by linear interpolation (not the code under test), noise."""
    hidden, rows_s = latents(run), ONSET_S + np.arange(round(STORY_S * RATE_HZ)) / RATE_HZ
    times_s = start_s + TR * np.arange(N_VOLUMES)
    driven = sum(
        weight * np.stack([np.interp(times_s - delay, rows_s, column) for column in hidden.T], axis=1)
        for delay, weight in HRF.items()
    )
    long = np.concatenate([latents(other) for other in range(100, 120)])  # the size of a signal, over many stories
    spread = np.sqrt(np.mean(sum(w * np.roll(long, round(d * RATE_HZ), axis=0) for d, w in HRF.items()) ** 2))
    planted = shares()
    rng = np.random.default_rng((3, run))
    white = rng.normal(size=(N_VOLUMES + 50, planted.shape[1]))
    noise = lfilter([np.sqrt(1 - 0.3**2)], [1, -0.3], white, axis=0)[50:]
    return driven / spread @ np.sqrt(planted) + noise * np.sqrt(1 - planted.sum(0))


def make_file_demo(root: Path) -> tuple[Path, Path]:
    """Writes root/bids and root/files.yaml; returns both."""
    bids, derivative = root / "bids", root / "bids" / "derivatives" / "parcels"
    func = derivative / "sub-01" / "func"
    for folder in (bids / "stimuli", bids / "sub-01" / "func", func):
        folder.mkdir(parents=True)
    description = {"Name": "files", "BIDSVersion": "1.10.0"}
    _json(bids / "dataset_description.json", {**description, "DatasetType": "raw"})
    generated = {"DatasetType": "derivative", "GeneratedBy": [{"Name": "parcels"}]}
    _json(derivative / "dataset_description.json", {**description, **generated})
    for run in RUNS:
        hidden = latents(run)
        for name in SPACES:
            np.save(bids / "stimuli" / f"story{run}_{name}.npy", space(name, hidden))
        soundfile.write(bids / "stimuli" / f"story{run}.wav", _hum(), 1000)
        stem = f"sub-01_task-story_run-{run}"
        events = f"onset\tduration\ttrial_type\tstim_file\n{ONSET_S}\t{STORY_S}\tstory\tstory{run}.wav\n"
        (bids / "sub-01" / "func" / f"{stem}_events.tsv").write_text(events)
        values = responses(run)
        header = "\t".join(f"P{number}" for number in range(values.shape[1]))
        np.savetxt(
            func / f"{stem}_seg-Toy_timeseries.tsv", values, "%.5f", delimiter="\t", header=header, comments=""
        )
        _json(func / f"{stem}_seg-Toy_timeseries.json", {"RepetitionTime": TR, "StartTime": START_S})
    (root / "files.yaml").write_text(ANALYSIS)
    return bids, root / "files.yaml"


def _hum():
    return 0.1 * np.sin(np.arange(round(STORY_S * 1000)) / 5)


def _json(path, content):
    path.write_text(json.dumps(content))
