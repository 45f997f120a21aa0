"""Best layers in files of every kind of target: written, read back, counted by region, drawn."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic_units import all_kinds
from written_maps import definition_of
from written_units import read_units

from bids_app import outputs
from bids_app.outputs.derivatives import layers
from bids_app.outputs.derivatives.read_unit import read_best
from bids_app.outputs.figures.canvas import ORDERED, Scale
from bids_app.outputs.files import names
from bids_app.records import LayerScores

NAMES = ("cnn", "0", "1", "2")
KINDS = ("volume", "surface", "parcels", "electrodes")


def with_layers(unit):
    """The first target is unusable, of the second no layer predicts anything, the others take turns."""
    n = len(unit.targets.names)
    best = np.arange(n) % 4.0
    best[:2] = np.nan
    rsquared = 0.1 * (np.arange(4)[:, None] == np.arange(n) % 4) + 0.01 * np.arange(4)[:, None]
    rsquared[:, 0] = np.nan
    own = np.where(np.arange(n) == 1, -0.02, 0.1 + 0.01 * (np.arange(n) % 4))
    own[0] = np.nan
    agreement = np.where(np.isfinite(best), 0.75, np.nan)
    scores = LayerScores(NAMES, rsquared, rsquared, best, agreement, own, {0: "1", 1: "2"})
    return replace(unit, layers={"speech": scores})


@pytest.fixture(scope="module")
def made():
    return {unit.targets.kind: with_layers(unit) for unit in all_kinds()}


@pytest.mark.parametrize("kind", KINDS)
def test_best_layers_are_read_back_where_they_belong(tmp_path, made, kind):
    unit = made[kind]
    outputs.write_unit(tmp_path, unit)
    (back,) = read_units(tmp_path, [unit.participant])
    numbers, scores = read_best(tmp_path, back, "speech")
    row = {name: place for place, name in enumerate(unit.targets.names)}
    mine = [row[name] for name in back.targets.names]
    expected = np.array([-2.0, 0, 1, 2, np.nan])[np.nan_to_num(unit.layers["speech"].best, nan=4).astype(int)]
    np.testing.assert_array_equal(numbers, expected[mine])
    np.testing.assert_allclose(scores, unit.layers["speech"].best_rsquared[mine], rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_regions_count_what_they_hold(tmp_path, made, kind):
    unit = made[kind]
    outputs.write_unit(tmp_path, unit)
    path = tmp_path / names.layers_file(unit.stem, kind)
    table = pd.read_csv(path, sep="\t", na_values=["n/a"])
    whole = table[table["region"] == "all"].set_index("layer")
    n = len(unit.targets.names)
    assert whole["n"].unique().tolist() == [n - 1]
    assert whole["n_best"].sum() == n - 2
    np.testing.assert_allclose(whole["rsquared"], np.nanmean(unit.layers["speech"].rsquared, axis=1), rtol=1e-5)
    if kind in ("volume", "surface"):
        sides = table[table["region"].isin(["left", "right"])]
        assert sides.groupby("layer")["n"].sum().max() <= n - 1
        assert set(sides["region"]) == {"left", "right"}
    else:
        assert set(unit.targets.names[1:]) <= set(table["region"])
        assert unit.targets.names[0] not in set(table["region"])
    assert set(table.columns) <= set(json.loads(path.with_suffix(".json").read_text()))


def test_every_column_and_map_says_what_it_is(tmp_path, made):
    for unit in made.values():
        outputs.write_unit(tmp_path, unit)
    for stat, begin in (("layer", "The best layer of speech as a number"), ("rsquared", "Held-out R² of the best"),
                        ("agreement", "Share of outer folds")):  # fmt: skip
        words = definition_of(tmp_path / "sub-01/func", "bestSpeechLayer", stat)
        assert words.startswith(begin)
        assert ("−2: cnn" in words) == (stat == "layer")
    columns = json.loads(next(tmp_path.rglob("*desc-partition_channels.json")).read_text())
    for stat in ("layer", "rsquared", "agreement"):
        assert "speech" in columns[f"bestSpeechLayer_{stat}"]["Description"]


@pytest.mark.parametrize("kind", KINDS)
def test_reports_draw_them(tmp_path, made, kind):
    unit = made[kind]
    outputs.write_unit(tmp_path, unit)
    text = outputs.write_participant_report(tmp_path, unit.participant, None).read_text()
    assert "1 (fold 0), 2 (fold 1)" in text
    assert "layerProfiles" in text
    assert ("bestSpeechLayerMap" in text) == (kind != "parcels")
    assert ("bestSpeechLayerTable" in text) == (kind in ("parcels", "electrodes"))


def test_a_mean_response_has_its_own_table(tmp_path, made):
    unit = made["volume"]
    mean = replace(unit, stem="task-story_space-MNI152NLin2009cAsym", participant="group")
    outputs.write_mean_response(tmp_path, mean, np.full(len(unit.targets.names), 2))
    assert list((tmp_path / "group").glob("*desc-meanResponseLayers_encoding.tsv"))
    table = pd.read_csv(next((tmp_path / "group").glob("*desc-meanResponse_encoding.tsv")), sep="\t")
    assert "bestSpeechLayer_layer" in table


def test_layers_are_numbers():
    assert [layers.layer_number(name) for name in ("cnn", "projection", "0", "12")] == [-2, -1, 0, 12]


def test_a_scale_of_layers_shows_the_lowest():
    ends = Scale(0, 3, ORDERED)(np.array([0.0, 3.0]))
    assert not np.allclose(ends[0], ends[1])
    assert Scale(2, 2, ORDERED)(np.array([2.0])).shape == (1, 4)
