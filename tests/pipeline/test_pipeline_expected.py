"""What can be asked of an analysis can be counted: every preset, and settings of every kind."""

import itertools
import re

import pytest

from bids_app.execution.cost import fit_cost, fit_mb
from bids_app.features import ExpectedSeconds
from bids_app.pipeline.job.job import make_job
from bids_app.pipeline.job.models import LOADING_S, CheckedModels
from bids_app.pipeline.watching.expected import FeatureWork, Shapes, fit_seconds, fit_size
from bids_app.records import ModelSource, RecordingQuery
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
