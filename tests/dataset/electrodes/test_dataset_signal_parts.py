"""Signal files that name others: only what lies beside them is read."""

import h5py
import numpy as np
import pytest
from bids_trees import signals
from test_dataset_nwb_mef import write_nwb
from test_dataset_signals import click

from bids_app.dataset.signals.edf import read_header
from bids_app.dataset.signals.open import open_signals
from bids_app.errors import DataError

NAMES = ("/etc/passwd", "../x.eeg", "a/b.eeg", "..", ".", r"..\x.eeg", "x" * 300, "a\0b")


@pytest.mark.parametrize("key", ["DataFile", "MarkerFile"])
@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_header_names_files_beside_it_alone(key, name, tmp_path):
    path = signals(tmp_path, "sub-01_task-story", "vhdr")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(f"{key}={name}" if line.startswith(key) else line for line in lines))
    with pytest.raises(DataError, match="names a file elsewhere"):
        open_signals(path)


@pytest.mark.parametrize("ending", [".eeg", ".vmrk"])
def test_what_a_header_names_is_no_link_that_leads_elsewhere(ending, tmp_path):
    path = signals(tmp_path / "bids", "sub-01_task-story", "vhdr")
    other = path.with_name(f"other{ending}")
    path.with_suffix(ending).rename(tmp_path / f"elsewhere{ending}")
    other.symlink_to(tmp_path / f"elsewhere{ending}")
    path.write_text(path.read_text().replace(path.with_suffix(ending).name, other.name))
    with pytest.raises(DataError, match="leads out of the data set"):
        open_signals(path)


def write_set(path, data):
    """EEGLAB's, whose `data` may name a file."""
    from scipy.io import savemat

    places = np.zeros(2, dtype=[("labels", "O"), ("X", "O"), ("Y", "O"), ("Z", "O"), ("type", "O")])
    places["labels"], places["type"] = ["A1", "A2"], ["SEEG", "SEEG"]
    for axis in "XYZ":
        places[axis] = [0.0, 1.0]
    content = {
        "data": data, "setname": "t", "nbchan": 2, "trials": 1, "pnts": 50, "srate": 100.0, "xmin": 0.0, "xmax": 0.49,
        "chanlocs": places, "event": [], "epoch": [], "chaninfo": {"nosedir": "+X"}, "icaweights": [], "icawinv": [],
    }  # fmt: skip
    savemat(path, {"EEG": content}, appendmat=False)
    return path


def test_eeglab_names_a_file_beside_it_alone(tmp_path):
    folder = tmp_path / "bids/sub-01/ieeg"
    folder.mkdir(parents=True)
    values = np.arange(100, dtype="<f4")
    for place in (folder, tmp_path):
        values.tofile(place / "x.fdt")
    path = write_set(folder / "x.set", "x.fdt")
    assert open_signals(path).n_samples == 50
    (folder / "link.fdt").symlink_to(tmp_path / "x.fdt")
    for name in (str(tmp_path / "x.fdt"), "../../../x.fdt", "link.fdt"):
        write_set(path, name)
        with pytest.raises(DataError, match=r"another folder|leads out"):
            open_signals(path)


def test_eeglab_in_hdf5_takes_nothing_of_other_files(tmp_path):
    with h5py.File(tmp_path / "x.set", "w") as file:
        file.create_group("EEG")["data"] = h5py.ExternalLink("/etc/passwd", "/x")
    with pytest.raises(DataError, match="a link to another file"):
        open_signals(tmp_path / "x.set")


def test_nwb_takes_no_samples_of_other_files(tmp_path):
    path = write_nwb(tmp_path / "x.nwb", click(2.0))
    assert open_signals(path).n_samples
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = np.zeros((10, 3))
    with h5py.File(path, "a") as file:
        del file["acquisition/ecog/data"]
        file["acquisition/ecog/data"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/x")
    with pytest.raises(DataError, match="a link to another file"):
        open_signals(path)


@pytest.mark.parametrize(
    ("at", "field"),
    [(244, b"0       "), (244, b"-1      "), (244, b"nan     "), (252, b"9999"), (252, b"x   "), (184, b"99999999")],
)
def test_edf_headers_of_nonsense_are_one_line(at, field, tmp_path):
    from edf_files import write_edf

    path = tmp_path / "x.edf"
    write_edf(path, [("A1", "uV", 100.0, np.ones(300))])
    content = bytearray(path.read_bytes())
    content[at : at + len(field)] = field
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_header(path)
    assert "\n" not in str(caught.value)
