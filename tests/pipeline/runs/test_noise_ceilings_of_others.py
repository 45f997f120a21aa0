"""Noise ceilings between participants are computed where there can be any, and are the same there."""

import numpy as np
import pytest

from bids_app import encoding
from bids_app.pipeline.runs.shared_runs import _where_known

CONSTANT, MISSING = [1, 4], 6


@pytest.fixture
def responses():
    rng = np.random.default_rng(3)
    signal = rng.normal(size=(240, 8))
    each = [signal + rng.normal(size=signal.shape) for _ in range(4)]
    for response in each:
        response[:, CONSTANT] = 0
    each[2][:, 2] = 0  # constant in one participant alone: the others have a ceiling
    each[1][5, MISSING] = np.nan
    return [response - response.mean(axis=0) for response in each]


def test_ceilings_are_those_of_all_targets_together(responses):
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = encoding.inter_subject_noise_ceiling(responses, 20)
    expected = [(one.explainable, one.low, one.high) for one in whole]
    found = _where_known(responses, 20)
    assert np.allclose(found, expected, rtol=1e-12, atol=0, equal_nan=True)
    assert np.isfinite(found[0, :, 2]).all()


def test_nothing_is_computed_where_there_is_no_ceiling(responses, monkeypatch):
    widths = []

    def counted(chosen, block):
        widths.append(chosen[0].shape[1])
        return encoding.comparisons.noise_ceiling.inter_subject_noise_ceiling(chosen, block)

    monkeypatch.setattr(encoding, "inter_subject_noise_ceiling", counted)
    found = _where_known(responses, 20)
    assert widths == [8 - len(CONSTANT) - 1]
    assert np.isnan(found[:, :, [*CONSTANT, MISSING]]).all()
    assert np.isnan(_where_known([each[:, CONSTANT] for each in responses], 20)).all()
