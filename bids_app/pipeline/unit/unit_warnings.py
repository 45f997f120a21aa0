"""What the reader of a unit's results is warned of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bids_app.pipeline.unit.fitted import FittedUnit
from bids_app.records import Fit

EDGE_SHARE = 0.1  # of folds × predicted targets with alpha at the grid's end, above which the user is warned
EDGE_OF_PARTS = (
    "do not conclude from p of shared parts that spaces share anything; do not compare parts; widen fit.alphas"
)
EDGE_OF_ONE = (
    "another penalty might predict more, so do not compare its R² with that of other models; widen fit.alphas"
)


def collect_warnings(fitted: FittedUnit) -> tuple[str, ...]:
    """What fits, their inference and those of layers warn of, each line once."""
    lines = [
        line for one in fitted.partitions for line in (*one.fit.warnings, *(one.tests.warnings if one.tests else ()))
    ]
    return tuple(dict.fromkeys((*lines, *(line for one in fitted.layers.values() for line in one.warnings))))


def dead_targets(dead: Sequence[str]) -> tuple[str, ...]:
    """A warning that names them."""
    if not dead:
        return ()
    shown = ", ".join(dead[:6]) + (", …" if len(dead) > 6 else "")
    about = f"{len(dead)} targets are constant or have missing samples and were left out"
    return (f"{about}, so nothing follows about them: {shown}",)


def at_edge(fits: Mapping[str, Fit]) -> tuple[str, ...]:
    """A warning for each partition {name: fit} where the grid of alphas may cut off what is predicted: the largest
    alpha means no prediction, which is right for noise, so only targets that are predicted count. Of a single feature
    group there are no parts to speak of."""
    lines = []
    for name, fit in fits.items():
        predicted = fit.rsquared[-1] > 0
        share = float(fit.at_edge[-1][predicted].mean()) if predicted.any() else 0.0
        if share > EDGE_SHARE:
            lines.append(
                f"{name}{': ' if name else ''}alpha lies at an end of its grid in {share:.0%} of the folds of "
                f"targets that are predicted: {EDGE_OF_PARTS if len(fit.unions) > 1 else EDGE_OF_ONE}"
            )
    return tuple(lines)
