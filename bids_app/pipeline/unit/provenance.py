"""What a unit's result says of how it came about: provenance, and what its reader is warned of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from typing import Any

from bids_app import __version__, dataset
from bids_app.execution import Unit
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs.load_runs import Loaded
from bids_app.records import Fit, InferenceResult, LayerScores

SOFTWARE = ("torch", "transformers", "numpy", "scipy", "nibabel", "nilearn", "mne", "pybids")
EDGE_SHARE = 0.1  # of folds × predicted targets with alpha at the grid's end, above which the user is warned


def told(fits: Sequence[tuple[Fit, InferenceResult | None]], layers: Iterable[LayerScores] = ()) -> tuple[str, ...]:
    """What fits, their inference and those of layers warn of, each line once."""
    lines = [line for fit, tests in fits for line in (*fit.warnings, *(tests.warnings if tests else ()))]
    return tuple(dict.fromkeys((*lines, *(line for one in layers for line in one.warnings))))


def inference_provenance(job: Job, tests: InferenceResult | None) -> dict[str, Any] | None:
    """How p and intervals were made, and the level that reports count at."""
    if tests is None:
        return None
    made = {name: value for name, value in vars(tests).items() if name not in ("components", "warnings", "limits")}
    return {**made, "fdr": job.analysis.inference.fdr}


def dead_targets(dead: Sequence[str]) -> tuple[str, ...]:
    """A warning that names them."""
    if not dead:
        return ()
    shown = ", ".join(dead[:6]) + (", …" if len(dead) > 6 else "")
    return (f"{len(dead)} targets are constant or have missing samples and were left out: {shown}",)


def at_edge(fits: Mapping[str, Fit]) -> tuple[str, ...]:
    """A warning for each partition {name: fit} where the grid of alphas may cut off what is predicted: the largest
    alpha means no prediction, which is right for noise, so only targets that are predicted count."""
    lines = []
    for name, fit in fits.items():
        predicted = fit.rsquared[-1] > 0
        share = float(fit.at_edge[-1][predicted].mean()) if predicted.any() else 0.0
        if share > EDGE_SHARE:
            lines.append(
                f"{name}{': ' if name else ''}alpha lies at an end of its grid in {share:.0%} of the folds of "
                "targets that are predicted: parts are not reliable, nor is p of shared ones; widen fit.alphas"
            )
    return tuple(lines)


def provenance(job: Job, unit: Unit, loaded: Loaded, purge_s: float, key: str) -> dict[str, Any]:
    """What the sidecars, the methods text and the report need to know of how a unit was made."""
    spec, response = job.analysis.design_spec(unit.modality), job.analysis.response_spec(unit.modality)
    design = {**asdict(spec), "epoch_span_s": spec.epoch.span_s if spec.epoch else None}
    return {
        "analysis": job.resolved,
        "analysis_hash": job.hash,
        "unit_key": key,
        "spaces": loaded.spaces,
        "software": {"concord": __version__, **{name: version(name) for name in SOFTWARE}},
        "run": {"device": job.options.models.device, "threads": job.options.threads, "mem_mb": job.options.mem_mb},
        "design": {**design, "period_s": loaded.period_s, "purge_s": purge_s},
        "response": {
            **asdict(response),
            "computed": [one.label for one in loaded.recordings if dataset.computes_high_gamma(one, response)],
        },
        "samples": loaded.samples,
    }
