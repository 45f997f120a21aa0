"""What a unit should take is counted before it begins on shapes that are those of its fit."""

import nibabel as nib
import numpy as np
import pytest
import tiny_ieeg
from quick_study import concord, make_quick_study, plain_brains

from bids_app.cli.concord import main, parse_arguments
from bids_app.dataset import count_targets, count_varying
from bids_app.pipeline.job.job import make_job
from bids_app.pipeline.unit import fit_unit
from bids_app.pipeline.watching import expected
from bids_app.records import Recording

PRESETS = ("speech-language", "chen2024", "chen2024-cv", "deheer2017", "word-rate", "demo")


def shapes_of_run(run):
    """As foreseen, and as they were, of every unit of a run."""
    before, after = [], []
    with plain_brains(), pytest.MonkeyPatch.context() as patch:
        plain = expected.fit_seconds
        patch.setattr(expected, "fit_seconds", lambda shapes, *rest: before.append(shapes) or plain(shapes, *rest))
        patch.setattr(fit_unit, "fit_seconds", lambda shapes, *rest: after.append(shapes) or plain(shapes, *rest))
        assert run() == 0
    return before, after


def fmri(root):
    make_quick_study(root, people=("01",), runs=(1, 2, 3))
    return lambda: concord(root, "participant")


def words(root):
    bids, analysis = tiny_ieeg.make_study(root)
    return lambda: main([str(bids), str(root / "out"), "participant", "--analysis", str(analysis)])


def continuous(root):
    bids, analysis = tiny_ieeg.make_study(root)
    text = analysis.read_text().replace("rate_hz: 100", "rate_hz: 10")
    analysis.write_text(text.replace("{mode: words, lags_s: [-0.5, 1, 0.05], window_s: 0.1, summary_s: [0, 0.5]}",
                                     "{mode: trf, lags_s: [0, 0.4, 0.1]}"))  # fmt: skip
    return lambda: main([str(bids), str(root / "out"), "participant", "--analysis", str(analysis)])


@pytest.mark.parametrize("make", [fmri, words, continuous])
def test_shapes_are_foreseen(tmp_path, make):
    before, after = shapes_of_run(make(tmp_path))
    assert len(before) == len(after) == 1
    for foreseen, was in zip(before, after, strict=True):
        assert (foreseen.modality, foreseen.n_targets, foreseen.n_outer) == (was.modality, was.n_targets, was.n_outer)
        assert foreseen.n_times == pytest.approx(was.n_times, rel=0.25)
        assert foreseen.heard_s == pytest.approx(was.heard_s, rel=0.25)


@pytest.mark.parametrize(
    "where", ["participants.expected", "unit.fit_unit.fit_seconds", "unit.fit_unit.pace", "foreseen.require_enough"]
)
def test_an_estimate_that_cannot_be_made_costs_nothing(tmp_path, monkeypatch, where):
    def fails(*_):
        raise ValueError("a fault of the estimate")

    run = fmri(tmp_path)
    monkeypatch.setattr(f"bids_app.pipeline.{where}", fails)
    with plain_brains():
        assert run() == 0


@pytest.mark.parametrize("modality", ["fmri", "ieeg"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_an_estimate(preset, modality, tmp_path):
    """Bands of a shared subspace that is fitted to all samples are among them."""
    (tmp_path / "bids").mkdir()
    given = [str(tmp_path / "bids"), str(tmp_path / "out"), "participant", "--analysis", preset, "--device", "cpu"]
    job = make_job(parse_arguments([*given, "--dry-run"]))
    seconds = expected.fit_seconds(expected.Shapes(modality, 1000, 50, 5, 2000.0), job, 1.0)
    assert sum(seconds.values()) > 0


def test_vertices_that_never_vary_are_not_counted(tmp_path):
    paths = []
    for side in "LR":
        values = np.random.default_rng(0).normal(size=(5, 642)).astype(np.float32)
        values[:, 100:] = 0
        image = nib.gifti.GiftiImage(darrays=[nib.gifti.GiftiDataArray(row) for row in values])
        paths.append(tmp_path / f"sub-01_task-story_hemi-{side}_space-fsaverage3_bold.func.gii")
        image.to_filename(paths[-1])
    recording = Recording("01", "fmri", "surface", "fsaverage3", {"task": "story"}, tuple(paths), 0.5, 0.0, ())
    assert count_targets(recording) == 1284
    assert count_varying(recording) == 200
