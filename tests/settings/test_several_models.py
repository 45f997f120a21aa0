"""`models:` of one feature: which they are, and what they are called."""

import pytest

from bids_app.cli.concord_tools import main as tools
from bids_app.errors import NoInput, UsageError
from bids_app.pipeline.job.job import resolve
from bids_app.settings.load import analysis_hash
from bids_app.settings.run_options import ChosenModel
from bids_app.settings.several_models import chosen_models

ANALYSIS = "name: scale\nfeatures:\n  rate: {{kind: word_rate}}\n  meaning: {{kind: language_model, layer: 1, {}}}\n"


@pytest.fixture
def folder(tmp_path):
    for name in ("models/pythia-70m", "models/org/pythia-1b", "models/gpt2", "models/opt"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.json").write_text("{}")
    (tmp_path / "models/pythia-notes").mkdir()  # no model
    return tmp_path


def chosen(folder, given, model_dir="models"):
    (folder / "a.yaml").write_text(ANALYSIS.format(given))
    return chosen_models(str(folder / "a.yaml"), model_dir and folder / model_dir)


@pytest.mark.parametrize(
    ("given", "models"),
    [
        ("model: gpt2", []),
        ("models: [opt, gpt2]", ["opt", "gpt2"]),
        ("models: gpt2", ["gpt2"]),
        ("models: '*pythia-*'", ["org/pythia-1b", "pythia-70m"]),
        ("models: [gpt2, 'pythia-*', 'org/*', 'p*']", ["gpt2", "pythia-70m", "org/pythia-1b"]),
        ("models: [not/here]", ["not/here"]),  # which a run says
    ],
)
def test_names_and_patterns(given, models, folder):
    assert [(one.feature, one.model) for one in chosen(folder, given)] == [("meaning", model) for model in models]


def test_labels_are_letters_and_digits():
    assert [ChosenModel("x", name).label for name in ("gpt2", "EleutherAI/pythia-1.4b", "a_b-c")] == [
        "gpt2", "pythia14b", "abc",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "error", "why"),
    [
        ("models: [a-b, x/a_b]", UsageError, "'a-b' and 'x/a_b' would both be written to OUT_DIR/ab"),
        ("models: [GPT2, gpt2]", UsageError, "would both be written to OUT_DIR/gpt2"),
        ("models: ['--']", UsageError, "'--' has no letter or digit: feature"),
        ("models: [gpt2/]", UsageError, "'gpt2/' has no letter or digit after its last '/'"),
        ("models: 'bert-*'", NoInput, "is called 'bert-.*there are gpt2, opt, org/pythia-1b, pythia-70m"),
        ("models: []", UsageError, "must be a list of names or patterns"),
        ("models: [3]", UsageError, "must be a list of names or patterns"),
        ("models: [gpt2], model: opt", UsageError, "give 'models' or 'model', not both"),
        ("models: [gpt2], revision: abc", UsageError, "give 'models' or 'revision', not both"),
        (
            "models: [gpt2]}\n  other: {kind: surprisal, models: [opt]",
            UsageError,
            "'meaning' and 'other' name several",
        ),
        (
            "model: opt}\n  other: {kind: word_length, models: [opt]",
            UsageError,
            "'models' is for features of a model",
        ),
        (
            "model: opt}\n  other: {kind: language_modle, models: [opt]",
            UsageError,
            "unknown kind 'language_modle': feature 'other' .did you mean 'language_model'",
        ),
    ],
)
def test_what_cannot_be_is_one_line(given, error, why, folder):
    with pytest.raises(error, match=why) as caught:
        chosen(folder, given)
    assert "\n" not in str(caught.value)


def test_a_feature_without_a_kind_is_told_so(folder, capsys):
    (folder / "a.yaml").write_text("name: scale\nfeatures:\n  meaning: {models: [opt], layer: 1}\n")
    assert tools(["check-analysis", str(folder / "a.yaml")]) == 64
    assert "features.meaning.kind: Field required" in capsys.readouterr().err


def test_a_pattern_needs_a_folder_of_models(folder):
    with pytest.raises(NoInput, match=r"no folder of models was given.*--model-dir"):
        chosen(folder, "models: 'pythia-*'", None)


def test_each_is_the_analysis_that_names_it_alone(folder):
    (one, _) = chosen(folder, "models: [gpt2, opt], context_words: 4")
    _, specs, resolved = resolve(str(folder / "a.yaml"), None, one)
    (folder / "b.yaml").write_text(ANALYSIS.format("context_words: 4, model: gpt2"))
    _, alone, same = resolve(str(folder / "b.yaml"))
    assert (specs["meaning"].options, analysis_hash(resolved)) == (alone["meaning"].options, analysis_hash(same))
    with pytest.raises(UsageError, match="'models'"):
        resolve(str(folder / "a.yaml"))


def test_check_analysis_prints_each(folder, capsys):
    (folder / "a.yaml").write_text(ANALYSIS.format("models: ['*pythia-*']"))
    assert tools(["check-analysis", str(folder / "a.yaml"), "--model-dir", str(folder / "models")]) == 0
    printed = capsys.readouterr().out
    assert printed.count("---\n") == 1
    assert ["model: org/pythia-1b" in one for one in printed.split("---\n")] == [True, False]
