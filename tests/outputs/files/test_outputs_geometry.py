"""Where things land on the drawn brains: known places in mm, left and right, front and back."""

import numpy as np
import pytest

from bids_app.outputs.figures.glass import glass_views, project, seen_from
from bids_app.outputs.figures.surface import N_VERTICES, VIEWS, surface_views

GLASS = {view.direction: view for view in glass_views()}


def lit(direction, xyz_mm, step_mm=2.0):
    """mm (across, up) of the pixels that one voxel at xyz_mm lights."""
    image, (left, _, bottom, _) = project(GLASS[direction], np.array([xyz_mm], dtype=float), np.array([1.0]), step_mm)
    rows, columns = np.nonzero(np.isfinite(image))
    return [
        (left + (column + 0.5) * step_mm, bottom + (row + 0.5) * step_mm)
        for row, column in zip(rows, columns, strict=True)
    ]


@pytest.mark.parametrize(("direction", "across", "up"), [("l", 1, 2), ("y", 0, 2), ("z", 0, 1)])
def test_a_voxel_lies_where_its_millimetres_say(direction, across, up):
    xyz_mm = (-42.0, -18.0, 12.0)
    assert lit(direction, xyz_mm) == [pytest.approx((xyz_mm[across], xyz_mm[up]))]


def test_side_views_show_their_own_half():
    both = np.array([[-40.0, 0, 0], [40.0, 0, 0]])
    assert seen_from(GLASS["l"], both).tolist() == [True, False]
    assert seen_from(GLASS["r"], both).tolist() == [False, True]
    assert seen_from(GLASS["z"], both).all()
    assert lit("r", (-42.0, 0, 0)) == []


def test_left_is_left_in_views_that_show_both():
    for direction in "yz":
        first, last = GLASS[direction].x
        assert first < 0 < last
    assert GLASS["l"].x[0] > GLASS["l"].x[1] or GLASS["r"].x[0] > GLASS["r"].x[1]  # the sides look at each other


def test_the_strongest_value_of_a_line_is_shown_with_its_sign():
    column = np.array([[-20.0, -18.0, 12.0], [-30.0, -18.0, 12.0], [-40.0, -18.0, 12.0]])
    image, _ = project(GLASS["l"], column, np.array([0.2, -0.5, 0.4]), 2.0)
    assert image[np.isfinite(image)].tolist() == [-0.5]


def test_a_slab_without_gaps():
    grid = np.stack(np.meshgrid(np.arange(-60, 61, 3.0), [0.0], np.arange(-30, 61, 3.0), indexing="ij"), axis=-1)
    xyz_mm = grid.reshape(-1, 3) + np.array([0.7, 0.2, -0.4])  # voxel centres need not lie on whole millimetres
    image, _ = project(GLASS["y"], xyz_mm, np.ones(len(xyz_mm)), 3.0)
    rows, columns = np.nonzero(np.isfinite(image))
    assert len(rows) == len(xyz_mm) == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


def test_outlines_are_drawn_and_transparent_between():
    for view in GLASS.values():
        covered = (view.pixels[..., 3] > 0.1).mean()
        assert 0.01 < covered < 0.5


@pytest.mark.parametrize("number", range(4))
def test_surfaces_are_seen_from_where_they_say(number):
    from nilearn.datasets import load_fsaverage

    side, name = VIEWS[number]
    view = surface_views()[number]
    xyz_mm = np.asarray(load_fsaverage("fsaverage5")["inflated"].parts[("left", "right")[side]].coordinates)
    assert len(xyz_mm) == N_VERTICES
    centres = xyz_mm[view.faces].mean(axis=1)
    rows, columns = np.nonzero(view.shown >= 0)
    seen = centres[view.shown[rows, columns]]
    looks_left = (side == 0) == (name == "lateral")  # from outside, a left hemisphere has its front at the left
    assert np.corrcoef(seen[:, 1], columns)[0, 1] * (-1 if looks_left else 1) > 0.99
    assert np.corrcoef(seen[:, 2], rows)[0, 1] < -0.99
    lateral = -1 if side == 0 else 1
    towards_us = centres[:, 0] * (lateral if name == "lateral" else -lateral)
    shown = np.zeros(len(centres), dtype=bool)
    shown[np.unique(view.shown[rows, columns])] = True
    assert 0.3 < shown.mean() < 0.7
    assert towards_us[shown].min() > towards_us[~shown].min()
    assert towards_us[shown].mean() > towards_us[~shown].mean() + 10


def test_no_holes_in_a_surface():
    for view in surface_views():
        inside = view.shown >= 0
        assert 0.3 < inside.mean() < 0.9
        filled = np.maximum.accumulate(inside, axis=1) & np.maximum.accumulate(inside[:, ::-1], axis=1)[:, ::-1]
        assert (filled & ~inside).mean() < 0.08  # what is not the brain lies under the temporal pole
        assert view.shown.max() < len(view.faces)
