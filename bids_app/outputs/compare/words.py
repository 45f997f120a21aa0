"""What each number of a comparison is, in words, and what the page says of how it was made."""

from __future__ import annotations

from collections.abc import Mapping

from bids_app.records import FEWEST_TESTED
from bids_app.records.compared.differences import FEWEST_FLIPPED, Guard

INTERVAL = (
    "Lower end of the difference's 95 % confidence interval (Student's t over {n_blocks} blocks of time, as wide as "
    "if each block's error were shared by the others)"
)
P = (
    "p of the difference, two-sided: the share of sign flips of whole blocks' difference of squared errors that give "
    "one as large; flips are made wider (by √2 where there is no difference), as blocks teach each other. It is on "
    "the safe side"
)
UPPER = "Upper end of the same"
STATS = {
    "first": "Held-out R² of {component} in {first}",
    "second": "Held-out R² of {component} in {second}",
    "difference": "R² of {component} in {first} less that in {second}, over the same held-out samples",
    "ci025": INTERVAL,
    "ci975": UPPER,
    "p": P,
    "pfwe": "The same, family-wise over all targets (max-T)",
    "q": "Benjamini and Hochberg's q over all targets, of p",
}
WHERE = {
    "atlas": "Atlas, or `localiser` for participants' own masks",
    "region": "Region, as its table calls it",
}
REGIONS = {
    **WHERE,
    "n": "Targets in the region that both runs have a value of",
    "first": "Mean over them of held-out R² of {component} in {first}",
    "second": "Mean over them of held-out R² of {component} in {second}",
    "difference": "The first mean less the second: the mean of the targets' differences",
    "ci025": INTERVAL,
    "ci975": UPPER,
    "p": f"{P}. The same flips as of targets, of the region's mean: what its targets have in common stays in it",
    "pfwe": "The same, family-wise over the regions of the atlas (max-T)",
    "q": "Benjamini and Hochberg's q over the regions of the atlas, of p",
}
OVER = f"n/a for fewer than {FEWEST_FLIPPED} participants, as no p could then be .05 or less"
LOWER_OVER = (
    "Lower end of the 95 % confidence interval for the mean over participants who hear this stimulus ({}; n/a for "
    f"fewer than {FEWEST_TESTED}). It says nothing of other stimuli, and is not a test: see p"
)
T_INTERVAL = "Student's t over participants"
P_OVER = "p over participants, two-sided, by flips of their signs, no smaller than what {} says; " + OVER
OVER_PARTICIPANTS = {
    "mean": "Mean over participants of R² of {component} in {first} less that in {second}",
    "n": "Participants who have the target",
    "ci025": LOWER_OVER.format(T_INTERVAL),
    "ci975": UPPER,
    "p": f"{P_OVER.format('Guard')}, or where not everybody has the target",
    "pfwe": "The same, family-wise over all targets (max-T)",
    "q": "Benjamini and Hochberg's q over all targets, of p",
}
GUARDS: Mapping[Guard, str] = {
    "blocks": "p is no smaller than that of flips of whole blocks of the stimulus's time, for all participants alike",
    "own tests": "p is no smaller than the smallest p of any participant's own test, times their number "
    "(participants have not all the same blocks of time; n/a where nobody has a test)",
    "none": "p takes the stimuli as fixed: by their names no two participants heard anything in common",
}
OVER_REGIONS = {
    **WHERE,
    "atlas": f"{WHERE['atlas']}; n/a in the row of all targets",
    "n_participants": "Participants who have targets in the region",
    "n_targets": "Their targets there, all together",
    "mean": "Mean over participants of the difference of the region's mean R² of {component}, {first} less {second}",
    "ci025": LOWER_OVER.format(
        f"{T_INTERVAL}; over all electrodes with the error of a hierarchical bootstrap of participants and their "
        "electrodes"
    ),
    "ci975": UPPER,
    "p": P_OVER.format("`guard`"),
    "pfwe": "The same, family-wise over the regions of the atlas (max-T)",
    "q": "Benjamini and Hochberg's q over the regions of the atlas, of p",
    "guard": "What p is guarded by: " + "; ".join(f"{name}: {words}" for name, words in GUARDS.items()),
}
HOW = (
    "The two runs predict the same held-out samples. A difference is R² of the first less that of the second. Its p "
    "comes from sign flips of whole blocks of time (two-sided), its interval from Student's t over the same blocks. "
    "Blocks are among what other folds were trained on, which is taken to matter as much as it can: both are on the "
    "safe side, and a difference that is not significant is no proof that the two are equal. Over targets, p is "
    "family-wise (max-T)."
)
HOW_REGIONS = (
    "A region's difference is that of the mean over its targets, tested by the same flips; family-wise p is over the "
    "regions of its atlas."
)
HOW_OVER = (
    "Over participants each has one value. p is two-sided, by flips of their signs, for six participants or more; "
    "intervals are Student's t over participants, for five or more. They are for the mean over participants who hear "
    "this stimulus: they say nothing of other stimuli, and are no test."
)
