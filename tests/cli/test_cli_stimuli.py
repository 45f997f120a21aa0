"""`--stimuli` on the command line."""

import json

import pytest
from tiny_study import make_study

from bids_app.cli.concord import main
from bids_app.cli.concord_tools import main as tools


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("stimuli"), people=("01",), runs=(1, 2))


def dry_run(study, capsys, *more):
    """Exit code, and all that is said."""
    bids, analysis = study
    code = main([str(bids), str(bids.parent / "out"), "participant", "--analysis", str(analysis), "--dry-run", *more])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_recipes_are_listed_and_printed_as_presets_are(capsys):
    assert tools(["recipes"]) == 0
    assert "narratives" in capsys.readouterr().out.splitlines()
    assert tools(["recipes", "podcast"]) == 0
    assert "sound: stimuli/podcast.wav" in capsys.readouterr().out
    assert tools(["recipes", "podcats"]) == 66
    assert "did you mean 'podcast'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--stimuli", "narative"], 66, "did you mean 'narratives'?"),
        (["--stimuli-table", "t.csv"], 64, "--stimuli-table without --stimuli"),
        (["--stimuli", "multitalker", "--stimuli-table", "none.csv"], 66, "the recipe's table cannot be read"),
    ],
)
def test_a_wrong_recipe_is_one_line(study, capsys, more, code, said):
    got, text = dry_run(study, capsys, *more)
    assert got == code
    assert said in text
    assert len(text.strip().splitlines()) == 1


def test_a_recipe_counts_before_events_and_analysis_and_says_so(study, capsys, tmp_path):
    bids, analysis = study
    own = tmp_path / "own.yaml"
    own.write_text(analysis.read_text() + 'stimuli: {words: "{stem}.tsv"}\n')
    recipe = tmp_path / "recipe.yaml"
    rule = "{sound: 'stimuli/story{run}.wav', onset: 3, words: {path: 'stimuli/story{run}.tsv'}}"
    recipe.write_text(f"name: mine\nstimuli:\n- {rule}\n")
    code, text = dry_run((bids, own), capsys, "--stimuli", str(recipe))
    assert code == 0
    assert "the recipe 'mine' counts in place of `stimuli: words: {stem}.tsv` of the analysis" in text
    plan = json.loads(next(bids.parent.rglob("plan.json")).read_text())
    assert plan["analysis"]["stimuli"]["recipe"]["name"] == "mine"
    assert plan["analysis"]["stimuli"].get("words") is None


def test_what_a_recipe_asks_for_is_one_line_that_says_what_to_write(study, capsys, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    rule = (
        "{sound: 'stimuli/{heard}.wav', onset: 0, ask: {heard: 'write the columns run and heard, such as 1,story1'}}"
    )
    recipe.write_text(f"name: mine\nstimuli:\n- {rule}\n")
    code, text = dry_run(study, capsys, "--stimuli", str(recipe))
    assert "asks for 'heard': write the columns run and heard, such as 1,story1" in text
    assert "--stimuli-table FILE" in text
    table = tmp_path / "runs.csv"
    table.write_text("run,heard\n1,story1\n2,story2\n")
    code, text = dry_run(study, capsys, "--stimuli", str(recipe), "--stimuli-table", str(table))
    assert code == 0
    assert "asks for" not in text
