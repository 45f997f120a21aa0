"""What recipes say of every recording of the published skeletons: sound, onset and words as the sets state them."""

import pytest
from published_skeletons import copy_skeleton

from bids_app.dataset.discovery.played import PlayedFinder
from bids_app.dataset.files.candidates import Candidate
from bids_app.dataset.files.layout import Entry, build_index, parse_name
from bids_app.dataset.stimuli.events import read_events
from bids_app.dataset.stimuli.lengths import length_reader
from bids_app.errors import Undecided
from bids_app.records import ResponseClock
from bids_app.settings.recipe_files import load_recipe

pytestmark = pytest.mark.realdata


KINDS = {"bold": "volume", "ieeg": "electrodes"}


def finder_of(root, recipe, table=None):
    people = sorted(path.name.removeprefix("sub-") for path in root.glob("sub-*"))
    raw = build_index(root, "raw", people)
    spec = load_recipe(recipe, table).spec()
    length_of = length_reader(root, None, spec)
    return PlayedFinder(raw, lambda path: read_events(path, root, length_of), spec)


def named(root, folder, pattern):
    """Candidates of a folder by their names alone."""
    index = build_index(root / folder, "derivative", ())
    return [
        Candidate(index, KINDS[entry.suffix], "", dict(entry.entities), (entry,))
        for entry in map(parse_name, sorted((root / folder).glob(pattern)))
    ]


def played(finder, candidates):
    """(file, sound, onset, words, rows of words) of every recording; each has one stimulus."""
    rows = []
    for candidate in candidates:
        (event,) = finder.of(candidate).events.stimuli
        words = event.source.words
        key = "_".join(
            f"{name}-{candidate.entities[name]}" for name in ("sub", "task", "run") if name in candidate.entities
        )
        rows.append((key, event.source.sound, event.onset_s, words and words.path, words and words.where))
    return rows


LPP_RUNS = {  # person → (task, first of nine runs in a row)
    "EN057": ("lppEN", 15),
    "EN058": ("lppEN", 8),
    "FR001": ("lppFR", 1),
}


def test_little_prince_sections_are_ranks_of_runs(tmp_path):
    root = copy_skeleton("ds003643", tmp_path / "ds003643")
    finder = finder_of(root, "little-prince")
    expected = []
    for person, (task, first) in LPP_RUNS.items():
        language, dash = task[-2:], "-" if task == "lppEN" else "_"
        expected += [
            (
                f"sub-{person}_task-{task}_run-{first + rank:02d}",
                f"stimuli/task-{task}_section{dash}{rank + 1}.wav",
                0.0,
                f"annotation/{language}/{task}_word_information.csv",
                (("section", str(rank + 1)),),
            )
            for rank in range(9)
        ]
    candidates = [one for one in named(root, "derivatives", "sub-*/func/*_bold.nii.gz") if "CN" not in one.label]
    assert played(finder, candidates) == expected


def test_little_prince_asks_for_the_onset_of_chinese_runs(tmp_path):
    root = copy_skeleton("ds003643", tmp_path / "ds003643", people=("sub-CN001",))
    first, *others = named(root, "derivatives", "sub-CN001/func/*_bold.nii.gz")
    with pytest.raises(Undecided, match=r"asks for 'onset': .*`task,onset` and `lppCN,0`.*--stimuli-table FILE"):
        finder_of(root, "little-prince").of(first)
    (tmp_path / "onset.csv").write_text("task,onset\nlppCN,-8\n")
    rows = played(finder_of(root, "little-prince", tmp_path / "onset.csv"), [first, *others])
    assert [row[1:3] for row in rows] == [(f"stimuli/task-lppCN_section_{n}.wav", -8.0) for n in range(1, 10)]
    assert [row[0][-2:] for row in rows] == ["04", "05", "06", "07", "08", "09", "10", "11", "12"]


def test_a_person_with_eight_runs_is_asked_about(tmp_path):
    root = copy_skeleton("ds003643", tmp_path / "ds003643", people=("sub-EN057",))
    for path in [*root.rglob("*run-18*")]:
        path.unlink()
    first, *_ = named(root, "derivatives", "sub-EN057/func/*_bold.nii.gz")
    with pytest.raises(
        Undecided, match=r"rank of the run among 9, and run numbers are 15, 16, 17, 19, .*--stimuli-table"
    ):
        finder_of(root, "little-prince").of(first)


def test_a_run_that_only_the_raw_data_have_counts_among_the_nine(tmp_path):
    root = copy_skeleton("ds003643", tmp_path / "ds003643", people=("sub-EN057",))
    for path in [*(root / "derivatives").rglob("*run-18*")]:
        path.unlink()
    rows = played(finder_of(root, "little-prince"), named(root, "derivatives", "sub-EN057/func/*_bold.nii.gz"))
    assert [row[1][-5] for row in rows] == ["1", "2", "3", "5", "6", "7", "8", "9"]


# story → first row's onset, rows of its events, and seconds from there to the last row's end
NARRATIVES = {
    "pieman": (0.0, 2, 437.0),
    "tunnel": (3.0, 1, 1534.0),
    "21styear": (0.0, 2, 3359.0),
    "shapesphysical": (4.5, 2, 450.0),
    "shapessocial": (4.5, 2, 453.0),
}


def test_narratives_rows_of_one_file_are_one_playing_with_gentles_words(tmp_path):
    root = copy_skeleton("ds002345", tmp_path / "ds002345")
    for story, (_, _, seconds) in NARRATIVES.items():  # no sound is fetched: gentle's words say how long it is
        (root / f"stimuli/gentle/{story}").mkdir(parents=True)
        (root / f"stimuli/gentle/{story}/align.csv").write_text(f"lost,lost,,\nend,end,{seconds - 1},{seconds}\n")
    finder = finder_of(root, "narratives")
    found = {}
    for candidate in named(root, ".", "sub-*/func/*_bold.nii.gz"):
        (event,), task = finder.of(candidate).events.stimuli, candidate.entities["task"]
        assert event.source.sound == f"stimuli/{task}_audio.wav"
        assert (event.source.words.path, event.source.language) == (f"stimuli/gentle/{task}/align.csv", "en")
        assert found.setdefault(task, (event.onset_s, event.n_rows, event.duration_s)) == NARRATIVES[task]
    assert {*found} == {*NARRATIVES}


def test_lebel_rows_begin_ten_seconds_after_the_sound(tmp_path):
    root = copy_skeleton("ds003020", tmp_path / "ds003020", people=("sub-UTS01",))
    finder = finder_of(root, "lebel")
    for story in ("wheretheressmoke", "souls"):
        path = root / f"derivative/preprocessed_data/UTS01/{story}.hf5"
        assert path.is_file()
        entry = Entry(path, {"sub": "UTS01", "task": story}, "", ".hf5")
        said = finder.of(Candidate(finder.raw, "array", "individual", dict(entry.entities), (entry,)))
        (event,) = said.events.stimuli
        assert (event.source.sound, event.onset_s) == (f"stimuli/{story}.wav", 0.0)
        assert event.source.words.path == event.source.phones.path == f"derivative/TextGrids/{story}.TextGrid"
        assert said.clock == ResponseClock(start_s=10.0, interval_s=2.0)
    (raw,) = named(root, ".", "sub-UTS01/ses-2/func/*souls*_bold.nii.gz")
    (event,) = finder.of(raw).events.stimuli
    assert event.onset_s == 10.0  # volumes of the scan: the sound starts with the sixth
    assert finder.of(raw).clock == ResponseClock()


def test_cantonese_has_a_sound_a_run_and_one_table_of_words(tmp_path):
    root = copy_skeleton("ds004718", tmp_path / "ds004718")
    finder = finder_of(root, "little-prince-cantonese")
    candidates = named(root, "derivatives", "sub-*/func/*lppHK*_bold.nii.gz")
    sounds = tuple(f"stimuli/task-lppHK_run-{run}.wav" for run in range(1, 5))
    assert played(finder, candidates) == [
        (
            f"sub-{person}_task-lppHK_run-{run}",
            sounds[run - 1],
            0.0,
            "annotation/lppHK_word_information.csv",
            (("sentence_id", f"{run}.*"),),
        )
        for person in ("HK001", "HK002")
        for run in range(1, 5)
    ]
    for candidate in candidates:
        said = finder.of(candidate)
        assert said.warnings == ("nothing says when the sound began: onset 0 s taken",)
        assert said.events.stimuli[0].source.words.through == sounds
        assert said.events.stimuli[0].source.joiner == ""


def test_multitalker_asks_which_run_has_which(tmp_path):
    root = copy_skeleton("ds005345", tmp_path / "ds005345")
    candidates = named(root, "derivatives", "sub-0[12]/func/*multitalker*_bold.nii.gz")
    with pytest.raises(
        Undecided, match=r"asks for 'heard': .*single_female, single_male or mix.*--stimuli-table FILE"
    ):
        finder_of(root, "multitalker").of(candidates[0])
    table = tmp_path / "runs.tsv"
    rows = [
        ("01", 1, "mix", "female"),
        ("01", 2, "mix", "male"),
        ("01", 3, "single_female", "female"),
        ("01", 4, "single_male", "male"),
    ]
    table.write_text(
        "participant_id\trun\theard\tattended\n" + "".join(f"sub-{a}\t{b}\t{c}\t{d}\n" for a, b, c, d in rows)
    )
    finder = finder_of(root, "multitalker", table)
    assert played(finder, candidates[:4]) == [
        (f"sub-{sub}_task-multitalker_run-{run}", f"stimuli/{heard}.wav", 0.0,
         f"annotation/single_{attended}_word_information.csv", ())
        for sub, run, heard, attended in rows
    ]  # fmt: skip
    with pytest.raises(Undecided, match="asks for 'heard'"):
        finder.of(candidates[4])  # another person, of whom the table says nothing


def test_podcast_begins_with_the_recording(tmp_path):
    root = copy_skeleton("ds005574", tmp_path / "ds005574")
    candidates = named(root, "derivatives/ecogprep", "sub-*/ieeg/*highgamma_ieeg.fif")
    assert played(finder_of(root, "podcast"), candidates) == [
        (f"sub-{sub}_task-podcast", "stimuli/podcast.wav", 0.0, "stimuli/podcast_transcript.csv", ())
        for sub in ("01", "02")
    ]


FILM = {"01": (21.325, 411.378), "02": (39.562, 429.625), "05": (115.446, 505.488)}  # first music row, end task


def test_film_begins_with_the_first_music_row(tmp_path):
    root = copy_skeleton("ds003688", tmp_path / "ds003688")
    finder = finder_of(root, "film-ieeg")
    for candidate in named(root, ".", "sub-*/ses-iemu/ieeg/*task-film*_ieeg.vhdr"):
        (event,) = finder.of(candidate).events.stimuli
        begins, ends = FILM[candidate.entities["sub"]]
        assert (event.onset_s, event.onset_s + event.duration_s) == (begins, pytest.approx(ends))
        assert event.source.sound is None
        assert event.source.words.path == "stimuli/annotations/sound/sound_annotation_words.tsv"
        assert event.source.phones.path == "stimuli/annotations/sound/sound_annotation_phonemes.tsv"
        assert event.source.language == "nl"
