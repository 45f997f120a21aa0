"""Models of an analysis, checked before any weights are loaded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bids_app import features
from bids_app.errors import ConcordError, NoInput, UsageError
from bids_app.pipeline.job.job import Job


@dataclass(frozen=True)
class CheckedModels:
    """What was found of models before their weights are loaded.

    Parameters
    ----------
    refusals : features that cannot be had of their model.
    warnings : models that could not be checked.
    """

    refusals: tuple[ConcordError, ...]
    warnings: tuple[str, ...]


def check_models(job: Job, spaces: Iterable[str]) -> CheckedModels:
    """Check the models of spaces that would be computed: settings, files and headers, no weights.

    Parameters
    ----------
    job : what the run was asked for.
    spaces : their names.
    """
    refusals, warnings = [], []
    specs = {**job.specs, **job.baseline_specs}
    for name in dict.fromkeys(spaces):
        try:
            warnings.append(features.check_model(specs[name], job.options.models))
        except (UsageError, NoInput) as error:
            refusals.append(error)
    return CheckedModels(tuple(refusals), tuple(filter(None, warnings)))
