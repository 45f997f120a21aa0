"""All layers of a tiny language model through the command line: planted layers come back, and nothing on noise."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import tiny_ieeg
import tiny_models
from report_text import report_text
from tiny_study import SHAPE, TR, N, make_study, words_of, write_run
from written_maps import map_of
from written_units import read_units

from bids_app import encoding
from bids_app.cli.concord import main
from bids_app.errors import UsageError
from bids_app.outputs.wording.layers import layers_methods
from bids_app.settings.load import parse_analysis

RUNS, WIDTH = (1, 2, 3, 4, 5), 16
SPACE = "language: {kind: language_model, model: tiny, layer: all, context_words: 4, pca: 6}"
ANALYSIS = f"""\
name: layers
features:
  rate: {{kind: word_rate}}
  {SPACE}
response: {{fmri: {{confounds: motion, high_pass_s: 128}}}}
design: {{fmri: {{delays_s: [2, 4], skip_onset_s: 10}}}}
fit: {{candidates: 4, alphas: [0.1, 100000, 7]}}
inference: {{permutations: 0}}
"""
PLANTED = {0: "0", 1: "0", 2: "3", 3: "3"}  # voxels by i → layer; noise where i = 4


def save_model(folder):
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = tiny_models.train_tokenizer()
    size = len(tokenizer)
    config = GPT2Config(
        vocab_size=size, n_positions=64, n_embd=WIDTH, n_layer=3, n_head=2, initializer_range=0.8, bos_token_id=0,
        eos_token_id=0,
    )  # fmt: skip
    tiny_models.save_seeded(lambda: GPT2LMHeadModel(config), 2, folder)
    tokenizer.save_pretrained(folder)


def run(root, bids, analysis, out, *more):
    given = [str(bids), str(root / out), "participant", "group", "--analysis", str(analysis)]
    return main([*given, "--model-dir", str(root / "models"), "--offline", *more])


def rows_of(root, number):
    """Rows by word of a story, (n_words, 4 layers · WIDTH), as the store has them."""
    (path,) = root.glob(f"out0/stimuli/stim-story{number}*/*language*_features.h5")
    with h5py.File(path) as held:
        return held["values"][:], held["times_s"][:]


def signals(root):
    """{layer: {run: (n_words,)}}: three leading components of each layer planted, the same in all runs."""
    weights, found = np.random.default_rng(5), {}
    rows = {number: rows_of(root, number)[0] for number in RUNS}
    for layer in sorted(set(PLANTED.values())):
        at = slice(int(layer) * WIDTH, (int(layer) + 1) * WIDTH)
        whole = np.concatenate([values[:, at] for values in rows.values()])
        mean, scale = whole.mean(axis=0), whole.std(axis=0) + 1e-9
        _, _, axes = np.linalg.svd((whole - mean) / scale, full_matrices=False)
        mix = axes[:3].T @ weights.standard_normal(3)
        found[layer] = {number: (values[:, at] - mean) / scale @ mix for number, values in rows.items()}
    return found


def bold(root, planted, number, person):
    data = 100 + np.random.default_rng(10 * number + person).normal(size=(*SHAPE, N))
    _, times_s = rows_of(root, number)
    for i, layer in PLANTED.items():
        signal = planted[layer][number][:, None]
        signal = encoding.resample(signal, times_s, np.arange(N) * TR - 4.0, TR, "events")[:, 0]
        data[i] += 1.5 * (signal - signal.mean()) / signal.std()
    return data.astype(np.float32)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("layers")
    bids, _ = make_study(root, ("01", "02"), RUNS)
    text = np.random.default_rng(0)
    letters = list("abcdefghijklmnopqrstuvwxyz")
    for number in RUNS:  # words of any letters
        onsets = words_of(number)
        lines = [f"{''.join(text.choice(letters, 4))}\t{s:.3f}\t{s + 0.25:.3f}\n" for s in onsets]
        (bids / "stimuli" / f"story{number}.tsv").write_text("word\tstart\tend\n" + "".join(lines))
    save_model(root / "models" / "tiny")
    (root / "layers.yaml").write_text(ANALYSIS)
    assert run(root, bids, root / "layers.yaml", "out0") == 0  # the features that responses are planted on
    planted = signals(root)
    for person in (1, 2):
        for number in RUNS:
            made = bold(root, planted, number, person)
            write_run(bids, bids / "derivatives" / "fmriprep", f"0{person}", number, made)
    assert run(root, bids, root / "layers.yaml", "out", "--features-from", str(root / "out0")) == 0
    return root


def maps_of(root, out="out"):
    folder = root / out / "sub-01" / "func"
    return {stat: map_of(folder, "bestLanguageLayer", stat) for stat in ("layer", "rsquared", "agreement")}


@pytest.mark.long
def test_planted_layers_come_back_in_maps(study):
    maps = maps_of(study)
    assert (maps["layer"][:2] == 0).all()
    assert (maps["layer"][2:4] >= 2).all()  # the last two layers are one residual stream: either predicts the other
    assert maps["rsquared"][:4].mean() > 0.3
    assert maps["agreement"][:4].mean() > 0.7
    assert maps["rsquared"][4].mean() < 0.02


@pytest.mark.long
def test_on_noise_alone_the_chosen_layer_predicts_nothing(study):
    """The first run's responses hold nothing of the model in their last voxels."""
    maps = maps_of(study, "out0")
    assert maps["rsquared"][3:].mean() < 0.01


@pytest.mark.long
def test_the_table_has_each_layers_scores_by_region(study):
    (path,) = (study / "out/sub-01/func").glob("*desc-layers_encoding.tsv")
    table = pd.read_csv(path, sep="\t")
    whole = table[table["region"] == "all"]
    assert whole["layer"].tolist() == [0, 1, 2, 3]
    assert whole["n"].unique().tolist() == [40]
    first, _, *last = whole["n_best"]
    assert first >= 16  # of the 40 voxels, 16 were planted with layer 0 and 16 with layer 3
    assert sum(last) >= 16  # the last two layers are one residual stream: together
    sidecar = json.loads(path.with_suffix(".json").read_text())
    assert set(table.columns) <= set(sidecar)
    halves = table[table["region"].isin(["left", "right"])].groupby("layer")
    assert not len(halves) or (halves["n"].sum() <= 40).all()


@pytest.mark.long
def test_the_report_says_where_layers_were_fitted(study):
    text = report_text(study / "out/sub-01.html")
    (unit,) = read_units(study / "out", ["01"])
    chosen = unit.summary.layers["language"].chosen
    assert ", ".join(f"{layer} (fold {fold})" for fold, layer in chosen.items()) in text
    (said,) = layers_methods(unit.summary)
    assert said in text
    assert "layers 0, 1, 2 and 3" in text
    for name in ("layerProfiles", "bestLanguageLayerMap"):
        assert list((study / "out/sub-01/figures").glob(f"*{name}*.svg"))
    assert "bestLanguageLayer" in (study / "out/descriptions.tsv").read_text()


@pytest.mark.long
def test_the_group_has_the_mean_profile(study):
    (path,) = (study / "out/group").glob("*desc-layers_encoding.tsv")
    table = pd.read_csv(path, sep="\t")
    parts = [
        pd.read_csv(next((study / f"out/sub-0{k}/func").glob("*desc-layers_encoding.tsv")), sep="\t") for k in (1, 2)
    ]
    expected = sum(part[part["region"] == "all"]["rsquared"].to_numpy() for part in parts) / 2
    mine = table[table["region"] == "all"]
    np.testing.assert_allclose(mine["rsquared_mean"], expected, rtol=1e-4, atol=1e-6)
    assert (mine["n"] == 2).all()
    assert "groupLayers" in (study / "out/group.html").read_text()


@pytest.mark.long
def test_a_second_run_is_reused_and_a_new_one_is_the_same(study):
    bids, analysis = study / "bids", study / "layers.yaml"
    before = {path: path.read_bytes() for path in sorted((study / "out/sub-01/func").iterdir())}
    assert run(study, bids, analysis, "out") == 0
    assert "\treused\t" in (study / "out/status.tsv").read_text()
    assert run(study, bids, analysis, "out", "--force") == 0
    assert {path: path.read_bytes() for path in sorted((study / "out/sub-01/func").iterdir())} == before


@pytest.mark.long
def test_other_layers_are_another_analysis(study):
    (study / "two.yaml").write_text(ANALYSIS.replace("layer: all", "layer: [0, 3]"))
    assert run(study, study / "bids", study / "two.yaml", "out") == 64


@pytest.mark.long
def test_a_shared_subspace_takes_the_layer_of_each_fold(study):
    """Residuals and shared subspaces of a space with layers are fitted on the chosen layer's rows."""
    text = ANALYSIS.replace("inference:", "partition: {spaces: [rate, beyond]}\ninference:").replace(
        SPACE,
        f"{SPACE}\n  static: {{kind: word_embedding, model: tiny}}\n"
        "  beyond: {kind: contextual_residual, contextual: language, static: static, pca: 4}",
    )
    (study / "beyond.yaml").write_text(text)
    assert run(study, study / "bids", study / "beyond.yaml", "out2", "--participant-label", "01") == 0
    (unit,) = read_units(study / "out2", ["01"])
    assert np.isfinite(np.asarray(unit.partition.values["beyond"]["rsquared"])).all()


def test_one_fit_for_all_folds_cannot_choose_a_layer():
    text = ANALYSIS + "shared_subspace: {between: [language, rate], fit: all}\n"
    with pytest.raises(UsageError, match="needs one layer of 'language'"):
        parse_analysis(text, "x")


@pytest.mark.long
@pytest.mark.parametrize("mode", ["words", "trf"])
def test_electrodes_have_their_best_layer(tmp_path, mode):
    bids, _ = tiny_ieeg.make_study(tmp_path)
    save_model(tmp_path / "models" / "tiny")
    text = tiny_ieeg.ANALYSIS.replace("  loudness:", f"  {SPACE}\n  loudness:").replace(
        "permutations: 100", "permutations: 0"
    )
    if mode == "trf":
        text = text.replace(
            "mode: words, lags_s: [-0.5, 1, 0.05], window_s: 0.1, summary_s: [0, 0.5]",
            "mode: trf, lags_s: [0, 0.4, 0.1]",
        )
    (tmp_path / "layers.yaml").write_text(text)
    assert run(tmp_path, bids, tmp_path / "layers.yaml", "out") == 0
    folder = tmp_path / "out/sub-01/ieeg"
    own = pd.read_csv(next(folder.glob("*desc-partition_channels.tsv")), sep="\t", na_values=["n/a"])
    assert own["bestLanguageLayer_layer"].dropna().isin([0, 1, 2, 3]).all()
    assert np.isfinite(own["bestLanguageLayer_rsquared"]).all()
    layers = pd.read_csv(next(folder.glob("*desc-layers_encoding.tsv")), sep="\t")
    assert set(layers["region"]) >= {"all", "A1", "A2", "A3"}
