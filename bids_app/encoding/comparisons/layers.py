"""Layers of a model: each fitted alone by ridge, once; the best one chosen inside training samples.

One decomposition a layer and fold (inner folds as well), whatever the number of targets and alphas. A target's best
layer is chosen in every outer fold by R² in the inner folds and then scored on the samples held out of both, so its
score is not that of the highest of many. All targets together choose one layer a fold, which stands for the space in
the unions: what other spaces are compared with is then one band.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bids_app.encoding.ridge.fit import HERE, fit
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.encoding.ridge.options import FitContext
from bids_app.encoding.ridge.splits import Split
from bids_app.records import LAYERS_STAGE, MODELS_STAGE, SEARCH_STAGE, Array, Design, FitSpec, Layered, LayerScores

BEST_BYTES = 8 + 8 + 8 + 2  # a target and outer fold: see `_BestLayers`


def layered(design: Design, spans: Mapping[str, Mapping[str, tuple[int, int]]]) -> Design:
    """A design with bands of layers; until layers are chosen the first one stands for the band in every fold.

    Parameters
    ----------
    design : whose bands hold all layers of a model, side by side.
    spans : band → layer → (first, end) of its dimensions.

    Raises
    ------
    ValueError
        Where spans reach beyond a band's dimensions.
    """
    folds = np.unique(design.folds).tolist()
    for band, layers in spans.items():
        if max(end for _, end in layers.values()) > design.bands[band].shape[2]:
            raise ValueError(f"the layers of {band} reach beyond its {design.bands[band].shape[2]} dimensions")
    bands = {band: Layered(dict(layers), dict.fromkeys(folds, next(iter(layers)))) for band, layers in spans.items()}
    return replace(design, layered=bands)


def choose_layers(design: Design, band: str, chosen: Mapping[int, str]) -> Design:
    """The design in which other layers stand for a band.

    Parameters
    ----------
    design : a `layered` one.
    band : of layers.
    chosen : outer fold → layer.
    """
    return replace(design, layered={**design.layered, band: replace(design.layered[band], chosen=dict(chosen))})


def score_layers(design: Design, band: str, spec: FitSpec, context: FitContext = HERE) -> LayerScores:
    """Fit every layer of a band of layers alone, by ridge with a penalty of each target's own.

    The partition's layer of an outer fold is the one with the highest R² in the inner folds, averaged over usable
    targets, negative values counted as 0; the first where no layer predicts anything.

    Parameters
    ----------
    design : a `layered` one.
    band : of layers.
    spec : of which the alphas and folds count.
    context : as of `fit`.

    Returns
    -------
    LayerScores
        (n_layers, n_targets), and the layer that each fold has chosen.

    Raises
    ------
    CannotFit, MemoryError
        As `fit` does.
    """
    names, folds = tuple(design.layered[band].spans), np.unique(design.folds).tolist()
    best = _BestLayers(len(names), len(folds), len(design.usable))
    if context.mem_mb is not None:
        own_mb = round(BEST_BYTES * len(folds) * len(design.usable) / 1e6)
        context = replace(context, mem_mb=max(1, context.mem_mb - own_mb))
    watch, shares = context.watch, dict.fromkeys((SEARCH_STAGE, MODELS_STAGE), 0.5 / len(names))
    context = replace(context, watch=lambda stage, share: watch(LAYERS_STAGE, shares[stage] * share))
    ridge, scores, means = replace(spec, solver="ridge"), [], []
    for number, name in enumerate(names):
        alone = choose_layers(design, band, dict.fromkeys(folds, name))
        best.layer = number
        fitted = fit(alone, {band: (band,)}, ridge, context, observer=best)
        scores.append(fitted.rsquared[0])
        means.append(best.inner_mean())
    inner = np.where(design.usable, np.stack(means), np.nan)
    # over folds; the first of equal ones, NaN counted as 0
    places = np.where(design.usable, np.nan_to_num(inner).argmax(axis=0), -1)
    predicted = design.usable & (np.nan_to_num(inner).max(axis=0) > 0)
    # (n_folds,) the layer that all targets together choose
    everywhere = best.positive.argmax(axis=0)
    return LayerScores(
        layers=names,
        rsquared=np.stack(scores),
        inner=inner,
        best=np.where(predicted, places, np.nan),
        agreement=np.where(predicted, (best.place == places).mean(axis=0), np.nan),
        best_rsquared=np.where(design.usable, best.rsquared(), np.nan),
        chosen={fold: names[place] for fold, place in zip(folds, everywhere.tolist(), strict=True)},
    )


class _BestLayers(Observer):
    """Layer by layer: what each outer fold has chosen so far.

    (n_folds, n_targets) each: R² in the inner folds of the best layer yet, its Σ(y−ŷ)² and Σ(y−ȳ_train)² on the test
    samples, and which layer it is (place). positive (n_layers, n_folds): Σ over targets of max(R², 0), of all layers.
    """

    def __init__(self, n_layers: int, n_folds: int, n_targets: int) -> None:
        self.layer = 0
        self.place = np.zeros((n_folds, n_targets), dtype=np.int16)
        self._inner, self._residual, self._total = np.full((3, n_folds, n_targets), np.nan)
        self._sum = np.zeros(n_targets)
        self.positive = np.zeros((n_layers, n_folds))

    def begin_fold(self, fold: int, split: Split) -> None:
        """See Observer.

        Parameters
        ----------
        fold : place of the outer fold among all, from 0.
        split : its rows.
        """
        self._fold, self._positive = fold, np.zeros(len(self._sum))

    def end_fold(self) -> None:
        """See Observer."""
        self.positive[self.layer, self._fold] += self._positive.sum()

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        fold, targets = models.fold, models.targets
        self._sum[targets] += models.inner_rsquared
        self._positive[targets] = np.maximum(models.inner_rsquared, 0)
        self._total[fold, targets] = models.responses.square().sum(dim=0).cpu().numpy()
        # strictly better: of equal layers the first one stays
        better = np.flatnonzero((self.layer == 0) | (models.inner_rsquared > self._inner[fold, targets]))
        residual = (models.responses - models.predictions).square().sum(dim=0).cpu().numpy()
        self.place[fold, targets[better]] = self.layer
        self._inner[fold, targets[better]] = models.inner_rsquared[better]
        self._residual[fold, targets[better]] = residual[better]

    def inner_mean(self) -> Array:
        """(n_targets,) over outer folds, of the layer just fitted."""
        mean, self._sum = self._sum / len(self.place), np.zeros_like(self._sum)
        return mean

    def rsquared(self) -> Array:
        """(n_targets,) held out, of the layer that each fold has chosen."""
        total = self._total.sum(axis=0)
        return np.asarray(1 - self._residual.sum(axis=0) / np.where(total > 0, total, np.nan))
