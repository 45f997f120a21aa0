"""Tables: those of BIDS have a header whatever their columns are called; an aligner's may have none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app.dataset.files.tables import parse_table, read_table
from bids_app.dataset.signals.recording import channels_of
from bids_app.dataset.transcripts.word_files import read_annotation

HEADERS = (
    "name\t1\t2",
    "onset\tduration\t1\t2\t3",
    "0\t1\tx",
    "name\t0.5\t-1e3",
    "1\t2\t3\tword",
    "inf\tnan\t1\t2\ta",
)


@pytest.mark.parametrize("header", HEADERS)
def test_the_first_line_is_a_header(header, tmp_path):
    path = tmp_path / "sub-01_task-x_channels.tsv"
    path.write_text(header + "\n" + "\t".join("7" * (header.count("\t") + 1)) + "\n")
    assert len(read_table(path).rows) == 1
    assert len(channels_of(path).rows) == 1


def test_an_aligners_table_may_have_none(tmp_path):
    (tmp_path / "align.csv").write_text("Act,act,3.71,3.79\nlost,,,\none,one,3.99,4.19\n")
    words = read_annotation(tmp_path / "align.csv").words
    assert words is not None
    assert words.text == ("Act", "one")


@given(st.lists(st.sampled_from(["1", "2.5", "-3", "x", "word", ""]), min_size=1, max_size=6))
def test_with_a_name_of_times_it_is_a_header(cells):
    for name in ("onset", "Start", "start_time", "duration", "xmin"):
        table = parse_table(",".join([name, *cells, "1", "2"]) + "\n" + ",".join(["7"] * (len(cells) + 3)), ",", True)
        assert len(table.rows) == 1
