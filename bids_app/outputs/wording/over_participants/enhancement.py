"""Threshold-free cluster enhancement in words: how it was made, and what its p says."""

from __future__ import annotations

from bids_app.outputs.wording.methods.references import cited
from bids_app.records import GroupInference
from bids_app.records.over_participants.enhancement import Enhancement

SUPPORT = (
    "A target is helped by its neighbours: it belongs to an effect somewhere around it, and edges of what is "
    "significant are not those of the effect"
)


def enhanced_how(made: Enhancement) -> str:
    """What enhancement gives a target, with its numbers.

    Parameters
    ----------
    made : how it was done.
    """
    return (
        f"the sum over heights h, {made.step:g} apart, of e^{made.extent_power:g} · h^{made.height_power:g} · "
        f"{made.step:g}, with e the number of targets that hang together with it above h (neighbours: "
        f"{made.neighbours}; {made.software})"
    )


def enhanced_definition(made: GroupInference) -> str:
    """What the family-wise p by TFCE is, without what is said of any p over participants.

    Parameters
    ----------
    made : how tests over participants were made, with TFCE.
    """
    how = "" if made.tfce is None else f" Enhanced, a target has {enhanced_how(made.tfce)}."
    guard = (
        " It is no smaller than the family-wise p by max-T of the same component in the participants' mean response."
        if made.guarded
        else ""
    )
    return (
        f"Family-wise p by threshold-free cluster enhancement (TFCE; Smith & Nichols 2009): the share of the "
        f"{made.n_signs} sign vectors whose map of studentised means, enhanced, has anywhere a value at least as "
        f"large as this target's; for each test before the larger is taken, one-sided, as for pfwe.{how}{guard} "
        f"{SUPPORT}."
    )


def tfce_in_words(made: GroupInference) -> str:
    """How maps were enhanced, or why they were not; empty where nobody asked.

    Parameters
    ----------
    made : how tests over participants were made.
    """
    if made.tfce is None:
        return f" No family-wise p by TFCE, which was asked for: {made.no_tfce}." if made.no_tfce else ""
    guard = ", and its p is no smaller than theirs by max-T in the mean response" if made.guarded else ""
    return (
        f" Beside max-T, family-wise by threshold-free cluster enhancement (TFCE; {cited('smith2009')}) of the same "
        f"studentised means under the same sign vectors: a target is given {enhanced_how(made.tfce)}. Each vector's "
        f"largest enhanced value makes the null{guard}. {SUPPORT}."
    )


def enhanced_facts(made: GroupInference | None) -> dict[str, object]:
    """How maps were enhanced, for a JSON; nothing where they were not.

    Parameters
    ----------
    made : how tests over participants were made; None where there are none.
    """
    if made is None or made.tfce is None:
        return {}
    how = made.tfce
    return {
        "TFCE": {
            "ExtentPower": how.extent_power,
            "HeightPower": how.height_power,
            "Step": how.step,
            "Neighbours": how.neighbours,
            "SignVectors": made.n_signs,
            "Software": how.software,
        }
    }
