"""Word vectors in text files, as GloVe, word2vec and fastText publish them: a word and its numbers a line."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bids_app.errors import DataError, NoInput
from bids_app.inputs.opening import check_input
from bids_app.pointers import is_there, require_content
from bids_app.records import Array, FeatureSpec, ModelSource

MOST_OF_A_LINE = 2**22  # characters
ENDINGS = (".txt", ".vec", ".txt.gz", ".vec.gz")


def find_vectors(spec: FeatureSpec, source: ModelSource) -> Path:
    """The file of vectors: in the model folder, or relative to the analysis file, or where its path says.

    Parameters
    ----------
    spec : its option `model` names the file.
    source : holds the model folder.

    Raises
    ------
    NoInput : it is in none of these places, or was not fetched.
    """
    name = str(spec.options["model"])
    places = [folder / name for folder in (source.model_dir, spec.base_dir) if folder is not None] or [Path(name)]
    path = next((place for place in places if is_there(place)), None)
    if path is None:
        raise NoInput(f"there are no word vectors '{name}'", "", f"looked for {' or '.join(map(str, places))}")
    require_content(path, NoInput)
    return path


def spellings(word: str) -> tuple[str, ...]:
    """How a word may stand in the file, best first: as it is, in lower case, without the punctuation around it."""
    bare = re.sub(r"^\W+|\W+$", "", word)
    return tuple(dict.fromkeys(form for form in (word, word.lower(), bare, bare.lower()) if form))


def read_vectors(path: Path, words: Sequence[str]) -> tuple[Array, Array]:
    """Vectors of words.

    One pass over the file; only lines of wanted words are turned into numbers. A word's first line counts.

    Parameters
    ----------
    path : a text file, perhaps gzipped: a word and its numbers a line.
    words : (n_words,).

    Returns
    -------
    values : (n_words, n_dims) float32, zeros where the file lacks every spelling of the word.
    known : (n_words,) whether it has one.

    Raises
    ------
    DataError : the file is broken, or no word of it is wanted.
    """
    wanted = {spelling for word in words for spelling in spellings(word)}
    vectors: dict[str, Array] = {}
    try:
        for spelling, numbers in _lines(path):
            if spelling in wanted and spelling not in vectors:
                vectors[spelling] = np.array(numbers.split(), dtype=np.float32)
    except (OSError, ValueError, EOFError) as error:
        raise DataError("the word vectors cannot be read", path, str(error)) from None
    widths = {vector.size for vector in vectors.values()}
    if len(widths) != 1:
        raise DataError("the word vectors differ in length" if widths else "no word has a vector", path)
    nothing = np.zeros(widths.pop(), dtype=np.float32)
    best = [next((vectors[spelling] for spelling in spellings(word) if spelling in vectors), None) for word in words]
    values = np.stack([nothing if vector is None else vector for vector in best])
    return values, np.array([vector is not None for vector in best])


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Word and numbers of each line; word2vec's and fastText's first line, two counts, is passed over."""
    check_input(path, home=path.parent)  # the user named it, wherever it lies
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        for place, line in enumerate(iter(lambda: lines.readline(MOST_OF_A_LINE), "")):
            if len(line) == MOST_OF_A_LINE:
                raise ValueError(f"line {place + 1} has more than {MOST_OF_A_LINE} characters")
            word, _, numbers = line.strip("\n ").partition(" ")
            if place or " " in numbers or not (word + numbers).isdigit():
                yield word, numbers
