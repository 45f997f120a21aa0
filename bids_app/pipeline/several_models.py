"""An analysis that names several models for one feature: an ordinary run for each, in a folder of its own."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import replace

from bids_app.errors import EXPECTED, ConcordError, UsageError, with_exit_code
from bids_app.outputs import folders_of_results, holds_results
from bids_app.pipeline.job.job import make_job
from bids_app.pipeline.run import run
from bids_app.pipeline.watching.screen import Screen
from bids_app.settings.run_options import RunOptions
from bids_app.settings.several_models import chosen_models


def run_all(options: RunOptions, screen: Screen) -> int:
    """Run the levels asked for: into OUT_DIR, or into OUT_DIR/<label> for each of several models.

    All settings are checked before the first one runs. What stops one does not stop the next, unless the options say
    so; features that are the same for several are made once.

    Parameters
    ----------
    options : the command line, resolved.
    screen : what the run is watched through.

    Returns
    -------
    The exit code: 0, or 1 where some recordings failed with some model.

    Raises
    ------
    ConcordError : settings are wrong, or OUT_DIR holds other results; or, when all have run, the worst of what
        stopped some.
    """
    several = [*_each(options)]
    if not several:
        _require_no_several(options)
        return run(options, screen)
    for one in several:
        make_job(replace(one, dry_run=True))  # settings alone: nothing is imported that computes
    code, stopped, notify = 0, list[ConcordError](), screen.say
    for number, one in enumerate(several, start=1):
        notify(f"model {number} of {len(several)}: {one.model and one.model.model}, into {one.out_dir}")
        try:
            code = max(code, run(one, screen))
        except EXPECTED as error:
            stopped.append(_without_its_memory(error))
            notify(f"stopped: {stopped[-1]}")
        if options.stop_on_first_crash and (code or stopped) and number < len(several):
            notify(f"stopped at the first crash: {len(several) - number} of {len(several)} models are left out")
            break
    if stopped:
        raise max(stopped, key=lambda error: error.exit_code)
    return code


def _without_its_memory(error: ConcordError | MemoryError | OSError) -> ConcordError:
    """The error, whose traceback no longer holds what the model's run had in memory."""
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__cause__ or link.__context__
    return with_exit_code(error)


def _require_no_several(options: RunOptions) -> None:
    """Raises UsageError where OUT_DIR holds the folders of several models."""
    first = next(iter(folders_of_results(options.out_dir)), None)
    if first is not None:
        advice = f"choose another OUT_DIR, or that of a single model, such as {first}"
        raise UsageError("OUT_DIR holds folders of results, as of several models", options.out_dir, advice)


def _each(options: RunOptions) -> Iterator[RunOptions]:
    """The options of each model's run. Raises UsageError where OUT_DIR holds an analysis itself."""
    models = chosen_models(options.analysis, options.models.model_dir)
    if models and holds_results(options.out_dir):
        advice = "give another OUT_DIR: each model has a folder in it"
        raise UsageError("OUT_DIR holds results of an analysis of one model", options.out_dir, advice)
    folders = {model: options.out_dir / model.label for model in models}
    for model, folder in folders.items():
        others = tuple(other for other in folders.values() if other != folder)
        yield replace(options, query=replace(options.query, out_dir=folder), model=model, beside=others)
