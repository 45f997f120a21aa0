"""False positives over participants on null data, with and without something in common in everybody's responses: a
small version of `benchmarks.calibration_group`."""

import numpy as np
import pytest

from benchmarks import calibration_group as study
from benchmarks.conditions import SPECS, bar
from benchmarks.simulation import FMRI, series

N_DRAWS, N_PEOPLE, N_TARGETS = 8, 12, 40


def hits(common):
    """Of a space that is unrelated to everybody's responses."""
    rng = np.random.default_rng(1)
    draws = []
    for seed in range(N_DRAWS):
        bands = {"x": series("ar.5", FMRI, 20, rng)}
        noise = study.noises(N_PEOPLE, N_TARGETS, common, "ar.5", rng)
        draws.append(study.tested(bands, noise, SPECS["highest"], seed))
    return study.rates(draws, "x")


@pytest.fixture(scope="module", params=[0.0, 0.3], ids=["nothing in common", "30 % in common"])
def null(request):
    return request.param, hits(request.param)


def test_reported_p_holds_whether_or_not_responses_have_something_in_common(null):
    _, found = null
    assert bar("reported", found["reported"]).holds
    assert bar("family", found["family"]).holds


def test_flips_of_participants_alone_do_not_see_what_responses_have_in_common(null):
    common, found = null
    alone = found["people"].mean()
    assert found["reported"].mean() <= alone
    assert alone > 0.07 if common else bar("people", found["people"]).holds
