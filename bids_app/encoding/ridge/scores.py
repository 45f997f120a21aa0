"""Held-out scores: sums of squares by fold, pooled to signed R²; correlations by fold, through Fisher's z.

With profiles and parts of every target they are filled in as models are fitted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.design.columns import n_delays, n_dims
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.records import Array, Design, Fit, FoldAudit

R_LIMIT = 1 - 1e-12  # so that Fisher's z of a perfect prediction is finite
CONSTANT = 64  # times the precision: a column that varies by less of its size is constant but for rounding
COLLINEAR = 1e-6  # share of a column's variance that others leave: less is rounding of single precision


@dataclass(frozen=True)
class FoldScores:
    """Scores of one outer fold and union, (n_targets,) each.

    Parameters
    ----------
    residual : Σ(y − ŷ)².
    total : Σ(y − ȳ_train)².
    r : Pearson's.
    at_edge : 1 where alpha lies at an end of the grid or beyond, else 0.
    """

    residual: Array
    total: Array
    r: Array
    at_edge: Array


def held_out(Y: torch.Tensor, predictions: torch.Tensor, at_edge: Array) -> FoldScores:
    """Scores of one outer fold.

    Parameters
    ----------
    Y, predictions : (n_eval, n_targets), less the training mean.
    at_edge : (n_targets,) bool, whether the chosen alpha lies at an end of the grid or beyond.
    """
    return FoldScores(
        residual=((Y - predictions) ** 2).sum(dim=0).cpu().numpy(),
        total=(Y**2).sum(dim=0).cpu().numpy(),
        r=pearson(Y, predictions).cpu().numpy(),
        at_edge=at_edge.astype(float),
    )


def pearson(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Correlation of columns.

    Parameters
    ----------
    first, second : (n, n_targets).

    Returns
    -------
    (n_targets,); 0 where one is constant but for rounding, and short of ±1 so that Fisher's z is finite.
    """
    a, b = _centred(first), _centred(second)
    size = _length(a) * _length(b)
    r = torch.where(size > 0, (a * b).sum(dim=0) / torch.where(size > 0, size, 1.0), 0.0)
    return r.clamp(-R_LIMIT, R_LIMIT)


def partial_correlation(first: torch.Tensor, second: torch.Tensor, given: Sequence[torch.Tensor]) -> torch.Tensor:
    """Correlation of columns, each less its regression on other columns of the same target.

    Parameters
    ----------
    first, second : (n, n_targets).
    given : (n, n_targets) each; what an earlier one says already is left out.

    Returns
    -------
    (n_targets,); 0 where the others leave nothing of one of the two.
    """
    kept: list[torch.Tensor] = []  # orthonormal columns, or zeros
    for each in given:
        kept.append(_unit(_less(_centred(each), kept), each))
    a, b = (_unit(_less(_centred(each), kept), each) for each in (first, second))
    return (a * b).sum(dim=0).clamp(-R_LIMIT, R_LIMIT)


def _centred(values: torch.Tensor) -> torch.Tensor:
    """Columns (n, n_targets) less their means; 0 where they are constant but for rounding, which would correlate."""
    centred = values - values.mean(dim=0)
    varies = _length(centred) > CONSTANT * torch.finfo(values.dtype).eps * _length(values)
    return torch.where(varies, centred, 0.0)


def _length(values: torch.Tensor, dim: int = 0) -> torch.Tensor:
    """The norm along a dimension, in a fifth of the time that torch's own takes along one that is not the last."""
    return values.square().sum(dim=dim).sqrt()


def _less(values: torch.Tensor, kept: Sequence[torch.Tensor]) -> torch.Tensor:
    """Values (n, n_targets) less their projections on orthonormal columns."""
    for column in kept:
        values = values - column * (column * values).sum(dim=0)
    return values


def _unit(rest: torch.Tensor, whole: torch.Tensor) -> torch.Tensor:
    """What is left of columns, at length 1; 0 where it is but rounding."""
    left, all_of_it = rest.square().sum(dim=0), (whole - whole.mean(dim=0)).square().sum(dim=0)
    there = left > COLLINEAR * all_of_it
    return torch.where(there, rest / torch.where(there, left, 1.0).sqrt(), 0.0)


def averaged_r(r: Sequence[Array], n_test: Sequence[int]) -> Array:
    """Correlations of folds averaged through Fisher's z, each weighted by its test samples.

    Within folds: over all samples together, differences between the folds' training means bias r downwards.

    Parameters
    ----------
    r : of each fold (n_targets,) or (n_unions, n_targets).
    n_test : test samples of each fold.
    """
    return np.asarray(np.tanh(np.average([np.arctanh(fold) for fold in r], axis=0, weights=n_test)))


def pooled(folds: Sequence[FoldScores], n_test: Sequence[int]) -> tuple[Array, Array, Array]:
    """rsquared = 1 − Σ residual / Σ total over folds, `averaged_r`, and the share of folds at the grid's edge.

    Parameters
    ----------
    folds : scores of each.
    n_test : test samples of each.
    """
    residual = np.sum([fold.residual for fold in folds], axis=0)
    total = np.sum([fold.total for fold in folds], axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        # sums of squares are pooled before the ratio: folds count by their variance
        rsquared = 1 - residual / total
    r = averaged_r([fold.r for fold in folds], n_test)
    return rsquared, r, np.mean([fold.at_edge for fold in folds], axis=0)


class Results(Observer):
    """An observer that collects all folds, unions and targets, in any order, into a `Fit`; others are NaN.

    Parameters
    ----------
    design : what is fitted.
    bands : names of the bands, in the order of their numbers.
    counts : of unions and outer folds.
    weights : whether the full union's weights are kept.
    """

    def __init__(self, design: Design, bands: Sequence[str], counts: tuple[int, int], weights: bool) -> None:
        n_unions, n_folds = counts
        self._design, self._bands, self._n_unions = design, bands, n_unions
        self._folds = [FoldScores(*np.full((4, n_unions, len(design.usable)), np.nan)) for _ in range(n_folds)]
        self._profile = {band: self._zeros(n_delays(design, band)) for band in bands}
        self._explained = self._zeros(len(bands))
        self._alpha, self._shares = self._zeros(n_folds), self._zeros(len(bands), n_folds)
        self._weights: dict[str, Array] = {}
        for band in bands if weights else ():
            shape = n_folds, n_delays(design, band), n_dims(design, band)
            self._weights[band] = self._zeros(*shape).astype(np.float32)

    def fitted(self, models: Fitted) -> None:
        """Score the models for every union that chose them; for the last, full one also weights and parts by band."""
        scores = held_out(models.responses, models.predictions, models.at_edge)
        for union, positions in models.unions.items():
            at = union, models.targets[positions]
            for name in ("residual", "total", "r", "at_edge"):
                getattr(self._folds[models.fold], name)[at] = getattr(scores, name)[positions]
        if self._n_unions - 1 in models.unions:
            self._add_bands(models, models.unions[self._n_unions - 1])

    def _add_bands(self, models: Fitted, positions: Array) -> None:
        """Weights, profiles and parts by band of the full union, of the targets at these positions."""
        targets = models.targets[positions]
        self._alpha[models.fold, targets] = models.alpha.cpu().numpy()[positions]
        for band, share in models.weights.items():
            self._shares[band, models.fold, targets] = share
        for band, gain in models.band_gains(positions):
            self._explained[band, targets] += gain.sum(dim=0).cpu().numpy()
        for band, weights in models.band_weights(positions).items():
            name = self._bands[band]
            # columns lie delay by delay: (n_delays, k, n_targets)
            kernels = weights.reshape(len(self._profile[name]), -1, weights.shape[1])
            self._profile[name][:, targets] += _length(kernels.double(), dim=1).cpu().numpy()
            if name in self._weights:
                self._weights[name][models.fold][..., targets] = kernels.cpu().numpy()

    def kept(self, targets: Array) -> dict[str, Array]:
        """See Observer."""
        return {name: values[..., targets] for name, values in self._arrays()}

    def take(self, targets: Array, kept: Mapping[str, Array]) -> None:
        """See Observer."""
        for name, values in self._arrays():
            values[..., targets] = kept[name]

    def _arrays(self) -> Iterator[tuple[str, Array]]:
        """All that is collected, (…, n_targets) each, by name."""
        for fold, scores in enumerate(self._folds):
            yield from ((f"{name}{fold}", values) for name, values in vars(scores).items())
        yield from (("explained", self._explained), ("alpha", self._alpha), ("shares", self._shares))
        for what, by_band in (("profile", self._profile), ("weights", self._weights)):
            yield from ((f"{what}{place}", values) for place, values in enumerate(by_band.values()))

    def _zeros(self, *shape: int) -> Array:
        """(…, n_targets), NaN for unusable targets."""
        return np.zeros((*shape, 1)) + np.where(self._design.usable, 0.0, np.nan)

    def fit(
        self, unions: tuple[tuple[str, ...], ...], folds: tuple[FoldAudit, ...], warnings: tuple[str, ...]
    ) -> Fit:
        """All that was collected.

        Parameters
        ----------
        unions : that were fitted, the full one last.
        folds : what each outer fold trained and tested on.
        warnings : of folds and solver.
        """
        rsquared, r, at_edge = pooled(self._folds, [fold.n_test for fold in folds])
        # a band's parts over all folds, by the same total as the full union's rsquared
        total = np.sum([fold.total[-1] for fold in self._folds], axis=0)
        return Fit(
            unions=unions,
            rsquared=rsquared,
            r=r,
            at_edge=at_edge,
            profile={name: norms / len(self._folds) for name, norms in self._profile.items()},
            product={name: self._explained[band] / total for band, name in enumerate(self._bands)},
            alpha=self._alpha,
            band_weights=dict(zip(self._bands, self._shares, strict=True)),
            weights=self._weights or None,
            delays_s=self._design.delays_s,
            folds=folds,
            warnings=warnings,
        )
