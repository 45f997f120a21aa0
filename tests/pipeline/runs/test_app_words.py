"""iEEG with one row a word through the command line: planted times, counted words, choice of electrodes."""

import json

import numpy as np
import pandas as pd
import pytest
from report_text import report_text
from tiny_ieeg import ANALYSIS, LATE_S, make_study, signals, stories_of, words_of

from bids_app import encoding
from bids_app.cli.concord import main
from bids_app.pipeline.runs.windows import fit_of_summary, lags_of, summary_of
from bids_app.records import EpochSpec, Fit, Partition


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("ieeg")
    bids, analysis = make_study(root)
    assert main([str(bids), str(root / "out"), "participant", "group", "--analysis", str(analysis)]) == 0
    return root


def tables(root, out="out"):
    folder = root / out / "sub-01" / "ieeg"
    read = {
        name: pd.read_csv(next(folder.glob(f"*desc-{name}_*.tsv")), sep="\t", na_values=["n/a"])
        for name in ("lags", "partition")
    }
    return read["lags"].set_index(["name", "lag_s"]), read["partition"].set_index("name")


def test_a_planted_response_peaks_at_its_lag(study):
    lags, own = tables(study)
    planted = lags.loc["A1"]
    assert planted["length_rsquared"].idxmax() == pytest.approx(LATE_S)
    assert planted["length_rsquared"].max() > 0.5
    assert planted.loc[LATE_S, "uniqueLength_pfwe"] <= 0.05
    assert (lags.loc["A3", "full_pfwe"] > 0.05).all()
    assert own.loc["A1", "length_rsquared"] > 0.3
    assert own.loc["A3", "length_rsquared"] < 0.05


def test_words_are_counted(study):
    summary = json.loads((study / "out/logs/sub-01_task-story_unit.json").read_text())
    for row in summary["recordings"]:
        run = int(row["label"].split("run-")[1][0])
        onsets = [start + onset for story, start in stories_of(run) for onset, _, _ in words_of(story)]
        inside = [onset for onset in onsets if onset - 0.55 >= 0 and onset + 1.05 < 130]
        assert (row["used"], row["total"]) == (len(inside), len(onsets))
    assert any(row["used"] < row["total"] for row in summary["recordings"])  # those before the recording began


def test_electrodes_that_respond_to_speech_are_named(study):
    _, own = tables(study)
    assert own["responsive"].tolist() == [True, True, False]
    assert "q ≤ 0.05" in report_text(study / "out/sub-01.html")


def test_a_clock_wrong_by_a_tenth_of_a_second_moves_the_peak(study):
    events = sorted((study / "bids/sub-01/ieeg").glob("*_events.tsv"))
    kept = [path.read_text() for path in events]
    for path in events:
        table = pd.read_csv(path, sep="\t")
        table["onset"] += 0.1
        table.to_csv(path, sep="\t", index=False)
    command = [str(study / "bids"), str(study / "late"), "participant", "--analysis", str(study / "tiny.yaml")]
    assert main(command) == 0
    for path, text in zip(events, kept, strict=True):
        path.write_text(text)
    lags, _ = tables(study, "late")
    assert lags.loc["A1", "length_rsquared"].idxmax() == pytest.approx(LATE_S - 0.1)


def test_without_word_times_a_recording_is_named_and_not_fitted(study, tmp_path, capsys):
    bids, _ = make_study(tmp_path)
    for path in (bids / "stimuli").glob("*.tsv"):
        path.unlink()
    only_sound = ANALYSIS.replace("  length: {kind: word_length}\n", "")
    (tmp_path / "sound.yaml").write_text(only_sound)
    command = [str(bids), str(tmp_path / "out"), "participant", "--analysis", str(tmp_path / "sound.yaml")]
    assert main([*command, "--dry-run"]) == 1
    assert "no word times" in capsys.readouterr().out
    assert main(command) == 1
    assert "no word times" in (tmp_path / "out" / "status.tsv").read_text()


def test_words_of_stimuli_that_overlap_are_in_order_of_time(tmp_path, monkeypatch):
    bids, analysis = make_study(tmp_path)
    for path in (bids / "sub-01/ieeg").glob("*_events.tsv"):
        table = pd.read_csv(path, sep="\t")
        table.loc[1, "onset"] = table["onset"][0] + 30
        table.to_csv(path, sep="\t", index=False)
    met, build = [], encoding.build_design
    monkeypatch.setattr(encoding, "build_design", lambda runs, *rest: met.extend(runs) or build(runs, *rest))
    assert main([str(bids), str(tmp_path / "out"), "participant", "--analysis", str(analysis)]) == 0
    assert len(met) == 2
    for run in met:
        assert (np.diff(run.times_s) >= 0).all()
        assert (np.diff(run.epochs.starts[:, 0]) >= 0).all()
        assert len({len(run.times_s), len(run.epochs.starts), *(len(band) for band in run.bands.values())}) == 1


def test_results_are_split_by_window_and_every_field_of_the_fit_with_them():
    spec = EpochSpec((0.0, 0.1), 0.1, (0.0, 0.5))
    values = np.arange(12.0)  # four electrodes, three windows
    every = Partition(("a",), {"full": {"rsquared": values}})
    own, lags = summary_of(every, 3), lags_of(every, spec)
    assert own.values["full"]["rsquared"].tolist() == [0, 3, 6, 9]
    assert lags.partition.values["full"]["rsquared"].tolist() == [[1, 2], [4, 5], [7, 8], [10, 11]]
    two = np.stack([values, values])
    fit = Fit((("a",),), two, two, two, {"a": two[:1]}, (0.0,), (), (), {"a": values}, two, {"a": two}, {"a": two})
    small = fit_of_summary(fit, 3)
    for name in ("rsquared", "r", "at_edge", "alpha"):
        assert getattr(small, name).shape == (2, 4), name
    for name in ("profile", "product", "band_weights", "weights"):
        assert getattr(small, name)["a"].shape[-1] == 4, name


def test_the_study_is_planted_as_it_says():
    (story, start_s), _ = stories_of(1)
    onset, _, _ = max(words_of(story), key=lambda word: len(word[2]))
    values = signals(1)[0]
    assert values[round((start_s + onset + LATE_S) * 512)] > 1
