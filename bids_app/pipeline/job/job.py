"""One run's settings, resolved: the analysis with every default, and how it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from bids_app import features
from bids_app.errors import UsageError
from bids_app.pipeline.job.atlases import Atlases, load_atlases
from bids_app.process import keep_freed_memory, limit_threads
from bids_app.records import SAVED, SOLVERS, FeatureSpec, RecordingQuery
from bids_app.settings.analysis import Analysis
from bids_app.settings.load import analysis_hash, load_analysis
from bids_app.settings.recipe import RecipeSettings, StimuliSettings
from bids_app.settings.recipe_files import load_recipe
from bids_app.settings.run_options import ChosenModel, RunOptions

Notify = Callable[[str], None]  # one line to whoever started the run


@dataclass(frozen=True)
class Job:
    """What one run was asked for.

    Parameters
    ----------
    options : how it runs, its device chosen.
    analysis : what is computed.
    specs : feature space → how it is made of stimuli, with every default.
    baseline_specs : the same of the baseline model's spaces, by band.
    resolved : the analysis with every default, as it is saved and hashed (JSON).
    hash : first 16 hex digits of the SHA-256 of `resolved`.
    """

    options: RunOptions
    analysis: Analysis
    specs: Mapping[str, FeatureSpec]
    baseline_specs: Mapping[str, FeatureSpec]
    resolved: Mapping[str, Any]
    hash: str

    @property
    def out_dir(self) -> Path:
        """The folder written."""
        return self.options.out_dir

    @property
    def save(self) -> tuple[str, ...]:
        """What is kept of models beside their scores, as the analysis file or the command line ask for it."""
        asked = {*self.analysis.save, *self.options.save}
        return tuple(what for what in SAVED if what in asked)

    @cached_property
    def atlases(self) -> Atlases:
        """The regions asked for, read when they are first needed. Raises NoInput, DataError and UsageError."""
        return load_atlases(self.options.regions, self.options.bids_dir)

    @property
    def planted(self) -> Path | None:
        """The table of known values that reports show beside the recovered ones, if there is one."""
        template = self.analysis.report.planted
        return Path(template.format(bids_dir=self.options.bids_dir)) if template else None


def make_job(options: RunOptions) -> Job:
    """Resolve and check all settings. Raises UsageError and NoInput."""
    if not options.dry_run:  # which computes nothing: torch is not imported for it
        options = _in_this_process(options)
    recipe = load_recipe(options.stimuli, options.stimuli_table) if options.stimuli else None
    analysis, specs, resolved = resolve(options.analysis, recipe, options.model)
    options = replace(options, query=_with_recipe(options, analysis))
    baseline_specs = {name: features.resolve(spec) for name, spec in analysis.baseline_specs().items()}
    job = Job(options, analysis, specs, baseline_specs, resolved, analysis_hash(resolved))
    if job.save and not SOLVERS[analysis.fit.solver].fits_in_folds:
        what = f"the solver {analysis.fit.solver} keeps no models, and {', '.join(job.save)} are to be saved"
        raise UsageError(what, options.analysis, "leave out --save and `save:`, or take banded_ridge")
    if "blocks" in job.save and not analysis.inference.permutations:
        what = "blocks are to be saved, and the analysis asks for no inference, which makes them"
        raise UsageError(what, options.analysis, "set inference.permutations, or leave blocks out")
    return job


def made_here(job: Job) -> Job:
    """A job that another process made, with what is this process's own: its threads, and a device of its machine.

    Parameters
    ----------
    job : with the device that was asked for.

    Raises
    ------
    UsageError : there is no such device.
    """
    return replace(job, options=_in_this_process(job.options))


def _in_this_process(options: RunOptions) -> RunOptions:
    keep_freed_memory()
    limit_threads(options.threads)
    return replace(options, models=replace(options.models, device=_device(options.models.device)))


def _with_recipe(options: RunOptions, analysis: Analysis) -> RecordingQuery:
    """The query with how the data set plays its stimuli, and what of the analysis file this overrides; derivatives
    that are named count before the responses that a recipe names."""
    recipe, query = analysis.stimuli.recipe, options.query
    query = replace(query, words=analysis.stimuli.words, confounds_files=analysis.response.fmri.confounds_files)
    if recipe is None:
        return query
    own = load_analysis(options.analysis, options.model)[0].stimuli if options.stimuli else StimuliSettings()
    overridden = [f"words: {own.words}"] * (own.words is not None) + ["recipe"] * (own.recipe is not None)
    spec = recipe.spec(f"`stimuli: {overridden[0]}` of the analysis" if overridden else "")
    responses = recipe.responses.spec() if recipe.responses and not options.query.derivatives else None
    return replace(query, recipe=spec, responses=responses, unnamed_space=query.unnamed_space or recipe.space)


def resolve(
    preset_or_file: str, recipe: RecipeSettings | None = None, model: ChosenModel | None = None
) -> tuple[Analysis, dict[str, FeatureSpec], dict[str, Any]]:
    """An analysis, its feature spaces with every default, and both as one JSON-able mapping (what is hashed).

    Parameters
    ----------
    preset_or_file : names the analysis.
    recipe : stands in the place of its `stimuli:`; None: that counts.
    model : of those that it names for one feature; None: it names one for each.
    """
    analysis, base_dir = load_analysis(preset_or_file, model)
    if recipe is not None:
        stimuli = analysis.stimuli.model_copy(update={"words": None, "recipe": recipe})  # clocks stay
        analysis = analysis.model_copy(update={"stimuli": stimuli})
    specs = {name: features.resolve(spec) for name, spec in analysis.feature_specs(base_dir).items()}
    resolved = analysis.model_dump(mode="json")
    made = {name: {"kind": spec.kind, "pca": spec.pca, **dict(spec.options)} for name, spec in specs.items()}
    fitted = {**made, **{name: resolved["features"][name] for name in analysis.residual_specs()}}
    resolved["features"] = {name: fitted[name] for name in resolved["features"] if name in fitted}
    resolved["partition"]["spaces"] = list(analysis.spaces)
    return analysis, specs, resolved


def _device(asked: str) -> str:
    import torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(1, device=asked)
    except (RuntimeError, AssertionError):
        raise UsageError(f"there is no device '{asked}'", hint="auto, cpu, cuda or cuda:N") from None
    return asked
