import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.errors import ConcordError, NoInput, UsageError
from bids_app.pipeline.job.job import resolve
from bids_app.records import ResponseClock, TimedFile
from bids_app.settings.load import analysis_hash, as_yaml, load_analysis, parse_analysis
from bids_app.settings.recipe_files import load_recipe, recipe_names, recipe_text
from bids_app.templates import fields_of, fill

RULE = "name: x\nstimuli:\n- sound: stimuli/{task}.wav\n"


def written(tmp_path, text, name="recipe.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


# ------------------------------------------------------------------------------------------------ those that ship
def test_recipes_of_seven_data_sets_ship_and_say_where_they_have_it_from():
    assert recipe_names() == (
        "film-ieeg", "lebel", "little-prince", "little-prince-cantonese", "multitalker", "narratives", "podcast",
    )  # fmt: skip
    for name in recipe_names():
        assert load_recipe(name).name == name
        assert "(ds00" in recipe_text(name).splitlines()[0]


# ------------------------------------------------------------------------------------------------ hashes
HASHES = {  # of the version before recipes
    "chen2024": "45d497e960597331",
    "chen2024-cv": "342663bc673c82ee",
    "deheer2017": "cec022983a3820e8",
    "demo": "2d962e873c104e15",
    "speech-language": "76323cb2f96b95c4",
    "word-rate": "85698437144fcd9b",
}


@pytest.mark.parametrize("preset", HASHES)
def test_without_a_recipe_an_analysis_has_the_hash_that_it_had(preset):
    assert analysis_hash(resolve(preset)[2]) == HASHES[preset]


def test_a_recipe_and_its_table_enter_the_hash_and_the_saved_analysis_reads_back_to_the_same(tmp_path):
    table = tmp_path / "onset.csv"
    table.write_text("task,onset\nlppCN,0\n")
    hashes = set()
    for recipe in (None, load_recipe("little-prince"), load_recipe("little-prince", table)):
        resolved = resolve("word-rate", recipe)[2]
        hashes.add(analysis_hash(resolved))
        again = parse_analysis(as_yaml(resolved), "analysis.yaml")
        assert again.model_dump(mode="json")["stimuli"] == resolved["stimuli"]
        assert again.stimuli.recipe == recipe
    assert len(hashes) == 3


def test_a_recipe_stands_in_the_place_of_the_analysis_own_words():
    analysis, _, resolved = resolve("word-rate", load_recipe("podcast"))
    assert analysis.stimuli.words is None
    assert resolved["stimuli"]["recipe"]["name"] == "podcast"
    assert load_analysis("word-rate")[0].stimuli.recipe is None


# ------------------------------------------------------------------------------------------------ content
def test_everything_that_a_rule_may_say(tmp_path):
    text = """\
name: all
stimuli:
- recordings: {task: story*, run: [1, 2], ses: 01}
  files: "*.nii.gz"
  sound: sounds/{task}_{run:02d}_{part}.wav
  channel: left
  onset: {trial_type: play, row: last, column: time, shift_s: -0.5}
  duration: {until: {where: {value: 9}}}
  words: {path: "w/{story}.csv", text: w, onset: a, offset: b, where: {run: "{run}"}, unit: ms, shift_s: 2}
  phones: {path: "p/{story}.TextGrid", tier: "phones {run}"}
  language: fr
  joiner: ""
  fields: {part: {rank: run, among: 4}}
  pattern: {recording: ".*task-(?P<story>[a-z]+).*"}
  response: {start_s: 10, interval_s: 2}
"""
    rule = load_recipe(written(tmp_path, text)).spec().rules[0]
    assert rule.recordings == {"task": ("story*",), "run": ("1", "2"), "ses": ("1",)}
    assert rule.onset.where == (("trial_type", "play"),)
    assert (rule.onset.row, rule.onset.column, rule.onset.shift_s) == ("last", "time", -0.5)
    assert rule.duration.where == (("value", "9"),)
    assert rule.words == TimedFile(
        "w/{story}.csv", None, "w", "a", "b", where=(("run", "{run}"),), unit="ms", shift_s=2.0
    )
    assert rule.phones == TimedFile("p/{story}.TextGrid", "phones {run}")
    assert rule.response == ResponseClock(10.0, 2.0)
    assert (rule.channel, rule.language, rule.joiner) == ("left", "fr", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (RULE + "  onsett: 1", "unknown key 'stimuli.0.onsett' in the recipe; did you mean 'onset'?"),
        (RULE + "  onset: {trial_typ: music}", "did you mean 'trial_type'?"),
        (RULE + "  onset: {row: first}", "say which event: trial_type"),
        (RULE + "  onset: soon", "stimuli.0.onset"),
        (RULE + "  onset: .inf", "stimuli.0.onset"),
        (RULE + "  duration: 0", "greater than 0"),
        (RULE + "  words: {path: a, unti: ms}", "did you mean 'unit'?"),
        (RULE + "  words: {path: a, unit: minutes}", "'s' or 'ms'"),
        (RULE + "  recordings: {tsk: a}", "stimuli.0.recordings.tsk"),
        (RULE + "  from_events: true", "drop one of them"),
        (RULE + "  pattern: {recording: '('}", "no regular expression"),
        (RULE + "  pattern: {recording: 'a+'}", "names no group"),
        (RULE + "  response: {start: 10}", "did you mean 'start_s'?"),
        (RULE + "  fields: {part: {rank: task, among: 9}}", "'run' or 'ses'"),
        (RULE + "  fields: {part: {rank: run}}", "among"),
        ("name: x\nstimuli:\n- language: en", "a rule needs sound, words or phones"),
        ("name: x\nstimuli: []", "at least 1"),
        ("name: x\nstimuli: podcast", "stimuli"),
        ("stimuli:\n- sound: a.wav", "name: Field required"),
        ("name: x\nname: y", "'name' stands twice"),
        ("- a", "the recipe is not a mapping"),
        ("name: x\nstimuli:\n- sound: 'a/{stroy}.wav'\n  ask: {story: which}", "did you mean 'story'?"),
        ("name: x\nstimuli:\n- sound: 'a/{story.wav'", "'a/{story.wav' is no template"),
        ("name: x\nstimuli:\n- sound: 'a/{0}.wav'", "write {name} or {name:02d}"),
        ("name: x\nstimuli:\n- sound: 'a/{task!r}.wav'", "write {name} or {name:02d}"),
        ("name: x\nstimuli:\n- sound: 'a/{task.x}.wav'", "write {name} or {name:02d}"),
        (RULE + "table:\n- {run: 1, onst: 2}", "did you mean 'onset'?"),
        (RULE + "table:\n- {onset: 2}", "row 1 of the table says of no recording"),
        (RULE + "table: {run: 1}", "neither a file nor a list of rows"),
        ("extends: podcasts", "did you mean 'podcast'?"),
        ("extends: podcast\nstimuli: {}", "is not a list"),
        ("extends: podcast\ntable: none.tsv", "the recipe's table cannot be read"),
        ("name: [", "not valid YAML"),
    ],
)
def test_a_wrong_recipe_is_one_line_with_advice(tmp_path, text, said):
    with pytest.raises(ConcordError) as caught:
        load_recipe(written(tmp_path, text))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_recipe_names_those_that_ship():
    with pytest.raises(NoInput, match="did you mean 'narratives'"):
        load_recipe("narrative")


# ------------------------------------------------------------------------------------------------ tables
@pytest.mark.parametrize("name", ["t.tsv", "t.csv"])
def test_a_table_beside_the_recipe_names_people_as_bids_does(tmp_path, name):
    cells = [["participant_id", "run", "onset"], ["sub-01", "run-2", "1.5"], ["sub-02", "", "n/a"], ["n/a", "3", "7"]]
    (tmp_path / name).write_text("\n".join(("\t" if name == "t.tsv" else ",").join(row) for row in cells))
    recipe = load_recipe(written(tmp_path, RULE + f"table: {name}"))
    assert recipe.table == ({"sub": "01", "run": "2", "onset": "1.5"}, {"sub": "02"}, {"run": "3", "onset": "7"})


@pytest.mark.parametrize(
    ("text", "said"),
    [("run,onset\n1\n", "line 2 of the recipe's table has 1 cells"), ("run,onset\n", "no rows"), ("", "no rows")],
)
def test_a_broken_table_is_one_line(tmp_path, text, said):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UsageError, match=said):
        load_recipe("podcast", tmp_path / "t.csv")


def test_a_copy_that_extends_a_recipe_comes_before_it(tmp_path):
    text = "extends: little-prince\ntable:\n- {task: lppCN, onset: -8}\nstimuli:\n"
    text += "- {recordings: {task: extra}, sound: a.wav}"
    recipe, base = load_recipe(written(tmp_path, text)), load_recipe("little-prince")
    assert recipe.name == "little-prince"
    assert recipe.stimuli[0].sound == "a.wav"
    assert recipe.stimuli[1:] == base.stimuli
    assert recipe.table == ({"task": "lppCN", "onset": "-8"},)


# ------------------------------------------------------------------------------------------------ templates
NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True)
PLAIN = st.text(st.characters(blacklist_characters="{}", blacklist_categories=("Cs",)), max_size=8)


@settings(max_examples=40)
@given(st.lists(st.tuples(PLAIN, NAMES), max_size=5), PLAIN, st.dictionaries(NAMES, PLAIN, max_size=8))
def test_a_template_says_its_texts_and_values_in_order(pieces, end, values):
    template = "".join(text + "{" + name + "}" for text, name in pieces) + end
    assert fields_of(template) == tuple(name for _, name in pieces)
    values = {name: "v" for _, name in pieces} | values
    assert fill(template, values) == "".join(text + values[name] for text, name in pieces) + end


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(0, 9), st.integers(0, 3))
def test_numbers_are_padded_or_freed_of_zeros(number, width, zeros):
    written_so = "0" * zeros + str(number)
    assert fill("{run:d}", {"run": written_so}) == str(number)
    assert fill(f"{{run:0{width}d}}", {"run": written_so}) == str(number).zfill(width)


@given(st.text(max_size=20))
def test_any_text_is_a_template_or_refused(text):
    try:
        names = fields_of(text)
    except ValueError:
        return
    assert isinstance(fill(text, dict.fromkeys(names, "1")), str)


@settings(max_examples=25)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "stimuli", "sound", "onset", "words", "path", "table", "run", "for"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_any_yaml_is_a_recipe_or_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "r.yaml"
    path.write_text(yaml.safe_dump(content))
    try:
        said = load_recipe(str(path)).name
    except ConcordError as error:
        said = str(error)
    assert "\n" not in said
