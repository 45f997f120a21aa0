"""What a report says of a shared subspace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from bids_app.outputs.derivatives.sidecars import count_of
from bids_app.outputs.report.render import number
from bids_app.outputs.wording.definitions import IN_SAMPLE
from bids_app.records import camel, component_of

Summary = Mapping[str, Any]


def subspace_sentences(summary: Summary) -> tuple[str, ...]:
    """How many pairs, how well they hold up, and what of the shared subspace's prediction is whose."""
    found = summary["subspace"]
    lines = [_pairs(found)]
    for name, units in summary["further"].items():
        asked = name.removeprefix(IN_SAMPLE).lower()
        if asked == "against":
            lines.append(_against(summary, name, units))
        elif asked == "subspace":
            lines.append(_split(summary, name, units))
    return tuple(lines)


def _pairs(found: Summary) -> str:
    one, other = found["spec"]["between"]
    folds = found["folds"]
    kept = [len(fold["correlation"]) for fold in folds]
    many = count_of(kept[0], "pair") if len(set(kept)) == 1 else f"{min(kept)} to {max(kept)} pairs"
    how = "fitted once on all stimuli, test stimuli included (in-sample: what follows is too high)"
    if found["spec"]["fit"] == "training":
        how = f"fitted anew in each of {len(folds)} outer folds"
    text = f"The shared subspace of {one} and {other}, {how}, has {many} of canonical variates"
    some = [fold for fold in folds if fold["correlation"] and fold["held_out"]]
    if not some:
        return f"{text}: the models have nothing in common that holds up on held-out words."
    last = [min(len(fold["correlation"]), len(fold["held_out"])) - 1 for fold in some]
    low = _mean([fold["held_out"][at] for fold, at in zip(some, last, strict=True)])
    high = _mean([fold["held_out"][0] for fold in some])
    leak = _mean([fold["leak"][at] for fold, at in zip(some, last, strict=True)])
    return (
        f"{text}, whose correlations on held-out words go from {number(high)} to {number(low)}; {leak:.0%} of a "
        "signal of one model alone leaks through the last of them."
    )


def _against(summary: Summary, name: str, units: Sequence[str]) -> str:
    """Parts of the shared subspace's own R²: with each set of the others, and beyond all of them."""
    others = [unit for unit in units if unit != "shared"]
    value = _value(summary, name)
    parts = [
        f"{number(value('sharedShared' + ''.join(map(camel, chosen))))} with {' and '.join(chosen)}"
        for size in range(1, len(others) + 1)
        for chosen in combinations(others, size)
    ]
    return (
        f"Over {_targets(summary)} it predicts alone a mean R² of {number(value('shared'))}: it shares "
        f"{', '.join(parts)} and no other, and {number(value('uniqueShared'))} is beyond {' and '.join(others)}."
    )


def _split(summary: Summary, name: str, units: Sequence[str]) -> str:
    value = _value(summary, name)
    alone = ", ".join(f"{number(value('unique' + camel(unit)))} {unit} alone" for unit in units)
    return (
        f"Together with what is left of each model it predicts {number(value('full'))}, of which {alone}."
    )


def _value(summary: Summary, partition: str) -> Any:
    """Component → its mean R² over the targets shown."""
    which = "predicted" if summary["targets"]["n_predicted"] else "usable"
    return lambda part: summary["components"][component_of(partition, part)]["rsquared"][which]["mean"]


def _targets(summary: Summary) -> str:
    predicted = summary["targets"]["n_predicted"]
    return count_of(predicted, "predicted target") if predicted else "all usable targets"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
