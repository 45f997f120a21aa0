"""What the report says of too few samples: simulated sizes, and only where they apply."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.planting import Planting
from benchmarks.recovery import recover
from bids_app import encoding
from bids_app.encoding.partition.small_sample_bias import REACHED, share_reached, small_sample_bias_warnings
from bids_app.records import FitSpec

UNEQUAL = Planting("fmri", 500, {"a": 4, "b": 16}, 0.0, ("a", "b"), 0.3)


@pytest.mark.parametrize("planting", [replace(UNEQUAL, n=1000), replace(UNEQUAL, n=400, share=0.2)])
def test_the_table_foretells_what_a_simulation_of_other_sizes_finds(planting):
    full = recover(planting, 3)["full"]
    n_train, columns = 0.8 * planting.n, 4 * sum(planting.columns.values())
    reached = full.value.mean() / full.population.mean()
    assert share_reached(float(np.median(full.value)) * n_train / columns) == pytest.approx(reached, abs=0.12)


def test_it_rises_with_samples_and_ends_with_what_was_simulated():
    places, shares = zip(*REACHED, strict=True)
    assert list(shares) == sorted(shares)
    assert list(places) == sorted(places)
    assert [share_reached(each) for each in places] == pytest.approx(shares)
    assert (share_reached(0.0), share_reached(1e9)) == (shares[0], shares[-1])


def fitted(planting):
    planted = planting.draw(20, np.random.default_rng(0))
    spec = FitSpec(candidates=4, alphas=(1e0, 1e6, 7))
    return planted.design, encoding.fit(planted.design, planting.groups, spec)


def test_few_samples_are_told_with_the_runs_own_numbers():
    design, fit = fitted(UNEQUAL)
    (line,) = small_sample_bias_warnings(design, fit, UNEQUAL.groups)
    assert line.startswith("400 training samples for 80 columns (a 16, b 64; delays counted) at a full R² of ")
    full = fit.rsquared[-1]
    median = np.median(full[full > 0.01])
    assert f"R² of {median:.2g} (" in line
    assert f"reach {share_reached(median * 400 / 80):.0%} of" in line
    assert "in favour of the smaller one" in line


def test_spaces_of_equal_size_are_not_said_to_be_unequal():
    planting = replace(UNEQUAL, columns={"a": 10, "b": 10})
    (line,) = small_sample_bias_warnings(*fitted(planting), planting.groups)
    assert "unequal" not in line


def test_nothing_is_said_where_samples_are_enough_or_nothing_is_predicted():
    planting = replace(UNEQUAL, n=3000, columns={"a": 3, "b": 6})
    assert small_sample_bias_warnings(*fitted(planting), planting.groups) == ()
    design, fit = fitted(UNEQUAL)
    assert (
        small_sample_bias_warnings(design, replace(fit, rsquared=np.minimum(fit.rsquared, 0.01)), UNEQUAL.groups)
        == ()
    )
