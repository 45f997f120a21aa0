"""Scores, profiles and parts of every target, filled in as models are fitted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.encoding.design.columns import n_delays, n_dims
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.encoding.ridge.scores import FoldScores, held_out, pooled
from bids_app.records import Array, Design, Fit, FoldAudit


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
        for band, share in models.basis.weights.items():
            self._shares[band, models.fold, targets] = share
        for band, gain in models.band_gains(positions):
            self._explained[band, targets] += gain.sum(dim=0).cpu().numpy()
        for band, weights in models.band_weights(positions).items():
            name = self._bands[band]
            # columns lie delay by delay: (n_delays, k, n_targets)
            kernels = weights.reshape(len(self._profile[name]), -1, weights.shape[1])
            self._profile[name][:, targets] += kernels.double().norm(dim=1).cpu().numpy()
            if name in self._weights:
                self._weights[name][models.fold][..., targets] = kernels.cpu().numpy()

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
