"""Stand-in models: the real architectures, small, with seeded random weights. They are untrained and say so.

Weights are drawn so that attention averages its window and outweighs the input it is added to: a hidden layer then
carries the context, as a trained one does. Token embeddings of either camp of narrators (text.CAMPS) lean one way, as
trained embeddings of a topic do.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bids_app.demo.text import CAMPS

SPEECH, LANGUAGE = "stand-in-wav2vec2", "stand-in-gpt2"
SEED = 20
WIDTH = 48
PIECE = 32  # tokens
EMBEDDING = 0.05  # small beside what attention adds, so that a hidden layer is context and not the word itself
# Variance of the embeddings' leading directions over that of the others: a spectrum that falls, as trained ones do,
# so that PCA finds the same directions in every story …
SPIKES = (20.0, 10.0, 5.0, 2.5)
STATIC = 2  # … and the first of them stay with the single word: attention does not carry them into the context
LEAN = 0.01  # of a camp's embeddings in every dimension: too little for the leading components of single words
SPEECH_GAINS = {
    "conv_layers": 1.0,
    "feature_projection.projection": 1.0,
    "q_proj": 0.3,  # nearly even attention …
    "k_proj": 0.3,
    "v_proj": 1.0,
    "out_proj": 3.0,  # … whose output outweighs its input
    "dense": 0.5,
}
LANGUAGE_GAINS = {"attn.c_attn": 1.0, "attn.c_proj": 3.0, "c_fc": 0.3, "mlp.c_proj": 0.3}


def make_models(folder: Path, texts: Sequence[str]) -> None:
    """Write both stand-in models.

    Parameters
    ----------
    folder : the model folder; it is made.
    texts : what the tokenizer's byte pairs are learned from.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        _make_speech(folder / SPEECH)
        _make_language(folder / LANGUAGE, texts)


def _make_speech(folder: Path) -> None:
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    config = Wav2Vec2Config(
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=4,
        intermediate_size=2 * WIDTH,
        conv_dim=(32, 32, 32),
        conv_kernel=(20, 16, 8),
        conv_stride=(10, 8, 4),
        conv_bias=True,
        feat_extract_norm="layer",
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
        do_stable_layer_norm=False,
        mask_time_prob=0.0,
        concord_stand_in=True,
    )
    model = Wav2Vec2Model(config)
    _draw(model, SPEECH_GAINS)
    _save(model, folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=False).save_pretrained(folder)


def _make_language(folder: Path, texts: Sequence[str]) -> None:
    import torch
    from transformers import GPT2Config, GPT2Model

    tokenizer = _train_tokenizer(texts)
    config = GPT2Config(
        vocab_size=len(tokenizer),
        n_positions=128,
        n_embd=WIDTH,
        n_layer=1,
        n_head=4,
        bos_token_id=tokenizer.eos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        concord_stand_in=True,
    )
    model = GPT2Model(config)
    _draw(model, LANGUAGE_GAINS)
    with torch.no_grad():
        model.h[0].attn.c_attn.weight[:, : 2 * WIDTH] *= 0.3  # queries and keys
        model.wpe.weight.normal_(0.0, 0.1 * EMBEDDING)
        directions = _directions()
        model.wte.weight.copy_(_embeddings(_leaning(tokenizer), directions))
        static, values = directions[:, :STATIC], model.h[0].attn.c_attn.weight[:, 2 * WIDTH :]
        values -= static @ (static.T @ values)
        model.ln_f.bias -= _mean_state(model, tokenizer, texts)  # else every word's mean would be the word rate
    _save(model, folder)
    tokenizer.save_pretrained(folder)


def _draw(model: Any, gains: Mapping[str, float]) -> None:
    """Normal weights that give an input of unit size an output of `gain`; the first name that a parameter contains
    counts, and its biases are zero."""
    import torch

    with torch.no_grad():
        for name, parameter in model.named_parameters():
            gain = next((value for key, value in gains.items() if key in name), None)
            if gain is None or "norm" in name:
                continue
            if parameter.ndim == 1:
                parameter.zero_()
            else:
                n_in = parameter[0].numel() if parameter.ndim == 3 else WIDTH
                parameter.normal_(0.0, gain / n_in**0.5)


def _mean_state(model: Any, tokenizer: Any, texts: Sequence[str]) -> Any:
    """(WIDTH,) the mean last hidden state over `texts`, read in pieces."""
    import torch

    ids = tokenizer(" ".join(texts), verbose=False)["input_ids"]
    length = min(PIECE, len(ids))
    pieces = torch.tensor(ids[: len(ids) // length * length]).reshape(-1, length)
    return model.eval()(pieces).last_hidden_state.mean(dim=(0, 1))


def _directions() -> Any:
    """(WIDTH, WIDTH − 1) orthonormal, and orthogonal to the constant that layer norm takes away."""
    import torch

    columns = torch.cat([torch.ones(WIDTH, 1), torch.randn(WIDTH, WIDTH - 1)], dim=1)
    return torch.linalg.qr(columns)[0][:, 1:]


def _embeddings(lean: Any, directions: Any) -> Any:
    """lean (n_tokens,) → (n_tokens, WIDTH): a few leading directions that say nothing of the camps, and a lean."""
    import torch

    variance = torch.ones(directions.shape[1])
    variance[: len(SPIKES)] = torch.tensor(SPIKES)
    scores = torch.randn(len(lean), len(variance)) * torch.sqrt(variance / variance.mean())
    scores -= lean[:, None] * (lean @ scores) / (lean @ lean)  # the camps differ by their lean alone
    return EMBEDDING * scores @ directions.T + LEAN * lean[:, None] * torch.randn(WIDTH).sign()


def _leaning(tokenizer: Any) -> Any:
    """(n_tokens,) from −1 (only in the second camp's words) to 1 (only in the first's); 0 for shared tokens."""
    import torch

    first, second = (
        Counter(token for word in camp for token in tokenizer(f" {word}")["input_ids"]) for camp in CAMPS
    )
    lean = torch.zeros(len(tokenizer))
    for token in {*first, *second}:
        lean[token] = (first[token] - second[token]) / (first[token] + second[token])
    return lean


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
    for path in folder.iterdir():
        path.chmod(0o644)  # weights are written for their owner alone, but anyone may run the demo
