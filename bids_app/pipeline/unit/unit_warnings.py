"""What the reader of a unit's results is warned of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bids_app import encoding
from bids_app.pipeline.unit.fitted import FittedUnit
from bids_app.records import Fit


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
    """Warnings of each partition {name: fit} whose grid of alphas may cut off what is predicted."""
    return tuple(
        f"{name}{': ' if name else ''}{line}"
        for name, fit in fits.items()
        for line in encoding.edge_of_grid_warnings(fit)
    )
