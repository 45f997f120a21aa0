"""What numbers over participants are, in words: for sidecars, column definitions and the report."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.outputs.wording.definitions import ENDS, Definitions
from bids_app.outputs.wording.inference import NO_INFERENCE
from bids_app.outputs.wording.over_participants.enhancement import enhanced_definition, tfce_in_words
from bids_app.outputs.wording.over_participants.prevalence import PREVALENCE, prevalence_definition
from bids_app.outputs.wording.phrases import count_of, count_targets
from bids_app.records import FEWEST_TESTED, Component, GroupInference, TargetKind

STATISTIC = {
    "mean": "Mean over participants",
    "sd": "Standard deviation over participants (n − 1)",
    "n": "Number of participants with a value here",
    "nPositive": "Number of participants above 0",
    "value": "Value of this electrode",
}
TESTED = ("p", "pfwe", "pfweTfce", "q", "ci025", "ci975")
FLIPPED = (
    "p over participants: the share of sign vectors that give a mean at least as large as the observed one, which "
    "counts itself. A participant's value changes its sign as a whole. It is one-sided, and 1 where the mean is not "
    "above 0."
)
BY_R = (
    "The value tested is Fisher's z of each participant's r, since R² lies below 0 without a signal and with a weak "
    "one alike. So p may be small where the mean R² is not above 0. The prediction then follows the response, but is "
    "no better than the response's mean."
)
BY_RSQUARED = "The value tested is signed R², as no correlation stands for a shared part."
GUARDED = (
    "It is no smaller than the p over participants of any set of the sharing feature groups adding to the others."
)
WITH_STIMULUS = (
    "It is no smaller than p of the same component in the participants' mean response, where blocks of all "
    "participants' responses change their sign alike (a stimulus that all heard is one draw). It is NaN where that "
    "has no p."
)
WITHOUT_STIMULUS = "The stimulus is taken as fixed."
MOST = {
    "p": "",
    "pfwe": "Family-wise: over all targets of this map or table, the largest studentised mean of each sign vector "
    "(max-T), for each test before the larger is taken. Each target's deviation is drawn towards those of all "
    "targets (Smyth 2004). ",
    "q": "Benjamini and Hochberg's q over all targets of this map or table, of ",
}
INTERVAL = (
    "{} end of the 95 % confidence interval for the mean over participants who hear this stimulus, by Student's t "
    "over participants (n − 1 degrees of freedom; percentiles of a bootstrap of so few participants would be too "
    "narrow). It says nothing of other stimuli, and is not a test: see p. n/a or NaN for fewer than "
    f"{FEWEST_TESTED} participants"
)
INTER_SUBJECT_STATS = {
    "ceiling": "Noise ceiling of R² from other participants: the share of this participant's variance that is a "
    "signal which others who heard the same have in common (products of covariances with two others over the "
    "covariance of these two, corrected for sampling; it may be below 0). n/a where that last covariance is not "
    "above 0 beyond its 95 % confidence interval. What the stimulus decides in this participant alone is not in it: "
    "it is no more than the noise ceiling that repeats would give, and a model fitted to this participant may "
    "exceed it",
    "share": "Held-out R² of the full model over this participant's noise ceiling from other participants, where "
    "that is above 0 beyond its 95 % confidence interval",
    "ci025": "Lower end of the 95 % confidence interval of this participant's noise ceiling from other participants, "
    "by drawing blocks of time",
    "ci975": "Upper end of the 95 % confidence interval of this participant's noise ceiling from other participants, "
    "by drawing blocks of time",
}
ELECTRODES = {
    "component": "Part or total of the explained variance, see descriptions.tsv",
    "electrodes": "all: all usable electrodes; responsive: those that respond to speech, chosen by no score",
    "n_people": "Number of participants with such electrodes",
    "n_electrodes": "Number of these electrodes in all participants",
    "mean": "Mean over participants of their mean R² over these electrodes",
    "ci025": "Lower end of its 95 % confidence interval: Student's t with n_people − 1 degrees of freedom on the "
    "standard error of a hierarchical bootstrap, of participants and then of each one's electrodes, times "
    "√(n/(n − 1)); n/a for fewer than five participants",
    "ci975": "Upper end of its 95 % confidence interval, as ci025",
    "p": "p that the mean over participants of Fisher's z of their electrodes' r is not above 0, by a standard error "
    "made in the same way, one-sided; of a shared part by R², and no smaller than the p of any set of the sharing "
    "feature groups adding to the others; never below 2^−n_people, and n/a for fewer than five participants. No "
    "smaller than n_people times the smallest family-wise p of any of these electrodes in its participant's own "
    "tests, which change signs by block of the stimulus's time: what all responses to a stimulus have in common by "
    "chance is in every participant, and a test over participants does not see it. n/a where nobody has such a p",
}


@dataclass(frozen=True)
class GroupDefinitions:
    """Sentences on the numbers over participants.

    Parameters
    ----------
    each : what the numbers of each participant are.
    inference : how tests over participants were made; None where there are none.
    """

    each: Definitions
    inference: GroupInference | None

    def define(self, component: Component, stat: str, statistic: str) -> str:
        """What a statistic over participants is.

        Parameters
        ----------
        component : of which it is.
        stat : of each participant: `rsquared`, `r`, …
        statistic : over participants: `mean`, `sd`, `n`, `nPositive`, `value`, `p`, `pfwe`, `pfweTfce`, `q`,
            `ci025`, `ci975`, or of prevalence.
        """
        if statistic in PREVALENCE and self.inference is not None:
            words = prevalence_definition(statistic, self.inference.asked.level)
            return f"{words} In each participant: {self.each.define(component, 'pfwe')}"
        if statistic in TESTED:
            return self._tested(component, statistic)
        through = "; of correlations through Fisher's z" if (stat, statistic) == ("r", "mean") else ""
        return f"{STATISTIC[statistic]}{through}. In each participant: {self.each.define(component, stat)}"

    def _tested(self, component: Component, statistic: str) -> str:
        of_what = f"In each participant: {self.each.define(component, 'rsquared')}"
        if statistic in ENDS:
            return f"{INTERVAL.format(ENDS[statistic])}. {of_what}"
        is_shared = component.kind == "shared"
        guard, value = ([GUARDED], BY_RSQUARED) if is_shared else ([], BY_R)
        guarded = self.inference is not None and self.inference.guarded
        stimulus = WITH_STIMULUS if guarded else WITHOUT_STIMULUS
        made = f"{MOST[statistic]}{FLIPPED}" if statistic in MOST else ""
        if self.inference is not None and statistic == "pfweTfce":
            made, stimulus = enhanced_definition(self.inference), "" if guarded else WITHOUT_STIMULUS
        few = () if self.inference is None else (f"NaN where fewer than {_least(self.inference)} have this target.",)
        return " ".join(words for words in (made, *guard, stimulus, *few, value, of_what) if words)


def inter_subject_in_words(stat: str, statistic: str) -> str:
    """What a statistic over participants of their noise ceilings from each other is.

    Parameters
    ----------
    stat : of each participant: `ceiling`, `share`, `ci025`, `ci975`.
    statistic : over participants.
    """
    return f"{STATISTIC[statistic]}. In each participant: {INTER_SUBJECT_STATS[stat]}."


def group_inference_in_words(made: GroupInference | None, kind: TargetKind) -> str:
    """How tests over participants were made, and what they cannot say.

    Parameters
    ----------
    made : how tests were made; None where there are none.
    kind : of the targets.
    """
    if made is None:
        return NO_INFERENCE
    n = made.n_participants
    if n < FEWEST_TESTED:
        return (
            f"{count_of(n, 'participant')}: there is no p over participants, as no sign flips of fewer than "
            f"{FEWEST_TESTED} can give p ≤ .05, and no confidence interval. That is no sign that there is nothing: "
            "see each participant's own tests."
        )
    least = f"{n} participants allow no p below 2^−{n} = {0.5**n:.3g}"
    unshared = (
        " Shared parts have no p: plain ridge makes them too large in all participants alike, and no test of these "
        "participants holds; banded ridge does not."
        if made.biased and (kind == "electrodes" or not made.guarded)
        else ""
    )
    if kind == "electrodes":
        return (
            "Means over electrodes: a hierarchical bootstrap of participants, then of their electrodes, with "
            "Student's t, of R² for the mean and its confidence interval, of Fisher's z of r for p (of R² for shared "
            f"parts); {least}. It does not see what all responses to one stimulus have in common by chance, which is "
            f"in every participant. So p is no smaller than {made.stimulus}.{unshared}{tfce_in_words(made)}"
        )
    signs = f"all {made.n_signs}"
    if not made.exact:
        signs, least = f"{made.n_signs} of 2^{n}", f"so many allow no p below 1/{made.n_signs}"
    return (
        f"Tests over participants by sign flips of Fisher's z of r, of shared parts of signed R² ({signs} sign "
        f"vectors), family-wise by max-T: {least}. Tested are the {count_targets(made.n_targets or 0, kind)} that at "
        f"least {_least(made)} have (map or column n says how many have each). {_stimulus(made)}{unshared}"
        f"{tfce_in_words(made)} "
        "Confidence intervals are for the mean over participants who hear this stimulus (Student's t)."
    )


def _least(made: GroupInference) -> str:
    """How many participants must have a target for it to be tested."""
    n = made.n_participants
    return f"{made.asked.least_participants(n)} of {count_of(n, 'participant')}"


def _stimulus(made: GroupInference) -> str:
    """What p says of other stimuli."""
    if made.guarded:
        return (
            f"p is the larger of this and that of {made.stimulus}, where blocks of time change their sign in every "
            "participant alike."
        )
    return (
        f"Null over the stimulus – {made.stimulus}. Where participants heard the same, p takes it as fixed, and what "
        "all responses to it have in common by chance is not guarded against. In simulation with 30 % of the noise "
        "in common, of 100 targets with nothing to find one had a family-wise p ≤ .05 in six of ten groups of 12."
    )
