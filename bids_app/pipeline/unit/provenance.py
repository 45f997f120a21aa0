"""How a unit's result came about: what sidecars, methods text and reports are made from."""

from __future__ import annotations

from importlib.metadata import version

from bids_app import __version__, dataset, features
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs.load_runs import LoadedRuns
from bids_app.pipeline.runs.load_settings import LoadSettings
from bids_app.pipeline.unit.context_leakage import context_leakage
from bids_app.pipeline.unit.controls import controls_provenance
from bids_app.pipeline.unit.fitted import FittedUnit
from bids_app.pipeline.unit.task import UnitTask
from bids_app.records import (
    AnalysisProvenance,
    DesignProvenance,
    FeatureFacts,
    InferenceProvenance,
    InferenceResult,
    Provenance,
    ResponseProvenance,
    RunSettings,
)

SOFTWARE = ("torch", "transformers", "numpy", "scipy", "nibabel", "nilearn", "mne", "pybids")


def provenance(
    task: UnitTask, job: Job, settings: LoadSettings, loaded: LoadedRuns, fitted: FittedUnit
) -> Provenance:
    """How a unit's result came about.

    Parameters
    ----------
    task : the unit and its key.
    job : what the run was asked for.
    settings : how its responses were read, and rows made.
    loaded : its runs, and how their features were made.
    fitted : its fits.
    """
    options, response = job.options, settings.response
    computed = [one for one in loaded.recordings if dataset.computes_high_gamma(one, response)]
    notched = sorted({hz for one in computed if (hz := dataset.notch_hz(one, response)) is not None})
    return Provenance(
        analysis=analysis_provenance(job),
        unit_key=task.key,
        modality=task.unit.modality,
        spaces=loaded.spaces,
        software={"concord": __version__, **{name: version(name) for name in SOFTWARE}},
        run=RunSettings(options.models.device, options.threads, options.mem_mb),
        design=DesignProvenance(settings.design, loaded.period_s, fitted.design.purge_s, fitted.design.residualised),
        response=ResponseProvenance(response, tuple(one.label for one in computed), tuple(notched)),
        samples=loaded.samples,
        inference=inference_provenance(fitted.main.tests, job.analysis.inference.fdr),
        controls=controls_provenance(job.analysis, fitted.controls, loaded.baseline),
        contexts=context_leakage(job.specs, settings.library, loaded.recordings, fitted.design),
    )


def inference_provenance(tests: InferenceResult | None, level: float) -> InferenceProvenance | None:
    """How p and intervals were made.

    Parameters
    ----------
    tests : their result; None where none were asked for.
    level : of p and q, at which reports count.
    """
    if tests is None:
        return None
    return InferenceProvenance(
        permutations=tests.permutations,
        n_blocks=tests.n_blocks,
        effective_blocks=round(tests.effective_blocks, 1),
        block_s=tests.block_s,
        frequencies=tests.frequencies,
        level=level,
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


def _feature_settings(job: Job) -> dict[str, FeatureFacts]:
    """Of every space that is fitted or projected, in the analysis's order, with every default."""
    residuals = job.analysis.residual_specs()
    settings = {}
    for name, asked in job.analysis.features.items():
        if name in job.specs:
            spec = job.specs[name]
            settings[name] = FeatureFacts(spec.kind, spec.options, spec.pca, label=features.label_of(spec.kind))
        elif name in residuals:
            residual = residuals[name]
            options = {"contextual": residual.contextual, "static": residual.static}
            label, sources = features.KINDS[asked.kind].label, tuple(options.values())
            settings[name] = FeatureFacts(asked.kind, options, residual.pca, label, sources)
    return settings
