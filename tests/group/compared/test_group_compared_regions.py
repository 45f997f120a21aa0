"""Differences of two runs by region: by hand, planted in one region, and where there is nothing to find."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from bids_app import encoding
from bids_app.encoding.inference.blocks import block_labels
from bids_app.encoding.kept.models import Keeping, KeptModels
from bids_app.group import compared_regions, compared_unit
from bids_app.group.compared.pairs import PairedBlocks
from bids_app.records import FitSpec, Run, Targets

N_BLOCKS, N_TARGETS = 8, 12
FRONT, BACK, EMPTY = ("A", "front"), ("A", "back"), ("A", "nowhere")


def blocks_of(contrast, total=None, level=0.1):
    """Two runs whose second one has R² of about `level` everywhere, and the first one what contrast adds."""
    total = np.full(contrast.shape, 50.0) if total is None else total
    return PairedBlocks(level * total + contrast, level * total, total)


def drawn(seed=0):
    rng = np.random.default_rng(seed)
    return blocks_of(rng.standard_normal((N_BLOCKS, N_TARGETS)), rng.uniform(30, 80, (N_BLOCKS, N_TARGETS)))


def rows_of(blocks, regions):
    return {(row.atlas, row.region): row for row in compared_regions(blocks, regions)}


def test_a_regions_difference_worked_out_by_hand():
    blocks, columns = drawn(), np.array([0, 3, 4])
    row = rows_of(blocks, {FRONT: columns})[FRONT]
    rsquared = [[gains[:, one].sum() / blocks.total[:, one].sum() for one in columns]
                for gains in (blocks.first, blocks.second)]  # fmt: skip
    assert (row.n, row.first, row.second) == (
        3,
        pytest.approx(np.mean(rsquared[0])),
        pytest.approx(np.mean(rsquared[1])),
    )
    assert row.difference == pytest.approx(np.mean(rsquared[0]) - np.mean(rsquared[1]))
    by_block = np.zeros(N_BLOCKS)  # of the mean over targets of R², what each block adds
    for one in columns:
        by_block += (blocks.first - blocks.second)[:, one] / blocks.total[:, one].sum() / 3
    assert row.difference == pytest.approx(by_block.sum())
    wider = np.sqrt(1 + N_BLOCKS * by_block.var(ddof=1) / np.square(by_block).sum())
    flips = np.array(list(product([1, -1], repeat=N_BLOCKS)))[1:] @ by_block * wider
    assert row.p == pytest.approx((1 + (np.abs(flips) >= abs(by_block.sum()) * (1 - 1e-6)).sum()) / 2**N_BLOCKS)
    assert row.pfwe == pytest.approx(row.p)  # a family of one
    assert row.ci025 < row.difference < row.ci975


def test_a_region_of_one_target_is_that_target_and_one_of_all_is_the_unit():
    blocks, targets = drawn(1), Targets("parcels", "atlas", tuple("abcdefghijkl"))
    unit = compared_unit("sub-01_task-story", "01", targets, blocks, np.arange(N_TARGETS))
    rows = rows_of(blocks, {FRONT: np.array([5]), BACK: np.arange(N_TARGETS)})
    for stat in ("difference", "ci025", "ci975", "p"):
        assert getattr(rows[FRONT], stat) == pytest.approx(unit.values[stat][5])
        assert getattr(rows[BACK], stat) == pytest.approx(unit.mean[stat])


def test_targets_that_one_run_lacks_are_in_no_mean():
    blocks = drawn(2)
    for array in (blocks.second, blocks.total):
        array[:, :2] = np.nan
    rows = rows_of(blocks, {FRONT: np.array([0, 1, 2]), EMPTY: np.array([0, 1]), ("B", "x"): np.array([2])})
    assert [*rows] == [FRONT, ("B", "x")]
    assert (rows[FRONT].n, rows[FRONT].difference) == (1, pytest.approx(rows["B", "x"].difference))


def test_each_atlas_is_a_family_of_its_own():
    blocks = drawn(3)
    alone = rows_of(blocks, {FRONT: np.arange(6), BACK: np.arange(6, 12)})
    beside = rows_of(
        blocks, {FRONT: np.arange(6), BACK: np.arange(6, 12), **{("B", str(k)): np.array([k]) for k in range(12)}}
    )
    assert (beside[FRONT].pfwe, beside[FRONT].q) == (alone[FRONT].pfwe, alone[FRONT].q)


def scene(rng, n_blocks=24, n_regions=6, size=10, in_common=0.7):
    """Contrasts of correlated targets, most of whose noise is that of their region, or of the whole brain."""
    whole, region = (
        rng.standard_normal((n_blocks, 1)),
        rng.standard_normal((n_blocks, n_regions)).repeat(size, axis=1),
    )
    own = rng.standard_normal((n_blocks, n_regions * size))
    noise = np.sqrt(in_common) * (0.6 * whole + 0.8 * region) + np.sqrt(1 - in_common) * own
    return noise, {("A", str(one)): np.arange(one * size, (one + 1) * size) for one in range(n_regions)}


def naive_p(blocks, columns):
    """A t-test over targets, as if each were evidence of its own."""
    difference = (blocks.first - blocks.second)[:, columns].sum(axis=0) / blocks.total[:, columns].sum(axis=0)
    return stats.ttest_1samp(difference, 0.0).pvalue


def rates(n_sets, seed):
    """Shares of regions with p ≤ .05, of families with one, of intervals that hold, and of tests over targets."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(n_sets):
        noise, regions = scene(rng)
        blocks = blocks_of(noise)
        rows = compared_regions(blocks, regions)
        naive = [naive_p(blocks, columns) <= 0.05 for columns in regions.values()]
        found.append((np.mean([row.p <= 0.05 for row in rows]), min(row.pfwe for row in rows) <= 0.05,
                      np.mean([row.ci025 <= 0 <= row.ci975 for row in rows]), np.mean(naive)))  # fmt: skip
    return np.mean(found, axis=0)


@pytest.mark.parametrize("n_sets", [40, pytest.param(1000, marks=pytest.mark.long)])
def test_where_two_runs_predict_equally_well_few_regions_differ(n_sets):
    """However alike a region's targets are: tests that take them for so many samples are wrong in most."""
    single, family, held, naive = rates(n_sets, 5)
    assert single <= 0.02  # on the safe side, as targets' p is
    assert family <= 0.05
    assert held >= 0.95
    assert naive > 0.4


def test_a_difference_in_one_region_is_found_there_alone():
    rng = np.random.default_rng(6)
    noise, regions = scene(rng)
    noise[:, regions["A", "2"]] += 1.5
    rows = rows_of(blocks_of(noise), regions)
    assert [region for region, row in rows.items() if row.pfwe <= 0.05] == [("A", "2")]
    assert rows["A", "2"].ci025 > 0
    assert rows["A", "2"].difference == pytest.approx(1.5 / 50, abs=0.02)
    turned = rows_of(blocks_of(-noise), regions)
    assert (turned["A", "2"].p, turned["A", "2"].difference) == (rows["A", "2"].p, -rows["A", "2"].difference)


# ------------------------------------------------------------------------------------------------ fitted models
def fitted(knows, seed, n_runs=6, n_times=150, size=10, n_regions=6):
    """Regions of two cross-validated ridge models, of coloured noise that a region's targets have in common, and of a
    signal of which both know equally much; or of noise alone."""
    rng = np.random.default_rng(seed)
    n_targets = size * n_regions
    mixing = np.sqrt(0.7) * np.kron(np.eye(n_regions), np.ones((1, size)))
    weights, runs = rng.standard_normal((4, n_targets)), []
    for number in range(n_runs):
        noise = rng.standard_normal((n_times, n_regions)) @ mixing
        noise += np.sqrt(0.3) * rng.standard_normal((n_times, n_targets))
        for row in range(1, n_times):
            noise[row] += 0.5 * noise[row - 1]
        signal = rng.standard_normal((n_times, 4))
        bands = {name: rng.standard_normal((n_times, 1, 8)) for name in "ab"}
        for name in "ab" if knows else "":
            bands[name][:, 0, :4] = signal + rng.standard_normal(signal.shape)
        Y = 0.5 * signal @ weights + 1.5 * noise if knows else noise
        runs.append(Run(f"run-{number}", bands, Y - Y.mean(axis=0), np.arange(n_times) * 2.0, (str(number),)))
    design = encoding.build_design(runs, "by_run", (0.0,), {}, 2.0)
    labels = block_labels(design.first_runs, design.first_times_s, 60.0)
    gains = []
    for band in "ab":
        keeping = Keeping(("blocks",), lambda name, shape, dtype: np.zeros(shape, dtype), 1, labels)
        kept = KeptModels(design, {band: (band,)}, ((band,),), keeping)
        encoding.fit(design, {band: (band,)}, FitSpec("ridge", alphas=(1.0, 1e5, 8)), observer=kept)
        sums = kept.saved().blocks
        gains.append(sums.gains[band,])
    regions = {("A", str(one)): np.arange(one * size, (one + 1) * size) for one in range(n_regions)}
    return compared_regions(PairedBlocks(*gains, sums.total), regions)


@pytest.mark.long
@pytest.mark.parametrize("knows", [False, True])
def test_two_models_that_know_equally_much_rarely_differ_in_a_region(knows):
    found = [row for seed in range(20) for row in fitted(knows, seed)]
    assert np.mean([row.p <= 0.05 for row in found]) <= 0.05
    assert np.mean([row.ci025 <= 0 <= row.ci975 for row in found]) >= 0.95
