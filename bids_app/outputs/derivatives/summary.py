"""logs/<stem>_unit.json: all that reports need and maps do not hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from bids_app.outputs.derivatives.layers import layers_summary
from bids_app.records import SCORES, SUMMARY_FORMAT, Array, Fit, Recording, Targets, UnitResult, component_names

BINS = 40  # of the correlations of two models' predictions
LAG_ROWS = 40  # electrodes whose scores by lag are drawn
PREDICTED = 0.01  # of the variance: targets above it, by the full model, are shown in charts


def unit_summary(unit: UnitResult, files: Sequence[PurePosixPath], layout: str) -> dict[str, Any]:
    """JSON-able. `layout`: 'maps' or 'table', where the numbers of its targets lie."""
    full = np.asarray(unit.partition.values["full"]["rsquared"])
    shown = predicted(full)
    return {
        "format": SUMMARY_FORMAT,
        "stem": unit.stem,
        "participant": unit.participant,
        "modality": unit.modality,
        "space": unit.space,
        "layout": layout,
        "units": unit.partition.units,
        "ceiling": unit.ceiling,
        "further": unit.partition.further,
        "extra": [asdict(one) for one in unit.partition.extra],
        "controls": [asdict(one) for one in unit.partition.controls],
        "beside": unit.partition.beside,
        "subspace": None if unit.subspace is None else asdict(unit.subspace),
        "targets": _geometry(unit.targets, full),
        "components": {
            component: {stat: _spread(np.asarray(stats[stat]), shown) for stat in stats if stat in SCORES}
            for component, stats in unit.partition.values.items()
        },
        "significant": _significant(unit),
        "stats": {component: list(stats) for component, stats in unit.partition.values.items()},
        "profile": profile_summary(unit.fit, shown),
        "lags": lags_summary(unit, shown) if unit.lags else None,
        "responsive": _responsive(unit),
        "findings": model_pair_summary(unit),
        "layers": layers_summary(unit, shown),
        "recordings": [_recording(one, unit.provenance["samples"]) for one in unit.recordings],
        "checks": unit.checks,
        "excluded": [asdict(one) for one in unit.excluded],
        "folds": [asdict(one) for one in unit.fit.folds],
        "warnings": unit.warnings,
        "provenance": unit.provenance,
        "files": [str(file) for file in files],
    }


def model_pair_summary(unit: UnitResult) -> dict[str, Any] | None:
    """All rows, and how many targets have which correlation of the two models' predictions (an electrode's own
    value alone, where rows are words)."""
    found = unit.findings
    if found is None:
        return None
    step = 1 + len(unit.lags.lags_s) if unit.lags else 1
    pair = next((one for one in found.agreements if one.between == found.between), None)
    r = np.empty(0) if pair is None else np.asarray(pair.r)[::step]
    counts, edges = np.histogram(r[np.isfinite(r)], bins=BINS, range=(-1, 1))
    return {
        "between": found.between,
        "rows": [asdict(row) for row in found.rows],
        "agreement": {"counts": counts.tolist(), "edges": edges.tolist()},
    }


def predicted(full: Array) -> Array:
    """(n_targets,) bool: targets whose full R² is above `PREDICTED`."""
    return np.asarray(np.nan_to_num(full, nan=-1.0) > PREDICTED)


def _geometry(targets: Targets, full: Array) -> dict[str, Any]:
    return {
        "kind": targets.kind,
        "space": targets.space,
        "shape": targets.shape,
        "affine": None if targets.affine is None else np.asarray(targets.affine, dtype=float),
        "n": len(targets.names),
        "n_usable": int(np.isfinite(full).sum()),
        "n_predicted": int(predicted(full).sum()),
    }


def _significant(unit: UnitResult) -> dict[str, dict[str, int]] | None:
    """Component → how many targets have a family-wise p, and a q, of at most the level asked for."""
    made = unit.provenance["inference"]
    if made is None:
        return None
    return {
        component: {stat: int((np.asarray(stats[stat]) <= made["fdr"]).sum()) for stat in ("pfwe", "q")}
        for component, stats in unit.partition.values.items()
    }


def _spread(values: Array, shown: Array) -> dict[str, Any]:
    return {"usable": spread(values[np.isfinite(values)]), "predicted": spread(values[shown & np.isfinite(values)])}


def spread(values: Array) -> dict[str, Any]:
    """Mean, median, quartiles and how many are above 0, of (n,) numbers; None where there are none."""
    values = np.asarray(values, dtype=float)
    if not len(values):
        return {"n": 0, "mean": None, "median": None, "q25": None, "q75": None, "n_positive": 0}
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {
        "n": len(values),
        "mean": float(values.mean()),
        "median": float(middle),
        "q25": float(low),
        "q75": float(high),
        "n_positive": int((values > 0).sum()),
    }


def profile_summary(fit: Fit, shown: Array) -> dict[str, Any]:
    """Median and quartiles of the weights' size by delay and space, over predicted targets (all, were there none)."""
    chosen = shown if shown.any() else np.isfinite(fit.rsquared[-1])
    bands: Mapping[str, Any] = {
        band: dict(zip(("q25", "median", "q75"), np.percentile(values[:, chosen], [25, 50, 75], axis=1), strict=True))
        for band, values in fit.profile.items()
        if chosen.any()
    }
    return {"delays_s": fit.delays_s, "n_targets": int(chosen.sum()), "bands": bands}


def _responsive(unit: UnitResult) -> dict[str, Any] | None:
    """How many electrodes respond to speech, and how that was told."""
    found = unit.responsive
    if found is None:
        return None
    how = {name: value for name, value in vars(found).items() if name not in ("p", "q")}
    return {"n": int((found.q <= found.level).sum()), **how}


def lags_summary(unit: UnitResult, shown: Array) -> dict[str, Any] | None:
    """Median and quartiles by lag over predicted electrodes (all, were there none), and the models' scores of the
    electrodes with the highest R², by the lag of the full model's highest."""
    if unit.lags is None:
        return None
    values = {name: np.asarray(stats["rsquared"]) for name, stats in unit.lags.partition.values.items()}
    full = np.asarray(unit.partition.values["full"]["rsquared"])
    usable = np.isfinite(full)
    chosen = shown if shown.any() else usable
    strongest = np.argsort(-np.where(usable, full, -np.inf), kind="stable")[: min(LAG_ROWS, int(usable.sum()))]
    rows = strongest[np.argsort(values["full"][strongest].argmax(axis=1), kind="stable")]
    totals = component_names(unit.partition.units)[: 1 + len(unit.partition.units)]
    quartiles = ("q25", "median", "q75")
    return {
        "lags_s": unit.lags.lags_s,
        "n_targets": int(chosen.sum()),
        "components": {
            name: dict(zip(quartiles, np.percentile(table[chosen], [25, 50, 75], axis=0), strict=True))
            for name, table in values.items()
            if chosen.any()
        },
        "names": [unit.targets.names[row] for row in rows],
        "images": {name: values[name][rows].round(5) for name in totals if len(rows)},
    }


def _recording(recording: Recording, samples: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    used, total = samples.get(recording.label, (None, None))
    return {
        "label": recording.label,
        "rate_hz": recording.rate_hz,
        "start_s": recording.start_s,
        "stimuli": [asdict(event) for event in recording.stimuli],
        "used": used,
        "total": total,
    }
