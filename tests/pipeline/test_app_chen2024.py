"""The presets `chen2024` and `chen2024-cv` by their names, on small models of the real architectures."""

import numpy as np
import pandas as pd
import pytest
import tiny_ieeg
import tiny_models
from report_text import report_text

from bids_app.cli.concord import main

pytestmark = pytest.mark.long

N_LAGS = 201
PARTS = ("Context", "Semantic")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """root/bids and root/models, in which models have the names and layers that the presets ask for."""
    root = tmp_path_factory.mktemp("chen2024")
    tiny_ieeg.make_study(root)
    tiny_models.save_speech_model(root / "models/facebook/wav2vec2-base", num_hidden_layers=8)
    tiny_models.save_language_model(root / "models/gpt2-xl", n_positions=128, n_layer=10)
    words = sorted({text for story in range(1, 5) for *_, text in tiny_ieeg.words_of(story)})
    rows = np.random.default_rng(0).normal(size=(len(words), 300)).round(3)
    table = "".join(f"{word} {' '.join(map(str, row))}\n" for word, row in zip(words, rows, strict=True))
    (root / "models/glove.6B.300d.txt").write_text(table)
    return root


def run(study, preset):
    out = study / preset
    command = [str(study / "bids"), str(out), "participant", "group", "--analysis", preset]
    assert main([*command, "--model-dir", str(study / "models"), "--offline"]) == 0
    return out


def read(out, label):
    (path,) = (out / "sub-01/ieeg").glob(f"*_desc-{label}_encoding.tsv")
    return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)


def kinds(found):
    return {kind: set(rows["name"]) for kind, rows in found[found["targets"] == "all"].groupby("kind")}


def test_as_published_in_one_command(study):
    out = run(study, "chen2024")
    found = read(out, "findings")
    assert found["ci025"].isna().all()
    named = kinds(found)
    assert {"acoustic", "semantic", "speech", "language", "full"} == named["score"]
    assert "SpeechLanguage" in named["prediction_correlation"]
    assert {f"inSampleShared{part}" for part in (*PARTS, "Acoustic")} <= named["share"]
    assert len(read(out, "lags")) == 3 * N_LAGS
    said = report_text(out / "sub-01.html")
    assert "Scores are those of the published code" in said
    assert "5 contiguous folds of all samples, without purge" in said
    assert not list(out.rglob("*baseline*"))


def test_held_out_in_one_command(study):
    out = run(study, "chen2024-cv")
    found = read(out, "findings")
    named = kinds(found)
    assert {"lowLevel", "semantic", "speech", "language", "full"} == named["score"]
    assert {"SpeechLanguage", "SpeechBaseline", "LanguageBaseline"} <= named["prediction_correlation"]
    assert {f"shared{part}" for part in (*PARTS, "LowLevel")} <= named["share"]
    assert {"sharedContextLessSemantic", "sharedContextLessLowLevel"} <= named["difference"]
    limited = found.dropna(subset=["ci025"])
    assert len(limited) == len(found)
    lags = read(out, "lags")
    assert len(lags) == 3 * N_LAGS
    assert {"speech_rsquared", "language_rsquared", "full_pfwe"} <= set(lags.columns)
    assert (out / "group.html").exists()
