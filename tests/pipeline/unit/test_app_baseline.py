"""The baseline and controls through the command line: fitted whatever the analysis names, where they can be had."""

import csv
import re

import numpy as np
import pytest
from report_text import report_text
from tiny_study import ANALYSIS, SHAPE, TR, N, make_study, words_of, write_run
from written_maps import file_of, map_of, sidecar_of
from written_units import read_units

from bids_app.cli.concord import main

MINE = """\
name: tiny
features:
  carrier: {kind: file, path: "{stem}_carrier.npy", rate_hz: 10}
  rich: {kind: file, path: "{stem}_rich.npy", rate_hz: 10}
  idle: {kind: file, path: "{stem}_idle.npy", rate_hz: 10}
partition: {spaces: [carrier, rich]}
controls: [idle]
response: {fmri: {confounds: none, high_pass_s: 128}}
design: {fmri: {delays_s: [2, 4, 6], skip_onset_s: 10}}
fit: {candidates: 6, alphas: [0.1, 10000, 7]}
inference: {permutations: 199}
"""
RUNS = (1, 2, 3, 4)


def signals(run):
    """(1250,) each at 10 Hz: words per tenth of a second, smooth; something slow of its own; noise."""
    rng = np.random.default_rng(run)
    words = np.histogram(words_of(run) + 0.25, np.arange(1251) / 10)[0].astype(float)
    smooth = np.exp(-np.arange(100) / 30)
    own, noise = (np.convolve(rng.standard_normal(1250), smooth)[:1250] for _ in range(2))
    return words, own, noise


def write_features(folder, run):
    words, own, noise = signals(run)
    rng = np.random.default_rng(50 + run)
    jitter = 0.02 * rng.standard_normal((3, 1250, 2))
    for name, signal, added in zip(("carrier", "rich", "idle"), (words, own, noise), jitter, strict=True):
        np.save(folder / f"story{run}_{name}.npy", (signal[:, None] + added).astype("f4"))


def bold(run):
    """Voxels with i < 2 follow the words, those with i = 2 the model's own signal, i = 3 head motion, i = 4 noise."""
    rng, at = np.random.default_rng(100 + run), np.rint((np.arange(N) * TR - 4.0) * 10).astype(int)
    words, own, _ = (np.pad(one, (100, 400)) for one in signals(run))
    follow = [np.array([one[k + 80 : k + 100].mean() for k in at]) for one in (words, own)]  # two seconds, 4 s late
    motion = np.random.default_rng(run).normal(size=(N, 6))[:, 0]
    data = 100 + rng.normal(size=(*SHAPE, N))
    for i, signal in zip(range(4), (follow[0], follow[0], follow[1], motion), strict=True):
        data[i] += 1.5 * (signal - signal.mean()) / signal.std()
    return data.astype(np.float32)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("baseline")
    bids, _ = make_study(root, ("01",), RUNS)
    for run in RUNS:
        write_features(bids / "stimuli", run)
        write_run(bids, bids / "derivatives" / "fmriprep", "01", run, bold(run))
    (root / "mine.yaml").write_text(MINE)
    assert main([str(bids), str(root / "out"), "participant", "group", "--analysis", str(root / "mine.yaml")]) == 0
    return root


@pytest.fixture(scope="module")
def unit(study):
    (unit,) = read_units(study / "out", ["01"])
    return unit


def by_kind(unit, component, stat):
    planted = np.array([int(name.split(",")[0]) for name in unit.targets.names])
    return [np.asarray(unit.partition.values[component][stat])[planted == i] for i in range(5)]


def test_a_model_that_carries_word_rate_alone_does_not_beat_the_baseline(unit):
    words, again, _, _, noise = by_kind(unit, "carrier", "rsquared")
    assert (np.concatenate([words, again]) > 0.2).all()
    assert (np.abs(noise) < 0.1).all()
    assert all((p > 0.05).all() for p in by_kind(unit, "carrierBeyondBaseline", "pfwe"))


def test_one_that_carries_more_does_where_it_does(unit):
    found = by_kind(unit, "richBeyondBaseline", "pfwe")
    assert (found[2] < 0.05).mean() > 0.8
    assert all((p > 0.05).all() for p in (found[0], found[1], found[3], found[4]))


def test_motion_is_of_the_baseline_where_it_was_not_regressed_out(unit):
    baseline = by_kind(unit, "baseline", "rsquared")
    assert (baseline[3] > 0.3).all()
    assert unit.summary.provenance.controls.baseline.bands[-1] == "baseline_motion"
    assert (np.abs(baseline[4]) < 0.1).all()


def test_controls_stand_beside_the_partition(unit):
    assert "controlIdle" in {one.label for one in unit.partition.controls}
    assert unit.partition.groups == ("carrier", "rich")
    assert all((np.asarray(p) > 0.05).all() for p in by_kind(unit, "controlIdle", "pfwe"))


def test_the_report_and_the_sidecars_say_it(study):
    text = report_text(study / "out" / "sub-01.html")
    assert "In none of 40 voxels does carrier significantly predict more than the baseline (family-wise p ≤ " in text
    assert re.search(r"In [78] of 40 voxels rich predicts more than the baseline", text)
    path, _ = file_of(study / "out/sub-01/func", "richBeyondBaseline", "rsquared")
    sidecar = sidecar_of(path)
    assert sidecar["BaselineSpaces"] == ["word rate", "envelope", "position in the story", "head motion"]
    described = (study / "out" / "descriptions.tsv").read_text()
    assert "desc-richBeyondBaseline\twhat rich predicts beyond the baseline" in described
    assert "desc-baselineWordRate" in described
    (template,) = (study / "out").glob("tpl-*")
    assert np.isfinite(map_of(template, "richBeyondBaseline", "rsquared")).any()


@pytest.mark.parametrize("missing", ["audio", "motion", "words"])
def test_what_cannot_be_had_is_left_out_and_said(tmp_path, missing):
    bids, _ = make_study(tmp_path, ("01",), (1, 2))
    for run in (1, 2):
        write_features(bids / "stimuli", run)
    if missing == "audio":
        for path in (bids / "stimuli").glob("*.wav"):
            path.write_bytes(b"no sound")
    if missing == "words":
        for path in (bids / "stimuli").glob("*.tsv"):
            path.unlink()
    if missing == "motion":
        for path in bids.rglob("*confounds*"):
            path.unlink()
    (tmp_path / "mine.yaml").write_text(MINE)
    assert main([str(bids), str(tmp_path / "out"), "participant", "--analysis", str(tmp_path / "mine.yaml")]) == 0
    (unit,) = read_units(tmp_path / "out", ["01"])
    baseline = unit.summary.provenance.controls.baseline
    gone = {
        "audio": {"baseline_envelope"},
        "motion": {"baseline_motion"},
        "words": {"baseline_word_rate", "baseline_position"},
    }
    assert set(baseline.left_out) == gone[missing]
    assert "baseline" in unit.partition.values
    assert "Not in it" in report_text(tmp_path / "out" / "sub-01.html")


def test_without_a_baseline_the_report_says_so(tmp_path):
    bids, analysis = make_study(tmp_path, ("01",), (1, 2))
    analysis.write_text(ANALYSIS + "baseline: {spaces: [], autocorrelation: false}\n")
    assert main([str(bids), str(tmp_path / "out"), "participant", "--analysis", str(analysis)]) == 0
    assert "No baseline was fitted" in report_text(tmp_path / "out" / "sub-01.html")
    assert not list((tmp_path / "out").rglob("*desc-baseline*"))


def test_group_tables_hold_the_people(study):
    with (study / "out" / "group" / "desc-people_encoding.tsv").open() as lines:
        components = {row["component"] for row in csv.DictReader(lines, delimiter="\t")}
    assert {"baseline", "richBeyondBaseline", "controlIdle"} <= components
