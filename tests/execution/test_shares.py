"""Into how many shares a unit is cut: a table of cases, and what always holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app.execution import shares
from bids_app.execution.shares import REPEATED, SAVED, SAVED_S, UnitCost, may_pay, seconds_to_end, share_counts

LARGE = UnitCost(before_s=20, again_s=100, targets_s=6000, most=35)
SMALL = UnitCost(before_s=2, again_s=5, targets_s=20, most=1)
ROW_BY_ROW = UnitCost(before_s=60, again_s=600, targets_s=900, most=35)  # decompositions are most of it


@pytest.mark.parametrize(
    ("costs", "n_workers", "counts"),
    [
        ([LARGE], 1, [1]),  # one process
        ([LARGE], 2, [2]),
        ([LARGE], 8, [8]),
        ([LARGE], 64, [35]),  # a block of targets each
        ([UnitCost(20, 100, 6000, 400)], 64, [50]),  # no more than so many fit more than they repeat
        ([SMALL], 8, [1]),  # a block, and seconds
        ([UnitCost(2, 5, 60, 8)], 8, [8]),  # 67 s, in 16.5
        ([UnitCost(2, 5, 38, 8)], 8, [1]),  # 45 s: half a minute cannot be saved
        ([ROW_BY_ROW], 8, [1]),
        ([LARGE] * 2, 2, [1, 1]),  # as many units as processes
        ([LARGE] * 2, 8, [4, 4]),
        ([LARGE] * 3, 2, [1, 1, 2]),  # the one that is left over
        ([LARGE] * 64, 8, [1] * 64),  # many units
        ([LARGE] * 65, 8, [1] * 65),  # a ninth of the time of the last round: a tenth of all is not saved
        ([SMALL] * 20 + [LARGE], 4, [1] * 20 + [4]),
        ([], 4, []),
    ],
)
def test_units_are_cut_where_that_saves_time(costs, n_workers, counts):
    assert share_counts(costs, n_workers) == counts


@pytest.mark.parametrize(
    ("counts", "n_workers", "seconds"),
    [
        ([1], 1, 111.0),
        ([4], 4, 36.0 + 1.0),  # before, again and a quarter of the targets; then before once more
        ([4], 2, 2 * 36.0 + 1.0),
        ([2, 1], 2, 111.0 + 61.0),  # the shares first; then both units
        ([2, 2], 4, 61.0 + 1.0),
    ],
)
def test_the_end_is_that_of_the_last_piece(counts, n_workers, seconds):
    cost = UnitCost(before_s=1.0, again_s=10.0, targets_s=100.0, most=10)
    assert seconds_to_end([cost] * len(counts), counts, n_workers) == seconds


def test_no_cut_is_tried_twice(monkeypatch):
    """With hundreds of workers each try takes long: no unit here is worth more than 35 shares."""
    tried = []
    monkeypatch.setattr(shares, "seconds_to_end", lambda costs, counts, n_workers: tried.append(tuple(counts)) or 1.0)
    share_counts([LARGE] * 30, 400)
    assert len({*tried}) == 35
    assert len(tried) < 40  # both the best and none at all are looked at once more


SECONDS = st.floats(0, 1e5)
COSTS = st.lists(st.builds(UnitCost, SECONDS, SECONDS, SECONDS, st.integers(1, 40)), max_size=5)


@given(COSTS, st.integers(1, 9))
def test_shares_always_save_what_they_must_and_never_repeat_more_than_they_fit(costs, n_workers):
    counts, whole = share_counts(costs, n_workers), [1] * len(costs)
    assert len(counts) == len(costs)
    for cost, count in zip(costs, counts, strict=True):
        assert 1 <= count <= min(max(1, cost.most), n_workers)
        assert count == 1 or cost.targets_s / count >= REPEATED * (cost.before_s + cost.again_s) * (1 - 1e-9)
    if counts != whole:
        alone_s, shared_s = (seconds_to_end(costs, each, n_workers) for each in (whole, counts))
        assert alone_s - shared_s >= max(SAVED * alone_s, SAVED_S)


@given(n_units=st.integers(1, 60), n_workers=st.integers(1, 6))
def test_units_of_which_no_share_would_pay_are_known_by_their_number(n_units, n_workers):
    """So their costs need not be found out; fewer may well be shared out."""
    assert may_pay(n_units, n_workers) or share_counts([LARGE] * n_units, n_workers) == [1] * n_units
    assert may_pay(n_workers - 1, n_workers) or n_workers == 1
