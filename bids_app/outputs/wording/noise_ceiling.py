"""Noise ceilings in sentences: of one unit from repeats, and of a group from other participants."""

from __future__ import annotations

from bids_app.outputs.wording.phrases import count_of, number
from bids_app.records import GroupResultSummary, Spread, UnitSummary, entities_of

NONE = "none: "
UNKNOWN = "So nothing here says how much any model could predict: do not take a low R² for a poor model."
OTHERS = (
    "What this participant shares with others who heard the same gives another noise ceiling, once the group level "
    "has been run: see group.html."
)
OWN = (
    "What a stimulus decides in one participant alone is not in it, so a model may exceed it. Repeats of a stimulus "
    "would show that too."
)


def noise_ceiling_in_words(summary: UnitSummary) -> str:
    """What the noise ceiling of a unit is, how many targets have one, and how near to it the full model comes.

    Parameters
    ----------
    summary : of the unit.
    """
    full = summary.components["full"].spreads
    if "ceiling" not in full:
        others = f" {OTHERS}" if "sub" in entities_of(summary.stem) and summary.modality == "fmri" else ""
        return f"Noise ceiling. {_basis(summary.ceiling)} {UNKNOWN}{others}"
    ceiling, share = full["ceiling"].usable, full["share"].usable
    return (
        f"Noise ceiling. {_basis(summary.ceiling)} Over {count_of(ceiling.n, 'usable target')} its median is "
        f"{number(ceiling.median)}. {_reached(share)}"
    )


def inter_subject_noise_ceiling_in_words(group: GroupResultSummary) -> str:
    """The same of participants who heard the same, each from the others.

    Parameters
    ----------
    group : with what is known over the targets of all participants.
    """
    known = group.inter_subject
    text = f"Noise ceiling from other participants. {_basis(group.ceiling)}"
    if known is None:
        return f"{text} {UNKNOWN}"
    where = (
        f"It is known in {known.ceiling.n} of {known.n_targets} targets of all participants: those in which the "
        "signal that the others have in common is above 0 beyond its 95 % confidence interval."
    )
    if not known.ceiling.n:
        return f"{text} {where} {OWN}"
    return f"{text} {where} Its median there is {number(known.ceiling.median)}. {_reached(known.share)} {OWN}"


def _basis(words: str) -> str:
    """What it rests on, or why there is none."""
    return f"There is none: {words.removeprefix(NONE)}." if words.startswith(NONE) else f"It is estimated {words}."


def _reached(share: Spread) -> str:
    """Where a share of it can be given, and how large it is."""
    if not share.n:
        return (
            "In no target does its 95 % confidence interval lie above 0, so the full model is not compared with it."
        )
    targets = f"{count_of(share.n, 'target')} its 95 % confidence interval lies above 0"
    return f"In {targets}. There the full model reaches {number(share.median)} of it (median)."
