"""A model's tokenizer: loaded where its vocabulary is there and fits the model's embedding, else refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import lru_cache
from pathlib import Path
from typing import Any

from bids_app.errors import NoInput
from bids_app.features.base.tokens import KEPT
from bids_app.features.transformers.lock import fetch_hint
from bids_app.features.transformers.models import ModelName, load, model_files, readable, settings_of
from bids_app.inputs.model_files import read_bytes_of_model
from bids_app.pointers import is_there
from bids_app.records import ModelSource

ALONE = ("tokenizer.model", "tiktoken.model", "tekken.json")  # each a whole vocabulary, whatever the class states
NOT_VOCABULARY = ("tokenizer_file", "tokenizer_config_file", "normalizer_file")  # of what classes state
SENTENCE_PIECE = b"\n"  # the first byte of such a model; what tiktoken writes begins with a letter


def load_tokenizer(model: ModelName, source: ModelSource) -> Any:
    """The model's tokenizer, one that knows the characters of each token; the same one while its files are the same.

    Parameters
    ----------
    model : name and revision.
    source : where models are.

    Raises
    ------
    NoInput : there is none, its vocabulary is not there or cannot be read, or it knows no characters.
    """
    states = [(path, path.stat()) for path in model_files(model, source)]
    return _loaded(model, source, tuple((path, state.st_size, state.st_mtime_ns) for path, state in states))


@lru_cache(maxsize=KEPT)
def _loaded(model: ModelName, source: ModelSource, states: tuple[object, ...]) -> Any:
    from transformers import AutoTokenizer

    require_vocabulary(model, source)
    _require_packages(model, source)
    tokenizer = load(AutoTokenizer, model, source)
    if not tokenizer.is_fast:
        what = f"the tokenizer of the model '{model.name}' knows no character positions"
        raise NoInput(what, "", "add tokenizer.json")
    return tokenizer


def require_vocabulary(model: ModelName, source: ModelSource) -> None:
    """Make sure that the files of the tokenizer's vocabulary are there: without, transformers makes a tokenizer to
    which every word is unknown, and says nothing.

    They are tokenizer.json, or all that the class of the tokenizer states.

    Parameters
    ----------
    model : name and revision.
    source : where models are.

    Raises
    ------
    NoInput : one is not there.
    """
    folder = model_files(model, source)[0].parent
    whole, *others = _vocabularies(model, source)
    if _first_whole(folder, (whole, *others)) is None:
        parts = next(iter(others), whole)
        absent = [file for file in parts if not is_there(folder / file)]
        what = f"the tokenizer of the model '{model.name}' lacks {' and '.join(absent)}: every word would be unknown"
        raise NoInput(what, folder, f"{' and '.join(whole)} would do, too; {fetch_hint(source)}")


def _require_packages(model: ModelName, source: ModelSource) -> None:
    """Raises NoInput where a vocabulary is a SentencePiece model and what reads those is not installed."""
    from transformers.utils import is_protobuf_available, is_sentencepiece_available

    folder = model_files(model, source)[0].parent
    packages = {"sentencepiece": is_sentencepiece_available(), "protobuf": is_protobuf_available()}
    absent = [package for package, there in packages.items() if not there]
    for file in _first_whole(folder, _vocabularies(model, source)) or ():
        if absent and file.endswith(".model") and read_bytes_of_model(folder / file)[:1] == SENTENCE_PIECE:
            what = f"the tokenizer of the model '{model.name}' needs {' and '.join(absent)} to read {file}"
            raise NoInput(what, folder, f"pip install {' '.join(absent)}, or add tokenizer.json")


def require_fit(tokenizer: Any, n_rows: int, model: ModelName) -> None:
    """Make sure that every token but added marks has a row in the embedding: else both are of two models.

    Parameters
    ----------
    tokenizer : of the library.
    n_rows : of the model's input embedding.
    model : its name, for the message.

    Raises
    ------
    NoInput : a token has none.
    """
    # marks that were added are of no word: some are of other models that share the tokenizer (Gemma 3's images)
    marks = {number for number, token in tokenizer.added_tokens_decoder.items() if token.special}
    require_rows(set(tokenizer.get_vocab().values()) - marks, n_rows, model, tokenizer.name_or_path)


def require_rows(numbers: Set[int], n_rows: int, model: ModelName, where: object) -> None:
    """Make sure that an embedding has a row for each token.

    Parameters
    ----------
    numbers : of tokens.
    n_rows : of the embedding.
    model : its name, for the message.
    where : the tokenizer's place.

    Raises
    ------
    NoInput : a token has none.
    """
    n_tokens = max(numbers, default=-1) + 1
    if n_tokens > n_rows:
        what = f"the tokenizer of the model '{model.name}' has {n_tokens} tokens, its embedding {n_rows} rows"
        raise NoInput(what, where, "they are not of one model: fetch all of its files again")


def _vocabularies(model: ModelName, source: ModelSource) -> tuple[tuple[str, ...], ...]:
    """Names of files that are a vocabulary together, in the order in which transformers takes them: tokenizer.json,
    what the tokenizer's class states, and what is read whatever the class. Some classes need none."""
    config, own = (settings_of(file, model, source) for file in ("config.json", "tokenizer_config.json"))
    with readable(model, source):
        return _stated_files(config, own)


def _stated_files(config: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """`_vocabularies` by what config.json and tokenizer_config.json say."""
    from transformers import PreTrainedTokenizerFast
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES, tokenizer_class_from_name
    from transformers.tokenization_utils_base import get_fast_tokenizer_file

    named = own.get("tokenizer_class") or config.get("tokenizer_class")
    named = named or TOKENIZER_MAPPING_NAMES.get(str(config.get("model_type")))
    kind = (named and tokenizer_class_from_name(named)) or PreTrainedTokenizerFast
    if not kind.vocab_files_names:
        return ((),)
    stated = tuple(file for key, file in kind.vocab_files_names.items() if key not in NOT_VOCABULARY)
    fast = get_fast_tokenizer_file(own.get("fast_tokenizer_files", []))
    return tuple(dict.fromkeys([(fast,), *([stated] if stated else []), *((file,) for file in ALONE)]))


def _first_whole(folder: Path, vocabularies: Iterable[tuple[str, ...]]) -> tuple[str, ...] | None:
    return next((files for files in vocabularies if all(is_there(folder / file) for file in files)), None)
