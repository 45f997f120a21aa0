"""TFCE against a plain sum over heights, nilearn's and a closed form; family-wise errors on smooth maps of nothing; a
broad weak effect that max-T does not find."""

from dataclasses import replace

import numpy as np
import pytest
from nilearn.datasets import load_fsaverage
from nilearn.mass_univariate._utils import calculate_tfce
from scipy.ndimage import gaussian_filter, generate_binary_structure

from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.group.maps.neighbours import neighbours_of
from bids_app.group.maps.side_by_side import Room
from bids_app.group.maps.tfce import Enhancer, enhancer_of, largest_enhanced
from bids_app.group.participant_tests import InBlocks, ParticipantValues, flipped_in_blocks, participant_tests
from bids_app.records import Targets, partition_components

COMPONENTS = partition_components(("x",))
BOTH = np.array([[1.0], [-1.0]])  # signs of one participant
LEVEL = 0.05


def volume(inside):
    """Targets of the voxels of a mask, in an order that is not the grid's."""
    index = np.random.default_rng(9).permutation(np.argwhere(inside))
    return Targets("volume", "MNI", tuple(",".join(map(str, one)) for one in index), index, inside.shape, np.eye(4))


def surface(vertices, space="fsaverage5", n=10242):
    """Targets of (hemisphere, vertex)."""
    index = np.asarray(vertices)
    return Targets("surface", space, tuple(f"{'LR'[side]}:{one}" for side, one in index), index, (n, n))


def plain_sum(values, pairs, extent_power, height_power, step):
    """TFCE as it is defined: at each height the targets above it that hang together, found one by one."""
    near = {row: set() for row in range(len(values))}
    for one, other in pairs:
        near[one].add(other)
        near[other].add(one)
    found, height = np.zeros(len(values)), step
    while height < values.max():
        left = {row for row in near if values[row] > height}
        while left:
            reached, ahead = set(), [left.pop()]
            while ahead:
                row = ahead.pop()
                reached.add(row)
                ahead += (next_ones := near[row] & left)
                left -= next_ones
            found[[*reached]] += len(reached) ** extent_power * height**height_power * step
        height += step
    return found


def enhanced(values, targets, **other):
    """(n_targets,) values, enhanced; and the largest of them, and of their negative."""
    enhancer = enhancer_of(targets)
    how = replace(enhancer.how, **other)
    largest, found = largest_enhanced(BOTH, values[None], enhancer.neighbours.pairs, how)
    return found, largest


def smooth_volume(rng, shape=(9, 8, 7), width=1.0):
    values = gaussian_filter(rng.standard_normal(shape), width)
    return values / values.std() * 1.7


def test_voxels_are_enhanced_as_by_a_plain_sum_and_by_nilearn():
    rng = np.random.default_rng(0)
    values = smooth_volume(rng)
    inside = rng.random(values.shape) > 0.2
    targets = volume(inside)
    at = tuple(targets.index.T)
    step = values[inside].max() / 41.5  # nilearn takes whole numbers of steps up to the largest, and leaves out the step
    found, largest = enhanced(values[at], targets, step=step)
    pairs = [
        (one, other)
        for one in range(len(at[0]))
        for other in range(one)
        if np.abs(targets.index[one] - targets.index[other]).sum() == 1
    ]
    np.testing.assert_allclose(found, plain_sum(values[at], pairs, 0.5, 2.0, step), rtol=1e-9)
    assert largest[0] == found.max()
    assert largest[1] == pytest.approx(plain_sum(-values[at], pairs, 0.5, 2.0, step).max())
    top = values[inside].max()
    found, _ = enhanced(values[at], targets, step=top / 40 * (1 - 1e-12))
    of_nilearn = calculate_tfce(
        np.where(inside, values, 0.0)[..., None], generate_binary_structure(3, 1), dh=top / 40, two_sided_test=False
    )[..., 0]
    theirs = of_nilearn[at] * top / 40  # without their missing step
    peak = values[at] == top
    np.testing.assert_allclose(found[~peak], theirs[~peak], rtol=1e-9)


def test_a_plateau_has_its_integral_in_closed_form_and_the_step_errs_by_little():
    """n targets of one height h: √n h³ / 3; a sum of steps below h lacks at most a step's share."""
    inside = np.zeros((6, 6, 6), bool)
    inside[1:4, 1:4, 1:4] = True
    found, _ = enhanced(np.full(27, 4.0), volume(inside))
    assert enhancer_of(volume(inside)).how.step == 0.1
    assert found == pytest.approx(np.sqrt(27) * 4.0**3 / 3, rel=0.04)
    fine, _ = enhanced(np.full(27, 4.0), volume(inside), step=0.001)
    assert fine == pytest.approx(np.sqrt(27) * 4.0**3 / 3, rel=4e-4)
