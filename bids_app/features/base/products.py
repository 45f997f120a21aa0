"""Matrix products and convolutions over time in float32 on a CPU, by oneDNN.

torch gives such products to MKL, which uses the widest vectors of Intel's processors alone: on others oneDNN takes
half the time. Convolutions over time it computes fastest where the channels of an instant lie side by side, as they
do between two blocks. Either way they are the same sums in another order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

HERE: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
LAST = torch.channels_last


class OneDNN(TorchFunctionMode):
    """Within, linear layers and convolutions over time are computed by oneDNN where that is known how: numbers of
    float32 on a CPU, no gradients and no autocast. All else is torch's."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        known = WAYS.get(function)
        if known is not None and not kwargs and _are_plain(args):
            return known(*args)
        return function(*args, **(kwargs or {}))


def _are_plain(given: tuple[Any, ...]) -> bool:
    """Whether the tensors among a function's inputs are of float32 on a CPU, and nothing else is asked of it."""
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or not HERE:
        return False
    tensors = [one for one in given if isinstance(one, torch.Tensor)]
    return all(one.dtype == torch.float32 and one.device.type == "cpu" and one.numel() for one in tensors)


def linear(states: Any, weight: Any, bias: Any = None) -> Any:
    """torch.nn.functional.linear.

    Parameters
    ----------
    states : (…, n_in).
    weight : (n_out, n_in).
    bias : (n_out,) or None.
    """
    if weight.dim() != 2 or not (weight.is_contiguous() or weight.T.is_contiguous()):  # others it takes hours for
        return torch.nn.functional.linear(states, weight, bias)
    return torch.ops.mkldnn._linear_pointwise(states.contiguous(), weight, bias, "none", [], "")


def addmm(bias: Any, states: Any, weight: Any) -> Any:
    """torch.addmm, as GPT-2's layers use it.

    Parameters
    ----------
    bias : (n_out,).
    states : (n, n_in).
    weight : (n_in, n_out).
    """
    return torch.addmm(bias, states, weight) if bias.dim() != 1 else linear(states, weight.T, bias)


def conv1d(
    waves: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """torch.conv1d; what it gives lies in memory as (n, n_times, n_out).

    Parameters
    ----------
    waves : (n, n_in, n_times).
    weight : (n_out, n_in of a group, n_kernel).
    bias : (n_out,) or None.
    stride, padding, dilation : numbers, or tuples of one.
    groups : of channels.
    """
    if waves.dim() != 3 or isinstance(padding, str):
        return torch.conv1d(waves, weight, bias, stride, padding, dilation, groups)
    flat, kernel = (one[:, :, None].contiguous(memory_format=LAST) for one in (waves, weight))
    out = torch.conv2d(flat, kernel, bias, (1, _one(stride)), (0, _one(padding)), (1, _one(dilation)), groups)
    return out[:, :, 0]


def _one(setting: Any) -> int:
    return int(setting if isinstance(setting, int) else setting[0])


WAYS: Mapping[Any, Callable[..., Any]] = {
    torch.nn.functional.linear: linear,
    torch.addmm: addmm,
    torch.conv1d: conv1d,
}
