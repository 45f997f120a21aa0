"""The prose of a page of Markdown, sentence by sentence: no code, tables, headings, pictures or comments."""

import re

ABBREVIATIONS = re.compile(r"\b(e\.g|i\.e|et al|cf|vs|Fig|No)\.")
ENDS = re.compile(r"(?<=[.!?])[\"”’')\]]*\s+(?=[\"“‘'(\[]*[A-Z0-9Α-Ωα-ω−‖Σ])")
WORD = re.compile(r"[^\s\w]*\w\S*")
ITEM = re.compile(r"\s*(?:[-*+]|\d+\.)\s+(.*)")


def paragraphs(page: str) -> list[str]:
    """Paragraphs and items of lists, each in one line."""
    found: list[str] = []
    parts: list[str] = []
    fence, is_code, after_blank = "", False, True
    for line in [*re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL).splitlines(), ""]:
        text = line.strip()
        if fence:
            fence = "" if text.startswith(fence) else fence
            continue
        item = ITEM.fullmatch(line)
        is_code = line.startswith("    ") and (is_code or after_blank) and not (item and parts)
        mark = re.match(r"```+|~~~+", text)
        begins = not text or is_code or mark or item or text.startswith(("#", "|", "!["))
        if begins and parts:
            found.append(" ".join(parts))
            parts = []
        fence = mark[0] if mark else ""
        if item and not is_code:
            parts.append(item[1])
        elif not begins:
            parts.append(text)
        after_blank = not text
    return found


def sentences(paragraph: str) -> list[str]:
    """Of a paragraph; code in it counts as a word, a link as its text."""
    text = re.sub(r"`[^`]*`", "Code", paragraph)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = ABBREVIATIONS.sub(r"\1", text.replace("*", ""))
    return [one for one in ENDS.split(text) if WORD.search(one)]


def words(sentence: str) -> int:
    """How many; signs that stand alone are none."""
    return len(WORD.findall(sentence))


def mean_words(page: str) -> float:
    """Words a sentence, over a page; 0 of a page without prose."""
    counts = [words(one) for paragraph in paragraphs(page) for one in sentences(paragraph)]
    return sum(counts) / len(counts) if counts else 0.0
