"""Banded ridge as an estimator of scikit-learn, computed by the engine of the program (`bids_app/encoding`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, check_cv
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from bids_app import encoding
from bids_app.api.arrays import as_kind_of, as_numpy
from bids_app.encoding import FitContext, FitOptions, Question
from bids_app.encoding.design.columns import column_scale
from bids_app.encoding.ridge.fit import MOST_GROUPS
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.encoding.ridge.stream import OuterFold
from bids_app.records import Array, Design, FitSpec

N_SPLITS = 5  # contiguous, where neither `cv` nor groups say anything
EVEN = 1e-6  # of a step between penalties, in logarithms
ALL = "all"  # the name of the only band, where columns have none


class BandedRidgeCV(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Ridge regression with a penalty of its own for every band of features, chosen for each target by validation.

    Minimises ‖y − Σ_b X_b √g_b w_b‖² + α Σ_b ‖w_b‖², the intercept unpenalised. α and the band weights g_b ≥ 0, which
    sum to 1, are each target's own: those of the least squared error over the inner folds (Dupré la Tour et al. 2022,
    NeuroImage 264:119728). Columns are centred and scaled to unit variance before, as everywhere in Concord;
    coefficients are of the columns as given. With a single band it is ridge regression.

    Parameters
    ----------
    bands : which columns make a band: (n_features,) labels, or a mapping from a band's name to its columns (a slice,
        or their numbers). None: all columns are one band, or the bands are those of a mapping that `fit` is given.
    alphas : (n_alphas,) penalties to try, ascending in equal steps of the logarithm (`np.geomspace`). None: 30 from
        1e-5 to 1e10.
    candidates : how many band weights to try: equal ones, each band alone, each left out, then random draws.
    cv : inner folds: their number, a splitter of scikit-learn, or an iterable of (training, validation) row numbers.
        None: one fold a group where `fit` is given groups, else 5. A number stands for contiguous folds, or for so
        many folds of whole groups; samples are never shuffled.
    random_state : seed of the random draws.
    device : `cpu` or `cuda`, where it is computed.
    mem_mb : limit on the memory of the process in MB; None: about 5,500 MB are held at a time.

    Attributes
    ----------
    coef_ : (n_targets, n_features), or (n_features,) where y had one dimension.
    intercept_ : (n_targets,), or a number.
    alphas_ : (n_targets,) the penalty α chosen; NaN for a target that does not vary, whose coefficients are 0.
    band_weights_ : (n_bands, n_targets) the weights g chosen.
    bands_ : (n_bands,) names of the bands, in the order of their weights.
    cv_rsquared_ : (n_targets,) R² over the inner folds, of the model chosen. It was chosen by this: no estimate.
    at_edge_ : (n_targets,) bool, whether the penalty lies at an end of the grid and might be another in a wider one.
    n_features_in_ : columns of X.

    Examples
    --------
    >>> import numpy as np
    >>> import bids_app as concord
    >>> rng = np.random.default_rng(0)
    >>> X, runs = rng.normal(size=(120, 6)), np.repeat([1, 2, 3, 4], 30)
    >>> Y = X[:, :3] @ rng.normal(size=(3, 2)) + rng.normal(size=(120, 2))
    >>> model = concord.BandedRidgeCV(bands=["speech"] * 3 + ["noise"] * 3).fit(X, Y, groups=runs)
    >>> model.predict(X).shape
    (120, 2)
    """

    def __init__(
        self,
        bands: Any = None,
        *,
        alphas: Any = None,
        candidates: int = 20,
        cv: Any = None,
        random_state: int = 0,
        device: str = "cpu",
        mem_mb: int | None = None,
    ) -> None:
        self.bands = bands
        self.alphas = alphas
        self.candidates = candidates
        self.cv = cv
        self.random_state = random_state
        self.device = device
        self.mem_mb = mem_mb

    def fit(self, X: Any, y: Any, groups: Any = None) -> Self:
        """Choose penalties in the inner folds, and fit the models to all samples.

        Parameters
        ----------
        X : (n_samples, n_features), an array of numpy or torch, or a DataFrame; or a mapping from a band's name to
            its (n_samples, n_features of the band).
        y : (n_samples,) or (n_samples, n_targets), of any unit.
        groups : (n_samples,) labels of samples that belong together, as of one run: no fold splits them.

        Returns
        -------
        The estimator. What it has learned is of X's kind: numpy or torch.

        Raises
        ------
        ValueError : where shapes do not fit, a number is not finite, there are too few samples or folds, or a
            parameter is wrong.
        MemoryError : where `mem_mb` is too low for any fit.
        """
        given, names = _columns_of(X)
        x, Y = validate_data(
            self, given, as_numpy(y), dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2
        )
        bands = _bands(self.bands, names, x.shape[1])
        spec = FitSpec(candidates=_counted(self.candidates), alphas=_grid(self.alphas), seed=self.random_state)
        folds = _folds(self.cv, x, Y, groups)
        design = _design(x, np.ascontiguousarray(Y.reshape(len(Y), -1), dtype=np.float64), bands)
        kept = _fit(design, spec, folds, FitContext(self.device, self.mem_mb))
        self._learn(x, Y, bands, kept)
        for name in ("coef_", "intercept_", "alphas_", "band_weights_", "cv_rsquared_", "at_edge_"):
            setattr(self, name, as_kind_of(X, getattr(self, name)))
        return self

    def predict(self, X: Any) -> Any:
        """Predictions.

        Parameters
        ----------
        X : as of `fit`, with the same columns.

        Returns
        -------
        (n_samples, n_targets), or (n_samples,) where y had one dimension; of X's kind, numpy or torch.

        Raises
        ------
        ValueError : where X has other columns than it was fitted with, or a number is not finite.
        NotFittedError : before `fit`.
        """
        check_is_fitted(self)
        given, names = _columns_of(X)
        if names is not None and tuple(names) != self.bands_:
            raise ValueError(f"X has the bands {', '.join(names)}, the model {', '.join(map(str, self.bands_))}")
        x = validate_data(self, given, dtype=np.float64, reset=False)
        return as_kind_of(X, x @ as_numpy(self.coef_).T + as_numpy(self.intercept_))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Mean over targets of R², 1 where predictions are exact, below 0 where they are worse than y's mean.

        Parameters
        ----------
        X, y : as of `fit`.
        sample_weight : (n_samples,) weights of the samples; None: all count alike.

        Raises
        ------
        ValueError, NotFittedError : as `predict` does.
        """
        return float(super().score(_columns_of(X)[0], as_numpy(y), sample_weight))

    def _learn(self, x: Array, Y: Array, bands: Mapping[str, Array], kept: _Kept) -> None:
        """From weights on standardised columns to coefficients of the columns as they are."""
        coef = np.zeros((x.shape[1], kept.n_targets))
        for columns, weights in zip(bands.values(), kept.weights, strict=True):
            coef[columns] = weights / column_scale(x[:, columns])[:, None]
        y_mean = Y.reshape(len(Y), -1).mean(axis=0)
        intercept = y_mean - x.mean(axis=0) @ coef
        self.coef_: Any = coef.T if Y.ndim > 1 else coef[:, 0]
        self.intercept_: Any = intercept if Y.ndim > 1 else intercept[0]
        self.alphas_: Any = kept.alpha
        self.band_weights_: Any = kept.shares
        self.bands_ = tuple(bands)
        self.cv_rsquared_: Any = kept.inner_rsquared
        self.at_edge_: Any = kept.at_edge

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


@dataclass
class _Kept(Observer):
    """Keeps the models fitted to all samples.

    Parameters
    ----------
    sizes : columns of each band.
    n_targets : of the design.
    """

    sizes: Sequence[int]
    n_targets: int

    def __post_init__(self) -> None:
        n = self.n_targets
        self.weights = [np.zeros((size, n)) for size in self.sizes]
        self.shares, self.alpha = np.zeros((len(self.sizes), n)), np.full(n, np.nan)
        self.inner_rsquared, self.at_edge = np.zeros(n), np.zeros(n, dtype=bool)

    def fitted(self, models: Fitted) -> None:
        """See Observer; there is one union."""
        positions = models.unions[0]
        targets = models.targets[positions]
        self.alpha[targets] = models.alpha.cpu().numpy()[positions]
        self.at_edge[targets] = models.at_edge[positions]
        self.inner_rsquared[targets] = models.inner_rsquared[positions]
        for band, share in models.weights.items():
            self.shares[band, targets] = share
        for band, weights in models.band_weights(positions).items():
            self.weights[band][:, targets] = weights.cpu().numpy()


def _fit(design: Design, spec: FitSpec, folds: Sequence[tuple[Array, Array]], context: FitContext) -> _Kept:
    """The models of all bands, their penalties chosen in the folds, fitted to all samples."""
    groups = {name: (name,) for name in design.bands}
    everything = np.ones(len(design.Y), dtype=bool)
    # subsets of few bands are searched as in a partition; of many there would be too many
    options = FitOptions(unions=[tuple(groups)], search_subsets=len(groups) <= MOST_GROUPS)

    def attempt(where: FitContext) -> _Kept:
        """Fit on one device."""
        kept = _Kept([band.shape[2] for band in design.bands.values()], design.Y.shape[1])
        if design.usable.any():
            question, fold = Question(groups, options, kept), OuterFold(0, everything, everything, folds)
            encoding.fit_all(design, [question], spec, where, [fold])
        return kept

    return encoding.with_backoff(attempt, context)[0]


def _design(x: Array, Y: Array, bands: Mapping[str, Array]) -> Design:
    """All samples as one run, in one fold, without delays."""
    n_times, zeros = len(x), np.zeros(len(x), dtype=int)
    order = np.arange(n_times, dtype=float)
    return Design(
        bands={name: x[:, None, columns] for name, columns in bands.items()},
        Y=Y,
        folds=zeros,
        runs=zeros,
        times_s=order,
        first_runs=zeros,
        first_times_s=order,
        run_labels=(ALL,),
        run_stimuli=((ALL,),),
        delays_s=(0.0,),
        pca={},
        usable=np.ptp(Y, axis=0) > 0,
        purge_s=0.0,
    )


# ------------------------------------------------------------------------------------------------ what is given
def _columns_of(X: Any) -> tuple[Any, dict[str, int] | None]:
    """X as one array (DataFrames as they are), and of a mapping the number of columns of each band."""
    if not isinstance(X, Mapping) or issparse(X):  # some sparse matrices are mappings
        return as_numpy(X), None
    parts = {name: check_array(as_numpy(part), dtype=np.float64) for name, part in X.items()}
    if len({len(part) for part in parts.values()}) != 1:
        lengths = ", ".join(f"{name}: {len(part)}" for name, part in parts.items()) or "none"
        raise ValueError(f"the bands have different numbers of samples ({lengths})")
    return np.hstack(list(parts.values())), {name: part.shape[1] for name, part in parts.items()}


def _bands(asked: Any, given: Mapping[str, int] | None, n_features: int) -> dict[str, Array]:
    """Name of each band → numbers of its columns, ascending; each column in one band."""
    if given is not None:
        if asked is not None:
            raise ValueError("bands are given twice: by `bands`, and by the mapping that X is")
        ends = np.cumsum([0, *given.values()])
        return {name: np.arange(*ends[place : place + 2]) for place, name in enumerate(given)}
    every = np.arange(n_features)
    if asked is None:
        return {ALL: every}
    if isinstance(asked, Mapping):
        bands = {str(name): np.sort(np.atleast_1d(every[columns])) for name, columns in asked.items()}
    else:
        labels = np.asarray(asked)
        if labels.shape != (n_features,):
            raise ValueError(f"`bands` has the shape {labels.shape}, for {n_features} columns")
        bands = {str(label): np.flatnonzero(labels == label) for label in dict.fromkeys(labels.tolist())}
    if sorted(np.concatenate([*bands.values(), every[:0]]).tolist()) != every.tolist():
        raise ValueError("each column of X must be in one band")
    return bands


def _counted(candidates: Any) -> int:
    if isinstance(candidates, bool) or not isinstance(candidates, int | np.integer) or candidates < 1:
        raise ValueError(f"`candidates` must be a whole number from 1, not {candidates!r}")
    return int(candidates)


def _grid(alphas: Any) -> tuple[float, float, int]:
    """Lowest, highest and number of the penalties."""
    if alphas is None:
        return FitSpec().alphas
    given: Array = np.atleast_1d(np.asarray(alphas, dtype=float))
    if given.ndim == 1 and given.size and np.isfinite(given).all() and (given > 0).all():
        lowest, highest, count = float(given[0]), float(given[-1]), len(given)
        even = np.linspace(np.log(lowest), np.log(highest), count)
        if (count == 1 or highest > lowest) and np.allclose(np.log(given), even, rtol=0, atol=EVEN):
            return lowest, highest, count
    raise ValueError("`alphas` must be above 0 and ascend in equal steps of the logarithm, as of np.geomspace")


def _folds(cv: Any, x: Array, Y: Array, groups: Any) -> list[tuple[Array, Array]]:
    """Row numbers, ascending, that each fold trains and validates on."""
    groups = None if groups is None else as_numpy(groups)
    splitter = cv
    if cv is None:
        splitter = KFold(N_SPLITS) if groups is None else LeaveOneGroupOut()
    elif isinstance(cv, int | np.integer):
        splitter = KFold(cv) if groups is None else GroupKFold(cv)
    pairs = check_cv(splitter).split(x, Y, groups)
    return [(np.sort(np.asarray(train)), np.sort(np.asarray(validation))) for train, validation in pairs]
