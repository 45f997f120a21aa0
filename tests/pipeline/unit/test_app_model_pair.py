"""The four findings of Chen et al. (2024) through the command line, on iEEG words with features from files."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import tiny_ieeg
import yaml
from report_text import report_text

from bids_app.cli.concord import main

STARTS_S = {1: (4.0, 66.0), 2: (3.0, 68.0), 3: (5.0, 67.0), 4: (4.0, 69.0)}
ANALYSIS = """\
name: tiny-findings
features:
  low: {kind: file, path: "{stem}_low.h5"}
  semantic: {kind: file, path: "{stem}_semantic.h5"}
  speech: {kind: file, path: "{stem}_speech.h5"}
  language: {kind: file, path: "{stem}_language.h5"}
response: {ieeg: {rate_hz: 50}}
design: {ieeg: {mode: words, lags_s: [0, 0.6, 0.3], window_s: 0.1, summary_s: [0.25, 0.35]}}
fit: {candidates: 6, alphas: [0.01, 10000, 7]}
inference: {permutations: 99, block_s: {ieeg: 10}}
partition: {spaces: [low, semantic, speech, language]}
shared_subspace: {between: [speech, language], against: [semantic, low], components: 6}
"""
PARTS = ("context", "semantic", "low", "speech", "language")
PAPER = (1.0, 0.7, 0.45, 0.3, 0.0)
REVERSED = (0.3, 0.45, 0.7, 1.0, 0.0)


def latents(story):
    rng = np.random.default_rng(500 + story)
    return {part: rng.standard_normal((len(tiny_ieeg.words_of(story)), 2)) for part in PARTS}


def write_features(folder, story):
    """Rows by word: both models hold context, static semantics and low level, and something of their own."""
    onsets = np.array([onset for onset, _, _ in tiny_ieeg.words_of(story)])
    found, rng, bases = latents(story), np.random.default_rng(story), np.random.default_rng(7)
    shared = np.hstack([found["context"], found["semantic"], found["low"]])
    mixes = {name: 2 * np.linalg.qr(bases.standard_normal((10, 8)))[0].T for name in ("speech", "language")}
    rows = {name: np.hstack([shared, found[name]]) @ mix for name, mix in mixes.items()}
    rows |= {"semantic": found["semantic"], "low": found["low"]}
    for name, values in rows.items():
        with h5py.File(folder / f"story{story}_{name}.h5", "w") as held:
            held["values"] = values + 0.05 * rng.standard_normal(values.shape)
            held["times_s"], held["onsets_s"] = onsets + 0.25, onsets


def planted(sizes):
    """Signals (3, n) of a run: every electrode follows all parts, 0.3 s after each word's onset."""

    def signals(run):
        rng, mix = np.random.default_rng(run), np.random.default_rng(8)
        times_s = np.arange(round(tiny_ieeg.SECONDS * tiny_ieeg.RATE)) / tiny_ieeg.RATE
        noise = rng.normal(size=(3, len(times_s)))
        values = 2 * np.array([np.convolve(one, np.ones(40) / 40, "same") for one in noise])
        angles = {part: mix.uniform(0, 2 * np.pi, 3) for part in PARTS}
        for story, start_s in tiny_ieeg.stories_of(run):
            found = latents(story)
            for word, (onset, _, _) in enumerate(tiny_ieeg.words_of(story)):
                bump = np.exp(-0.5 * ((times_s - start_s - onset - 0.3) / 0.05) ** 2)
                for part, size in zip(PARTS, sizes, strict=True):
                    one, other = found[part][word]
                    values += size * (np.cos(angles[part]) * one + np.sin(angles[part]) * other)[:, None] * bump
        return values

    return signals


def make(root, sizes, analysis=ANALYSIS):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny_ieeg, "STARTS_S", STARTS_S)
        patch.setattr(tiny_ieeg, "signals", planted(sizes))
        bids, _ = tiny_ieeg.make_study(root)
    for story in range(1, 9):
        write_features(bids / "stimuli", story)
    (root / "findings.yaml").write_text(analysis)
    command = [str(bids), str(root / "out"), "participant", "group", "--analysis", str(root / "findings.yaml")]
    assert main(command) == 0
    return root


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    return make(tmp_path_factory.mktemp("paper"), PAPER)


def table(root, label="findings"):
    (path,) = (root / "out" / "sub-01" / "ieeg").glob(f"*_desc-{label}_encoding.tsv")
    return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)


def rows(root, kind, targets="reliable"):
    found = table(root)
    return found[(found["kind"] == kind) & (found["targets"] == targets)].set_index("name")


def text(root):
    return report_text(root / "out" / "sub-01.html")


def test_planted_like_the_paper_the_report_says_so(paper):
    shares = rows(paper, "share")
    ordered = shares.loc[["sharedContext", "sharedSemantic", "sharedLow", "speechAlone"]]
    assert ordered["value"].is_monotonic_decreasing
    expected = np.square(PAPER[:4]) / np.square(PAPER).sum()
    assert (ordered["ci025"] <= expected).all()
    assert (expected <= ordered["ci975"]).all()
    assert shares["value"].sum() == pytest.approx(1, abs=1e-4)
    said = text(paper)
    assert "The full model predicts 3 electrodes (family-wise p ≤ 0.05)" in said
    assert "Shared context explains more than what semantic has of the shared subspace" in said
    assert "It explains more than what low has" in said
    assert "It explains more than speech alone" in said


def test_both_models_scores_and_their_agreement_are_numbers_with_limits(paper):
    scores = rows(paper, "score", "all")
    assert {"speech", "language", "full", "low", "semantic"} == set(scores.index)
    assert (scores.loc[["speech", "language"], "ci025"] > 0).all()
    agreed = rows(paper, "prediction_correlation", "all")
    assert agreed.loc["SpeechLanguage", "ci025"] > 0.5
    assert agreed.loc["SpeechLanguage", "value"] > agreed.loc["LowSemantic", "value"]
    assert {"SpeechBaseline", "LanguageBaseline"} <= set(agreed.index)
    assert "SpeechLanguage" in rows(paper, "map_correlation", "all").index
    said = text(paper)
    assert "The models predict in part the same." in said
    assert "n/a:" not in said
    assert "Agreement of speech and language. Over targets, the R² maps of the two, each fitted alone, were" in said


def test_every_electrode_and_lag_has_its_agreement(paper):
    found = table(paper, "agreement")
    assert len(found) == 3 * (1 + 3)
    own = found[found["lag_s"].isna()].set_index("name")
    assert (own["agreementSpeechLanguage_ci025"] <= own["agreementSpeechLanguage_r"]).all()
    mean = np.tanh(np.arctanh(own["agreementSpeechLanguage_r"]).mean())
    assert mean == pytest.approx(
        rows(paper, "prediction_correlation", "all").loc["SpeechLanguage", "value"], abs=1e-4
    )
    for label in ("findings", "agreement"):
        (sidecar,) = (paper / "out" / "sub-01" / "ieeg").glob(f"*_desc-{label}_encoding.json")
        assert set(table(paper, label).columns) <= set(json.loads(sidecar.read_text()))
    described = (paper / "out" / "descriptions.tsv").read_text()
    assert "desc-findings\t" in described
    assert "desc-agreementSpeechLanguage\t" in described
    assert list((paper / "out/sub-01/figures").glob("*desc-shares_figure.svg"))


@pytest.mark.long
def test_the_other_way_round_it_says_the_other_way_round(tmp_path):
    said = text(make(tmp_path, REVERSED))
    assert "Shared context explains less than what low has of the shared subspace" not in said
    assert "It explains less than what low has" in said
    assert "It explains less than speech alone" in said
    shares = rows(tmp_path, "share")["value"]
    assert shares["speechAlone"] > shares["sharedLow"] > shares["sharedSemantic"] > shares["sharedContext"]


@pytest.mark.long
def test_on_noise_nothing_is_claimed(tmp_path):
    said = text(make(tmp_path, (0.0,) * 5))
    assert "No electrode is significantly predicted by the full model" in said
    assert "Shared context explains" not in said
    assert "Shares. The two models" not in said
    assert "predict in part the same" not in said


def test_as_published_there_are_scores_and_no_claim(paper):
    settings = yaml.safe_load(ANALYSIS)
    settings["fit"] = {"solver": "chen2024", "alphas": [1e-5, 1e5, 10], "outer": 5}
    settings["shared_subspace"] |= {"fit": "all"}
    (paper / "published.yaml").write_text(yaml.safe_dump(settings))
    command = [str(paper / "bids"), str(paper / "as_published"), "participant", "--analysis"]
    assert main([*command, str(paper / "published.yaml")]) == 0
    (path,) = (paper / "as_published/sub-01/ieeg").glob("*_desc-findings_encoding.tsv")
    found = pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)
    assert found["ci025"].isna().all()
    assert "inSampleSharedContext" in set(found["name"])
    said = report_text(paper / "as_published/sub-01.html")
    assert "Scores are those of the published code" in said
    assert "Comparison. Shared context" not in said
    (lags,) = (paper / "as_published/sub-01/ieeg").glob("*_desc-lags_encoding.json")
    columns = json.loads(lags.read_text())
    assert "squared Pearson correlation" in columns["speech_rsquared"]["Description"]
    assert "1 − Σ(y−ŷ)²" not in columns["speech_rsquared"]["Description"]
    (values,) = (paper / "as_published/sub-01/ieeg").glob("*_desc-lags_encoding.tsv")
    scores = pd.read_csv(values, sep="\t")
    assert (scores["speech_rsquared"] >= 0).all()
    assert not [column for column in scores if column.endswith(("_p", "_q", "_ci025"))]
