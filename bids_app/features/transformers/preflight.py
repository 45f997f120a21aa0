"""What is known of a model before its weights are loaded: its architecture, and the headers of its safetensors."""

from __future__ import annotations

import re
from typing import Any

from bids_app.errors import NoInput
from bids_app.features.transformers.lock import fetch_hint
from bids_app.features.transformers.models import NEVER_READ, ModelName, load_config, model_files, readable
from bids_app.features.transformers.tokenizers import load_tokenizer, require_fit
from bids_app.records import ModelSource

Shapes = dict[str, tuple[int, ...]]


def load_skeleton(model: ModelName, source: ModelSource) -> Any:
    """The model's architecture, whose weights have shapes and no numbers; its files' headers fit it.

    Parameters
    ----------
    model : name, revision and seed.
    source : where models are.

    Raises
    ------
    NoInput : a file is not there, transformers does not know the architecture, or the weights are of another.
    """
    made = architecture(load_config(model, source), model, source)
    require_weights(made, model, source)
    return made


def architecture(config: Any, model: ModelName, source: ModelSource) -> Any:
    """A model by its configuration; its weights have shapes and no numbers.

    Parameters
    ----------
    config : of the library.
    model : name, revision and seed.
    source : where models are.

    Raises
    ------
    NoInput : transformers does not know the architecture.
    """
    import torch
    import transformers

    with readable(model, source), torch.device("meta"):
        made = transformers.AutoModel.from_config(config, trust_remote_code=False)
    return made.eval().to("meta")  # some make a weight on the CPU, wherever the others are


def require_tokenizer(skeleton: Any, model: ModelName, source: ModelSource) -> None:
    """Make sure that the model's tokenizer is there, and fits its embedding.

    Parameters
    ----------
    skeleton : the model, with or without its weights' numbers.
    model : name and revision.
    source : where models are.

    Raises
    ------
    NoInput : it is not, or does not.
    """
    require_fit(load_tokenizer(model, source), len(skeleton.get_input_embeddings().weight), model)


def require_weights(skeleton: Any, model: ModelName, source: ModelSource) -> None:
    """Make sure that weights are there for all blocks, of the right shapes, by their files' headers alone. Names that
    transformers reads under another one are left to loading.

    Parameters
    ----------
    skeleton : the model, with or without its weights' numbers.
    model : name and revision.
    source : where models are.

    Raises
    ------
    NoInput : some are of another shape, or missing.
    """
    there = _by_ending({name: shape for name, (_, shape) in weight_headers(model, source).items()})
    wanted = {name: tuple(weight.shape) for name, weight in skeleton.named_parameters()} if there else {}
    of_some_block = {_any_block(name) for name in wanted if name in there}
    for name, shape in wanted.items():
        if name.startswith(NEVER_READ) or (name not in there and _any_block(name) not in of_some_block):
            continue
        if there.get(name) != shape:
            found = f"has the shape {list(there[name])}, not {list(shape)}" if name in there else "is missing"
            what = f"the weights of the model '{model.name}' do not fit its config.json: {name} {found}"
            raise NoInput(what, model_files(model, source)[0].parent, fetch_hint(source))


def weight_headers(model: ModelName, source: ModelSource) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Weight → its type, as safetensors call it, and its shape, by the files' headers alone.

    Nothing where weights are random.

    Parameters
    ----------
    model : name and revision.
    source : where models are.

    Raises
    ------
    NoInput : a file cannot be read.
    """
    from safetensors import safe_open

    headers = {}
    for path in model_files(model, source):
        if path.suffix == ".safetensors":
            with readable(model, source), safe_open(path, "pt") as file:
                for name in file.keys():  # noqa: SIM118
                    header = file.get_slice(name)
                    headers[name] = header.get_dtype(), tuple(header.get_shape())
    return headers


def _by_ending(shapes: Shapes) -> Shapes:
    """The same by every ending of a name too (`wte.weight` of `transformer.wte.weight`): files have prefixes that
    the model without a head lacks. The shorter name counts."""
    found: Shapes = {}
    for name in sorted(shapes, key=lambda name: name.count(".")):
        parts = name.split(".")
        for place in range(len(parts)):
            found.setdefault(".".join(parts[place:]), shapes[name])
    return found


def _any_block(name: str) -> str:
    return re.sub(r"\.\d+(?=\.)", ".#", name)
