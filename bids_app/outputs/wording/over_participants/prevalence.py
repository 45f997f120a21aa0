"""Prevalence in words: what its maps are, and what it says of a group."""

from __future__ import annotations

from collections.abc import Mapping

from bids_app.outputs.wording.methods.references import cited
from bids_app.outputs.wording.phrases import count_of, listed, number
from bids_app.records import GroupInference
from bids_app.records.over_participants.prevalence import Prevalence

OF_PEOPLE = (
    "of the prevalence: the share of people in whom an experiment like this one would find this component here, from "
    "participants' own tests (Bayesian, uniform prior)"
)
PREVALENCE: Mapping[str, str] = {
    "nTested": "Number of participants whose own tests count here: who have this target, and whose p hold",
    "nSignificant": "Number of these participants whose own family-wise p is at most {level:g}",
    "prevalence": f"Most likely value (maximum a posteriori) {OF_PEOPLE}",
    "prevalenceLow": f"Lower end of the 95 % highest posterior density interval {OF_PEOPLE}",
    "prevalenceHigh": f"Upper end of the 95 % highest posterior density interval {OF_PEOPLE}",
    "prevalenceBound": f"Lower bound (above it with a posterior probability of .95) {OF_PEOPLE}",
}
ASSUMED = (
    "A test is taken to find nothing where nothing is in at most {level:g} of people, and to find everything where "
    "something is: so this is a lower limit of how many people have it. Family-wise p find a single target falsely "
    "less often than that, which makes prevalence smaller. Participants are taken for a random sample who err "
    "independently; what all responses to one stimulus have in common by chance makes them err together. It is no "
    "test: where nobody is significant its lower bound is still above 0"
)


def prevalence_definition(statistic: str, level: float) -> str:
    """What a number of participants, or of their prevalence, is.

    Parameters
    ----------
    statistic : a key of `PREVALENCE`.
    level : of participants' own family-wise p.
    """
    return f"{PREVALENCE[statistic]}. {ASSUMED}.".format(level=level)


def prevalence_in_words(found: Mapping[str, Prevalence], made: GroupInference | None) -> str:
    """In how many participants the full model is found in any target, and what that says of people.

    Parameters
    ----------
    found : label → prevalence of components in any target.
    made : how tests over participants were made; None where there are none.
    """
    if made is None:
        return ""
    uncounted = [f"sub-{one}" for one in made.uncounted]
    without = f" Their own p do not hold, and do not count: {listed(uncounted)}." if uncounted else ""
    full = found.get("full")
    if full is None:
        return "Prevalence: there is none, as nobody has tests of their own whose p hold."
    return (
        f"Prevalence: in their own tests (family-wise p ≤ {made.asked.level:g}) the full model is found in some "
        f"target of {full.n_significant} of {count_of(full.n_tested, 'participant')}. That is most likely in "
        f"{share(full.estimate)} of people (95 % highest posterior density interval {share(full.low)} to "
        f"{share(full.high)}; with a probability of .95 in more than {share(full.bound)}; "
        f"{cited('ince2021')}).{without} {ASSUMED.format(level=made.asked.level)}. Target by target it is in the "
        "maps or the table of the group."
    )


def share(value: float) -> str:
    """`.25` as 25 %."""
    return f"{number(100 * value, 0)} %"
