"""Models of an analysis, checked before any weights are loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bids_app import features
from bids_app.boundary import boundary
from bids_app.errors import ConcordError, NoInput, UsageError
from bids_app.pipeline.job.job import Job

LOADING_S = 5.0  # libraries and models, whatever is made with them


@dataclass(frozen=True)
class CheckedModels:
    """What was found of models before their weights are loaded.

    Parameters
    ----------
    refusals : feature space → why it cannot be had of its model.
    warnings : models that could not be checked.
    times : feature space → how long it takes, where that is known.
    sound_s : feature space → seconds of all stimuli that it would be computed for.
    of_models : feature spaces that a model makes.
    """

    refusals: Mapping[str, ConcordError] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    times: Mapping[str, features.ExpectedSeconds] = field(default_factory=dict)
    sound_s: Mapping[str, float] = field(default_factory=dict)
    of_models: frozenset[str] = frozenset()

    def seconds(self, spaces: Mapping[str, Sequence[float]]) -> float:
        """How long some of the features take, as far as it is known.

        Parameters
        ----------
        spaces : names of feature spaces, with the seconds of each stimulus that they would be computed for.
        """
        known = {name: self.times[name].seconds / self.sound_s[name] for name in spaces if self.sound_s.get(name)}
        loaded_s = LOADING_S if self.of_models & {*spaces} else 0.0
        return loaded_s + sum(each * sum(spaces[name]) for name, each in known.items())


def check_models(job: Job, spaces: Mapping[str, Sequence[float]]) -> CheckedModels:
    """Check the models of spaces that would be computed: settings, files and headers, no weights.

    Parameters
    ----------
    job : what the run was asked for.
    spaces : their names, with the seconds of each stimulus that they would be computed for.
    """
    refusals: dict[str, ConcordError] = {}
    warnings, times, lost = list[str](), dict[str, features.ExpectedSeconds](), list[ConcordError]()
    specs, options = {**job.specs, **job.baseline_specs}, job.options
    for name, durations_s in spaces.items():
        try:
            warning = features.check_model(specs[name], options.models)
        except (UsageError, NoInput) as error:
            refusals[name] = error
            continue
        warnings.append(warning)
        if warning:
            continue
        with boundary(lost.append):  # what an estimate makes nothing of is not what the model cannot do
            taking = features.expected_seconds(specs[name], options.models, durations_s, options.threads)
            if taking is not None:
                times[name] = taking
    sound_s = {name: sum(spaces[name]) for name in times}
    of_models = frozenset(name for name in spaces if specs[name].options.get("model"))
    return CheckedModels(refusals, tuple(filter(None, warnings)), times, sound_s, of_models)
