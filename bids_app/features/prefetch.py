"""Models fetched ahead of a run: pinned to a revision, as safetensors, with a lock file of what was fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bids_app.errors import NoInput, UsageError
from bids_app.features.registry import model_named, sha256_of
from bids_app.features.transformers.lock import LOCK, LockedModel, read_lock, write_lock
from bids_app.features.transformers.models import (
    SHARDED,
    SINGLE,
    ModelName,
    is_offline,
    is_setting,
)
from bids_app.features.transformers.tokenizers import require_vocabulary
from bids_app.records import FeatureSpec, ModelSource

PICKLED, PICKLED_PARTS = "pytorch_model.bin", "pytorch_model.bin.index.json"
Notify = Callable[[str], None]


def prefetch(specs: Iterable[FeatureSpec], model_dir: Path, tell: Notify) -> None:
    """Fetch every model that specs name into `model_dir/<name>`, and write `model_dir/models.lock.json`.

    A model that the lock file holds, whole and at the revision asked for, is left as it is; one that is not whole
    comes at the locked revision again.

    Parameters
    ----------
    specs : resolved.
    model_dir : the folder of models; it is made.
    tell : takes one line a model.

    Raises
    ------
    UsageError : two revisions of one model, or a download while offline.
    NoInput : the hub does not give it, or gives no vocabulary of a model that reads words.
    CannotCreate : the lock file cannot be written.
    """
    source, specs = ModelSource(model_dir), tuple(specs)
    lock = read_lock(source)
    for name, revision in wanted_models(specs).items():
        reads_words = any(_reads_words(spec, name) for spec in specs)
        whole = _is_whole(model_dir / name, lock.get(name), revision)
        if whole and not (reads_words and _lacks_vocabulary(name, source)):
            tell(f"{name}: there already, revision {lock[name].revision}")
            continue
        if is_offline(source):
            raise UsageError(f"'{name}' would have to be downloaded, but HF_HUB_OFFLINE forbids it")
        pinned = revision or (lock[name].revision if name in lock else None)
        lock[name] = fetch(name, pinned, model_dir / name)
        write_lock(lock, model_dir / LOCK)
        if reads_words:
            require_vocabulary(ModelName(name, untrained=0), source)
        converted = ", converted from pickled weights" if lock[name].converted_from else ""
        tell(f"{name}: fetched, revision {lock[name].revision}{converted}")


def wanted_models(specs: Iterable[FeatureSpec]) -> dict[str, str | None]:
    """Name → revision asked for, of all specs with a model. Raises UsageError where two differ."""
    wanted: dict[str, str | None] = {}
    for spec in specs:
        model = model_named(spec)
        if model is None:
            continue
        other = wanted.get(model.name)
        if None not in (other, model.revision) and other != model.revision:
            raise UsageError(
                f"two revisions of '{model.name}': {other} and {model.revision}", f"feature '{spec.name}'"
            )
        wanted[model.name] = model.revision or other
    return wanted


def fetch(name: str, revision: str | None, folder: Path) -> LockedModel:
    """Download a model.

    Weights published as pickles alone are converted, once and here alone.

    Parameters
    ----------
    name : on the hub.
    revision : a commit, branch or tag; None: the newest.
    folder : where its files go.

    Returns
    -------
    What the lock file says of it.
    """
    from huggingface_hub import HfApi, snapshot_download

    with _asking_the_hub(name, revision):
        info = HfApi().model_info(name, revision=revision)
    wanted = chosen_files([sibling.rfilename for sibling in info.siblings or ()], name)
    with _asking_the_hub(name, revision):
        snapshot_download(name, revision=info.sha, allow_patterns=wanted, local_dir=folder)
    pickled = [file for file in wanted if file.endswith(".bin")]
    converted = {file: sha256_of(folder / file) for file in pickled}
    if pickled:
        convert(folder, pickled)
    kept = sorted(path.name for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    return LockedModel(str(info.sha), {file: sha256_of(folder / file) for file in kept}, converted)


@contextmanager
def _asking_the_hub(name: str, revision: str | None) -> Iterator[None]:
    """Whatever the hub's client raises, as NoInput. Its call alone belongs within."""
    try:
        yield
    except Exception as error:  # of several libraries
        reason = str(error).strip().split("\n")[0]
        raise NoInput(f"the model '{name}' cannot be fetched", revision or "", reason) from None


def chosen_files(published: Iterable[str], name: str) -> list[str]:
    """Which files of a model are wanted: its settings, and its weights as safetensors, else pickled.

    Parameters
    ----------
    published : names of its files.
    name : of the model, for the error.

    Raises
    ------
    NoInput : it has no weights of either kind.
    """
    there = set(published)
    settings = sorted(filter(is_setting, there))
    for whole, parts, ending in ((SINGLE, SHARDED, ".safetensors"), (PICKLED, PICKLED_PARTS, ".bin")):
        if whole in there:
            return [*settings, whole]
        if parts in there:
            stem = whole.removesuffix(ending) + "-"
            return [*settings, parts, *sorted(f for f in there if f.startswith(stem) and f.endswith(ending))]
    raise NoInput(f"the model '{name}' has neither safetensors nor PyTorch weights")


def convert(folder: Path, pickled: Iterable[str]) -> None:
    """Turn pickled weights into model.safetensors; the pickles go. Nothing but tensors is unpickled.

    Parameters
    ----------
    folder : of the model.
    pickled : names of its pickles.

    Raises
    ------
    NoInput : they hold more than tensors.
    """
    import pickle

    import torch
    from safetensors.torch import save_file

    weights: dict[str, Any] = {}
    for file in pickled:
        try:
            weights.update(torch.load(folder / file, map_location="cpu", weights_only=True))
        except (pickle.UnpicklingError, RuntimeError, ValueError, TypeError, EOFError) as error:
            reason = str(error).strip().split("\n")[0]
            raise NoInput("pickled weights that hold more than tensors", folder / file, reason) from None
    tensors = {key: value.contiguous().clone() for key, value in weights.items() if isinstance(value, torch.Tensor)}
    part = folder / f".{SINGLE}.part"
    save_file(tensors, part, {"format": "pt"})
    part.replace(folder / SINGLE)
    for file in (*pickled, PICKLED_PARTS):
        (folder / file).unlink(missing_ok=True)


def _reads_words(spec: FeatureSpec, name: str) -> bool:
    """Whether a model of that name is given words, and needs its tokenizer."""
    return spec.options.get("model") == name and spec.options.get("casing") is not None


def _lacks_vocabulary(name: str, source: ModelSource) -> bool:
    """Whether files of a tokenizer are not in the model folder, as of what was fetched by an older version."""
    try:
        require_vocabulary(ModelName(name, untrained=0), source)
    except NoInput:
        return True
    return False


def _is_whole(folder: Path, locked: LockedModel | None, revision: str | None) -> bool:
    """Whether every file that the lock file names is there, unchanged, and the revision is the one asked for."""
    if locked is None or revision not in (None, locked.revision):
        return False
    files = {folder / file: digest for file, digest in locked.files.items()}
    return all(path.is_file() and sha256_of(path) == digest for path, digest in files.items())
