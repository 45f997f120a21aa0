"""What a recipe says of a recording, without a data set."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.dataset.files.tables import parse_table
from bids_app.dataset.stimuli.recipe import answer
from bids_app.dataset.stimuli.recipe_lookups import RecordingFacts, row_of
from bids_app.encoding.design.folds import stimulus_groups
from bids_app.errors import DataError, Undecided
from bids_app.records import (
    EventTime,
    Rank,
    ResponseClock,
    StimulusEvent,
    StimulusRecipe,
    StimulusRule,
    TimedFile,
)

EVENTS = parse_table(
    "onset\tduration\ttrial_type\ttime\n1.5\t0\tstart task\t0\n2.0\t30\tmusic\t100\n32.0\t30\tspeech\t130\n"
    "62\t30\tmusic\t160\nn/a\t0\tlost\t0\n92.25\t0\tend task\t190\n",
    "\t",
)


def facts_of(events=EVENTS, stimuli=(), labels=(), **entities):
    entities = entities or {"sub": "01", "task": "film", "run": "2"}
    stem = "_".join(f"{key}-{value}" for key, value in entities.items())
    return RecordingFacts(entities, f"{stem}_bold.nii.gz", {"run": labels}, lambda: events, lambda: tuple(stimuli))


def recipe_of(*rules, table=()):
    return StimulusRecipe("mine", rules, table)


def event_of(recipe, facts):
    (event,) = answer(recipe, facts).stimuli
    return event


# ------------------------------------------------------------------------------------------------ events
@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        (EventTime((("trial_type", "music"),)), 2.0),
        (EventTime((("trial_type", "music"),), "last"), 62.0),
        (EventTime((("trial_type", "music"),), 2), 62.0),
        (EventTime((("trial_type", "m*"),), "first", "time"), 100.0),
        (EventTime((("trial_type", "music"), ("time", "160"))), 62.0),
        (EventTime((("trial_type", "start task"),), "only", shift_s=-0.5), 1.0),
        (EventTime((("Trial_Type", "speech"),)), 32.0),
    ],
)
def test_an_onset_is_that_of_an_event(asked, seconds):
    event = event_of(recipe_of(StimulusRule(sound="a.wav", onset=asked)), facts_of())
    assert event.onset_s == seconds


def test_a_stimulus_lasts_until_an_event():
    rule = StimulusRule(
        words=TimedFile("w.tsv"),
        onset=EventTime((("trial_type", "music"),)),
        duration=EventTime((("trial_type", "end task"),)),
    )
    event = event_of(recipe_of(rule), facts_of())
    assert (event.onset_s, event.duration_s, event.stimulus_id) == (2.0, 90.25, "w.tsv")


@pytest.mark.parametrize(
    ("onset", "duration", "said"),
    [
        (
            EventTime((("trial_type", "sing"),)),
            None,
            "0 events have trial_type 'sing'.*there are end task, lost, music",
        ),
        (EventTime((("trial_type", "music"),), 3), None, "2 events have trial_type 'music'"),
        (
            EventTime((("trial_type", "music"),), "only"),
            None,
            "2 events have trial_type 'music', the recipe takes the",
        ),
        (EventTime((("trial_type", "lost"),)), None, "has 'n/a' as onset"),
        (EventTime((("trial_type", "music"),), column="at"), None, "has '' as at"),
        (50.0, EventTime((("trial_type", "speech"),)), "would last -18 s"),
    ],
)
def test_an_event_that_is_not_there_is_one_line(onset, duration, said):
    with pytest.raises(DataError, match=said):
        answer(recipe_of(StimulusRule(sound="a.wav", onset=onset, duration=duration)), facts_of())


def test_an_onset_that_nothing_says_is_told():
    said = answer(recipe_of(StimulusRule(sound="a.wav")), facts_of())
    assert (said.stimuli[0].onset_s, said.warnings) == (0.0, ("nothing says when the sound began: onset 0 s taken",))
    assert answer(recipe_of(StimulusRule(sound="a.wav", onset=0.0)), facts_of()).warnings == ()


# ------------------------------------------------------------------------------------------------ rules
def test_the_first_rule_that_fits_holds():
    recipe = recipe_of(
        StimulusRule({"task": ("rest",)}, sound="rest.wav"),
        StimulusRule({"task": ("f*",), "run": ("01",)}, sound="one.wav"),
        StimulusRule({"task": ("f*",), "run": ("02", "03")}, files=("*.gii",), sound="surface.wav"),
        StimulusRule({"task": ("f*",), "run": ("02", "03")}, sound="two.wav", response=ResponseClock(3.0)),
    )
    assert event_of(recipe, facts_of()).source.sound == "two.wav"
    assert answer(recipe, facts_of()).response == ResponseClock(3.0)
    with pytest.raises(DataError, match="no rule for task-film run-7"):
        answer(recipe, facts_of(sub="01", task="film", run="7"))


def test_stimuli_under_stimuli_are_named_as_stim_file_names_them():
    assert event_of(recipe_of(StimulusRule(sound="stimuli/a/b.wav", onset=0.0)), facts_of()).stimulus_id == "a/b.wav"
    assert (
        event_of(recipe_of(StimulusRule(sound="sounds/b.wav", onset=0.0)), facts_of()).stimulus_id == "sounds/b.wav"
    )


def test_events_name_the_sound_and_its_stem_the_words():
    played = (StimulusEvent(4.5, "pieman_audio.wav", 30.0, 2), StimulusEvent(50.0, "tunnel_audio.wav", None))
    rule = StimulusRule(
        from_events=True, words=TimedFile("gentle/{story}/align.csv"), patterns={"sound": "(?P<story>.+)_audio"}
    )
    said = answer(recipe_of(rule), facts_of(stimuli=played)).stimuli
    assert [(one.onset_s, one.stimulus_id, one.duration_s, one.n_rows) for one in said] == [
        (4.5, "pieman_audio.wav", 30.0, 2), (50.0, "tunnel_audio.wav", None, 1),
    ]  # fmt: skip
    assert [one.source.words.path for one in said] == ["gentle/pieman/align.csv", "gentle/tunnel/align.csv"]
    with pytest.raises(DataError, match="pattern over the sound does not fit 'pieman'"):
        answer(recipe_of(rule), facts_of(stimuli=(StimulusEvent(0.0, "pieman.wav"),)))


def test_a_table_moves_the_one_stimulus_that_events_name():
    rule = StimulusRule(from_events=True)
    table = ({"run": "2", "onset": "7"},)
    one, two = StimulusEvent(4.5, "a.wav", 30.0), StimulusEvent(50.0, "b.wav", None)
    assert event_of(recipe_of(rule, table=table), facts_of(stimuli=(one,))).onset_s == 7.0
    with pytest.raises(DataError, match="moves one of 2 stimuli"):
        answer(recipe_of(rule, table=table), facts_of(stimuli=(one, two)))


# ------------------------------------------------------------------------------------------------ fields
@settings(max_examples=40)
@given(st.text("abcXYZ019", min_size=1), st.text("abcXYZ019", min_size=1))
def test_groups_of_a_pattern_over_the_stem_are_fields(task, story):
    rule = StimulusRule(
        sound="{story}.wav", onset=0.0, patterns={"recording": "sub-01_task-[^_]+_acq-(?P<story>[^_]+)_bold"}
    )
    event = event_of(recipe_of(rule), facts_of(sub="01", task=task, acq=story))
    assert event.source.sound == f"{story}.wav"


@settings(max_examples=40)
@given(st.sets(st.integers(1, 99), min_size=1, max_size=12), st.data())
def test_a_rank_is_the_place_among_the_persons_runs(numbers, data):
    own = data.draw(st.sampled_from(sorted(numbers)))
    labels = [f"{number:02d}" for number in numbers] + [str(number) for number in numbers]  # raw and derivative
    rule = StimulusRule(sound="s{section}.wav", onset=0.0, ranks={"section": Rank("run", len(numbers))})
    event = event_of(recipe_of(rule), facts_of(labels=labels, sub="01", task="x", run=f"{own:03d}"))
    assert event.source.sound == f"s{sum(number <= own for number in numbers)}.wav"
    wrong = StimulusRule(sound="s{section}.wav", ranks={"section": Rank("run", len(numbers) + 1)})
    with pytest.raises(Undecided, match=r"rank of the run among .*--stimuli-table"):
        answer(recipe_of(wrong), facts_of(labels=labels, sub="01", task="x", run=str(own)))


def test_a_field_that_a_recording_lacks_is_one_line():
    with pytest.raises(DataError, match=r"nothing says what \{ses\} of 'a/\{ses\}.wav' is: sub-01_task-film"):
        answer(recipe_of(StimulusRule(sound="a/{ses}.wav")), facts_of())


# ------------------------------------------------------------------------------------------------ tables
ENTITIES = st.fixed_dictionaries(
    {"sub": st.sampled_from("12"), "task": st.sampled_from("ab"), "run": st.sampled_from("123")}
)
ROWS = st.lists(
    st.tuples(st.sets(st.sampled_from(["sub", "task", "run"]), min_size=1), ENTITIES, st.sampled_from("xyz")),
    max_size=8,
)


@settings(max_examples=60)
@given(ROWS, ENTITIES)
def test_of_a_tables_rows_that_fit_the_one_that_names_most_wins(rows, entities):
    table = tuple({**{key: labels[key] for key in keys}, "heard": value} for keys, labels, value in rows)
    fitting = [
        (len(keys), value) for keys, labels, value in rows if all(labels[key] == entities[key] for key in keys)
    ]
    most = max((count for count, _ in fitting), default=0)
    best = {value for count, value in fitting if count == most}
    if len(best) > 1:
        with pytest.raises(DataError, match=r"say 'heard' of sub-. task-. run-. twice"):
            row_of(recipe_of(table=table), entities)
    else:
        assert {*row_of(recipe_of(table=table), entities).values()} == best


def test_a_table_stands_in_the_place_of_the_rule():
    rule = StimulusRule(sound="a.wav", onset=3.0, words=TimedFile("w.csv", text="word", unit="ms"), language="en")
    row = {"run": "02", "sound": "b.wav", "onset": "-1,5", "words": "v.csv", "channel": "2", "language": "fr"}
    event = event_of(recipe_of(rule, table=(row,)), facts_of())
    assert (event.onset_s, event.source.sound, event.source.channel, event.source.language) == (
        -1.5,
        "b.wav",
        2,
        "fr",
    )
    assert event.source.words == TimedFile("v.csv", text="word", unit="ms")
    with pytest.raises(DataError, match="'soon' in the recipe's table is no onset in seconds"):
        answer(recipe_of(rule, table=({"run": "2", "onset": "soon"},)), facts_of())


def test_what_is_asked_is_refused_until_a_row_says_it():
    rule = StimulusRule(sound="{heard}.wav", onset=0.0, asked={"heard": "write `run,heard`"})
    with pytest.raises(Undecided, match=r"asks for 'heard': write `run,heard`: sub-01.*--stimuli-table FILE"):
        answer(recipe_of(rule, table=({"run": "1", "heard": "mix"},)), facts_of())
    assert event_of(recipe_of(rule, table=({"run": "2", "heard": "mix"},)), facts_of()).source.sound == "mix.wav"


def test_one_sound_with_other_words_has_another_name_and_shares_its_contents():
    rule = StimulusRule(sound="stimuli/{heard}.wav", onset=0.0, words=TimedFile("w/{attended}.csv"))
    rows = ({"run": "1", "heard": "mix", "attended": "f"}, {"run": "2", "heard": "mix", "attended": "m"},
            {"run": "3", "heard": "f", "attended": "f"})  # fmt: skip
    recipe = recipe_of(rule, table=rows)
    events = [event_of(recipe, facts_of(sub="01", task="x", run=run)) for run in "123"]
    assert [event.stimulus_id for event in events] == [
        "mix.wav with w/f.csv", "mix.wav with w/m.csv", "f.wav with w/f.csv",
    ]  # fmt: skip
    assert set(stimulus_groups([event.contents for event in events])) == {
        0
    }  # runs of the mix and of one of its voices
    fixed = StimulusRule(sound="{task}.wav", onset=0.0, words=TimedFile("w/{task}.csv", where=(("of", "{task}"),)))
    assert event_of(recipe_of(fixed), facts_of()).contents == ("film.wav", "w/film.csv of=film")
    assert StimulusEvent(0.0, "a.wav").contents == ("a.wav",)
