"""What can be asked of an analysis can be counted: every preset, and settings of every kind."""

import itertools
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from bids_app.encoding.ridge.batches import BLOCK_WIDTH
from bids_app.execution import FEATURES, PREPARED, RESPONSES
from bids_app.execution.cost import fit_cost, fit_mb
from bids_app.features import ExpectedSeconds
from bids_app.pipeline.job.job import make_job
from bids_app.pipeline.job.models import LOADING_S, CheckedModels
from bids_app.pipeline.watching import expected
from bids_app.pipeline.watching.expected import FeatureWork, Shapes, fit_seconds, fit_size, unit_cost
from bids_app.records import LAYERS_STAGE, SEARCH_STAGE, ModelSource, RecordingQuery
from bids_app.settings.load import preset_names, preset_text
from bids_app.settings.run_options import RunOptions

CHANGES = {
    "as it is": (),
    "blocks": (("outer: by_run", "outer: 4"), ("inner: by_run", "inner: 3")),
    "ridge": (("solver: banded_ridge", "solver: ridge"),),
    "no tests": (),
    "layers": (("layer: 8", "layer: [4, 8]"), ("shared_subspace:", "#")),
}


def job_of(tmp_path, text):
    (tmp_path / "analysis.yaml").write_text(text)
    query = RecordingQuery(bids_dir=tmp_path, out_dir=tmp_path / "out")
    options = RunOptions(query, ("participant",), str(tmp_path / "analysis.yaml"), ModelSource(None, True, "cpu"))
    return make_job(options)


@pytest.mark.parametrize(("preset", "change"), [*itertools.product(preset_names(), CHANGES)])
@pytest.mark.parametrize("modality", ["fmri", "ieeg"])
def test_every_analysis_has_an_estimate(tmp_path, preset, change, modality):
    text = preset_text(preset)
    for old, new in CHANGES[change]:
        if old not in text:
            pytest.skip("not of this preset")
        text = text.replace(old, new)
    if change == "no tests":
        text = re.sub(r"^inference:.*$", "", text, flags=re.MULTILINE) + "\ninference: {permutations: 0}\n"
    job, shapes = job_of(tmp_path, text), Shapes(modality, 800, 400, 4, 1600.0)
    size = fit_size(shapes, job)
    assert all(value >= 0 for value in fit_cost(size).values())
    assert 0 < sum(fit_seconds(shapes, job, 1.0).values()) < 1e7
    assert 400 < fit_mb(size, 0, None) <= 5500


def test_models_take_time_and_memory_where_they_are_loaded():
    models = CheckedModels(
        times={"speech": ExpectedSeconds(60.0, "")},
        sound_s={"speech": 600.0},
        of_models=frozenset({"speech", "static"}),
    )
    rate, static, speech = ({name: [300.0]} for name in ("rate", "static", "speech"))
    assert FeatureWork.of(rate, models) == FeatureWork(rate, 0.0, False)
    assert FeatureWork.of(static, models) == FeatureWork(static, LOADING_S, True)
    assert FeatureWork.of(speech, models) == FeatureWork(speech, LOADING_S + 30.0, True)


def cost_of(job, n_targets, monkeypatch):
    """Of a unit of 760 samples, in four folds."""
    shapes = Shapes("fmri", 760, n_targets, 4, 1500.0)
    monkeypatch.setattr(expected, "_shapes_of", lambda unit, accounts, n, job: replace(shapes, n_targets=n))
    return unit_cost(SimpleNamespace(recordings=()), (), n_targets, job, 1.0)


def test_what_shares_repeat_and_what_they_fit_is_all_of_a_unit(tmp_path, monkeypatch):
    job = job_of(tmp_path, preset_text("speech-language"))
    few, many = (cost_of(job, n, monkeypatch) for n in (2000, 70_000))
    for n, cost in ((2000, few), (70_000, many)):
        assert cost.alone_s == pytest.approx(sum(fit_seconds(Shapes("fmri", 760, n, 4, 1500.0), job, 1.0).values()))
    assert (few.before_s, few.again_s) == (many.before_s, many.again_s)  # in every share
    assert many.targets_s == pytest.approx(35 * few.targets_s)
    assert (few.most, many.most) == (1, 35)
    assert BLOCK_WIDTH["cpu"] == expected.SHARED_TARGETS


def test_units_that_are_not_shared_out_have_no_cost(tmp_path, monkeypatch):
    text = preset_text("speech-language")
    job = job_of(tmp_path, text)

    def with_options(**changes):
        return replace(job, options=replace(job.options, **changes))

    assert cost_of(with_options(save=("alphas", "blocks")), 10, monkeypatch) is not None
    assert cost_of(with_options(save=("weights",)), 10, monkeypatch) is None
    on_gpu = replace(job.options.models, device="cuda")
    assert cost_of(with_options(models=on_gpu), 10, monkeypatch) is None
    assert cost_of(job_of(tmp_path, preset_text("chen2024")), 10, monkeypatch) is None


def test_what_shares_do_not_spare_a_unit_is_expected_of_it(tmp_path, monkeypatch):
    """It is read and prepared, and layers are scored, by whoever joins shares, of all targets."""
    old, new = CHANGES["layers"][0]
    text = preset_text("speech-language").replace(old, new)
    assert new in text
    job, unit = job_of(tmp_path, text), SimpleNamespace(recordings=())
    shapes = Shapes("fmri", 760, 0, 4, 1500.0)
    monkeypatch.setattr(expected, "_shapes_of", lambda unit, accounts, n, job: replace(shapes, n_targets=n))
    of = [
        expected.expected(unit, (), 70_000, FeatureWork({}, 7.0, False), job, 1.0, here).seconds
        for here in (1, 0.5, 0)
    ]
    assert {*of[0]} == {*of[1]} == {RESPONSES, FEATURES, *fit_seconds(shapes, job, 1.0)}
    assert {*of[2]} == {RESPONSES, FEATURES, PREPARED, LAYERS_STAGE}
    for name, seconds in of[2].items():
        assert seconds == of[1][name] == of[0][name]
    assert of[2][LAYERS_STAGE] > 60
    assert of[1][SEARCH_STAGE] < 0.6 * of[0][SEARCH_STAGE]
