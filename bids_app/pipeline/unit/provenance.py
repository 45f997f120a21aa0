"""What a unit's result says of how it came about: provenance, and what its reader is warned of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

from bids_app import __version__, dataset
from bids_app.execution import Unit
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs.load_runs import Loaded
from bids_app.pipeline.unit.context_leakage import context_leakage
from bids_app.records import (
    AnalysisProvenance,
    ControlsProvenance,
    Design,
    DesignProvenance,
    FeatureSettings,
    Fit,
    InferenceProvenance,
    InferenceResult,
    LayerScores,
    Provenance,
    ResponseProvenance,
    RunSettings,
)

SOFTWARE = ("torch", "transformers", "numpy", "scipy", "nibabel", "nilearn", "mne", "pybids")
EDGE_SHARE = 0.1  # of folds × predicted targets with alpha at the grid's end, above which the user is warned


def collect_warnings(
    fits: Sequence[tuple[Fit, InferenceResult | None]], layers: Iterable[LayerScores] = ()
) -> tuple[str, ...]:
    """What fits, their inference and those of layers warn of, each line once."""
    lines = [line for fit, tests in fits for line in (*fit.warnings, *(tests.warnings if tests else ()))]
    return tuple(dict.fromkeys((*lines, *(line for one in layers for line in one.warnings))))


def inference_provenance(job: Job, tests: InferenceResult | None) -> InferenceProvenance | None:
    """How p and intervals were made, and the level that reports count at."""
    if tests is None:
        return None
    return InferenceProvenance(
        permutations=tests.permutations,
        n_blocks=tests.n_blocks,
        block_s=tests.block_s,
        frequencies=tests.frequencies,
        level=job.analysis.inference.fdr,
    )


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


def provenance(
    job: Job,
    unit: Unit,
    loaded: Loaded,
    design: Design,
    key: str,
    inference: InferenceResult | None,
    controls: ControlsProvenance,
) -> Provenance:
    """How a unit's result came about; `key`: what decides its numbers, hashed."""
    response = job.analysis.response_spec(unit.modality)
    computed = [one.label for one in loaded.recordings if dataset.computes_high_gamma(one, response)]
    return Provenance(
        analysis=analysis_provenance(job),
        unit_key=key,
        modality=unit.modality,
        spaces=loaded.spaces,
        software={"concord": __version__, **{name: version(name) for name in SOFTWARE}},
        run=RunSettings(job.options.models.device, job.options.threads, job.options.mem_mb),
        design=DesignProvenance(job.analysis.design_spec(unit.modality), loaded.period_s, design.purge_s),
        response=ResponseProvenance(response, tuple(computed)),
        samples=loaded.samples,
        inference=inference_provenance(job, inference),
        controls=controls,
        contexts=context_leakage(job, loaded.recordings, design),
    )


def analysis_provenance(job: Job) -> AnalysisProvenance:
    """The resolved analysis, as far as results and reports ask for it."""
    analysis = job.analysis
    return AnalysisProvenance(
        name=analysis.name,
        hash=job.hash,
        pool=analysis.pool,
        features=_feature_settings(job),
        spaces=analysis.spaces,
        groups=analysis.groups,
        fit=analysis.fit_spec(),
        controls=analysis.controls,
        subspace=analysis.subspace_spec(),
        extra_partitions=analysis.extra_partitions,
    )


def _feature_settings(job: Job) -> dict[str, FeatureSettings]:
    """Of every space that is fitted or projected, in the analysis's order, with every default."""
    residuals = job.analysis.residual_specs()
    found = {}
    for name, settings in job.analysis.features.items():
        if name in job.specs:
            spec = job.specs[name]
            found[name] = FeatureSettings(spec.kind, spec.options, spec.pca)
        elif name in residuals:
            spec = residuals[name]
            sources = spec.contextual, spec.static
            found[name] = FeatureSettings(settings.kind, pca=spec.pca, sources=sources)
    return found
