"""Atomic writing, and tables and JSON that come back as they were."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.errors import CannotCreate, ReadWriteError
from bids_app.outputs.files import files
from bids_app.outputs.wording.phrases import number

CELLS = st.one_of(st.text(max_size=12), st.floats(width=32), st.integers(-(10**6), 10**6))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=6))
def test_a_table_keeps_its_shape(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("t") / "table.tsv"
    files.write_text(path, files.tsv_text({"a": [row[0] for row in rows], "b": [row[1] for row in rows]}))
    back = files.read_tsv(path)
    assert back == {"a": [files.cell(row[0]) for row in rows], "b": [files.cell(row[1]) for row in rows]}


@given(st.floats(-1e6, 1e6, width=32))
def test_numbers_keep_six_digits(value):
    assert files.numbers([files.cell(value)])[0] == pytest.approx(value, rel=1e-5)


def test_what_is_missing_is_na():
    assert [files.cell(value) for value in (math.nan, np.float32("inf"), "", " a\tb\n", 3)] == [
        "n/a",
        "n/a",
        "n/a",
        "a b",
        "3",
    ]
    assert np.isnan(files.numbers(["n/a"])[0])


def test_json_is_plain_and_strict():
    content = {"a": np.float32("nan"), "b": (np.int64(3), True, None), "c": np.eye(2), 4: math.inf}
    assert json.loads(files.json_text(content)) == {"a": None, "b": [3, True, None], "c": [[1, 0], [0, 1]], "4": None}


def test_writing_replaces_whole_files_and_leaves_nothing_behind(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    files.write_text(path, "old")
    files.write_text(path, "new")
    assert path.read_text() == "new"
    assert [one.name for one in path.parent.iterdir()] == ["file.txt"]


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = files.write_text(tmp_path / "file.txt", "old")

    def broken(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", broken)
    with pytest.raises(CannotCreate, match="No space left"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file.txt"]


def test_unchanged_files_keep_their_time(tmp_path):
    path = files.write_if_new(tmp_path / "file.txt", "same")
    before = path.stat().st_ino
    files.write_if_new(path, "same")
    assert path.stat().st_ino == before
    files.write_if_new(path, "other")
    assert path.read_text() == "other"


def test_reading_what_is_not_there_or_broken(tmp_path):
    (tmp_path / "broken.json").write_text("[1")
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "ragged.tsv").write_text("a\tb\n1\n")
    for name in ("absent.json", "broken.json", "list.json"):
        with pytest.raises(ReadWriteError, match=name):
            files.read_json(tmp_path / name)
    with pytest.raises(ReadWriteError, match=r"ragged\.tsv"):
        files.read_tsv(tmp_path / "ragged.tsv")


@pytest.mark.parametrize(
    ("value", "text"), [(0.12345, "0.123"), (-0.12345, "−0.123"), (-0.0001, "0.000"), (None, "–"), (math.nan, "–")]
)
def test_numbers_as_people_read_them(value, text):
    assert number(value) == text
