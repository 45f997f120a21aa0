"""Inference of all components: what is tested, what is required, and a small calibration."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.stats import binom

from benchmarks.calibration import Condition, infer, largest, mixed, total_nulls, with_weights
from benchmarks.nested import nested
from benchmarks.simulation import FMRI, series
from bids_app.encoding.blocks import Blocks, block_labels
from bids_app.encoding.fit import unions_of
from bids_app.encoding.inference import Contrast, Inference, Total, components
from bids_app.encoding.partition import part
from bids_app.records import component_names

UNITS = ("a", "b", "c", "d")
ALPHA = np.array([9.0])


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_components_are_those_of_the_partition(count):
    units = UNITS[:count]
    rng = np.random.default_rng(0)
    rsquared = {frozenset(union): rng.random(3) for union in unions_of(units)}
    found = components(units)
    assert tuple(found) == component_names(units)
    values = {name: sum(sign * rsquared[union] for union, sign in each.terms) for name, each in found.items()}
    np.testing.assert_allclose(values["full"], rsquared[frozenset(units)])
    for chosen in unions_of(units):
        name = ("unique" if len(chosen) == 1 else "shared") + "".join(chosen).upper()
        np.testing.assert_allclose(values[name], part(rsquared, units, chosen), atol=1e-12)


def test_what_each_component_requires():
    found = components(("a", "b"))
    a, b, both = frozenset("a"), frozenset("b"), frozenset("ab")
    assert found["full"].tests == (Total(both),)
    assert found["a"].tests == (Total(a),)
    assert found["uniqueA"].tests == (Contrast(frozenset([(both, 1), (b, -1)])),)
    assert set(found["sharedAB"].tests) == {Total(a), Total(b), Total(both), Contrast(found["sharedAB"].terms)}
    three = components(("a", "b", "c"))["sharedAB"]
    c = frozenset("c")
    additions = {Contrast(frozenset([(c | some, 1), (c, -1)])) for some in (a, b, both)}
    assert set(three.tests) == {*additions, Contrast(three.terms)}
    assert components(("a",))["uniqueA"].tests == (Total(a),)


def problem(n_targets, seed=0):
    """Two bands of which targets follow the first; runs; all unions fitted."""
    rng = np.random.default_rng(seed)
    bands = {name: series("ar.5", FMRI, 6, rng) for name in "ab"}
    share = np.linspace(0, 0.3, n_targets)
    Y = mixed(with_weights(bands["a"], n_targets, rng), series("ar.5", FMRI, n_targets, rng), share)
    return {name: torch.as_tensor(band) for name, band in bands.items()}, Y


def run(bands, Y, blocks, cut=None, **kwargs):
    unions = unions_of(tuple(bands))
    inference = Inference(unions, blocks, FMRI.runs, FMRI.runs, permutations=200, dtype=torch.float64, **kwargs)
    for Y_batch in torch.split(Y, cut or Y.shape[1], dim=1):
        batch = inference.batch(Y_batch)
        for number, union in enumerate(unions):
            for held_out in nested(
                [bands[name] for name in union], Y_batch, FMRI.runs, np.ones((1, len(union))), ALPHA
            ):
                if number == 0:
                    batch.add_fold(held_out.fold.train, held_out.fold.test, held_out.Y)
                batch.add(number, held_out.fold, held_out.Y, held_out.predictions)
        inference.add(batch)
    return inference.results()


@pytest.fixture(scope="module")
def blocks():
    labels = block_labels(FMRI.runs, FMRI.times_s, 60.0)
    return Blocks(labels, int(labels.max()) + 1, 60.0, 0.0, ())


FIELDS = ("p", "p_family", "q", "low", "high")


@pytest.mark.parametrize("lost", [0.0, 0.1], ids=["blocks", "blocks and frequencies"])
def test_batches_give_what_all_targets_at_once_give(blocks, lost):
    bands, Y = problem(7)
    blocks = dataclasses.replace(blocks, lost=lost)
    together, apart = run(bands, Y, blocks), run(bands, Y, blocks, cut=3)
    for name, found in together.items():
        for field in FIELDS:
            np.testing.assert_allclose(getattr(found, field), getattr(apart[name], field), atol=1e-9, err_msg=name)


def test_signal_is_found_where_it_is_and_the_limits_enclose_it(blocks):
    bands, Y = problem(8)
    found = run(bands, Y, blocks)
    for name in ("full", "a", "uniqueA"):
        assert (found[name].p[3:] < 0.01).all(), name
        assert (found[name].p_family[4:] < 0.05).all(), name
        assert (found[name].low[4:] > 0).all(), name
    for name in ("b", "uniqueB", "sharedAB"):
        assert found[name].p_family.min() > 0.05, name
    assert all((each.low <= each.high).all() for each in found.values())
    assert all((each.p <= each.p_family + 1e-12).all() or name == "sharedAB" for name, each in found.items())


def test_shared_p_is_no_smaller_than_any_total_drawn_on(blocks):
    bands, Y = problem(8)
    found = run(bands, Y, blocks)
    for name in ("a", "b", "full"):
        assert (found["sharedAB"].p >= found[name].p).all()
        assert (found["sharedAB"].p_family >= found[name].p_family).all()


def test_smooth_data_need_both_kinds_of_flips(blocks):
    bands, Y = problem(24)
    alone = run(bands, Y, blocks)
    both = run(bands, Y, dataclasses.replace(blocks, lost=0.1))
    assert (both["full"].p >= alone["full"].p).all()
    assert (both["full"].p > alone["full"].p).any()
    np.testing.assert_array_equal(both["uniqueA"].p, alone["uniqueA"].p)


def test_a_missing_target_stays_missing_and_spoils_no_neighbour(blocks):
    bands, Y = problem(5)
    spoiled = Y.clone()
    spoiled[:, 2] = torch.nan
    others = [0, 1, 3, 4]
    whole, found = run(bands, Y[:, others], blocks), run(bands, spoiled, blocks)
    for name in found:
        for field in FIELDS:
            values = getattr(found[name], field)
            assert np.isnan(values[2]), (name, field)
            np.testing.assert_allclose(values[others], getattr(whole[name], field), atol=1e-9)


CALIBRATED = [
    ("ar.5", "ar.5", FMRI, False, "highest"),
    ("ar.9", "ar.9", FMRI, False, "highest"),
    ("ar.5", "ar.5", FMRI, True, "highest"),
    ("1/f", "1/f", FMRI, False, "highest"),
]


@pytest.mark.parametrize("kind", CALIBRATED)
def test_false_positives_of_totals(kind):
    condition = Condition(*kind[:4], 20, kind[4])
    rng = np.random.default_rng(0)
    hits = []
    for draw in range(4):
        X, Y = condition.draw(60, rng)
        hits.append(largest(total_nulls(FMRI, Y, condition.fit(X, Y), draw)) <= 0.05)
    assert np.sum(hits) <= binom.ppf(0.995, 240, 0.05)


def test_false_positives_of_parts_amid_signal():
    rng, hits = np.random.default_rng(0), {"uniqueB": [], "sharedAB": []}
    for draw in range(2):
        bands = {name: series("ar.5", FMRI, 20, rng) for name in "ab"}
        Y = mixed(with_weights(bands["a"], 100, rng), series("ar.5", FMRI, 100, rng), 0.3)
        tensors = {name: torch.as_tensor(band) for name, band in bands.items()}
        _, found = infer(tensors, Y, FMRI, "ridge", "selected", draw)
        assert (found["a"].p < 0.05).mean() > 0.9
        for name in hits:
            hits[name].append(found[name].p <= 0.05)
    for name, each in hits.items():
        assert np.sum(each) <= binom.ppf(0.995, 200, 0.05), name
