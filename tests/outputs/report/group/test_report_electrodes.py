"""Everybody's electrodes on one brain: whose, where, which stand out, and what is said of them."""

import re
from dataclasses import replace

import numpy as np
import pytest
from synthetic_units import LAGS_S, electrode_targets, make_unit, with_inference, with_words
from written_units import read_units

from bids_app import group, outputs
from bids_app.outputs.figures import glass, maps
from bids_app.outputs.report.group import electrodes
from bids_app.records import LayerScores

GROUPS = ("speech", "language")
N = 6


def unit_of(person, space=None, unplaced=(), seed=0):
    targets = electrode_targets(N, seed=seed)
    xyz_mm = np.array(targets.xyz_mm)
    xyz_mm[-1] = (-50, 0, 0)
    xyz_mm[list(unplaced)] = np.nan
    targets = replace(targets, xyz_mm=xyz_mm, space=space or targets.space)
    return make_unit(targets, person, "task-story", seed, GROUPS)


def with_layers(unit):
    best = np.array([np.nan, 0, 1, 2, 2, 1])
    own = np.array([np.nan, 0.1, 0.1, 0.1, -0.1, 0.1])
    scores = LayerScores(
        ("0", "1", "2"), np.full((3, N), 0.1), np.full((3, N), 0.1), best, best * 0 + 1, own, {0: "1"}
    )
    return replace(unit, layers={"speech": scores})


def page(out_dir, *units):
    for unit in units:
        outputs.write_unit(out_dir, unit)
    back = read_units(out_dir, [unit.participant for unit in units])
    outputs.write_group(out_dir, group.summarise(back), outputs.Membership(back), {})
    text = outputs.write_group_report(out_dir).read_text(encoding="utf-8")
    return re.sub(r'<a class="term"[^>]*>([^<]*)</a>', r"\1", text)


@pytest.fixture
def drawn(monkeypatch):
    """What is handed to the artist, by figure, in place of a picture."""
    calls = []

    def electrode_maps(xyz_mm, rows, marked, label, ends=None):
        calls.append((xyz_mm, rows, marked, label, ends))
        return b"<svg/>"

    monkeypatch.setattr(electrodes, "electrode_maps", electrode_maps)
    monkeypatch.setattr("bids_app.outputs.report.brain.brain_page", lambda *said: None)
    return calls


def test_all_electrodes_stand_on_one_brain_and_significant_ones_are_large(tmp_path, drawn):
    units = [with_inference(unit_of(person, seed=seed)) for seed, person in enumerate(("01", "02"))]
    text = page(tmp_path, *units)
    (xyz_mm, rows, marked, label, ends), *_ = drawn
    np.testing.assert_allclose(xyz_mm, np.concatenate([unit.targets.xyz_mm for unit in units]), rtol=1e-5)
    assert (label, ends) == ("R²", None)
    assert list(rows) == ["full", "uniqueSpeech", "uniqueLanguage", "sharedSpeechLanguage"]
    for name, row in rows.items():
        everyones = np.concatenate([unit.partition.values[name]["rsquared"] for unit in units])
        np.testing.assert_allclose(row.values, everyones, rtol=1e-4)
    assert np.flatnonzero(marked[:, 0]).tolist() == [1, N + 1]  # the second of each participant
    assert "12 electrodes of 2 participants, by component. Large dots are significant" in text
    assert "Of 12 electrodes significant: full in 2, uniqueSpeech in 2" in text
    assert "no position" not in text


def test_where_nothing_was_tested_dots_are_alike(tmp_path, drawn):
    text = page(tmp_path, unit_of("01"))
    assert drawn[0][2] is None
    assert "Nothing was tested: all dots are alike." in text


def test_the_lag_is_that_of_the_highest_rsquared(tmp_path, drawn):
    units = [with_words(unit_of(person, seed=seed)) for seed, person in enumerate(("01", "02"))]
    text = page(tmp_path, *units)
    _, rows, _, label, ends = drawn[1]
    assert (label, ends) == ("lag (s)", (LAGS_S[0], LAGS_S[-1]))
    expected = []
    for unit in units:
        by_lag = unit.lags.partition.values["full"]["rsquared"]
        lags_s = np.array(LAGS_S)[np.nan_to_num(by_lag, nan=-9).argmax(axis=1)]
        expected.append(np.where(unit.partition.values["full"]["rsquared"] > 0, lags_s, np.nan))
    np.testing.assert_allclose(rows["peak lag"].values, np.concatenate(expected))
    assert "the lag with the highest held-out R² of the full model" in text


def test_of_delays_the_lag_is_that_of_the_largest_weights(tmp_path, drawn):
    unit = unit_of("01")
    text = page(tmp_path, unit)
    size = np.sqrt(sum(np.asarray(one) ** 2 for one in unit.fit.profile.values()))  # (n_delays, n)
    lags_s = np.array(unit.fit.delays_s)[size.argmax(axis=0)]
    full = unit.partition.values["full"]["rsquared"]
    np.testing.assert_allclose(drawn[1][1]["peak lag"].values, np.where(full > 0, lags_s, np.nan))
    assert "weights of all feature spaces together are largest" in text


def test_best_layers_are_drawn_where_everybody_has_them(tmp_path, drawn):
    text = page(tmp_path / "both", with_layers(unit_of("01")), with_layers(unit_of("02")))
    _, rows, _, label, ends = drawn[-1]
    one = [np.nan, 0, 1, 2, np.nan, 1]  # the fifth is below 0
    np.testing.assert_array_equal(rows["bestSpeechLayer"].values, one + one)
    assert (label, ends) == ("layer", (0, 2))
    assert "(8 of 12 electrodes, median 1)" in text


def test_who_is_not_on_the_brain_is_named(tmp_path, drawn):
    text = page(tmp_path, unit_of("01"), unit_of("02", unplaced=range(N)), unit_of("03", unplaced=(0, 2)))
    assert "electrodes of sub-02 (all 6) and sub-03 (2 of 6)." in text


def test_without_mni_there_is_no_common_brain(tmp_path, drawn):
    text = page(tmp_path, unit_of("01", "T1w"), unit_of("02", "T1w"))
    assert drawn == []
    assert "not in MNI space: the electrodes of sub-01 and sub-02 are on no common brain" in text


def test_marked_dots_are_larger(monkeypatch):
    sizes = []
    plain = glass.draw_markers

    def draw_markers(axes, view, xyz_mm, values, size, *rest):
        sizes.append(np.array(size))
        plain(axes, view, xyz_mm, values, size, *rest)

    monkeypatch.setattr(maps, "draw_markers", draw_markers)
    xyz_mm = np.array([[-40.0, 0, 0], [40, 0, 0], [np.nan, 0, 0]])
    rows = {"full": maps.Dots(np.array([0.1, 0.2, 0.3]))}
    marked = np.array([[True], [False], [False]])
    content = maps.electrode_maps(xyz_mm, rows, marked, "R²")
    assert content == maps.electrode_maps(xyz_mm, rows, marked, "R²")
    assert content != maps.electrode_maps(xyz_mm, rows, ~marked, "R²")
    assert len(sizes) == 9  # from the left, the right and above
    assert (sizes[0][0] > 2 * sizes[0][1:]).all()
