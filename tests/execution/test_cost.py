"""What a fit should take: the counts are those of the engine; times follow shapes."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app.encoding.ridge.candidates import alpha_grid, band_weights, nested_grid
from bids_app.execution import FIT
from bids_app.execution.cost import (
    Asked,
    FitSize,
    cores,
    distinct_candidates,
    fit_cost,
    fit_mb,
    n_draws,
    pace,
    written_mb,
)
from bids_app.records import MODELS_STAGE, RESIDUALS_STAGE

SIZE = FitSize(760, 400, 4, 3, [400] * 100, 40, 10_000, 25)


def groups_of(sizes):
    names = iter("abcdefghij")
    return {f"group{number}": [next(names) for _ in range(size)] for number, size in enumerate(sizes)}


@pytest.mark.parametrize("sizes", [(1,), (1, 1), (1, 1, 1), (2, 1, 1), (2, 1, 1, 1), (1, 1, 2), (3, 2)])
@pytest.mark.parametrize("candidates", [1, 12, 20, 60])
def test_distinct_candidates_are_as_many_as_the_search_tries(sizes, candidates):
    groups = groups_of(sizes)
    bands = [band for members in groups.values() for band in members]
    numbers = [[bands.index(band) for band in members] for members in groups.values()]
    unions = [list(union) for size in range(1, len(numbers) + 1) for union in combinations(numbers, size)]
    table = band_weights(len(bands), candidates, 0)
    grid, _ = nested_grid(unions, table, alpha_grid(1e-5, 1e10, 30))
    counted = distinct_candidates([Asked(groups, dict.fromkeys(bands, 10))], candidates)
    assert len(counted) == pytest.approx(len(grid.alike), rel=0.25)


@given(st.integers(1, 8), st.integers(1, 60))
def test_draws_are_as_many_as_the_search_makes(n_bands, candidates):
    table = band_weights(n_bands, candidates, 0)
    fixed = 1 if candidates == 1 or n_bands == 1 else 1 + n_bands * (2 if n_bands > 2 else 1)
    assert n_draws(n_bands, candidates) == len(table) - fixed


def test_a_candidate_has_the_columns_of_its_bands():
    asked = Asked({"one": ["a", "b"], "two": ["c"]}, {"a": 1, "b": 10, "c": 100})
    assert sorted(distinct_candidates([asked], 1)) == [11, 100, 111]
    assert {*distinct_candidates([asked], 20)} == {1, 10, 11, 100, 101, 110, 111}
    controls = Asked({"a": ["a"], "c": ["c"]}, {"a": 1, "c": 100}, unions=[("a",), ("a", "c")])
    assert sorted(distinct_candidates([asked, controls], 1)) == [1, 11, 100, 101, 111]


@pytest.mark.parametrize(
    ("more", "least", "most"),
    [
        pytest.param({"n_targets": 800}, 1, 2, id="targets: less than in proportion, as decompositions are shared"),
        pytest.param({"n_times": 1520}, 1, 8, id="rows: no more than their cube"),
        pytest.param({"candidates": [400] * 200}, 1.2, 2, id="candidates"),
        pytest.param({"n_unions": 80}, 1, 2, id="unions"),
    ],
)
def test_what_is_more_takes_longer(more, least, most):
    before, after = (sum(fit_cost(size).values()) for size in (SIZE, replace(SIZE, **more)))
    assert least < after / before <= most


def test_without_tests_there_is_less_to_do():
    untested = fit_cost(replace(SIZE, n_blocks=0))
    assert untested[RESIDUALS_STAGE] == untested[FIT] == 0
    assert untested[MODELS_STAGE] < fit_cost(SIZE)[MODELS_STAGE]


def test_memory_keeps_to_its_limit():
    assert fit_mb(SIZE, 0, 1000) <= 1000
    assert fit_mb(SIZE, 10**9, None) > fit_mb(SIZE, 0, None)
    assert fit_mb(replace(SIZE, n_targets=4000), 0, None) > fit_mb(SIZE, 0, None)


def test_disk_grows_with_targets():
    assert written_mb(replace(SIZE, n_targets=40_000)) > 10 * written_mb(SIZE)


def test_more_threads_help_where_matrices_are_large(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(8), raising=False)
    small = replace(SIZE, candidates=[20])
    assert 1 <= cores(small, 8) < cores(SIZE, 8) <= 8
    assert cores(SIZE, 1) == 1
    assert cores(SIZE, 100) == cores(SIZE, None)


def test_this_machine_has_a_pace():
    """Of a core, to a factor of a hundred."""
    assert 0.1 < pace() < 100
    assert np.isfinite(pace())
