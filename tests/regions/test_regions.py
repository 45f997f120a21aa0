"""Where labels fall on targets of every kind, and what is said of each region, against closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_units import MNI, electrode_targets, make_unit, surface_targets, volume_targets

from bids_app.records import Targets
from bids_app.records.regions.atlases import Atlas, GreyordinateLabels, Placed, SurfaceLabels, VolumeLabels
from bids_app.records.regions.scores import LagTable, LayerChoice
from bids_app.regions import FURTHEST_MM, means_by_region, place, scores_of, why_not
from bids_app.regions.scores import mean_of_most, region_scores

REGIONS = {1: "one", 2: "two"}


def atlas(labels, space=MNI, **more):
    return Atlas("A", space, REGIONS, labels, "a.nii.gz", "0" * 64, **more)


def test_a_voxel_has_the_label_of_the_voxel_that_its_centre_lies_in():
    """Against a loop that asks for the distance to every voxel of an atlas on a rotated grid of another size."""
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = 9.0 * turn, -turn @ np.array([40.0, 40, 40])
    labels = rng.integers(0, 3, (9, 9, 9))
    targets = volume_targets()
    found = place(atlas(VolumeLabels(labels, affine)), targets).labels
    centres = np.stack(np.meshgrid(*map(np.arange, labels.shape), indexing="ij"), -1).reshape(-1, 3)
    for row in rng.choice(len(found), 60, replace=False):
        mm = targets.affine[:3, :3] @ targets.index[row] + targets.affine[:3, 3]
        voxel = np.linalg.inv(affine) @ [*mm, 1]
        inside = (np.abs(centres - voxel[:3]) < 0.5).all(axis=1)
        assert found[row] == (labels.reshape(-1)[inside][0] if inside.any() else 0)
    assert {*found.tolist()} == {0, 1, 2}


def test_means_by_region_are_over_targets_that_have_a_value():
    labels = Placed(np.array([1, 1, 2, 0, 1]))
    values = np.array([0.2, np.nan, np.nan, 9.0, 0.4])
    found = means_by_region(values, [(atlas(VolumeLabels(np.zeros((1, 1, 1), int), np.eye(4))), labels)])
    assert found == {("A", "one"): pytest.approx(0.3)}


def test_an_electrode_has_the_nearest_label_up_to_a_distance():
    labels = np.zeros((30, 3, 3), dtype=int)
    labels[10, 1, 1], labels[20, 1, 1] = 1, 2
    volume = VolumeLabels(labels, np.eye(4))
    places = np.array([[10.3, 1, 1], [13.0, 1, 1], [10.0, 1 + FURTHEST_MM + 0.1, 1], [20, 1, 6], [np.nan] * 3])
    targets = Targets("electrodes", MNI, tuple("abcde"), xyz_mm=places)
    found = place(atlas(volume), targets)
    assert found.labels.tolist() == [1, 1, 0, 2, 0]
    np.testing.assert_allclose(found.distance_mm, [0, 3, FURTHEST_MM + 0.1, 5, np.nan])


def test_vertices_and_greyordinates_by_number_and_name():
    left, right = np.zeros(10242, int), np.zeros(10242, int)
    left[5], right[7] = 1, 2
    meshes, vertices = atlas(SurfaceLabels(left, right), "fsaverage5"), surface_targets()
    found = place(meshes, vertices).labels
    assert (found[5], found[10242 + 7], found.sum()) == (1, 2, 3)
    finer = SurfaceLabels(*(np.concatenate([one, np.full(30720, 2)]) for one in (left, right)))
    assert (place(atlas(finer, "fsaverage6"), vertices).labels == found).all()
    names = ("CORTEX_LEFT:5", "CORTEX_RIGHT:7", "THALAMUS_LEFT:1,2,3")
    dense = Targets("greyordinates", "fsLR", names, None, (10242, 10242, 9, 9, 9), np.eye(4))
    assert place(atlas(SurfaceLabels(left, right), "fsLR"), dense).labels.tolist() == [1, 2, 0]
    by_name = GreyordinateLabels({names[0]: 1, names[2]: 2}, np.eye(4), (10242, 10242))
    assert place(atlas(by_name, "fsLR"), dense).labels.tolist() == [1, 0, 2]
    assert place(atlas(by_name, "fsaverage5"), vertices).labels.sum() == 1
    left_alone = GreyordinateLabels({names[0]: 1}, None, (10242, 0))
    assert place(atlas(left_alone, "fsLR"), dense).labels.tolist() == [1, 0, 0]
    finer = replace(left_alone, n_vertices=(40962, 0))
    with pytest.raises(ValueError, match="has 40962 vertices on the left, the results have 10242"):
        place(atlas(finer, "fsLR"), dense)
    for other in (SurfaceLabels(left[:-1], right), replace(by_name, affine=2 * np.eye(4))):
        with pytest.raises(ValueError, match=r"vertices|another grid"):
            place(atlas(other, "fsLR"), dense)


@pytest.mark.parametrize(
    ("labels", "space", "kind", "of", "words"),
    [
        (VolumeLabels, MNI, "volume", MNI, ""),
        (VolumeLabels, "MNI152NLin6Asym", "electrodes", MNI, ""),
        (VolumeLabels, "", "volume", MNI, ""),
        (VolumeLabels, "", "volume", "T1w", "states no space"),
        (VolumeLabels, MNI, "volume", "T1w", "the atlas is in MNI152NLin2009cAsym, the results are in T1w"),
        (VolumeLabels, "MNI305", "volume", MNI, "the atlas is in MNI305"),
        (VolumeLabels, MNI, "surface", "fsaverage5", "vertices need"),
        (SurfaceLabels, "fsLR", "surface", "fsaverage5", "the atlas is in fsLR"),
        (SurfaceLabels, "fsLR", "electrodes", MNI, "electrodes need"),
        (VolumeLabels, MNI, "parcels", "Schaefer", "parcels are regions already"),
    ],
)
def test_what_may_be_laid_on_what(labels, space, kind, of, words):
    empty = labels(np.zeros((1, 1, 1)), np.eye(4)) if labels is VolumeLabels else labels(np.zeros(1), np.zeros(1))
    said = why_not(atlas(empty, space), kind, of)
    assert (said == "") if not words else (words in said)
    if not space and of == "T1w":
        assert why_not(atlas(empty, space, of_participant="01"), kind, of) == ""


def halves(targets):
    labels = np.where(np.arange(len(targets.names)) % 3 == 0, 0, 1 + (np.arange(len(targets.names)) % 2))
    return Placed(labels)


def test_scores_of_a_region_are_those_of_its_usable_targets():
    unit = make_unit(volume_targets())
    values, placed = unit.partition.values, halves(unit.targets)
    values["full"]["pfwe"] = np.linspace(0, 1, len(unit.targets.names))
    values["full"]["q"] = np.full(len(unit.targets.names), 0.01)
    labelled = [(atlas(VolumeLabels(np.zeros((1, 1, 1)), np.eye(4))), placed)]
    rows = {(one.region, one.component): one for one in scores_of(unit.targets, unit.partition, 0.05, labelled)}
    assert {region for region, _ in rows} == {"one", "two"}
    for label, name in REGIONS.items():
        inside = (placed.labels == label) & np.isfinite(values["full"]["rsquared"])
        row = rows[name, "full"]
        assert row.n == inside.sum()
        assert row.rsquared == pytest.approx(values["full"]["rsquared"][inside].mean())
        assert row.r == pytest.approx(np.tanh(np.arctanh(values["full"]["r"][inside]).mean()))
        assert row.share_pfwe == pytest.approx((values["full"]["pfwe"][inside] <= 0.05).mean())
        assert (row.share_q, row.pfwe) == (1.0, values["full"]["pfwe"][inside].min())
        at = np.flatnonzero(inside)[values["full"]["rsquared"][inside].argmax()]
        assert row.peak == unit.targets.names[at]
        np.testing.assert_allclose(
            row.peak_mm, unit.targets.affine[:3, :3] @ unit.targets.index[at] + unit.targets.affine[:3, 3]
        )
        assert np.isnan([row.ceiling, rows[name, "uniqueSpeech"].share_q]).all()


class Written:
    """A unit as read back, as far as regions look at it."""

    def __init__(self, unit):
        self.targets, self.partition, self.summary = unit.targets, unit.partition, unit


def test_profiles_of_layers_and_lags():
    unit = make_unit(electrode_targets(6))
    labels = Placed(np.array([1, 1, 1, 2, 2, 0]), np.array([0.0, 1, 2, 3, 4, 9]))
    best = LayerChoice(("0", "1"), (0, 1), np.array([0, 1, 1, np.nan, 0, 0]), np.arange(12.0).reshape(2, 6))
    lags = LagTable((0.0, 0.1), {"full_rsquared": np.arange(12.0).reshape(6, 2)})
    unit.partition.values["full"]["rsquared"] = np.ones(6)
    found = region_scores(Written(unit), [(atlas(None), labels)], {"speech": best}, lags)
    assert [(one.region, one.layer, one.n, one.best_share, one.rsquared) for one in found.layers] == [
        ("one", "0", 3, pytest.approx(1 / 3), 1.0), ("one", "1", 3, pytest.approx(2 / 3), 7.0),
        ("two", "0", 1, 1.0, 3.5), ("two", "1", 1, 0.0, 9.5),
    ]  # fmt: skip
    assert [(one.region, one.lag_s, one.n, one.mean) for one in found.lags] == [
        ("one", 0.0, 3, 2.0), ("one", 0.1, 3, 3.0), ("two", 0.0, 2, 7.0), ("two", 0.1, 2, 8.0),
    ]  # fmt: skip
    assert [(one.region, one.distance_mm) for one in found.electrodes][-1] == ("n/a", 9.0)


def test_the_ceiling_of_few_is_not_that_of_a_region():
    values = np.array([0.4, 0.2, np.nan, np.nan, 0.3, np.nan, np.nan, np.nan])
    assert mean_of_most(values[:4]) == pytest.approx(0.3)
    assert np.isnan([mean_of_most(values[4:]), mean_of_most(values[:0])]).all()
    own = atlas(VolumeLabels(np.ones((1, 1, 1), int), np.eye(4)))
    assert means_by_region(values, [(own, Placed(np.repeat([1, 2], 4)))]) == {(own.name, "one"): pytest.approx(0.3)}
