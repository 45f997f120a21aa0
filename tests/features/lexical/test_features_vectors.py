"""Word vectors in text files: three formats, spellings, and what is not there."""

import gzip

import numpy as np
import pytest
from tiny_models import stimulus, words_at

from bids_app import features
from bids_app.errors import DataError, NoInput
from bids_app.records import FeatureSpec, ModelSource

GLOVE = "the 1 2 3\nfox -1 0.5 1e-3\nfox 9 9 9\ndon't 4 4 4\nParis 7 7 7\n, 0 0 1\n"


def rows(folder, name, texts):
    words = words_at([0.5 * k for k in range(len(texts))], texts)
    spec = FeatureSpec("x", "word_embedding", {"model": name})
    return features.extract(stimulus(words=words), spec, ModelSource(folder, offline=True))


@pytest.mark.parametrize("name", ["glove.txt", "word2vec.txt", "fasttext.vec", "glove.txt.gz"])
def test_formats(name, tmp_path):
    text = GLOVE if "glove" in name else f"6 3\n{GLOVE}"
    content = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    got = rows(tmp_path, name, ["The", "FOX,", "Paris", "“don't”", "zebra", ","])
    want = [[1, 2, 3], [-1, 0.5, 1e-3], [7, 7, 7], [4, 4, 4], [0, 0, 0], [0, 0, 1]]
    np.testing.assert_allclose(got.values, want)
    assert got.provenance.unknown_share == pytest.approx(1 / 6, abs=1e-6)
    assert got.provenance.notes == ("16.7% of the words have no vector and zeros: zebra",)
    assert set(got.provenance.files) == {name}


def test_what_is_wrong_is_one_line(tmp_path):
    with pytest.raises(NoInput, match=r"no word vectors 'absent.txt' \(looked for"):
        rows(tmp_path, "absent.txt", ["a"])
    (tmp_path / "odd.txt").write_text("the 1 2\nfox 1 2 3\n")
    with pytest.raises(DataError, match="differ in length"):
        rows(tmp_path, "odd.txt", ["the", "fox"])
    with pytest.raises(DataError, match="no word has a vector"):
        rows(tmp_path, "odd.txt", ["zebra"])
    (tmp_path / "words.txt").write_text("the cat sat\n")
    with pytest.raises(DataError, match="cannot be read"):
        rows(tmp_path, "words.txt", ["the"])
    (tmp_path / "cut.txt.gz").write_bytes(gzip.compress(GLOVE.encode())[:20])
    with pytest.raises(DataError, match="cannot be read"):
        rows(tmp_path, "cut.txt.gz", ["the"])
