"""Pieces of both answers: which models, which shared part is the largest, what the baseline is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from bids_app.outputs.wording.phrases import listed, number
from bids_app.records import Component, partition_components

ONE_GROUP = "Shared or alone: there is a single feature group, so nothing is split."
NOT_SPLIT = "Shared or alone: nothing follows, as the model is not shown to predict anything."
NO_BASELINE = "Beyond a baseline: none was fitted, so nothing says whether it predicts more than word rate does."
OWN_RECORDINGS = " from this participant's own recordings"
NOT_TESTED = "nothing was tested, so this describes and shows nothing"
NOT_TESTABLE = "nothing can be tested on these data, so this describes and shows nothing"


def model_of(groups: Sequence[str]) -> str:
    """`The model of speech and language together`."""
    return f"The model of {listed(groups)}{' together' if len(groups) > 1 else ''}"


def unknown_ceiling(why: str, where: str = "") -> str:
    """There is no noise ceiling.

    Parameters
    ----------
    why : in words, as summaries hold it.
    where : from what it is not known.
    """
    known = f"not known{where} ({why.removeprefix('none: ')})"
    return f"Of what ceiling: {known}, so a low R² need not mean a poor model."


@dataclass(frozen=True)
class Split:
    """Mean R² of the parts of a partition: all unique ones, all shared ones, and the largest of each."""

    unique: float
    shared: float
    largest_unique: Component
    largest_shared: Component


def split_of(groups: Sequence[str], mean: Callable[[Component], float | None]) -> Split | None:
    """How the full model's mean R² is split; None where a part has no mean.

    Parameters
    ----------
    groups : feature groups of the partition, two at least.
    mean : component → its mean R².
    """
    known = {part: mean(part) for part in partition_components(groups) if part.is_part}
    means = {part: value for part, value in known.items() if value is not None}
    if len(means) < len(known):
        return None
    unique = {part: value for part, value in means.items() if part.kind == "unique"}
    shared = {part: value for part, value in means.items() if part.kind == "shared"}
    largest = (max(each, key=lambda part: each[part]) for each in (unique, shared))
    return Split(sum(unique.values()), sum(shared.values()), *largest)


def split_sentence(full: float | None, split: Split, described: Callable[[Component], str]) -> str:
    """The fourth sentence.

    Parameters
    ----------
    full : the full model's mean R².
    split : how it is split.
    described : a part in words: its mean R², and in how many targets it is significant where that was tested.
    """
    alone, both = split.largest_unique, split.largest_shared
    return (
        f"Shared or alone: of the mean R² of {number(full)}, {number(split.unique)} is of single feature groups "
        f"alone (most: {alone.groups[0]}, {described(alone)}) and {number(split.shared)} is shared (most: by exactly "
        f"{listed(both.groups)}, {described(both)})."
    )


def baseline_is(words: Iterable[str], mean: float | None) -> str:
    """`the baseline (word rate and envelope; mean R² 0.011)`.

    Parameters
    ----------
    words : of what it is made.
    mean : its mean R².
    """
    made = tuple(words)
    return f"the baseline ({listed(made)}; mean R² {number(mean)})" if made else f"the baseline (R² {number(mean)})"
