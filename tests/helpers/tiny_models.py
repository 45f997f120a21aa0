"""Small models of the real architectures with seeded random weights, and stimuli, made on the spot."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.records import Intervals, Stimulus

TEXT = "the quick brown fox doesn't jump over a lazy dog, because café windows stay closed on mondays"
WHISPER_MARKS = ("<|startoftranscript|>", "<|en|>", "<|fr|>", "<|transcribe|>", "<|notimestamps|>")


def save_seeded(make: Callable[[], Any], seed: int, folder: Path) -> None:
    """A model whose random weights follow from `seed` alone."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        make().save_pretrained(folder)


def save_speech_model(folder: Path, family: str = "wav2vec2", norm: str = "group", **settings: object) -> Path:
    """A speech encoder with its feature extractor; the front end needs 400 samples, as the real ones do."""
    import transformers

    configs = {"wav2vec2": "Wav2Vec2", "hubert": "Hubert", "wavlm": "WavLM", "data2vec": "Data2VecAudio"}
    name = configs[family]
    sizes = {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "conv_dim": (8,) * 7,
        "feat_extract_norm": norm,
        "conv_bias": norm == "layer",
        "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 2,
        "initializer_range": 0.2,
    }
    config = getattr(transformers, f"{name}Config")(**{**sizes, **settings})
    save_seeded(lambda: getattr(transformers, f"{name}Model")(config), 1, folder)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    return folder


def save_filter_bank_model(folder: Path) -> Path:
    """Wav2Vec2-BERT: pairs of Kaldi's frames into a conformer."""
    import transformers

    config = transformers.Wav2Vec2BertConfig(
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        feature_projection_input_dim=160,
        initializer_range=0.2,
    )
    save_seeded(lambda: transformers.Wav2Vec2BertModel(config), 6, folder)
    transformers.SeamlessM4TFeatureExtractor().save_pretrained(folder)
    return folder


def save_whisper(folder: Path, seconds: int = 30) -> Path:
    """Whisper with marks of language and task, padded to `seconds`: the real one to 30, shorter ones are quicker."""
    import transformers

    tokenizer = train_tokenizer(False)
    tokenizer.add_special_tokens({"additional_special_tokens": list(WHISPER_MARKS)})
    config = transformers.WhisperConfig(
        d_model=16,
        encoder_layers=2,
        decoder_layers=3,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        vocab_size=len(tokenizer),
        max_source_positions=50 * seconds,
        init_std=0.2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=tokenizer.convert_tokens_to_ids(WHISPER_MARKS[0]),
    )
    save_seeded(lambda: transformers.WhisperModel(config), 7, folder)
    transformers.WhisperFeatureExtractor(chunk_length=seconds).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_language_model(folder: Path, n_positions: int = 128, bos: bool = True, **settings: object) -> Path:
    """A GPT-2 with a byte-level BPE tokenizer learned on the spot."""
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer = train_tokenizer(bos)
    sizes = {"n_positions": n_positions, "n_embd": 16, "n_layer": 2, "n_head": 2, "initializer_range": 0.3}
    marks = {"bos_token_id": 0, "eos_token_id": 0}
    config = GPT2Config(vocab_size=len(tokenizer), **{**sizes, **marks, **settings})
    save_seeded(lambda: GPT2LMHeadModel(config), 2, folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_causal_model(folder: Path, family: str) -> Path:
    """OPT, Llama or Qwen2 with the tokenizer of the GPT-2, a mark for the beginning but for Qwen2."""
    import transformers

    tokenizer = train_tokenizer(family != "Qwen2")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "max_position_embeddings": 128}
    feed = {"ffn_dim": 32, "word_embed_proj_dim": 16} if family == "OPT" else {"intermediate_size": 32}
    keys = {} if family == "OPT" else {"num_key_value_heads": 1, "initializer_range": 0.3}
    marks = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 1}
    config = getattr(transformers, f"{family}Config")(vocab_size=len(tokenizer), **sizes, **feed, **keys, **marks)
    save_seeded(lambda: getattr(transformers, f"{family}ForCausalLM")(config), 4, folder)
    tokenizer.save_pretrained(folder)
    return folder


def save_masked_model(folder: Path, family: str = "Bert", positions: int = 64) -> Path:
    """BERT, RoBERTa or DistilBERT with a lower-casing WordPiece tokenizer learned on the spot."""
    import transformers

    tokenizer = word_pieces()
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    if family == "DistilBert":
        sizes = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32}
    marks = {"pad_token_id": tokenizer.pad_token_id, "initializer_range": 0.3}
    config = getattr(transformers, f"{family}Config")(
        vocab_size=len(tokenizer), max_position_embeddings=positions, **sizes, **marks
    )
    save_seeded(lambda: getattr(transformers, f"{family}ForMaskedLM")(config), 5, folder)
    tokenizer.save_pretrained(folder)
    return folder


def word_pieces():
    from tokenizers import BertWordPieceTokenizer
    from transformers import PreTrainedTokenizerFast

    pieces = BertWordPieceTokenizer(lowercase=True)
    pieces.train_from_iterator([TEXT] * 3, vocab_size=120, min_frequency=1, show_progress=False)
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("cls", "sep", "unk", "pad", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=pieces._tokenizer, **special)


def train_tokenizer(bos: bool = True):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    pairs = Tokenizer(models.BPE())
    pairs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pairs.train_from_iterator([TEXT] * 3, trainer)
    special = {"bos_token": "<|endoftext|>"} if bos else {}
    return PreTrainedTokenizerFast(tokenizer_object=pairs, **special)


def own_tokens(tokens: list[int], tokenizer: Any) -> list[int]:
    """A word's tokens without a blank alone before them."""
    return tokens[1:] if tokenizer.convert_ids_to_tokens(tokens[0]) == "Ġ" else tokens


def words_at(onsets: list[float], texts: list[str], duration: float = 0.2) -> Intervals:
    return Intervals(np.array(onsets, float), np.full(len(onsets), duration), tuple(texts))


def spaced_words(text: str = TEXT, step: float = 0.4) -> Intervals:
    texts = text.split()
    return words_at([step * k for k in range(len(texts))], texts)


def stimulus(
    audio: np.ndarray | None = None,
    rate_hz: float = 16000.0,
    words: Intervals | None = None,
    phones: Intervals | None = None,
    path: Path = Path("stimuli/story.wav"),
) -> Stimulus:
    parts = [b"" if audio is None else audio.tobytes()]
    parts += [repr((t.onset_s, t.duration_s, t.text)).encode() for t in (words, phones) if t is not None]
    sha = hashlib.sha256(b"|".join(parts)).hexdigest()
    length = 10.0 if audio is None else len(audio) / rate_hz
    rate = None if audio is None else rate_hz
    return Stimulus("story.wav", "story", path, audio, rate, length, words, phones, sha)


def noise(seconds: float, rate_hz: float = 16000.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate_hz)).astype(np.float32)
