"""Folds: contiguous, purged, and never a repeated stimulus on both sides."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app import encoding
from bids_app.encoding.design.align import SAME_S
from bids_app.encoding.design.build import autocorrelation_length_s
from bids_app.encoding.design.folds import audit, fold_warnings, inner_folds, outer_split, stimulus_groups
from bids_app.records import Run


def make_runs(stimuli, n_times=30, period_s=2.0):
    rng = np.random.default_rng(0)
    return [
        Run(
            f"run-{number}",
            {"a": rng.standard_normal((n_times, 2, 3)).astype("f4")},
            rng.standard_normal((n_times, 4)),
            np.arange(n_times) * period_s,
            tuple(heard),
        )
        for number, heard in enumerate(stimuli)
    ]


def make_design(stimuli, outer="by_run", purge_s=5.0, **settings):
    return encoding.build_design(make_runs(stimuli, **settings), outer, (2.0, 4.0), {}, purge_s)


STIMULI = st.lists(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=2, unique=True), min_size=2, max_size=7)
FOLDS = st.one_of(st.just("by_run"), st.integers(2, 6))


@given(STIMULI, FOLDS, FOLDS, st.floats(0, 9))
@settings(deadline=None)
def test_repeated_stimuli_never_straddle(stimuli, outer, inner, purge_s):
    design = make_design(stimuli, outer, purge_s)
    one_group = len(set(stimulus_groups(stimuli))) == 1
    for fold in np.unique(design.folds):
        train, test = outer_split(design, fold)
        splits = [(np.flatnonzero(train), np.flatnonzero(test)), *inner_folds(design, train, inner)]
        for fitted, evaluated in splits:
            assert not set(fitted) & set(evaluated)
            for stimulus in "abcdefg":
                heard = np.array([stimulus in heard for heard in stimuli])[design.runs]
                inside = set(np.flatnonzero(heard))
                if inside & set(fitted) and inside & set(evaluated) and len({*design.runs[heard]}) > 1:
                    # only where nothing else can be held out: then the same seconds are never on both sides
                    alone = len(set(stimulus_groups([stimuli[run] for run in {*design.runs[fitted]}]))) == 1
                    assert one_group or alone
                    gaps = np.abs(design.times_s[fitted][:, None] - design.times_s[evaluated][None])
                    assert gaps.min() > purge_s


@given(STIMULI, FOLDS)
@settings(deadline=None)
def test_every_sample_is_tested_once_and_in_order(stimuli, outer):
    design = make_design(stimuli, outer)
    covered = sum(outer_split(design, fold)[1].astype(int) for fold in np.unique(design.folds))
    assert (covered == 1).all()
    for run in np.unique(design.runs):
        assert (np.diff(design.folds[design.runs == run]) >= 0).all()  # never shuffled


@given(st.integers(2, 6), st.floats(0, 20), st.floats(0.5, 3))
def test_purge_is_honoured_within_a_run_and_only_there(folds, purge_s, period_s):
    design = make_design([["a"], ["b"], ["c"]], folds, purge_s, n_times=40, period_s=period_s)
    for fold in np.unique(design.folds):
        train, test = outer_split(design, fold)
        for index in np.flatnonzero(~test):
            mine = test & (design.runs == design.runs[index])
            distance = np.abs(design.times_s[mine] - design.times_s[index]).min(initial=np.inf)
            assert train[index] == (distance > purge_s + SAME_S)


def test_runs_of_one_stimulus_are_purged_on_their_common_clock():
    whole, gappy = make_runs([["a"], ["a"]], n_times=50, period_s=1.0)
    left = (gappy.times_s < 8) | (gappy.times_s >= 22)  # nothing of it is tested in the second block, 10–19 s
    gappy = replace(gappy, bands={"a": gappy.bands["a"][left]}, Y=gappy.Y[left], times_s=gappy.times_s[left])
    design = encoding.build_design([whole, gappy], "by_run", (2.0, 4.0), {}, 5.0)
    for fold in range(5):
        train, test = outer_split(design, fold)
        gaps = np.abs(design.times_s[train][:, None] - design.times_s[test][None])
        assert gaps.min() > 5.0


def test_by_run_and_its_fallbacks():
    assert make_design([["a"], ["b"], ["c"]]).folds.tolist() == [0] * 30 + [1] * 30 + [2] * 30
    assert make_design([["a"], ["b"], ["a", "c"]]).folds.tolist() == [0] * 30 + [1] * 30 + [0] * 30
    assert make_design([["a"]]).folds.tolist() == np.repeat(range(5), 6).tolist()
    twice = make_design([["a"], ["a"]])
    assert twice.folds.tolist() == [*np.repeat(range(5), 6).tolist()] * 2
    linked = stimulus_groups([("a",), ("b",), ("c", "d"), ("a", "d"), ("e",)])
    assert (linked[[0, 2, 3]] == linked[0]).all()
    assert len(set(linked)) == 3


def test_blocks_of_the_concatenation():
    folds = make_design([["a"], ["b"]], 3).folds
    assert folds.tolist() == np.repeat(range(3), 20).tolist()


def test_warnings_name_the_folds():
    assert "single run" in fold_warnings(make_design([["a"]]), "by_run")[0]
    assert "of its time" in fold_warnings(make_design([["a"], ["a"]]), "by_run")[0]
    assert "not 4 blocks" in fold_warnings(make_design([["a"], ["a"], ["b"], ["c"]], 4), 4)[0]
    assert "fewer than three" in fold_warnings(make_design([["a"], ["b"]]), "by_run")[0]
    assert fold_warnings(make_design([["a"], ["b"], ["c"]]), "by_run") == ()
    assert fold_warnings(make_design([["a"]], 4), 4) == ()
    assert fold_warnings(make_design([["a", "b", "a"], ["c"], ["d"]]), "by_run") == ()


def test_the_audit_counts_and_names():
    design = make_design([["a"], ["b"]], 3, purge_s=4.0)
    train, test = outer_split(design, 1)
    row = audit(design, 1, train, test, n_inner=2)
    assert row.test == ("run-0 [40–58 s]", "run-1 [0–18 s]")
    assert row.train == ("run-0 [0–34 s]", "run-1 [24–58 s]")
    assert (row.n_test, row.n_purged, row.n_train, row.n_inner) == (20, 4, 36, 2)
    whole = audit(make_design([["a"], ["b"]]), 0, *outer_split(make_design([["a"], ["b"]]), 0), n_inner=5)
    assert (whole.test, whole.train, whole.n_purged) == (("run-0",), ("run-1",), 0)


def test_impossible_folds_are_errors():
    with pytest.raises(encoding.CannotFit, match="no run"):
        encoding.build_design([], "by_run", (2.0,), {}, 1.0)
    with pytest.raises(encoding.CannotFit, match="too few for 20 folds"):
        make_design([["a"]], 20)
    with pytest.raises(encoding.CannotFit, match="leaves no training samples"):
        outer_split(make_design([["a"]], 2, purge_s=1000.0), 0)
    design = make_design([["a"], ["b"]], purge_s=1000.0)
    with pytest.raises(encoding.CannotFit, match="no inner fold"):
        inner_folds(design, outer_split(design, 0)[0], "by_run")


def test_unusable_targets_are_marked():
    runs = make_runs([["a"], ["b"]])
    runs[1].Y[:, 2] = np.nan
    for run in runs:
        run.Y[:, 0] = 3.0
    design = encoding.build_design(runs, "by_run", (2.0, 4.0), {}, 1.0)
    assert design.usable.tolist() == [False, True, False, True]


def test_autocorrelation_length_of_ar1():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4000, 40))
    for t in range(1, len(noise)):
        noise[t] += 0.8 * noise[t - 1]
    noise[:, 3] = 0.0
    noise[5, 4] = np.nan
    # 0.8^4 = .41 > 1/e > 0.8^5 = .33
    assert autocorrelation_length_s([noise[:2000], noise[2000:]], 2.0) == pytest.approx(10.0)
    assert autocorrelation_length_s([rng.standard_normal((500, 20))], 2.0) == pytest.approx(2.0)
    assert autocorrelation_length_s([np.full((50, 2), np.nan)], 2.0) == pytest.approx(2.0)


def test_purge_length():
    runs = make_runs([["a"]], n_times=400)
    assert encoding.purge_length_s(runs, (2.0, 8.0), 2.0) == pytest.approx(8 + 6 + 2)
