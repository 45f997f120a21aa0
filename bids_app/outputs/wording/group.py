"""What group numbers are, in words: for sidecars, column definitions and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bids_app.outputs.derivatives.sidecars import NO_INFERENCE
from bids_app.outputs.wording.definitions import Further, define, local, parts_of, scored
from bids_app.records import INTER_SUBJECT

STATISTIC = {
    "mean": "Mean over people",
    "sd": "Standard deviation over people (n − 1)",
    "n": "Number of people with a value here",
    "nPositive": "Number of people above 0",
    "value": "Value of this electrode",
}
TESTED = ("p", "pfwe", "q", "ci025", "ci975")
FLIPPED = (
    "p over people: the share of sign vectors that give a mean at least as large as the observed one, which counts "
    "itself; a person's value changes its sign as a whole; one-sided, 1 where the mean is not above 0"
)
GUARDED = "; no smaller than the p over people of any set of the sharing spaces adding to the others"
WITH_STIMULUS = (
    "; no smaller than p of the same component in the people's mean response, where blocks of all people's responses "
    "change their sign alike (a stimulus that all heard is one draw); NaN where not all of them have this target"
)
WITHOUT_STIMULUS = "; the stimulus is taken as fixed"
MOST = {
    "p": "",
    "pfwe": "Family-wise: over all targets of this map or table, the largest studentised mean of each sign vector "
    "(max-T), for each test before the larger is taken. ",
    "q": "Benjamini and Hochberg's q over all targets of this map or table, of ",
}
LIMIT = (
    "The {} % limit for the mean over people who hear this stimulus, by Student's t over people (n − 1 degrees of "
    "freedom; percentiles of a bootstrap of so few people would be too narrow). It says nothing of other stimuli, "
    "and is not a test: see p"
)
BETWEEN = {
    "ceiling": "Ceiling of R² from other people: the share of this person's variance that is a signal which others "
    "who heard the same have in common (products of covariances with two others over the covariance of these two, "
    "corrected for sampling; it may be below 0). n/a where that last covariance is not above 0 beyond its 95 % "
    "interval. What the stimulus decides in this person alone is not in it: it is no more than the ceiling that "
    "repeats would give, and a model fitted to this person may exceed it",
    "share": "Held-out R² of the full model over this person's ceiling from other people, where that is above 0 "
    "beyond its 95 % interval",
    "ci025": "The 2.5 % limit of this person's ceiling from other people, by drawing blocks of time",
    "ci975": "The 97.5 % limit of this person's ceiling from other people, by drawing blocks of time",
}
ELECTRODES = {
    "component": "Part or total of the explained variance, see descriptions.tsv",
    "electrodes": "all: all usable electrodes; responsive: those that respond to speech, chosen by no score",
    "n_people": "Number of people with such electrodes",
    "n_electrodes": "Number of these electrodes in all people",
    "mean": "Mean over people of their mean R² over these electrodes",
    "ci025": "Its 2.5 % limit: Student's t with n_people − 1 degrees of freedom on the standard error of a "
    "hierarchical bootstrap, of people and then of each one's electrodes, times √(n/(n − 1))",
    "ci975": "Its 97.5 % limit, as ci025",
    "p": "p that it is not above 0, by the same standard error, one-sided; of a shared part no smaller than the p of "
    "any set of the sharing spaces adding to the others; never below 2^−n_people. Electrodes differ between people: "
    "the stimulus is taken as fixed",
}
How = Mapping[str, Any] | None


def words(
    component: str,
    stat: str,
    statistic: str,
    units: Sequence[str],
    further: Further,
    how: How,
    published: bool = False,
) -> str:
    """What a group number is; `published`: see `scored`."""
    if statistic in TESTED:
        return _tested(component, statistic, units, further, how or {})
    through = "; of correlations through Fisher's z" if (stat, statistic) == ("r", "mean") else ""
    in_each = f"{BETWEEN[stat]}." if component == INTER_SUBJECT else define(component, stat, units, further)
    in_each = scored(in_each, published)
    return f"{STATISTIC[statistic]}{through}. In each person: {in_each}"


def _tested(component: str, statistic: str, units: Sequence[str], further: Further, how: Mapping[str, Any]) -> str:
    of_what = f"In each person: {define(component, 'rsquared', units, further)}"
    if statistic.startswith("ci"):
        return f"{LIMIT.format({'ci025': '2.5', 'ci975': '97.5'}[statistic])}. {of_what}"
    partition, part = local(component, further) or ("", component)
    chosen = parts_of(further[partition] if partition else units).get(part, ())
    guard = GUARDED if len(chosen) > 1 else ""
    stimulus = WITH_STIMULUS if how.get("guarded") else WITHOUT_STIMULUS
    return f"{MOST[statistic]}{FLIPPED}{guard}{stimulus}. {of_what}"


def inference_in_words(how: How, kind: str) -> str:
    """How a group's tests were made, and what they cannot say."""
    if how is None:
        return NO_INFERENCE
    n = how["n_people"]
    who = "1 person allows" if n == 1 else f"{n} people allow"
    least = f"{who} no p below 2^−{n} = {0.5**n:.3g}"
    unshared = (
        " Shared parts have no p: plain ridge makes them too large in all people alike, and no test of these people "
        "holds; banded ridge does not."
        if how["biased"] and not how["guarded"]
        else ""
    )
    if kind == "electrodes":
        return (
            "Means over electrodes: a hierarchical bootstrap of people, then of their electrodes, with Student's t; "
            f"{least}. Electrodes are not common to people, so the stimulus is taken as fixed: what all responses to "
            f"it have in common by chance is not guarded against.{unshared}"
        )
    if how["exact"]:
        signs = f"all {how['n_signs']}"
    else:
        signs, least = f"{how['n_signs']} of 2^{n}", f"so many allow no p below 1/{how['n_signs']}"
    stimulus = (
        f"p is the larger of this and that of {how['stimulus']}, where blocks of time change their sign in everybody "
        "alike."
        if how["guarded"]
        else f"There is no null over the stimulus ({how['stimulus'].removeprefix('none: ')}): where people heard the "
        "same, p takes it as fixed, and what all responses to it have in common by chance is not guarded against."
    )
    return (
        f"Tests over people by sign flips of their signed R² ({signs} sign vectors), family-wise by max-T: {least}. "
        f"{stimulus}{unshared} Intervals are for the mean over people who hear this stimulus (Student's t)."
    )
