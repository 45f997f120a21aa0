"""Arrays by file from one process to another: as they were, or an error; whatever happens to the file."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.disk import opened_arrays, write_arrays
from bids_app.errors import ReadWriteError

ARRAYS = {
    "0.a": np.arange(12.0).reshape(3, 4)[:, 1:3],
    "nothing": np.zeros((2, 0)),
    "text": np.array("a key"),
    "single": np.array([np.nan, 1], dtype=np.float32),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("arrays") / "share.npz"
    write_arrays(path, ARRAYS)
    return path


def same(arrays):
    assert set(arrays) == set(ARRAYS)
    for name, values in ARRAYS.items():
        assert arrays[name].dtype == values.dtype
        np.testing.assert_array_equal(arrays[name], values)


def test_they_come_back_as_they_were(path):
    with opened_arrays(path) as arrays:
        same(arrays)
    assert [one.name for one in path.parent.iterdir()] == ["share.npz"]


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_file_is_an_error_or_harmless(path, data):
    content = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    spoiled = path.with_name("spoiled")
    spoiled.write_bytes(content)
    with suppress(ReadWriteError), opened_arrays(spoiled) as arrays:
        for name in set(ARRAYS) & set(arrays):
            np.testing.assert_array_equal(arrays[name], ARRAYS[name])
    spoiled.unlink()


def test_what_is_not_there_or_cannot_be_written_is_said(tmp_path):
    with pytest.raises(ReadWriteError, match="cannot be read"), opened_arrays(tmp_path / "absent.npz"):
        pass
    with pytest.raises(ReadWriteError, match="cannot be written"):
        write_arrays(tmp_path / "gone" / "share.npz", ARRAYS)
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(ReadWriteError, match="cannot be read"), opened_arrays(tmp_path / "text.npz"):
        pass


def test_objects_are_never_written(tmp_path):
    with pytest.raises(ValueError, match="allow_pickle"):
        write_arrays(tmp_path / "objects.npz", {"one": np.array([{}])})
    assert [*tmp_path.iterdir()] == []
