"""Tokenizers: the files of every class, known by the configuration; without them, or another model's, one line."""

import json
import shutil

import pytest
from tiny_models import save_causal_model, save_language_model, save_masked_model, spaced_words, stimulus, word_pieces

from bids_app import features
from bids_app.errors import NoInput
from bids_app.features.transformers.models import ModelName, is_setting
from bids_app.features.transformers.tokenizers import load_tokenizer
from bids_app.records import FeatureSpec, ModelSource

LACKING = {  # model_type → what its tokenizer is made of, beside tokenizer.json
    "bert": "vocab.txt",
    "distilbert": "vocab.txt",
    "electra": "vocab.txt",
    "mpnet": "vocab.txt",
    "funnel": "vocab.txt",
    "roberta": "vocab.json and merges.txt",
    "gpt2": "vocab.json and merges.txt",
    "opt": "vocab.json and merges.txt",
    "qwen2": "vocab.json and merges.txt",
    "gpt_neox": "vocab.json and merges.txt",
    "whisper": "vocab.json and merges.txt",
    "deberta": "vocab.json and merges.txt",
    "albert": "spiece.model",
    "t5": "spiece.model",
    "xlnet": "spiece.model",
    "fnet": "spiece.model",
    "deberta-v2": "spm.model",
    "xlm-roberta": "sentencepiece.bpe.model",
    "camembert": "sentencepiece.bpe.model",
    "mbart": "sentencepiece.bpe.model",
    "rembert": "sentencepiece.model",
    "llama": "tokenizer.model",
    "gemma": "tokenizer.model",
    "bloom": "tokenizer.model",
}


def folder_of(tmp_path, config, **files):
    (tmp_path / "m").mkdir()
    (tmp_path / "m/config.json").write_text(json.dumps(config))
    for name, content in files.items():
        (tmp_path / "m" / name.replace("__", ".")).write_bytes(content)
    return ModelSource(tmp_path, offline=True)


def load(source, name="m"):
    return load_tokenizer(ModelName(name, untrained=0), source)


@pytest.mark.parametrize("model_type", LACKING)
def test_an_absent_vocabulary_is_named(model_type, tmp_path):
    source = folder_of(tmp_path, {"model_type": model_type})
    with pytest.raises(
        NoInput, match=rf"the tokenizer of the model 'm' lacks {LACKING[model_type]}: every"
    ) as caught:
        load(source)
    assert "tokenizer.json would do, too; concord-tools prefetch" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "own", "lacks"),
    [
        ({"model_type": "bert"}, {"tokenizer_class": "AlbertTokenizer"}, "spiece.model"),
        ({"model_type": "bert", "tokenizer_class": "XLMRobertaTokenizer"}, {}, "sentencepiece.bpe.model"),
        ({"model_type": "bert"}, {"tokenizer_class": "DebertaV2TokenizerFast"}, "spm.model"),
        ({"model_type": "bert"}, {"tokenizer_class": "ItsOwn"}, "tokenizer.model"),
        ({"model_type": "bert"}, {"fast_tokenizer_files": ["tokenizer.4.0.json", "tokenizer.json"]}, "vocab.txt"),
    ],
)
def test_the_class_is_the_one_that_the_configuration_names(config, own, lacks, tmp_path):
    source = folder_of(tmp_path, config, tokenizer_config__json=json.dumps(own).encode())
    with pytest.raises(NoInput, match=f"lacks {lacks}"):
        load(source)


def test_a_part_of_the_vocabulary_is_none(tmp_path):
    source = folder_of(tmp_path, {"model_type": "gpt2"}, vocab__json=b'{"a": 0}')
    with pytest.raises(NoInput, match=r"lacks merges\.txt"):
        load(source)


def test_files_that_a_class_states_are_enough(tmp_path):
    trained = word_pieces()
    pieces = sorted(trained.get_vocab(), key=trained.get_vocab().get)
    source = folder_of(tmp_path, {"model_type": "bert"}, vocab__txt="\n".join(pieces).encode())
    got, want = (one(" fox", add_special_tokens=False)["input_ids"] for one in (load(source), trained))
    assert got == want
    pairs = {"vocab__json": b'{"f": 0, "o": 1, "x": 2, "fo": 3}', "merges__txt": b"#version: 0.2\nf o\n"}
    shutil.rmtree(tmp_path / "m")
    assert load(folder_of(tmp_path, {"model_type": "gpt2"}, **pairs))("fox")["input_ids"] == [3, 2]


@pytest.mark.parametrize("model_type", ["albert", "deberta-v2", "xlm-roberta", "t5", "llama"])
def test_tokenizer_json_alone_is_enough(model_type, tmp_path):
    source = folder_of(tmp_path, {"model_type": model_type})
    word_pieces().backend_tokenizer.save(str(tmp_path / "m/tokenizer.json"))
    (tmp_path / "m/tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    assert load(source)("fox", add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(("model_type", "file"), [("albert", "spiece.model"), ("deberta-v2", "spm.model")])
@pytest.mark.parametrize("absent", ["sentencepiece", "protobuf"])
def test_a_package_that_is_not_installed_is_named(model_type, file, absent, tmp_path, monkeypatch):
    for package in ("sentencepiece", "protobuf"):
        monkeypatch.setattr(f"transformers.utils.is_{package}_available", lambda there=package != absent: there)
    source = folder_of(
        tmp_path, {"model_type": model_type}, **{file.replace(".", "__"): b"\n\x0e\n\x05<unk>\x15\0\0\0\0"}
    )
    with pytest.raises(
        NoInput, match=rf"needs {absent} to read {file}.*pip install {absent}, or add tokenizer\.json"
    ):
        load(source)


def test_a_tokenizer_without_files_still_knows_no_characters(tmp_path):
    with pytest.raises(NoInput, match="knows no character positions"):
        load(folder_of(tmp_path, {"model_type": "canine"}))


def test_what_transformers_reads_is_fetched_and_hashed():
    """Every name that a tokenizer class of transformers states."""
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name

    stated = set()
    for name in filter(None, TOKENIZER_MAPPING_NAMES.values()):
        try:
            stated.update(tokenizer_class_from_name(name).vocab_files_names.values())
        except (ImportError, AttributeError):  # of packages that are not installed
            continue
    assert len(stated) > 10
    assert {name for name in stated if not is_setting(name)} == set()
    assert all(map(is_setting, ("spm.model", "spiece.model", "sentencepiece.bpe.model", "tekken.json")))
    assert not any(map(is_setting, ("model.onnx", "sub/vocab.txt", "pytorch_model.bin", "README.md", "tf_model.h5")))


@pytest.mark.parametrize("kind", ["language_model", "surprisal", "entropy", "word_embedding"])
def test_a_tokenizer_of_another_model_is_refused_where_the_embedding_has_fewer_rows(kind, tmp_path):
    save_language_model(tmp_path / "m")
    config = json.loads((tmp_path / "m/config.json").read_text())
    save_causal_model(tmp_path / "other", "Llama")
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(**{**config, "vocab_size": 290})).save_pretrained(tmp_path / "m")
    spec = FeatureSpec("x", kind, {"model": "m", **({"layer": 1} if kind == "language_model" else {})})
    with pytest.raises(NoInput, match="the tokenizer of the model 'm' has 300 tokens, its embedding 290 rows"):
        features.extract(stimulus(words=spaced_words()), spec, ModelSource(tmp_path, True))


def test_a_feature_without_its_vocabulary_is_refused_before_weights_are_loaded(tmp_path):
    save_masked_model(tmp_path / "m")
    (tmp_path / "m/tokenizer.json").unlink()
    (tmp_path / "m/tokenizer_config.json").write_text('{"tokenizer_class": "BertTokenizer"}')
    spec = FeatureSpec("x", "language_model", {"model": "m", "layer": 1})
    with pytest.raises(NoInput, match=r"lacks vocab\.txt"):
        features.extract(stimulus(words=spaced_words()), spec, ModelSource(tmp_path, True))
