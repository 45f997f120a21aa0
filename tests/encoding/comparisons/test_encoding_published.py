"""The solver `chen2024` against scikit-learn, organised as the paper's published code is."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from bids_app import encoding
from bids_app.encoding.comparisons.published import AT_ONCE, fit_published, published_design
from bids_app.records import FitSpec, Run

ALPHAS = np.logspace(-5, 5, 10)
SPEC = FitSpec(solver="chen2024", alphas=(1e-5, 1e5, 10), outer=5)
N, PCS = 403, 6


def design(seed=0, n_targets=8, signal=1.0):
    rng = np.random.default_rng(seed)
    mix = rng.standard_normal((20, 20))
    bands = {"a": (rng.standard_normal((N, 20)) @ mix)[:, None], "b": rng.standard_normal((N, 1, 4))}
    Y = rng.standard_normal((N, n_targets)) + signal * bands["b"][:, 0] @ rng.standard_normal((4, n_targets))
    Y += signal * 0.1 * bands["a"][:, 0] @ rng.standard_normal((20, n_targets)) + 0.3
    runs = [
        Run(f"r{number}", {k: v[some] for k, v in bands.items()}, Y[some], some * 0.4, (f"s{number}",))
        for number, some in enumerate(np.array_split(np.arange(N), 3))
    ]
    return published_design(encoding.build_design(runs, "by_run", (0.0,), {"a": PCS}, 4.0))


def as_published(spaces, y):
    """Mean over folds of squared r, electrode by electrode and alpha by alpha; and the predictions by fold."""
    scores, predictions = [], []
    for train, test in KFold(5).split(y):
        cut = len(train) * 4 // 5
        fitted, validation = train[:cut], train[cut:]
        columns = []
        for values, pcs in spaces:
            scaler = StandardScaler().fit(values[fitted])
            z = scaler.transform(values)
            columns.append(PCA(pcs, svd_solver="full").fit(z[fitted]).transform(z) if pcs else z)
        x = np.hstack(columns)
        fold, held = [], []
        for column in y.T:
            models = [Ridge(alpha=alpha, fit_intercept=False).fit(x[fitted], column[fitted]) for alpha in ALPHAS]
            r = [np.corrcoef(model.predict(x[validation]), column[validation])[0, 1] for model in models]
            held.append(models[int(np.argmax(r))].predict(x[test]))
            fold.append(np.corrcoef(held[-1], column[test])[0, 1] ** 2)
        scores.append(fold)
        predictions.append(np.array(held))
    return np.mean(scores, axis=0), predictions


@pytest.fixture(scope="module")
def found():
    given = design()
    return given, *fit_published(given, {"one": ("a",), "two": ("b",)}, SPEC, {"all": given.usable})


@pytest.mark.parametrize("union", [("one",), ("two",), ("one", "two")])
def test_scores_are_those_of_the_published_code(found, union):
    given, fit, _ = found
    spaces = {"one": (given.bands["a"][:, 0], PCS), "two": (given.bands["b"][:, 0], None)}
    expected, _ = as_published([spaces[group] for group in union], given.Y)
    assert np.allclose(fit.rsquared[fit.unions.index(union)], expected, atol=1e-8)


def test_agreement_is_the_correlation_of_its_predictions(found):
    given, fit, averaged = found
    one = as_published([(given.bands["a"][:, 0], PCS)], given.Y)[1]
    two = as_published([(given.bands["b"][:, 0], None)], given.Y)[1]
    folds = zip(one, two, strict=True)
    z = [[np.arctanh(np.corrcoef(a, b)[0, 1]) for a, b in zip(x, y, strict=True)] for x, y in folds]
    (agreement,) = averaged.agreements
    assert np.allclose(agreement.r, np.tanh(np.mean(z, axis=0)), atol=1e-7)
    assert averaged.averages["all"].z[0, 0] == pytest.approx(np.mean(z), abs=1e-7)
    assert np.allclose(averaged.averages["all"].scores[0], fit.rsquared.mean(axis=1))


def test_its_score_is_above_zero_on_noise_and_says_so():
    given = design(1, 200, signal=0.0)
    fit, _ = fit_published(given, {"one": ("a",), "two": ("b",)}, SPEC, {"all": given.usable})
    assert (fit.rsquared >= 0).all()
    assert 0.005 < fit.rsquared[-1].mean() < 0.05
    assert abs(fit.r[-1].mean()) < 0.02
    assert "above 0 on noise" in fit.warnings[0]


def test_targets_of_several_batches_and_unusable_ones(monkeypatch):
    given = design()
    whole, averaged = fit_published(given, {"one": ("a",), "two": ("b",)}, SPEC, {"all": given.usable})
    monkeypatch.setattr("bids_app.encoding.comparisons.published.AT_ONCE", 3)
    given.usable[2] = False
    parts, fewer = fit_published(given, {"one": ("a",), "two": ("b",)}, SPEC, {"all": given.usable})
    assert np.isnan(parts.rsquared[:, 2]).all()
    keep = given.usable
    assert np.allclose(parts.rsquared[:, keep], whole.rsquared[:, keep])
    assert fewer.averages["all"].n == averaged.averages["all"].n - 1
    assert AT_ONCE > 3


def test_folds_are_contiguous_and_few_rows_are_refused():
    given = design()
    assert (np.diff(given.folds) >= 0).all()
    expected = np.concatenate([np.full(len(test), fold) for fold, (_, test) in enumerate(KFold(5).split(given.Y))])
    assert (given.folds == expected).all()
    assert given.purge_s == 0
    small = Run("r", {"a": np.ones((20, 1, 2))}, np.ones((20, 2)), np.arange(20.0), ("s",))
    with pytest.raises(encoding.CannotFit, match="too few"):
        published_design(encoding.build_design([small], 5, (0.0,), {}, 0.0))
