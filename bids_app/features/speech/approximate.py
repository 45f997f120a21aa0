"""Several rows from one window of a speech encoder: approximate, causal, and several times as fast.

The encoder hears the window of the first row as ever; the frames of each later row see all that came before them, but
the frames before them are not computed anew and do not see them, and normalisation keeps to the first row's window.
So the first row is exact, the others rest on a context that is up to `refresh_s` old. At the beginning of the sound,
where windows are short, they have fewer rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from typing import Any

import numpy as np

from bids_app.features.base.needs import Sound
from bids_app.features.speech.speech_encoder import SpeechEncoder
from bids_app.features.transformers.find_layers import ModelLayers
from bids_app.features.transformers.hidden_layers import Reading, hidden_states
from bids_app.records import Array

KINDS = ("wav2vec2", "hubert", "data2vec-audio")  # whose blocks take a mask and whose positions are convolved


def block_states(
    speech: SpeechEncoder, sound: Sound, stops: Sequence[int], reading: Reading, frames: Sequence[int]
) -> list[Any]:
    """States of frames that heard nothing after their own row's time.

    Parameters
    ----------
    speech : an encoder of one of KINDS.
    sound : the window of all rows.
    stops : the sample before which each row's time lies; they ascend, none before the first frame is heard.
    reading : which states.
    frames : the frames wanted; row k, heard by `stops[k]`, is the last frame before it.

    Returns
    -------
    For each layer a tensor (len(frames), n_hidden).
    """
    import torch

    wave, ends = _resampled(sound, speech.rate_hz, stops)
    if speech.extractor.do_normalize:  # as Wav2Vec2FeatureExtractor does, over the first row's window
        first = wave[: ends[0]]
        wave = (wave - first.mean()) / np.sqrt(first.var() + 1e-7)
    values = torch.tensor(wave[None], dtype=torch.float32, device=speech.encoder.device)
    found, given = reading.found, {"input_values": values}
    with _in_blocks(found, ends[0], [speech.frames(end) for end in ends]):
        return [states[0] for states in hidden_states(found, given, reading.layers, frames)]


def _resampled(sound: Sound, model_rate: int, stops: Sequence[int]) -> tuple[Array, list[int]]:
    """The wave at the model's rate, and where each stop is in it. Filters look ahead: each row's part is cut from
    what was heard by its time and no later."""
    heard, rate = sound.samples[:], sound.rate_hz
    ends = [int(stop * model_rate / rate) for stop in stops]
    if rate == model_rate:
        return heard, ends
    import soxr

    parts = [
        soxr.resample(heard[:stop], rate, model_rate)[begin:end]
        for stop, begin, end in zip(stops, [0, *ends], ends, strict=False)
    ]
    return np.concatenate(parts), ends


@contextmanager
def _in_blocks(found: ModelLayers, n_first: int, bounds: Sequence[int]) -> Iterator[None]:
    """Within it a forward pass gives frames up to `bounds[k]` what they would be without any frame after it.

    `n_first` samples and `bounds[0]` frames belong to the first row. Three things look across frames: the group norm
    of the front end, the convolution of positions, and attention.
    """
    import torch

    from bids_app.features.speech.front_end import FoldedNorm

    model = found.model
    # block[k]: the row whose part of the window frame k belongs to; it sees frames of that row and of earlier ones
    block = np.searchsorted(bounds, np.arange(bounds[-1]), side="right")
    seen = torch.tensor(block[:, None] >= block[None, :], device=model.device)
    mask = torch.zeros(seen.shape, device=model.device).masked_fill(~seen, torch.finfo(torch.float32).min)[None, None]
    reach = sum(
        module.kernel_size[0]
        for module in model.encoder.pos_conv_embed.modules()
        if isinstance(module, torch.nn.Conv1d)
    )

    def placed(module: Any, given: tuple[Any, ...], out: Any) -> Any:
        """Its output for each row's frames, without any frame after them.

        Parameters
        ----------
        module : the convolution of positions.
        given : its input, (1, n_frames, n_hidden) first.
        out : what it gave; replaced.
        """
        parts = [module.forward(given[0][:, : bounds[0]])]
        for begin, end in pairwise(bounds):
            nearby = module.forward(given[0][:, max(begin - reach, 0) : end])
            parts.append(nearby[:, nearby.shape[1] - (end - begin) :])
        return torch.cat(parts, dim=1)

    def masked(module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The block's inputs, with the mask.

        Parameters
        ----------
        module : a block.
        given, named : its inputs, by place and by name.
        """
        return given, {**named, "attention_mask": mask}

    with ExitStack() as hooks:
        for norm in (module for module in model.feature_extractor.modules() if isinstance(module, FoldedNorm)):
            norm.heard = n_first
            hooks.callback(setattr, norm, "heard", None)
        hooks.callback(model.encoder.pos_conv_embed.register_forward_hook(placed).remove)
        for module in found.blocks:
            hooks.callback(module.register_forward_pre_hook(masked, with_kwargs=True).remove)
        yield
