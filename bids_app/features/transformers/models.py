"""Model folders: found, named by their bytes, loaded. Safetensors only, never remote code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bids_app.errors import DataError, NoInput
from bids_app.features.transformers.lock import fetch_hint, locked_revision
from bids_app.inputs import model_files as inputs
from bids_app.inputs.opening import BINARY, check_regular
from bids_app.pointers import is_there, require_content
from bids_app.records import FeatureProvenance, FeatureSpec, ModelSource

SINGLE, SHARDED = "model.safetensors", "model.safetensors.index.json"
VOCABULARY = (  # names of all files that transformers' tokenizer classes read their vocabulary from
    "tokenizer.json", "tokenizer.*.json", "*.model", "tekken.json", "vocab*.json", "vocab.txt", "merges.txt",
    "bpe.codes", "byte_maps.json", "dict.txt", "emoji.json", "entity_vocab.json", "normalizer.json",
    "prophetnet.tokenizer", "target_vocab.json", "word_pronunciation.json", "word_shape.json",
)  # fmt: skip
SETTINGS = (  # beside the weights, what decides a model's numbers
    "config.json", "preprocessor_config.json", "tokenizer_config.json", "special_tokens_map.json",
    "added_tokens.json", "processor_config.json", *VOCABULARY,
)  # fmt: skip
NEVER_READ = ("masked_spec_embed", "pooler.")  # no hidden state rests on these; published weights often lack them


@dataclass(frozen=True)
class ModelName:
    """A model: its name, the hub's revision asked for, and the seed of random weights (None: its own weights).

    Parameters
    ----------
    name : on the hub, or of a folder.
    revision : the hub's commit asked for; None: the one that is there, else the newest.
    untrained : the seed of random weights; None: its own weights.
    """

    name: str
    revision: str | None = None
    untrained: int | None = None


def model_of(spec: FeatureSpec) -> ModelName:
    """The model of a resolved spec."""
    return ModelName(spec.options["model"], spec.options["revision"], spec.options["untrained"])


def find_model(model: ModelName, source: ModelSource) -> Path:
    """The model's folder: `model_dir/<name>`, else the hub's cache, else (unless offline) downloaded into it.

    Parameters
    ----------
    model : name and revision.
    source : the model folder, and whether the network may be used.

    Raises
    ------
    NoInput : says where the model should lie and what fetches it.
    """
    if source.model_dir is not None and (source.model_dir / model.name).is_dir():
        there = locked_revision(model.name, source)
        if model.revision not in (None, there):
            what = f"the model '{model.name}' is there at revision {there or 'unknown'}, not {model.revision}"
            raise NoInput(what, source.model_dir / model.name, fetch_hint(source))
        return source.model_dir / model.name
    return _from_hub(model, source)


def is_offline(source: ModelSource) -> bool:
    """Whether the network is not to be touched."""
    return source.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def is_at_hand(model: ModelName, source: ModelSource) -> bool:
    """Whether the model's folder is found without the network.

    Parameters
    ----------
    model : name and revision.
    source : where models are.
    """
    try:
        find_model(model, replace(source, offline=True))
    except NoInput:
        return False
    return True


def _from_hub(model: ModelName, source: ModelSource) -> Path:
    from huggingface_hub import snapshot_download

    wanted = [*SETTINGS, SHARDED, "*.safetensors"]
    try:
        folder = snapshot_download(
            model.name,
            revision=model.revision,
            allow_patterns=wanted,
            ignore_patterns=["*/*"],
            local_files_only=is_offline(source),
        )
    except (OSError, ValueError):  # the hub's errors are of these: absent, forbidden, unreachable, no such name
        place = f"expected at {source.model_dir / model.name}" if source.model_dir else "no model folder was given"
        how = f"{fetch_hint(source)} fetches it; or put config.json and {SINGLE} there"
        raise NoInput(f"the model '{model.name}' is not there", place, how) from None
    return Path(folder)


def is_setting(file: str) -> bool:
    """Whether a file of a model's folder, by its name, is one beside the weights that decides its numbers."""
    return "/" not in file and any(fnmatchcase(file, pattern) for pattern in SETTINGS)


def model_files(model: ModelName, source: ModelSource) -> tuple[Path, ...]:
    """All files whose bytes decide the model's numbers: weights first (none where they are random), then settings.

    Parameters
    ----------
    model : name, revision and seed.
    source : where models are.

    Raises
    ------
    NoInput : the model is not there, was not fetched, has no safetensors weights, or a file is none that may be
    opened.
    """
    folder = find_model(model, source)
    if not is_there(folder / "config.json"):
        raise NoInput(f"the model '{model.name}' has no config.json", folder)
    weights = _weights(folder, model.name) if model.untrained is None else ()
    files = (*weights, *sorted(path for path in folder.iterdir() if is_setting(path.name) and is_there(path)))
    for file in files:
        require_content(file, NoInput)  # a model cloned without Git LFS
        with as_no_input(model.name):
            check_regular(file, BINARY if file.suffix == ".safetensors" else inputs.SETTINGS)
    return files


@contextmanager
def as_no_input(name: str) -> Iterator[None]:
    """What is wrong with a file of a model, as NoInput that names the model.

    Parameters
    ----------
    name : of the model.

    Raises
    ------
    NoInput : a file cannot be read.
    """
    try:
        yield
    except DataError as error:
        raise NoInput(f"the model '{name}' cannot be loaded", error.where, error.what) from error


def settings_of(file: str, model: ModelName, source: ModelSource) -> dict[str, Any]:
    """What a JSON file of the model's folder says; nothing where it is not there.

    Parameters
    ----------
    file : its name.
    model : name and revision.
    source : where models are.

    Raises
    ------
    NoInput : it cannot be read.
    """
    path = find_model(model, source) / file
    with as_no_input(model.name):
        return inputs.read_settings(path) if is_there(path) else {}


def _weights(folder: Path, name: str) -> tuple[Path, ...]:
    if is_there(folder / SINGLE):
        return (folder / SINGLE,)
    if not is_there(folder / SHARDED):
        hint = "pickled weights (.bin, .pt) are never loaded: concord-tools prefetch converts them"
        raise NoInput(f"the model '{name}' has no safetensors weights", folder, hint)
    require_content(folder / SHARDED, NoInput)
    broken = f"the list of weights of the model '{name}' is broken"
    try:
        shards = sorted(set(map(str, inputs.read_settings(folder / SHARDED)["weight_map"].values())))
    except (DataError, KeyError, TypeError, AttributeError) as error:
        raise NoInput(broken, folder / SHARDED, error.what if isinstance(error, DataError) else "") from None
    if not shards:
        raise NoInput(broken, folder / SHARDED, "it names no file")
    for shard in shards:
        if Path(shard).name != shard or not shard.endswith(".safetensors"):
            raise NoInput(broken, folder / SHARDED, f"'{shard}' is no safetensors file of this folder")
        if not is_there(folder / shard):
            raise NoInput(f"a part of the weights of the model '{name}' is missing", folder / shard)
    return (folder / SHARDED, *(folder / shard for shard in shards))


def with_model(provenance: FeatureProvenance, model: ModelName, source: ModelSource) -> FeatureProvenance:
    """Provenance with what is known of the model: its name and revision (the hub's commit, if known), the seed of
    random weights, and whether its own configuration declares it an untrained stand-in (`concord_stand_in`).

    Parameters
    ----------
    provenance : of a family.
    model : name, revision and seed.
    source : where models are.
    """
    folder = find_model(model, source)
    config = settings_of("config.json", model, source)
    commit = folder.name if folder.parent.name == "snapshots" else locked_revision(model.name, source)
    stand_in = config.get("concord_stand_in") is True
    return replace(provenance, model=model.name, revision=commit, untrained=model.untrained, stand_in=stand_in)


def load_config(model: ModelName, source: ModelSource) -> Any:
    """The model's configuration.

    Parameters
    ----------
    model : its name and revision.
    source : where models are.

    Raises
    ------
    NoInput
        Where it cannot be read.
    """
    from transformers import AutoConfig

    return load(AutoConfig, model, source, return_dict=True)  # whatever the file says: outputs have names


def load_feature_extractor(model: ModelName, source: ModelSource) -> Any:
    """What turns a waveform into the speech model's input.

    Parameters
    ----------
    model : its name and revision.
    source : where models are.

    Raises
    ------
    NoInput
        Where it cannot be read.
    """
    from transformers import AutoFeatureExtractor

    return load(AutoFeatureExtractor, model, source)


def load(auto: Any, model: ModelName, source: ModelSource, **settings: Any) -> Any:
    """What one of transformers' `Auto` classes makes of the model's folder: never code from it, never the network.

    Parameters
    ----------
    auto : the class.
    model : name, revision and seed.
    source : where models are.
    settings : further ones of the class.

    Raises
    ------
    NoInput : the model is not there, or cannot be loaded.
    """
    folder = model_files(model, source)[0].parent  # no weights, no loading: transformers would look for .bin
    with readable(model, source):
        return auto.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **settings)


@contextmanager
def readable(model: ModelName, source: ModelSource) -> Iterator[None]:
    """Whatever transformers raises on a broken model, as one line: NoInput. Its calls alone belong within.

    Parameters
    ----------
    model : name and revision.
    source : where models are.

    Raises
    ------
    NoInput : the model cannot be loaded.
    """
    with _quiet():
        try:
            yield
        except MemoryError:
            raise
        except Exception as error:  # of several libraries; tokenizers raises Exception itself
            reason = str(error).strip().split("\n")[0]
            raise NoInput(f"the model '{model.name}' cannot be loaded", find_model(model, source), reason) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and loading report, of which load_model reads what matters."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
