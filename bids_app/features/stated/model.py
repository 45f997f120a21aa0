"""A model by its config.json and the headers of its weights: what kind it is, and whether these fit each other."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bids_app.errors import NoInput
from bids_app.features.stated.library import table
from bids_app.features.transformers.lock import fetch_hint
from bids_app.features.transformers.model_options import wanted_layers
from bids_app.features.transformers.models import ModelName, model_files, settings_of
from bids_app.features.transformers.preflight import weight_headers
from bids_app.records import FeatureSpec, ModelSource

BLOCKS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")  # what configurations call their number
WIDTHS = ("hidden_size", "n_embd", "d_model", "dim", "emb_dim")
EMBEDDINGS = ("wte.weight", "embed_tokens.weight", "word_embeddings.weight", "embed_in.weight")
SHARED = ("num_hidden_groups",)  # blocks that are run again: there are fewer of them than layers
IN_A_BLOCK = re.compile(r"^(?P<list>.+?)\.(?P<number>\d+)\.(?P<rest>.+)$")
Shape = tuple[int, ...]


@dataclass(frozen=True)
class StatedModel:
    """What a model's files state.

    Parameters
    ----------
    name : which model.
    folder : where it lies.
    config : config.json.
    shapes : weight → its shape; none where they are random.
    """

    name: ModelName
    folder: Path
    config: Mapping[str, Any]
    shapes: Mapping[str, Shape]

    @property
    def kind(self) -> str:
        """Its type, as transformers calls it."""
        return str(self.config.get("model_type", ""))

    @property
    def text(self) -> Mapping[str, Any]:
        """The configuration of the part that reads text, of a model of several parts."""
        part = self.config.get("text_config")
        return part if isinstance(part, dict) else self.config

    @property
    def has_parts(self) -> bool:
        """Whether parts of the model have configurations of their own."""
        return any(isinstance(value, dict) and {*BLOCKS, *WIDTHS} & {*value} for value in self.config.values())

    def number(self, *names: str, default: int | None = None) -> int | None:
        """The first of these that the configuration states, as a number.

        Parameters
        ----------
        names : of settings, each another name of one.
        default : where it states none.

        Raises
        ------
        NoInput : it is no whole number from 0.
        """
        for name in names:
            value = self.text.get(name)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise self.refusal(f"config.json has {name}: {value!r}, which is no whole number")
            return value
        return default

    def refusal(self, reason: str) -> NoInput:
        """That it cannot be loaded, and why."""
        return NoInput(f"the model '{self.name.name}' cannot be loaded", self.folder, reason)

    @property
    def embedding(self) -> tuple[str, Shape] | None:
        """The tokens' embedding, by the end of its name, and its shape; None where none has a usual name."""
        found = sorted((name for name in self.shapes if name.endswith(EMBEDDINGS)), key=len)
        usual = [name for name in found if len(self.shapes[name]) == 2]
        return (".".join(usual[0].split(".")[-2:]), self.shapes[usual[0]]) if usual else None

    @property
    def n_rows(self) -> int | None:
        """Rows of the embedding; None where nothing states them."""
        return self.embedding[1][0] if self.embedding else self.number("vocab_size")


def stated_model(model: ModelName, source: ModelSource) -> StatedModel:
    """A model by its files, which fit each other as far as their configuration says.

    Parameters
    ----------
    model : name, revision and seed.
    source : where models are.

    Raises
    ------
    NoInput : a file is not there or cannot be read, transformers does not know the type, or weights are of another
        model.
    """
    folder = model_files(model, source)[0].parent
    config = settings_of("config.json", model, source)
    headers = weight_headers(model, source) if model.untrained is None else {}
    stated = StatedModel(model, folder, config, {name: shape for name, (_, shape) in headers.items()})
    known = table("CONFIG_MAPPING_NAMES")
    if stated.kind and known and stated.kind not in known:
        raise stated.refusal(f"transformers knows no architecture '{stated.kind}'")
    if model.untrained is None and not headers:
        raise stated.refusal("its files of weights hold none")
    _require_blocks(stated, source)
    _require_embedding(stated, source)
    return stated


def require_layers(spec: FeatureSpec, stated: StatedModel, count: int | None, parts: Sequence[str] = ()) -> None:
    """Make sure that a model has the layers asked for; nothing where its configuration states none.

    Parameters
    ----------
    spec : resolved.
    stated : the model.
    count : of its blocks, None where that is not stated.
    parts : before the blocks, that count as layers.

    Raises
    ------
    UsageError : it lacks a layer.
    """
    if count is not None:
        wanted_layers(spec, [*parts, *range(count + 1)])


def _require_blocks(stated: StatedModel, source: ModelSource) -> None:
    """Raises NoInput where the weights have fewer blocks than the configuration. Nothing is said of models of several
    parts, of one block that is run again, nor by weights that lie in no blocks."""
    count = stated.number(*BLOCKS)
    has_parts = stated.has_parts or bool(stated.config.get("is_encoder_decoder"))
    if count is None or has_parts or {*SHARED} & {*stated.config}:
        return
    blocks: dict[str, dict[int, list[str]]] = {}
    for found in filter(None, map(IN_A_BLOCK.match, stated.shapes)):
        blocks.setdefault(found["list"], {}).setdefault(int(found["number"]), []).append(found["rest"])
    if not blocks:
        return
    name, numbers = max(blocks.items(), key=lambda item: sum(map(len, item[1].values())))
    there = len(numbers)
    if 1 < there < count and set(numbers) == set(range(there)):
        lacking = f"{name.split('.')[-1]}.{there}.{min(numbers[0])}"
        raise _unfit(stated, f"{lacking} is missing", source)


def _require_embedding(stated: StatedModel, source: ModelSource) -> None:
    """Raises NoInput where the embedding has other rows, or a width that the configuration nowhere has."""
    n_tokens, width = stated.number("vocab_size"), stated.number(*WIDTHS)
    if stated.embedding is None or n_tokens is None or width is None:
        return
    name, shape = stated.embedding
    widths = {value for value in stated.text.values() if isinstance(value, int)}
    if shape[0] != n_tokens or shape[1] not in widths:
        wanted = [n_tokens, shape[1] if shape[1] in widths else width]
        raise _unfit(stated, f"{name} has the shape {list(shape)}, not {wanted}", source)


def _unfit(stated: StatedModel, what: str, source: ModelSource) -> NoInput:
    said = f"the weights of the model '{stated.name.name}' do not fit its config.json: {what}"
    return NoInput(said, stated.folder, fetch_hint(source))
