"""Before weights are loaded: architecture, layer, files and tokenizer, by configuration and headers alone."""

import json
import shutil
from pathlib import Path

import pytest
from tiny_models import save_language_model, save_seeded, spaced_words, stimulus, word_pieces

from bids_app import features
from bids_app.errors import NoInput, UsageError
from bids_app.features.stated.library import table
from bids_app.features.stated.model import BLOCKS, StatedModel, require_layers
from bids_app.features.transformers.models import ModelName
from bids_app.records import FeatureSpec, ModelSource

LANGUAGE = {"kind": "language_model", "model": "tiny-gpt2", "layer": 2}
SURPRISAL = {"model": "tiny-gpt2", "context_words": 2}
SPEECH = {"kind": "speech_model", "model": "tiny-w2v", "layer": 2}
DECODER = {"kind": "speech_model", "model": "short-whisper", "part": "decoder", "layer": 3, "window_s": 4}


def check(source, kind, **options):
    return features.check_model(features.resolve(FeatureSpec("x", kind, options)), source)


@pytest.fixture
def no_weights(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("weights were loaded")

    monkeypatch.setattr("safetensors.torch.load_file", refuse)
    monkeypatch.setattr("transformers.modeling_utils.PreTrainedModel.from_pretrained", refuse)


FINE = [
    LANGUAGE,
    {**LANGUAGE, "layer": "all"},
    {**LANGUAGE, "untrained": True},
    {**LANGUAGE, "model": "tiny-bert"},
    {"kind": "surprisal", "model": "tiny-gpt2"},
    {"kind": "entropy", "model": "tiny-gpt2"},
    {"kind": "word_embedding", "model": "tiny-bert"},
    {"kind": "word_embedding", "model": "vectors.txt"},
    SPEECH,
    {**SPEECH, "layer": ["cnn", "projection", 0]},
    {**SPEECH, "model": "org/tiny-hubert"},
    {**SPEECH, "model": "tiny-wavlm"},
    {**SPEECH, "model": "tiny-data2vec"},
    {**SPEECH, "model": "tiny-w2v-bert"},
    {**SPEECH, "model": "whisper"},
    {**SPEECH, "refresh_s": 1.0},
    DECODER,
    {"kind": "word_rate"},
]


@pytest.mark.parametrize("given", FINE, ids=str)
def test_what_can_be_had_is_fine_and_no_weights_are_loaded(given, source, no_weights):
    assert check(source, **given) == ""


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({**LANGUAGE, "layer": 3}, UsageError, "no layer 3.*layers 0 to 2"),
        ({**LANGUAGE, "layer": [0, 7]}, UsageError, "no layer 7"),
        ({**SPEECH, "layer": 3}, UsageError, "no layer 3"),
        ({**SPEECH, "model": "tiny-w2v-bert", "layer": "cnn"}, UsageError, "no layer cnn"),
        ({**DECODER, "layer": 4}, UsageError, "no layer 4"),
        ({**DECODER, "model": "tiny-w2v"}, UsageError, "has no decoder"),
        ({**DECODER, "language": "xx"}, UsageError, "does not know the language 'xx'"),
        ({**DECODER, "window_s": 9.0}, UsageError, "hears at most 4 s"),
        ({**SPEECH, "model": "tiny-w2v-bert", "refresh_s": 1.0}, UsageError, "cannot be approximated"),
        ({**LANGUAGE, "model": "tiny-w2v"}, UsageError, "is no language model"),
        ({**LANGUAGE, "model": "tiny-bert", "context": {"tokens": 8}}, UsageError, "would see later words"),
        ({"kind": "surprisal", "model": "tiny-bert"}, UsageError, "needs a causal language model"),
        ({"kind": "entropy", "model": "tiny-bert"}, UsageError, "needs a causal language model"),
        ({"kind": "word_embedding", "model": "absent.txt"}, NoInput, "no word vectors"),
        ({**LANGUAGE, "model": "absent"}, NoInput, "'absent' is not there"),
    ],
    ids=str,
)
def test_what_cannot_be_had_is_one_line(given, error, said, source, no_weights):
    with pytest.raises(error, match=said) as caught:
        check(source, **given)
    assert "\n" not in str(caught.value)


def configured(folder, **settings):
    path = folder / "tiny-gpt2/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


def without(folder, *files):
    for file in files:
        (folder / "tiny-gpt2" / file).unlink()


def halved(folder):
    path = folder / "tiny-gpt2/model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def another_tokenizer(folder):
    path = folder / "tiny-gpt2/tokenizer.json"
    content = json.loads(path.read_text())
    mark = {**content["added_tokens"][0], "id": 400, "content": "extra", "special": False}
    path.write_text(json.dumps({**content, "added_tokens": [*content["added_tokens"], mark]}))


@pytest.mark.parametrize(
    ("hurt", "said"),
    [
        (lambda folder: configured(folder, model_type="its-own"), "cannot be loaded"),
        (lambda folder: configured(folder, n_layer=3), r"do not fit its config\.json: h\.2\..* is missing"),
        (lambda folder: configured(folder, n_embd=32), "has the shape .*16.*, not .*32"),
        (
            lambda folder: configured(folder, vocab_size=290),
            r"wte\.weight has the shape \[300, 16\], not \[290, 16\]",
        ),
        (lambda folder: without(folder, "config.json"), r"has no config\.json"),
        (lambda folder: without(folder, "model.safetensors"), "no safetensors weights"),
        (lambda folder: without(folder, "tokenizer.json"), r"lacks tokenizer\.model"),
        (halved, "cannot be loaded"),
        (another_tokenizer, "has 301 tokens, its embedding 300 rows"),
    ],
)
def test_files_that_do_not_fit_are_one_line(hurt, said, folder, no_weights):
    hurt(folder)
    with pytest.raises(NoInput, match=said) as caught:
        check(ModelSource(folder, offline=True), **LANGUAGE)
    assert "\n" not in str(caught.value)
    assert "tiny-gpt2" in str(caught.value)


def test_layers_of_one_block_that_is_run_again_are_known_by_the_configuration(tmp_path):
    """ALBERT's; its embedding can be had too."""
    from transformers import AlbertConfig, AlbertForMaskedLM

    tokenizer = word_pieces()
    sizes = {"hidden_size": 16, "embedding_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2}
    config = AlbertConfig(vocab_size=len(tokenizer), intermediate_size=32, **sizes)
    save_seeded(lambda: AlbertForMaskedLM(config), 1, tmp_path / "albert")
    tokenizer.save_pretrained(tmp_path / "albert")
    source = ModelSource(tmp_path, offline=True)
    assert check(source, "word_embedding", model="albert") == ""
    assert check(source, "language_model", model="albert", layer=3) == ""
    with pytest.raises(UsageError, match=r"albert has layers 0 to 3"):
        check(source, "language_model", model="albert", layer=4)


def test_a_model_that_would_be_downloaded_is_told(tmp_path, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    assert "it would be downloaded" in check(ModelSource(tmp_path), **{**LANGUAGE, "model": "org/absent"})


def test_published_names_of_weights_fit_too(folder, no_weights):
    """GPT-2's without a prefix."""
    from safetensors.torch import safe_open, save_file

    path = folder / "tiny-gpt2/model.safetensors"
    with safe_open(path, "pt") as file:
        weights = {name.removeprefix("transformer."): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(weights, path, {"format": "pt"})
    assert check(ModelSource(folder, offline=True), **LANGUAGE) == ""


def test_a_mark_of_another_model_that_shares_the_tokenizer_has_no_row(folder):
    """As Gemma 3's of images, which its models of text do not have."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "tiny-gpt2")
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder / "tiny-gpt2")
    source = ModelSource(folder, offline=True)
    assert check(source, **LANGUAGE) == ""
    assert len(
        features.extract(stimulus(words=spaced_words()), FeatureSpec("x", "surprisal", SURPRISAL), source).values
    )


def test_outputs_have_names_whatever_the_configuration_says(folder):
    path = folder / "tiny-gpt2/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "return_dict": False}))
    heard, source = stimulus(words=spaced_words()), ModelSource(folder, offline=True)
    for kind, options in (("surprisal", SURPRISAL), ("language_model", {**SURPRISAL, "layer": 1})):
        assert len(features.extract(heard, FeatureSpec("x", kind, options), source).values)


def test_layers_that_only_a_part_of_the_configuration_states():
    """Of models of several parts, whose text model has them; where nothing states them the trial decides."""
    spec = features.resolve(FeatureSpec("x", "language_model", {"model": "m", "layer": 4}))
    of_parts, of_none = (
        StatedModel(ModelName("m"), Path(), {"text_config": part}, {}) for part in ({"num_hidden_layers": 3}, {})
    )
    with pytest.raises(UsageError, match="layers 0 to 3"):
        require_layers(spec, of_parts, of_parts.number(*BLOCKS))
    require_layers(spec, of_none, of_none.number(*BLOCKS))


@pytest.mark.parametrize(
    "name",
    [
        "CONFIG_MAPPING_NAMES",
        "FEATURE_EXTRACTOR_MAPPING_NAMES",
        "MODEL_FOR_CAUSAL_LM_MAPPING_NAMES",
        "MODEL_FOR_MASKED_LM_MAPPING_NAMES",
    ],
)
def test_tables_read_off_the_source_of_the_library_are_its_own(name):
    from transformers.models.auto import configuration_auto, feature_extraction_auto, modeling_auto

    modules = configuration_auto, feature_extraction_auto, modeling_auto
    own = next(getattr(module, name) for module in modules if hasattr(module, name))
    assert set(table(name)) == set(own)


def test_a_model_that_is_in_part_in_the_cache_is_told_and_not_refused(source, tmp_path, monkeypatch):
    """As after its tokenizer alone was asked for."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    there = tmp_path / "models--org--part"
    shutil.copytree(
        source.model_dir / "tiny-gpt2", there / "snapshots/abc", ignore=shutil.ignore_patterns("*.safetensors")
    )
    (there / "refs").mkdir()
    (there / "refs/main").write_text("abc")
    asked = {**LANGUAGE, "model": "org/part"}
    assert "is not whole in the cache" in check(ModelSource(None), **asked)
    with pytest.raises(NoInput, match="no safetensors weights"):
        check(ModelSource(None, offline=True), **asked)


def test_encoders_and_decoders_may_be_of_different_depths(tmp_path):
    """As in distilbart-xsum-9-6: a decoder that has fewer blocks than `num_hidden_layers` says is whole."""
    from transformers import BartConfig, BartModel

    small = {"d_model": 8, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 120}
    config = BartConfig(encoder_layers=9, decoder_layers=6, encoder_ffn_dim=8, decoder_ffn_dim=8, **small)
    save_seeded(lambda: BartModel(config), 0, tmp_path / "uneven")
    path = tmp_path / "uneven/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "num_hidden_layers": 9}))
    (tmp_path / "uneven/tokenizer.json").write_text(word_pieces().backend_tokenizer.to_str())
    source = ModelSource(tmp_path, offline=True)
    assert check(source, kind="word_embedding", model="uneven") == ""


@pytest.mark.parametrize("by", ["pad_token", "added_tokens_decoder"])
def test_a_mark_without_a_row_may_be_named_by_the_configuration_alone(by, tmp_path):
    """As a token for padding that was added later, which transformers makes special."""
    save_language_model(tmp_path / "padded")
    tokens, settings = (tmp_path / "padded" / name for name in ("tokenizer.json", "tokenizer_config.json"))
    mark = {"content": "<late>", "single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    content, own = (json.loads(path.read_text()) for path in (tokens, settings))
    content["added_tokens"].append({"id": 300, **mark, "special": False})
    own |= {"pad_token": "<late>"} if by == "pad_token" else {by: {"300": {**mark, "special": True}}}
    tokens.write_text(json.dumps(content))
    settings.write_text(json.dumps(own))
    given = {**LANGUAGE, "model": "padded"}
    assert check(ModelSource(tmp_path, offline=True), **given) == ""
