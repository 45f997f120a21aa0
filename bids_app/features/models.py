"""Model folders: found, named by their bytes, loaded. Safetensors only, never remote code."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bids_app.errors import NoInput
from bids_app.records import ModelSource

SINGLE, SHARDED = "model.safetensors", "model.safetensors.index.json"
SETTINGS = (  # beside the weights, what decides a model's numbers
    "config.json", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model",
    "vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json",
)  # fmt: skip
NEVER_READ = frozenset({"masked_spec_embed"})  # used in training alone; published weights often lack it


def find_model(name: str, source: ModelSource) -> Path:
    """The model's folder: `model_dir/<name>`, else the hub's cache, else (unless offline) downloaded into it.

    Raises NoInput, which says where the model should lie.
    """
    if source.model_dir is not None and (source.model_dir / name).is_dir():
        return source.model_dir / name
    return _from_hub(name, source)


def _from_hub(name: str, source: ModelSource) -> Path:
    from huggingface_hub import snapshot_download

    offline = source.offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
    wanted = [*SETTINGS, SHARDED, "*.safetensors"]
    try:
        folder = snapshot_download(name, allow_patterns=wanted, ignore_patterns=["*/*"], local_files_only=offline)
    except (OSError, ValueError):  # the hub's errors are of these: absent, forbidden, unreachable, no such name
        place = f"expected at {source.model_dir / name}" if source.model_dir else "no model folder was given"
        how = "allow the network, or " if offline else ""
        raise NoInput(f"the model '{name}' is not there", place, f"{how}put config.json and {SINGLE} there") from None
    return Path(folder)


def model_files(name: str, source: ModelSource) -> tuple[Path, ...]:
    """Weights first, then settings: all files whose bytes decide the model's numbers. Raises NoInput."""
    folder = find_model(name, source)
    if not (folder / "config.json").is_file():
        raise NoInput(f"the model '{name}' has no config.json", folder)
    return (*_weights(folder, name), *(folder / file for file in SETTINGS if (folder / file).is_file()))


def _weights(folder: Path, name: str) -> tuple[Path, ...]:
    if (folder / SINGLE).is_file():
        return (folder / SINGLE,)
    if not (folder / SHARDED).is_file():
        hint = "pickled weights (.bin, .pt) are never loaded: save the model with save_pretrained"
        raise NoInput(f"the model '{name}' has no safetensors weights", folder, hint)
    try:
        shards = sorted(set(json.loads((folder / SHARDED).read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise NoInput(f"the list of weights of the model '{name}' is broken", folder / SHARDED) from None
    for shard in shards:
        if not (folder / shard).is_file():
            raise NoInput(f"a part of the weights of the model '{name}' is missing", folder / shard)
    return (folder / SHARDED, *(folder / shard for shard in shards))


def describe_model(name: str, source: ModelSource) -> dict[str, Any]:
    """For provenance: `model`, `revision` (the hub's commit, None for a folder) and `stand_in` (untrained weights,
    as the model's own configuration declares with `concord_stand_in`)."""
    folder = find_model(name, source)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    commit = folder.name if folder.parent.name == "snapshots" else None
    return {"model": name, "revision": commit, "stand_in": config.get("concord_stand_in") is True}


def load_model(name: str, source: ModelSource) -> Any:
    """The bare model (no head), float32, in evaluation mode, on the source's device. Raises NoInput."""
    import torch
    from transformers import AutoModel

    settings = {"use_safetensors": True, "dtype": torch.float32, "output_loading_info": True}
    model, report = _load(AutoModel, name, source, **settings)
    absent = sorted({*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])} - NEVER_READ)
    if absent:  # transformers fills these at random
        raise NoInput(f"{len(absent)} weights of the model '{name}' are missing or misshapen: {absent[0]}")
    return model.to(source.device).eval()


def load_tokenizer(name: str, source: ModelSource) -> Any:
    """The model's tokenizer, one that knows the characters of each token. Raises NoInput."""
    from transformers import AutoTokenizer

    tokenizer = _load(AutoTokenizer, name, source)
    if not tokenizer.is_fast:
        raise NoInput(f"the tokenizer of the model '{name}' knows no character positions", "", "add tokenizer.json")
    return tokenizer


def load_feature_extractor(name: str, source: ModelSource) -> Any:
    """What turns a waveform into the speech model's input. Raises NoInput."""
    from transformers import AutoFeatureExtractor

    return _load(AutoFeatureExtractor, name, source)


def _load(auto: Any, name: str, source: ModelSource, **settings: Any) -> Any:
    from safetensors import SafetensorError

    folder = model_files(name, source)[0].parent  # no weights, no loading: transformers would look for .bin
    try:
        with _quiet():
            return auto.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **settings)
    except (OSError, ValueError, KeyError, TypeError, ImportError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().split("\n")[0]
        raise NoInput(f"the model '{name}' cannot be loaded", folder, reason) from None


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
