"""A model's tokenizer by its files: whether there is a vocabulary, and whether it is the model's."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bids_app.errors import DataError, NoInput
from bids_app.features.stated.model import StatedModel
from bids_app.features.transformers.lock import fetch_hint
from bids_app.features.transformers.models import VOCABULARY, as_no_input, settings_of
from bids_app.features.transformers.tokenizers import ALONE, require_rows
from bids_app.inputs.model_files import read_bytes_of_model
from bids_app.pointers import is_there
from bids_app.records import ModelSource

FAST = "tokenizer.json"


def require_tokenizer(stated: StatedModel, source: ModelSource) -> dict[str, int]:
    """Make sure that a model has a vocabulary, and as many rows of its embedding as tokens.

    Parameters
    ----------
    stated : the model.
    source : where models are.

    Returns
    -------
    Token → its number, by tokenizer.json; none where the vocabulary is in other files, which loading will judge.

    Raises
    ------
    NoInput : there is none, it cannot be read, or it is another model's.
    """
    folder, name = stated.folder, stated.name.name
    own = settings_of("tokenizer_config.json", stated.name, source)
    if not is_there(folder / FAST):
        if not any(fnmatchcase(path.name, pattern) for path in folder.iterdir() for pattern in VOCABULARY):
            what = f"the tokenizer of the model '{name}' lacks {ALONE[0]}: every word would be unknown"
            raise NoInput(what, folder, f"{FAST} would do, too; {fetch_hint(source)}")
        return {}
    with as_no_input(name):
        tokenizer = _tokenizer(folder / FAST)
    numbers: dict[str, int] = tokenizer.get_vocab(with_added_tokens=True)
    added, named = tokenizer.get_added_tokens_decoder(), _special(own)
    marks = {number for number, token in added.items() if token.special or token.content in named}
    if stated.n_rows is not None:
        require_rows({*numbers.values()} - marks, stated.n_rows, stated.name, folder)
    return numbers


def _special(own: Mapping[str, Any]) -> set[str]:
    """Tokens that tokenizer_config.json makes special, whatever tokenizer.json says: as one for padding."""
    added = own.get("added_tokens_decoder")
    entries = [one for one in added.values() if isinstance(one, dict)] if isinstance(added, dict) else []
    marks = [one for one in entries if one.get("special") is True]
    named = [*marks, *(value for key, value in own.items() if key.endswith("_token"))]
    return {str(one.get("content") if isinstance(one, dict) else one) for one in named}


def _tokenizer(path: Path) -> Any:
    """What the library tokenizers makes of a file. Raises DataError."""
    from tokenizers import Tokenizer

    content = read_bytes_of_model(path)
    try:
        return Tokenizer.from_buffer(content)
    except Exception as error:  # it raises Exception itself
        raise DataError(f"the file is no tokenizer ({str(error).strip().splitlines()[0]})", path) from None
