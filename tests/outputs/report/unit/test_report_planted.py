"""Recovered beside planted: the arithmetic against closed forms and numpy's own."""

import numpy as np
import pytest
from synthetic_units import make_unit, parcel_targets

from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives.summary import unit_summary
from bids_app.outputs.report.unit.figures import recovery_note
from bids_app.outputs.report.unit.planted import read_truth, recoveries, recovery
from bids_app.records import WrittenUnit

HEADER = "participant\tmodality\tspace\ttarget\tcomponent\trsquared\n"


def found(planted, recovered, noise=None):
    planted = np.asarray(planted, dtype=float)
    noise = planted < 0.001 if noise is None else np.asarray(noise)
    return recovery("full", planted, np.asarray(recovered, dtype=float), noise)


def test_a_line_comes_back_as_its_slope_and_error():
    planted = np.tile([0.0, 0.1, 0.2, 0.3, 0.4], 8)
    one = found(planted, 0.8 * planted + 0.01)
    assert one.slope == pytest.approx(0.8)
    assert one.correlation == pytest.approx(1)
    assert one.planted_mean == pytest.approx(0.25)
    assert one.recovered_mean == pytest.approx(0.21)
    assert one.median_error == pytest.approx(np.median([0.01, 0.03, 0.05, 0.07]))
    assert (len(one.planted), len(one.quiet)) == (32, 8)
    assert one.noise_mean == pytest.approx(0.01)


def test_slope_and_correlation_are_numpys():
    rng = np.random.default_rng(3)
    planted = rng.uniform(0.02, 0.5, 200)
    recovered = 0.9 * planted + 0.05 * rng.normal(size=200)
    one = found(planted, recovered)
    assert one.slope == pytest.approx(np.polyfit(planted, recovered, 1)[0])
    assert one.correlation == pytest.approx(np.corrcoef(planted, recovered)[0, 1])
    assert np.isnan(one.noise_mean)


def test_all_zero_maps_fail_every_bar():
    planted = np.linspace(0, 0.5, 50)
    one = found(planted, np.zeros(50))
    assert one.slope == 0
    assert np.isnan(one.correlation)
    assert one.median_error > 0.2


def test_unusable_targets_are_left_out():
    one = found([0.2, 0.3, 0.4, 0.5, 0.0, 0.0], [np.nan, 0.3, 0.4, 0.5, np.nan, 0.02])
    assert (len(one.planted), len(one.quiet)) == (3, 1)
    assert one.noise_mean == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("n", "sd", "has_slope"),
    [(0, 0.1, False), (1, 0.1, False), (29, 0.1, False), (30, 0.1, True), (30, 0.031, True), (30, 0.029, False),
     (400, 0.029, False), (400, 0.0, False)],
)  # fmt: skip
def test_no_slope_of_few_targets_or_little_spread(n, sd, has_slope):
    spread = np.linspace(-1, 1, n)
    planted = 0.3 + sd * spread / (spread.std() if n > 1 else 1)
    one = found(planted, planted)
    assert np.isfinite([one.slope, one.correlation]).all() == has_slope
    assert ("slope" in recovery_note(one)) == has_slope


def written(unit):
    summary = unit_summary(unit, {"a.tsv": "0"}, "table")
    return WrittenUnit(unit.stem, unit.participant, unit.modality, unit.targets, unit.partition, summary)


def write_truth(path, unit, scale=1.0, person="01"):
    rows = [
        f"{person}\t{unit.modality}\t{unit.space}\t{name}\t{component}\t{scale * value:.6f}"
        for component, stats in unit.partition.values.items()
        for name, value in zip(unit.targets.names, stats["rsquared"], strict=True)
        if value > 0.02
    ]
    path.write_text(HEADER + "\n".join(rows) + "\n")


def test_truth_is_matched_by_target_name(tmp_path):
    unit = make_unit(parcel_targets(tuple(f"P{number}" for number in range(40))), rest="task-story_seg-X")
    write_truth(tmp_path / "truth.tsv", unit, 0.5)
    lines = (tmp_path / "truth.tsv").read_text().splitlines()
    (tmp_path / "truth.tsv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    one = recoveries(written(unit), read_truth(tmp_path / "truth.tsv", "01"))[0]
    assert one.component == "full"
    np.testing.assert_allclose(one.recovered, 2 * one.planted, atol=2e-6)


def test_noise_only_is_what_full_says(tmp_path):
    unit = make_unit(parcel_targets(("a", "b", "c")), rest="task-story_seg-X")
    text = HEADER + "sub-01\tfmri\tBrennan10mm\tb\tfull\t0.2\nsub-01\tfmri\tBrennan10mm\tc\tfull\t0.0005\n"
    (tmp_path / "truth.tsv").write_text(text)
    one = recoveries(written(unit), read_truth(tmp_path / "truth.tsv", "01"))[0]
    assert len(one.quiet) == 1  # c; a cannot be used, b is planted
    assert one.noise_mean == pytest.approx(float(unit.partition.values["full"]["rsquared"][2]))


def test_other_participants_and_spaces_have_no_truth(tmp_path):
    unit = make_unit(parcel_targets(), rest="task-story_seg-Brennan10mm")
    write_truth(tmp_path / "truth.tsv", unit, person="02")
    assert recoveries(written(unit), read_truth(tmp_path / "truth.tsv", "01")) == ()
    assert read_truth(tmp_path / "truth.tsv", "02")


@pytest.mark.parametrize("text", ["", "participant\tmodality\n01\tfmri\n", HEADER + "01\tfmri\tX\ta\tfull\tmany\n"])
def test_a_broken_table_is_one_line(tmp_path, text):
    (tmp_path / "truth.tsv").write_text(text)
    if not text:
        assert read_truth(tmp_path / "truth.tsv", "01") == {}
        return
    with pytest.raises(ReadWriteError, match=r"truth\.tsv.*participant, modality, space"):
        read_truth(tmp_path / "truth.tsv", "01")
