"""How p and intervals of a unit were made, and how electrodes that respond to speech were found, in words."""

from __future__ import annotations

from bids_app.outputs.wording.phrases import count_of
from bids_app.records import InferenceProvenance, Responsive, ResponsiveSummary

NO_INFERENCE = "No inference was made: there are no p-values and no intervals, and no threshold was applied."
WHERE_ESTIMATES_GO = (
    "How far parts lie from their population values, in simulation: a unique part may come out too large (0.320 for "
    "0.296) while the full model reaches nine tenths of its own. Two spaces that share nothing have a shared part of "
    "−0.012 to −0.018. A shared part of 0.02 is not recovered: do not read a small one as absent."
)
OF_MEAN_RESPONSE = "Fitted to the mean of participants' z-scored responses, not to any participant's own."


def inference_in_words(made: InferenceProvenance | None) -> str:
    """How p and intervals were made."""
    if made is None:
        return NO_INFERENCE
    kinds = "of blocks and of frequencies" if made.frequencies else "of blocks"
    return (
        f"Tests by {made.permutations} sign flips {kinds}, intervals by Student's t over blocks: {made.n_blocks} "
        f"blocks of at least {made.block_s:.0f} s, which count as {made.effective_blocks:.0f} equal ones."
    )


def family_wise(level: float, is_unreliable: bool) -> str:
    """The criterion of a sentence on significant targets.

    Parameters
    ----------
    level : the largest p that counts.
    is_unreliable : whether the unit's warnings say that p does not hold.
    """
    doubt = ", which does not hold here: see the warnings" if is_unreliable else ""
    return f"family-wise p ≤ {level:g}{doubt}"


def responsive_in_words(test: Responsive | ResponsiveSummary) -> str:
    """How speech was compared with silence."""
    (first_s, last_s), (quiet_s, until_s) = test.speech_s, test.quiet_s
    return (
        f"mean signal {first_s:g} to {last_s:g} s from the onset of words that end a silence of at least "
        f"{test.silence_s:g} s, against {quiet_s:g} to {until_s:g} s, {count_of(test.n_pairs, 'pair')}, one-sided "
        "paired t-test"
    )
