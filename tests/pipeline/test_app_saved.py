"""`--save` and `save:`: results that are there are used again unless what is to be saved is not, and numbers stay."""

import json

import numpy as np
import pytest
from quick_study import func, main, make_quick_study, quick_runs, stem, summary
from tiny_ieeg import make_study as make_ieeg

import bids_app as concord
from bids_app.disk import scratch
from bids_app.outputs.files.serialise import PROOF
from bids_app.records import SAVED

WANTED = ("predictions", "weights", "alphas")


def run(root, *more, levels=("participant",), analysis="quick.yaml"):
    with quick_runs():
        return main([str(root / "bids"), str(root / "out"), *levels, "--analysis", str(root / analysis), *more])


def numbers(root):
    """The unit's files, by their hashes."""
    return json.loads(summary(root, "01").read_text())["files"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = make_quick_study(tmp_path_factory.mktemp("saved"), ("01",), (1, 2, 3))
    assert run(root) == 0
    return root


def test_the_line_from_nothing_saved_to_all_of_it(study, capsys, monkeypatch, tmp_path):
    before = numbers(study)
    assert run(study, "--save", *WANTED, "--dry-run") == 0
    said = "unsaved: to be saved, and not there: predictions, weights, alphas"
    assert said in capsys.readouterr().out
    plan = json.loads((study / "out/plan.json").read_text())
    assert (plan["units"][0]["results"], plan["units"][0]["reason"]) == ("unsaved", said.removeprefix("unsaved: "))

    made, make = [], scratch.mkdtemp
    monkeypatch.setattr(scratch, "mkdtemp", lambda **of: made.append(of["dir"]) or make(**of))
    work = tmp_path / "new" / "work"
    assert run(study, "--save", *WANTED, "-w", str(work)) == 0
    assert made == [work, work]  # of the run and of its unit, and nothing is left there
    assert not list(work.iterdir())
    assert "again: to be saved, and not there: predictions, weights, alphas" in capsys.readouterr().out
    assert numbers(study) == before  # it changes no number, to the bit
    monkeypatch.undo()

    (study / "saving.yaml").write_text((study / "quick.yaml").read_text() + "save: [alphas, predictions]\n")
    assert run(study, analysis="saving.yaml") == 0  # of the same hash, and it is there
    assert "reused" in capsys.readouterr().out
    assert run(study) == 0
    assert "reused" in capsys.readouterr().out
    assert func(study, "01", "desc-predicted_timeseries.nii.gz").exists()

    results = concord.open(study / "out")
    predictions = results.predictions("01")
    values = results.values("01", ["full", "hyperparameters"])
    full = values[values.component == "full"]
    np.testing.assert_allclose(predictions.rsquared, full.rsquared, atol=1e-5)
    assert full.rsquared.max() > 0.1
    assert set(predictions.samples.run.str[:18]) == {"sub-01_task-story_"}
    assert predictions.samples.fold.nunique() == 3

    alphas, chosen = results.alphas("01"), values[values.component == "hyperparameters"]
    assert tuple(alphas.alpha) == (("rate",), ("length",), ("rate", "length"))
    median = np.median(np.log10(alphas.alpha["rate", "length"]), axis=0)
    np.testing.assert_allclose(median[np.isfinite(median)], chosen.log10Alpha, atol=1e-6)

    weights = results.weights("01")
    assert weights["rate"].values.shape == (3, 2, 1, 40)
    size = np.abs(weights["rate"].values).mean()
    assert 0 < size < 10


def test_one_that_is_gone_is_made_again(study, capsys):
    assert run(study, "--save", *WANTED) == 0
    func(study, "01", "desc-alphas_encoding.h5").unlink()
    assert run(study) == 0
    assert "reused" in capsys.readouterr().out
    assert run(study, "--save", "alphas") == 0
    assert "not there: alphas" in capsys.readouterr().out
    assert func(study, "01", "desc-alphas_encoding.h5").exists()
    assert not func(study, "01", "desc-predicted_timeseries.nii.gz").exists()  # nobody asked for it
    content = json.loads((study / f"out/logs/{stem('01')}_saved.json").read_text())
    assert content["what"] == ["alphas"]
    assert PROOF in content


def test_a_solver_that_keeps_no_models_is_refused(study, capsys):
    text = (study / "quick.yaml").read_text().replace("solver: ridge", "solver: chen2024")
    (study / "published.yaml").write_text(text)
    assert run(study, "--save", "weights", analysis="published.yaml") == 64
    assert "the solver chen2024 keeps no models, and weights are to be saved" in capsys.readouterr().err


def test_an_unknown_thing_to_save_is_one_line(study, capsys):
    (study / "wrong.yaml").write_text((study / "quick.yaml").read_text() + "save: [prediction]\n")
    assert run(study, analysis="wrong.yaml") == 64
    assert "save.0" in capsys.readouterr().err
    assert run(study, "--save", "prediction") == 64


@pytest.mark.long
def test_where_rows_are_words_it_is_of_the_electrodes_own_value(tmp_path):
    bids, analysis = make_ieeg(tmp_path)
    command = [str(bids), str(tmp_path / "out"), "participant", "--analysis", str(analysis), "-q"]
    with quick_runs():
        assert main([*command, "--save", *SAVED]) == 0
    results = concord.open(tmp_path / "out")
    predictions, full = results.predictions("01"), results.map("01", "full")
    assert predictions.targets == tuple(full.index)
    np.testing.assert_allclose(predictions.rsquared, full, atol=1e-5)
    n_words = sum(row.used for row in results.summaries[0].recordings)
    assert len(predictions.samples) == n_words
    assert predictions.samples.time_s.is_monotonic_increasing or predictions.samples.run.nunique() > 1
    weights = results.weights("01")
    assert {one.values.shape[1:] for one in weights.values()} == {(1, 1, len(full)), (1, 2, len(full))}
    union = next(reversed(results.alphas("01").alpha))
    chosen = results.map("01", "hyperparameters", "log10Alpha")
    np.testing.assert_allclose(np.median(np.log10(results.alphas("01").alpha[union]), axis=0), chosen, atol=1e-5)
    sidecar = next((tmp_path / "out/sub-01/ieeg").glob("*_desc-predicted_timeseries.json"))
    assert "SamplingFrequency" not in json.loads(sidecar.read_text())  # words are not evenly spaced
