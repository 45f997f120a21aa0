"""The solver `chen2024`: folds, weights and score as the published code of Chen et al. (2024) has them.

Five contiguous folds of all rows, without purge. In each, the last fifth of the training rows validates; scaling,
principal components and ridge weights without intercept come from the rest, and are not refitted. alpha is the one
with the highest Pearson r on the validation rows. The score is the mean over folds of squared r: it cannot be
negative, and is above zero on noise. For comparison with that code; it carries no test and no interval.

Everything a correlation needs is a quadratic form in V'X'y, so that alphas and unions cost no product with the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch

from bids_app.encoding.comparisons.agreement import PredictionSums
from bids_app.encoding.comparisons.averages import Average, Averaged, pairs_of
from bids_app.encoding.comparisons.model_pair import singles
from bids_app.encoding.design.columns import principal_axes, projected_values, standardized
from bids_app.encoding.design.folds import audit
from bids_app.encoding.errors import CannotFit
from bids_app.encoding.ridge.candidates import alpha_grid
from bids_app.encoding.ridge.fit import HERE, unions_of
from bids_app.encoding.ridge.options import FitContext
from bids_app.encoding.ridge.scores import R_LIMIT
from bids_app.records import Agreement, Array, Design, Fit, FitSpec

FOLDS = 5
VALIDATION = 5  # the last such part of the training rows
AT_ONCE = 4096  # targets
FIT, VALIDATE, TEST = 0, 1, 2  # parts of a fold's rows
WARNING = (
    "solver chen2024: scores are means over five folds of squared r, as published: never below 0, above 0 on noise. "
    "No p and no interval is given with them: claims come from chen2024-cv"
)


def published_design(design: Design) -> Design:
    """The same rows in five contiguous folds, as equal as can be, without purge. Raises CannotFit for too few."""
    if len(design.Y) < 10 * FOLDS:
        raise CannotFit(f"{len(design.Y)} rows are too few for {FOLDS} folds and their validation", "record longer")
    sizes = [len(part) for part in np.array_split(np.arange(len(design.Y)), FOLDS)]
    return replace(design, folds=np.repeat(np.arange(FOLDS), sizes), purge_s=0.0, residualised=False)


def fold_rows(folds: Array, fold: int) -> tuple[Array, Array, Array]:
    """Row numbers of a fold: to fit on, to choose alpha on, and to test on.

    Parameters
    ----------
    folds : (n_times,) fold of every row.
    fold : the one that is tested.
    """
    train = np.flatnonzero(folds != fold)
    # the last fifth of the training rows chooses alpha and is not refitted
    fitted, validation = np.split(train, [len(train) * (VALIDATION - 1) // VALIDATION])
    return fitted, validation, np.flatnonzero(folds == fold)


def columns_of(design: Design, band: str, fold: int, fitted: Array) -> Array:
    """A band as columns, scaled by the rows to fit on, then their principal components.

    Parameters
    ----------
    design : of which bands, projections and PCA count.
    band : its name.
    fold : number of the fold.
    fitted : (n_times,) bool, rows to fit on.

    Returns
    -------
    (n_times, n_delays · k) float64.
    """
    if band in design.projected:
        values = projected_values(design.bands, design.projected[band], fold)
    else:
        values = np.asarray(design.bands[band], np.float64)
    scaled = standardized(values.reshape(len(values), -1), fitted)
    most = design.pca.get(band)
    if most is None or most >= scaled.shape[1]:
        return scaled
    return np.asarray(scaled @ principal_axes(scaled[fitted], most)[0])


class _PublishedFold:
    """One outer fold: columns of all bands {name: (n_times, k)} on the rows to fit on, and on validation and test
    rows, centred there; their Gram matrices, of which those of a union are sub-blocks. `places`: each band's columns.
    """

    def __init__(self, bands: Mapping[str, Array], rows: tuple[Array, Array, Array], device: str) -> None:
        ends = np.cumsum([0, *(values.shape[1] for values in bands.values())])
        self.places = {band: np.arange(*ends[place : place + 2]) for place, band in enumerate(bands)}
        self.rows, X = rows, np.hstack(list(bands.values()))
        # rows to fit on were scaled by themselves, so they are centred; the others are by their own means
        fitted, *others = (torch.as_tensor(X[part], device=device) for part in rows)
        self.columns = [fitted, *(part - part.mean(dim=0) for part in others)]
        self.grams = [part.T @ part for part in self.columns]

    def products(self, Y: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Responses of all rows (n, n_targets) → products with the columns of each part (n_columns, n_targets), and
        norms of the parts' responses (n_targets,), centred in validation and test rows."""
        fitted, *others = (Y[rows] for rows in self.rows)
        parts = [fitted, *(part - part.mean(dim=0) for part in others)]
        crossed = [columns.T @ part for columns, part in zip(self.columns, parts, strict=True)]
        return crossed, [part.norm(dim=0) for part in parts]


class _UnionRidge:
    """One union in one fold: all that correlations need, on the eigenvectors V of its Gram matrix."""

    def __init__(self, fold: _PublishedFold, columns: Array) -> None:
        self._at = torch.as_tensor(columns, device=fold.grams[0].device)
        grams = [gram[self._at][:, self._at] for gram in fold.grams]
        eigenvalues, self._V = torch.linalg.eigh(grams[0])
        self._eigenvalues = eigenvalues.clamp(min=0)
        self._grams = [self._V.T @ gram @ self._V for gram in grams]
        self._test = fold.columns[TEST][:, self._at] @ self._V

    def fit(
        self, crossed: Sequence[torch.Tensor], norms: Sequence[torch.Tensor], alphas: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Fit some targets.

        Parameters
        ----------
        crossed, norms : of `_PublishedFold.products`.
        alphas : (n_alphas,).

        Returns
        -------
        Weights on V (r, n_targets) at each target's best alpha; the alpha's place in the grid; Pearson's r in the
        test rows.
        """
        cross, validation, test = (self._V.T @ part[self._at] for part in crossed)
        r = [
            self._pearson(cross / (self._eigenvalues + alpha)[:, None], VALIDATE, validation, norms)
            for alpha in alphas
        ]
        alpha_index = torch.stack(r).argmax(dim=0)
        weights = cross / (self._eigenvalues[:, None] + alphas[alpha_index])
        return weights, alpha_index, self._pearson(weights, TEST, test, norms)

    def predict(self, weights: torch.Tensor) -> torch.Tensor:
        """(n_test, n_targets), less their means."""
        predictions: torch.Tensor = self._test @ weights
        return predictions

    def _pearson(
        self, weights: torch.Tensor, part: int, crossed: torch.Tensor, norms: Sequence[torch.Tensor]
    ) -> torch.Tensor:
        """(n_targets,) in one part's rows; 0 where a prediction or a response does not vary."""
        # ‖ŷ‖ ‖y‖ of centred rows; ŷ'y is weights · X'y
        size = (weights * (self._grams[part] @ weights)).sum(dim=0).clamp(min=0).sqrt() * norms[part]
        r = torch.where(size > 0, (weights * crossed).sum(dim=0) / torch.where(size > 0, size, 1.0), 0.0)
        return r.clamp(-R_LIMIT, R_LIMIT)


def fit_published(
    design: Design,
    groups: Mapping[str, Sequence[str]],
    spec: FitSpec,
    sets: Mapping[str, Array],
    context: FitContext = HERE,
) -> tuple[Fit, Averaged]:
    """All unions of feature groups (bands side by side), and averages over sets of targets.

    Parameters
    ----------
    design : a `published_design`.
    groups : feature group → its bands.
    spec : of which the alphas count.
    sets : name → (n_targets,) bool.
    context : of which the device counts.

    Returns
    -------
    The fit, whose rsquared is the mean over folds of squared r, and averages without intervals.
    """
    device = context.device
    unions, alphas = unions_of(tuple(groups)), alpha_grid(*spec.alphas)
    usable, n_folds = np.flatnonzero(design.usable), len(np.unique(design.folds))
    squares, z, edges = (np.full((n_folds, len(unions), len(design.usable)), np.nan) for _ in range(3))
    chosen = np.full((n_folds, len(design.usable)), np.nan)  # alphas of the full model
    bands = [band for members in groups.values() for band in members]
    grid = torch.as_tensor(alphas, dtype=torch.float64, device=device)
    maps = singles(unions)
    pairs = pairs_of(maps)
    agreed = np.full((len(pairs), len(design.usable)), np.nan)
    folds = [_published_fold(design, fold, bands, device) for fold in range(n_folds)]
    members = [[band for group in union for band in groups[group]] for union in unions]
    models = [
        [_UnionRidge(fold, np.concatenate([fold.places[band] for band in union])) for union in members]
        for fold in folds
    ]
    for start in range(0, len(usable), AT_ONCE):
        targets = usable[start : start + AT_ONCE]
        Y = torch.as_tensor(np.asarray(design.Y[:, targets], np.float64), device=device)
        sums = PredictionSums(pairs, np.zeros(len(design.Y), dtype=int), design.folds, device)
        sums.begin(targets, [Y])
        for number, fold in enumerate(folds):
            crossed, norms = fold.products(Y)
            sums.begin_rows(fold.rows[TEST])
            for union, ridge in enumerate(models[number]):
                weights, alpha_index, r = ridge.fit(crossed, norms, grid)
                squares[number, union, targets] = (r**2).cpu().numpy()
                z[number, union, targets] = torch.atanh(r).cpu().numpy()
                edges[number, union, targets] = np.isin(alpha_index.cpu().numpy(), (0, len(alphas) - 1))
                if union == len(unions) - 1:
                    chosen[number, targets] = alphas[alpha_index.cpu().numpy()]
                if union in maps:
                    sums.add(union, np.arange(len(targets)), ridge.predict(weights))
            sums.end_fold()
        for pair in range(len(pairs)):
            once = torch.ones((1, 1), dtype=torch.float64, device=device)  # all rows are one block, which counts once
            agreed[pair, targets] = torch.tanh(sums.weighted(pair, slice(None), once))[0].cpu().numpy()
    audits = tuple(audit(design, fold, design.folds != fold, design.folds == fold, 1) for fold in range(n_folds))
    fit = Fit(
        unions=unions,
        rsquared=squares.mean(axis=0),
        r=np.tanh(z.mean(axis=0)),
        at_edge=edges.mean(axis=0),
        profile={},
        delays_s=design.delays_s,
        folds=audits,
        warnings=(WARNING,),
        alpha=chosen,
    )
    return fit, _averaged(fit, agreed, sets)


def _averaged(fit: Fit, agreed: Array, sets: Mapping[str, Array]) -> Averaged:
    """Values without draws over sets of targets {name: (n_targets,) bool}; agreed (n_pairs, n_targets)."""
    maps = singles(fit.unions)
    averages = {}
    for name, mask in ((name, mask) for name, mask in sets.items() if mask.any()):
        compared = np.vstack([np.ones((1, int(mask.sum()))), fit.rsquared[list(maps)][:, mask]])
        z = np.arctanh(np.clip(agreed[:, mask], -R_LIMIT, R_LIMIT)).mean(axis=1)
        averages[name] = Average(
            n=len(compared[0]),
            scores=fit.rsquared[:, mask].mean(axis=1)[None],
            maps=(compared @ compared.T)[None] / len(compared[0]),
            z=z[None],
        )
    none = np.full(agreed.shape[1:], np.nan)
    agreements = tuple(
        Agreement((fit.unions[first][0], fit.unions[second][0]), r, none, none)
        for (first, second), r in zip(pairs_of(maps), agreed, strict=True)
    )
    return Averaged(fit.unions, maps, averages, agreements)


def _published_fold(design: Design, fold: int, bands: Sequence[str], device: str) -> _PublishedFold:
    """All bands side by side."""
    rows = fold_rows(design.folds, fold)
    mask = np.zeros(len(design.Y), dtype=bool)
    mask[rows[FIT]] = True
    return _PublishedFold({band: columns_of(design, band, fold, mask) for band in bands}, rows, device)
