"""Hidden layers of every architecture that transformers has: the library's own, or refused in one line."""

from types import SimpleNamespace

import pytest
import torch
from tiny_architectures import small_model
from transformers.models.auto.feature_extraction_auto import FEATURE_EXTRACTOR_MAPPING_NAMES
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from bids_app.errors import UsageError
from bids_app.features.language.contexts import Window
from bids_app.features.language.language_model import layers_found
from bids_app.features.speech import speech_encoder
from bids_app.features.transformers.find_layers import ModelLayers, find_layers, near
from bids_app.features.transformers.hidden_layers import hidden_states, sees
from bids_app.features.transformers.precision import run_model
from bids_app.records import FeatureSpec, ModelSource

OFF = r"not, from the first on, what its blocks take"
FAILS = r"a pass with nothing but its input_ids fails"
NONE = r"transformers gives no hidden states"
REFUSED = {  # language models whose hidden states are not those before their blocks, or need other inputs than tokens
    **dict.fromkeys(("falcon_mamba", "mamba", "mamba2", "rwkv"), OFF),  # the first is what the first block gives
    **dict.fromkeys(("cpmant", "dory", "hrm_text"), OFF),  # something between blocks, or not one for each block
    "longformer": OFF,  # its blocks take padded windows
    **dict.fromkeys(("deepseek_v4", "hy_v4"), r"layer 0 has the shape \(2, 6, 4, 32\)"),  # several streams
    "funnel": r"layer \d has the shape \(2, 3, 32\)",  # half as many rows from its second part on
    "reformer": r"the last has 32 hidden units, the model's output 64",  # its layers have two streams
    "mra": r"no context enters the hidden states of mra",  # its attention needs a GPU, and is zero without
    **dict.fromkeys(("bart", "bigbird_pegasus", "mbart", "mvp", "plbart"), NONE),  # encoder-decoders
    **dict.fromkeys(("blenderbot", "blenderbot-small", "marian", "pegasus", "prophetnet", "whisper"), FAILS),
    **dict.fromkeys(("blt", "perceiver"), FAILS),  # bytes with a model of their own, and other inputs
    **dict.fromkeys(("llama4", "xlstm", "zamba2"), FAILS),  # of these small ones alone, within the library
}
UNBUILT = {  # no small one can be made of their configuration's defaults alone
    "cohere_compass_text", "dbrx", "dots3_note", "dots3_note_text", "emu3", "gemma3n", "gemma3n_text",
    "gemma4_assistant", "gemma4_unified_assistant", "musicgen", "musicgen_melody", "neomme", "qwen4_exp",
    "qwen4_exp_text", "trocr", "zamba",
}  # fmt: skip
OFTEN = {  # those that are met most, and of each kind of layers one; all others are tested by `make test-long`
    "albert", "bert", "bloom", "cpmant", "deberta-v2", "distilbert", "electra", "falcon_mamba", "flaubert", "funnel",
    "gemma2", "gpt2", "gpt_neox", "jamba", "llama", "longformer", "mamba", "mamba2", "marian", "mistral",
    "mobilebert", "modernbert", "mpt", "opt", "phi", "qwen2", "qwen3", "reformer", "roberta", "rwkv", "squeezebert",
    "xglm", "xlm", "xlm-roberta", "xlnet",
    "data2vec-audio", "hubert", "sew", "sew-d", "speecht5", "unispeech", "unispeech-sat", "wav2vec2",
    "wav2vec2-bert", "wav2vec2-conformer", "wavlm", "whisper",
}  # fmt: skip
TRANSPOSED = ("squeezebert", "xlnet")  # whose blocks take the states with other axes first
TOKENS = (5, 9, 17, 33, 8, 12)
IDS = torch.tensor([[7, 3, 11, 40, 62, 8, 19, 33, 21], [50, 3, 12, 2, 9, 4, 21, 60, 5], [5, 9, 8, 7, 6, 4, 3, 2, 21]])


def table(kinds):
    return [pytest.param(kind, marks=[] if kind in OFTEN else [pytest.mark.long]) for kind in sorted(kinds)]


def spec(kind="a model", **options):
    return FeatureSpec("language", "language_model", {"model": kind, "context": None, **options})


@pytest.mark.parametrize(
    "kind", table({*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *MODEL_FOR_MASKED_LM_MAPPING_NAMES} - UNBUILT)
)
@pytest.mark.filterwarnings("ignore")
def test_language_models_are_right_or_refused(kind):
    model = small_model(kind)
    if kind in REFUSED:
        with pytest.raises(UsageError, match=REFUSED[kind]) as caught:
            layers_found(model, Window(TOKENS, ()), spec(kind))
        assert "\n" not in str(caught.value)
        assert kind in str(caught.value)
        return
    found = layers_found(model, Window(TOKENS, ()), spec(kind))
    assert bool(found.blocks) == (kind not in TRANSPOSED)
    with torch.no_grad():
        plain = model(input_ids=IDS, output_hidden_states=True).hidden_states
        whole = run_model(model, input_ids=IDS, output_hidden_states=True)
        for layer, want in enumerate(whole.hidden_states):
            (got,) = hidden_states(found, {"input_ids": IDS}, [layer])
            torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
            assert near(got, plain[layer])  # torch's own products: some models enlarge what these round otherwise
            assert got.shape == (*IDS.shape, found.widths[layer])
        assert found.highest == layer
        torch.testing.assert_close(whole.hidden_states[-1], whole.last_hidden_state)  # any last norm is in it
        first, later = hidden_states(found, {"input_ids": IDS}, [0, found.highest])
    # the first and the last row end with the same token: layer 0 knows nothing of what stands before it
    if kind != "mobilebert":  # whose embeddings are of three neighbours
        torch.testing.assert_close(first[0, -1], first[2, -1], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(later[0, -1], later[2, -1], rtol=1e-3, atol=1e-4)


def test_models_that_the_library_lacks_are_no_longer_listed():
    there = {*MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *MODEL_FOR_MASKED_LM_MAPPING_NAMES}
    assert {*REFUSED, *UNBUILT, *TRANSPOSED} <= there


@pytest.mark.parametrize("kind", ["gpt2", "xlnet", "xlm", "bert", "mpt"])
def test_models_that_see_later_words_have_no_rolling_windows(kind):
    model, rolling = small_model(kind), {"tokens": 8, "stride": 4}
    trial = {"input_ids": IDS[:2]}
    ahead = sees(find_layers(model, trial, IDS.shape[1], spec()), trial)[1]
    assert ahead == (kind in ("xlnet", "xlm", "bert"))
    if ahead:
        with pytest.raises(UsageError, match=f"{kind} would see later words: give 'context_words'"):
            layers_found(model, Window(TOKENS, ()), spec(kind, context=rolling))
    else:
        layers_found(model, Window(TOKENS, ()), spec(kind, context=rolling))


# ------------------------------------------------------------------------------------------------ speech
CONVOLVED = (
    "data2vec-audio", "hubert", "sew", "sew-d", "unispeech", "unispeech-sat", "wav2vec2", "wav2vec2-conformer",
    "wavlm",
)  # fmt: skip
SPEECH = {**dict.fromkeys(CONVOLVED, "Wav2Vec2"), "wav2vec2-bert": "SeamlessM4T", "whisper": "Whisper"}
UNBUILT_SPEECH = {  # as above, or for want of a package
    "apertus1p5", "clap", "csm", "dots3_note", "fun_asr_nano", "gemma3n", "gradium_phonon_tts", "granite_speech",
    "granite_speech5_ctc", "granite_speech5_encoder", "granite_speech_plus", "higgs_audio_v2_tokenizer",
    "kyutai_speech_to_text", "mimi", "muse_spark", "musicgen", "musicgen_melody", "nemo_speechlm",
    "nemotron3_diarization", "neucodec", "pe_audio_video", "pocket_tts", "pocket_tts_audio_tokenizer", "pop2piano",
    "qwen2_5_omni", "qwen3_omni_moe", "wavtokenizer", "xcodec2",
}  # fmt: skip


@pytest.mark.parametrize("kind", table({*FEATURE_EXTRACTOR_MAPPING_NAMES, *SPEECH} - UNBUILT_SPEECH))
@pytest.mark.filterwarnings("ignore")
def test_speech_models_are_right_or_refused(kind, monkeypatch):
    import transformers

    model = small_model(kind)
    extractor = f"{SPEECH[kind]}FeatureExtractor" if kind in SPEECH else FEATURE_EXTRACTOR_MAPPING_NAMES[kind]
    monkeypatch.setattr(speech_encoder, "load_model", lambda *_, **depth: model)
    monkeypatch.setattr(speech_encoder, "load_feature_extractor", lambda *_: getattr(transformers, extractor)())
    options = {"model": kind, "window_s": 1.0, "revision": None, "untrained": None}
    asked = FeatureSpec("speech", "speech_model", options)
    if kind not in SPEECH:
        with pytest.raises(UsageError, match=r"no speech encoder of a known kind|cannot be read") as caught:
            speech_encoder.encoder_layers(speech_encoder.load_speech_encoder(asked, ModelSource(None)), asked)
        assert "\n" not in str(caught.value)
        return
    speech = speech_encoder.load_speech_encoder(asked, ModelSource(None))
    found = speech_encoder.encoder_layers(speech, asked)
    parts = {"cnn", "projection"}
    without = {"whisper": parts, "wav2vec2-bert": {"cnn"}, "sew": parts, "sew-d": parts}  # SEW's have other frames
    assert {layer for layer in found.widths if isinstance(layer, str)} == parts - without.get(kind, set())
    for seconds in (0.3, 0.73):
        n_samples = round(seconds * 16000)
        inputs = speech.inputs(list(torch.randn(3, n_samples, generator=torch.Generator().manual_seed(0)).numpy()))
        with torch.no_grad():
            wanted = speech.encoder(**inputs, output_hidden_states=True).hidden_states
            for layer, want in enumerate(wanted):
                (got,) = hidden_states(found, inputs, [layer])
                torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
                n_frames = 1500 if kind == "whisper" else speech.frames(n_samples)
                assert got.shape == (3, n_frames, found.widths[layer])
            last = n_frames - 1
            for layer in (layer for layer in range(1, len(wanted) - 1)):
                (got,) = hidden_states(found, inputs, [layer], [0, last])
                torch.testing.assert_close(got, wanted[layer][:, [0, last]], rtol=1e-4, atol=1e-5)


def test_an_adapter_above_the_blocks_is_no_layer():
    model, inputs = small_model("wav2vec2", add_adapter=True), {"input_values": torch.randn(2, 16000)}
    found = find_layers(model, inputs, 49, spec())
    with torch.no_grad():
        whole = model(**inputs, output_hidden_states=True)
        assert whole.last_hidden_state.shape[1] < 49
        (last,) = hidden_states(found, inputs, [found.highest])
    torch.testing.assert_close(last, whole.hidden_states[-1])


# ------------------------------------------------------------------------------------------------ the rule
class Toy(torch.nn.Module):
    """Blocks that mix what came before; `collect` gives the states it says are hidden from embedding and outputs."""

    def __init__(
        self, collect=lambda first, outputs: (first, *outputs), shared=False, noise=0.0, sequence_first=False
    ):
        super().__init__()
        made = [torch.nn.Linear(8, 8) for _ in range(1 if shared else 3)]
        self.embedding, self.blocks, self.times = torch.nn.Embedding(96, 8), torch.nn.ModuleList(made), 3 // len(made)
        self.feed_forward = torch.nn.ModuleList(torch.nn.Linear(8, 8) for _ in range(3))
        self.collect, self.noise, self.sequence_first = collect, noise, sequence_first

    def forward(self, input_ids, output_hidden_states=False):
        states = first = self.embedding(input_ids)
        outputs = []
        for _ in range(self.times):
            for block in self.blocks:
                given = states.transpose(0, 1) if self.sequence_first else states
                out = block(given).transpose(0, 1) if self.sequence_first else block(given)
                states = states + out.cumsum(1) + self.noise * torch.randn(())
                outputs.append(states)
        for layer in self.feed_forward:  # as many as there are blocks, and no block
            layer(states)
        return SimpleNamespace(hidden_states=tuple(self.collect(first, outputs)), last_hidden_state=states)


def toy_layers(**settings) -> ModelLayers:
    torch.manual_seed(0)
    return find_layers(Toy(**settings), {"input_ids": IDS[:2]}, IDS.shape[1], spec())


@pytest.mark.parametrize("settings", [{}, {"shared": True}, {"sequence_first": True}], ids=str)
def test_layers_are_those_before_each_block(settings):
    found = toy_layers(**settings)
    assert (found.highest, bool(found.blocks)) == (3, "sequence_first" not in settings)
    want = found.model(IDS).hidden_states
    for layer in range(4):
        torch.testing.assert_close(hidden_states(found, {"input_ids": IDS}, [layer])[0], want[layer])
    got = hidden_states(found, {"input_ids": IDS}, [2, 0], [3, 8])
    torch.testing.assert_close(got, [want[2][:, [3, 8]], want[0][:, [3, 8]]])


def test_states_are_near_by_the_measure_of_each_value():
    torch.manual_seed(0)
    states = torch.randn(2, 32, 64)
    states[:, 0, 3] = 2e4  # a massive activation of the first token
    rounded = states + 1e-6 * states.abs().amax(-1, keepdim=True) * torch.randn(states.shape)
    assert near(states, rounded)
    assert (states - rounded).abs().max() > 1e-3 * states.abs().mean()  # more than a thousandth of the mean size
    changed = states.clone()
    changed[1, 20, 5] += 3e-3  # less than that, in a token that has none
    assert not near(states, changed)
    narrow = torch.tensor([2.0, 1.0, 0.01, -1.0]) * (1 + 0.1 * torch.randn(2, 32, 4))
    changed = narrow.clone()
    changed[0, 4, 2] *= 1.02  # of a small unit among few
    assert not near(narrow, changed)
    assert near(narrow, narrow * (1 + 1e-6 * torch.randn(narrow.shape)))
    assert not near(narrow, torch.full_like(narrow, torch.nan))
    assert near(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"collect": lambda first, outputs: (first, *outputs[:2], outputs[2] / 0)}, "layer 3 has NaN or infinity"),
        ({"collect": lambda first, outputs: (*outputs, outputs[-1] * 2)}, OFF),  # Mamba
        ({"collect": lambda first, outputs: outputs}, OFF),
        ({"collect": lambda first, outputs: (first, outputs[0], outputs[2])}, OFF),  # one left out
        ({"collect": lambda first, outputs: (first, first * 2, *outputs)}, OFF),  # one too many
        ({"collect": lambda first, outputs: (first, outputs[1], outputs[0], outputs[2])}, OFF),
        ({"collect": lambda first, outputs: [one.mT for one in (first, *outputs)]}, "layer 0 has the shape"),
        ({"collect": lambda first, outputs: (first, *(one[:, ::2] for one in outputs))}, r"layer 1 has the shape"),
        ({"collect": lambda first, outputs: ()}, NONE),
        ({"collect": lambda first, outputs: (first, *outputs[:2], None)}, NONE),
        ({"noise": 0.1}, r"layer 1 comes out differently each time"),
    ],
)  # fmt: skip
def test_what_is_not_so_is_refused(settings, why):
    with pytest.raises(UsageError, match=why):
        toy_layers(**settings)
