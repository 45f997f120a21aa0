"""What may be opened: regular files of bounded size; nothing hangs, and nothing is taken for what cannot be there."""

import gzip
import os
import socket
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app.errors import ConcordError, DataError
from bids_app.inputs.claims import gunzip, n_bytes, require_claim
from bids_app.inputs.npy import read_npy
from bids_app.inputs.opening import BINARY, JSON, Kind, check_input, open_input, read_bytes, reading
from bids_app.pointers import is_there

SMALL = Kind("small file", 100)


def pipe(path):
    os.mkfifo(path)


def bound_socket(path):
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(path.parent)  # names of sockets are short
        try:
            one.bind(path.name)
        finally:
            os.chdir(here)


def device(path):
    path.symlink_to("/dev/zero")


def folder_in_place_of_a_file(path):
    path.mkdir()
    os.mkfifo(path / "inner")


def nothing(path):
    return None


def link_to_itself(path):
    path.symlink_to(path.name)


def unfetched(path):
    path.symlink_to(".git/annex/objects/k/k")


def pointer(path):
    path.write_text("/annex/objects/MD5E-s1--k\n")


def too_large(path):
    with path.open("wb") as file:
        file.truncate(101)


CASES = {
    pipe: "a pipe", bound_socket: "a socket", device: "leads out|a device", folder_in_place_of_a_file: "a pipe",
    nothing: "not there", link_to_itself: "cannot be reached", unfetched: "not fetched", pointer: "not fetched",
    too_large: "too large",
}  # fmt: skip


@pytest.mark.parametrize("make", CASES, ids=lambda make: make.__name__)
def test_what_may_not_be_opened_is_one_line(make, tmp_path):
    path = tmp_path / "x.json"
    make(path)
    for how in (read_bytes, check_input):
        with pytest.raises(DataError, match=CASES[make]) as caught:
            how(path, SMALL)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_pipe_in_the_place_of_a_file_is_there_and_refused(tmp_path):
    pipe(tmp_path / "x.TextGrid")
    assert is_there(tmp_path / "x.TextGrid")
    assert not is_there(tmp_path)


def test_a_name_that_no_file_can_have_is_one_line(tmp_path):
    for name in ("a\0b", "x" * 5000):
        with pytest.raises(DataError, match="cannot be reached"):
            check_input(tmp_path / name)


def test_a_folder_is_as_good_as_its_files(tmp_path):
    folder = tmp_path / "x.mefd"
    (folder / "a.timd").mkdir(parents=True)
    (folder / "a.timd/x.tdat").write_bytes(b"1")
    check_input(folder)
    (tmp_path / "dataset_description.json").write_text("{}")
    (tmp_path / "elsewhere").mkdir()
    (folder / "b").symlink_to(tmp_path / "elsewhere")
    check_input(folder)  # within what holds both
    (folder / "c").symlink_to("/etc")
    with pytest.raises(DataError, match="leads out"):
        check_input(folder)


def test_whatever_a_reader_raises_is_one_line_with_the_path(tmp_path):
    (tmp_path / "x").write_text("1")
    for error in (
        ValueError("two\nlines"),
        RecursionError("deep"),
        KeyError("k"),
        OverflowError(),
        UnicodeError("u"),
    ):
        with pytest.raises(DataError, match="cannot be read whole") as caught, reading(tmp_path / "x"):
            raise error
        assert "\n" not in str(caught.value)
    for error in (MemoryError(), ConcordError("known")):
        with pytest.raises(type(error)), reading(tmp_path / "x"):
            raise error


def test_what_is_opened_is_closed_again(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    with open_input(tmp_path / "x") as file:
        assert file.read(2) == b"ab"
    assert file.closed


# ------------------------------------------------------------------------------------------------ claims
@given(st.integers(-10, 10**20), st.integers(0, 10**12))
def test_a_file_holds_what_it_claims_or_is_refused(claimed, held):
    for compressed, most in ((False, held), (True, held * 1032 + 4096)):
        if 0 <= claimed <= most:
            require_claim(claimed, held, Path("x"), compressed)
        else:
            with pytest.raises(DataError, match="its header claims"):
                require_claim(claimed, held, Path("x"), compressed)


@given(st.lists(st.integers(-(2**63), 2**63), max_size=8), st.integers(1, 16))
def test_sizes_do_not_overflow(shape, item):
    found = n_bytes(shape, item)
    assert found == -1 if min(shape, default=0) < 0 else found >= 0


def test_deflated_bytes_never_stand_for_more(tmp_path):
    content = b"\0" * 10_000_000
    assert len(content) <= len(gzip.compress(content, 9)) * 1032 + 4096


def test_a_bomb_is_not_unpacked(tmp_path):
    with gzip.open(tmp_path / "x.tsv.gz", "wb") as file:
        for _ in range(50):
            file.write(b"\0" * 10**6)
    with pytest.raises(DataError, match="unpacks to more"):
        gunzip(tmp_path / "x.tsv.gz", Kind("table", 10**6))
    assert len(gunzip(tmp_path / "x.tsv.gz", Kind("table", 10**8))) == 50 * 10**6


def test_an_npy_file_is_read_whole_or_refused(tmp_path):
    path = tmp_path / "x.npy"
    values = np.arange(12.0).reshape(3, 4)
    np.save(path, values)
    whole = path.read_bytes()
    np.testing.assert_array_equal(read_npy(path, BINARY), values)
    for content in (
        whole[:-1],
        whole.replace(b"(3, 4)", b"(3, 999999999)"),
        whole[:20],
        b"x",
        whole[:6] + b"\xff" * 90,
    ):
        path.write_bytes(content)
        with pytest.raises(DataError):
            read_npy(path, BINARY)


@given(st.binary(max_size=300))
def test_no_bytes_crash_an_npy_reader(tmp_path_factory, content):
    path = Path(tmp_path_factory.getbasetemp()) / "any.npy"
    path.write_bytes(b"\x93NUMPY" + content)
    with pytest.raises(DataError):
        read_npy(path, BINARY)


def test_json_has_a_bound():
    assert JSON.most_bytes == 64 * 2**20
