"""Models of an analysis, checked before any weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bids_app import features
from bids_app.errors import ConcordError, NoInput, UsageError
from bids_app.pipeline.job.job import Job


@dataclass(frozen=True)
class CheckedModels:
    """What was found of models before their weights are loaded.

    Parameters
    ----------
    refusals : feature space → why it cannot be had of its model.
    warnings : models that could not be checked.
    times : how long features take, of those of which it is known.
    """

    refusals: Mapping[str, ConcordError] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    times: tuple[str, ...] = ()


def check_models(job: Job, spaces: Mapping[str, Sequence[float]]) -> CheckedModels:
    """Check the models of spaces that would be computed: settings, files and headers, no weights.

    Parameters
    ----------
    job : what the run was asked for.
    spaces : their names, with the seconds of each stimulus that they would be computed for.
    """
    refusals: dict[str, ConcordError] = {}
    warnings, times = list[str](), list[str]()
    specs, options = {**job.specs, **job.baseline_specs}, job.options
    for name, durations_s in spaces.items():
        try:
            warning = features.check_model(specs[name], options.models)
        except (UsageError, NoInput) as error:
            refusals[name] = error
            continue
        warnings.append(warning)
        if not warning:
            times.append(features.expected_time(specs[name], options.models, durations_s, options.threads))
    return CheckedModels(refusals, *(tuple(filter(None, lines)) for lines in (warnings, times)))
