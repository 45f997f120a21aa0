"""Models of one union in nested folds, and their null distributions, for tests and benchmarks of inference alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from bids_app import encoding
from bids_app.encoding.inference.flips.explained import Responses, explained
from bids_app.encoding.inference.flips.flip_units import FlipUnits
from bids_app.encoding.inference.flips.fold_columns import FlipUnitColumns
from bids_app.encoding.inference.flips.sign_flips import FlipGains, FlipTotals
from bids_app.encoding.inference.flips.signs import Signs
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.records import Array, Design, FitSpec


def design_of(
    bands: Mapping[str, Array],
    Y: Array,
    runs: Array,
    times_s: Array,
    folds: Array | None = None,
    purge_s: float = 0.0,
) -> Design:
    """Bands (n_times, n_columns_b) without delays, Y (n_times, n_targets); runs are folds where none are given."""
    count = int(runs.max()) + 1
    return Design(
        bands={name: np.asarray(band)[:, None] for name, band in bands.items()},
        Y=np.asarray(Y),
        folds=runs if folds is None else folds,
        runs=runs,
        times_s=times_s,
        first_runs=runs,
        first_times_s=times_s,
        run_labels=tuple(f"run-{number}" for number in range(count)),
        run_stimuli=tuple((str(number),) for number in range(count)),
        delays_s=(0.0,),
        pca={},
        usable=np.asarray(np.isfinite(Y).all(axis=0)),
        purge_s=purge_s,
    )


class Collected(Observer):
    """Keeps all models, in order."""

    def __init__(self) -> None:
        self.models: list[Fitted] = []

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        self.models.append(models)


def models_of(design: Design, spec: FitSpec) -> list[Fitted]:
    """Models of all folds and targets, on all bands of the design, in float64."""
    collected, groups = Collected(), {name: (name,) for name in design.bands}
    full = encoding.FitOptions(unions=[tuple(groups)])
    encoding.fit(design, groups, spec, encoding.FitContext(precision="float64"), full, collected)
    return collected.models


def null_of(models: Sequence[Fitted], flip_units: FlipUnits, n_targets: int, signs: Signs) -> torch.Tensor:
    """(n_vectors, n_targets) rsquared of one union under refit sign flips."""
    n_folds = 1 + max(one.fold for one in models)
    totals = FlipTotals(flip_units, n_folds, n_targets, signs.dtype)
    gains = FlipGains(signs, n_targets)
    for one in models:
        targets, columns = torch.as_tensor(one.targets), FlipUnitColumns(one.split, flip_units, signs.dtype)
        Y = flip_units.responses(one.Y.to(signs.dtype))
        totals.add(one.fold, targets, Y, columns)
        met, alphas = Responses(Y, torch.arange(len(Y))), one.alpha.cpu().numpy()
        for few, part in explained(alphas, met, columns, columns.directions(one.basis, float(one.alpha.min()))):
            gains.add(targets[few], part)
    return gains.at() / totals.at(signs)
