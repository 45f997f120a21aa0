"""HDF5 and NIfTI: what leads out of a file, or claims more than it holds, is refused before anything is read."""

import gzip
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.errors import DataError
from bids_app.inputs.hdf5 import open_hdf5, own_array, require_held, require_own_content
from bids_app.inputs.homes import named
from bids_app.inputs.nifti import open_nifti, require_whole

SECRET = b"root:x:0:0"


# ------------------------------------------------------------------------------------------------ HDF5
def external_link(file, other):
    file["data"] = h5py.ExternalLink(str(other), "/x")


def deep_external_link(file, other):
    file.create_group("a/b")["data"] = h5py.ExternalLink(str(other), "/x")


def storage(file, other):
    file.create_dataset("a/data", (len(SECRET),), "u1", external=[(str(other), 0, len(SECRET))])


def virtual(file, other):
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(other), "x", (3,))
    file.create_virtual_dataset("a/data", layout)


def claimed(file, other):
    file.create_dataset("a/data", (10**6, 10**6), "f4", chunks=(1, 1000))


@pytest.mark.parametrize(
    "kind", [external_link, deep_external_link, storage, virtual, claimed], ids=lambda one: one.__name__
)
def test_nothing_of_a_file_leads_out_of_it(kind, tmp_path):
    (tmp_path / "passwd").write_bytes(SECRET)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        kind(file, tmp_path / "passwd")
    with pytest.raises(DataError, match=r"another file|other files|its header claims") as caught:
        require_own_content(tmp_path / "x.h5")
    assert "\n" not in str(caught.value)


def test_links_within_a_file_are_its_own_even_in_a_circle(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a/data"] = np.arange(3)
        file["a/again"], file["soft"] = file["a"], h5py.SoftLink("/a")
        file["dangling"] = h5py.SoftLink("/nowhere")
    require_own_content(tmp_path / "x.h5")
    with open_hdf5(tmp_path / "x.h5") as file:
        np.testing.assert_array_equal(own_array(file, "a/data", tmp_path / "x.h5"), np.arange(3))
        for key, said in (("soft", "a link"), ("b", "not in the file"), ("a", "no array")):
            with pytest.raises(DataError, match=said):
                own_array(file, key, tmp_path / "x.h5")


@pytest.mark.parametrize("how", [{}, {"compression": "gzip"}, {"chunks": (1, 4)}, {"compression": "lzf"}])
def test_arrays_that_are_there_are_held(how, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("data", data=np.zeros((300, 400)), **how)
    with open_hdf5(tmp_path / "x.h5") as file:
        require_held(file["data"], tmp_path / "x.h5")


# ------------------------------------------------------------------------------------------------ NIfTI
def saved(path, shape=(5, 4, 3, 7), kind=nibabel.Nifti1Image):
    nibabel.save(kind(np.zeros(shape, np.float32), np.eye(4)), path)
    return path


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("name", ["x.nii", "x.nii.gz"])
def test_whole_images_are_opened_and_others_refused(kind, name, tmp_path):
    path = saved(tmp_path / name, kind=kind)
    assert open_nifti(path).shape == (5, 4, 3, 7)
    unpack, pack = (gzip.decompress, gzip.compress) if name.endswith("gz") else (bytes, bytes)
    content = unpack(path.read_bytes())
    header_type = kind.header_class
    header = header_type(content[: header_type.sizeof_hdr])
    changes = {
        "dim": [4, 30_000, 30_000, 30_000, 70, 1, 1, 1],
        "vox_offset": 3e9,
        "datatype": 12345,
    }
    for field, value in changes.items():
        changed = header.copy()
        changed[field] = value
        path.write_bytes(pack(changed.binaryblock + content[len(changed.binaryblock) :]))
        with pytest.raises(DataError) as caught:
            open_nifti(path)
        assert "\n" not in str(caught.value)
    for cut in (b"", content[:100], b"not an image" * 100):
        path.write_bytes(pack(cut))
        with pytest.raises(DataError):
            open_nifti(path)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, 347), st.integers(0, 255)), min_size=1, max_size=12))
def test_no_header_takes_more_than_its_file_can_hold(tmp_path_factory, changes):
    path = Path(tmp_path_factory.getbasetemp()) / "any.nii"
    saved(path)
    content = bytearray(path.read_bytes())
    for at, value in changes:
        content[at] = value
    path.write_bytes(content)
    try:
        require_whole(path)
        shape = open_nifti(path).shape
    except DataError:
        return
    assert int(np.prod(shape, dtype=object)) <= len(content)


def test_a_file_of_another_home_is_read_whole(tmp_path):
    (tmp_path / "bids").mkdir()
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["data"] = np.arange(3)
    with named([tmp_path / "bids"]):
        with open_hdf5(tmp_path / "x.h5", home=tmp_path) as file:
            np.testing.assert_array_equal(own_array(file, "data", tmp_path / "x.h5"), np.arange(3))
        with pytest.raises(DataError, match="leads out"), open_hdf5(tmp_path / "x.h5"):
            raise AssertionError
