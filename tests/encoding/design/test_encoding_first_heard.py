"""Stimuli that are heard again: where each second was first heard, and folds, purge and blocks that lie there."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app import encoding
from bids_app.encoding.design.first_heard import first_heard, linked
from bids_app.encoding.design.folds import inner_folds, outer_split
from bids_app.encoding.design.words import words_of
from bids_app.encoding.inference.blocks import block_labels
from bids_app.encoding.inference.flips.flip_units import frequency_flip_units
from bids_app.records import Heard, Run, WordRows

LASTS_S = {"a": 120.0, "b": 60.0, "c": 200.0, "d": 90.0}


def run_of(label, names, start_s=0.0, period_s=2.0, stretch=1.0, gap_s=4.0):
    """A run that hears these stimuli one after the other."""
    onset_s, heard = start_s, []
    for name in names:
        heard.append(Heard((name,), onset_s, stretch))
        onset_s += stretch * LASTS_S[name] + gap_s
    times_s = np.arange(start_s, onset_s, period_s)
    values = np.random.default_rng(len(names)).standard_normal((len(times_s), 3))
    return Run(label, {"x": values[:, None].astype("f4")}, values, times_s, tuple(names), heard=tuple(heard))


def design_of(lists, outer="by_run", purge_s=8.0, **how):
    runs = [run_of(f"run-{number}", names, **how) for number, names in enumerate(lists)]
    return encoding.build_design(runs, outer, (0.0,), {}, purge_s)


def stimulus_seconds(design, lists, start_s=0.0, gap_s=4.0):
    """(name, second) of each sample, worked out from the lists alone."""
    found = []
    for run, time_s in zip(design.runs, design.times_s, strict=True):
        left_s = time_s - start_s
        for name in lists[run]:
            if left_s < LASTS_S[name] + gap_s:
                found.append((name, round(left_s, 6)))
                break
            left_s -= LASTS_S[name] + gap_s
    return found


ONCE = st.permutations("abcd").map(lambda order: [order[:2], order[2:3], order[3:]])
LISTS = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4), min_size=1, max_size=4)


@given(ONCE, st.floats(-5, 30), st.floats(0.3, 3), st.floats(0.98, 1.02))
@settings(deadline=None, max_examples=30)
def test_where_all_is_heard_once_nothing_changes(lists, start_s, period_s, stretch):
    design = design_of(lists, start_s=start_s, period_s=period_s, stretch=stretch)
    np.testing.assert_array_equal(design.first_runs, design.runs)
    np.testing.assert_array_equal(design.first_times_s, design.times_s)
    blocks = block_labels(design.runs, design.times_s, 60.0)
    np.testing.assert_array_equal(block_labels(design.first_runs, design.first_times_s, 60.0), blocks)


@given(LISTS, st.sampled_from([20.0, 60.0, 100.0]))
@settings(deadline=None, max_examples=40)
def test_equal_seconds_of_a_stimulus_are_in_one_block_and_others_apart(lists, length_s):
    design = design_of(lists, outer=2)
    seconds = stimulus_seconds(design, lists)
    place = list(zip(design.first_runs.tolist(), np.round(design.first_times_s, 6).tolist(), strict=True))
    assert len(set(zip(seconds, place, strict=True))) == len(set(seconds)) == len(set(place))
    labels = block_labels(design.first_runs, design.first_times_s, length_s)
    assert len(set(zip(seconds, labels.tolist(), strict=True))) == len(set(seconds))
    # the number of blocks follows from what is heard, however often
    distinct_s = 2.0 * len(set(seconds))
    assert labels.max() + 1 <= distinct_s / length_s + len(lists)
    assert np.bincount(labels).min() * 2.0 >= min(length_s, 60.0) / 2 or labels.max() + 1 <= len(lists)


@given(LISTS, st.sampled_from(["by_run", 2, 3]), st.sampled_from(["by_run", 2]))
@settings(deadline=None, max_examples=40)
def test_no_second_of_a_stimulus_is_in_training_and_test(lists, outer, inner):
    design = design_of(lists, outer)
    heard = stimulus_seconds(design, lists)
    seconds, names = np.array([second for _, second in heard]), np.array([name for name, _ in heard])
    for fold in np.unique(design.folds):
        try:
            train, test = outer_split(design, fold)
            splits = [(np.flatnonzero(train), np.flatnonzero(test)), *inner_folds(design, train, inner)]
        except encoding.CannotFit:
            continue
        for fitted, tested in splits:
            for name in np.unique(names[tested]):
                mine, theirs = seconds[fitted][names[fitted] == name], seconds[tested][names[tested] == name]
                assert np.abs(mine[:, None] - theirs[None]).min(initial=np.inf) > 8.0
            for run in np.unique(design.runs[tested]):
                mine = design.times_s[fitted][design.runs[fitted] == run]
                theirs = design.times_s[tested][design.runs[tested] == run]
                assert np.abs(mine[:, None] - theirs[None]).min(initial=np.inf) > 8.0


def test_onsets_speeds_and_cuts_are_taken_out():
    playings = [
        [Heard(("a",), 3.0)],
        [Heard(("b",), 0.5), Heard(("a",), 50.5, stretch=1.01)],
        [Heard(("cut of a", "a"), 10.0, from_s=30.0), Heard(("c",), 25.0)],
    ]
    runs, times_s = np.array([0, 0, 1, 1, 2, 2]), np.array([3.0, 45.0, 0.5, 50.5 + 42 * 1.01, 22.0, 26.0])
    first_runs, first_times_s = first_heard(playings, runs, times_s)
    assert first_runs.tolist() == [0, 0, 1, 0, 0, 2]
    # 42 s of a; the cut's 12th second is a's 42nd; c is moved up by the 15 s that are heard again before it
    np.testing.assert_allclose(first_times_s, [3.0, 45.0, 0.5, 45.0, 45.0, 11.0], atol=1e-9)


def test_before_between_and_after_go_with_the_neighbouring_stimulus():
    playings = [[Heard(("a",), 10.0), Heard(("b",), 40.0)], [Heard(("a",), 20.0)]]
    first_runs, first_times_s = first_heard(playings, np.ones(3, int), np.array([15.0, 20.0, 500.0]))
    assert first_runs.tolist() == [0, 0, 0]
    assert first_times_s.tolist() == [5.0, 10.0, 490.0]


def test_members_are_linked_through_others():
    assert linked([("a",), ("b",), ("c", "d"), ("a", "d"), ("e",), ("b", "e"), ()]) == [0, 1, 0, 0, 1, 1, 6]


def test_one_stimulus_throughout_that_cannot_be_split_is_refused_with_the_reason():
    design = design_of(["b", "b", "b"], purge_s=60.0)
    with pytest.raises(encoding.CannotFit, match=r"hear the same stimuli.* purging 60 s around fold 2 leaves no"):
        outer_split(design, 2)


def test_words_near_a_test_sample_of_any_hearing_are_no_training_words():
    first, again = run_of("first", "a", start_s=6.0), run_of("again", "a", start_s=31.0)
    words_s = np.arange(5.0, 115.0, 10.0)
    rows = [WordRows("a", run.times_s[0] + words_s, {"x": words_s[:, None]}) for run in (first, again)]
    kept = again.times_s < 31.0 + 80.0  # its end is missing, where the other hearing is tested
    again = replace(again, bands={"x": again.bands["x"][kept]}, Y=again.Y[kept], times_s=again.times_s[kept])
    runs = [replace(run, words=(row,)) for run, row in zip((first, again), rows, strict=True)]
    runs[1] = replace(runs[1], words=(replace(rows[1], stimulus="twin of a"),))
    design = encoding.build_design(runs, "by_run", (0.0,), {}, 8.0)
    for fold in range(5):
        tested_s = design.first_times_s[design.folds == fold] - 6.0
        words = words_of(runs, design, fold)
        assert np.abs(words.values["x"] - tested_s).min() > 8.0


def test_hearings_of_one_stretch_share_the_signs_of_its_frequencies():
    lists = ["a", "b", "a", "ac", "a"]
    design = design_of(lists)
    where = design.first_runs, design.first_times_s
    units = frequency_flip_units(design.runs, design.folds, first_heard=where)
    by_run = [units.labels[design.runs == run].tolist() for run in range(len(lists))]
    assert by_run[0] == by_run[2] == by_run[4]
    assert by_run[0] != by_run[1]
    assert len(by_run[3]) > len(by_run[0])
    once = design_of(["a", "b", "cd"])
    plain = frequency_flip_units(once.runs, once.folds)
    shared = frequency_flip_units(once.runs, once.folds, first_heard=(once.first_runs, once.first_times_s))
    assert plain.labels.tolist() == shared.labels.tolist()
    assert plain.count == shared.count
