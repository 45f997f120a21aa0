"""What a report says of the baseline and of controls, in sentences that can be quoted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bids_app.outputs.derivatives.sidecars import count_of
from bids_app.outputs.report.render import listed, number
from bids_app.outputs.wording.controls import KNOWN, meaning
from bids_app.records import (
    AUTOCORRELATION,
    BASELINE,
    Array,
    WrittenUnit,
)

NOUNS = {"volume": "voxel", "surface": "vertex", "parcels": "region", "electrodes": "electrode"}
NAMED = 12  # targets, up to which they are named
Summary = Mapping[str, Any]


def baseline_sentences(unit: WrittenUnit) -> list[str]:
    """Of the baseline, each model beyond it, trained models beyond untrained ones, and the control of time."""
    told, values = unit.summary["provenance"]["beside"], unit.partition.values
    lines = [_baseline(unit)]
    for one in unit.partition.controls:
        if one.kind in ("beyond_baseline", "full_beyond_baseline"):
            subject = one.groups[0] if one.kind == "beyond_baseline" else "the full model"
            lines.append(_claim(unit, one.label, subject, f"more than the baseline ({listed(_spaces(told))})"))
        elif one.kind == "beyond_untrained":
            lines.append(_claim(unit, one.label, one.groups[0], "more than its untrained twin"))
    if AUTOCORRELATION in values:
        lines.append(_time(unit))
    elif told["autocorrelation"] != "not asked for":
        lines.append(f"The autocorrelation control, which knows only time, was {told['autocorrelation']}.")
    return lines


def group_baseline_sentences(group: Summary, means: Mapping[str, float | None]) -> list[str]:
    """Over people, of a group as `write_group` leaves it: the mean of each person's mean, {component: mean}, and what
    the tests over people say of it."""
    return [_of_people(group, name, means[name]) for name in group["beside"]]


def _of_people(group: Summary, component: str, mean: float | None) -> str:
    n_people = len(group["people"])
    who = "1 person" if n_people == 1 else f"{n_people} people"
    what = {BASELINE: "the baseline alone"}.get(component, meaning(component)).partition(": ")[0]
    said = f"{what[:1].upper()}{what[1:]}: mean R² {number(mean)} over {who}"
    rows = [row for row in group["electrodes"] if (row["component"], row["electrodes"]) == (component, "all")]
    if rows and n_people > 1:
        limits = f"{number(rows[0]['ci025'])} to {number(rows[0]['ci975'])}"
        return f"{said} (their electrodes; 95 % interval {limits}, p = {number(rows[0]['p'])})."
    found, level = (group["significant"] or {}).get(component), group["level"]
    if found is None:
        return f"{said}; not tested over people."
    n_signs = group["inference"]["n_signs"]
    if 1 / n_signs > level:
        return f"{said}; {n_signs} sign vectors allow no p ≤ {level:g}."
    where = _count(group["n_targets"], NOUNS[group["kind"]])
    return f"{said}; above 0 in {found['pfwe']} of {where} (family-wise p ≤ {level:g} over people)."


def _spaces(told: Summary) -> list[str]:
    return [KNOWN[name] for name in told["baseline"]["spaces"]]


def _baseline(unit: WrittenUnit) -> str:
    told = unit.summary["provenance"]["beside"]
    left = "; ".join(f"{KNOWN[name]}: {why}" for name, why in told["baseline"]["left_out"].items())
    without = f" Not in it: {left}." if left else ""
    if BASELINE not in unit.partition.values:
        return (
            f"No baseline was fitted: nothing here says whether a model predicts more than word rate does.{without}"
        )
    mean = number(_mean(unit.partition.values[BASELINE]["rsquared"]))
    compared = {one.groups[0] for one in unit.partition.controls if one.kind == "beyond_baseline"}
    own = [name for name in unit.summary["units"] if name not in compared]
    part = f" {listed(own)} {'is' if len(own) == 1 else 'are'} of the baseline itself." if own else ""
    return f"The baseline is {listed(_spaces(told))}; alone it has a mean R² of {mean}.{without}{part}"


def _claim(unit: WrittenUnit, component: str, subject: str, what: str) -> str:
    """In which targets the difference is significant over all of them, and in which it is not."""
    stats = unit.partition.values[component]
    noun, names = NOUNS[unit.targets.kind], np.array(unit.targets.names)
    value = np.asarray(stats["rsquared"], dtype=float)
    usable, mean = np.isfinite(value), number(_mean(value))
    made = unit.summary["provenance"]["inference"]
    if made is None:
        above = int((value[usable] > 0).sum())
        return (
            f"Adding {subject} to it raises R² in {above} of {_count(int(usable.sum()), noun)} (mean change {mean}); "
            f"no test was made of whether {subject} predicts {what}."
        )
    beats = usable & (np.nan_to_num(np.asarray(stats["pfwe"], dtype=float), nan=1.0) <= made["fdr"])
    short, at = usable & ~beats, f"family-wise p ≤ {made['fdr']:g}"
    total = int(usable.sum())
    if not beats.any():
        return (
            f"In none of {_count(total, noun)} does {subject} predict {what} at {at} (mean R² beyond it {mean})"
            f"{_named(names, short)}."
        )
    yes = f"In {int(beats.sum())} of {_count(total, noun)} {subject} predicts {what} at {at}{_named(names, beats)}"
    if not short.any():
        return f"{yes} (mean R² beyond it {mean})."
    return f"{yes} (mean R² beyond it {mean}). In {int(short.sum())} of {total} it does not{_named(names, short)}."


def _count(total: int, noun: str) -> str:
    plural = {"vertex": "vertices"}.get(noun, f"{noun}s")
    return f"{total} {noun if total == 1 else plural}"


def _named(names: Array, chosen: Array) -> str:
    some = names[chosen]
    return f": {', '.join(some)}" if 0 < len(some) <= NAMED else ""


def _time(unit: WrittenUnit) -> str:
    stats = unit.partition.values[AUTOCORRELATION]
    mean = number(_mean(stats["rsquared"]))
    what = "smooth bumps in time that know nothing of the stimulus"
    said = f"The autocorrelation control, {what}, has a mean R² of {mean}"
    made = unit.summary["provenance"]["inference"]
    if made is None:
        return f"{said}; above 0 it would tell of leakage."
    count = int((np.asarray(stats["pfwe"], dtype=float) <= made["fdr"]).sum())
    verdict = "leaks from training into test samples" if count else "no sign of leakage"
    return f"{said} and predicts {count_of(count, 'target')} (family-wise p ≤ {made['fdr']:g}): {verdict}."


def _mean(values: Array) -> float | None:
    values = np.asarray(values, dtype=float)
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if len(finite) else None
