"""The arithmetic of the acceptance, against numbers worked out by hand."""

import numpy as np
import pytest
from acceptance import recovery

FULL = np.array([0.2, 0.4, 0.6, 0.8, 0.0, 0.0])


def one(planted, recovered, full=FULL):
    return recovery({"full": full, "part": planted}, {"full": full, "part": np.asarray(recovered, float)})["part"]


def test_perfect():
    found = one(FULL, FULL)
    assert (found.n, found.error, found.noise) == (4, 0, 0)
    assert found.slope == pytest.approx(1)
    assert found.r == pytest.approx(1)
    assert found.planted == pytest.approx(0.5)
    assert found.spread == pytest.approx(np.std([0.2, 0.4, 0.6, 0.8]))
    assert found.error_allowed == pytest.approx(0.125)


def test_shrunk_and_offset():
    found = one(FULL, 0.5 * FULL + 0.1)
    assert found.slope == pytest.approx(0.5)
    assert found.error == pytest.approx(np.median([0.0, 0.1, 0.2, 0.3]))
    assert found.noise == pytest.approx(0.1)
    assert found.r == pytest.approx(1)


def test_all_zero_maps_recover_nothing():
    found = one(FULL, np.zeros(6))
    assert np.isnan(found.slope)
    assert np.isnan(found.r)
    assert found.error > found.error_allowed


def test_noise_only_is_where_nothing_at_all_is_planted():
    part = np.array([0.2, 0.0, 0.0, 0.0, 0.0, 0.0])
    found = one(part, [0.2, 5.0, 5.0, 5.0, 0.03, -0.01])
    assert found.n == 1
    assert found.noise == pytest.approx(0.01)
    assert found.error == 0


def test_targets_left_out_are_not_judged():
    found = one(FULL, [np.nan, 0.4, 0.6, 0.8, np.nan, 0.02])
    assert found.n == 3
    assert found.error == 0
    assert found.noise == pytest.approx(0.02)


def test_little_planted_is_judged_by_an_absolute_error():
    assert one(FULL / 10, FULL / 10).error_allowed == 0.06
