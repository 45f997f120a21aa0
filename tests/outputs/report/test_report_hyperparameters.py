"""Penalties and band weights as a picture: the targets that are shown, the grid's ends, the bands' colours."""

from dataclasses import replace

import numpy as np
import pytest
from artists import watched
from synthetic_units import BANDS, electrode_targets, make_unit, parcel_targets, volume_targets

from bids_app import outputs
from bids_app.outputs.figures.charts import hyperparameters_chart
from bids_app.outputs.report.basis import hyperparameters
from bids_app.outputs.report.basis.hyperparameters import hyperparameters_drawing

KINDS = {
    "volume": (lambda: volume_targets((6, 6, 6), 30.0), "task-story_space-MNI152NLin2009cAsym"),
    "parcels": (parcel_targets, "task-story_seg-Brennan10mm"),
    "electrodes": (lambda: electrode_targets(8), "task-pooled"),
}


def written(out_dir, unit):
    outputs.write_unit(out_dir, unit)
    return outputs.read_unit(outputs.summary_path(out_dir, unit.stem))


@pytest.fixture
def drawn(monkeypatch):
    """What is handed to the artist."""
    return watched(monkeypatch, hyperparameters, "hyperparameters_chart")


@pytest.mark.parametrize("kind", KINDS)
def test_the_medians_of_predicted_targets_are_drawn(tmp_path, drawn, kind):
    targets, rest = KINDS[kind]
    unit = make_unit(targets(), "01", rest)
    drawing = hyperparameters_drawing(tmp_path, written(tmp_path, unit))
    ((log_alpha, grid, weights, _),) = drawn
    shown = np.nan_to_num(unit.partition.values["full"]["rsquared"], nan=-1) > 0.01
    np.testing.assert_allclose(log_alpha, np.median(np.log10(unit.fit.alpha), axis=0)[shown], rtol=1e-5)
    assert grid == (-5, 10)
    assert list(weights) == list(BANDS)
    for band, values in weights.items():
        np.testing.assert_allclose(values, np.median(unit.fit.band_weights[band], axis=0)[shown], rtol=1e-5)
    assert f"over the {shown.sum()} targets with full R² above 0.01" in drawing.caption
    assert f"0 of {shown.sum()} targets lie at its lowest penalty, 0 at its highest or beyond." in drawing.caption
    assert "widen" not in drawing.caption


def test_ends_of_the_grid_are_counted_and_the_warning_is_said(tmp_path, drawn):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-Brennan10mm")
    alpha = np.tile(10.0 ** np.array([-5, -5, 10, 12, 0, 0]), (4, 1))
    unit = replace(unit, fit=replace(unit.fit, alpha=alpha), warnings=("alpha lies at an end of its grid in 18% of",))
    drawing = hyperparameters_drawing(tmp_path, written(tmp_path, unit))
    assert (
        "1 of 5 targets lie at its lowest penalty, 2 at its highest or beyond." in drawing.caption
    )  # one is unusable
    assert "a warning counts: widen fit.alphas." in drawing.caption


def test_plain_ridge_has_no_weights(tmp_path, drawn):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-Brennan10mm")
    made = unit.provenance.analysis
    made = replace(made, fit=replace(made.fit, solver="ridge"))
    unit = replace(unit, provenance=replace(unit.provenance, analysis=made))
    drawing = hyperparameters_drawing(tmp_path, written(tmp_path, unit))
    assert drawn[0][2] == {}
    assert "All bands are penalised alike." in drawing.caption


def test_a_fit_that_does_not_say_has_no_picture(tmp_path):
    unit = make_unit(parcel_targets(), "01", "task-story_seg-Brennan10mm")
    unit = replace(unit, fit=replace(unit.fit, alpha=None, band_weights={}))
    assert hyperparameters_drawing(tmp_path, written(tmp_path, unit)) is None
    assert "Penalties and band weights" not in outputs.write_participant_report(tmp_path, "01", None).read_text()


def test_the_chart_is_the_same_twice_and_shows_its_values():
    log_alpha, weights = np.linspace(-6, 11, 40), {f"band{n}": np.linspace(0, 1, 40) ** n for n in range(1, 9)}
    content = hyperparameters_chart(log_alpha, (-5, 10), weights, ("band1",))
    assert content == hyperparameters_chart(log_alpha, (-5, 10), weights, ("band1",))
    assert content != hyperparameters_chart(log_alpha[:20], (-5, 10), weights, ("band1",))
    assert hyperparameters_chart(np.zeros(1), (0.0, 0.0), {}, ("speech",)).startswith(b"<?xml")
