"""Products by oneDNN against torch's own: the same numbers, and torch's own where oneDNN is not for them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.features.base import products
from bids_app.features.base.products import OneDNN

linear, conv1d = torch.nn.functional.linear, torch.conv1d
SIZE = st.integers(1, 40)


def both(function, *given, **named):
    """What torch gives, and what it gives within the mode."""
    with torch.no_grad():
        plain = function(*given, **named)
        with OneDNN():
            return plain, function(*given, **named)


def agree(plain, fast):
    assert fast.shape == plain.shape
    torch.testing.assert_close(fast, plain, rtol=1e-5, atol=1e-5)


def strided(tensor):
    """The same numbers, every second one in memory."""
    return torch.stack([tensor, torch.full_like(tensor, torch.nan)], dim=-1)[..., 0]


@settings(deadline=None, max_examples=40)
@given(n=SIZE, n_in=SIZE, n_out=SIZE, biased=st.booleans(), layout=st.sampled_from(["rows", "columns", "odd"]))
def test_linear_layers(n, n_in, n_out, biased, layout):
    states, weight = torch.randn(2, n, n_in), torch.randn(n_out, n_in)
    weight = {"rows": weight, "columns": weight.T.contiguous().T, "odd": strided(weight)}[layout]
    bias = torch.randn(n_out) if biased else None
    agree(*both(linear, states, weight, bias))
    agree(*both(linear, strided(states), weight, bias))
    agree(*both(linear, states[:, ::2], weight, bias))
    agree(*both(torch.addmm, torch.randn(n_out), states[0], weight.T))
    agree(*both(torch.addmm, torch.randn(n, n_out), states[0], weight.T))


@settings(deadline=None, max_examples=40)
@given(
    n_times=st.integers(12, 60),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, 2, 4])),
    kernel=st.integers(1, 5),
    how=st.tuples(st.integers(1, 3), st.integers(0, 2), st.integers(1, 2)),
    biased=st.booleans(),
)
def test_convolutions_over_time(n_times, channels, kernel, how, biased):
    n_in, n_out, groups = channels[0] * channels[2], channels[1] * channels[2], channels[2]
    waves, weight = torch.randn(2, n_in, n_times), torch.randn(n_out, n_in // groups, kernel)
    bias = torch.randn(n_out) if biased else None
    stride, padding, dilation = how
    agree(*both(conv1d, waves, weight, bias, stride, padding, dilation, groups))
    agree(*both(conv1d, waves.mT.contiguous().mT, weight, bias, (stride,), (padding,), (dilation,), groups))
    agree(*both(conv1d, strided(waves), strided(weight), bias, stride, padding, dilation, groups))
    agree(*both(conv1d, waves[0], weight, bias, stride, padding, dilation, groups))
    agree(*both(conv1d, waves, weight[..., :1], bias, 1, "same", dilation, groups))


CASES = {
    "linear": (linear, (torch.randn(3, 4), torch.randn(5, 4)), True),
    "addmm": (torch.addmm, (torch.randn(5), torch.randn(3, 4), torch.randn(4, 5)), True),
    "conv1d": (conv1d, (torch.randn(1, 4, 9), torch.randn(5, 4, 2)), True),
    "float64": (linear, (torch.randn(3, 4).double(), torch.randn(5, 4).double()), False),
    "16 bits": (linear, (torch.randn(3, 4).bfloat16(), torch.randn(5, 4).bfloat16()), False),
    "no rows": (linear, (torch.randn(0, 4), torch.randn(5, 4)), False),
    "another": (torch.mm, (torch.randn(3, 4), torch.randn(4, 5)), False),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_computed_by_it(name, monkeypatch):
    function, inputs, ours = CASES[name]
    asked = []
    monkeypatch.setattr(
        products,
        "WAYS",
        {known: lambda *args, way=way: asked.append(way) or way(*args) for known, way in products.WAYS.items()},
    )
    agree(*both(function, *inputs))
    assert bool(asked) == ours
    asked.clear()
    with OneDNN():
        function(*inputs)  # with gradients
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            function(*inputs)
    assert not asked


def test_named_inputs_are_torchs_own():
    states, weight = torch.randn(3, 4), torch.randn(5, 4)
    agree(*both(linear, states, weight=weight))
    agree(*both(torch.addmm, torch.randn(5), states, weight.T, beta=0.5))


def test_channels_lie_side_by_side_in_what_a_convolution_gives():
    _, fast = both(conv1d, torch.randn(2, 4, 30), torch.randn(6, 4, 3))
    assert fast.stride() == (6 * 28, 1, 6)


def test_models_are_run_by_it(monkeypatch):
    from bids_app.features.transformers.precision import run_model

    asked, way = [], products.WAYS[linear]
    monkeypatch.setattr(products, "WAYS", {linear: lambda *args: asked.append(args[1]) or way(*args)})
    for kind in (torch.float32, torch.bfloat16):  # weights of 16 bits are widened before
        model = torch.nn.Linear(4, 5).to(kind)
        with torch.no_grad():
            run_model(model, input=torch.randn(3, 4))
    assert [weight.dtype for weight in asked] == [torch.float32, torch.float32]
