"""The topmost block that is needed, for the wanted frames alone: their queries attend to every frame's keys.

A block costs 12 products of (n_frames, n_hidden) with a matrix; for a single frame ten of them are as good as free.
Known for the blocks of Wav2Vec2, HuBERT and data2vec-audio (both orders of their norms) and of Whisper's encoder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

BlockOf = Callable[[Any, Any, Sequence[int], Any], Any]


def frames_of(block: Any) -> BlockOf | None:
    """What computes (block, states (n, n_frames, n_hidden), frames, mask or None) → (n, len(frames), n_hidden), as
    the block would; None where its kind is not known."""
    return BLOCKS.get(type(block).__name__)


def _norm_last(block: Any, states: Any, frames: Sequence[int], mask: Any) -> Any:
    heard = block.attention(states[:, frames], key_value_states=states, attention_mask=_rows(mask, frames))[0]
    wanted = block.layer_norm(states[:, frames] + heard)
    return block.final_layer_norm(wanted + block.feed_forward(wanted))


def _norm_first(block: Any, states: Any, frames: Sequence[int], mask: Any) -> Any:
    normed = block.layer_norm(states)
    heard = block.attention(normed[:, frames], key_value_states=normed, attention_mask=_rows(mask, frames))[0]
    wanted = states[:, frames] + heard
    wanted = wanted + block.feed_forward(block.final_layer_norm(wanted))
    return wanted if block.adapter_layer is None else wanted + block.adapter_layer(wanted)


def _whisper(block: Any, states: Any, frames: Sequence[int], mask: Any) -> Any:
    normed = block.self_attn_layer_norm(states)
    heard = block.self_attn(normed[:, frames], key_value_states=normed, attention_mask=_rows(mask, frames))[0]
    wanted = states[:, frames] + heard
    return wanted + block.fc2(block.activation_fn(block.fc1(block.final_layer_norm(wanted))))


def _rows(mask: Any, frames: Sequence[int]) -> Any:
    return None if mask is None else mask[..., frames, :]


BLOCKS: dict[str, BlockOf] = {
    **{f"{kind}EncoderLayer": _norm_last for kind in ("Wav2Vec2", "Hubert", "Data2VecAudio")},
    **{f"{kind}EncoderLayerStableLayerNorm": _norm_first for kind in ("Wav2Vec2", "Hubert")},
    "WhisperEncoderLayer": _whisper,
}
