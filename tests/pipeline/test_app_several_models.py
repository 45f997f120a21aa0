"""One command, an ordinary analysis for each of several models; what they have in common is made once."""

import json
import weakref

import pytest
from tiny_models import save_causal_model, save_language_model
from tiny_study import make_study

from bids_app.cli.concord import main
from bids_app.errors import DataError
from bids_app.features import registry

ANALYSIS = """\
name: scale
features:
  rate: {{kind: word_rate}}
  language: {{kind: language_model, {}, layer: 1, pca: 2}}
response: {{fmri: {{confounds: motion, high_pass_s: 128}}}}
design: {{fmri: {{delays_s: [4], skip_onset_s: 10}}}}
fit: {{candidates: 2, alphas: [0.01, 10000, 3]}}
inference: {{permutations: 20}}
"""


@pytest.fixture
def study(tmp_path):
    make_study(tmp_path)
    save_causal_model(tmp_path / "models/org/tiny-opt", "OPT")
    save_language_model(tmp_path / "models/tiny-gpt2")
    return tmp_path


def concord(study, named, *more, out="out", levels=("participant", "group")):
    (study / "scale.yaml").write_text(ANALYSIS.format(named))
    given = [study / "bids", study / out, *levels, "--analysis", study / "scale.yaml"]
    return main([*map(str, given), "--model-dir", str(study / "models"), "--offline", *more])


def test_a_dry_run_shows_each(study, capsys):
    assert concord(study, "models: '*tiny-*'", "--dry-run") == 0
    said = capsys.readouterr().out
    assert f"model 1 of 2: org/tiny-opt, into {study}/out/tinyopt" in said
    assert f"model 2 of 2: tiny-gpt2, into {study}/out/tinygpt2" in said
    plans = [json.loads((study / f"out/{label}/plan.json").read_text()) for label in ("tinyopt", "tinygpt2")]
    assert [plan["analysis"]["features"]["language"]["model"] for plan in plans] == ["org/tiny-opt", "tiny-gpt2"]


def test_one_that_cannot_be_had_does_not_stop_the_others_and_decides_the_exit_code(study, capsys):
    assert concord(study, "models: [absent, tiny-gpt2]", "--dry-run") == 66
    captured = capsys.readouterr()
    assert "stopped: the model 'absent' is not there" in captured.out
    assert captured.err.startswith("concord: the model 'absent' is not there")
    assert captured.err.count("\n") == 1
    assert (study / "out/tinygpt2/plan.json").is_file()


def test_settings_are_checked_before_the_first_runs(study, capsys):
    assert concord(study, "models: [tiny-gpt2], layer_: 3") == 64
    assert "layer_" in capsys.readouterr().err
    assert not (study / "out").exists()


def failing(errors):
    """Runs that end with the error or exit code of their folder's name, and a list of those that were made."""
    ran = []

    def run(options, screen):
        label = options.out_dir.name
        ran.append(label)
        held = Held()
        alive.add(held)
        if isinstance(errors.get(label), Exception):
            raise errors[label]
        return errors.get(label, 0)

    return run, ran


class Held:
    """What a run has in memory."""


alive = weakref.WeakSet()


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (MemoryError(), 75, "out of memory (fewer targets or spaces at a time need less)"),
        (OSError(28, "No space left on device", "/full"), 74, "No space left on device: /full"),
        (DataError("wrong"), 65, "wrong"),
    ],
)
def test_no_expected_error_of_one_stops_the_next(study, monkeypatch, capsys, error, code, line):
    run, ran = failing({"tinyopt": error, "tinygpt2": 1})
    monkeypatch.setattr("bids_app.pipeline.several_models.run", run)
    assert concord(study, "models: [org/tiny-opt, tiny-gpt2]") == code
    said = capsys.readouterr()
    assert ran == ["tinyopt", "tinygpt2"]
    assert f"stopped: {line}\n" in said.out
    assert said.err == f"concord: {line}\n"


def test_what_a_stopped_run_held_is_let_go_of(study, monkeypatch):
    run, _ = failing({"tinyopt": MemoryError()})

    def alone(options, screen):
        assert not alive
        return run(options, screen)

    monkeypatch.setattr("bids_app.pipeline.several_models.run", alone)
    assert concord(study, "models: [org/tiny-opt, tiny-gpt2]") == 75


@pytest.mark.parametrize(("first", "code"), [(1, 1), (MemoryError(), 75), (0, 0)])
def test_stop_on_first_crash_stops_the_next_model(study, monkeypatch, capsys, first, code):
    run, ran = failing({"tinyopt": first})
    monkeypatch.setattr("bids_app.pipeline.several_models.run", run)
    assert concord(study, "models: [org/tiny-opt, tiny-gpt2]", "--stop-on-first-crash") == code
    left_out = "stopped at the first crash: 1 of 2 models are left out" in capsys.readouterr().out
    assert (ran, left_out) == ((["tinyopt"], True) if code else (["tinyopt", "tinygpt2"], False))


@pytest.mark.parametrize("more", [["--dry-run"], []])
def test_one_model_is_not_mixed_with_the_folders_of_several(study, capsys, more):
    (study / "out/tinyopt").mkdir(parents=True)
    (study / "out/tinyopt/analysis.yaml").write_text("# analysis hash: 0\n")
    assert concord(study, "model: tiny-gpt2", *more) == 64
    said = capsys.readouterr().err
    assert "OUT_DIR holds folders of results, as of several models" in said
    assert said.count("\n") == 1
    assert [one.name for one in (study / "out").iterdir()] == ["tinyopt"]


@pytest.mark.long
def test_each_is_a_whole_output_of_its_own_and_what_is_common_is_made_once(study, monkeypatch):
    made, exact = [], registry.extract_with

    def counted(stimulus, spec, *given):
        made.append((stimulus.label, spec.name, spec.options.get("model")))
        return exact(stimulus, spec, *given)

    monkeypatch.setattr("bids_app.features.store.extract_with", counted)
    assert concord(study, "models: [org/tiny-opt, tiny-gpt2]") == 0
    assert len(made) == len({*made})
    assert {model for _, name, model in made if name == "language"} == {"org/tiny-opt", "tiny-gpt2"}
    assert sorted(path.name for path in (study / "out").iterdir()) == ["tinygpt2", "tinyopt"]
    made.clear()
    assert concord(study, "model: tiny-gpt2", out="one/alone") == 0  # as deep in folders
    assert made

    def files(folder):
        kept = [path for path in (study / folder).rglob("*") if path.is_file() and "logs" not in path.parts]
        timed = ("status.json", "status.tsv")
        return {
            path.relative_to(study / folder): path.read_bytes()
            for path in kept
            if path.name not in timed and path.suffix != ".html"
        }

    several, alone = files("out/tinygpt2"), files("one/alone")
    assert {*several} == {*alone}
    assert [path for path, content in alone.items() if several[path] != content] == []
    assert (study / "out/tinygpt2/group.html").is_file()
    made.clear()
    assert concord(study, "models: [org/tiny-opt, tiny-gpt2]") == 0  # again: all is there
    assert not made
    assert concord(study, "model: tiny-gpt2", "--features-from", str(study / "out"), out="other") == 0
    assert not made


@pytest.mark.long
def test_an_output_of_one_model_is_not_mixed_with_those_of_several(study, capsys):
    assert concord(study, "model: tiny-gpt2", levels=("participant",)) == 0
    assert concord(study, "models: [tiny-gpt2]") == 64
    assert "OUT_DIR holds results of an analysis of one model" in capsys.readouterr().err
