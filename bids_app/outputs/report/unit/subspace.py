"""What a report says of a shared subspace."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from bids_app.outputs.wording.phrases import count_of, listed, number
from bids_app.records import (
    SHARED_GROUP,
    Component,
    ExtraPartition,
    SubspaceFoldSummary,
    SubspaceSummary,
    UnitSummary,
    partition_components,
)


def subspace_sentences(summary: UnitSummary) -> tuple[str, ...]:
    """How many pairs, how well they hold up, and what of the shared subspace's prediction is whose."""
    if summary.subspace is None:
        return ()
    sentences = [_pairs(summary.subspace)]
    for extra in summary.extra:
        if extra.role == "against":
            sentences.append(_against(summary, extra))
        elif extra.role == "subspace":
            sentences.append(_split(summary, extra))
    return tuple(sentences)


def _pairs(fitted: SubspaceSummary) -> str:
    kept = [len(fold.correlation) for fold in fitted.folds]
    many = count_of(kept[0], "pair") if len(set(kept)) == 1 else f"{min(kept)} to {max(kept)} pairs"
    how = "fitted once on all stimuli, test stimuli included (in-sample: what follows is too high)"
    if fitted.spec.fit == "training":
        how = f"fitted anew in each of {len(fitted.folds)} outer folds"
    text = f"The shared subspace of {listed(fitted.spec.between)}, {how}, has {many} of canonical variates"
    with_pairs = [fold for fold in fitted.folds if fold.correlation and fold.held_out]
    if not with_pairs:
        return f"{text}: the models have nothing in common that holds up on held-out words."
    first = _mean([fold.held_out[0] for fold in with_pairs])
    last = _mean([fold.held_out[_last_pair(fold)] for fold in with_pairs])
    leak = _mean([fold.leak[_last_pair(fold)] for fold in with_pairs])
    return (
        f"{text}, whose correlations on held-out words go from {number(first)} to {number(last)}; {leak:.0%} of a "
        "signal of one model alone leaks through the last of them."
    )


def _last_pair(fold: SubspaceFoldSummary) -> int:
    """Position of the last pair that was kept and tried."""
    return min(len(fold.correlation), len(fold.held_out)) - 1


def _against(summary: UnitSummary, extra: ExtraPartition) -> str:
    """Parts of the shared subspace's own R²: with each set of the other spaces, and beyond all of them."""
    value = _value(summary)
    components = partition_components(tuple(extra.groups), extra.name)
    of_shared = [
        component for component in components if component.kind != "full" and SHARED_GROUP in component.groups
    ]
    (alone,) = (component for component in of_shared if component.kind == "alone")
    (unique,) = (component for component in of_shared if component.kind == "unique")
    parts = [
        f"{number(value(component))} with {listed(group for group in component.groups if group != SHARED_GROUP)}"
        for component in of_shared
        if component.kind == "shared"
    ]
    others = listed(group for group in extra.groups if group != SHARED_GROUP)
    return (
        f"Over {_targets(summary)} it predicts alone a mean R² of {number(value(alone))}: it shares "
        f"{', '.join(parts)} and no other, and {number(value(unique))} is beyond {others}."
    )


def _split(summary: UnitSummary, extra: ExtraPartition) -> str:
    value = _value(summary)
    full, *others = partition_components(tuple(extra.groups), extra.name)
    alone = ", ".join(
        f"{number(value(component))} {component.groups[0]} alone"
        for component in others
        if component.kind == "unique"
    )
    return f"Together with what is left of each model it predicts {number(value(full))}, of which {alone}."


def _value(summary: UnitSummary) -> Callable[[Component], float | None]:
    """Component → its mean R² over the targets shown."""

    def mean(component: Component) -> float | None:
        """Mean R² over predicted targets where there are some, else over usable ones."""
        spreads = summary.components[component.label].spreads["rsquared"]
        return (spreads.predicted if summary.targets.n_predicted else spreads.usable).mean

    return mean


def _targets(summary: UnitSummary) -> str:
    predicted = summary.targets.n_predicted
    return count_of(predicted, "predicted target") if predicted else "all usable targets"


def _mean(values: Sequence[float | None]) -> float:
    return float(np.mean(np.array(values, dtype=float)))
