"""An untrained twin of a model as a control, through the command line, with weights of a real architecture."""

import h5py
import numpy as np
import pytest
import tiny_models
from report_text import report_text
from tiny_study import SHAPE, TR, N, make_study, words_of, write_run
from written_maps import file_of, map_of, sidecar_of

from bids_app import encoding
from bids_app.cli.concord import main

RUNS = (1, 2, 3, 4)
SPACE = "kind: language_model, model: tiny, layer: 2, context_words: 6"
ANALYSIS = f"""\
name: twins
features:
  language: {{{SPACE}}}
  random: {{{SPACE}, untrained: true}}
partition: {{spaces: [language]}}
controls: [random]
response: {{fmri: {{confounds: motion, high_pass_s: 128}}}}
design: {{fmri: {{delays_s: [2, 4], skip_onset_s: 10}}}}
fit: {{candidates: 4, alphas: [0.1, 100000, 7]}}
inference: {{permutations: 199, block_s: {{fmri: 20}}}}
"""


def run(root, bids, out, *more):
    given = [str(bids), str(root / out), "participant", "--analysis", str(root / "twins.yaml")]
    return main([*given, "--model-dir", str(root / "models"), "--offline", *more])


def rows_of(root, number, space):
    (path,) = root.glob(f"first/stimuli/stim-story{number}*/*{space}*_features.h5")
    with h5py.File(path) as held:
        return held["values"][:], held["times_s"][:]


def bold(root, number):
    """Voxels with i < 2 follow the model's states, i = 2 its untrained twin's, the others nothing."""
    data = 100 + np.random.default_rng(number).normal(size=(*SHAPE, N))
    for space, places in (("language", (0, 1)), ("random", (2,))):
        whole = np.concatenate([rows_of(root, one, space)[0] for one in RUNS])
        mean, scale = whole.mean(axis=0), whole.std(axis=0) + 1e-9
        axes = np.linalg.svd((whole - mean) / scale, full_matrices=False)[2]
        values, times_s = rows_of(root, number, space)
        signal = (values - mean) / scale @ axes[:2].T @ np.array([1.0, 0.7])
        signal = encoding.resample(signal[:, None], times_s, np.arange(N) * TR - 4.0, TR, "events")[:, 0]
        for i in places:
            data[i] += 1.5 * (signal - signal.mean()) / signal.std()
    return data.astype(np.float32)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("twins")
    bids, _ = make_study(root, ("01",), RUNS)
    text, letters = np.random.default_rng(0), list("abcdefghijklmnopqrstuvwxyz")
    for number in RUNS:
        lines = [f"{''.join(text.choice(letters, 4))}\t{s:.3f}\t{s + 0.25:.3f}\n" for s in words_of(number)]
        (bids / "stimuli" / f"story{number}.tsv").write_text("word\tstart\tend\n" + "".join(lines))
    tiny_models.save_language_model(root / "models/tiny")
    (root / "twins.yaml").write_text(ANALYSIS)
    assert run(root, bids, "first") == 0  # the features that responses are planted on
    for number in RUNS:
        write_run(bids, bids / "derivatives/fmriprep", "01", number, bold(root, number))
    assert run(root, bids, "out", "--features-from", str(root / "first")) == 0
    return root


def values(study, component, stat):
    return map_of(study / "out/sub-01/func", component, stat)


def test_the_twin_has_other_weights_of_the_same_shape(study):
    trained, random = rows_of(study, 1, "language")[0], rows_of(study, 1, "random")[0]
    assert trained.shape == random.shape
    assert not np.allclose(trained, random, atol=0.1)


def test_what_training_adds_is_found_where_it_is_and_only_there(study):
    beyond = values(study, "languageBeyondUntrained", "pfwe")
    assert (beyond[:2] <= 0.05).mean() > 0.8
    assert (beyond[2:] > 0.05).all()
    assert (values(study, "controlRandom", "rsquared")[2] > 0.2).all()
    assert (values(study, "language", "rsquared")[:2] > values(study, "controlRandom", "rsquared")[:2] + 0.05).all()


def test_outputs_say_that_its_weights_are_random(study):
    path, _ = file_of(study / "out/sub-01/func", "controlRandom", "rsquared")
    spaces = sidecar_of(path)["FeatureSpaces"]
    assert spaces["random"]["untrained"] == 0
    assert "untrained" not in spaces["language"]
    said = report_text(study / "out/sub-01.html")
    assert "In 16 of 40 voxels language predicts more than the same model with random weights" in said
    assert "untrained: random weights of seed 0" in said
