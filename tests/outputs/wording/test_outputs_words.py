"""iEEG with one row a word: the table of lags, what both tables say of themselves, methods, figures."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from synthetic_units import LAGS_S, electrode_targets, make_unit, with_inference, with_words

from bids_app import outputs
from bids_app.outputs.derivatives.summary import unit_summary
from bids_app.outputs.figures import lags
from bids_app.outputs.wording.methods.text import methods_text
from bids_app.records import Quartiles, partition_components

GROUPS = ("speech", "language")


def unit_of(n=30):
    return with_words(with_inference(make_unit(electrode_targets(n), "01", "task-pooled", groups=GROUPS)))


def test_every_component_by_electrode_and_lag(tmp_path):
    unit = unit_of()
    outputs.write_unit(tmp_path, unit)
    path = tmp_path / "sub-01/ieeg/sub-01_task-pooled_desc-lags_encoding.tsv"
    table = pd.read_csv(path, sep="\t", na_values=["n/a"])
    assert len(table) == 30 * len(LAGS_S)
    assert table["lag_s"][: len(LAGS_S)].tolist() == pytest.approx(LAGS_S)
    row = 5 * len(LAGS_S) + 12
    assert table["name"][row] == unit.targets.names[5]
    for column in ("full_rsquared", "full_pfwe", "uniqueSpeech_q", "sharedSpeechLanguage_ci975", "speech_r"):
        component, stat = column.split("_")
        wanted = unit.lags.partition.values[component][stat][5, 12]
        assert table[column][row] == pytest.approx(wanted, rel=1e-5), column
    sidecar = json.loads(path.with_suffix(".json").read_text())
    assert set(table.columns) <= set(sidecar)
    for fact in ("mean over 0.1 s around the word's onset + lag_s", "over all electrodes, lags"):
        assert fact in sidecar["Description"], fact


def test_an_electrodes_own_value_is_of_its_window_and_says_so(tmp_path):
    unit = unit_of()
    outputs.write_unit(tmp_path, unit)
    path = tmp_path / "sub-01/ieeg/sub-01_task-pooled_desc-partition_channels.tsv"
    table = pd.read_csv(path, sep="\t", na_values=["n/a"])
    np.testing.assert_allclose(table["full_rsquared"], unit.partition.values["full"]["rsquared"], rtol=1e-5)
    sidecar = json.loads(path.with_suffix(".json").read_text())
    assert (
        "its mean from 0 to 0.5 s after each word's onset, predicted as a target of its own" in sidecar["Description"]
    )
    assert "560 of the 600 words" in sidecar["Samples"]
    assert "epoch (-1.05 to 1.05 s from the onset)" in sidecar["Samples"]


def test_methods_speak_of_words():
    text = "\n".join(methods_text(unit_summary(unit_of(), {"a.tsv": "0"}, "table")))
    for fact in (
        "One row a word", "mean over 0.1 s around the word's onset + lag, for 21 lags from -1 to 1 s",
        "its mean from 0 to 0.5 s after the onset", "560 of the 600 words of 2 recordings",
    ):  # fmt: skip
        assert fact in text, fact
    assert "Lanczos" not in text
    bare = unit_of()
    design = bare.provenance.design
    epoch = replace(design.spec.epoch, window_s=0.0)
    design = replace(design, spec=replace(design.spec, epoch=epoch))
    bare = replace(bare, provenance=replace(bare.provenance, design=design))
    summary = unit_summary(bare, {"a.tsv": "0"}, "table")
    assert "sample nearest to the word's onset + lag" in "\n".join(methods_text(summary))


def test_a_report_shows_scores_by_lag_and_no_weights(tmp_path):
    outputs.write_unit(tmp_path, unit_of())
    (tmp_path / "status.tsv").write_text("unit\tparticipant\tstatus\tseconds\tpeak_mb\treason\n")
    outputs.write_participant_report(tmp_path, "01", None)
    text = (tmp_path / "sub-01.html").read_text()
    assert "lagProfiles" in text
    assert "lagImages" in text
    assert "Weights by delay" not in text


def test_electrodes_are_drawn_in_the_order_of_their_peaks():
    unit = unit_of()
    summary = unit_summary(unit, {"a.tsv": "0"}, "table").lags
    peaks = np.asarray(summary.images["full"]).argmax(axis=1)
    assert (np.diff(peaks) >= 0).all()
    row = summary.names.index(unit.targets.names[9])
    wanted = unit.lags.partition.values["speech"]["rsquared"][9]
    np.testing.assert_allclose(summary.images["speech"][row], wanted, atol=1e-5)


@pytest.mark.parametrize("n_lags", [2, 21])
def test_figures_are_the_same_twice_and_bear_missing_values(n_lags):
    line = Quartiles(*((None, *[0.1] * (n_lags - 1)) for _ in range(3)))
    lags_s = LAGS_S[:n_lags]
    shown = [one for one in partition_components(GROUPS) if one.kind != "shared"]
    one, again = (lags.lag_profiles(GROUPS, lags_s, dict.fromkeys(shown, line)) for _ in range(2))
    assert one == again
    assert lags.lag_images(("a", "b"), lags_s, {"full": np.full((2, n_lags), np.nan)})
