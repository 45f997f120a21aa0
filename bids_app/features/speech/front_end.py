"""The first convolution of a speech model and its group norm as one product.

A norm with a group for each channel makes the convolution's output over the window zero-mean with unit variance. Mean
and variance follow from those of the waveform's short pieces, so that the norm becomes part of the kernel: the same
numbers, without passing over the output again.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch


class FoldedNorm(torch.nn.Module):
    """In place of a layer of `feature_extractor.conv_layers` with a group norm. `heard`: the norm takes its mean and
    variance from this many of the first samples (None: all)."""

    def __init__(self, layer: Any) -> None:
        super().__init__()
        self.conv, self.norm, self.activation = layer.conv, layer.layer_norm, layer.activation
        self.heard: int | None = None

    def forward(self, waves: Any) -> Any:
        """waves (n, 1, n_samples) → (n, n_channels, n_frames)."""
        (size,), (step,) = self.conv.kernel_size, self.conv.stride
        pieces = waves[:, 0].unfold(-1, size, step)  # (n, n_frames, size)
        heard = waves[:, 0, : self.heard].unfold(-1, size, step).double()
        mean = heard.mean(1)
        # covariance (n, size, size) of the pieces' samples over frames: a channel's output is its kernel times a
        # piece, so its variance over frames is kernel · covariance · kernel
        spread = torch.einsum("nts,ntr->nsr", heard, heard) / heard.shape[1] - mean[:, :, None] * mean[:, None, :]
        kernel = self.conv.weight[:, 0].double()  # a bias of the convolution falls to the mean, and out
        variance = torch.einsum("cs,nsr,cr->nc", kernel, spread, kernel).clamp(min=0)
        scale = self.norm.weight * (variance + self.norm.eps).rsqrt()
        shift = self.norm.bias - scale * (mean @ kernel.T)
        folded = (scale[:, :, None] * kernel).to(waves.dtype)
        # not in 16 bits, whatever the precision: where a sound is smooth, what a kernel leaves of it is a small
        # difference, which the norm makes large. Channels side by side, as the next convolution is computed fastest
        kind = waves.device.type
        with torch.autocast(kind, enabled=False) if torch.amp.is_autocast_available(kind) else nullcontext():
            out = torch.baddbmm(shift[:, None].to(waves.dtype), pieces, folded.transpose(1, 2))
            return self.activation(out).transpose(1, 2)


def fold_norms(model: Any) -> None:
    """Put FoldedNorm in place of every layer of a convolutional front end that it is for."""
    layers = model.feature_extractor.conv_layers
    for place, layer in enumerate(layers):
        norm = getattr(layer, "layer_norm", None)
        alone = isinstance(norm, torch.nn.GroupNorm) and norm.num_groups == norm.num_channels
        if alone and layer.conv.in_channels == 1:
            layers[place] = FoldedNorm(layer)
