"""What was saved of models by option, read back: time courses, weights, penalties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from bids_app.errors import UsageError
from bids_app.outputs.derivatives.saved.models import read_alphas, read_weights
from bids_app.outputs.derivatives.saved.read import require_saved
from bids_app.outputs.derivatives.saved.series import read_series
from bids_app.outputs.files import names
from bids_app.outputs.files.files import read_tsv
from bids_app.records import TRAITS, Array, Targets, UnitSummary

if TYPE_CHECKING:
    import pandas as pd

Name = TypeVar("Name")
Value = TypeVar("Value")


class ByName(dict[Name, Value]):
    """A dict that answers a name which it lacks with those that there are; `in` and `get` are a dict's."""

    def __missing__(self, name: object) -> Value:
        """Raises UsageError."""
        raise UsageError(f"there is no {name!r}", hint=f"there are {', '.join(map(repr, self))}")


@dataclass(frozen=True, eq=False)
class Predictions:
    """Held-out time courses that the full model predicts, beside the responses, as `Results.predictions` gives them.

    Parameters
    ----------
    targets : names of the n_targets: voxels `i,j,k`, vertices `L:n`, parcels, electrodes.
    samples : one row a row of the time courses: `run`, `time_s` (of words their onset), `fold`, the outer fold whose
        model, fitted to the others, predicted it. Samples that were not used are not there.
    predicted, observed : (n_times, n_targets) float32, both less the mean of what the fold's model was fitted to.
    """

    targets: tuple[str, ...] = field(repr=False)
    samples: pd.DataFrame = field(repr=False)
    predicted: Array = field(repr=False)
    observed: Array = field(repr=False)

    @property
    def rsquared(self) -> pd.Series[float]:
        """R² of the full model by target, from these time courses: 1 − Σ (observed − predicted)² / Σ observed²."""
        import pandas as pd

        observed = self.observed.astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = 1 - np.square(observed - self.predicted).sum(axis=0) / np.square(observed).sum(axis=0)
        return pd.Series(values, index=list(self.targets), name="rsquared")

    def of(self, target: str) -> pd.DataFrame:
        """One target.

        Parameters
        ----------
        target : its name.

        Returns
        -------
        DataFrame
            `run`, `time_s`, `fold`, `observed`, `predicted`.

        Raises
        ------
        UsageError : there is no such target.
        """
        if target not in self.targets:
            raise UsageError(f"no target is '{target}'", hint=f"targets are named as {self.targets[0]} is")
        column = self.targets.index(target)
        return self.samples.assign(observed=self.observed[:, column], predicted=self.predicted[:, column])


@dataclass(frozen=True, eq=False)
class Weights:
    """Weights of one feature space in the full model, as `Results.weights` gives them.

    Parameters
    ----------
    targets : names of the n_targets.
    delays_s : (n_delays,) in seconds; of rows that are words a single 0.
    values : (n_folds, n_delays, k, n_targets) float32 on the space's k columns.
    mean, scale : (n_folds, n_delays, n_dims): columns are (x − mean) / scale of the space's dimensions x at each
        delay, times `axes` (n_folds, n_dims, k) where it has principal components. A fold's prediction, less the
        training mean of the response, is the sum of columns times weights over all spaces; where features were
        residualised, of columns less each run's nuisance.
    component_scores, component_loadings, component_shares : principal components of the weights over targets
        (n_components, n_targets), on scaled dimensions (n_components, n_dims), and their shares of the variance; None
        where there are none.
    """

    targets: tuple[str, ...] = field(repr=False)
    delays_s: Array
    values: Array = field(repr=False)
    mean: Array = field(repr=False)
    scale: Array = field(repr=False)
    axes: Array | None = field(repr=False)
    component_scores: Array | None = field(repr=False, default=None)
    component_loadings: Array | None = field(repr=False, default=None)
    component_shares: Array | None = field(repr=False, default=None)

    def on_dimensions(self) -> Array:
        """(n_folds, n_delays, n_dims, n_targets) weights on the space's scaled dimensions, (x − mean) / scale."""
        if self.axes is None:
            return self.values
        return np.asarray(np.einsum("fck,fdkn->fdcn", self.axes, self.values))


@dataclass(frozen=True, eq=False)
class Alphas:
    """What every model chose in its inner folds, as `Results.alphas` gives it.

    Parameters
    ----------
    targets : names of the n_targets.
    alpha : union of feature groups → (n_folds, n_targets) penalties.
    band_weights : union → feature space → (n_folds, n_targets) band weights, which sum to 1; 0 of spaces that the
        union lacks.
    """

    targets: tuple[str, ...] = field(repr=False)
    alpha: Mapping[tuple[str, ...], Array] = field(repr=False)
    band_weights: Mapping[tuple[str, ...], Mapping[str, Array]] = field(repr=False)


def predictions_of(out_dir: Path, summary: UnitSummary, targets: Targets) -> Predictions:
    """Time courses of a unit.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.
    targets : those that have a value.

    Raises
    ------
    NoInput : they were not saved, or are of other results.
    ReadWriteError : a file is gone, broken, or not what was written.
    """
    import pandas as pd

    stem, kind = summary.stem, summary.targets.kind
    samples = names.samples_file(stem, kind)
    sides = TRAITS[kind].sides
    files = {
        desc: list(map(partial(names.series_file, stem, kind, desc), sides)) for desc in ("predicted", "observed")
    }
    require_saved(out_dir, summary, "predictions", [samples, *files["predicted"], *files["observed"]])
    cells = read_tsv(out_dir / samples)
    table = pd.DataFrame(
        {
            "run": cells["run"],
            "time_s": np.array(cells["time_s"], dtype=float),
            "fold": np.array(cells["fold"], dtype=int),
        }
    )
    values = {desc: read_series([out_dir / file for file in each], targets) for desc, each in files.items()}
    return Predictions(targets.names, table, values["predicted"], values["observed"])


def weights_of(out_dir: Path, summary: UnitSummary) -> ByName[str, Weights]:
    """Weights of a unit's full model, by feature space.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.

    Raises
    ------
    NoInput, ReadWriteError : as of `predictions_of`.
    """
    file = names.models_file(summary.stem, summary.targets.kind, "weights")
    require_saved(out_dir, summary, "weights", [file])
    targets, delays_s, bands = read_weights(out_dir / file)
    found = ByName[str, Weights]()
    for band, (weights, components) in bands.items():
        arrays = weights.values, weights.mean, weights.scale, weights.axes
        of = () if components is None else (components.scores, components.loadings, components.shares)
        found[band] = Weights(targets, delays_s, *arrays, *of)
    return found


def alphas_of(out_dir: Path, summary: UnitSummary) -> Alphas:
    """Penalties and band weights of a unit.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.

    Raises
    ------
    NoInput, ReadWriteError : as of `predictions_of`.
    """
    file = names.models_file(summary.stem, summary.targets.kind, "alphas")
    require_saved(out_dir, summary, "alphas", [file])
    targets, alpha, band_weights = read_alphas(out_dir / file)
    return Alphas(targets, ByName(alpha), ByName({union: ByName(each) for union, each in band_weights.items()}))
