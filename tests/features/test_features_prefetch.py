"""Prefetch: pinned, locked, safetensors only; the hub is a folder that a stand-in for its client copies from."""

import json
import os
import shutil
import socket
from types import SimpleNamespace

import pytest
from tiny_models import save_language_model, spaced_words, stimulus

from bids_app import features
from bids_app.cli import concord_tools
from bids_app.errors import NoInput, UsageError
from bids_app.features.prefetch import chosen_files, fetch, wanted_models
from bids_app.features.transformers.lock import LOCK
from bids_app.records import FeatureSpec, ModelSource

COMMIT, OTHER = "a" * 40, "b" * 40
ANALYSIS = """
name: mine
features:
  language: {kind: language_model, model: org/tiny, layer: 1}
  static: {kind: word_embedding, model: org/tiny, untrained: true}
  vectors: {kind: word_embedding, model: glove.txt}
  rate: {kind: word_rate}
"""


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A folder of the published model's files; `calls` counts downloads."""
    published = save_language_model(tmp_path / "hub")
    (published / "model.onnx").write_bytes(b"never wanted")
    calls = []

    class Api:
        def model_info(self, name, revision):
            if name != "org/tiny":
                raise ConnectionError("no such\nmodel")
            files = [SimpleNamespace(rfilename=path.name) for path in published.iterdir()]
            return SimpleNamespace(sha=revision or COMMIT, siblings=files)

    def download(name, revision, allow_patterns, local_dir):
        calls.append(revision)
        local_dir.mkdir(parents=True, exist_ok=True)
        for file in allow_patterns:
            shutil.copy(published / file, local_dir / file)

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.HfApi", Api)
    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    return SimpleNamespace(folder=published, calls=calls)


def run(tmp_path, analysis=ANALYSIS):
    (tmp_path / "mine.yaml").write_text(analysis)
    return concord_tools.main(
        ["prefetch", "--analysis", str(tmp_path / "mine.yaml"), "--model-dir", str(tmp_path / "models")]
    )


def extract(tmp_path, **options):
    spec = FeatureSpec("l", "language_model", {"model": "org/tiny", "layer": 1, **options})
    return features.extract(stimulus(words=spaced_words()), spec, ModelSource(tmp_path / "models", offline=True))


def test_an_analysiss_models_are_fetched_once_and_locked(hub, tmp_path, capsys):
    assert run(tmp_path) == 0
    assert capsys.readouterr().out == f"org/tiny: fetched, revision {COMMIT}\n"
    lock = json.loads((tmp_path / "models" / LOCK).read_text())
    assert lock["org/tiny"]["revision"] == COMMIT
    assert set(lock["org/tiny"]["files"]) == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert run(tmp_path) == 0
    assert "there already" in capsys.readouterr().out
    assert hub.calls == [COMMIT]
    assert extract(tmp_path).provenance.revision == COMMIT
    (tmp_path / "models/org/tiny/config.json").write_text("{}")
    assert run(tmp_path) == 0
    assert hub.calls == [COMMIT, COMMIT]  # a changed file is fetched again


def test_files_that_are_not_the_locked_ones_are_not_used(hub, tmp_path):
    assert run(tmp_path) == 0
    config = tmp_path / "models/org/tiny/config.json"
    config.write_text(config.read_text().replace("gelu_new", "relu"))
    with pytest.raises(
        NoInput, match=r"config\.json of the model 'org/tiny' is not the file.*concord-tools prefetch"
    ):
        extract(tmp_path)
    assert run(tmp_path) == 0
    assert extract(tmp_path).values.any()


def test_what_is_broken_comes_at_the_locked_revision_again(hub, tmp_path, monkeypatch):
    assert run(tmp_path) == 0
    monkeypatch.setattr("test_features_prefetch.COMMIT", "c" * 40)  # the hub has moved on
    (tmp_path / "models/org/tiny/config.json").unlink()
    assert run(tmp_path) == 0
    assert hub.calls == ["a" * 40, "a" * 40]
    shutil.rmtree(tmp_path / "models")
    assert run(tmp_path) == 0
    assert hub.calls[2] == "c" * 40


def test_nothing_touches_the_network_afterwards(hub, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the network was touched")

    assert run(tmp_path) == 0
    monkeypatch.undo()
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert extract(tmp_path).values.any()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run(tmp_path) == 0
    shutil.rmtree(tmp_path / "models")
    assert run(tmp_path) == 64


def test_a_revision_asked_for_is_the_one_there_is(hub, tmp_path):
    pinned = ANALYSIS.replace("layer: 1", f"layer: 1, revision: {OTHER}")
    assert run(tmp_path) == 0
    with pytest.raises(NoInput, match=rf"is there at revision {COMMIT}, not {OTHER}.*concord-tools prefetch"):
        extract(tmp_path, revision=OTHER)
    assert run(tmp_path, pinned) == 0
    assert hub.calls == [COMMIT, OTHER]
    assert extract(tmp_path, revision=OTHER).provenance.revision == OTHER
    specs = [FeatureSpec(r, "surprisal", {"model": "m", "revision": r, "untrained": None}) for r in (COMMIT, OTHER)]
    with pytest.raises(UsageError, match="two revisions of 'm'"):
        wanted_models(specs)


@pytest.mark.parametrize("parts", [1, 2])
def test_pickled_weights_are_converted_once_and_said_so(parts, hub, tmp_path, capsys):
    import torch
    from safetensors.torch import load_file

    weights = load_file(hub.folder / "model.safetensors")
    (hub.folder / "model.safetensors").unlink()
    names = sorted(weights)
    if parts == 1:
        torch.save(weights, hub.folder / "pytorch_model.bin")
    else:
        for part, keys in enumerate((names[:5], names[5:]), start=1):
            torch.save({key: weights[key] for key in keys}, hub.folder / f"pytorch_model-0000{part}-of-00002.bin")
        (hub.folder / "pytorch_model.bin.index.json").write_text("{}")
    assert run(tmp_path) == 0
    assert "converted from pickled weights" in capsys.readouterr().out
    folder = tmp_path / "models/org/tiny"
    assert not list(folder.glob("pytorch_model*"))
    converted = load_file(folder / "model.safetensors")
    assert sorted(converted) == names
    assert all(torch.equal(converted[name], weights[name]) for name in names)
    entry = json.loads((tmp_path / "models" / LOCK).read_text())["org/tiny"]
    assert len(entry["converted_from"]) == parts
    assert "model.safetensors" in entry["files"]
    assert extract(tmp_path).values.any()
    assert run(tmp_path) == 0
    assert len(hub.calls) == 1


def test_a_pickle_that_does_something_is_refused(hub, tmp_path, capsys):
    import torch

    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    (hub.folder / "model.safetensors").unlink()
    torch.save({"wte.weight": Trap()}, hub.folder / "pytorch_model.bin")
    assert run(tmp_path) == 66
    assert "hold more than tensors" in capsys.readouterr().err
    assert not (tmp_path / "sprung").exists()
    assert not (tmp_path / "models" / LOCK).exists()


def test_what_the_hub_does_not_give_is_one_line(hub, tmp_path, capsys):
    assert run(tmp_path, ANALYSIS.replace("org/tiny", "org/absent")) == 66
    assert capsys.readouterr().err == "concord-tools: the model 'org/absent' cannot be fetched (no such)\n"
    with pytest.raises(NoInput, match="neither safetensors nor PyTorch"):
        chosen_files(["config.json", "flax_model.msgpack", "sub/model.safetensors"], "x")
    (tmp_path / "models" / LOCK).write_text("[]")
    assert run(tmp_path) == 66
    assert "lock file of the models is broken" in capsys.readouterr().err


def test_a_missing_model_names_the_command_that_fetches_it(tmp_path):
    with pytest.raises(NoInput, match=r"concord-tools prefetch --analysis ANALYSIS --model-dir .*models fetches it"):
        extract(tmp_path)


@pytest.mark.parametrize(
    ("tokenizer_class", "files"),
    [
        ("DebertaV2Tokenizer", ["spm.model"]),
        ("AlbertTokenizer", ["spiece.model"]),
        ("XLMRobertaTokenizer", ["sentencepiece.bpe.model"]),
        ("BertTokenizer", ["vocab.txt"]),
        ("GPT2Tokenizer", ["vocab.json", "merges.txt"]),
    ],
)
def test_the_vocabulary_is_fetched_locked_and_asked_for(tokenizer_class, files, hub, tmp_path, capsys):
    (hub.folder / "tokenizer.json").unlink()
    (hub.folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": tokenizer_class}))
    assert run(tmp_path) == 66  # and what older versions left behind is the same
    assert f"lacks {' and '.join(files)}: every word would be unknown" in capsys.readouterr().err
    for file in files:
        (hub.folder / file).write_text("a")
    assert run(tmp_path) == 0
    assert set(files) < set(json.loads((tmp_path / "models" / LOCK).read_text())["org/tiny"]["files"])
    assert run(tmp_path) == 0
    assert "there already" in capsys.readouterr().out
    assert len(hub.calls) == 2


def test_a_bug_of_our_own_is_not_blamed_on_the_hub(hub, tmp_path, monkeypatch):
    def broken(published, name):
        raise TypeError("a bug")

    monkeypatch.setitem(fetch.__globals__, "chosen_files", broken)
    with pytest.raises(TypeError, match="a bug"):
        fetch("org/tiny", None, tmp_path / "models")
