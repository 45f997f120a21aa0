"""Findings about recordings as a reader meets them: many that are alike become one line with a count."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from bids_app.records.inputs.alignment import Alignment
from bids_app.records.inputs.responses import Excluded

Finding = tuple[str, str]  # a recording's label, and what was found
# What may differ between findings that are alike: numbers, and names of files and of participants' files.
VARYING = re.compile(r"[^\s;,()'\"]*(?:/|sub-)[^\s;,()'\"]*[^\s;,()'\":.]|(?<![\w.-])[-−]?\d+(?:\.\d+)?(?!\w|\.\d)")


@dataclass(frozen=True)
class Notice:
    """One finding in any number of recordings.

    Parameters
    ----------
    text : what was found. Where only numbers differ between recordings it holds their range, where names of files do,
        what these have in common.
    labels : of the recordings, in the order of the findings.
    """

    text: str
    labels: tuple[str, ...]

    @property
    def line(self) -> str:
        """The text, and whom it concerns."""
        return f"{self.text} ({self.whose})"

    @property
    def whose(self) -> str:
        """The recording's label, or how many there are and the first one's."""
        return self.labels[0] if len(self.labels) == 1 else f"{len(self.labels)} recordings, first {self.labels[0]}"


def group_findings(findings: Iterable[Finding]) -> tuple[Notice, ...]:
    """Findings that are alike as one notice each, in the order in which they are met first.

    Parameters
    ----------
    findings : one a recording and text; what is said twice of one recording counts once.
    """
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for label, text in dict.fromkeys(findings):
        groups.setdefault(tuple(VARYING.split(text)), []).append((label, text))
    return tuple(
        Notice(_common_text([text for _, text in alike]), tuple(dict.fromkeys(label for label, _ in alike)))
        for alike in groups.values()
    )


def warnings_of(alignments: Iterable[Alignment]) -> list[Finding]:
    """The warnings of alignment records."""
    return [(one.recording, text) for one in alignments for text in one.of("warning")]


def refusal_lines(excluded: Iterable[Excluded]) -> tuple[str, ...]:
    """One line a reason for which recordings cannot be used.

    Parameters
    ----------
    excluded : recordings, or units of which none can be used.
    """
    notices = group_findings((one.label, one.reason) for one in excluded)
    return tuple(
        f"cannot use {one.labels[0]}: {one.text}" if len(one.labels) == 1 else
        f"cannot use {len(one.labels)} recordings: {one.text} (first {one.labels[0]})"
        for one in notices
    )  # fmt: skip


def _common_text(texts: list[str]) -> str:
    """One text for those that differ in numbers and names alone."""
    first = texts[0]
    fixed = VARYING.split(first)
    columns = zip(*(VARYING.findall(text) for text in texts), strict=True)
    words = [_common_word(tuple(dict.fromkeys(column))) for column in columns]
    return fixed[0] + "".join(word + after for word, after in zip(words, fixed[1:], strict=True))


def _common_word(words: tuple[str, ...]) -> str:
    """The range of numbers, and what names begin and end with."""
    if len(words) == 1:
        return words[0]
    try:
        ordered = sorted(words, key=lambda word: float(word.replace("−", "-")))
        return f"{ordered[0]}…{ordered[-1]}"
    except ValueError:
        before = re.sub(r"\w+$", "", _beginning(words))
        after = _beginning([word[len(before) :][::-1] for word in words])[::-1]
        return before + "…" + re.sub(r"^[^\W_]+", "", after)


def _beginning(words: Sequence[str]) -> str:
    """The characters that all of them begin with."""
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*words, strict=False))
    return "".join(letters[0] for letters in same)
