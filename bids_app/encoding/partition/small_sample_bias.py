"""How far below the population's values those of models trained on this many samples are, from simulation.

`python -m benchmarks.recovery` plants known parts. What share of the population's R² the full model reaches follows
there, for fMRI and words, 300 to 10,000 rows and 5 to 30 % signal, from one number: held-out R² times the training
samples a column. Spaces with more columns lose more, so that inclusion–exclusion favours the smaller of two spaces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bids_app.encoding.design.columns import n_dims
from bids_app.encoding.design.folds import outer_split
from bids_app.encoding.design.nuisance import samples_left
from bids_app.records import Design, Fit

REACHED = (  # R² × training samples a column, share of the population's R² reached: banded ridge, independent columns
    (0.06, 0.25),
    (0.1, 0.45),
    (0.3, 0.50),
    (0.6, 0.60),
    (0.8, 0.66),
    (1.4, 0.78),
    (2.2, 0.80),
    (4.1, 0.83),
    (5.7, 0.92),
)
PREDICTED = 0.01  # full R² above which a target counts
ENOUGH = 0.8  # share reached, from which on nothing is said
UNEQUAL = 2.0  # ratio of the groups' columns, from which on their inequality is spoken of
KEPT = (  # from so much on: % of their unique parts that a space of 40 and one of 10 keep, and what they share
    (0.0, 5, 95, "columns that correlate by .9"),
    (0.4, 57, 85, "nothing"),
)


def small_sample_bias_warnings(design: Design, fit: Fit, groups: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """What the report says of it: nothing where there are samples enough, or no target is predicted.

    Parameters
    ----------
    design, fit : what was fitted, and its result.
    groups : feature group → its bands in the design.
    """
    full = np.nan_to_num(fit.rsquared[-1], nan=-1.0)
    if not (full > PREDICTED).any():
        return ()
    columns = {group: len(design.delays_s) * sum(n_dims(design, band) for band in groups[group]) for group in groups}
    n_train = round(min(samples_left(design, outer_split(design, fold.fold)[0]) for fold in fit.folds))
    rsquared = float(np.median(full[full > PREDICTED]))
    # the one number on which the share depends, in simulation
    place = rsquared * n_train / sum(columns.values())
    reached = share_reached(place)
    if reached >= ENOUGH:
        return ()
    counted = ", ".join(f"{group} {count}" for group, count in columns.items())
    about = "at most " if place < REACHED[0][0] else ""
    read = "a small part as absent" if len(groups) > 1 else "this R² as all that these features could explain"
    line = (
        f"{n_train} training samples for {sum(columns.values())} columns ({counted}; delays counted) at a full R² of "
        f"{rsquared:.2g} (median over targets above {PREDICTED:g}): simulated models in that place reach {about}"
        f"{reached:.0%} of what independent columns explain in the population; do not read {read}"
    )
    if max(columns.values()) >= UNEQUAL * min(columns.values()):
        large, small, common = next(rest for least, *rest in reversed(KEPT) if place >= least)
        line += (
            f"; of two spaces that carry as much and share {common}, one of 40 dimensions keeps {large} % of its "
            f"unique part, one of 10 keeps {small} %: do not compare parts of spaces of unequal size, which are "
            "biased in favour of the smaller one"
        )
    return (line,)


def share_reached(place: float) -> float:
    """Of the population's R², at this R² × training samples a column: simulated, between them on a log scale."""
    places, shares = zip(*REACHED, strict=True)
    return float(np.interp(np.log(max(place, 1e-12)), np.log(places), shares))
