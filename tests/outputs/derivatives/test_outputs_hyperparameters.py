"""What the full model chose, in one file of every kind of targets: medians over folds, solver, grid and delays."""

import json
from dataclasses import replace

import numpy as np
import pytest
from cifti_files import dense_axis, targets_on
from synthetic_units import (
    ANALYSIS,
    BANDS,
    RESOLVED,
    electrode_targets,
    make_unit,
    parcel_targets,
    surface_targets,
    volume_targets,
    with_words,
)

import bids_app as concord
from bids_app import outputs
from bids_app.records import FitSpec, Targets, band_weight_label

KINDS = {
    "volume": (lambda _: volume_targets((6, 6, 6), 30.0), "task-story_space-MNI152NLin2009cAsym"),
    "surface": (lambda _: surface_targets(12), "task-story_space-fsaverage5"),
    "greyordinates": (lambda folder: targets_on(folder, dense_axis(40, 30), "fsLR"), "task-story_space-fsLR_den-91k"),
    "parcels": (lambda _: parcel_targets(), "task-story_seg-Brennan10mm"),
    "electrodes": (lambda _: electrode_targets(8), "task-pooled"),
    "array": (lambda _: array_targets(), "task-story_space-MNI152Array"),
}


def array_targets():
    columns = np.arange(12)
    return Targets("array", "MNI152Array", tuple(map(str, columns)), None, (12,), columns=columns)


def written(folder, unit):
    facts = outputs.DataSetFacts(RESOLVED, ANALYSIS, {"raw": folder / "bids"}, "0.1.0")
    outputs.prepare(folder / "out", facts)
    outputs.write_unit(folder / "out", unit)
    return folder / "out"


def sidecar(out_dir):
    (path,) = out_dir.rglob("*_desc-hyperparameters_*.json")
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("kind", KINDS)
def test_medians_over_folds_come_back(tmp_path, kind):
    targets, rest = KINDS[kind]
    unit = make_unit(targets(tmp_path), "01", rest)
    results = concord.open(written(tmp_path, unit))
    expected = {"log10Alpha": np.median(np.log10(unit.fit.alpha), axis=0)}
    expected |= {band_weight_label(band): np.median(each, axis=0) for band, each in unit.fit.band_weights.items()}
    assert results.units[0].numbers["hyperparameters"] == tuple(expected)
    found = results.values("01", ["hyperparameters"]).set_index("target")
    for stat, values in expected.items():
        by_name = dict(zip(unit.targets.names, values, strict=True))
        np.testing.assert_allclose(found[stat], [by_name[name] for name in found.index], rtol=1e-5)
    assert len(found) >= len(unit.targets.names) - 1
    assert (
        results.map("01", "hyperparameters", "bandWeightSpeech", hemi="L" if kind == "surface" else None) is not None
    )


@pytest.mark.parametrize("kind", ["volume", "electrodes"])
def test_its_json_has_solver_grid_and_delays(tmp_path, kind):
    targets, rest = KINDS[kind]
    unit = make_unit(targets(tmp_path), "01", rest)
    said = sidecar(written(tmp_path, unit))
    assert (said["Solver"], said["BandWeightCandidates"], said["Seed"]) == ("banded_ridge", 20, 7)
    assert {key: said["Alphas"][key] for key in ("Lowest", "Highest", "Count")} == {
        "Lowest": 1e-5, "Highest": 1e10, "Count": 30,
    }  # fmt: skip
    assert (said["OuterFolds"], said["InnerFolds"], said["DelaysUnits"]) == ("by_run", "by_run", "s")
    assert said["Delays"] == list(unit.fit.delays_s)
    names = [one["Name"] for one in said["Components"]] if kind == "volume" else said
    assert {"log10Alpha", *map(band_weight_label, BANDS)} <= set(names)


def test_words_have_a_window_and_no_delay(tmp_path):
    said = sidecar(written(tmp_path, with_words(make_unit(electrode_targets(8), "01", "task-pooled"))))
    assert (said["Delays"], said["ResponseWindow"]) == ([], [0.0, 0.5])


def test_a_solver_that_searches_no_bands_says_so(tmp_path):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-Brennan10mm")
    analysis = replace(unit.provenance.analysis, fit=FitSpec("ridge"))
    unit = replace(unit, provenance=replace(unit.provenance, analysis=analysis))
    said = sidecar(written(tmp_path, unit))
    assert said["Solver"] == "ridge"
    assert "BandWeightCandidates" not in said
    assert "All bands have the same weight" in said["bandWeightSpeech"]["Description"]
