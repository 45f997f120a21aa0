"""Models in a dry run, and what a tokenizer does not know, wherever a person may look."""

import json
import re

import pytest
from report_text import report_text
from tiny_models import TEXT, save_language_model, save_masked_model, save_speech_model
from tiny_study import make_study

from bids_app.cli.concord import main

ANALYSIS = """\
name: words
features:
  language: {kind: language_model, model: tiny-bert, layer: 1, pca: 2}
  causal: {kind: surprisal, model: tiny-gpt2}
response: {fmri: {confounds: motion, high_pass_s: 128}}
design: {fmri: {delays_s: [4], skip_onset_s: 10}}
fit: {candidates: 2, alphas: [0.01, 10000, 3]}
inference: {permutations: 20}
"""
ODD = "☃"


@pytest.fixture
def study(tmp_path):
    """One person, stories of known words but for a snowman in the second."""
    make_study(tmp_path, people=("01",))
    for table in (tmp_path / "bids/stimuli").glob("*.tsv"):
        head, *rows = table.read_text().splitlines()
        known = TEXT.split()
        spoken = [f"{known[k % len(known)]}\t" + row.partition("\t")[2] for k, row in enumerate(rows)]
        if table.name == "story2.tsv":
            spoken[5] = ODD + "\t" + spoken[5].partition("\t")[2]
        table.write_text("\n".join((head, *spoken)) + "\n")
    save_masked_model(tmp_path / "models/tiny-bert")
    save_language_model(tmp_path / "models/tiny-gpt2")
    (tmp_path / "words.yaml").write_text(ANALYSIS)
    return tmp_path


def concord(study, *more, out="out"):
    given = [study / "bids", study / out, "participant", "--analysis", study / "words.yaml"]
    return main([*map(str, given), "--model-dir", str(study / "models"), "--offline", *more])


@pytest.mark.long
def test_unknown_words_are_told_on_the_terminal_in_status_sidecars_and_the_report(study, capsys):
    assert concord(study) == 0
    said = capsys.readouterr().out
    places = {
        "terminal": said,
        "status.tsv": (study / "out/status.tsv").read_text(),
        "map's sidecar": next((study / "out/sub-01").glob("*_statmap.json")).read_text(),
        "feature's sidecar": next((study / "out/stimuli").rglob("*story2*_desc-language_features.json")).read_text(),
        "report": report_text(study / "out/sub-01.html"),
    }
    for place, text in places.items():
        assert "of the tokens of the words of story2 are unknown to the tokenizer" in text, place
        assert ODD in text or "\\u2603" in text, place
    assert "language: 0." in said
    assert said.count("unknown to the tokenizer") == 1  # the other stories', and the other model's bytes, are known
    assert concord(study) == 0
    assert "reused" in (study / "out/status.tsv").read_text()
    assert "of story2 are unknown" in (study / "out/status.tsv").read_text()


def test_a_dry_run_refuses_what_the_run_could_not_do(study, capsys):
    assert concord(study, "--dry-run") == 0
    assert "refused: " not in capsys.readouterr().out
    assert json.loads((study / "out/plan.json").read_text())["refused_models"] == []
    text = ANALYSIS.replace("layer: 1", "layer: 7")
    (study / "words.yaml").write_text(text)
    (study / "models/tiny-gpt2/tokenizer.json").unlink()
    assert concord(study, "--dry-run") == 66  # of the first
    shown = capsys.readouterr()
    refused = [line for line in shown.out.splitlines() if line.startswith("refused: ")]
    assert "the tokenizer of the model 'tiny-gpt2' lacks" in refused[0]
    assert "no layer 7: feature 'language' (tiny-bert has layers 0 to 2)" in refused[1]
    plan = json.loads((study / "out/plan.json").read_text())
    assert [f"refused: {one}" for one in plan["refused_models"]] == refused
    assert "the tokenizer of the model 'tiny-gpt2' lacks" in shown.err


@pytest.mark.parametrize("longest", [0.0, 600.0])
def test_a_dry_run_says_how_long_speech_features_take(longest, study, capsys, monkeypatch):
    """And names the approximate way where the exact one is long."""
    monkeypatch.setattr("bids_app.features.registry.LONG_S", longest)
    save_speech_model(study / "models/tiny-w2v")
    speech = "speech: {kind: speech_model, model: tiny-w2v, layer: 1, window_s: 1, pca: 2}"
    (study / "words.yaml").write_text(ANALYSIS.replace("features:\n", f"features:\n  {speech}\n"))
    assert concord(study, "--dry-run", "--omp-nthreads", "1") == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("time: ")]
    (line,) = [line for line in lines if "feature 'speech'" in line]
    assert re.match(r"time: feature 'speech': about \d+ (s|min|h) to compute \d+ (s|min) of sound", line)
    assert ("with 'refresh_s: 1' about " in line) == (longest == 0)
    speech = speech.replace("speech_model", "melspectrogram").replace(", model: tiny-w2v, layer: 1, window_s: 1", "")
    (study / "words.yaml").write_text(ANALYSIS.replace("features:\n", f"features:\n  {speech}\n"))
    assert concord(study, "--dry-run", out="other") == 0
    assert "time: feature 'speech'" not in capsys.readouterr().out


@pytest.mark.long
def test_a_dry_run_asks_nothing_of_models_whose_features_are_there(study, capsys, monkeypatch):
    assert concord(study) == 0
    monkeypatch.setattr("bids_app.features.check_model", lambda *given: pytest.fail("asked"))
    assert concord(study, "--dry-run") == 0
