"""Stand-in models: the real architectures, small, with seeded random weights. They are untrained and say so.

Weights are drawn wider than for training, so that layers mix their context rather than pass their input through.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SPEECH, LANGUAGE = "stand-in-wav2vec2", "stand-in-gpt2"
SEED = 20


def make_models(folder: Path, texts: Iterable[str]) -> None:
    """Write both models into `folder`; the tokenizer's byte pairs are learned from `texts`."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        _make_speech(folder / SPEECH)
        _make_language(folder / LANGUAGE, texts)


def _make_speech(folder: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    config = Wav2Vec2Config(
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        conv_dim=(16, 32, 32),
        conv_kernel=(20, 16, 8),
        conv_stride=(10, 8, 4),
        conv_bias=True,
        feat_extract_norm="layer",
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        initializer_range=0.3,
        do_stable_layer_norm=False,
        mask_time_prob=0.0,
        concord_stand_in=True,
    )
    _save(Wav2Vec2Model(config), folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False).save_pretrained(folder)


def _make_language(folder: Path, texts: Iterable[str]) -> None:
    from transformers import GPT2Config, GPT2Model

    tokenizer = _train_tokenizer(texts)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=128,
        n_embd=48,
        n_layer=2,
        n_head=4,
        initializer_range=0.3,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        concord_stand_in=True,
    )
    _save(GPT2Model(config), folder)
    tokenizer.save_pretrained(folder)


def _train_tokenizer(texts: Iterable[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GPT2TokenizerFast

    end = "<|endoftext|>"
    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=[end], initial_alphabet=alphabet, show_progress=False
    )
    pairs.train_from_iterator(texts, trainer)
    return GPT2TokenizerFast(tokenizer_object=pairs, bos_token=end, eos_token=end, unk_token=end)


def _save(model: Any, folder: Path) -> None:
    model.eval().save_pretrained(folder, safe_serialization=True)
    # transformers writes its own version here: left out, so that the file is the same whatever is installed
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config.pop("transformers_version", None)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
