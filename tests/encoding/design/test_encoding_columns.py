"""Scaling and PCA: fitted on training rows, against scikit-learn."""

import numpy as np
from sklearn.decomposition import PCA

from bids_app.encoding.design.columns import band_columns, principal_axes

RNG = np.random.default_rng(0)
VALUES = RNG.standard_normal((60, 3, 5)) @ RNG.standard_normal((5, 5)) + 4
TRAIN = np.arange(60) < 45


def test_columns_are_standardized_by_the_training_rows():
    found = band_columns(VALUES, TRAIN, None)
    flat = VALUES.reshape(60, 15)
    np.testing.assert_allclose(found, (flat - flat[TRAIN].mean(axis=0)) / flat[TRAIN].std(axis=0), atol=1e-12)


def test_columns_go_delay_by_delay():
    found = band_columns(VALUES, TRAIN, None).reshape(60, 3, 5)
    for delay in range(3):
        correlation = [np.corrcoef(found[:, delay, dim], VALUES[:, delay, dim])[0, 1] for dim in range(5)]
        np.testing.assert_allclose(correlation, 1.0)


def test_pca_is_scikit_learns_on_scaled_training_rows():
    found = band_columns(VALUES, TRAIN, 2).reshape(60, 3, 2)
    stacked = VALUES[TRAIN].reshape(-1, 5)
    scale = stacked.std(axis=0)
    reference = PCA(2).fit(stacked / scale)
    expected = reference.transform(VALUES.reshape(-1, 5) / scale).reshape(60, 3, 2)
    expected /= np.sqrt((expected[TRAIN] ** 2).reshape(-1, 2).mean())
    signs = np.sign((found * expected).sum(axis=(0, 1)))
    np.testing.assert_allclose(found, expected * signs, atol=1e-10)
    np.testing.assert_allclose((found[TRAIN] ** 2).mean(), 1.0)


def test_the_largest_entry_of_every_axis_is_positive():
    for seed in range(5):
        rows = np.random.default_rng(seed).standard_normal((50, 6))
        axes, variances = principal_axes(rows - rows.mean(axis=0), 4)
        assert (axes.max(axis=0) >= -axes.min(axis=0)).all()
        assert (np.diff(variances) <= 0).all()


def test_held_out_rows_change_nothing_for_training_rows():
    spoiled = VALUES.copy()
    spoiled[~TRAIN] = spoiled[~TRAIN] * 100 + 7
    for kept in (None, 2):
        np.testing.assert_array_equal(
            band_columns(VALUES, TRAIN, kept)[TRAIN], band_columns(spoiled, TRAIN, kept)[TRAIN]
        )


def test_what_never_varies_in_training_is_zero():
    values = VALUES.copy()
    values[TRAIN, :, 2] = 0.1
    assert (band_columns(values, TRAIN, None).reshape(60, 3, 5)[:, :, 2] == 0).all()
    assert np.isfinite(band_columns(values, TRAIN, 4)).all()
    assert (band_columns(np.full((60, 3, 5), 0.1), TRAIN, 4) == 0).all()


def test_more_components_than_dimensions_keep_all():
    assert band_columns(VALUES, TRAIN, 50).shape == (60, 15)
