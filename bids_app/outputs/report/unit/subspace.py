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

NO_TEST = "These are means, and parts may be negative. They are no tests: see p of each component."


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
    how = (
        f"anew in each of {count_of(len(fitted.folds), 'outer fold')}."
        if fitted.spec.fit == "training"
        else "once on all stimuli, test stimuli included (in-sample). So its values are too high: do not compare "
        "them with held-out ones."
    )
    text = f"The shared subspace of {listed(fitted.spec.between)} was fitted {how}"
    with_pairs = [fold for fold in fitted.folds if fold.correlation and fold.held_out]
    if not with_pairs:
        return (
            f"{text} No pair of canonical variates holds up on held-out words. Do not conclude that the models share "
            "nothing: of few words weak pairs are not found."
        )
    first = _mean([fold.held_out[0] for fold in with_pairs])
    last = _mean([fold.held_out[_last_pair(fold)] for fold in with_pairs])
    leak = _mean([fold.leak[_last_pair(fold)] for fold in with_pairs])
    pair, correlations = "The pair", f"it correlates by {number(first)}"
    if max(kept) > 1:
        pair, correlations = (
            "The last pair",
            f"the first pair correlates by {number(first)}, the last by {number(last)}",
        )
    return (
        f"{text} It has {many} of canonical variates. On held-out words {correlations}. {pair} also carries "
        f"{leak:.0%} of a signal that one model alone has: do not take all that it predicts for shared."
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
    others = [group for group in extra.groups if group != SHARED_GROUP]
    parts = [
        f"{number(value(component))} with {_spaces(component, others)}"
        for component in of_shared
        if component.kind == "shared"
    ]
    return (
        f"Over {_targets(summary)} the shared subspace alone has a mean R² of {number(value(alone))}. It shares "
        f"{listed(parts)}. Beyond {listed(others)} it has {number(value(unique))}. {NO_TEST}"
    )


def _spaces(component: Component, others: Sequence[str]) -> str:
    """The spaces that a part is shared with, and whether there are others that it is not shared with."""
    sharing = [group for group in component.groups if group != SHARED_GROUP]
    return listed(sharing) + ("" if len(sharing) == len(others) else " only")


def _split(summary: UnitSummary, extra: ExtraPartition) -> str:
    value = _value(summary)
    full, *others = partition_components(tuple(extra.groups), extra.name)
    only = [
        f"{number(value(component))} only by {component.groups[0]}"
        for component in others
        if component.kind == "unique"
    ]
    return (
        f"Together with what is left of each model, the shared subspace has a mean R² of {number(value(full))}. Of "
        f"this are explained {listed(only)}. {NO_TEST}"
    )


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
