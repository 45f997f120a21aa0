"""The interactive brain: every value where its target lies, one page without a network, and none without a place."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_units import electrode_targets, make_unit, parcel_targets, surface_targets, volume_targets

from bids_app import outputs
from bids_app.outputs.figures.brain_page import _image, brain_page
from bids_app.records import Targets

WORDS = ("title <b>", "what it shows", "../../sub-01.html")


def at(image, xyz_mm):
    """The image's value at a position in millimetres."""
    voxel = np.linalg.inv(image.affine) @ [*xyz_mm, 1]
    return image.get_fdata()[tuple(np.rint(voxel[:3]).astype(int))]


def test_voxels_stay_where_they_are():
    targets = volume_targets((6, 7, 5), 24.0)
    values = np.linspace(-0.4, 0.7, len(targets.names)).astype(np.float32)
    image = _image(targets, values)
    for index, value in zip(targets.index, values, strict=True):
        assert image.get_fdata()[tuple(index)] == pytest.approx(value)
    assert image.get_fdata().shape == (6, 7, 5)
    np.testing.assert_array_equal(image.affine, targets.affine)


def test_electrodes_are_balls_where_they_lie_and_the_stronger_is_seen():
    xyz_mm = np.array([[-50.0, -20, 10], [-50, -17, 10], [40, 0, 0], [np.nan, 0, 0]])
    targets = replace(electrode_targets(4, ("a", "b", "c", "d")), xyz_mm=xyz_mm)
    image = _image(targets, np.array([0.3, -0.5, 0.2, 0.9], dtype=np.float32))
    assert at(image, xyz_mm[1]) == pytest.approx(-0.5)
    assert at(image, xyz_mm[0]) == pytest.approx(-0.5)  # 3 mm from the stronger one
    assert at(image, [-50, -23, 10]) == pytest.approx(0.3)
    assert at(image, xyz_mm[2]) == pytest.approx(0.2)
    assert at(image, [0, 0, 0]) == 0
    assert np.abs(image.get_fdata()).max() == pytest.approx(0.5)  # one electrode has no position


def test_vertices_lie_on_the_pial_surface():
    from nilearn.datasets import load_fsaverage

    whole = surface_targets()
    rows = [100, 10242 + 5000]
    targets = replace(whole, names=tuple(whole.names[row] for row in rows), index=whole.index[rows])
    image = _image(targets, np.array([0.4, -0.6], dtype=np.float32))
    pial = load_fsaverage("fsaverage5")["pial"].parts
    assert at(image, pial["left"].coordinates[100]) == pytest.approx(0.4, abs=1e-6)
    assert at(image, pial["right"].coordinates[5000]) == pytest.approx(-0.6, abs=1e-6)


def test_a_page_needs_no_network_and_is_the_same_twice():
    targets = electrode_targets(4)
    values = np.array([0.1, 0.2, 0.3, 0.4])
    page = brain_page(targets, values, *WORDS)
    assert page == brain_page(targets, values, *WORDS)
    assert "http" not in page.replace("http://www.w3.org", "")
    assert "title &lt;b&gt;" in page
    assert 'href="../../sub-01.html"' in page
    assert len(page) < 1_000_000


@pytest.mark.parametrize(
    "targets",
    [
        parcel_targets(),
        Targets("array", "n/a", ("1", "2"), shape=(2,)),
        surface_targets(50, "elsewhere"),
        replace(electrode_targets(2), xyz_mm=None),
    ],
    ids=lambda targets: f"{targets.kind} {targets.space}",
)
def test_what_has_no_place_has_no_page(targets):
    assert brain_page(targets, np.full(len(targets.names), 0.1), *WORDS) is None


def test_what_is_near_zero_hides_no_brain_but_an_electrode_is_always_seen(monkeypatch):
    from nilearn import plotting

    thresholds = []
    plain = plotting.view_img
    monkeypatch.setattr(
        plotting, "view_img", lambda *one, **more: thresholds.append(more["threshold"]) or plain(*one, **more)
    )
    voxels = volume_targets((6, 7, 5), 24.0)
    assert brain_page(voxels, np.linspace(-0.4, 0.2, len(voxels.names)), *WORDS)
    assert brain_page(electrode_targets(4), np.array([0.1, 0.2, 0.3, 0.4]), *WORDS)
    assert thresholds == pytest.approx([0.05 * 0.5, 1e-6])  # the scale ends at .5


def test_without_a_value_there_is_no_page():
    assert brain_page(electrode_targets(2), np.full(2, np.nan), *WORDS) is None


def test_the_report_links_to_it(tmp_path):
    for kind, targets in (("there", electrode_targets(4)), ("own space", replace(electrode_targets(4), space="T1w"))):
        out_dir = tmp_path / kind
        unit = make_unit(targets, "01", "task-pooled", groups=("speech", "language"))
        outputs.write_unit(out_dir, unit)
        text = outputs.write_participant_report(out_dir, "01", None).read_text()
        file = "sub-01/figures/sub-01_task-pooled_desc-brain_figure.html"
        assert (file in text) == (out_dir / file).exists() == (kind == "there")
