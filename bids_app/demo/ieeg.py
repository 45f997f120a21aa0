"""The demo's high-gamma envelopes on disk: FIF for one participant, BrainVision for the other, in MNI space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bids_app.demo.files import describe_dataset, write_json, write_table
from bids_app.demo.fmri import Places, write_events
from bids_app.errors import NoInput
from bids_app.records import Array

SPACE = "MNI152NLin2009cAsym"
RATE_HZ = 100.0  # of the files; the analysis resamples
N_ELECTRODES = 24
BAD = "E99"  # one more channel, marked bad, with nothing but noise


def electrodes(participant: str) -> Places:
    """A grid over the lateral temporal and frontal cortex, left in one participant, right in the other."""
    side = -1 if int(participant) % 2 == 0 else 1
    columns, rows = np.meshgrid(np.arange(6), np.arange(4))
    y, z = 35.0 - 16 * columns.ravel(), -10.0 + 11 * rows.ravel()
    x = side * (66.0 - 0.004 * (y + 15) ** 2 - 0.008 * z**2)
    xyz = np.column_stack([x, y, z])
    names = tuple(f"E{number:02d}" for number in range(1, N_ELECTRODES + 1))
    return Places(names, np.arange(N_ELECTRODES)[:, None], xyz)


def write_ieeg(bids: Path, participant: str, runs: Sequence[Array], stimuli: Sequence[str], fif: bool) -> None:
    """Write events, channels, electrodes and envelopes of a participant.

    Parameters
    ----------
    bids : the data set's root.
    participant : its label.
    runs : (n_times, n_electrodes) each, at RATE_HZ.
    stimuli : per run the stim_file heard.
    fif : whether signals are FIF; else BrainVision.

    Raises
    ------
    NoInput : pybv is not installed.
    """
    derivative = bids / "derivatives" / "highgamma"
    describe_dataset(derivative, "Demo high-gamma envelopes", "highgamma")
    folder = derivative / f"sub-{participant}" / "ieeg"
    folder.mkdir(parents=True, exist_ok=True)
    _write_electrodes(folder, participant)
    for number, (values, name) in enumerate(zip(runs, stimuli, strict=True), start=1):
        stem = f"sub-{participant}_task-story_run-{number}"
        write_events(bids / f"sub-{participant}" / "ieeg" / f"{stem}_events.tsv", name)
        _write_channels(folder / f"{stem}_desc-highgamma_channels.tsv", participant)
        sidecar = {
            "TaskName": "story",
            "SamplingFrequency": RATE_HZ,
            "iEEGReference": "none",
            "PowerLineFrequency": 50,
        }
        write_json(folder / f"{stem}_desc-highgamma_ieeg.json", sidecar)
        bad = np.random.default_rng(number).normal(size=(len(values), 1))
        _write_signals(folder, f"{stem}_desc-highgamma_ieeg", participant, np.hstack([values, bad]), fif)


def _write_electrodes(folder: Path, participant: str) -> None:
    places, stem = electrodes(participant), f"sub-{participant}_space-{SPACE}"
    rows = [(name, *(f"{x:.2f}" for x in xyz), "n/a") for name, xyz in zip(places.names, places.xyz_mm, strict=True)]
    write_table(folder / f"{stem}_electrodes.tsv", ("name", "x", "y", "z", "size"), rows)
    write_json(folder / f"{stem}_coordsystem.json", {"iEEGCoordinateSystem": SPACE, "iEEGCoordinateUnits": "mm"})


def _write_channels(path: Path, participant: str) -> None:
    names = [(name, "good") for name in electrodes(participant).names] + [(BAD, "bad")]
    columns = ("name", "type", "units", "low_cutoff", "high_cutoff", "status")
    write_table(path, columns, [(name, "ECOG", "uV", 70, 150, status) for name, status in names])


def _write_signals(folder: Path, stem: str, participant: str, values: Array, fif: bool) -> None:
    names = [*electrodes(participant).names, BAD]
    if not fif:
        try:
            from pybv import write_brainvision
        except ImportError:
            raise NoInput("pybv is not installed", hint="pip install 'bids-concord[demo]'") from None
        write_brainvision(
            data=values.T,
            sfreq=RATE_HZ,
            ch_names=names,
            fname_base=stem,
            folder_out=folder,
            unit="µV",
            overwrite=True,
        )
        return
    import mne

    info = mne.create_info(names, RATE_HZ, "ecog")
    raw = mne.io.RawArray(values.T * 1e-6, info, verbose="error")
    with mne.utils.use_log_level("error"):
        raw.save(folder / f"{stem}.fif", overwrite=True, verbose="error")
