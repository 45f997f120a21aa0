"""A partition of arrays of one's own: the design, fit and inference of the program, without a data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np
from pydantic import BaseModel, Field, ValidationError

from bids_app import encoding
from bids_app.api.arrays import as_numpy
from bids_app.encoding import Additions, Averages, AveragingPlan, FitContext, FitOptions, ObserverGroup, Question
from bids_app.encoding.comparisons.averages import with_interval
from bids_app.encoding.ridge.fit import MOST_GROUPS
from bids_app.errors import DataError, OutOfMemory, UsageError
from bids_app.records import (
    SOLVERS,
    Array,
    Component,
    Design,
    Features,
    FitSpec,
    InferenceSpec,
    Partition,
    Run,
    partition_components,
)
from bids_app.settings.load import one_line
from bids_app.settings.sections import FitSettings, Settings

if TYPE_CHECKING:
    import pandas as pd

WHERE = "concord.partition"
EVERY = "all"  # the set of targets that means are over
Section = TypeVar("Section", bound=BaseModel)


def partition(
    X_by_space: Mapping[str, Any],
    Y: Any,
    groups: Any,
    *,
    period_s: float = 1.0,
    delays_s: Sequence[float] = (0.0,),
    fit: Mapping[str, Any] | None = None,
    inference: Mapping[str, Any] | None = None,
    device: str = "cpu",
) -> pd.DataFrame:
    """Unique and shared parts of what feature spaces explain of held-out responses, with p and intervals.

    What `concord` does of one participant: responses are standardised within run, features delayed within run and
    centred there, every union of spaces is fitted by banded ridge in nested folds, outer folds are runs, and each
    component has block sign-flip tests and a 95 % confidence interval (docs/design.md, Definitions).

    Parameters
    ----------
    X_by_space : 1 to 4 feature spaces, name → (n_times, n_dims), on the responses' grid, of any unit.
    Y : (n_times, n_targets) responses of any unit; of a DataFrame columns name the targets. Confounds and drift
        should be out of them.
    groups : (n_times,) label of each row's run. Rows of a run stand together, in the order of time.
    period_s : seconds from one row to the next (TR). By default all seconds here are rows.
    delays_s : of the features, in seconds: the row at t is predicted from features at t − delay.
    fit : settings as in the `fit:` section of an analysis file: `solver` (`banded_ridge`, `ridge`), `candidates`,
        `alphas`, `outer`, `inner`, `seed`.
    inference : `permutations` (1000; 0: no tests and no intervals) and `block_s`, the least length in seconds of the
        blocks that are flipped (60).
    device : `cpu` or `cuda`, where it is computed.

    Returns
    -------
    DataFrame
        One row a component and target: `component` (its label: `full`, `speech`, `uniqueSpeech`,
        `sharedSpeechLanguage`, …), `kind` (full, alone, unique, shared), `target`, `rsquared` (held out, signed), `r`
        (NaN for shared parts), `p`, `pfwe` (family-wise over targets), `q`, and `ci025`, `ci975`, the ends of the
        95 % confidence interval of `rsquared`; where several spaces are given `shapley` and `product` of each, with
        their intervals. `attrs["means"]`: of each component its mean `rsquared` over targets and the ends of the
        interval of that, a list that `pd.DataFrame` takes. `attrs["warnings"]`: what to know before concluding.

    Raises
    ------
    UsageError : settings or shapes are wrong.
    DataError : the data do not allow the fit (too few rows or runs; no target varies; a number is not finite).
    OutOfMemory : it needs more memory than there is.

    Examples
    --------
    >>> import numpy as np
    >>> import bids_app as concord
    >>> rng = np.random.default_rng(0)
    >>> speech, language, runs = rng.normal(size=(600, 4)), rng.normal(size=(600, 3)), np.repeat([1, 2, 3], 200)
    >>> Y = speech[:, :1] * [1, 0] + rng.normal(size=(600, 2))
    >>> parts = concord.partition({"speech": speech, "language": language}, Y, runs, inference={"permutations": 0})
    >>> parts[parts.component == "uniqueSpeech"].rsquared.gt(0.2).tolist()
    [True, False]
    """
    import pandas as pd

    spec = _fit_spec(fit)
    tests = _inference_spec(inference, spec.seed)
    values, names = _responses(Y)
    spaces = _spaces(X_by_space, len(values))
    try:
        runs = list(_runs(spaces, values, _run_labels(groups, len(values)), period_s, tuple(delays_s)))
        asked = _Asked.of(_design(runs, spec, tuple(delays_s), period_s), spec, tests)
        (parts, means, warnings), tried = encoding.with_backoff(asked.answered, FitContext(device))
    except encoding.CannotFit as error:
        raise DataError(error.message, WHERE, error.hint) from error
    except MemoryError as error:
        raise OutOfMemory(str(error), WHERE, "give fewer targets at a time") from error
    frame = pd.concat(_frames(parts, names), ignore_index=True)
    frame.attrs = {"means": means, "warnings": [*warnings, *tried]}
    return frame


# ------------------------------------------------------------------------------------------------ the fit
@dataclass(frozen=True)
class _Asked:
    """What is fitted: every space is a group of its own."""

    design: Design
    groups: Mapping[str, tuple[str, ...]]
    spec: FitSpec
    tests: InferenceSpec | None

    @classmethod
    def of(cls, design: Design, spec: FitSpec, tests: InferenceSpec | None) -> _Asked:
        """Of all spaces of a design. Raises DataError where no target varies."""
        if not design.usable.any():
            raise DataError("no target varies: every one is constant or has missing samples", WHERE)
        return cls(design, {name: (name,) for name in design.bands}, spec, tests)

    def answered(self, context: FitContext) -> tuple[Partition, list[dict[str, Any]], list[str]]:
        """The partition, its means over targets, and warnings; as a unit of work is asked for them."""
        design, groups, spec = self.design, self.groups, self.spec
        unions, components = encoding.unions_of(tuple(groups)), partition_components(tuple(groups))
        additions = Additions(unions, components, groups, design)
        blocks = None
        if self.tests is not None:
            blocks = encoding.data_blocks(design, groups, spec, self.tests.block_s, context)
        labels = None if blocks is None else blocks.labels
        plan = AveragingPlan(design.folds, {EVERY: design.usable}, labels, None)
        averages = Averages(unions, (), plan, context.device)
        observer, tested = ObserverGroup([averages, additions]), None
        question = Question(groups, FitOptions(), observer)
        if self.tests is not None:
            inference = encoding.InferencePlan(self.tests, blocks)
            tested = encoding.TestedQuestion(design, groups, inference, context.device, observer)
            question = tested.question
        (fitted,) = encoding.fit_all(design, [question], spec, context)
        inferred = None if tested is None else tested.result()
        parts = encoding.partition(fitted, inferred, groups, additions.partial_r())
        averaged = averages.averaged()
        means = [_mean(one, with_interval(averaged.mean(EVERY, one.terms))) for one in components]
        bias = encoding.small_sample_bias_warnings(design, fitted, groups)
        edge = encoding.edge_of_grid_warnings(fitted)
        warnings = [*fitted.warnings, *edge, *bias, *(() if inferred is None else inferred.warnings)]
        return parts, means, [*warnings, *encoding.disagreements(parts)]


def _mean(component: Component, value: tuple[float, float, float]) -> dict[str, Any]:
    mean, low, high = value
    return {"component": component.label, "kind": component.kind, "rsquared": mean, "ci025": low, "ci975": high}


def _frames(parts: Partition, names: Sequence[Any]) -> Iterator[pd.DataFrame]:
    """Of each component a row a target."""
    import pandas as pd

    for label, stats in parts.values.items():
        kind = parts.components[label].kind
        # all have the same columns, whichever numbers a component has
        columns = {"rsquared": stats["rsquared"], "r": stats.get("r", np.full(len(names), np.nan)), **stats}
        yield pd.DataFrame({"component": label, "kind": kind, "target": list(names), **columns})


def _design(runs: Sequence[Run], spec: FitSpec, delays_s: Sequence[float], period_s: float) -> Design:
    """Runs stacked in outer folds; features lose their runs' means where folds are whole runs. Raises CannotFit."""
    purge_s = encoding.purge_length_s(runs, delays_s, period_s)
    pca = dict.fromkeys(runs[0].bands) if runs else {}
    return encoding.build_design(runs, spec.outer, delays_s, pca, purge_s, residualise=True)


def _runs(
    spaces: Mapping[str, Array], Y: Array, labels: Sequence[Any], period_s: float, delays_s: Sequence[float]
) -> Iterator[Run]:
    """Each run with its features delayed and its responses standardised."""
    if not period_s > 0 or not delays_s or not np.isfinite(delays_s).all() or min(delays_s) < 0:
        raise UsageError("period_s must be above 0, and delays_s at least one number from 0 on", WHERE)
    for label in dict.fromkeys(labels):
        rows = np.array([one == label for one in labels])
        times_s = np.arange(rows.sum()) * period_s
        nothing, every = np.empty((len(times_s), 0)), np.ones(len(times_s), dtype=bool)
        yield Run(
            label=str(label),
            bands={
                name: _delayed(Features(name, values[rows], times_s, "continuous"), delays_s, period_s)
                for name, values in spaces.items()
            },
            Y=encoding.clean(Y[rows], nothing, every, "run"),
            times_s=times_s,
            stimuli=(f"run {label}",),
            nuisance=encoding.nuisance_basis(nothing, every),
        )


def _delayed(features: Features, delays_s: Sequence[float], period_s: float) -> Array:
    """(n_times, n_delays, n_dims) at the features' own times less each delay."""
    return encoding.make_band([(features, 0.0)], features.times_s, delays_s, period_s, "offset")


# ------------------------------------------------------------------------------------------------ what is given
class _TestSettings(Settings):
    """Tests and intervals; an analysis file has more, which is for reports."""

    permutations: Annotated[int, Field(ge=0)] = InferenceSpec().permutations
    block_s: Annotated[float, Field(gt=0)] = InferenceSpec().block_s


def _responses(Y: Any) -> tuple[Array, list[Any]]:
    """(n_times, n_targets), and what targets are called."""
    names = getattr(Y, "columns", None)
    values = np.asarray(as_numpy(Y), dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or not values.size:
        raise UsageError(f"Y must be (n_times, n_targets), not {values.shape}", WHERE)
    return values, list(range(values.shape[1]) if names is None else names)


def _spaces(X_by_space: Mapping[str, Any], n_times: int) -> dict[str, Array]:
    """Name → (n_times, n_dims), all numbers finite."""
    if not isinstance(X_by_space, Mapping) or not 1 <= len(X_by_space) <= MOST_GROUPS:
        raise UsageError(f"X_by_space must be a mapping of 1 to {MOST_GROUPS} names to arrays", WHERE)
    spaces = {}
    for name, given in X_by_space.items():
        values = np.asarray(as_numpy(given), dtype=np.float64)
        values = values[:, None] if values.ndim == 1 else values
        if values.ndim != 2 or len(values) != n_times or not values.shape[1]:
            raise UsageError(
                f"'{name}' must be ({n_times}, n_dims) as Y has {n_times} rows, not {values.shape}", WHERE
            )
        if not np.isfinite(values).all():
            raise DataError(f"'{name}' has values that are not finite", WHERE, "fill them or leave the rows out")
        if str(name) in spaces:
            raise UsageError(f"two spaces are called '{name}'", WHERE, "rename one")
        spaces[str(name)] = values
    labels = [one.label for one in partition_components(tuple(spaces))]
    if len(set(labels)) < len(labels):
        raise UsageError("two components would have one name", WHERE, "rename a space")
    return spaces


def _run_labels(groups: Any, n_times: int) -> list[Any]:
    """(n_times,) labels, those of a run one after the other."""
    labels = np.asarray(as_numpy(groups))
    if labels.shape != (n_times,):
        raise UsageError(f"groups must be ({n_times},), a label a row, not {labels.shape}", WHERE)
    listed: list[Any] = labels.tolist()
    if any(label != label for label in listed):
        raise UsageError("groups has rows without a label (NaN)", WHERE)
    begun = [listed[at] for at in range(n_times) if at == 0 or listed[at] != listed[at - 1]]
    if len(begun) != len(set(begun)):
        again = next(label for label in begun if begun.count(label) > 1)
        raise UsageError(f"rows of the run '{again}' do not stand together", WHERE, "sort rows by run, then by time")
    return listed


def _fit_spec(given: Mapping[str, Any] | None) -> FitSpec:
    spec = FitSpec(**_validated(FitSettings, given or {}, "fit").model_dump())
    if not SOLVERS[spec.solver].fits_in_folds:
        raise UsageError(f"the solver '{spec.solver}' has no partition of arrays", WHERE, "banded_ridge or ridge")
    return spec


def _inference_spec(given: Mapping[str, Any] | None, seed: int) -> InferenceSpec | None:
    """None where no permutations are asked for."""
    settings = _validated(_TestSettings, given or {}, "inference")
    return InferenceSpec(settings.permutations, settings.block_s, seed) if settings.permutations else None


def _validated(section: type[Section], given: Mapping[str, Any], name: str) -> Section:
    try:
        return section.model_validate(dict(given))
    except ValidationError as error:
        raise UsageError(one_line(error, section, f"`{name}`"), WHERE) from None
