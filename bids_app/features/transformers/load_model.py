"""Models loaded: weights as they were published, and none of the blocks above the wanted layers."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bids_app.errors import NoInput
from bids_app.features.base.memory import placed
from bids_app.features.transformers import models
from bids_app.features.transformers.models import NEVER_READ, ModelName, load_config, model_files, readable
from bids_app.features.transformers.preflight import require_weights, weight_headers
from bids_app.records import ModelSource

Depth = Mapping[str, int]  # what a configuration calls a number of blocks → how many of them are wanted
WHOLE: Depth = {}
NARROW = {"BF16": "bfloat16", "F16": "float16"}  # types that are kept, in safetensors' headers and in torch
WIDE = {"F32", "F64"}
# what transformers' classes raise where they cannot be made with fewer blocks or without numbers: the whole is loaded
FAILURES = (AttributeError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError)


def depth_of(layer: Any, *names: str) -> Depth:
    """How many blocks the wanted layers need, at least one; WHOLE where all are wanted.

    Parameters
    ----------
    layer : the option of a resolved spec.
    names : what configurations call their number.
    """
    layers = layer if isinstance(layer, list) else [layer]
    if layer == "all":
        return WHOLE
    return dict.fromkeys(names, max(1, *(one if isinstance(one, int) else 0 for one in layers)))


def load_model(model: ModelName, source: ModelSource, auto: str = "AutoModel", depth: Depth = WHOLE) -> Any:
    """The model, in evaluation mode, on the source's device (the CPU, where that has no memory for it).

    Weights that were published in bfloat16 or float16 keep that type, all others are float32; `run_model` computes in
    float32 with either. With `depth` no weight of a block beyond it is read: it has a lower block's in its place, so
    that the model can be tried as a whole, and is marked (`rests_on_borrowed`). With `untrained` the model is its
    architecture as transformers initialises it from that seed, whole and in float32.

    Parameters
    ----------
    model : name, revision and seed.
    source : where models are, and the device.
    auto : transformers' class that loads it; `AutoModel` gives it without a head.
    depth : how many blocks are wanted, where the configuration has more.

    Raises
    ------
    NoInput : it is not there, not whole, or cannot be loaded.
    """
    import torch
    import transformers

    maker, config = getattr(transformers, auto), load_config(model, source)
    if model.untrained is not None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(model.untrained)
            with readable(model, source):
                made = maker.from_config(config, trust_remote_code=False, dtype=torch.float32)
        return placed(made, source.device).eval()
    types = stored_types(model, source)
    kept = {NARROW[kind] for kind in types.values() if kind in NARROW}
    dtype = getattr(torch, kept.pop()) if len(kept) == 1 else torch.float32
    few = shortened(config, depth)
    for fewer in ([few] if few else []) + [config] * (dtype != torch.float32):
        made = _as_published(maker, model, source, (config, fewer), dtype)
        if made is not None:
            return made.eval()
    return placed(_loaded(maker, model, source, config, torch.float32)[0], source.device).eval()


def stored_types(model: ModelName, source: ModelSource) -> dict[str, str]:
    """Weight → its type as safetensors call it, by the files' headers alone.

    Parameters
    ----------
    model : name and revision.
    source : where models are.

    Raises
    ------
    NoInput : a file cannot be read.
    """
    return {name: kind for name, (kind, _) in weight_headers(model, source).items()}


def shortened(config: Any, depth: Depth) -> Any:
    """The configuration with so few blocks; None where it has no more, or does not allow it.

    Parameters
    ----------
    config : of the library.
    depth : how many blocks are wanted.
    """
    few = copy.deepcopy(config)
    inner = few.get_text_config()
    for name, wanted in depth.items():
        count = getattr(inner, name, None)
        if not isinstance(count, int) or count <= wanted:
            continue
        try:
            for key, value in list(vars(inner).items()):
                if isinstance(value, list | tuple) and len(value) == count:  # such as the kind of each block
                    setattr(inner, key, value[:wanted])
            setattr(inner, name, wanted)
        except FAILURES:
            return None
    return None if few.to_dict() == config.to_dict() else few


def _loaded(maker: Any, model: ModelName, source: ModelSource, config: Any, dtype: Any) -> tuple[Any, Any]:
    """What transformers loads, on the CPU, and its report. Raises NoInput where weights are missing."""
    settings = {"config": config, "use_safetensors": True, "dtype": dtype, "output_loading_info": True}
    loaded, report = models.load(maker, model, source, **settings)
    gaps = {*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])}
    absent = sorted(key for key in gaps if not key.startswith(NEVER_READ))
    if absent:  # transformers fills these at random
        raise NoInput(f"{len(absent)} weights of the model '{model.name}' are missing or misshapen: {absent[0]}")
    return loaded, report


def _as_published(
    maker: Any, model: ModelName, source: ModelSource, configs: tuple[Any, Any], dtype: Any
) -> Any | None:
    """The architecture of the first configuration with the weights of the second, of that type where they were
    published in it; None where they cannot be told to be the same as the whole model's in float32."""
    import torch

    config, fewer = configs
    try:
        loaded, report = _loaded(maker, model, source, fewer, dtype)
    except NoInput:
        return None  # what is wrong with it is for the whole model to say
    if dtype != torch.float32 and not _widened_where_published_so(loaded, model, source, report["unexpected_keys"]):
        return None
    loaded = placed(loaded, source.device)
    try:
        made = empty(maker, config)
        if fewer is not config:
            require_weights(made, model, source)  # of those, too, that are not read
    except (NoInput, *FAILURES):
        return None
    return made if _fill(made, loaded) else None


def empty(maker: Any, config: Any) -> Any:
    """A model whose buffers are there, in float32, and whose parameters have no numbers.

    Parameters
    ----------
    maker : transformers' class.
    config : of the model.
    """
    import torch

    with _without_numbers():
        return maker.from_config(config, trust_remote_code=False, dtype=torch.float32)


@contextmanager
def _without_numbers() -> Iterator[None]:
    """Within, modules get parameters of the device `meta`, which take no memory."""
    from torch.nn import Module, Parameter

    register = Module.register_parameter

    def without(self: Module, name: str, param: Parameter | None) -> None:
        if param is not None and not param.is_meta:  # of those that are tied the first has been here
            param = Parameter(param.detach().to("meta"), requires_grad=False)
        register(self, name, param)

    Module.register_parameter = without  # type: ignore[method-assign]
    try:
        yield
    finally:
        Module.register_parameter = register  # type: ignore[method-assign]


def _widened_where_published_so(loaded: Any, model: ModelName, source: ModelSource, unused: Any) -> bool:
    """Give weights of a model that is half as wide, but were published in float32, their own numbers; whether all
    of them are told. Transformers has one type for all weights, and other names for some."""
    from safetensors import safe_open

    types, own = stored_types(model, source), loaded.state_dict(keep_vars=True)
    prefix = f"{loaded.base_model_prefix}."

    def place(name: str) -> str | None:
        return next((one for one in (name, name.removeprefix(prefix), prefix + name) if one in own), None)

    wide = [name for name, kind in types.items() if kind in WIDE and name not in unused]
    of_other_names = {*own} - {place(name) for name in types} - {*getattr(loaded, "all_tied_weights_keys", ())}
    if any(place(name) is None for name in wide) and any(own[name].is_floating_point() for name in of_other_names):
        return False
    for path in model_files(model, source):
        if path.suffix == ".safetensors":
            with readable(model, source), safe_open(path, "pt") as file:
                for name in {*wide} & {*file.keys()}:
                    there = place(name)
                    if there is not None:
                        own[there].data = file.get_tensor(name).float()
    return True


def _fill(made: Any, loaded: Any) -> bool:
    """Give a model the parameters of a loaded one, in which some blocks may be missing: these get a lower block's,
    and a mark. Whether every parameter has got one."""
    there, stored = dict(loaded.named_parameters(remove_duplicate=False)), loaded.state_dict()
    for path, module in made.named_modules(remove_duplicate=False):
        prefix = f"{path}." if path else ""
        for name, parameter in module._parameters.items():
            if parameter is None:
                continue
            own = there.get(prefix + name)
            lent = own if own is not None else _lent(prefix + name, parameter.shape, there)
            if lent is None or lent.shape != parameter.shape:
                return False
            module._parameters[name] = lent
            if own is None:
                module.borrowed_weights = True
        for name, buffer in module._buffers.items():
            if buffer is not None:
                numbers = stored.get(prefix + name, buffer)
                if numbers.is_meta:  # made of weights, which had no numbers then
                    return False
                module._buffers[name] = numbers.to(device=loaded.device, dtype=buffer.dtype)
    return True


def _lent(name: str, shape: Any, there: Mapping[str, Any]) -> Any | None:
    """The parameter of that name and shape in the highest of the blocks below that is there."""
    for number in re.finditer(r"(?<=\.)\d+(?=\.)", name):
        for lower in reversed(range(int(number[0]))):
            lent = there.get(f"{name[: number.start()]}{lower}{name[number.end() :]}")
            if lent is not None and lent.shape == shape:
                return lent
    return None
