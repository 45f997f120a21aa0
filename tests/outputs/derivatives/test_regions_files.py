"""Regions in files: they come back, belong to the results that they were read off, and stand in the report."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_units import MNI, electrode_targets, make_unit, volume_targets, with_words

from bids_app import outputs, regions
from bids_app.outputs.files import names
from bids_app.outputs.report.regions import unit_regions
from bids_app.records.fits import SavedFit, SavedWeights
from bids_app.records.regions.atlases import Atlas, VolumeLabels
from bids_app.records.regions.scores import UnitRegions


def thirds():
    """Three slabs from left to right, 4 mm voxels around all of MNI space."""
    labels = np.repeat([1, 2, 3], 20)[:, None, None] * np.ones((1, 60, 60), int)
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -118
    return Atlas(
        "Thirds", MNI, {1: "left", 2: "middle", 3: "right"}, VolumeLabels(labels, affine), "t.nii.gz", "0" * 64
    )


@pytest.fixture(params=["volume", "electrodes"])
def written(tmp_path, request):
    made = make_unit(volume_targets()) if request.param == "volume" else with_words(make_unit(electrode_targets()))
    outputs.write_unit(tmp_path, made)
    unit = outputs.read_unit(outputs.summary_path(tmp_path, made.stem))
    atlas = thirds()
    placed = [(atlas, regions.place(atlas, unit.targets))]
    layers, lags = outputs.read_layers(tmp_path, unit), outputs.read_lags(tmp_path, unit)
    found = replace(regions.region_scores(unit, placed, layers, lags), notes=("a note",))
    outputs.write_regions(tmp_path, unit, found, {atlas.name: atlas.path}, regions.FURTHEST_MM)
    return tmp_path, made, unit, found


def cells_of(rows):
    """Every cell of some rows in a line: texts, and numbers."""
    cells = [one for row in rows for value in vars(row).values() for one in np.atleast_1d(value).tolist()]
    return [one for one in cells if isinstance(one, str)], [one for one in cells if not isinstance(one, str)]


def test_they_come_back(written):
    out_dir, _, unit, found = written
    back = outputs.read_regions(out_dir, unit.summary)
    assert back.notes == ("a note",)
    for kind in ("scores", "layers", "lags", "electrodes"):
        (texts, values), (expected, numbers) = cells_of(getattr(back, kind)), cells_of(getattr(found, kind))
        assert texts == expected
        np.testing.assert_allclose(values, numbers, rtol=1e-4, atol=1e-6)
    assert bool(found.lags) == bool(found.electrodes) == (unit.targets.kind == "electrodes")


def test_they_are_of_these_results_alone(written):
    out_dir, made, unit, _ = written
    assert outputs.read_regions(out_dir, replace(unit.summary, warnings=("other",))) is None
    table = out_dir / names.own_table(unit.stem, unit.targets.kind, "regions")
    content = table.read_text()
    table.write_text(content.replace("left", "LEFT", 1))
    assert outputs.read_regions(out_dir, unit.summary) is None  # a table that was changed is not shown
    table.write_text(content)
    outputs.write_unit(out_dir, made)
    assert not table.exists()
    assert unit_regions(out_dir, unit.summary) is None


def test_the_report_has_figures_and_a_row_a_region(written):
    out_dir, _, unit, found = written
    part = unit_regions(out_dir, unit.summary)
    assert {row[0] for row in part.table.rows} == {row.region for row in found.scores}
    labels = [figure.src.split("desc-")[1].split("_")[0] for figure in part.figures]
    assert labels == ["regions", *(["regionLags"] if found.lags else [])]
    for figure in part.figures:
        assert (out_dir / figure.src).read_bytes().startswith(b"<?xml")
    said = " ".join(part.sentences)
    assert ("29 of 30 electrodes have a region" in said and "of 1 the place is not known" in said) == bool(
        found.electrodes
    )


def test_nothing_laid_is_an_empty_table(tmp_path):
    made = make_unit(volume_targets())
    outputs.write_unit(tmp_path, made)
    unit = outputs.read_unit(outputs.summary_path(tmp_path, made.stem))
    outputs.write_regions(tmp_path, unit, UnitRegions((), notes=("why",)), {}, regions.FURTHEST_MM)
    part = unit_regions(tmp_path, unit.summary)
    assert (part.table.rows, part.figures, part.notes) == ((), (), ("why",))


def test_delays_of_voxels_are_sizes_of_the_weights_that_were_saved(tmp_path):
    """Against norms worked out here, fold by fold; without saved weights there are none."""
    made = make_unit(volume_targets())
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((2, 3, 4, len(made.targets.names))).astype(np.float32)
    weights[1, :, 3] = np.nan  # a fold with one principal component fewer
    weights[..., 5] = np.nan  # a target that cannot be used
    mean = np.zeros((2, 1, 4))
    kept = SavedFit(
        ("weights",), ("run-1",), np.zeros(4, int), np.arange(4.0), np.arange(4) // 2,
        weights={"speech": SavedWeights(weights, mean, mean + 1)},
    )  # fmt: skip
    made = replace(made, saved=kept, fit=replace(made.fit, delays_s=(2.0, 4.0, 6.0)))
    outputs.write_unit(tmp_path, made)
    unit = outputs.read_unit(outputs.summary_path(tmp_path, made.stem))
    lags = outputs.read_lags(tmp_path, unit)
    assert lags.lags_s == (2.0, 4.0, 6.0)
    sizes = np.linalg.norm(np.nan_to_num(weights), axis=2).mean(axis=0)
    here = [made.targets.names.index(name) for name in unit.targets.names]
    expected = np.where(np.array(here) == 5, np.nan, sizes[:, here])
    np.testing.assert_allclose(lags.columns["speech_weight"], expected.T, rtol=1e-6)

    atlas = thirds()
    found = regions.region_scores(unit, [(atlas, regions.place(atlas, unit.targets))], {}, lags)
    outputs.write_regions(tmp_path, unit, found, {atlas.name: atlas.path}, regions.FURTHEST_MM)
    row = next(one for one in found.lags if (one.region, one.lag_s) == ("left", 4.0))
    inside = (regions.place(atlas, unit.targets).labels == 1) & np.isfinite(unit.partition.values["full"]["rsquared"])
    assert row.mean == pytest.approx(np.nanmean(expected[1, inside]))
    part = unit_regions(tmp_path, unit.summary)
    assert any("regionWeights" in figure.src for figure in part.figures)
    outputs.write_unit(tmp_path, replace(made, saved=None))
    assert outputs.read_lags(tmp_path, outputs.read_unit(outputs.summary_path(tmp_path, made.stem))) is None
