"""Tiny recordings whose click and words have known times, and what aligning them comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import soundfile
from bids_trees import SPACE, describe, signals, write, write_json, write_tsv

from bids_app.dataset import align, find_recordings, load_response, load_stimulus, load_targets
from bids_app.errors import ConcordError
from bids_app.records import Alignment, RecordingQuery, ResponseSpec

TR, N, CLICK_S = 2.0, 200, 300.0  # true: 400 s, a click in the middle of it, a word at the same time
SOUND_S, ONSET_S = 380.0, 10.0
STEM, PREP = "sub-01_task-story", "derivatives/prep"
BOLD = f"{PREP}/sub-01/func/{STEM}_space-{SPACE}_desc-preproc_bold"
EVENTS = f"sub-01/func/{STEM}_events.tsv"
META = {"RepetitionTime": TR, "StartTime": 0.0}
SPEC = ResponseSpec(confounds="none", high_pass_s=None, band_hz=None)
Change = Callable[[Path], object]


@dataclass(frozen=True)
class Outcome:
    """The worst that is said, all that is said, and where click and word came out (None where refused)."""

    severity: str
    said: str
    click_s: float | None = None
    word_s: float | None = None
    alignment: Alignment | None = None


def fmri_scene(root: Path) -> Path:
    """A run of volumes with its raw sidecar, events, sound and words; the response at `BOLD`, TR 2 s, StartTime 0."""
    describe(root)
    describe(root / PREP, derivative=True)
    write_tsv(root / EVENTS, {"onset": [ONSET_S], "duration": [SOUND_S], "stim_file": ["story.wav"]})
    write_json(root / f"sub-01/func/{STEM}_bold.json", {"RepetitionTime": TR, "StartTime": 7.0})
    bold(root)
    write_json(root / f"{BOLD}.json", META)
    sound(root)
    words(root)
    return root


def sound(root: Path, seconds: float = SOUND_S, rate: int = 100) -> None:
    (root / "stimuli").mkdir(exist_ok=True)
    noise = 0.1 * np.random.default_rng(0).normal(size=round(seconds * rate))
    soundfile.write(root / "stimuli/story.wav", noise, rate, subtype="PCM_16")


def words(root: Path, times: Callable[[np.ndarray], np.ndarray] = lambda times: times) -> None:
    """A word every 2 s from 2 to 378 s of the sound, one of them at the click; `times` changes their times."""
    onsets = np.arange(2.0, 378.0, 2.0)
    table = {"word": [f"w{round(onset)}" for onset in onsets], "start": times(onsets), "end": times(onsets + 0.5)}
    write_tsv(root / "stimuli/story.tsv", table)


def click_signal_of(kept: np.ndarray) -> np.ndarray:
    return (np.arange(N) == round(CLICK_S / TR)).astype(np.float32)[kept]


def bold(root: Path, header: float = TR, unit: str = "sec", kept: np.ndarray | None = None) -> None:
    """Two voxels: a click, and a ramp so that neither is empty."""
    kept = np.ones(N, dtype=bool) if kept is None else kept
    data = np.stack([click_signal_of(kept) + 1, np.linspace(1, 2, kept.sum())]).reshape(2, 1, 1, -1)
    image = nibabel.Nifti1Image(data.astype(np.float32), np.eye(4))
    image.header.set_xyzt_units("mm", unit)
    image.header.set_zooms((2, 2, 2, header))
    path = root / f"{BOLD}.nii.gz"
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image, path)
    mask = nibabel.Nifti1Image(np.ones((2, 1, 1), np.uint8), np.eye(4))
    nibabel.save(mask, path.with_name(path.name.replace("preproc_bold", "brain_mask")))


def raw_bold(root: Path, n: int, header: float = TR) -> None:
    image = nibabel.Nifti1Image(np.zeros((1, 1, 1, n), np.uint8), np.eye(4))
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((2, 2, 2, header))
    nibabel.save(image, root / f"sub-01/func/{STEM}_bold.nii.gz")


def surfaces(root: Path, meta: dict[str, str] | None = None, side_meta: Any = None) -> None:
    """The same response as a pair of GIFTI files instead of the volume, whose JSON stays."""
    (root / f"{BOLD}.nii.gz").unlink()
    for side in "LR":
        arrays = [
            nibabel.gifti.GiftiDataArray(np.array([1 + value, 1.0], dtype=np.float32))
            for value in click_signal_of(np.ones(N, dtype=bool))
        ]
        image = nibabel.gifti.GiftiImage(darrays=arrays, meta=nibabel.gifti.GiftiMetaData(meta or {}))
        path = root / f"{PREP}/sub-01/func/{STEM}_hemi-{side}_space-fsaverage5_bold.func.gii"
        nibabel.save(image, path)
        if side_meta is not None:
            write_json(path.with_name(path.name.replace(".func.gii", ".json")), side_meta)


def sidecar(root: Path, **keys: Any) -> None:
    write_json(root / f"{BOLD}.json", META | keys)


def raw_sidecar(root: Path, **keys: Any) -> None:
    write_json(root / f"sub-01/func/{STEM}_bold.json", {"RepetitionTime": TR} | keys)


def events(root: Path, onset: list[Any], duration: list[Any], **columns: Any) -> None:
    files = columns.pop("stim_file", ["story.wav"] * len(onset))
    write_tsv(root / EVENTS, {"onset": onset, "duration": duration, "stim_file": files} | columns)


# ------------------------------------------------------------------------------------------------ iEEG
RATE, IEEG_S, IEEG_CLICK_S = 256.0, 60.0, 50.0
IEEG_STEM = "sub-01_task-story_desc-highgamma"
IEEG_EVENTS = "sub-01/ieeg/sub-01_task-story_events.tsv"


def ieeg_scene(root: Path, fmt: str = "fif") -> Path:
    """A minute of three channels with a click at 50 s, a sound from 5 to 55 s, a word at the click."""
    describe(root)
    describe(root / PREP, derivative=True)
    signals(root / PREP, IEEG_STEM, fmt, RATE, IEEG_CLICK_S, seconds=IEEG_S)
    write_json(root / f"{PREP}/sub-01/ieeg/{IEEG_STEM}_ieeg.json", {"SamplingFrequency": RATE})
    write_tsv(root / IEEG_EVENTS, {"onset": [5.0], "duration": [50.0], "stim_file": ["story.wav"]})
    channels = {"name": ["A1", "A2", "A3"], "type": ["SEEG"] * 3, "status": ["good"] * 3}
    write_tsv(root / "sub-01/ieeg/sub-01_task-story_channels.tsv", channels)
    sound(root, 50.0)
    write_tsv(root / "stimuli/story.tsv", {"word": ["a", "click"], "start": [3.0, 45.0], "end": [3.2, 45.2]})
    return root


def ieeg_sidecar(root: Path, raw: bool = False, **keys: Any) -> None:
    path = root / "sub-01/ieeg/sub-01_task-story_ieeg.json"
    path = path if raw else root / f"{PREP}/sub-01/ieeg/{IEEG_STEM}_ieeg.json"
    write_json(path, ({} if raw else {"SamplingFrequency": RATE}) | keys)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    write(path, text.replace(old, new))


# ------------------------------------------------------------------------------------------------ what comes of it
def outcome(root: Path) -> Outcome:
    """What a person is told of the scene, and the times at which its click and word come out."""
    try:
        found = find_recordings(RecordingQuery(bids_dir=root, out_dir=root.parent / "out"))
    except ConcordError as error:
        return Outcome("refusal", str(error))
    if not found.recordings:
        return Outcome("refusal", " · ".join(one.reason for one in found.excluded))
    recording = found.recordings[0]
    try:
        heard = [(event, load_stimulus(recording, event, root, None, False)) for event in recording.stimuli]
        alignment = align(recording, heard, None, SPEC)
    except ConcordError as error:
        return Outcome("refusal", str(error))
    said = [*recording.warnings, *alignment.of("warning"), *alignment.of("refusal")]
    if alignment.of("refusal"):
        return Outcome("refusal", " · ".join(said), alignment=alignment)
    response = load_response(recording, load_targets(recording, SPEC), SPEC)
    click_s = float(response.times_s[np.nanargmax(np.where(response.valid, response.values[:, 0], np.nan))])
    event, stimulus = heard[0]
    named = {"w290", "click"}
    word = [at for at, text in enumerate(stimulus.words.text) if text in named] if stimulus.words else []
    word_s = float(event.onset_s + stimulus.words.onset_s[word[0]]) if word and stimulus.words else None
    return Outcome("warning" if said else "fine", " · ".join(said), click_s, word_s, replace(alignment))
