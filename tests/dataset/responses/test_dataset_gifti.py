"""GIFTI: the same values as nibabel's, of every encoding; nothing of other files; no more than a file can hold."""

import base64
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.dataset.responses.gifti import array_shapes, read_arrays
from bids_app.errors import DataError

TAG = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE GIFTI SYSTEM "http://www.nitrc.org/gifti.dtd">\n<GIFTI>'
    '<DataArray Intent="NIFTI_INTENT_TIME_SERIES" DataType="NIFTI_TYPE_FLOAT32" ArrayIndexingOrder="RowMajorOrder" '
    'Dimensionality="1" Dim0="{dim}" Encoding="{encoding}" Endian="LittleEndian" ExternalFileName="{name}" '
    'ExternalFileOffset=""><Data>{data}</Data></DataArray></GIFTI>'
)


def written(path, data, dim=3, encoding="GZipBase64Binary", name=""):
    path.write_text(TAG.format(dim=dim, encoding=encoding, name=name, data=data))
    return path


def packed(values):
    return base64.b64encode(zlib.compress(np.asarray(values, "<f4").tobytes())).decode()


@pytest.mark.parametrize("encoding", ["ASCII", "B64BIN", "B64GZ"])
@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8"])
@pytest.mark.parametrize("shapes", [[(4,), (4,)], [(3, 5)], [(1,)]])
def test_the_values_are_those_of_nibabel(encoding, dtype, shapes, tmp_path):
    rng = np.random.default_rng(0)
    arrays = [
        nibabel.gifti.GiftiDataArray(
            (100 * rng.random(shape)).astype(dtype), encoding=f"GIFTI_ENCODING_{encoding}", datatype=dtype
        )
        for shape in shapes
    ]  # fmt: skip
    path = tmp_path / "x.func.gii"
    nibabel.save(nibabel.gifti.GiftiImage(darrays=arrays), path)
    read, known = read_arrays(path), nibabel.load(path).darrays
    assert array_shapes(path) == [array.data.shape for array in known]
    for own, other in zip(read, known, strict=True):
        np.testing.assert_array_equal(own, other.data)
        assert own.dtype == other.data.dtype


@pytest.mark.parametrize("order", ["RowMajorOrder", "ColumnMajorOrder"])
@pytest.mark.parametrize("endian", ["LittleEndian", "BigEndian"])
def test_both_orders_and_both_ends(order, endian, tmp_path):
    values = np.arange(6).reshape(2, 3)
    raw = values.astype("<f4" if endian == "LittleEndian" else ">f4")
    data = base64.b64encode(raw.tobytes(order="C" if order == "RowMajorOrder" else "F")).decode()
    text = TAG.format(dim=2, encoding="Base64Binary", name="", data=data)
    text = text.replace('"1" Dim0="2"', '"2" Dim0="2" Dim1="3"').replace("RowMajorOrder", order)
    (tmp_path / "x.gii").write_text(text.replace("LittleEndian", endian))
    np.testing.assert_array_equal(read_arrays(tmp_path / "x.gii")[0], values)


def entities(path):
    text = TAG.format(dim=3, encoding="ASCII", name="", data="&a;")
    path.write_text(text.replace('gifti.dtd">', 'gifti.dtd" [<!ENTITY a SYSTEM "/etc/passwd">]>'))


def bomb(path):
    written(path, base64.b64encode(zlib.compress(b"\0" * 50_000_000)).decode())


CASES = {
    "another file": (lambda path: written(path, "", 3, "ExternalFileBinary", "/etc/passwd"), "another file"),
    "another file by name alone": (lambda path: written(path, packed([1, 2, 3]), name="x.bin"), "another file"),
    "an encoding of other files": (lambda path: written(path, "", encoding="ExternalFileBinary"), "another file"),
    "a claim": (lambda path: written(path, packed([1, 2, 3]), dim=10**15), "its header claims"),
    "a claim below 0": (lambda path: written(path, packed([1, 2, 3]), dim=-3), "its header claims"),
    "a claim in text": (lambda path: written(path, "1 2 3", dim=10**12, encoding="ASCII"), "its header claims"),
    "too few": (lambda path: written(path, packed([1, 2]), dim=3), "holds 8"),
    "too many": (bomb, "holds 13"),
    "no base64": (lambda path: written(path, "\u00e9" * 8), "cannot be read"),
    "no number": (lambda path: written(path, "1 2 x", encoding="ASCII"), "cannot be read"),
    "an encoding nobody knows": (lambda path: written(path, "1 2 3", encoding="Rot13"), "not known"),
    "entities": (entities, "declares entities"),
    "no XML": (lambda path: path.write_bytes(b"\0\1\2" * 100), "cannot be read"),
    "cut off": (lambda path: path.write_text(TAG[:200]), "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_read_is_one_line(name, tmp_path):
    path = tmp_path / "x.func.gii"
    spoil, said = CASES[name]
    spoil(path)
    with pytest.raises(DataError, match=said) as caught:
        read_arrays(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(max_examples=60)
@given(st.text(max_size=80), st.sampled_from(["ASCII", "Base64Binary", "GZipBase64Binary"]), st.integers(-5, 10**20))
def test_no_content_ends_but_in_values_or_one_line(tmp_path_factory, data, encoding, dim):
    path = Path(tmp_path_factory.getbasetemp()) / "any.gii"
    path.write_text(TAG.format(dim=dim, encoding=encoding, name="", data=data), encoding="utf-8", errors="replace")
    try:
        (values,) = read_arrays(path)
    except DataError:
        return
    assert values.shape == (dim,)
