"""Files made to take long: the time that reading takes grows as their length does, not as its square."""

import time
from contextlib import suppress

import pytest

from bids_app.dataset.files.tables import read_table
from bids_app.dataset.responses.cifti import TAG
from bids_app.dataset.signals.brainvision import channel_labels, new_segments
from bids_app.dataset.signals.recording import channels_of
from bids_app.dataset.stimuli.events import read_events
from bids_app.dataset.transcripts.word_files import read_annotation
from bids_app.errors import DataError
from bids_app.records import group_findings

N = 200_000
GRID = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0 125 <exists> '
TIER = '"IntervalTier" "{name}" 0 9 1 0 9 "a" '
ROWS = "\n".join(f"{at / 100}\t0.01\tstory.wav" for at in range(20_000))


def crossing(n):
    """Two tiers whose intervals all lie on one another."""
    rows = " ".join(f'0 {9 + at / n} "w{at}"' for at in range(n))
    return f'{GRID}2 "IntervalTier" "one" 0 9 {n} {rows} "IntervalTier" "two" 0 9 {n} {rows}'


FILES = {
    "quotes.TextGrid": GRID + '"' * N,
    "pairs of quotes.TextGrid": GRID + '"a" ' * (N // 4) + '"' + "b" * N,
    "digits.TextGrid": GRID + "1" * N + "x " + "1.1e1" * N,
    "numbers.TextGrid": GRID + "1 " * N,
    "tiers.TextGrid": GRID + f"{N // 40} " + "".join(TIER.format(name=at) for at in range(N // 40)),
    "crossing.TextGrid": crossing(20_000),
    "nested.json": "[" * 900 + "]" * 900,
    "entries.json": "[" + ",".join(f'{{"word": "w", "start": {at}, "end": {at}}}' for at in range(N // 10)) + "]",
    "wide.tsv": "\t".join(f"c{at}" for at in range(N // 4)) + "\n" + "\t".join("1" * (N // 4)),
    "open quotes.csv": 'word,start,end\n"' + "a,1,2\n" * (N // 6),
    "lines.ctm": "a b 1 2 w\n" * (N // 10),
    "channels.ctm": "\n".join(f"a{at} b 1 2 w" for at in range(N // 10)),
}  # fmt: skip


def seconds(call, *arguments):
    before = time.process_time()
    with suppress(DataError):
        call(*arguments)
    return time.process_time() - before


@pytest.mark.parametrize("name", FILES)
def test_transcripts(name, tmp_path):
    path = tmp_path / name
    path.write_text(FILES[name])
    assert seconds(read_annotation, path) < 4


def test_tables_of_many_rows(tmp_path):
    (tmp_path / "channels.tsv").write_text("name\ttype\n" + "".join(f"c{at}\tSEEG\n" for at in range(N // 4)))
    assert seconds(channels_of, tmp_path / "channels.tsv") < 4
    (tmp_path / "events.tsv").write_text(f"onset\tduration\tstim_file\n{ROWS}\n")
    assert seconds(read_events, tmp_path / "events.tsv", tmp_path, lambda name: 1000.0) < 4
    assert len(read_table(tmp_path / "events.tsv").rows) == 20_000


@pytest.mark.parametrize(
    "line", ["MarkerFile=" + " " * N + "x", "MarkerFile=a" + " " * N + "b", "Mk1=New Segment," * 20_000]
)
def test_headers_of_brainvision(line, tmp_path):
    (tmp_path / "x.vhdr").write_text(f"{line}\n[Channel Infos]\n" + "Ch1=" * N)
    (tmp_path / "x.vmrk").write_text(line)
    assert seconds(new_segments, tmp_path / "x.vhdr") < 4
    assert seconds(channel_labels, tmp_path / "x.vhdr") < 4


def test_xml_of_openings_alone():
    assert seconds(TAG.findall, "<MatrixIndicesMap " * (N // 10)) < 4


def test_a_reason_has_an_end():
    error = DataError("x" * 10**6, "path", "y" * 10**6)
    assert len(str(error)) < 5000
    assert "path" in str(error)
    assert seconds(lambda: group_findings([("a", str(error)), ("b", str(error))])) < 4
