"""Ceilings from repeats: matched in the stimulus's time, through the command line, and said to be none without."""

from dataclasses import dataclass

import numpy as np
from report_text import report_text
from tiny_study import SHAPE, N, make_study, words_of, write_run
from written_maps import file_of, map_of, sidecar_of
from written_units import read_units

from bids_app.cli.concord import main
from bids_app.pipeline.runs.noise_ceiling import NO_REPEATS, OFF_GRID, noise_ceiling_from_repeats
from bids_app.records import Run, StimulusEvent

TR = 2.0


@dataclass
class HeardStimulus:
    stimuli: tuple


def hearing(seed, onset_s, signal, noise=1.0, name="a.wav", start_s=0.0):
    """A run of samples every two seconds, the stimulus beginning at `onset_s`, with two targets: signal and none."""
    rng = np.random.default_rng(seed)
    times_s = start_s + np.arange(len(signal)) * TR
    Y = np.column_stack([signal, np.zeros(len(signal))]) + noise * rng.standard_normal((len(signal), 2))
    return Run(f"run-{seed}", {}, Y, times_s, (name,)), HeardStimulus((StimulusEvent(onset_s, name),))


def ceiling_of(*hearings):
    runs, recordings = zip(*hearings, strict=True)
    return noise_ceiling_from_repeats(runs, recordings, TR)


def test_hearings_are_matched_in_the_stimulus_time():
    signal = np.random.default_rng(9).standard_normal(2000)
    found, words = ceiling_of(hearing(1, 10.0, signal), hearing(2, 16.0, np.roll(signal, 3)))
    assert abs(found.explainable[0] - 0.5) < 0.05
    assert abs(found.explainable[1]) < 0.06
    assert "heard 2 times, 1997 common samples" in words
    wrong, _ = ceiling_of(hearing(1, 10.0, signal), hearing(2, 14.0, np.roll(signal, 3)))
    assert abs(wrong.explainable[0]) < 0.06


def test_missing_samples_give_no_value():
    signal = np.random.default_rng(9).standard_normal(500)
    one, other = hearing(1, 0.0, signal), hearing(2, 0.0, signal)
    other[0].Y[5, 1] = np.nan
    found, _ = ceiling_of(one, other)
    assert np.isfinite(found.explainable[0])
    assert np.isnan([found.explainable[1], found.low[1], found.cc_max[1]]).all()


def test_without_repeats_there_is_none():
    signal = np.zeros(50)
    assert ceiling_of(hearing(1, 0.0, signal), hearing(2, 0.0, signal, name="b.wav")) == (None, NO_REPEATS)
    assert ceiling_of(hearing(1, 0.0, signal), hearing(2, 1.0, signal)) == (None, OFF_GRID)


def bold(run, seed):
    """Voxels with i < 3 follow the story's word rate with as much noise; the others are noise."""
    rng = np.random.default_rng(seed)
    rate = np.histogram(words_of(run) + 0.25, np.arange(N + 1) * 2.0 - 4.0)[0].astype(float)
    data = 100 + rng.normal(size=(*SHAPE, N))
    data[:3] += (rate - rate.mean()) / rate.std()
    return data.astype(np.float32)


def test_a_ceiling_and_the_share_of_it_are_written_and_said(tmp_path):
    bids, analysis = make_study(tmp_path, ("01",), (1, 2, 3, 4))
    for number, story in enumerate((1, 1, 2, 2), start=1):
        write_run(bids, bids / "derivatives" / "fmriprep", "01", number, bold(story, number))
        events = bids / "sub-01" / "func" / f"sub-01_task-story_run-{number}_events.tsv"
        events.write_text(events.read_text().replace(f"story{number}.wav", f"story{story}.wav"))
    command = [str(bids), str(tmp_path / "out"), "participant", "group", "--analysis", str(analysis)]
    assert main(command) == 0
    (unit,) = read_units(tmp_path / "out", ["01"])
    full = {stat: np.asarray(values) for stat, values in unit.partition.values["full"].items()}
    driven = np.array([int(name.split(",")[0]) < 3 for name in unit.targets.names])
    assert 0.35 < np.median(full["ceiling"][driven]) < 0.65
    assert abs(np.median(full["ceiling"][~driven])) < 0.15
    assert np.isfinite(full["share"][driven]).mean() > 0.8
    assert np.isnan(full["share"][~driven]).mean() > 0.7
    assert 0.5 < np.nanmedian(full["share"][driven]) < 1.3
    path, _ = file_of(tmp_path / "out/sub-01/func", "full", "ceiling")
    assert sidecar_of(path)["Ceiling"].startswith("from 2 repeated stimuli, heard 2 and 2 times")
    assert "Noise ceiling. It is estimated from 2 repeated stimuli" in report_text(tmp_path / "out" / "sub-01.html")
    (template,) = (tmp_path / "out").glob("tpl-*")
    assert np.isfinite(map_of(template, "full", "ceiling")).any()
