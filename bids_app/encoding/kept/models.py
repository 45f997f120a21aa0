"""An observer that keeps what is asked for of every model: held-out predictions, weights, penalties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from bids_app.encoding.design.column_maps import column_map
from bids_app.encoding.design.columns import n_delays, n_dims
from bids_app.encoding.design.folds import outer_split
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.records import Array, Design, SavedFit, Union
from bids_app.records.fits import BlockSums, SavedWeights


class Allocate(Protocol):
    """Makes an array of zeros, in memory or in a file."""

    def __call__(self, name: str, shape: tuple[int, ...], dtype: str) -> Array:
        """The array.

        Parameters
        ----------
        name : of the array; one of that name is begun anew.
        shape, dtype : its own.
        """


@dataclass(frozen=True)
class Keeping:
    """What is kept of a fit's models.

    Parameters
    ----------
    what : of `records.SAVED`.
    allocate : makes the arrays, which are as large as responses and weights.
    step : every so many targets one is kept, the first among them: responses' own values among their windows.
    labels : (n_times,) each sample's block of time, from 0, where sums by block are kept.
    """

    what: tuple[str, ...]
    allocate: Allocate
    step: int = 1
    labels: Array | None = None


class KeptModels(Observer):
    """Keeps what is asked for of a question's models; NaN for targets that are not usable.

    Parameters
    ----------
    design : what is fitted.
    groups : feature group → its bands, of the question.
    unions : that are fitted, the full one last.
    keeping : what is kept.
    """

    def __init__(
        self, design: Design, groups: Mapping[str, Sequence[str]], unions: Sequence[Union], keeping: Keeping
    ) -> None:
        self._design, self._unions, self._keeping = design, tuple(unions), keeping
        self._arrays: dict[str, Array] = {}
        self._bands = [band for members in groups.values() for band in members]
        self._folds: list[int] = np.unique(design.folds).tolist()
        self._series: tuple[Array, Array] | None = None
        self._weights: dict[str, Array] = {}
        self._alpha: dict[Union, Array] = {}
        self._shares: dict[Union, dict[str, Array]] = {}
        self._total: Array | None = None
        self._gains: dict[Union, Array] = {}
        if "blocks" in keeping.what and keeping.labels is not None:
            n_blocks = int(keeping.labels.max()) + 1
            self._total = self._empty("total", (n_blocks,), "float64")
            self._checks = self._empty("checks", (n_blocks,), "float64")
            self._gains = {
                union: self._empty(f"gains{number}", (n_blocks,), "float64")
                for number, union in enumerate(self._unions)
            }
        n_folds = len(self._folds)
        if "predictions" in keeping.what:
            n_times = len(design.folds)
            self._series = self._empty("predicted", (n_times,)), self._empty("observed", (n_times,))
        if "weights" in keeping.what:
            for place, band in enumerate(self._bands):
                shape = n_folds, n_delays(design, band), n_dims(design, band)
                self._weights[band] = self._empty(f"weights{place}", shape)
        for number, union in enumerate(self._unions if "alphas" in keeping.what else ()):
            members = [band for group in union for band in groups[group]]
            self._alpha[union] = self._empty(f"alpha{number}", (n_folds,), "float64")
            self._shares[union] = {
                band: self._empty(f"share{number}-{place}", (n_folds,)) for place, band in enumerate(members)
            }

    def _empty(self, name: str, shape: tuple[int, ...], dtype: str = "float32") -> Array:
        """(…, n_targets) of those that are kept: zeros, NaN for targets that are not usable."""
        usable = np.asarray(self._design.usable[:: self._keeping.step])
        array = self._keeping.allocate(name, (*shape, len(usable)), dtype)
        array[..., ~usable] = np.nan
        self._arrays[name] = array
        return array

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        for number, positions in models.unions.items():
            there = models.targets[positions] % self._keeping.step == 0
            if there.any():
                self._keep(models, number, positions[there])

    def _keep(self, models: Fitted, number: int, positions: Array) -> None:
        """Some targets' models of one union."""
        union, targets = self._unions[number], models.targets[positions] // self._keeping.step
        if self._alpha:
            self._alpha[union][models.fold, targets] = models.alpha.cpu().numpy()[positions]
            for band, share in models.weights.items():
                self._shares[union][self._bands[band]][models.fold, targets] = share
        if self._gains:
            self._gains[union][:, targets] += self._by_block(models, models.gains[:, positions])
        if number < len(self._unions) - 1:
            return
        if self._total is not None:
            responses = models.responses[:, positions].double()
            numbers = torch.as_tensor(models.split.evaluate, dtype=torch.float64, device=responses.device)
            self._total[:, targets] += self._by_block(models, responses.square())
            self._checks[:, targets] += self._by_block(models, numbers.cos()[:, None] * responses)
        if self._series is not None:
            at = np.ix_(models.split.evaluate, targets)
            for array, values in zip(self._series, (models.predictions, models.responses), strict=True):
                array[at] = values[:, positions].cpu().numpy()
        for band, weights in models.band_weights(positions).items() if self._weights else ():
            kept = self._weights[self._bands[band]][models.fold]
            by_delay = weights.reshape(len(kept), -1, len(targets)).cpu().numpy()
            kept[:, : by_delay.shape[1], targets] = by_delay

    def kept(self, targets: Array) -> dict[str, Array]:
        """See Observer: views of the arrays, which may be larger than memory."""
        return {name: array[..., self._span(targets)] for name, array in self._arrays.items()}

    def take(self, targets: Array, kept: Mapping[str, Array]) -> None:
        """See Observer."""
        for name, array in self._arrays.items():
            array[..., self._span(targets)] = kept[name]

    def _span(self, targets: Array) -> slice:
        """Places of those that are kept from the first target to the last; what lies between is not usable."""
        return slice(-(-int(targets[0]) // self._keeping.step), int(targets[-1]) // self._keeping.step + 1)

    def _by_block(self, models: Fitted, values: torch.Tensor) -> Array:
        """Sums (n_blocks, n) of values (n_eval, n) of the fold's test samples."""
        labels = torch.as_tensor(np.asarray(self._keeping.labels)[models.split.evaluate], device=values.device)
        sums = values.new_zeros((len(self._gains[self._unions[0]]), values.shape[1]))
        return np.asarray(sums.index_add_(0, labels, values).cpu())

    def _blocks(self) -> BlockSums | None:
        labels, design = self._keeping.labels, self._design
        if self._total is None or labels is None:
            return None
        firsts = np.unique(labels, return_index=True)[1]
        runs = tuple(design.run_labels[run] for run in np.asarray(design.runs)[firsts].tolist())
        times_s, folds = np.asarray(design.times_s)[firsts], np.asarray(design.folds)[firsts]
        return BlockSums(self._total, self._gains, runs, times_s, folds, np.bincount(labels), self._checks)

    def saved(self) -> SavedFit:
        """All that was kept, when the fit is over."""
        design = self._design
        predicted, observed = self._series or (None, None)
        return SavedFit(
            what=self._keeping.what,
            run_labels=design.run_labels,
            runs=design.runs,
            times_s=design.times_s,
            folds=design.folds,
            predicted=predicted,
            observed=observed,
            alpha=self._alpha,
            band_weights=self._shares,
            weights={band: self._of_band(band, values) for band, values in self._weights.items()},
            blocks=self._blocks(),
        )

    def _of_band(self, band: str, values: Array) -> SavedWeights:
        """A band's weights with what they are weights on."""
        maps = [column_map(self._design, band, fold, outer_split(self._design, fold)[0]) for fold in self._folds]
        axes = [one.axes for one in maps if one.axes is not None]
        mean, scale = _stacked([one.mean for one in maps]), _stacked([one.scale for one in maps])
        return SavedWeights(values, mean, scale, _stacked(axes) if axes else None)


def _stacked(arrays: Sequence[Array]) -> Array:
    """Arrays of two axes one over the other, NaN where one is shorter than others."""
    sizes = np.max([one.shape for one in arrays], axis=0)
    whole = np.full((len(arrays), *sizes), np.nan)
    for number, one in enumerate(arrays):
        whole[number, : one.shape[0], : one.shape[1]] = one
    return whole
