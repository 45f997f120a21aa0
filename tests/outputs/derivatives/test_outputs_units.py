"""Units written and read back: numbers, grids, columns, sidecars, bytes."""

import gzip
import json
from dataclasses import replace

import nibabel
import numpy as np
import pandas as pd
import pytest
from synthetic_units import (
    HASH,
    electrode_targets,
    make_unit,
    parcel_targets,
    surface_targets,
    volume_targets,
    with_inference,
)
from written_maps import definition_of, map_of, sidecar_of
from written_units import read_units

from bids_app import group
from bids_app.errors import ReadWriteError
from bids_app.outputs import Proof, prove_unit, read_unit, summary_path, write_mean_response, write_unit
from bids_app.outputs.files.serialise import read_summary
from bids_app.records import Recording, SignificantCounts, UnitSummary, partition_components

FIT_FACTS = {"Solver", "Alphas", "BandWeightCandidates", "Seed", "OuterFolds", "InnerFolds", "Delays", "DelaysUnits"}
KINDS = {
    "volume": (lambda: volume_targets((9, 10, 9), 18.0), "task-story_space-MNI152NLin2009cAsym_res-2"),
    "surface": (lambda: surface_targets(60), "task-story_space-fsaverage5"),
    "parcels": (parcel_targets, "task-story_seg-Brennan10mm"),
    "electrodes": (electrode_targets, "task-pooled"),
}


def unit_of(kind, **changes):
    targets, rest = KINDS[kind]
    return make_unit(targets(), "01", rest, **changes)


def by_name(unit, component, stat):
    values = np.asarray(unit.partition.values[component][stat], dtype=float)
    return {name: value for name, value in zip(unit.targets.names, values, strict=True) if np.isfinite(value)}


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_come_back(tmp_path, kind):
    unit = unit_of(kind)
    write_unit(tmp_path, unit)
    (back,) = read_units(tmp_path, ["01", "nobody"])
    assert (back.stem, back.participant, back.modality) == (unit.stem, "01", unit.modality)
    assert (back.targets.kind, back.targets.space) == (kind, unit.targets.space)
    labels = [one.label for one in partition_components(unit.partition.groups)]
    assert list(back.partition.values) == labels
    for component, stats in unit.partition.values.items():
        assert set(back.partition.values[component]) == set(stats)
        for stat in stats:
            expected, found = by_name(unit, component, stat), by_name(back, component, stat)
            assert list(found) == list(expected)
            np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=5e-6, atol=1e-9)


@pytest.mark.parametrize("kind", ["volume", "surface"])
def test_grids_come_back(tmp_path, kind):
    unit = unit_of(kind)
    write_unit(tmp_path, unit)
    (back,) = read_units(tmp_path, ["01"])
    assert back.targets.shape == unit.targets.shape
    np.testing.assert_array_equal(back.targets.index, unit.targets.index[1:])  # the first target is unusable
    if kind == "volume":
        np.testing.assert_array_equal(back.targets.affine, unit.targets.affine)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_bytes_twice(tmp_path, kind):
    first = write_unit(tmp_path / "a", unit_of(kind))
    again = write_unit(tmp_path / "b", unit_of(kind))
    assert [path.relative_to(tmp_path / "a") for path in first] == [
        path.relative_to(tmp_path / "b") for path in again
    ]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]


def test_a_volume_in_other_eyes(tmp_path):
    unit = unit_of("volume")
    write_unit(tmp_path, unit)
    path = next(tmp_path.rglob("*stat-rsquared_desc-uniqueSpeech_statmap.nii.gz"))
    head = path.read_bytes()[:10]
    assert head[3] == 0  # no file name in the gzip header
    assert head[4:8] == b"\0\0\0\0"  # and no time
    image = nibabel.load(path)
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.affine, unit.targets.affine)
    assert int(image.header["sform_code"]) == 4
    data = np.asarray(image.dataobj)
    assert np.isfinite(data).sum() == len(unit.targets.names) - 1
    voxel = tuple(unit.targets.index[7])
    assert data[voxel] == np.float32(unit.partition.values["uniqueSpeech"]["rsquared"][7])


def test_hemispheres_keep_their_sides(tmp_path):
    unit = unit_of("surface")
    write_unit(tmp_path, unit)
    for side, structure in (("L", "CortexLeft"), ("R", "CortexRight")):
        for stat, component in (("r", "uniqueSpeech"), ("rsquared", "full")):
            image = nibabel.load(next(tmp_path.rglob(f"*hemi-{side}_*stat-{stat}*_statmap.func.gii")))
            assert image.meta["AnatomicalStructurePrimary"] == structure
            place = unit.targets.names.index(f"{side}:17")
            expected = np.float32(unit.partition.values[component][stat][place])
            assert map_of(tmp_path / "sub-01/func", component, stat, side)[17] == expected


def test_channels_begin_as_bids_asks_and_every_column_is_defined(tmp_path):
    unit = unit_of("electrodes")
    write_unit(tmp_path, unit)
    path = tmp_path / "sub-01/ieeg/sub-01_task-pooled_desc-partition_channels.tsv"
    table = pd.read_csv(path, sep="\t", na_values=["n/a"])
    assert list(table.columns[:8]) == ["name", "type", "units", "low_cutoff", "high_cutoff", "x", "y", "z"]
    assert table["type"].unique().tolist() == ["SEEG"]
    assert table["low_cutoff"].isna().all()  # 'Inf' is no number
    assert table.loc[3, "uniqueSpeech_rsquared"] == pytest.approx(
        unit.partition.values["uniqueSpeech"]["rsquared"][3], rel=1e-5
    )
    np.testing.assert_allclose(table[["x", "y", "z"]], unit.targets.xyz_mm, rtol=1e-5)
    assert set(table.columns) - {"type", "units", "low_cutoff", "high_cutoff"} <= set(
        json.loads(path.with_suffix(".json").read_text())
    )


def test_electrodes_without_a_channels_table_or_positions(tmp_path):
    unit = unit_of("electrodes")
    bare = replace(unit, targets=replace(unit.targets, table={}, xyz_mm=None))
    write_unit(tmp_path, bare)
    table = pd.read_csv(next(tmp_path.rglob("*_channels.tsv")), sep="\t", na_values=["n/a"])
    assert table[["type", "units", "x"]].isna().all(axis=None)


def test_lags_are_one_row_an_electrode_and_lag(tmp_path):
    unit = unit_of("electrodes")
    write_unit(tmp_path, unit)
    table = pd.read_csv(next(tmp_path.rglob("*desc-lags_encoding.tsv")), sep="\t")
    assert len(table) == 30 * 4
    row = table[(table["name"] == "LT5") & (table["lag_s"] == 0.2)]
    assert row["speech_weight"].item() == pytest.approx(unit.fit.profile["speech"][2, 4], rel=1e-5)


def test_one_lag_needs_no_table_of_lags(tmp_path):
    unit = unit_of("electrodes")
    profile = {band: values[:1] for band, values in unit.fit.profile.items()}
    write_unit(tmp_path, replace(unit, fit=replace(unit.fit, delays_s=(0.1,), profile=profile)))
    assert not list(tmp_path.rglob("*desc-lags*"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_has_its_sidecar(tmp_path, kind):
    unit = unit_of(kind, warnings=("a warning",))
    files = write_unit(tmp_path, unit)
    data = [path for path in files if path.suffix != ".json"]
    assert data
    for path in data:
        is_map = "_statmap." in path.name
        sidecar = sidecar_of(path) if is_map else json.loads(path.with_suffix(".json").read_text())
        assert sidecar["AnalysisHash"] == HASH
        assert sidecar["Warnings"] == ["a warning"]
        assert sidecar["Sources"] == sorted(source for one in unit.recordings for source in one.sources)
        assert "560 of the 600 samples of 2 recordings" in sidecar["Samples"]
        assert "no p-values" in sidecar["Inference"]
        assert sidecar["FeatureSpaces"]["speech"]["stand_in"] is True
        assert sidecar["SoftwareVersions"]["torch"] == "2.13.0"
        assert ("SkullStripped" in sidecar) == (kind == "volume")
        assert ("NaN" in sidecar.get("MissingValues", "")) == is_map


@pytest.mark.parametrize("kind", ["volume", "surface"])
def test_what_maps_share_stands_once(tmp_path, kind):
    unit = unit_of(kind)
    write_unit(tmp_path, unit)
    shared = json.loads((tmp_path / f"sub-01/{unit.stem}_statmap.json").read_text())
    assert {"Samples", "Sources", "Alignment", "FeatureSpaces", "Warnings"} <= set(shared)
    for path in (tmp_path / "sub-01/func").glob("*_statmap.json"):
        said = json.loads(path.read_text())
        own = {"Description", "SingleMaps", "Components", "More"}
        assert set(said) <= own | (FIT_FACTS if "desc-hyperparameters" in path.name else set())
        assert said["More"] == f"bids::sub-01/{unit.stem}_statmap.json"


def test_every_map_says_what_it_is(tmp_path):
    unit = unit_of("volume")
    write_unit(tmp_path, unit)
    folder = tmp_path / "sub-01/func"
    assert definition_of(folder, "uniqueSpeech", "rsquared").startswith("What only speech explains")
    assert definition_of(folder, "speech", "rsquared").startswith("Held-out R² of the model with speech alone")
    assert definition_of(folder, "speech", "r").startswith("Held-out r of the model with speech alone")
    assert definition_of(folder, "uniqueSpeech", "r").startswith("Held-out partial correlation of what only speech")


def test_sidecars_of_an_individual_space(tmp_path):
    unit = unit_of("volume")
    recording: Recording = replace(unit.recordings[0], metadata={"Resolution": "3 mm"})
    own = replace(
        unit, stem="sub-01_space-T1w_res-native", targets=replace(unit.targets, space="T1w"), recordings=(recording,)
    )
    write_unit(tmp_path, own)
    sidecar = sidecar_of(next(tmp_path.rglob("*desc-full_statmap.nii.gz")))
    assert sidecar["SpatialReference"] == recording.sources[0]
    assert sidecar["Resolution"] == "3 mm"
    image = nibabel.load(next(tmp_path.rglob("*desc-full_statmap.nii.gz")))
    assert int(image.header["sform_code"]) == 2


@pytest.mark.parametrize("kind", KINDS)
def test_the_summary_comes_last_and_names_every_file(tmp_path, kind):
    unit = unit_of(kind)
    *files, last = write_unit(tmp_path, unit)
    assert last == summary_path(tmp_path, unit.stem)
    summary = json.loads(last.read_text())
    assert [tmp_path / name for name in summary["files"]] == files
    full = np.asarray(unit.partition.values["full"]["rsquared"], dtype=float)
    spread = summary["components"]["full"]["spreads"]["rsquared"]
    assert summary["targets"]["n_usable"] == len(full) - 1
    assert spread["usable"]["median"] == pytest.approx(np.nanmedian(full))
    assert spread["predicted"]["n"] == summary["targets"]["n_predicted"] == (full > 0.01).sum()
    assert spread["predicted"]["q75"] == pytest.approx(np.percentile(full[full > 0.01], 75))
    assert summary["excluded"][0]["reason"] == "events without stim_file"
    assert summary["folds"][2]["train"] == ["run-0", "run-1", "run-3"]
    assert summary["profile"]["bands"]["speech"]["median"][1] == max(summary["profile"]["bands"]["speech"]["median"])


def test_a_killed_unit_has_no_summary(tmp_path, monkeypatch):
    import bids_app.outputs.files.file_set as module

    written = []

    def dies_after_three(path, content):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    monkeypatch.setattr(module, "write_bytes", dies_after_three)
    with pytest.raises(KeyboardInterrupt):
        write_unit(tmp_path, unit_of("volume"))
    assert read_units(tmp_path, ["01"]) == ()
    assert prove_unit(tmp_path, unit_of("volume").stem) == Proof("absent", "it was not finished")


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("volume", "*stat-r_statmap.nii.gz"),
        ("surface", "*hemi-R*stat-r_statmap.func.gii"),
        ("parcels", "*_encoding.tsv"),
    ],
)
def test_broken_results_are_one_line(tmp_path, kind, pattern):
    unit = unit_of(kind)
    write_unit(tmp_path, unit)
    path = next(tmp_path.rglob(pattern))
    for content in (path.read_bytes()[: path.stat().st_size // 2] if kind != "parcels" else b"name\na\n", b"x\t"):
        path.write_bytes(content)
        with pytest.raises(ReadWriteError) as caught:
            read_unit(summary_path(tmp_path, unit.stem))
        assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(ReadWriteError):
        read_unit(summary_path(tmp_path, unit.stem))


@pytest.mark.parametrize("kind", ["volume", "surface", "parcels"])
def test_mean_responses_are_tables_whatever_their_targets(tmp_path, kind):
    targets, rest = KINDS[kind]
    unit = make_unit(targets(), "", rest)
    n_people = np.full(len(unit.targets.names), 3)
    write_mean_response(tmp_path, unit, n_people)
    path = tmp_path / "group" / f"{rest}_desc-meanResponse_encoding.tsv"
    assert pd.read_csv(path, sep="\t")["n_people"].unique().tolist() == [3]
    assert "mean of participants" in json.loads(path.with_suffix(".json").read_text())["Description"]
    back = read_unit(summary_path(tmp_path, unit.stem))
    assert by_name(back, "full", "r") == pytest.approx(by_name(unit, "full", "r"), rel=1e-5)
    if kind != "parcels":
        np.testing.assert_array_equal(back.targets.index, unit.targets.index)
        assert back.targets.shape == unit.targets.shape


def test_maps_are_compressed(tmp_path):
    write_unit(tmp_path, unit_of("volume"))
    path = next(tmp_path.rglob("*.nii.gz"))
    assert len(gzip.decompress(path.read_bytes())) == 352 + 4 * 9 * 10 * 9


@pytest.mark.parametrize("kind", KINDS)
def test_inference_is_written_defined_and_counted(tmp_path, kind):
    unit = with_inference(unit_of(kind))
    files = write_unit(tmp_path, unit)
    (back,) = read_units(tmp_path, ["01"])
    for component in unit.partition.values:
        for stat in ("p", "pfwe", "q", "ci025", "ci975"):
            expected, found = by_name(unit, component, stat), by_name(back, component, stat)
            assert list(found) == list(expected)
            np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=5e-6, atol=1e-9)
    assert set(back.summary.components["full"].spreads) == {"rsquared", "r"}
    assert back.summary.components["uniqueSpeech"].significant == SignificantCounts(pfwe=1, q=1)
    sidecars = [
        sidecar_of(path) if "_statmap." in path.name else json.loads(path.read_text(encoding="utf-8"))
        for path in files
        if ("_statmap." in path.name or path.suffix == ".json") and path.parent.name != "logs"
    ]
    assert all("500 sign flips of blocks and of frequencies" in sidecar["Inference"] for sidecar in sidecars)
    if kind == "volume":
        words = definition_of(tmp_path / "sub-01/func", "full", "pfwe")
        assert words.startswith("Family-wise p of the model with low_level")


@pytest.mark.parametrize("kind", ["volume", "parcels", "electrodes"])
def test_people_are_not_averaged_over_their_p(tmp_path, kind):
    targets, rest = KINDS[kind]
    for person in ("01", "02"):
        write_unit(tmp_path, with_inference(make_unit(targets(), person, rest)))
    (result,) = group.summarise(read_units(tmp_path, ["01", "02"]))
    assert {stat for stats in result.values.values() for stat in stats} == {"rsquared", "r"}
    assert {row.stat for row in result.scores} == {"rsquared", "r"}


@pytest.mark.parametrize("version", [None, 1, 2])
def test_a_summary_of_another_version_is_one_line_that_says_what_to_do(tmp_path, version):
    unit = unit_of("parcels")
    write_unit(tmp_path, unit)
    path = summary_path(tmp_path, unit.stem)
    content = json.loads(path.read_text())
    summary = read_summary(path, UnitSummary)
    assert prove_unit(tmp_path, unit.stem) == Proof("whole", summary=summary)
    del content["layers"]
    path.write_text(json.dumps({**content, "format": version}))
    with pytest.raises(ReadWriteError, match=r"another version of concord .*unit\.json \(run the participant level"):
        read_units(tmp_path, [unit.participant])
    with pytest.raises(ReadWriteError, match="another version of concord"):
        read_summary(path, UnitSummary)


def test_a_table_without_a_column_is_refused_in_one_line(tmp_path):
    unit = unit_of("parcels")
    write_unit(tmp_path, unit)
    (path,) = tmp_path.rglob("*_desc-partition_encoding.tsv")
    text = path.read_text()
    for column in ("name", "full_rsquared"):
        path.write_text(text.replace(column, "other", 1))
        with pytest.raises(ReadWriteError, match=f"no column '{column}'"):
            read_unit(summary_path(tmp_path, unit.stem))


def test_a_map_of_another_shape_is_refused_in_one_line(tmp_path):
    unit = unit_of("volume")
    write_unit(tmp_path, unit)
    path = next(path for path in tmp_path.rglob("*_statmap.nii.gz") if "desc-full_" in path.name)
    nibabel.save(nibabel.Nifti1Image(np.zeros((9, 10, 8), "f4"), np.eye(4)), path)
    with pytest.raises(ReadWriteError, match=r"the map has the shape \(9, 10, 8\)"):
        read_unit(summary_path(tmp_path, unit.stem))


def test_fewer_maps_than_the_summary_names_are_refused_in_one_line(tmp_path):
    unit = unit_of("volume")
    write_unit(tmp_path, unit)
    path = next(tmp_path.rglob("*_stat-r_statmap.nii.gz"))
    nibabel.save(nibabel.load(path).slicer[..., 1:], path)
    with pytest.raises(ReadWriteError, match=r"the map has the shape \(9, 10, 9, 8\)"):
        read_unit(summary_path(tmp_path, unit.stem))


def test_maps_in_another_order_are_refused_in_one_line(tmp_path):
    unit = unit_of("surface")
    write_unit(tmp_path, unit)
    path = next(tmp_path.rglob("*hemi-L*_stat-r_statmap.func.gii"))
    image = nibabel.load(path)
    nibabel.save(nibabel.GiftiImage(meta=image.meta, darrays=image.darrays[::-1]), path)
    with pytest.raises(ReadWriteError, match=r"holds the maps uniqueLanguage, .*summary names full, ") as caught:
        read_unit(summary_path(tmp_path, unit.stem))
    assert "\n" not in str(caught.value)
