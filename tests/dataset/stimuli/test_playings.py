"""Rows of events.tsv → playings: a table of cases, and what holds for any rows."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from bids_trees import write_tsv
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.dataset.stimuli.events import decimal_unit, read_events
from bids_app.dataset.stimuli.playings import FileRow, playings_of
from bids_app.errors import DataError

A, B = "a.wav", "b.wav"
NAN = math.nan


def rows(*given_rows):
    """(onset, duration[, file]) → rows."""
    return [FileRow(row[0], row[1], row[2] if len(row) > 2 else A, line) for line, row in enumerate(given_rows, 2)]


def played(given_rows, **lengths):
    """(onset, duration, file, rows) of each playing."""
    table = {f"{name}.wav": length for name, length in lengths.items()}
    return [
        (event.onset_s, event.duration_s, event.stimulus_id, event.n_rows)
        for event in playings_of(given_rows, table.get).events
    ]


NARRATIVES = {  # what the data set's events files hold, and the length of a sound that fits
    "pieman": ([(0.0, 13.0), (15.0, 422.0)], 450.0, (0.0, 437.0, A, 2)),
    "shapesphysical": ([(4.5, 37.0), (49.5, 405.0)], 450.0, (4.5, 450.0, A, 2)),
    "notthefallintact": ([(4.5, 22.0), (29.5, 547.0)], 572.2, (4.5, 572.0, A, 2)),
    "slumlordreach": ([(4.5, 22.0), (29.5, 903.0), (944.5, 22.0), (969.5, 825.0)], 1790.4, (4.5, 1790.0, A, 4)),
    "tunnel": ([(3.0, 1534.0)], 1534.2, (3.0, 1534.0, A, 1)),
}


@pytest.mark.parametrize("task", NARRATIVES)
def test_rows_of_narratives_are_one_playing(task):
    given_rows, length_s, expected = NARRATIVES[task]
    assert played(rows(*given_rows), a=length_s) == [expected]


def test_milkyway_and_schema_of_narratives(tmp_path):
    """A person hears one of three sounds of a task; films without a file stand between two sounds."""
    one = write_tsv(
        tmp_path / "m_events.tsv",
        {"onset": [0.0, 21.0], "duration": [18.0, 404.0], "trial_type": ["music", "story"],
         "stim_file": ["milkywayvodka_audio.wav"] * 2},
    )  # fmt: skip
    assert [(event.stimulus_id, event.onset_s, event.duration_s) for event in events_of(one).stimuli] == [
        ("milkywayvodka_audio.wav", 0.0, 425.0)
    ]
    films = write_tsv(
        tmp_path / "s_events.tsv",
        {"onset": [5.0, 199.93, 369.17, 558.61], "duration": [189.0, 163.0, 184.0, 171.0],
         "trial_type": ["movie", "story"] * 2, "stim_file": ["n/a", "friends_audio.wav", "n/a", "bigbang_audio.wav"]},
    )  # fmt: skip
    found = events_of(films)
    assert [(event.stimulus_id, event.onset_s, event.duration_s) for event in found.stimuli] == [
        ("friends_audio.wav", 199.93, 163.0),
        ("bigbang_audio.wav", 558.61, 171.0),
    ]
    assert found.warnings == ()


@pytest.mark.parametrize("onset", [15.0, 13.5])
def test_the_four_people_whose_story_began_before_the_music_ended_are_refused(onset):
    """In milkyway and prettymouth music lasts to 18 s, and the story begins at 15 or 13.5 s: when did the file?"""
    with pytest.raises(DataError, match=r"overlap by (3|4\.5) s.*recipe"):
        played(rows((0.0, 18.0), (onset, 404.0)), a=431.0)


ONE = {
    "gaps are heard": ([(2, 10), (50, 100), (200, 102)], (2, 300, A, 3)),
    "a second too long for whole seconds": ([(0, 100), (100, 201)], (0, 301, A, 2)),
    "n/a: to the file's end": ([(0, None), (15, 100)], (0, None, A, 2)),
    "the last row to the file's end": ([(0, 13), (15, None)], (0, None, A, 2)),
    "before the first sample": ([(-20, 30), (15, 250)], (-20, 285, A, 2)),
    "marks within": ([(0, 300), (10, 5), (200, 50)], (0, 300, A, 3)),
    "the same row twice": ([(0, 300), (0, 300)], (0, 300, A, 1)),
    "stopped early": ([(0, 100), (101, 50)], (0, 151, A, 2)),
}


@pytest.mark.parametrize("case", ONE)
def test_one_playing(case):
    given_rows, expected = ONE[case]
    assert played(rows(*given_rows), a=300.0) == [expected]


SEVERAL = {
    "whole, whole": ([(0, 300), (310, 300)], [0, 310]),
    "back to back": ([(0, 300), (300, 300)], [0, 300]),
    "whole seconds": ([(0, 300), (299.6, 300)], [0, 299.6]),
    "n/a twice": ([(0, None), (320, None)], [0, 320]),
    "a fast player": ([(0, 298.5), (298.7, 298.5)], [0, 298.7]),
    "three": ([(5, 300), (400, 299), (800, 301)], [5, 400, 800]),
    "music and story, twice": ([(0, 13), (15, 270), (400, 13), (415, 270)], [0, 400]),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_played_again(case):
    given_rows, onsets = SEVERAL[case]
    assert [onset for onset, *_ in played(rows(*given_rows), a=300.0)] == onsets


AMBIGUOUS = {
    "a pause and the rest": ([(0, 100), (150, 200)], "a pause, and resumption at 150 s from 100 s of the file"),
    "a long pause": ([(0, 100), (500, 200)], "a pause, and resumption at 500 s from 100 s"),
    "begun anew": ([(0, 100), (105, 300)], "begun anew at 105 s"),
    "begun anew, to the end": ([(0, 300), (105, 300)], "begun anew at 105 s"),
    "a part again": ([(0, 300), (350, 100)], "begun anew at 350 s, or a part of it"),
    "three blocks": ([(0, 100), (120, 100), (240, 100)], "a pause, and resumption"),
    "blocks far apart": ([(0, 100), (400, 100), (800, 100)], "a pause, and resumption at 400 s"),
    "milliseconds": ([(0, 13_000), (15_000, 280_000)], "milliseconds"),
}


@pytest.mark.parametrize("case", AMBIGUOUS)
def test_ambiguous_rows_are_refused_with_the_candidates(case):
    given_rows, candidate = AMBIGUOUS[case]
    with pytest.raises(DataError, match=candidate) as refusal:
        played(rows(*given_rows), a=300.0)
    assert "a.wav" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_the_length_is_asked_for_only_where_it_matters():
    assert played(rows((3, 100), (200, 100, B))) == [(3, 100, A, 1), (200, 100, B, 1)]
    assert played(rows((3, 100), (10, 20))) == [(3, 100, A, 2)]  # within
    with pytest.raises(DataError, match=r"lines 2, 3\).*datalad get stimuli/a\.wav"):
        played(rows((0, 13), (15, 422)))


def test_sounds_heard_at_once_are_told():
    told = playings_of(rows((0, None), (200, 100, B)), {A: 300.0}.get).warnings
    assert told == (
        "a.wav (from 0 s) and b.wav (from 200 s) are heard at once for 100 s: the sound, as its event has no "
        "duration, lasts 300 s",
    )
    assert not playings_of(rows((0, 200), (200, 100, B)), {A: 300.0}.get).warnings


# ------------------------------------------------------------------------------------------------ what cannot be read
def events_of(path):
    lengths = {"a.wav": 300.0, "milkywayvodka_audio.wav": 431.0}
    return read_events(path, path.parent, lengths.get)


def table(path, onsets, durations, files):
    return write_tsv(path / "t_events.tsv", {"onset": onsets, "duration": durations, "stim_file": files})


@pytest.mark.parametrize("onset", ["n/a", "", "soon", "nan", "inf"])
def test_an_onset_that_cannot_be_read_is_told(tmp_path, onset):
    found = events_of(table(tmp_path, [onset, "5"], ["10", "300"], ["b.wav", "a.wav"]))
    assert [event.stimulus_id for event in found.stimuli] == ["a.wav"]
    assert found.warnings == ("line 2 of the events has no onset that can be read: b.wav is left out there",)
    with pytest.raises(DataError, match="has an onset that can be read"):
        events_of(table(tmp_path, [onset], ["10"], ["b.wav"]))


def test_a_playing_whose_beginning_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"may be the beginning of a\.wav"):
        events_of(table(tmp_path, ["n/a", "15"], ["13", "280"], ["a.wav", "a.wav"]))
    later = events_of(table(tmp_path, ["0", "n/a"], ["13", "280"], ["a.wav", "a.wav"]))
    assert [(event.onset_s, len(later.warnings)) for event in later.stimuli] == [(0.0, 1)]
    whole = events_of(table(tmp_path, ["n/a", "15"], ["13", "300"], ["a.wav", "a.wav"]))
    assert [event.onset_s for event in whole.stimuli] == [15.0]


@pytest.mark.parametrize(("duration", "told"), [("n/a", 0), ("", 0), ("0", 0), ("long", 1), ("-4", 1), ("inf", 1)])
def test_a_duration_of_nothing_lasts_to_the_files_end(tmp_path, duration, told):
    found = events_of(table(tmp_path, ["5"], [duration], ["a.wav"]))
    assert [event.duration_s for event in found.stimuli] == [None]
    assert len(found.warnings) == told
    assert all("'" + duration + "'" in line for line in found.warnings)


@pytest.mark.parametrize(
    ("cells", "unit"), [(["13.0", "422.0"], 1.0), (["1.5", "3"], 0.1), (["0.125", "n/a"], 0.001), (["n/a"], 0.0)]
)
def test_the_unit_of_a_column(cells, unit):
    assert decimal_unit(cells) == pytest.approx(unit)


def test_words_of_the_events_that_count_from_each_utterance_are_refused_or_placed(tmp_path):
    columns = {
        "onset": [0.0, *[at * 0.4 for at in range(6)] * 5],
        "duration": [300.0, *[0.3] * 30],
        "trial_type": ["story", *["word"] * 30],
        "stim_file": ["a.wav", *["n/a"] * 30],
        "value": ["n/a", *["spoken"] * 30],
    }
    with pytest.raises(DataError, match="begin anew 4 times"):
        events_of(write_tsv(tmp_path / "relative_events.tsv", columns))
    columns["utterance_onset"] = ["n/a", *[str(10 * (at // 6)) for at in range(30)]]
    placed = events_of(write_tsv(tmp_path / "placed_events.tsv", columns)).words
    assert placed.onset_s[[0, 6, 29]].tolist() == [0.0, 10.0, 42.0]


# ------------------------------------------------------------------------------------------------ whatever the rows
LENGTH = 300
quarters = st.integers(0, 4 * LENGTH - 1).map(lambda number: number / 4)


@st.composite
def parts_of_one(draw):
    """(onset, duration) of parts of one playing, from 0 on, in turn."""
    cuts = sorted({0.0, draw(quarters) + 0.25, *draw(st.lists(quarters, max_size=8))})
    pairs = list(pairwise(cuts))
    kept = draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs)))
    return [(start, end - start) for (start, end), keep in zip(pairs, kept, strict=True) if keep or start == 0.0]


whole_shifts = st.integers(-1000, 1000)


@settings(max_examples=60, deadline=None)
@given(parts_of_one(), whole_shifts, st.randoms(use_true_random=False))
def test_parts_are_one_playing_at_any_time_in_any_order(parts, shift, order):
    moved = rows(*((onset + shift, duration) for onset, duration in parts))
    order.shuffle(moved)
    last = max(onset + duration for onset, duration in parts)
    assert played(moved, a=float(LENGTH)) == [(shift, last, A, len(parts))]


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4), st.lists(st.integers(0, 500), min_size=4, max_size=4), parts_of_one())
def test_whole_playings_stay_as_many_however_they_are_split(times, pauses, parts):
    """Splitting every playing into the same rows changes nothing but the number of rows."""
    onsets = [sum(LENGTH + pause for pause in pauses[:number]) for number in range(times)]
    last_s = parts[-1][0] + parts[-1][1]
    parts = [*parts, (last_s, LENGTH - last_s)] if last_s < LENGTH else parts
    split = played(rows(*((onset + at, length) for onset in onsets for at, length in parts)), a=float(LENGTH))
    assert [playing[:2] for playing in split] == [(onset, LENGTH) for onset in onsets]


@given(st.lists(st.tuples(st.integers(-50, 2000), st.one_of(st.none(), st.integers(1, 400))), min_size=1, max_size=6),
       whole_shifts)  # fmt: skip
def test_any_rows_are_played_or_refused_alike_at_any_time(given_rows, shift):
    def outcome(move):
        try:
            found = played(rows(*((onset + move, duration) for onset, duration in given_rows)), a=float(LENGTH))
        except DataError:
            return None
        return [(onset - move, *rest) for onset, *rest in found]

    found = outcome(0)
    assert found == outcome(shift)
    for onset, *_ in found or ():
        assert onset in [row[0] for row in given_rows]
    for one, other in pairwise(found or ()):
        assert other[0] - one[0] >= LENGTH * 0.9 - 2
