"""The clock of a transcript: known words come out at their times in the sound, are told of, or are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from bids_trees import fmri_dataset, write
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.dataset import find_recordings, load_stimulus
from bids_app.dataset.files.intervals import Annotation
from bids_app.dataset.files.one_clock import begins_anew
from bids_app.dataset.files.tables import parse_table
from bids_app.dataset.stimuli.word_clock import WordClock
from bids_app.dataset.transcripts.utterances import on_one_clock
from bids_app.errors import DataError
from bids_app.records import (
    Intervals,
    RecordingQuery,
    StatedStimuli,
    Stimulus,
    StimulusEvent,
    StimulusSource,
    TimedFile,
)

SOUND_S = 60.0
ONSETS = np.arange(1.0, 57.0, 2.0)  # of words that last .4 s


def words(scale: float = 1.0, shift: float = 0.0) -> Intervals:
    return Intervals(ONSETS * scale + shift, np.full(len(ONSETS), 0.4 * scale), tuple(f"w{at}" for at in ONSETS))


def judged(table: Intervals, extent=None, file_s=SOUND_S, stretch=False):  # type: ignore[no-untyped-def]
    return WordClock(file_s, stretch).judged(Annotation(table, extent_s=extent))


RIGHT = {  # times as written, the TextGrid's extent, what is told
    "seconds": (words(), None, ""),
    "a TextGrid of the sound": (words(), (0.0, 60.0), ""),
    "milliseconds": (words(1000), None, "times are milliseconds"),
    "milliseconds in a TextGrid": (words(1000), (0.0, 60_000.0), "times are milliseconds"),
    "cut from a longer sound, times kept": (words(1, 100), (100.0, 160.0), "100 s were subtracted"),
    "a stretch of the sound, on its clock": (words(), (0.9, 57.0), "taken to count from its beginning"),
    "begins before the sound": (words(), (-0.5, 60.0), "count from its beginning"),
}


@pytest.mark.parametrize("case", RIGHT)
def test_words_come_out_at_their_times(case: str) -> None:
    table, extent, told = RIGHT[case]
    found = judged(table, extent)
    assert found.words.onset_s == pytest.approx(ONSETS, abs=1e-9)
    assert found.words.duration_s == pytest.approx(0.4)
    assert told in " ".join(found.notes)
    assert bool(told) == bool(found.notes)


REFUSED = {
    "samples": (words(16_000), None, SOUND_S, "no seconds"),
    "hundredths": (words(100), None, SOUND_S, "no seconds"),
    "minutes": (words(1 / 600), None, SOUND_S, "no seconds"),
    "milliseconds without the sound": (words(1000), None, None, "no seconds"),
    "xmin without the sound": (words(1, 100), (100.0, 160.0), None, "without the sound"),
    "xmin that fits nothing": (words(1, 20), (20.0, 90.0), SOUND_S, "neither"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_clock_that_cannot_be_understood_is_refused(case: str) -> None:
    table, extent, file_s, reason = REFUSED[case]
    many = Intervals(*(np.tile(part, 2) for part in (table.onset_s, table.duration_s)), table.text * 2)
    with pytest.raises(DataError, match=reason):
        judged(many, extent, file_s)


@pytest.mark.parametrize("ratio", [0.995, 1.005, 1.02])
def test_a_clock_at_another_speed_is_told_and_corrected_only_where_asked(ratio: float) -> None:
    written, extent = words(ratio), (0.0, SOUND_S * ratio)
    as_written = judged(written, extent)
    assert as_written.words.onset_s.tolist() == written.onset_s.tolist()
    assert "stretch_to_sound" in as_written.notes[0]
    corrected = judged(written, extent, stretch=True)
    assert corrected.words.onset_s == pytest.approx(ONSETS)
    assert "were multiplied" in corrected.notes[0]


def test_a_transcript_of_another_file_is_told_and_never_stretched() -> None:
    assert "another file" in judged(words(), (0.0, 90.0)).notes[0]
    with pytest.raises(DataError, match="no clock"):
        judged(words(), (0.0, 90.0), stretch=True)


def test_a_textgrid_that_ends_with_its_last_word_says_nothing_of_speed() -> None:
    assert judged(words(), (0.0, float(ONSETS[-1] + 0.4))).notes == ()


# ------------------------------------------------------------------------------------------------ utterances
def utterances(*, column: str = "", absolute: bool = False) -> str:
    lines = ["\t".join(["word", "start", "end", *([column] if column else [])])]
    for number in range(6):
        at = 10.0 * number + 1
        for place in range(7):
            start = place * 0.5 + (at if absolute else 0.0)
            lines.append("\t".join([f"word{place}", f"{start}", f"{start + 0.4}", *([f"{at}"] if column else [])]))
    return "\n".join(lines) + "\n"


def placed(text: str) -> list[float]:
    table, _ = on_one_clock(parse_table(text, "\t"))
    return [float(cell) for cell in table.column("start")]


@pytest.mark.parametrize("column", ["utterance_start", "segment_onset", "SentenceStart", "utt_begin"])
def test_times_from_each_utterances_beginning_are_placed_by_its_column(column: str) -> None:
    expected = placed(utterances(absolute=True))
    assert placed(utterances(column=column)) == pytest.approx(expected)
    assert placed(utterances(column=column, absolute=True)) == expected  # on one clock already
    assert on_one_clock(parse_table(utterances(column=column), "\t"))[1][0].startswith("times count from each")


def test_without_such_a_column_they_are_refused() -> None:
    for column in ("", "note"):
        with pytest.raises(DataError, match="begin anew 5 times"):
            placed(utterances(column=column))
    with pytest.raises(DataError, match="begin anew"):
        placed(utterances(column="utterance_start").replace("\t21.0", "\tn/a"))


@settings(max_examples=60)
@given(st.lists(st.integers(1, 20), min_size=6, max_size=60), st.integers(1, 40))
def test_rows_on_one_clock_never_begin_anew(gaps: list[int], first: int) -> None:
    """Words one after the other; then two people in turn, one's rows after the other's."""
    ends = first + np.cumsum(gaps)
    rows = [(float(start), float(end), "w") for start, end in zip([first, *ends[:-1]], ends, strict=True)]
    assert begins_anew(rows) == []
    assert begins_anew(rows[::2] + rows[1::2]) == []


# ------------------------------------------------------------------------------------------------ through files
def textgrid(first_s: float, last_s: float, rows: list[tuple[float, float, str]]) -> str:
    head = ['"ooTextFile"', '"TextGrid"', f"{first_s}", f"{last_s}", "<exists>", "1"]
    tier = ['"IntervalTier"', '"words"', f"{first_s}", f"{last_s}", f"{len(rows)}"]
    return "\n".join([*head, *tier, *(f'{start} {end} "{text}"' for start, end, text in rows)])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = fmri_dataset(tmp_path / "bids", people=("01",))
    soundfile.write(root / "stimuli/story.wav", np.zeros(int(SOUND_S * 100)), 100)
    return root


def load(root: Path, source: StimulusSource | None = None, stretch: bool = False) -> Stimulus:
    recording = find_recordings(RecordingQuery(root, root.parent / "out")).recordings[0]
    event = StimulusEvent(0.0, "story.wav", source=source)
    return load_stimulus(recording, event, root, None, False, StatedStimuli(stretch_words=stretch))


def test_a_file_beside_the_sound_is_judged_by_it(root: Path) -> None:
    write(root / "stimuli/story.TextGrid", textgrid(100, 160, [(101, 101.5, "a"), (150, 151, "b")]))
    found = load(root)
    assert found.words is not None
    assert found.words.onset_s.tolist() == [1.0, 50.0]
    assert "100 s were subtracted" in found.notes[0]
    (root / "stimuli/story.wav").unlink()
    with pytest.raises(DataError, match=r"without the sound.*story\.TextGrid.*datalad get"):
        load(root)


def test_a_file_that_a_recipe_names_is_judged_alike_unless_it_says_the_shift(root: Path) -> None:
    write(root / "annotation/a.TextGrid", textgrid(100, 160, [(101, 101.5, "a"), (150, 151, "b")]))
    for shift_s, first_s in ((0.0, 1.0), (-99.0, 2.0)):
        source = StimulusSource("stimuli/story.wav", TimedFile("annotation/a.TextGrid", shift_s=shift_s))
        found = load(root, source)
        assert found.words is not None
        assert found.words.onset_s[0] == pytest.approx(first_s)


def test_tables_of_utterances(root: Path) -> None:
    write(root / "stimuli/story.tsv", utterances(column="utterance_start"))
    found = load(root)
    assert found.words is not None
    assert found.words.onset_s[:2].tolist() == [1.0, 1.5]
    assert found.words.onset_s[7] == 11.0
    write(root / "stimuli/story.tsv", utterances())
    with pytest.raises(DataError, match=r"begin anew.*story\.tsv"):
        load(root)


def test_word_clock_option_stretches(root: Path) -> None:
    write(root / "stimuli/story.TextGrid", textgrid(0, 60.6, [(10.1, 10.6, "a"), (50.5, 51, "b")]))
    assert load(root).words.onset_s.tolist() == [10.1, 50.5]  # type: ignore[union-attr]
    assert load(root, stretch=True).words.onset_s == pytest.approx([10.0, 50.0])  # type: ignore[union-attr]
