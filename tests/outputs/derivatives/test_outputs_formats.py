"""Results on CIFTI and HDF5: on the responses' own axes and columns, valid, read back, joined over participants."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
from cifti_files import dense_axis, parcel_axis, targets_on
from nibabel import cifti2
from synthetic_units import ANALYSIS, HASH, RESOLVED, make_unit, volume_targets
from written_maps import sidecar_of
from written_units import read_units

from bids_app import group, outputs
from bids_app.errors import ReadWriteError
from bids_app.outputs.files.cifti import read_cifti
from bids_app.outputs.files.files import read_tsv
from bids_app.records import Targets

VALIDATOR = shutil.which("bids-validator-deno", path=Path(sys.executable).parent)
PEOPLE = ("01", "02")
DENSE, PARCELS = "task-story_space-fsLR_den-91k", "task-story_space-fsLR_seg-Glasser_den-91k"
ARRAY, PLACED = "task-story_space-MNI152Array", "task-story_space-MNI152NLin2009cAsym"


def array_targets(n=12):
    columns = np.arange(n)
    return Targets("array", "MNI152Array", tuple(map(str, columns)), None, (n,), columns=columns)


def placed_targets():
    """Voxels that are the columns of an array, in another order than that of the volume."""
    made = volume_targets((6, 6, 6), 30.0)
    return Targets(
        "volume", made.space, made.names, made.index, made.shape, made.affine,
        columns=np.arange(len(made.names))[::-1].copy(),
    )  # fmt: skip


def units_of(folder, person, seed):
    dense, parcels = targets_on(folder, dense_axis(400, 300), "fsLR"), targets_on(folder, parcel_axis(), "Glasser")
    return (
        make_unit(dense, person, DENSE, seed),
        make_unit(parcels, person, PARCELS, seed),
        make_unit(array_targets(), person, ARRAY, seed),
        make_unit(placed_targets(), person, PLACED, seed),
    )


def write_everything(folder):
    folder.mkdir()
    out_dir, datasets = folder / "out", {"raw": folder / "bids"}
    outputs.prepare(out_dir, outputs.DataSetFacts(RESOLVED, ANALYSIS, datasets, "0.1.0"))
    for number, person in enumerate(PEOPLE):
        for unit in units_of(folder, person, number):
            outputs.write_unit(out_dir, unit)
    (out_dir / "status.tsv").write_text("unit\tparticipant\tstatus\tseconds\tpeak_mb\treason\n")
    results = group.summarise(read_units(out_dir, PEOPLE))
    outputs.write_group(out_dir, results, outputs.Membership(), {"AnalysisHash": HASH})
    mean = make_unit(targets_on(folder, dense_axis(400, 300), "fsLR"), "", DENSE)
    outputs.write_mean_response(out_dir, mean, np.full(len(mean.targets.names), 2))
    mean = make_unit(array_targets(), "", ARRAY)
    outputs.write_mean_response(out_dir, mean, np.full(12, 2))
    return out_dir


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return write_everything(tmp_path_factory.mktemp("formats") / "one")


@pytest.fixture
def unit(tmp_path):
    """The person's units before they were written, by kind."""
    return {one.stem.removeprefix("sub-02_"): one for one in units_of(tmp_path, "02", 1)}


def opened(path):
    image = nibabel.load(path)
    return image, np.asarray(image.dataobj)[0], image.header.get_axis(0), image.header.get_axis(1)


@pytest.mark.parametrize(
    ("rest", "ending", "code", "axis"),
    [
        (DENSE, "dscalar", 3006, dense_axis(400, 300)),
        (PARCELS, "pscalar", 3008, parcel_axis()),
    ],
)
def test_cifti_maps_lie_on_the_axis_of_the_responses(whole, unit, rest, ending, code, axis):
    path = whole / f"sub-02/func/sub-02_{rest}_stat-rsquared_desc-uniqueSpeech_statmap.{ending}.nii"
    image, values, scalars, columns = opened(path)
    assert columns == axis
    assert scalars.name.tolist() == ["uniqueSpeech"]
    assert int(image.nifti_header["intent_code"]) == code
    np.testing.assert_array_equal(values, unit[rest].partition.values["uniqueSpeech"]["rsquared"])
    sidecar = sidecar_of(path)
    assert "NaN" in sidecar["MissingValues"]
    assert sidecar["Density"]


@pytest.mark.parametrize(("rest", "ending"), [(DENSE, "dscalar"), (PARCELS, "pscalar")])
def test_maps_of_cifti_have_names(whole, unit, rest, ending):
    path = whole / f"sub-02/func/sub-02_{rest}_stat-r_statmap.{ending}.nii"
    image = nibabel.load(path)
    labels = image.header.get_axis(0).name.tolist()
    assert labels == [one["Name"] for one in sidecar_of(path)["Components"]]
    assert set(labels) == {label for label, stats in unit[rest].partition.values.items() if "r" in stats}
    for label, values in zip(labels, np.asarray(image.dataobj), strict=True):
        np.testing.assert_array_equal(values, unit[rest].partition.values[label]["r"])


@pytest.mark.parametrize("rest", [DENSE, PARCELS, ARRAY, PLACED])
def test_what_is_read_back_is_what_was_written(whole, unit, rest):
    made = unit[rest]
    back = outputs.read_unit(whole / f"logs/sub-02_{rest}_unit.json")
    place = {name: row for row, name in enumerate(made.targets.names)}
    rows = [place[name] for name in back.targets.names]
    assert len(rows) >= len(made.targets.names) - 1  # the first target is not usable
    assert back.targets.cifti == made.targets.cifti
    for label, stats in made.partition.values.items():
        for stat, values in stats.items():
            tolerance = 0 if rest != PARCELS else 1e-5  # a table has six digits
            np.testing.assert_allclose(back.partition.values[label][stat], values[rows], rtol=tolerance)


def test_arrays_come_back_in_their_own_shape(whole, unit):
    with h5py.File(whole / f"sub-02/func/sub-02_{ARRAY}_desc-partition_encoding.h5") as file:
        assert file["full_rsquared"].shape == (12,)
        assert "held" in file["full_rsquared"].attrs["Description"].lower()
        np.testing.assert_array_equal(file["full_rsquared"][:], unit[ARRAY].partition.values["full"]["rsquared"])
    made = unit[PLACED]
    with h5py.File(whole / f"sub-02/func/sub-02_{PLACED}_desc-partition_encoding.h5") as file:
        np.testing.assert_array_equal(file["full_r"][:][made.targets.columns], made.partition.values["full"]["r"])
    folder = whole / "sub-02/func"
    (path,) = folder.glob(f"sub-02_{PLACED}_stat-rsquared_desc-full_statmap.nii.gz")
    assert np.isfinite(nibabel.load(path).get_fdata()).sum() == len(made.targets.names) - 1


def test_the_group_has_the_same_brain_models(whole):
    path = whole / f"tpl-fsLR/tpl-fsLR_{DENSE.replace('_space-fsLR', '')}_stat-rsquared_desc-full_statmap.dscalar.nii"
    _, mean, _, axis = opened(path)
    assert axis == dense_axis(400, 300)
    own = [
        opened(whole / f"sub-{person}/func/sub-{person}_{DENSE}_stat-rsquared_desc-full_statmap.dscalar.nii")[1]
        for person in PEOPLE
    ]
    np.testing.assert_allclose(mean, np.mean(own, axis=0), rtol=1e-5)
    _, parcels, _, axis = opened(whole / f"group/{PARCELS}_stat-rsquared_desc-full_statmap.pscalar.nii")
    assert axis == parcel_axis()
    table = read_tsv(whole / f"group/{PARCELS}_desc-partition_encoding.tsv")
    np.testing.assert_allclose(parcels[1:], np.array(table["full_rsquared_mean"][1:], dtype=float), rtol=1e-5)
    with h5py.File(whole / f"group/{ARRAY}_desc-partition_encoding.h5") as file:
        assert file["full_rsquared_n"][:].tolist() == [0.0] + [2.0] * 11
    assert (whole / f"group/{DENSE}_desc-meanResponse_encoding.tsv").is_file()
    assert (whole / f"group/{ARRAY}_desc-meanResponse_encoding.h5").is_file()


def test_brain_models_that_differ_are_not_averaged(whole, tmp_path):
    units = list(read_units(whole, PEOPLE))
    other = targets_on(tmp_path, cifti2.BrainModelAxis.from_surface(np.arange(1000), 32492, "CortexLeft"), "fsLR")
    outputs.write_unit(tmp_path / "out", make_unit(other, "03", DENSE))
    units += read_units(tmp_path / "out", ["03"])
    (result,) = [one for one in group.summarise(units) if one.targets.kind == "greyordinates"]
    assert result.participants == PEOPLE
    assert [one.participant for one in result.left_out] == ["03"]


@pytest.mark.long
def test_reports_draw_what_can_be_drawn(whole):
    outputs.write_participant_report(whole, "01", None)
    outputs.write_group_report(whole)
    figures = {path.name for path in (whole / "sub-01/figures").glob("*.svg")}
    assert {f"sub-01_{DENSE}_desc-{label}_figure.svg" for label in ("fullMap", "partsMap")} <= figures
    assert f"sub-01_{PARCELS}_desc-table_figure.svg" in figures
    assert f"sub-01_{ARRAY}_desc-fullMap_figure.svg" not in figures
    text = (whole / "sub-01.html").read_text()
    assert "greyordinates" in text
    assert "no place: see the .h5 file" in text
    assert (whole / f"group/figures/{DENSE}_desc-groupFullMap_figure.svg").is_file()


@pytest.mark.parametrize("damage", [lambda content: b"", lambda content: content[:300], lambda content: content[:-9]])
def test_a_damaged_map_is_one_line(whole, tmp_path, damage):
    path = whole / f"sub-01/func/sub-01_{DENSE}_stat-r_statmap.dscalar.nii"
    broken = tmp_path / path.name
    broken.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ReadWriteError, match="cannot read the map") as caught:
        read_cifti(broken)
    assert "\n" not in str(caught.value)


def test_a_map_on_other_greyordinates_is_one_line(tmp_path):
    for name, axis in (("mine", dense_axis(400, 300)), ("other", dense_axis(200, 100))):
        outputs.write_unit(tmp_path / name, make_unit(targets_on(tmp_path, axis, "fsLR"), "01", DENSE))
    (path,) = (tmp_path / "mine").rglob("*_stat-r_statmap.dscalar.nii")
    shutil.copy(next((tmp_path / "other").rglob(path.name)), path)
    with pytest.raises(ReadWriteError, match="the map of full r has other greyordinates than the full model's"):
        read_units(tmp_path / "mine", ["01"])


@pytest.mark.skipif(VALIDATOR is None, reason="bids-validator-deno is not installed")
def test_the_validator_passes_it(whole):
    done = subprocess.run([VALIDATOR, "--format", "json", str(whole)], capture_output=True, text=True, timeout=120)
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert (done.returncode, [one for one in issues if one["severity"] == "error"]) == (0, [])


def test_two_runs_are_byte_identical(whole, tmp_path):
    for one in units_of(tmp_path, "01", 0):
        outputs.write_unit(tmp_path / "out", one)
    for path in (tmp_path / "out").rglob("*.*"):
        if path.is_file():
            assert path.read_bytes() == (whole / path.relative_to(tmp_path / "out")).read_bytes(), path.name
