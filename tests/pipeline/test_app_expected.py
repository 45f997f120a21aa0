"""What a unit should take is counted before it begins on shapes that are those of its fit."""

import nibabel as nib
import numpy as np
import pytest
import tiny_ieeg
from quick_study import concord, make_quick_study, plain_brains

from bids_app.cli.concord import main
from bids_app.dataset import count_targets, count_varying
from bids_app.pipeline.unit import fit_unit
from bids_app.pipeline.watching import expected
from bids_app.records import Recording


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


def test_an_estimate_that_cannot_be_made_costs_nothing(tmp_path, monkeypatch):
    def fails(*_):
        raise ValueError("a fault of the estimate")

    run = fmri(tmp_path)
    monkeypatch.setattr("bids_app.pipeline.participants.expected", fails)
    monkeypatch.setattr("bids_app.pipeline.unit.fit_unit.fit_seconds", fails)
    with plain_brains():
        assert run() == 0


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
