"""What is saved of models, in files of every kind of targets: opened as others open them, and read back."""

import gzip
import json
from dataclasses import replace

import nibabel
import numpy as np
import pytest
from synthetic_units import ANALYSIS, BANDS, RESOLVED, make_unit
from test_outputs_hyperparameters import KINDS

import bids_app as concord
from bids_app import outputs
from bids_app.encoding import weight_components
from bids_app.errors import NoInput, ReadWriteError, UsageError
from bids_app.outputs.files.proof import prove_unit, read_unit_summary, whole_saved
from bids_app.records import SAVED, SavedFit
from bids_app.records.fits import BlockSums, SavedWeights

N_TIMES, UNIONS = 30, (("speech",), ("speech", "language"))


def saved_fit(n_targets, what=SAVED, seed=3):
    rng = np.random.default_rng(seed)

    def made(*shape):
        values = rng.standard_normal((*shape, n_targets)).astype("f4")
        values[..., 0] = np.nan
        return values

    weights = {
        band: SavedWeights(
            made(4, 2, 3), rng.standard_normal((4, 2, 5)), np.full((4, 2, 5), 2.0), rng.standard_normal((4, 5, 3))
        )
        for band in BANDS[2:]
    }
    alpha = {union: 10.0 ** np.round(made(4)) for union in UNIONS}
    return SavedFit(
        what=what,
        run_labels=("run-1", "run-2"),
        runs=np.repeat([0, 1], N_TIMES // 2),
        times_s=np.arange(N_TIMES) * 2.0 + 1.0,
        folds=np.arange(N_TIMES) % 4,
        predicted=made(N_TIMES) if "predictions" in what else None,
        observed=made(N_TIMES) if "predictions" in what else None,
        alpha=alpha if "alphas" in what else {},
        band_weights={union: {band: made(4) for band in union} for union in UNIONS} if "alphas" in what else {},
        weights=weights if "weights" in what else {},
        components={band: weight_components(one, np.arange(n_targets) > 0) for band, one in weights.items()}
        if "weights" in what
        else {},
        blocks=block_sums(made) if "blocks" in what else None,
    )


def block_sums(made):
    gains = {union: made(6).astype(float) for union in UNIONS}
    total, places = 1 + made(6).astype(float) ** 2, np.arange(6)
    return BlockSums(total, gains, ("run-1",) * 6, places * 60.0, places, np.full(6, 5), made(6).astype(float))


def unit_of(folder, kind, what=SAVED):
    targets, rest = KINDS[kind]
    unit = make_unit(targets(folder), "01", rest)
    return replace(unit, saved=saved_fit(len(unit.targets.names), what))


def written(folder, unit):
    facts = outputs.DataSetFacts(RESOLVED, ANALYSIS, {"raw": folder / "bids"}, "0.1.0")
    outputs.prepare(folder / "out", facts)
    return folder / "out", outputs.write_unit(folder / "out", unit)


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_it_comes_back(tmp_path, kind):
    unit = unit_of(tmp_path, kind)
    out_dir, _ = written(tmp_path, unit)
    results, saved, names = concord.open(out_dir), unit.saved, list(unit.targets.names)
    predictions = results.predictions("01")
    columns = [names.index(name) for name in predictions.targets]
    assert len(columns) >= len(names) - 1
    for found, made in ((predictions.predicted, saved.predicted), (predictions.observed, saved.observed)):
        np.testing.assert_allclose(found, made[:, columns], rtol=1e-6)
    assert predictions.samples.run.tolist() == [saved.run_labels[run] for run in saved.runs]
    assert predictions.samples.time_s.tolist() == saved.times_s.tolist()
    assert predictions.samples.fold.tolist() == saved.folds.tolist()
    one = predictions.of(predictions.targets[2])
    np.testing.assert_allclose(one.predicted, saved.predicted[:, columns[2]], rtol=1e-6)

    weights = results.weights("01")
    assert tuple(weights) == BANDS[2:]
    speech = weights["speech"]
    assert speech.targets == unit.targets.names
    for key in ("values", "mean", "scale", "axes"):
        np.testing.assert_array_equal(getattr(speech, key), getattr(saved.weights["speech"], key))
    assert speech.delays_s.tolist() == list(unit.fit.delays_s)
    made = saved.weights["speech"]
    np.testing.assert_allclose(speech.on_dimensions()[1, 0], made.axes[1] @ made.values[1, 0], rtol=1e-5)
    np.testing.assert_array_equal(speech.component_loadings, saved.components["speech"].loadings)

    alphas = results.alphas("01")
    assert tuple(alphas.alpha) == UNIONS
    for union in UNIONS:
        np.testing.assert_array_equal(alphas.alpha[union], saved.alpha[union])
        np.testing.assert_array_equal(alphas.band_weights[union]["speech"], saved.band_weights[union]["speech"])
    assert (alphas.band_weights["speech",]["language"][:, 1:] == 0).all()

    for named, wrong, said in (
        (weights, "spech", "there is no 'spech' (there are 'semantic', 'speech', 'language')"),
        (alphas.alpha, ("spech",), "there is no ('spech',) (there are "),
        (alphas.band_weights[UNIONS[0]], "spech", "there is no 'spech' (there are "),
    ):
        assert wrong not in named
        with pytest.raises(UsageError) as refused:
            named[wrong]
        assert said in str(refused.value)

    targets, blocks = outputs.read_saved_blocks(out_dir, read_unit_summary(out_dir, unit.stem))
    assert targets == unit.targets.names
    assert (blocks.runs, blocks.sizes.tolist()) == (saved.blocks.runs, [5] * 6)
    np.testing.assert_array_equal(blocks.total, saved.blocks.total)
    np.testing.assert_array_equal(blocks.gains[UNIONS[1]], saved.blocks.gains[UNIONS[1]])


def file_of(out_dir, ending):
    (path,) = out_dir.rglob(f"*{ending}")
    return path


def test_volumes_are_a_series_of_nifti(tmp_path):
    unit = unit_of(tmp_path, "volume")
    out_dir, _ = written(tmp_path, unit)
    image = nibabel.load(file_of(out_dir, "_desc-predicted_timeseries.nii.gz"))
    assert image.shape == (*unit.targets.shape, N_TIMES)
    assert image.header.get_zooms()[3] == 2.0
    assert image.header.get_xyzt_units() == ("mm", "sec")
    np.testing.assert_array_equal(image.affine, unit.targets.affine)
    assert np.isnan(image.dataobj[0, 0, 0]).all()
    sidecar = json.loads(file_of(out_dir, "_desc-predicted_timeseries.json").read_text())
    assert sidecar["SamplingFrequency"] == 0.5
    rows = file_of(out_dir, "_desc-samples_timeseries.tsv")
    assert sidecar["Rows"] == f"bids::{rows.relative_to(out_dir)}"
    maps = nibabel.load(file_of(out_dir, "_desc-weightComponents_statmap.nii.gz"))
    said = json.loads(file_of(out_dir, "_desc-weightComponents_statmap.json").read_text())["Components"]
    place = [one["Name"] for one in said].index("speechPC2")
    found = np.asarray(maps.dataobj)[..., place][tuple(unit.targets.index.T)]
    np.testing.assert_allclose(found, unit.saved.components["speech"].scores[1], rtol=1e-6)


def test_surfaces_are_a_gifti_a_hemisphere(tmp_path):
    unit = unit_of(tmp_path, "surface")
    out_dir, _ = written(tmp_path, unit)
    image = nibabel.load(file_of(out_dir, "hemi-R_space-fsaverage5_desc-predicted_timeseries.func.gii"))
    assert len(image.darrays) == N_TIMES
    assert image.meta["AnatomicalStructurePrimary"] == "CortexRight"
    assert image.darrays[0].intent == nibabel.nifti1.intent_codes["NIFTI_INTENT_TIME_SERIES"]
    np.testing.assert_array_equal(image.darrays[4].data, unit.saved.predicted[4, 12:])


def test_greyordinates_are_a_dense_series(tmp_path):
    unit = unit_of(tmp_path, "greyordinates")
    out_dir, _ = written(tmp_path, unit)
    image = nibabel.load(file_of(out_dir, "_desc-observed_timeseries.dtseries.nii"))
    axis = image.header.get_axis(0)
    assert (type(axis).__name__, axis.step, axis.size, axis.unit) == ("SeriesAxis", 2.0, N_TIMES, "SECOND")
    np.testing.assert_array_equal(np.asarray(image.dataobj)[:, np.asarray(unit.targets.columns)], unit.saved.observed)


def test_electrodes_are_a_table_whose_columns_the_json_names(tmp_path):
    unit = unit_of(tmp_path, "electrodes")
    out_dir, _ = written(tmp_path, unit)
    text = gzip.decompress(file_of(out_dir, "_desc-predicted_timeseries.tsv.gz").read_bytes()).decode()
    assert len(text.splitlines()) == N_TIMES
    assert text.splitlines()[0].split("\t")[0] == "n/a"
    sidecar = json.loads(file_of(out_dir, "_desc-predicted_timeseries.json").read_text())
    assert sidecar["Columns"] == list(unit.targets.names)
    table = file_of(out_dir, "_desc-weightComponents_encoding.tsv").read_text().splitlines()
    assert table[0].split("\t")[:2] == ["name", "semanticPC1"]


@pytest.mark.parametrize("kind", KINDS)
def test_equal_numbers_are_equal_bytes(tmp_path, kind):
    unit = unit_of(tmp_path, kind)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first, again = (written(tmp_path / name, unit)[1] for name in "ab")
    assert [path.name for path in first] == [path.name for path in again]
    pairs = zip(first, again, strict=True)
    assert [path.name for path, other in pairs if path.read_bytes() != other.read_bytes()] == []


# ------------------------------------------------------------------------------------------------ what counts
def test_files_that_are_gone_cost_the_results_nothing(tmp_path):
    unit = unit_of(tmp_path, "parcels")
    out_dir, _ = written(tmp_path, unit)
    summary = read_unit_summary(out_dir, unit.stem)
    assert whole_saved(out_dir, summary) == SAVED
    file_of(out_dir, "_desc-predicted_timeseries.tsv.gz").unlink()
    assert prove_unit(out_dir, unit.stem).state == "whole"
    assert whole_saved(out_dir, summary) == ()
    with pytest.raises(ReadWriteError, match="is gone"):
        concord.open(out_dir).predictions("01")
    assert concord.open(out_dir).alphas("01").alpha


def test_what_was_not_saved_is_one_line_with_what_to_do(tmp_path):
    out_dir, _ = written(tmp_path, unit_of(tmp_path, "parcels", ("alphas",)))
    with pytest.raises(NoInput, match=r"predictions of .* were not saved.*--save predictions"):
        concord.open(out_dir).predictions("01")


def test_results_that_are_written_anew_take_away_what_was_saved_of_others(tmp_path):
    unit = unit_of(tmp_path, "parcels")
    out_dir, files = written(tmp_path, unit)
    outputs.write_unit(out_dir, replace(unit, saved=None))
    assert not list(out_dir.rglob("*_timeseries.*")) + list(out_dir.rglob("*_saved*"))
    outputs.write_unit(out_dir, unit)
    assert all(path.exists() for path in files)
    outputs.remove_unit(out_dir, unit.stem)
    assert not list(out_dir.glob("sub-*"))
    assert not list((out_dir / "logs").glob("*_saved*"))


def test_what_was_saved_of_other_results_is_not_read(tmp_path):
    """Its summary names the unit's, by hash."""
    unit = unit_of(tmp_path, "parcels")
    out_dir, _ = written(tmp_path, unit)
    kept = {path: path.read_bytes() for path in out_dir.rglob("*") if path.is_file()}
    outputs.write_unit(out_dir, make_unit(unit.targets, "01", KINDS["parcels"][1], seed=5))
    for path, content in kept.items():
        if not path.exists():
            path.write_bytes(content)
    assert (out_dir / f"logs/{unit.stem}_saved.json").exists()
    assert whole_saved(out_dir, read_unit_summary(out_dir, unit.stem)) == ()


def test_what_a_killed_run_left_half_written_is_taken_away(tmp_path):
    """Its files are listed while its summary is away."""
    unit = unit_of(tmp_path, "parcels")
    out_dir, _ = written(tmp_path, unit)
    summary, files = out_dir / f"logs/{unit.stem}_saved.json", list(out_dir.rglob("*_timeseries.*"))
    listed = [path.relative_to(out_dir).as_posix() for path in files]
    summary.unlink()
    (out_dir / f"logs/{unit.stem}_saved_files.txt").write_text("".join(f"{name}\n" for name in listed))
    outputs.recover_all(out_dir)
    assert len(listed) == 6
    assert not any(path.exists() for path in files)
    assert not list((out_dir / "logs").glob("*_files.txt"))
    assert prove_unit(out_dir, unit.stem).state == "whole"
