"""What is kept of models: predictions make the reported R², weights times features predict, penalties are fits'."""

from dataclasses import replace

import numpy as np
import pytest

from bids_app import encoding
from bids_app.encoding.kept.models import Keeping, KeptModels
from bids_app.records import SAVED, FitSpec, Layered, Run
from bids_app.records.fits import SavedWeights

SPEC = FitSpec(candidates=9, alphas=(1e-1, 1e5, 8))
TR = 2.0
GROUPS = {"sound": ("a", "b"), "words": ("c",)}
UNIONS = (("sound",), ("words",), ("sound", "words"))
DIMS = {"a": 3, "b": 40, "c": 2}


def planted(pca=None, nuisance=False, n_runs=3, n_times=80):
    """Two targets follow a and c at some delay, one is noise, one is constant."""
    rng = np.random.default_rng(4)
    runs = []
    for number in range(n_runs):
        bands = {name: 3.0 + rng.standard_normal((n_times, 2, n)) * np.arange(1, n + 1) for name, n in DIMS.items()}
        Y = rng.standard_normal((n_times, 4))
        Y[:, 0] += 2 * bands["a"][:, 1, 0]
        Y[:, 1] += 3 * bands["c"][:, 0, 1] + bands["a"][:, 0, 2]
        drift = np.linalg.qr(np.vander(np.linspace(-1, 1, n_times), 3))[0] if nuisance else None
        if nuisance:
            Y -= drift @ (drift.T @ Y)
        Y[:, 3] = 1.0
        runs.append(Run(f"run-{number}", bands, Y, np.arange(n_times) * TR, (f"{number}",), nuisance=drift))
    return encoding.build_design(runs, "by_run", (2.0, 4.0), pca or {}, 8.0, residualise=nuisance)


def kept_of(design, what=SAVED, step=1, spec=SPEC):
    kept = KeptModels(design, GROUPS, UNIONS, Keeping(what, lambda name, shape, dtype: np.zeros(shape, dtype), step))
    fit = encoding.fit(design, GROUPS, spec, observer=kept)
    return fit, kept.saved()


@pytest.mark.parametrize("nuisance", [False, True])
def test_predictions_make_the_reported_rsquared(nuisance):
    fit, saved = kept_of(planted(nuisance=nuisance))
    left = np.square(saved.observed - saved.predicted, dtype=np.float64).sum(axis=0)
    rsquared = 1 - left / np.square(saved.observed, dtype=np.float64).sum(axis=0)
    np.testing.assert_allclose(rsquared[:3], fit.rsquared[-1][:3], atol=1e-5)
    assert rsquared[0] > 0.5
    assert np.isnan(saved.predicted[:, 3]).all()
    assert saved.run_labels == ("run-0", "run-1", "run-2")


def from_weights(design, saved):
    """Held-out predictions of every fold as a user would make them: features, scaled, times weights."""
    predicted = np.zeros((len(design.folds), len(design.usable)))
    for number, fold in enumerate(np.unique(design.folds)):
        rows = design.folds == fold
        for band, of_band in saved.weights.items():
            z = (np.asarray(design.bands[band], np.float64) - of_band.mean[number]) / of_band.scale[number]
            columns = z if of_band.axes is None else z @ of_band.axes[number]
            if design.residualised:
                flat = columns.reshape(len(columns), -1)
                for run, basis in enumerate(design.nuisance):
                    flat[design.runs == run] -= basis @ (basis.T @ flat[design.runs == run])
                columns = flat.reshape(columns.shape)
            weights = np.asarray(of_band.values[number], np.float64)
            predicted[rows] += np.einsum("tdk,dkn->tn", columns[rows], weights)
    return predicted


@pytest.mark.parametrize(
    ("pca", "nuisance"), [({}, False), ({"a": 2, "b": 5}, False), ({"b": 5}, True)], ids=["plain", "pca", "nuisance"]
)
def test_weights_times_features_make_the_predictions(pca, nuisance):
    design = planted(pca, nuisance)
    _, saved = kept_of(design)
    assert saved.weights["b"].values.shape == (3, 2, pca.get("b", 40), 4)
    made = from_weights(design, saved)[:, :3]
    np.testing.assert_allclose(made, saved.predicted[:, :3], atol=2e-5 * np.abs(made).max())


def test_weights_of_many_columns_make_the_predictions():
    """More columns than samples: weights come from kernels."""
    design = planted(n_times=30)
    _, saved = kept_of(design)
    made = from_weights(design, saved)[:, :3]
    np.testing.assert_allclose(made, saved.predicted[:, :3], atol=2e-5 * np.abs(made).max())


def test_penalties_are_the_fits():
    fit, saved = kept_of(planted(), ("alphas",))
    assert tuple(saved.alpha) == UNIONS
    np.testing.assert_array_equal(saved.alpha[UNIONS[-1]], fit.alpha)
    for band, shares in fit.band_weights.items():
        np.testing.assert_allclose(saved.band_weights[UNIONS[-1]][band], shares, rtol=1e-6)
    assert set(saved.band_weights["words",]) == {"c"}
    alone = encoding.fit(planted(), {"words": ("c",)}, FitSpec("ridge", alphas=SPEC.alphas))
    plain = kept_of(planted(), ("alphas",), spec=FitSpec("ridge", alphas=SPEC.alphas))[1]
    np.testing.assert_array_equal(plain.alpha["words",], alone.alpha)
    assert saved.predicted is None
    assert not saved.weights


def test_every_second_target():
    fit, saved = kept_of(planted(), step=2)
    whole = kept_of(planted())[1]
    np.testing.assert_array_equal(saved.predicted, whole.predicted[:, ::2])
    np.testing.assert_array_equal(saved.weights["a"].values, whole.weights["a"].values[..., ::2])
    np.testing.assert_array_equal(saved.alpha[UNIONS[-1]], fit.alpha[:, ::2])


# ------------------------------------------------------------------------------------------------ components
def test_principal_components_are_those_of_a_singular_value_decomposition():
    rng = np.random.default_rng(0)
    values = rng.standard_normal((2, 3, 6, 50)).astype("f4") * np.arange(6, 0, -1)[:, None]
    values[..., 7] = np.nan
    weights = SavedWeights(values, np.zeros((2, 3, 6)), np.ones((2, 3, 6)))
    chosen = np.arange(50) < 40
    chosen[7] = False
    found = encoding.weight_components(weights, chosen)
    mean = values.astype(float).mean(axis=(0, 1))
    centre = mean[:, chosen].mean(axis=1, keepdims=True)
    _, sizes, axes = np.linalg.svd((mean[:, chosen] - centre).T, full_matrices=False)
    np.testing.assert_allclose(found.shares, (sizes**2 / (sizes**2).sum())[:4], rtol=1e-6)
    assert (np.abs(np.sum(found.loadings * axes[:4], axis=1)) > 1 - 1e-6).all()
    np.testing.assert_allclose(found.scores[:, :7], found.loadings @ (mean - centre)[:, :7], rtol=1e-6, atol=1e-9)
    assert np.isnan(found.scores[:, 7]).all()
    assert found.n_targets == 39
    assert (found.loadings[np.arange(4), np.abs(found.loadings).argmax(axis=1)] > 0).all()


def test_components_of_planted_weights_are_over_scaled_dimensions():
    """Of a band with principal components: axes bring weights to its dimensions."""
    design = planted({"b": 5})
    _, saved = kept_of(design)
    found = encoding.weight_components(saved.weights["b"], np.arange(4) < 3)
    assert found.loadings.shape == (2, 40)
    assert encoding.weight_components(saved.weights["a"], np.arange(4) < 2) is None


def test_layers_of_several_sizes_have_no_components():
    design = planted()
    layered = Layered({"1": (0, 40), "2": (0, 20)}, {0: "1", 1: "2", 2: "1"})
    _, saved = kept_of(replace(design, layered={"b": layered}))
    assert np.isnan(saved.weights["b"].mean[1, :, 20:]).all()
    assert encoding.weight_components(saved.weights["b"], np.arange(4) < 3) is None
