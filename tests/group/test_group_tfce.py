"""TFCE against a plain sum over heights, nilearn's and a closed form; family-wise errors on smooth maps of nothing; a
broad weak effect that max-T does not find."""

from dataclasses import replace

import numpy as np
import pytest
from nilearn.datasets import load_fsaverage
from nilearn.mass_univariate._utils import calculate_tfce
from scipy.ndimage import gaussian_filter, generate_binary_structure

from benchmarks.calibration_tfce import COMPONENTS, PERMUTATIONS, both_p, cube, smallest_by_labels, smallest_p, smooth
from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.group.maps.neighbours import neighbours_of
from bids_app.group.maps.side_by_side import Room
from bids_app.group.maps.tfce import enhancer_of, largest_enhanced
from bids_app.group.moderation import moderated_deviation
from bids_app.group.participant_tests import InBlocks, ParticipantValues
from bids_app.records import Targets

BOTH = np.array([[1.0], [-1.0]])  # signs of one participant
FULL = COMPONENTS[0]


def volume(inside):
    """Targets of the voxels of a mask, in an order that is not the grid's."""
    index = np.random.default_rng(9).permutation(np.argwhere(inside))
    return Targets("volume", "MNI", tuple(",".join(map(str, one)) for one in index), index, inside.shape, np.eye(4))


def surface(vertices, space="fsaverage5", n=10242):
    """Targets of (hemisphere, vertex)."""
    index = np.asarray(vertices)
    return Targets("surface", space, tuple(f"{'LR'[side]}:{one}" for side, one in index), index, (n, n))


def whole(n, space):
    return surface([(side, one) for side in (0, 1) for one in range(n)], space, n)


def plain_pairs(index):
    return [(a, b) for a in range(len(index)) for b in range(a) if np.abs(index[a] - index[b]).sum() == 1]


def plain_sum(values, pairs, extent_power=0.5, height_power=2.0, step=0.1):
    """TFCE as it is defined: at each height the targets above it that hang together, found one by one."""
    near = {row: set() for row in range(len(values))}
    for one, other in pairs:
        near[one].add(other)
        near[other].add(one)
    found = np.zeros(len(values))
    for height in np.arange(step, max(values.max(), step), step):
        left = {row for row in near if values[row] > height}
        while left:
            reached, ahead = set(), [left.pop()]
            while ahead:
                row = ahead.pop()
                reached.add(row)
                ahead += (others := near[row] & left)
                left -= others
            found[[*reached]] += len(reached) ** extent_power * height**height_power * step
    return found


def enhanced(values, targets, **other):
    """(n_targets,) values, enhanced; and the largest of them, and of their negative."""
    enhancer = enhancer_of(targets)
    largest, found = largest_enhanced(BOTH, values[None], enhancer.neighbours.pairs, replace(enhancer.how, **other))
    return found, largest


def in_blocks(z, cut=()):
    """Fisher's z (n_participants, n_targets) of the full model, in blocks."""

    def read():
        for some in np.split(np.arange(z.shape[1]), cut):
            r = np.tanh(z[:, some])
            yield ParticipantValues(*(dict.fromkeys(("full", "x", "uniqueX"), r) for _ in range(2)))

    return InBlocks(read, (FULL,), COMPONENTS)


def test_voxels_are_enhanced_as_by_a_plain_sum_and_by_nilearn():
    rng = np.random.default_rng(0)
    values = gaussian_filter(rng.standard_normal((9, 8, 7)), 1.0)
    values *= 1.7 / values.std()
    inside = rng.random(values.shape) > 0.2
    targets = volume(inside)
    at = tuple(targets.index.T)
    pairs = plain_pairs(targets.index)
    found, largest = enhanced(values[at], targets)
    np.testing.assert_allclose(found, plain_sum(values[at], pairs), rtol=1e-9)
    assert largest[0] == found.max()
    assert largest[1] == pytest.approx(plain_sum(-values[at], pairs).max())
    top = values[inside].max()
    step = top / 40 * (1 - 1e-12)  # nilearn takes whole numbers of steps up to the largest, and leaves out the step
    theirs = calculate_tfce(
        np.where(inside, values, 0.0)[..., None], generate_binary_structure(3, 1), dh=top / 40, two_sided_test=False
    )[..., 0][at]
    peak = values[at] == top
    np.testing.assert_allclose(enhanced(values[at], targets, step=step)[0][~peak], step * theirs[~peak], rtol=1e-9)


def test_a_plateau_has_its_integral_in_closed_form_and_the_step_errs_by_little():
    """n targets of one height h: √n h³ / 3."""
    inside = np.zeros((6, 6, 6), bool)
    inside[1:4, 1:4, 1:4] = True
    whole = np.sqrt(27) * 4.0**3 / 3
    assert enhancer_of(volume(inside)).how.step == 0.1
    assert enhanced(np.full(27, 4.0), volume(inside))[0] == pytest.approx(whole, rel=0.04)
    assert enhanced(np.full(27, 4.0), volume(inside), step=0.002)[0] == pytest.approx(whole, rel=1e-3)


def test_vertices_are_enhanced_along_edges_of_the_mesh_and_within_a_hemisphere():
    edges = neighbours_of(whole(642, "fsaverage3")).pairs
    near = np.unique(edges[(edges == 100).any(axis=1)])  # a vertex and its neighbours hang together
    targets = surface([(side, one) for side in (0, 1) for one in near], "fsaverage3", 642)
    both, left = np.full(2 * len(near), 3.0), np.repeat([3.0, -1.0], len(near))
    assert (enhanced(both, targets)[0] == enhanced(left, targets)[0].max()).all()  # no help from the other side
    mesh = load_fsaverage("fsaverage5")["inflated"].parts
    rows = np.random.default_rng(0).permutation(10242)[:6000]
    some = surface([(1, one) for one in rows])
    place = {one: number for number, one in enumerate(rows)}
    sides = np.concatenate([np.asarray(mesh["right"].faces)[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
    expected = {frozenset((place[a], place[b])) for a, b in sides if a in place and b in place}
    pairs = neighbours_of(some).pairs
    assert {frozenset(one) for one in pairs.tolist()} == expected
    assert len(pairs) == len(expected)
    values = np.random.default_rng(1).standard_normal(6000) + 1
    how = enhancer_of(some).how
    assert (how.extent_power, how.height_power) == (1.0, 2.0)
    np.testing.assert_allclose(enhanced(values, some)[0], plain_sum(values, expected, 1.0), rtol=1e-9)


@pytest.mark.parametrize(
    ("n", "space"), [(40962, "fsaverage6"), pytest.param(163842, "fsaverage", marks=pytest.mark.long)]
)
def test_finer_meshes_are_divided_icosahedra_whose_first_vertices_are_fsaverage5s(n, space):
    pairs = neighbours_of(whole(n, space)).pairs
    degrees = np.bincount(pairs.ravel())
    assert np.bincount(degrees).nonzero()[0].tolist() == [5, 6]
    assert (degrees == 5).sum() == 24
    assert ((pairs < n).all(axis=1) | (pairs >= n).all(axis=1)).all()
    assert ((pairs % n) >= 10242).any(axis=1).all()  # every edge of a coarser mesh is divided


@pytest.mark.parametrize(
    ("targets", "what"),
    [
        (Targets("parcels", "Schaefer", ("a", "b")), "parcels"),
        (Targets("greyordinates", "fsLR", ("CORTEX_LEFT:0",), shape=(32492, 32492)), "greyordinates"),
        (surface([(0, 1)], "fsLR", 32492), "fsLR"),
        (surface([(0, 1)], "fsLR", 10242), "fsLR"),
        (surface([(0, 1)], "fsaverage5", 7), "fsaverage5"),
    ],
)
def test_where_neighbours_are_not_known_one_line_says_so(targets, what):
    why = enhancer_of(targets)
    assert why == f"TFCE is made of voxels, and of vertices of fsaverage's meshes: of {what} there is none"


@pytest.mark.parametrize("version", ["1.9.0", "1.12.1"])
def test_an_mne_that_leaves_heights_out_is_not_asked(monkeypatch, version):
    monkeypatch.setattr("bids_app.group.maps.tfce.version", lambda package: version)
    assert enhancer_of(cube(2)) == f"mne {version} leaves heights out of TFCE: 1.13 or later does not"


def test_p_is_the_share_of_sign_vectors_with_a_larger_enhanced_value_anywhere():
    """By hand, with targets that some participants lack, and one that nobody has; the same in blocks and in files."""
    rng = np.random.default_rng(3)
    targets = volume(np.ones((4, 4, 3), bool))
    z = rng.standard_normal((6, 48)) * 0.1 + 0.05
    z[2, :9], z[0, 5:12], z[:, 20] = np.nan, np.nan, np.nan
    there, tested = np.isfinite(z), np.arange(48) != 20
    signs = draw_signs(6, 1000, 4)
    maps = (signs @ np.nan_to_num(z) / np.maximum(there.sum(axis=0), 1) / moderated_deviation(z))[:, tested]
    pairs = plain_pairs(targets.index[tested])
    by_hand = [plain_sum(one, pairs) for one in maps]
    expected = np.full(48, np.nan)
    expected[tested] = np.mean([one.max() >= by_hand[0] * (1 - 1e-6) for one in by_hand], axis=0)
    assert 1 / 64 <= expected[tested].min() < 0.5
    found = enhancer_of(targets).pfwe(in_blocks(z), 1000, 4)["full"]
    np.testing.assert_array_equal(found, expected)


def test_blocks_and_files_change_nothing_and_the_mean_response_is_a_floor(tmp_path):
    rng, lines = np.random.default_rng(5), []
    targets = volume(np.ones((4, 4, 3), bool))
    z = rng.standard_normal((5, 48)) * 0.1 + 0.05
    z[1, :7], z[:, 3] = np.nan, np.nan
    plain = enhancer_of(targets).pfwe(in_blocks(z), 1000, 0)["full"]
    floor = np.where(np.arange(48) < 3, np.nan, rng.random(48))
    filed = enhancer_of(targets, Room(tmp_path, tell=lines.append))
    np.testing.assert_array_equal(filed.pfwe(in_blocks(z, (7, 30)), 1000, 0)["full"], plain)
    guarded = filed.pfwe(in_blocks(z, (7, 30)), 1000, 0, {"full": {"pfwe": floor}})["full"]
    np.testing.assert_array_equal(guarded, np.maximum(plain, floor))
    assert not lines  # of one test nothing is told
    every = InBlocks(in_blocks(z).read, COMPONENTS, COMPONENTS)
    assert {*filed.pfwe(every, 1000, 0)} == {"full", "x", "uniqueX"}
    assert len(lines) == 1
    assert lines[0].startswith("TFCE: 1 of 3 tests, each of 32 maps of 47 targets; about")


def test_a_broad_weak_effect_is_found_where_max_t_finds_little():
    rng, targets = np.random.default_rng(0), cube(7)
    inside = (np.abs(np.asarray(targets.index) - 3) <= 2).all(axis=1)
    by_max, by_tfce = both_p(smooth(rng, 12, 7) + 0.5 * inside, targets, 127, 0)
    assert (by_tfce[inside] <= 0.05).mean() > 0.5
    assert (by_max[inside] <= 0.05).mean() < 0.15
    assert (by_tfce[~inside] <= 0.05).mean() < 0.5 * (by_tfce[inside] <= 0.05).mean()


@pytest.mark.long
def test_family_wise_errors_hold_on_smooth_maps_of_nothing():
    """12 participants, half of the sets with targets that up to half of them lack; p by labels of scipy, which are
    Concord's own in the first sets."""
    rng, targets, n_sets, p = np.random.default_rng(2), cube(5), 300, []
    for seed in range(n_sets):
        z = smooth(rng, 12, 5)
        if seed % 2:
            z[rng.random(z.shape).argsort(axis=0) < rng.integers(0, 7, z.shape[1])] = np.nan
        p.append(smallest_by_labels(z, seed))
        if seed < 12:
            np.testing.assert_allclose(smallest_p(z, targets, PERMUTATIONS, seed), p[-1])
    wrong = (np.array(p) <= 0.05).mean(axis=0)
    assert (wrong >= 0.02).all()
    assert (wrong <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_sets)).all()
