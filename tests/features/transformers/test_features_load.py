"""Large models: weights stay in the type in which they were published, those above the wanted layers are not read."""

import shutil
import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from pretend_device import PRETEND, pretend_device
from safetensors.torch import load_file, save_file
from test_features_layers import IDS, REFUSED, TOKENS, UNBUILT, spec, table
from tiny_architectures import small_model
from tiny_models import noise, save_causal_model, spaced_words, stimulus
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from bids_app import features
from bids_app.errors import UsageError
from bids_app.features.base.products import OneDNN
from bids_app.features.language.contexts import Window
from bids_app.features.language.language_model import layers_found
from bids_app.features.transformers import trials
from bids_app.features.transformers.hidden_layers import hidden_states
from bids_app.features.transformers.load_model import load_model
from bids_app.features.transformers.models import ModelName
from bids_app.features.transformers.trials import rests_on_borrowed
from bids_app.features.transformers.widened import Widened
from bids_app.records import FeatureSpec, ModelSource

HALF = {"num_hidden_layers": 2}
SPEECH = {"model": "m", "layer": 1, "window_s": 1.0, "stride_s": 0.2}
HEARD = stimulus(noise(2.0), words=spaced_words("the quick brown fox doesn't jump"))


def numbers(model):
    """Bytes that a model's weights take, each counted once."""
    own = {id(parameter): parameter for parameter in model.parameters()}
    return sum(parameter.nbytes for parameter in own.values())


def published(folder, change):
    """Change what a model's files hold: name and tensor → tensor."""
    for path in folder.glob("*.safetensors"):
        save_file(
            {name: change(name, one).contiguous() for name, one in load_file(path).items()}, path, {"format": "pt"}
        )


def twins(source, tmp_path, name, dtype):
    """Two sources of the model `m`: stored in float32 and in 16 bits, with the same numbers, in several parts."""
    sources = []
    for kind in (torch.float32, dtype):
        folder = tmp_path / str(kind) / "m"
        shutil.copytree(source.model_dir / name, folder)
        published(folder, lambda _, one, kind=kind: one.to(dtype).to(kind) if one.is_floating_point() else one)
        sources.append(ModelSource(folder.parent, offline=True))
    return sources


@pytest.mark.parametrize(
    "kind",
    table({*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *MODEL_FOR_MASKED_LM_MAPPING_NAMES} - UNBUILT - {*REFUSED}),
)
@pytest.mark.filterwarnings("ignore")
def test_the_lower_half_in_sixteen_bits_is_the_whole_in_float32(kind, tmp_path):
    small_model(kind).to(torch.bfloat16).save_pretrained(tmp_path / "m", max_shard_size="20KB")
    whole = transformers.AutoModel.from_pretrained(tmp_path / "m", dtype=torch.float32).eval()
    source = ModelSource(tmp_path, True)
    lower = load_model(ModelName("m"), source, depth=HALF)
    found = layers_found(lower, Window(TOKENS, ()), spec(kind))
    if rests_on_borrowed(found, [2]):
        found = layers_found(load_model(ModelName("m"), source), Window(TOKENS, ()), spec(kind))
    with torch.no_grad():
        with OneDNN():  # which rounds otherwise than torch's own products
            want = whole(input_ids=IDS, output_hidden_states=True).hidden_states
        assert found.highest == len(want) - 1
        for layer in (0, 1, 2):
            (got,) = hidden_states(found, {"input_ids": IDS}, [layer])
            assert got.dtype == torch.float32
            torch.testing.assert_close(got, want[layer], rtol=1e-5, atol=1e-6)
    if kind in SMALL:
        assert numbers(lower) < 0.3 * numbers(whole)  # half of the blocks, and of each number half the bits


SMALL = ("gpt2", "llama", "gemma2", "mistral", "qwen2", "gpt_neox", "opt", "bloom", "bert", "phi", "mpt", "jamba")
KINDS = {
    "encoder": ("org/tiny-hubert", "speech_model", SPEECH),
    "group norm": ("tiny-w2v", "speech_model", SPEECH),
    "filter bank": ("tiny-w2v-bert", "speech_model", SPEECH),
    "convolution": ("tiny-w2v", "speech_model", {**SPEECH, "layer": ["cnn", "projection"]}),
    "refreshed": ("tiny-data2vec", "speech_model", {**SPEECH, "refresh_s": 0.4}),
    "whisper": ("short-whisper", "speech_model", SPEECH),
    "decoder": ("short-whisper", "speech_model", {"model": "m", "part": "decoder", "layer": 2, "window_s": 1.0}),
    "causal": ("tiny-gpt2", "language_model", {"model": "m", "layer": 1}),
    "all": ("tiny-gpt2", "language_model", {"model": "m", "layer": "all"}),
    "masked": ("tiny-bert", "language_model", {"model": "m", "layer": 1}),
    "surprisal": ("tiny-gpt2", "surprisal", {"model": "m"}),
    "entropy": ("tiny-gpt2", "entropy", {"model": "m"}),
    "embedding": ("tiny-gpt2", "word_embedding", {"model": "m"}),
    "lowered": ("tiny-gpt2", "language_model", {"model": "m", "layer": 1, "precision": "bfloat16"}),
}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("name", KINDS)
def test_the_type_that_weights_are_stored_in_changes_no_feature(name, dtype, source, tmp_path):
    folder, kind, options = KINDS[name]
    asked = FeatureSpec("x", kind, options)
    want, got = (features.extract(HEARD, asked, one) for one in twins(source, tmp_path, folder, dtype))
    np.testing.assert_allclose(got.values, want.values, rtol=1e-5, atol=1e-6)
    assert got.values.dtype == np.float32
    assert got.provenance.notes == want.provenance.notes


@pytest.mark.parametrize("auto", ["AutoModel", "AutoModelForCausalLM"])
def test_weights_are_held_as_they_were_published(auto, source, tmp_path):
    stored = twins(source, tmp_path, "tiny-gpt2", torch.bfloat16)[1]
    model = load_model(ModelName("m"), stored, auto)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert len({id(one) for one in model.parameters()}) == len([*model.parameters()])


def test_weights_published_in_float32_among_others_keep_their_numbers(source, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(source.model_dir / "tiny-gpt2", folder)
    published(folder, lambda name, one: one if "ln_" in name or "wte" in name else one.bfloat16())
    published(folder, lambda name, one: one + 1e-4 if "ln_" in name else one)  # of more than bfloat16's bits
    stored = ModelSource(tmp_path, offline=True)
    model = load_model(ModelName("m"), stored, "AutoModelForCausalLM")
    assert model.lm_head.weight is model.transformer.wte.weight  # still tied
    assert {name.split(".")[-2][:3] for name, one in model.named_parameters() if one.dtype == torch.float32} == {
        "ln_", "wte",
    }  # fmt: skip
    whole = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    for (name, got), want in zip(model.named_parameters(), whole.parameters(), strict=True):
        assert torch.equal(got.float(), want), name


def deep_model(folder, dtype=torch.bfloat16, layers=6):
    """A Llama of six blocks, whose upper four hold no numbers, in several parts."""
    save_causal_model(folder, "Llama")
    (folder / "model.safetensors").unlink()
    config = transformers.AutoConfig.from_pretrained(folder)
    config.num_hidden_layers = layers
    torch.manual_seed(5)
    transformers.LlamaForCausalLM(config).to(dtype).save_pretrained(folder, max_shard_size="10KB")
    return folder


def test_numbers_of_upper_blocks_are_never_looked_at(tmp_path):
    asked = FeatureSpec("x", "language_model", {"model": "m", "layer": [0, 2], "context_words": 3})
    folder, source = deep_model(tmp_path / "m"), ModelSource(tmp_path, offline=True)
    assert len([*folder.glob("*.safetensors")]) > 2
    want = features.extract(HEARD, asked, source).values

    def without(name, one):
        return torch.full_like(one, torch.nan) if set(name.split(".")) & {*"2345"} else one

    published(folder, without)
    np.testing.assert_array_equal(features.extract(HEARD, asked, source).values, want)
    above = replace(asked, options={**asked.options, "layer": 3})
    with pytest.raises(UsageError, match="layer 3 has NaN or infinity"):
        features.extract(HEARD, above, source)


def test_a_layer_that_is_not_there_is_refused_as_ever(tmp_path):
    deep_model(tmp_path / "m")
    asked = FeatureSpec("x", "language_model", {"model": "m", "layer": 7})
    with pytest.raises(UsageError, match="m has layers 0 to 6"):
        features.extract(HEARD, asked, ModelSource(tmp_path, offline=True))


def test_blocks_of_other_kinds_above_are_loaded(tmp_path):
    """Jamba's second block has attention, and its first none to lend."""
    small_model("jamba").to(torch.bfloat16).save_pretrained(tmp_path / "m")
    model = load_model(ModelName("m"), ModelSource(tmp_path, True), depth={"num_hidden_layers": 1})
    assert not any(hasattr(module, "borrowed_weights") for module in model.modules())
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_on_a_device_weights_take_what_they_take_in_the_file(tmp_path):
    deep_model(tmp_path / "m", layers=8)
    source = ModelSource(tmp_path, offline=True, device=PRETEND)
    name = ModelName("m")
    with pretend_device() as memory:
        whole = load_model(name, source)
        of_whole = memory.held
        del whole
        lower = load_model(name, source, depth=HALF)
        del lower
    with pretend_device() as memory:
        lower = load_model(name, source, depth=HALF)
        block = numbers(lower.layers[0])
        assert {one.dtype for one in lower.parameters()} == {torch.bfloat16}
        assert memory.held < of_whole - 5 * block
        del lower
    asked = FeatureSpec("x", "language_model", {"model": "m", "layer": 2, "context_words": 3})
    want = features.extract(HEARD, asked, replace(source, device="cpu"))
    with pretend_device():
        got = features.extract(HEARD, asked, source)
    np.testing.assert_allclose(got.values, want.values, rtol=1e-5, atol=1e-6)


def test_which_layers_rest_on_what_a_block_was_lent(tmp_path):
    deep_model(tmp_path / "m")
    model = load_model(ModelName("m"), ModelSource(tmp_path, offline=True), depth=HALF)
    found = layers_found(model, Window(TOKENS, ()), spec("m"))
    assert [rests_on_borrowed(found, [layer]) for layer in range(7)] == [False] * 3 + [True] * 4
    assert not rests_on_borrowed(found, ["cnn"])
    assert rests_on_borrowed(found, [0, 3])
    assert rests_on_borrowed(replace(found, blocks=()), [0])  # where blocks are not known, all are computed
    assert rests_on_borrowed(replace(found, blocks=found.blocks[:2]), [0])
    model.norm.borrowed_weights = True  # in no block
    assert rests_on_borrowed(found, [2])


def test_where_blocks_are_not_known_all_weights_are_loaded(tmp_path, monkeypatch):
    """As XLNet's, whose blocks take the states with other axes first."""
    from bids_app.features.language import language_model

    deep_model(tmp_path / "m")
    source = ModelSource(tmp_path, offline=True)
    asked = FeatureSpec("x", "language_model", {"model": "m", "layer": 2})
    want, exact = features.extract(HEARD, asked, source).values, language_model.find_layers
    trials._TRIED.clear()
    monkeypatch.setattr(language_model, "find_layers", lambda *given: replace(exact(*given), blocks=()))
    loaded = []
    monkeypatch.setattr(
        language_model, "load_model", lambda *given, **depth: loaded.append(depth) or load_model(*given, **depth)
    )
    np.testing.assert_allclose(features.extract(HEARD, asked, source).values, want, rtol=1e-5, atol=1e-6)
    assert loaded == [{"depth": HALF}, {}]


@pytest.mark.parametrize("name", ["encoder", "decoder", "causal"])
def test_the_shortened_model_is_gone_before_the_whole_one_is_loaded(name, source, monkeypatch):
    from bids_app.features.language import language_model
    from bids_app.features.speech import speech_encoder, whisper_decoder

    held, still = [], []

    def noted(*given, **named):
        still.append([one for one in held if one() is not None])
        model = load_model(*given, **named)
        held.append(weakref.ref(model))
        return model

    for module in (language_model, speech_encoder):
        monkeypatch.setattr(module, "load_model", noted)
    for module in (language_model, speech_encoder, whisper_decoder):
        monkeypatch.setattr(module, "rests_on_borrowed", lambda *given: True)
    folder, kind, options = KINDS[name]
    features.extract(HEARD, FeatureSpec("x", kind, {**options, "model": folder}), source)
    assert still == [[], []]


def test_rows_of_narrow_weights_are_wide_however_they_are_given():
    weight = torch.nn.Parameter(torch.tensor([[1.1], [2.2], [3.3]], dtype=torch.bfloat16), requires_grad=False)
    rows = torch.tensor([2, 0])
    with Widened():
        picked = [
            torch.index_select(weight, 0, rows),
            torch.index_select(input=weight, dim=0, index=rows),
            torch.nn.functional.embedding(rows, weight=weight),
        ]
    for one in picked:
        torch.testing.assert_close(one, weight.detach()[rows].float(), rtol=0, atol=0)
