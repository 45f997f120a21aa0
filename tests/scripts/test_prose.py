"""Sentences of the documentation are short: under 18 words on average, page by page."""

from pathlib import Path

import pytest
from prose import mean_words, paragraphs, sentences, words

ROOT = Path(__file__).parents[2]
ROOT_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGES.md", "benchmarks/RESULTS.md", "benchmarks/CALIBRATION.md")
PAGES = [*(ROOT / name for name in ROOT_PAGES), *sorted((ROOT / "docs").rglob("*.md"))]
MOST_WORDS = 18


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_sentences_are_short(page):
    mean = mean_words(page.read_text(encoding="utf-8"))
    assert mean < MOST_WORDS, f"{page.name}: {mean:.1f} words a sentence; make two of the longest"


@pytest.mark.parametrize(
    ("page", "found"),
    [
        ("One line\nand its rest.\n\nAnother.", ["One line and its rest.", "Another."]),
        ("# Heading\nText.", ["Text."]),
        ("| a | table |\n|---|---|\n| of | two. Rows |\n\nText.", ["Text."]),
        ("```python\ncode. More\n```\nText.", ["Text."]),
        ("Text:\n\n    code. More\n\n    and more\n\nText.", ["Text:", "Text."]),
        ("- One.\n  Its rest.\n- Two.", ["One. Its rest.", "Two."]),
        ("1. One.\n\n    Its second paragraph is taken for code.\n2. Two.", ["One.", "Two."]),
        ("- One\n    - within", ["One", "within"]),
        ("![A picture. Of two sentences](images/a.png)\nText.", ["Text."]),
        ("<!-- a comment.\nOver lines. -->\nText.", ["Text."]),
        ("Three lines\n    with an indented\nrest.", ["Three lines with an indented rest."]),
    ],
)
def test_prose_is_found(page, found):
    assert paragraphs(page) == found


@pytest.mark.parametrize(
    ("paragraph", "counts"),
    [
        ("One two three. Four five.", [3, 2]),
        ("One `code with. Dots` three.", [3]),
        ("As Ince et al. 2021 say, e.g. here.", [8]),
        ("One is .05. Two is .1 here.", [3, 4]),
        ("It is 1.5 s, no more.", [6]),
        ("A [link. With dots](a.md#b) here.", [2, 3]),
        ("One; two: three.", [3]),
        ("R² = 1 − Σ(y−ŷ)² here.", [4]),
        ("It says “so.” Then more.", [3, 2]),
        ("(One.) *Two* three.", [1, 2]),
        ("End. `concord` begins.", [1, 2]),
        ("Is it? Yes! It is.", [2, 1, 2]),
        ("α is .1. β is more.", [3, 3]),
    ],
)
def test_words_are_counted(paragraph, counts):
    assert [words(one) for one in sentences(paragraph)] == counts


def test_the_mean_is_over_sentences_and_not_paragraphs():
    assert mean_words("One two. One two.\n\nOne two three four five six seven eight.") == 4
    assert mean_words("# A heading\n") == 0
