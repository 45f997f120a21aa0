"""The demo data set: DIR/bids, DIR/models and DIR/truth.tsv, made on the spot and the same each time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import lfilter, resample

from bids_app.demo import fmri, ieeg
from bids_app.demo.files import describe_dataset, write_table
from bids_app.demo.fmri import Places
from bids_app.demo.models import make_models
from bids_app.demo.planting import KINDS, Plant, Sources, cleaned_run, make_sources, true_components
from bids_app.demo.sample import FMRI, IEEG, Grid, Story, start_helpers, tell_stories
from bids_app.demo.text import write_run
from bids_app.demo.voice import RATE_HZ
from bids_app.records import Array, Intervals

VERSION = "4"  # of what is made; a folder with this marker is complete and kept
REFERENCE_SEED = 1
DEMO_SEED = 4  # of eleven tried: its signals planted together correlate as in the reference (±.07; others, ±.2)
N_RUNS, N_REFERENCE = 4, 12  # stories heard, and others for directions and truth: three times as long
HRF = (0.1, 0.45, 0.35, 0.1)  # over the delays of sample.FMRI
LATENCY = (0.1, 0.5, 0.3, 0.1, 0.0)  # over the lags of sample.IEEG
AR = {"fmri": 0.4, "ieeg": 0.5}  # first-order autocorrelation of the noise, from sample to sample of the analysis
FMRI_PARTICIPANTS, IEEG_PARTICIPANTS = ("01", "02", "03"), ("04", "05")
CEILINGS = (0.3, 0.8)  # the range of the explainable share of variance of planted targets
REGIONS = {  # what is planted where: kinds a target may carry, in turn
    "temporal": ("low_level", "speech", "low_level+speech", "shared"),
    "posterior": ("semantic", "shared", "semantic+language", "shared2"),
    "frontal": ("language", "shared", "semantic+language", "speech+language"),
    "elsewhere": ("", "", "", ""),
}


def make_demo(folder: Path) -> None:
    """Write the demo data set into `folder`; a complete one is kept, an interrupted one is made anew.

    Raises NoInput where the demo extra is not installed.
    """
    marker = folder / "bids" / ".complete"
    if marker.is_file() and marker.read_text(encoding="utf-8") == VERSION:
        return
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    _make(part)
    (part / "bids" / ".bidsignore").write_text(".complete\n", encoding="utf-8")
    for name in ("models", "truth.tsv", "bids"):
        target = folder / name
        shutil.rmtree(target, ignore_errors=True) if target.is_dir() else target.unlink(missing_ok=True)
        (part / name).replace(target)
    part.rmdir()
    marker.write_text(VERSION, encoding="utf-8")


def _make(folder: Path) -> None:
    start_helpers()
    scenes = [write_run(REFERENCE_SEED, run) for run in range(N_REFERENCE)]
    make_models(
        folder / "models", [" ".join(sentence.words) for run in scenes for scene in run for sentence in scene]
    )
    runs = [(DEMO_SEED, run) for run in range(N_RUNS)] + [(REFERENCE_SEED, run) for run in range(N_REFERENCE)]
    stories = tell_stories(folder / "models", runs, workers=min(4, os.cpu_count() or 1))
    heard, reference = stories[:N_RUNS], stories[N_RUNS:]
    bids = folder / "bids"
    describe_dataset(bids, "Concord's demo: a narrated story with planted responses")
    participants = [[f"sub-{participant}"] for participant in (*FMRI_PARTICIPANTS, *IEEG_PARTICIPANTS)]
    write_table(bids / "participants.tsv", ("participant_id",), participants)
    stimuli = [_write_stimulus(bids / "stimuli", f"story{run}", story) for run, story in enumerate(heard, start=1)]
    with ThreadPoolExecutor(2) as pool:
        planted = [pool.submit(plant, bids, stimuli, heard, reference) for plant in (_plant_ieeg, _plant_fmri)]
        in_ieeg, in_fmri = (one.result() for one in planted)
    columns = ("participant", "modality", "space", "target", "component", "rsquared")
    write_table(folder / "truth.tsv", columns, [*in_fmri, *in_ieeg])


def _write_stimulus(folder: Path, name: str, story: Story) -> str:
    """The sound and a TextGrid beside it; returns the stim_file."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / f"{name}.wav", story.speech.audio, RATE_HZ, subtype="PCM_16")
    end = len(story.speech.audio) / RATE_HZ
    tiers = {"words": story.speech.words, "phones": story.speech.phones}
    (folder / f"{name}.TextGrid").write_text(text_grid(tiers, end), encoding="utf-8")
    return f"{name}.wav"


def text_grid(tiers: Mapping[str, Intervals], end_s: float) -> str:
    """A Praat TextGrid in its long form, one interval tier a table; pauses are intervals without text.

    Parameters
    ----------
    tiers : name → words or phones.
    end_s : seconds of sound.
    """
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {end_s:.6f}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, table) in enumerate(tiers.items(), start=1):
        rows = _without_gaps(table, end_s)
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        lines += ["        xmin = 0", f"        xmax = {end_s:.6f}", f"        intervals: size = {len(rows)}"]
        for index, (start, stop, text) in enumerate(rows, start=1):
            lines += [f"        intervals [{index}]:", f"            xmin = {start:.6f}"]
            lines += [f"            xmax = {stop:.6f}", f'            text = "{text}"']
    return "\n".join(lines) + "\n"


def _without_gaps(table: Intervals, end_s: float) -> list[tuple[float, float, str]]:
    rows, at = [], 0.0
    for onset, offset, text in zip(table.onset_s, table.offset_s, table.text, strict=True):
        if onset > at + 1e-6:
            rows.append((at, float(onset), ""))
        rows.append((float(onset), float(offset), text))
        at = float(offset)
    return [*rows, (at, end_s, "")] if end_s > at + 1e-6 else rows


# ------------------------------------------------------------------------------------------------ responses
def region_of(xyz_mm: Array) -> str:
    """A coarse name for a place in MNI space."""
    x, y, z = xyz_mm
    if abs(x) > 40 and -45 <= y <= 8 and z <= 14:
        return "temporal"
    if y < -40:
        return "posterior"
    return "frontal" if y > 12 and abs(x) > 20 else "elsewhere"


def plan_plants(xyz_mm: Array, seed: int) -> list[Plant]:
    """One plant a target: kinds by region, in turn, at ceilings drawn evenly from CEILINGS.

    Parameters
    ----------
    xyz_mm : (n, 3) places of the targets.
    seed : of the order of targets and of the ceilings.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(xyz_mm))
    counts = dict.fromkeys(REGIONS, 0)
    plants = [Plant({}, 0.0)] * len(xyz_mm)
    for target in order:
        region = region_of(xyz_mm[target])
        kinds = REGIONS[region][counts[region] % len(REGIONS[region])]
        counts[region] += 1
        weights = {kind: 1 / np.sqrt(kinds.count("+") + 1) for kind in kinds.split("+") if kind in KINDS}
        plants[target] = Plant(weights, float(rng.uniform(*CEILINGS)) if weights else 0.0)
    return plants


@dataclass(frozen=True)
class Stage:
    """A grid with its planted signals on the stories heard and on the reference.

    Parameters
    ----------
    grid : when responses are sampled.
    sources : planted signals.
    heard : stories of the demo's runs.
    reference : stories that the planted amounts are measured on.
    """

    grid: Grid
    sources: Sources
    heard: Sequence[Story]
    reference: Sequence[Story]

    def responses(self, plants: Sequence[Plant], noise_ar: float, seed: int) -> list[Array]:
        """Signal and noise whose variances, cleaned, are as the ceilings say.

        Parameters
        ----------
        plants : one a target.
        noise_ar : autocorrelation of the noise from sample to sample.
        seed : of the noise.

        Returns
        -------
        Per run (n_samples, n_targets).
        """
        rng = np.random.default_rng(seed)
        ceilings = np.array([plant.ceiling for plant in plants])
        signals = np.stack([plant.signal(self.sources.demo) for plant in plants], axis=1)
        signals = signals.reshape(len(self.heard), self.grid.n_samples, len(plants))
        kept = [self.grid.used(story) for story in self.heard]
        cleaned = [cleaned_run(run[keep], self.grid.drift[keep]) for run, keep in zip(signals, kept, strict=True)]
        spread = np.concatenate(cleaned).std(axis=0)
        gain = np.sqrt(ceilings) / np.where(spread > 0, spread, 1.0)
        left = np.sqrt((1 - ceilings) / self._noise_left(noise_ar))
        return [run * gain + noise(rng, run.shape, noise_ar) * left for run in signals]

    def _noise_left(self, noise_ar: float) -> float:
        """The share of the noise's variance that cleaning leaves."""
        made = noise(np.random.default_rng(0), (self.grid.n_samples, 200), noise_ar)
        keep = self.grid.used(self.reference[0])
        return float(cleaned_run(made[keep], self.grid.drift[keep]).var())

    def truth(self, plants: Sequence[Plant]) -> dict[str, Array]:
        """{component: (n_plants,)}."""
        kept = [self.grid.used(story) for story in self.reference]
        return true_components(plants, self.sources, self.grid.drift, kept)


def noise(rng: np.random.Generator, shape: tuple[int, int], ar: float) -> Array:
    """First-order autoregressive noise of unit variance.

    Parameters
    ----------
    rng : draws it.
    shape : n_times, n_targets.
    ar : autocorrelation from sample to sample.
    """
    white = rng.normal(size=(shape[0] + 100, shape[1]))
    return np.asarray(lfilter([1.0], [1.0, -ar], white, axis=0)[100:] * np.sqrt(1 - ar**2))


Rows = list[tuple[str, str, str, str, str, str]]


def _rows(participant: str, modality: str, space: str, places: Places, truth: Mapping[str, Array]) -> Rows:
    return [
        (f"sub-{participant}", modality, space, name, component, f"{values[index]:.6f}")
        for component, values in truth.items()
        for index, name in enumerate(places.names)
    ]


def _plant_fmri(bids: Path, stimuli: Sequence[str], heard: Sequence[Story], reference: Sequence[Story]) -> Rows:
    stage = Stage(FMRI, make_sources(FMRI, HRF, reference, heard), heard, reference)
    rows: Rows = []
    for participant in FMRI_PARTICIPANTS:
        made = []
        for number, (space, places) in enumerate(
            ((fmri.VOLUME_SPACE, fmri.voxels()), (fmri.SURFACE_SPACE, fmri.vertices()))
        ):
            plants = plan_plants(places.xyz_mm, seed=number)  # the same places in everybody
            rows += _rows(participant, "fmri", space, places, stage.truth(plants))
            made.append(stage.responses(plants, AR["fmri"], seed=100 * int(participant) + number))
        fmri.write_fmri(bids, participant, made[0], made[1], stimuli, seed=1000 * int(participant))
    return rows


def _plant_ieeg(bids: Path, stimuli: Sequence[str], heard: Sequence[Story], reference: Sequence[Story]) -> Rows:
    stage = Stage(IEEG, make_sources(IEEG, LATENCY, reference, heard), heard, reference)
    rows: Rows = []
    for participant in IEEG_PARTICIPANTS:
        places = ieeg.electrodes(participant)
        plants = plan_plants(places.xyz_mm, seed=10 + int(participant))
        rows += _rows(participant, "ieeg", ieeg.SPACE, places, stage.truth(plants))
        slow = stage.responses(plants, AR["ieeg"], seed=100 * int(participant))
        up = round(ieeg.RATE_HZ * IEEG.period_s)
        runs = [np.asarray(resample(run, len(run) * up, axis=0)) for run in slow]
        ieeg.write_ieeg(bids, participant, runs, stimuli, fif=participant == IEEG_PARTICIPANTS[0])
    return rows
