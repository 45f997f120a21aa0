"""Models: found, safetensors only, never the network when offline, honest about missing weights."""

import json
import logging
import os
import shutil
import socket

import numpy as np
import pytest
from tiny_models import noise, save_language_model, spaced_words, stimulus, words_at

from bids_app import features
from bids_app.errors import NoInput
from bids_app.features.sidecar import provenance_to_json
from bids_app.features.transformers import models
from bids_app.features.transformers.load_model import load_model
from bids_app.records import FeatureSpec, ModelSource

LANGUAGE = FeatureSpec("language", "language_model", {"model": "tiny-gpt2", "layer": 1})
SPEECH = FeatureSpec("speech", "speech_model", {"model": "org/tiny-hubert", "layer": 1})


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was touched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


def test_nothing_touches_the_network(source, no_network):
    features.extract(stimulus(words=spaced_words()), LANGUAGE, source)
    features.extract(stimulus(noise(1)), SPEECH, source)


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_missing_model_says_where_it_should_lie(how, tmp_path, no_network, monkeypatch):
    if how == "variable":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    spec = FeatureSpec("s", "speech_model", {"model": "org/absent", "layer": 1})
    with pytest.raises(NoInput, match=rf"'org/absent' is not there: expected at {tmp_path}/org/absent"):
        features.extract(stimulus(noise(1)), spec, ModelSource(tmp_path, offline=how == "flag"))


def test_a_model_that_the_hub_cannot_give(tmp_path, monkeypatch):
    def unreachable(*args, **kwargs):
        raise OSError("Network is unreachable")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    spec = FeatureSpec("s", "word_embedding", {"model": "org/absent"})
    with pytest.raises(NoInput, match="'org/absent' is not there") as caught:
        features.extract(stimulus(words=spaced_words()), spec, ModelSource(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_missing_model_without_a_model_folder(no_network):
    spec = FeatureSpec("s", "word_embedding", {"model": "org/absent"})
    with pytest.raises(NoInput, match="no model folder was given"):
        features.extract(stimulus(words=spaced_words()), spec, ModelSource(None, offline=True))


def test_pickled_weights_are_never_loaded(folder, source, monkeypatch):
    import torch

    model = folder / "tiny-gpt2"
    (model / "model.safetensors").unlink()

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(model / "sprung"),)

    torch.save({"wte.weight": Trap()}, model / "pytorch_model.bin")
    with pytest.raises(NoInput, match=r"no safetensors weights.*never loaded"):
        features.extract(stimulus(words=spaced_words()), LANGUAGE, ModelSource(folder, offline=True))
    assert not (model / "sprung").exists()


@pytest.mark.parametrize("spec", [LANGUAGE, SPEECH])
def test_safetensors_are_asked_for_by_name(spec, source, monkeypatch):
    import transformers

    asked = []
    load = transformers.AutoModel.from_pretrained
    monkeypatch.setattr(
        transformers.AutoModel, "from_pretrained", lambda *a, **named: asked.append(named) or load(*a, **named)
    )
    features.extract(stimulus(noise(1), words=spaced_words()), spec, source)
    (named,) = asked
    told = {key: named[key] for key in ("use_safetensors", "trust_remote_code", "local_files_only")}
    assert told == {"use_safetensors": True, "trust_remote_code": False, "local_files_only": True}


def test_code_beside_a_model_is_never_run(folder):
    config = json.loads((folder / "tiny-gpt2/config.json").read_text())
    config.update(model_type="its-own", auto_map={"AutoConfig": "trap.C", "AutoModel": "trap.M"})
    (folder / "tiny-gpt2/config.json").write_text(json.dumps(config))
    (folder / "tiny-gpt2/trap.py").write_text("raise SystemExit('ran')")
    with pytest.raises(NoInput, match="cannot be loaded") as caught:
        features.extract(stimulus(words=spaced_words()), LANGUAGE, ModelSource(folder, offline=True))
    assert "\n" not in str(caught.value)


def test_weights_that_lack_a_part_are_refused(folder):
    """transformers would fill them in at random."""
    from safetensors.torch import load_file, save_file

    path = folder / "tiny-gpt2/model.safetensors"
    weights = load_file(path)
    del weights[next(name for name in weights if "h.1.mlp.c_fc.weight" in name)]
    save_file(weights, path, {"format": "pt"})
    for layer in (1, 2):  # the first does not rest on it
        spec = FeatureSpec("language", "language_model", {"model": "tiny-gpt2", "layer": layer})
        with pytest.raises(NoInput, match=r"1 weights .* h\.1\.mlp\.c_fc\.weight"):
            features.extract(stimulus(words=spaced_words()), spec, ModelSource(folder, offline=True))


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_broken_file_is_one_line(file, folder):
    path = folder / "tiny-gpt2" / file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(NoInput, match="tiny-gpt2") as caught:
        features.extract(stimulus(words=spaced_words()), LANGUAGE, ModelSource(folder, offline=True))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("file", ["config.json", "preprocessor_config.json"])
def test_an_absent_file_is_one_line(file, folder):
    (folder / "org/tiny-hubert" / file).unlink()
    with pytest.raises(NoInput, match="tiny-hubert") as caught:
        features.extract(stimulus(noise(1)), SPEECH, ModelSource(folder, offline=True))
    assert "\n" not in str(caught.value)


def test_weights_in_parts(folder):
    from transformers import GPT2Model

    whole = features.extract(stimulus(words=spaced_words()), LANGUAGE, ModelSource(folder, offline=True))
    model = folder / "tiny-gpt2"
    loaded = GPT2Model.from_pretrained(model)
    (model / "model.safetensors").unlink()
    loaded.save_pretrained(model, max_shard_size="20KB")
    assert (model / "model.safetensors.index.json").is_file()
    parts = features.extract(stimulus(words=spaced_words()), LANGUAGE, ModelSource(folder, offline=True))
    # the same weights lie elsewhere in memory, where a processor may add up in another order
    np.testing.assert_allclose(parts.values, whole.values, rtol=1e-5, atol=1e-6)
    assert len(parts.provenance.weights_sha256) == 64
    next(model.glob("model-00002*")).unlink()
    with pytest.raises(NoInput, match=r"part of the weights.*model-00002"):
        features.extract(stimulus(words=spaced_words()), LANGUAGE, ModelSource(folder, offline=True))


def test_provenance_names_the_model_and_its_bytes(source):
    import hashlib

    got = features.extract(stimulus(words=spaced_words()), LANGUAGE, source).provenance
    weights = (source.model_dir / "tiny-gpt2/model.safetensors").read_bytes()
    assert got.weights_sha256 == hashlib.sha256(weights).hexdigest()
    assert (got.model, got.revision, got.stand_in, got.causal) == ("tiny-gpt2", None, False, True)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(got.files)
    json.dumps(provenance_to_json(got))


def test_stand_ins_are_flagged(tmp_path):
    save_language_model(tmp_path / "stand-in", concord_stand_in=True)
    spec = FeatureSpec("language", "word_embedding", {"model": "stand-in"})
    rows = features.extract(stimulus(words=spaced_words()), spec, ModelSource(tmp_path))
    assert rows.provenance.stand_in is True


def test_nothing_is_printed_even_where_weights_are_left_over(folder, capfd, monkeypatch):
    records = []  # transformers writes to the standard error of the moment it was imported: pytest would miss it
    monkeypatch.setattr(logging.getLogger("transformers"), "handlers", [handler := logging.Handler()])
    handler.emit = records.append
    from safetensors.torch import load_file, save_file

    path = folder / "tiny-gpt2/model.safetensors"
    weights = load_file(path)
    save_file({**weights, "head.weight": next(iter(weights.values())).clone()}, path, {"format": "pt"})
    source = ModelSource(folder, offline=True)
    features.extract(stimulus(words=spaced_words()), LANGUAGE, source)
    features.extract(stimulus(noise(1)), SPEECH, source)
    assert capfd.readouterr() == ("", "")
    assert not records


def test_the_hubs_cache_is_used_offline_and_gives_the_revision(folder, tmp_path, monkeypatch, no_network):
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "hub/models--org--tiny"
    shutil.copytree(folder / "tiny-gpt2", repo / "snapshots" / commit)
    (repo / "refs").mkdir()
    (repo / "refs/main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    spec = FeatureSpec("language", "word_embedding", {"model": "org/tiny"})
    got = features.extract(stimulus(words=spaced_words()), spec, ModelSource(None, offline=True))
    assert got.provenance.revision == commit


UNTRAINED = FeatureSpec("l", "language_model", {"model": "tiny-gpt2", "layer": 2, "untrained": True})


def test_untrained_is_the_same_architecture_with_weights_of_the_seed(folder, tmp_path):
    import torch
    from transformers import AutoConfig, AutoModel

    source, heard = ModelSource(folder, offline=True), stimulus(noise(1), words=spaced_words())
    (folder / "tiny-gpt2/model.safetensors").unlink()  # random weights need none
    first = features.extract(heard, UNTRAINED, source)
    assert first.provenance.untrained == 0
    assert "model.safetensors" not in first.provenance.files
    torch.manual_seed(99)
    before = torch.get_rng_state()
    again = features.extract(heard, UNTRAINED, source)
    assert (again.values == first.values).all()
    assert (torch.get_rng_state() == before).all()  # nobody else's random numbers change
    other = FeatureSpec("l", "language_model", {**UNTRAINED.options, "untrained": 1})
    assert abs(features.extract(heard, other, source).values - first.values).max() > 1e-3
    torch.manual_seed(0)
    made = AutoModel.from_config(AutoConfig.from_pretrained(folder / "tiny-gpt2"))
    static = FeatureSpec("s", "word_embedding", {"model": "tiny-gpt2", "untrained": True})
    got = features.extract(stimulus(words=words_at([0], ["a"])), static, source).values[0]
    assert abs(made.wte.weight.detach().numpy() - got).max(axis=1).min() < 1e-6


@pytest.mark.parametrize("kind", ["speech_model", "surprisal", "entropy", "word_embedding"])
def test_every_kind_of_model_can_be_untrained(kind, source, tmp_path):
    name = "org/tiny-hubert" if kind == "speech_model" else "tiny-gpt2"
    layer = {"layer": 1} if kind == "speech_model" else {}
    heard = stimulus(noise(1), words=spaced_words())
    store = features.FeatureStore(tmp_path)
    values = []
    for untrained in (None, 0, 1):
        spec = FeatureSpec("x", kind, {"model": name, **layer, "untrained": untrained})
        got, reused = store.get(heard, spec, source)
        assert not reused  # the seed is in the key
        values.append(got.values)
    assert all(abs(a - b).max() > 1e-3 for a, b in ((values[0], values[1]), (values[1], values[2])))
    assert store.holds(heard, FeatureSpec("x", kind, {"model": name, **layer, "untrained": 1}), source)


def test_a_published_masked_model_without_its_pooler_is_whole(source):
    """transformers' own MaskedLM classes have none, and no hidden state rests on it."""
    from safetensors.torch import load_file

    weights = load_file(source.model_dir / "tiny-bert/model.safetensors")
    assert not [name for name in weights if "pooler" in name]
    spec = FeatureSpec("l", "language_model", {"model": "tiny-bert", "layer": 1})
    assert features.extract(stimulus(words=spaced_words()), spec, source).values.any()


def rewritten(folder, names):
    """The model's weights under other names: pairs of (written by today's library, as published)."""
    from safetensors.torch import load_file, save_file

    path, weights = folder / "model.safetensors", {}
    for key, value in load_file(folder / "model.safetensors").items():
        for new, old in names:
            key = key.replace(new, old)
        weights[key] = value
    save_file(weights, path, {"format": "pt"})
    return set(weights)


@pytest.mark.parametrize("name", ["tiny-w2v", "org/tiny-hubert", "tiny-wavlm"])
def test_weights_of_speech_models_as_the_hub_has_them(name, folder, source):
    """The weight norm of the positions' convolution under its former names."""
    names = [(f"parametrizations.weight.original{k}", f"weight_{part}") for k, part in enumerate("gv")]
    keys = rewritten(folder / name, names)
    assert "encoder.pos_conv_embed.conv.weight_g" in keys
    spec = FeatureSpec("s", "speech_model", {"model": name, "layer": 2, "window_s": 1, "stride_s": 0.5})
    heard = stimulus(noise(1))
    got = features.extract(heard, spec, ModelSource(folder, offline=True)).values
    want = features.extract(heard, spec, source).values
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)  # equal weights, elsewhere in memory


def test_weights_of_language_models_as_the_hub_has_them(folder, source):
    """GPT-2's without a prefix and without the head that it shares; BERT's norms under their former names."""
    assert "h.0.ln_1.weight" in rewritten(folder / "tiny-gpt2", [("transformer.", "")])
    assert any(
        ".gamma" in key
        for key in rewritten(folder / "tiny-bert", [("Norm.weight", "Norm.gamma"), ("Norm.bias", "Norm.beta")])
    )
    heard = stimulus(words=spaced_words())
    for kind, options in (
        ("surprisal", {"model": "tiny-gpt2"}),
        ("language_model", {"model": "tiny-gpt2", "layer": 2}),
        ("language_model", {"model": "tiny-bert", "layer": 2}),
    ):
        got, want = (
            features.extract(heard, FeatureSpec("l", kind, options), place).values
            for place in (ModelSource(folder, offline=True), source)
        )
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)  # equal weights, elsewhere in memory


@pytest.mark.parametrize("place", ["bids_app.features.transformers.models._quiet", "torch.manual_seed"])
def test_a_bug_of_our_own_is_not_taken_for_a_broken_model(place, source, monkeypatch):
    def broken(*args):
        raise TypeError("a bug")

    monkeypatch.setattr(place, broken)
    with pytest.raises(TypeError, match="a bug"):
        load_model(models.ModelName("tiny-gpt2", None, 1), source)
