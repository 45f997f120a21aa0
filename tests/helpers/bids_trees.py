"""Small BIDS data sets for the tests of bids_app.dataset: fMRIPrep-like names, random numbers, known times."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np

SPACE = "MNI152NLin2009cAsym"
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
SHAPE = (4, 5, 3)
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_json(path: Path, content: Any) -> Path:
    return write(path, json.dumps(content))


def write_tsv(path: Path, columns: dict[str, Any]) -> Path:
    rows = zip(*columns.values(), strict=True)
    return write(path, "\n".join("\t".join(map(str, row)) for row in [tuple(columns), *rows]) + "\n")


def describe(root: Path, derivative: bool = False, maker: str = "fMRIPrep") -> Path:
    extra = {"DatasetType": "derivative", "GeneratedBy": [{"Name": maker}]} if derivative else {"DatasetType": "raw"}
    return write_json(root / "dataset_description.json", {"Name": "t", "BIDSVersion": "1.10.0"} | extra)


def events(root: Path, sub: str = "01", task: str = "story", run: str | None = None, **columns: Any) -> Path:
    """An events.tsv in func; by default a story from the first sample on."""
    columns = columns or {"onset": [0.0], "duration": [30.0], "trial_type": ["story"], "stim_file": ["story.wav"]}
    runs = f"_run-{run}" if run else ""
    return write_tsv(root / f"sub-{sub}/func/sub-{sub}_task-{task}{runs}_events.tsv", columns)


def volume(
    root: Path, stem: str, n: int = 20, mask: np.ndarray | None = None, meta: Any = None, desc: str = "preproc"
) -> Path:
    """`stem` such as 'sub-01_task-story'; values are i + 10 j + 100 k + 1000 t. Without `meta`: TR 2 s, 0.9 s."""
    folder = root / stem.split("_")[0] / "func"
    folder.mkdir(parents=True, exist_ok=True)
    grid = np.indices(SHAPE).T @ np.array([1, 10, 100])
    data = grid.T[..., None] + 1000.0 * np.arange(n)
    image = nibabel.Nifti1Image(data.astype(np.float32), AFFINE)
    image.header.set_xyzt_units("mm", "sec")
    image.header.set_zooms((2, 2, 2, 2))
    described = f"_desc-{desc}" if desc else ""
    path = folder / f"{stem}_space-{SPACE}{described}_bold.nii.gz"
    nibabel.save(image, path)
    if meta is None:
        meta = {"RepetitionTime": 2.0, "StartTime": 0.9}
    if meta:
        write_json(path.with_name(path.name.replace(".nii.gz", ".json")), meta)
    if mask is not None:
        image = nibabel.Nifti1Image(mask.astype(np.uint8), AFFINE)
        nibabel.save(image, folder / f"{stem}_space-{SPACE}_desc-brain_mask.nii.gz")
    return path


def some_mask() -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[1:3, 2:4, 1] = True
    return mask


def surface(root: Path, stem: str, n: int = 20, vertices: int = 7, sides: str = "LR") -> list[Path]:
    """Values are vertex + 100 t, right hemisphere + 0.5."""
    folder = root / stem.split("_")[0] / "func"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for side in sides:
        frames = [np.arange(vertices) + 100.0 * t + (side == "R") * 0.5 for t in range(n)]
        arrays = [
            nibabel.gifti.GiftiDataArray(f.astype(np.float32), intent="NIFTI_INTENT_TIME_SERIES") for f in frames
        ]
        paths.append(folder / f"{stem}_hemi-{side}_space-fsaverage5_bold.func.gii")
        nibabel.save(nibabel.gifti.GiftiImage(darrays=arrays), paths[-1])
        write_json(paths[-1].with_name(paths[-1].name.replace(".func.gii", ".json")), {"RepetitionTime": 1.5})
    return paths


def parcels(root: Path, stem: str, n: int = 20, atlas: str = "seg-Schaefer", meta: Any = None) -> Path:
    path = root / stem.split("_")[0] / f"func/{stem}_space-{SPACE}_{atlas}_stat-mean_timeseries.tsv"
    columns = {name: (np.arange(n) + 100.0 * at).tolist() for at, name in enumerate(("LH_Vis", "RH_Aud"))}
    write_json(path.with_suffix(".json"), {"RepetitionTime": 2.0} if meta is None else meta)
    return write_tsv(path, columns)


def confounds(root: Path, stem: str, n: int = 20, **columns: Any) -> Path:
    path = root / stem.split("_")[0] / f"func/{stem}_desc-confounds_timeseries.tsv"
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=n).round(6).tolist() for name in MOTION} | columns
    write_json(path.with_suffix(".json"), {})
    return write_tsv(path, table)


def fmri_dataset(
    root: Path, people: tuple[str, ...] = ("01", "02"), derivative: str = "derivatives/fmriprep"
) -> Path:
    """A raw data set with one story a person, and its fMRIPrep-like derivative."""
    describe(root)
    (root / "stimuli").mkdir()
    describe(root / derivative, derivative=True)
    for sub in people:
        events(root, sub)
        write_json(root / f"sub-{sub}/func/sub-{sub}_task-story_bold.json", {"RepetitionTime": 2.0, "TaskName": "s"})
        volume(root / derivative, f"sub-{sub}_task-story", mask=some_mask())
        confounds(root / derivative, f"sub-{sub}_task-story")
    return root


def click_signal(rate: float, seconds: float, at: float, n_channels: int = 3) -> np.ndarray:
    """(n_channels, n) a smooth bump of 20 ms around `at` seconds, larger in later channels, in volts."""
    times = np.arange(round(rate * seconds)) / rate
    bump = np.exp(-0.5 * ((times - at) / 0.02) ** 2)
    return np.outer(np.arange(1, n_channels + 1), bump) * 1e-4


def signals(root: Path, stem: str, fmt: str = "fif", rate: float = 512.0, at: float = 3.25, **where: Any) -> Path:
    """One iEEG file of three channels A1 A2 A3 with a click; `desc` in `stem`."""
    import mne

    folder = root / stem.split("_")[0] / "ieeg"
    folder.mkdir(parents=True, exist_ok=True)
    data = click_signal(rate, where.get("seconds", 8.0), at)
    names = ["A1", "A2", "A3"]
    if fmt == "vhdr":
        import pybv

        pybv.write_brainvision(
            data=data, sfreq=rate, ch_names=names, fname_base=f"{stem}_ieeg", folder_out=folder, fmt="binary_float32"
        )
        return folder / f"{stem}_ieeg.vhdr"
    info = mne.create_info(names, rate, "seeg")
    raw = mne.io.RawArray(data, info, first_samp=where.get("first_samp", 0), verbose="ERROR")
    if "annotations" in where:
        raw.set_annotations(mne.Annotations(*where["annotations"]), verbose="ERROR")
    raw.save(folder / f"{stem}_ieeg.fif", verbose="ERROR")
    return folder / f"{stem}_ieeg.fif"


def ieeg_tables(root: Path, sub: str = "01", status: tuple[str, ...] = ("good", "bad", "good")) -> None:
    folder = root / f"sub-{sub}/ieeg"
    names = ["A1", "A2", "A3"]
    channels = {"name": names, "type": ["SEEG"] * 3, "units": ["uV"] * 3, "status": status}
    write_tsv(folder / f"sub-{sub}_task-story_channels.tsv", channels)
    for space, unit, factor in (
        ("MNI152NLin2009aSym", "m", 0.001),
        ("Other", "mm", 1.0),
        ("ACPCofThisPerson", "mm", 2.0),
    ):
        places = {axis: [factor * (10 * row + at) for row in range(3)] for at, axis in enumerate("xyz")}
        write_tsv(folder / f"sub-{sub}_space-{space}_electrodes.tsv", {"name": names} | places)
        system = {"iEEGCoordinateSystem": space, "iEEGCoordinateUnits": unit}
        write_json(folder / f"sub-{sub}_space-{space}_coordsystem.json", system)


def ieeg_dataset(root: Path, fmt: str = "fif", **where: Any) -> Path:
    describe(root)
    (root / "stimuli").mkdir()
    describe(root / "derivatives/hga", derivative=True, maker="hga")
    columns = {"onset": [1.0], "duration": [5.0], "stim_file": ["story.wav"]}
    write_tsv(root / "sub-01/ieeg/sub-01_task-story_events.tsv", columns)
    ieeg_tables(root)
    signals(root / "derivatives/hga", "sub-01_task-story_desc-highgamma", fmt, **where)
    return root


def snapshot(root: Path) -> dict[str, tuple[int, int]]:
    """Every path below `root` with its modification time and size."""
    found = {}
    for path in sorted([root, *root.rglob("*")]):
        state = path.lstat()
        found[str(path.relative_to(root))] = (state.st_mtime_ns, state.st_size)
    return found
