"""Where a model's hidden layers are: found in trial passes and checked there, never told by a module's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from bids_app.errors import UsageError
from bids_app.features.transformers.model_options import PARTS, Layer
from bids_app.features.transformers.precision import run_model
from bids_app.records import FeatureSpec

MODULES = {"cnn": "feature_extractor", "projection": "feature_projection"}  # in transformers' speech models
TRIAL_TOKENS = (6, 32)  # the fewest and the most of a trial pass of two sequences; no axis is taken for another
NEAR = 1e-3  # of a value's own size: how far those of two equal passes may be apart
ROUNDING = 1e-5  # of the largest value beside it: what is left of float32's 24 bits after a model's many sums
OTHERS = "take a model of another architecture (docs/features.md, Models)"
FAILURES = (AssertionError, AttributeError, ImportError, LookupError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class ModelLayers:
    """A model's hidden layers, numbered as transformers' `hidden_states`: 0 is what the first block takes, the
    highest what the model gives out.

    Parameters
    ----------
    model : a transformer of the library.
    widths : hidden units of each layer, in the order in which they are computed: parts before the blocks, numbers.
    blocks : modules whose k-th call takes the states of layer k; none where these have other axes there (XLNet), so
        that a pass has to end before they are read.
    topmost : whether the block below the highest wanted layer may be computed for single tokens (see top_block.py).
    """

    model: Any
    widths: Mapping[Layer, int]
    blocks: tuple[Any, ...]
    topmost: bool = True

    @property
    def highest(self) -> int:
        """The number of the last layer."""
        return sum(isinstance(layer, int) for layer in self.widths) - 1


@dataclass(frozen=True)
class _Trial:
    """What a traced pass gave.

    Parameters
    ----------
    states : the library's `hidden_states`, of each layer.
    output : its `last_hidden_state`; where it has none, the last of its states.
    parts : what the parts before the blocks gave, (n, n_rows, n_hidden).
    calls : role → of each call of a module that has it, the module and what it was given. A role is a module's name
        without its numbers, such as `encoder.layer.*`.
    """

    states: Sequence[Any]
    output: Any
    parts: Mapping[str, Any]
    calls: Mapping[str, Sequence[tuple[Any, _Content]]]


@dataclass(frozen=True)
class _Content:
    """A tensor's shape, and what it holds whatever the order of its axes: sums of its bits and of their squares."""

    shape: tuple[int, ...]
    sums: tuple[int, int]


def find_layers(model: Any, inputs: Mapping[str, Any], n_rows: int, spec: FeatureSpec) -> ModelLayers:
    """The model's hidden layers, by the library's own `hidden_states`.

    They count where they are what they are called: two passes agree, each layer has a row for each token or frame,
    there are modules (the blocks) of which the k-th call takes layer k and which are not called once more, and the
    last layer is as wide as what the model gives out. Thus states that begin after the first block (Mamba, RWKV) or
    leave blocks out are refused, and lists of other modules (XLM's feed-forward parts) are not taken for blocks.

    Parameters
    ----------
    model : a transformer of the library, in evaluation mode.
    inputs : its forward pass's, for two sequences.
    n_rows : tokens or frames of each.
    spec : the feature that it is for.

    Raises
    ------
    UsageError : the layers cannot be read in this way; says why.
    """
    import torch

    with torch.no_grad():
        first = _library_states(model, inputs, spec)
        trial = _traced(model, inputs)
    for layer, (once, again) in enumerate(zip(first, trial.states, strict=True)):
        if tuple(again.shape[:-1]) != (2, n_rows):
            what = f"layer {layer} has the shape {tuple(again.shape)} for two sequences of {n_rows}"
            raise _refusal(what, spec)
        if not bool(again.isfinite().all()):
            raise _refusal(f"layer {layer} has NaN or infinity", spec)
        if not near(once, again):
            raise _refusal(f"layer {layer} comes out differently each time", spec)
    output, last = tuple(trial.output.shape), tuple(trial.states[-1].shape)
    if output[:-1] == last[:-1] and output != last:  # an adapter's output has other rows, and no layer's
        raise _refusal(f"the last has {last[-1]} hidden units, the model's output {output[-1]}", spec)
    found = [_content(states) for states in trial.states]
    takers = [calls for calls in trial.calls.values() if [given.sums for _, given in calls] == _sums(found[:-1])]
    if not takers:
        raise _refusal("its hidden states are not, from the first on, what its blocks take", spec)
    as_they_are = (calls for calls in takers if [given for _, given in calls] == found[:-1])
    blocks = tuple(dict.fromkeys(module for module, _ in next(as_they_are, ())))
    widths: dict[Layer, int] = {
        part: states.shape[-1] for part, states in trial.parts.items() if tuple(states.shape[:-1]) == (2, n_rows)
    }
    return ModelLayers(model, widths | {layer: one.shape[-1] for layer, one in enumerate(trial.states)}, blocks)


def first_tensor(given: tuple[Any, ...], named: Mapping[str, Any]) -> Any:
    """The states that a module is given: of its inputs the first that holds floating-point numbers, or None.

    Parameters
    ----------
    given, named : its inputs, by place and by name.
    """
    import torch

    each = (*given, *named.values())
    return next((one for one in each if isinstance(one, torch.Tensor) and one.is_floating_point()), None)


def part_hook(part: str, keep: Callable[[str, Any], None]) -> Callable[..., None]:
    """A forward hook for a part before the blocks.

    Parameters
    ----------
    part : `cnn` or `projection`.
    keep : takes its name and its states, (n, n_frames, n_hidden).
    """

    def hook(module: Any, given: tuple[Any, ...], out: Any) -> None:
        states = out[0] if isinstance(out, tuple) else out
        keep(part, states.transpose(1, 2) if part == "cnn" else states)

    return hook


def trial_tokens(tokens: Sequence[int]) -> list[list[int]]:
    """Two sequences of equally many tokens, as many as TRIAL_TOKENS allows.

    Parameters
    ----------
    tokens : of the model's vocabulary, at least one; repeated where they are too few.
    """
    fewest, most = TRIAL_TOKENS
    some = (list(tokens) * fewest)[: max(fewest, min(len(tokens), most))]
    return [some, some[::-1]]


def near(one: Any, other: Any) -> bool:
    """Whether states of two passes agree everywhere, each value by its own measure.

    That is its own size, or its hidden unit's mean size where that is more, and what rounding leaves of the largest
    value in its row. One measure for all units would be that of a few, where these are thousands of times the others
    (massive activations: Sun et al. 2024, arXiv:2402.17762): it overlooks a change of the others, and takes the
    rounding of the few for one.

    Parameters
    ----------
    one, other : (…, n_rows, n_hidden); NaN is near nothing.
    """
    import torch

    size = one.abs()
    usual = size.flatten(0, -2).mean(0)
    room = NEAR * torch.maximum(size, usual) + ROUNDING * size.amax(-1, keepdim=True)
    return bool(((one - other).abs() <= room).all())


def _library_states(model: Any, inputs: Mapping[str, Any], spec: FeatureSpec) -> Sequence[Any]:
    """`hidden_states` of an untraced pass; whatever the library raises is why it cannot be read."""
    import torch

    try:
        states = getattr(run_model(model, **inputs, output_hidden_states=True), "hidden_states", None)
    except torch.OutOfMemoryError:
        raise
    except FAILURES as error:
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise _refusal(f"a pass with nothing but its {' and '.join(inputs)} fails ({reason})", spec) from None
    if not states or not all(isinstance(one, torch.Tensor) for one in states):
        raise _refusal("transformers gives no hidden states of it", spec)
    return tuple(states)


def _traced(model: Any, inputs: Mapping[str, Any]) -> _Trial:
    parts: dict[str, Any] = {}
    calls: dict[str, list[tuple[Any, _Content]]] = {}

    def note(role: str) -> Callable[..., None]:
        def hook(module: Any, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            states = first_tensor(given, named)
            content = _Content((), (0, 0)) if states is None else _content(states)
            calls.setdefault(role, []).append((module, content))

        return hook

    with ExitStack() as hooks:
        for part in PARTS:
            if hasattr(model, MODULES[part]):
                hook = part_hook(part, parts.__setitem__)
                hooks.callback(getattr(model, MODULES[part]).register_forward_hook(hook).remove)
        for name, module in model.named_modules():
            role = re.sub(r"(?<![^.])\d+(?![^.])", "*", name)
            if role != name:
                hooks.callback(module.register_forward_pre_hook(note(role), with_kwargs=True).remove)
        output = run_model(model, **inputs, output_hidden_states=True)
    given_out = getattr(output, "last_hidden_state", output.hidden_states[-1])
    return _Trial(output.hidden_states, given_out, parts, calls)


def _sums(contents: Sequence[_Content]) -> list[tuple[int, int]]:
    return [one.sums for one in contents]


def _content(states: Any) -> _Content:
    import torch

    integer = {8: torch.int64, 4: torch.int32, 2: torch.int16}[states.element_size()]
    bits = states.detach().contiguous().view(integer).long()
    return _Content(tuple(states.shape), (int(bits.sum()), int((bits * bits).sum())))


def _refusal(why: str, spec: FeatureSpec) -> UsageError:
    what = f"the hidden layers of {spec.options['model']} cannot be read: {why}"
    return UsageError(what, f"feature '{spec.name}'", OTHERS)
