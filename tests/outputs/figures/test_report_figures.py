"""Figures: what is drawn where, in which colours, as the same bytes, small enough for a page."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from cifti_files import dense_axis, targets_on
from synthetic_units import GROUPS, electrode_targets, parcel_targets, surface_targets, volume_targets

from bids_app.outputs.figures import charts, maps
from bids_app.outputs.figures.canvas import GROUP_COLOURS, band_colours
from bids_app.outputs.figures.greyordinates import drawn_parts, nearest_fslr
from bids_app.records import ProfileSummary, Quartiles, partition_components

BRAINS = {"volume": volume_targets, "surface": surface_targets, "electrodes": electrode_targets}


@pytest.mark.parametrize("kind", BRAINS)
def test_a_brain_is_small_and_the_same_twice(kind):
    targets = BRAINS[kind]()
    values = {"full": np.linspace(-0.1, 0.2, len(targets.names)).astype(np.float32)}
    first, again = (maps.brain_maps(targets, values, "R²") for _ in range(2))
    assert first == again
    assert 2_000 < len(first) < 1_000_000
    assert ElementTree.fromstring(first).tag.endswith("svg")
    assert not re.search(rb"20\d\d-\d\d-\d\d", first)


@pytest.mark.parametrize("kind", BRAINS)
def test_a_brain_shows_its_values(kind):
    targets = BRAINS[kind]()
    values = np.linspace(0.0, 0.2, len(targets.names)).astype(np.float32)
    one, reverse = (maps.brain_maps(targets, {"full": each}, "R²") for each in (values, values[::-1].copy()))
    assert one != reverse


@pytest.mark.parametrize("kind", BRAINS)
def test_nothing_usable_is_still_a_picture(kind):
    targets = BRAINS[kind]()
    assert maps.brain_maps(targets, {"full": np.full(len(targets.names), np.nan, dtype=np.float32)}, "R²")


def test_the_scale_ends_where_most_values_do():
    values = np.concatenate([np.linspace(-0.1, 0.1, 1000), [np.nan]])
    assert maps.limit_of([values]) == 0.1
    assert maps.limit_of([np.full(3, np.nan)]) > 0
    assert maps.limit_of([-values, np.array([0.01])]) == 0.1
    assert maps.limit_of([1.1 * values]) == 0.2  # participants who differ a little share a scale
    assert maps.limit_of([1.9 * values]) == 0.2
    assert maps.limit_of([30 * values]) == pytest.approx(3, rel=0.02)


def test_where_there_is_a_brain():
    assert maps.can_draw(volume_targets())
    assert maps.can_draw(surface_targets())
    assert maps.can_draw(electrode_targets(3))
    assert not maps.can_draw(parcel_targets())
    assert not maps.can_draw(surface_targets(100, "fsLR"))


def test_a_greyordinate_is_drawn_where_it_lies(tmp_path):
    """Each part shows its own values: vertices of fsaverage5 nearest to the responses', and voxels of their grid."""
    targets = targets_on(tmp_path, dense_axis(3000, 3000), "fsLR")
    values = np.arange(len(targets.names), dtype=np.float32)
    cortex, voxels = drawn_parts(targets)
    for row, (side, vertex) in zip(cortex.rows[::97], np.asarray(cortex.targets.index)[::97], strict=True):
        structure = ("CORTEX_LEFT", "CORTEX_RIGHT")[side]
        assert targets.names[row] == f"{structure}:{nearest_fslr()[side][vertex]}"
    assert [targets.names[row].split(":")[1] for row in voxels.rows] == list(voxels.targets.names)
    assert maps.can_draw(targets)
    assert maps.brain_maps(targets, {"full": values}, "R²").startswith(b"<?xml")
    unknown = targets_on(tmp_path, dense_axis(3, 2, n_vertices=100), "fsLR")
    assert [part.targets.kind for part in drawn_parts(unknown)] == ["volume"]


def bars(centre=0.1, groups=GROUPS):
    return dict.fromkeys(partition_components(groups), charts.Bar(centre, centre - 0.01, centre + 0.02))


def test_components_without_values_leave_a_gap():
    full = charts.components_chart(GROUPS, bars(), "median R²")
    assert full == charts.components_chart(GROUPS, bars(), "median R²")
    assert full != charts.components_chart(GROUPS, bars(-0.1), "median R²")
    empty = dict.fromkeys(partition_components(GROUPS), charts.Bar(None, None, None))
    assert len(charts.components_chart(GROUPS, empty, "median R²")) < len(full)


@pytest.mark.parametrize("n_groups", [1, 2, 3, 4])
def test_any_number_of_groups_has_its_chart(n_groups):
    groups = GROUPS[:n_groups]
    assert charts.components_chart(groups, bars(groups=groups), "median R²").startswith(b"<?xml")


def test_names_of_channels_are_no_formulae():
    rows = ("$\\frac{1$", "a_b^c", "<script>", "&")
    content = charts.table_chart(rows, {"full": np.array([0.1, -0.1, np.nan, 0.0])}, "R²")
    assert b"<script>" not in content.replace(b"<!-- <script> -->", b"")
    ElementTree.fromstring(content)


def test_a_profile_and_a_scatter():
    band = Quartiles((0.1, 0.2), (0.2, 0.3), (0.3, 0.4))
    summary = ProfileSummary((2.0, 4.0), 7, {f"band{n}": band for n in range(9)})
    profile = charts.profile_chart(summary, "fmri", ("band1", "more"))
    assert profile.startswith(b"<?xml")
    colours = band_colours(list(summary.bands), ("band1", "more"))
    assert colours["band1"] == GROUP_COLOURS[0]  # that of its group
    assert not {colours[band] for band in summary.bands if band != "band1"} & {*GROUP_COLOURS}
    planted = np.linspace(0, 0.4, 50)
    panels = {f"part{n}": (planted, 0.9 * planted, "n 50") for n in range(20)}
    assert charts.planted_chart(panels) == charts.planted_chart(panels)


def test_the_users_style_changes_nothing():
    import matplotlib

    plain = charts.components_chart(GROUPS, bars(), "R²")
    with matplotlib.rc_context({"font.size": 20, "axes.facecolor": "black", "svg.hashsalt": "other"}):
        assert charts.components_chart(GROUPS, bars(), "R²") == plain
