"""What cleaning costs a design: samples, and columns that nuisance explains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.encoding.design.columns import LOST, what_is_lost
from bids_app.records import Array, Design

MOST = 0.25  # nuisance a sample, above which the reader is warned
NOT_DONE = (
    "features are as they are although residualise_features is set: folds split runs, or responses are a mean of "
    "participants"
)
ALREADY = "features that hold little of confounds and drift, as if they had lost them already"
ALREADY_WHY = "Their p is too small and their intervals too narrow: give them as they were, Concord takes these out"
MATTERS = 0.1  # nuisance a sample, below which such features make null distributions hardly narrower
LEAST_TAKEN = 0.5  # of the share q / n of a feature's variance that q nuisance directions hold by chance


def samples_left(design: Design, rows: Array) -> float:
    """How many samples are left of some rows after cleaning: n − q of a whole run.

    Σ (1 − h_t), h_t the leverage of a row: the share of its noise that nuisance, fitted to the run, has taken.

    Parameters
    ----------
    design : with the nuisance of each run, or none.
    rows : (n_times,) bool.
    """
    if not design.nuisance:
        return float(rows.sum())
    leverage = np.concatenate([np.square(basis).sum(axis=1) for basis in design.nuisance])
    return float((1.0 - leverage)[rows].sum())


def nuisance_warnings(design: Design, bands: Sequence[str], asked: bool) -> tuple[str, ...]:
    """Runs whose nuisance takes too many of their samples, bands that it explains in part or that hold little of it,
    and features that are not residualised although the analysis asks for it.

    Parameters
    ----------
    design : what was fitted.
    bands : names of those that models are made of.
    asked : whether the analysis says that features are residualised (without a word it is where they can be).
    """
    lines = [NOT_DONE] if asked and not design.residualised else []
    for label, basis in zip(design.run_labels, design.nuisance, strict=False):
        n, q = len(basis), float(np.square(basis).sum())
        if q > MOST * n:
            lines.append(
                f"{label}: confounds and drift take {q:.0f} of {n} samples, more than {MOST:.0%}: what is left of "
                "responses and features is little, so R² and p are uncertain; ask for fewer confounds"
            )
    every = np.ones(len(design.runs), dtype=bool)
    by_chance = 1 - samples_left(design, every) / len(every)
    if by_chance < MATTERS and not design.residualised:
        return tuple(lines)
    lost = {band: what_is_lost(design, band) for band in bands}
    already = [band for band, (_, share) in lost.items() if share < LEAST_TAKEN * by_chance]
    if already and by_chance >= MATTERS:
        lines.append(f"{ALREADY}: {', '.join(already)}. {ALREADY_WHY}")
    named = ", ".join(f"{band} {count}" for band, (count, _) in lost.items() if count)
    if named and design.residualised:
        lines.append(
            f"columns left out, as confounds and drift explain more than {LOST:.0%} of them: {named} (delays "
            "counted). What they could predict was regressed out of the responses: nothing follows about them"
        )
    return tuple(lines)
