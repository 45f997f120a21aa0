"""Features of a file of one's own: those that a run of the program makes of it; errors in one line."""

from dataclasses import replace

import numpy as np
import pytest
from tiny_study import write_stimulus

import bids_app as concord
from bids_app import dataset, features
from bids_app.records import FeatureSpec, ModelSource, Recording, StimulusEvent


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("bids") / "stimuli"
    made.mkdir()
    write_stimulus(made, 1)
    return made


def as_a_run_has_it(folder, spec):
    """Through the data set, as the pipeline loads a stimulus."""
    recording = Recording("01", "fmri", "volume", "n/a", {}, (folder / "x_bold.nii.gz",), 0.5, 0.0, ())
    stimulus = dataset.load_stimulus(recording, StimulusEvent(0.0, "story1.wav"), folder.parent, None, True)
    return features.extract(stimulus, spec, ModelSource(offline=True)), stimulus


@pytest.mark.parametrize(
    ("spec", "options"),
    [
        ("word_rate", {}),
        ("envelope", {}),
        ({"kind": "melspectrogram", "n_mels": 8}, {"n_mels": 8}),
        ({"kind": "word_length", "name": "length"}, {}),
    ],
)
def test_features_are_those_of_a_run(folder, spec, options):
    kind = spec if isinstance(spec, str) else spec["kind"]
    name = kind if isinstance(spec, str) else spec.get("name", kind)
    expected, stimulus = as_a_run_has_it(folder, FeatureSpec(name, kind, options))
    found = concord.extract(folder / "story1.wav", spec)
    assert isinstance(found, concord.Features)
    assert (found.name, found.sampling, found.provenance) == (name, expected.sampling, expected.provenance)
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_array_equal(found.times_s, expected.times_s)
    # the record itself will do, and a spec that is one
    np.testing.assert_array_equal(concord.extract(stimulus, FeatureSpec(name, kind, options)).values, expected.values)


def test_a_transcript_will_do_for_words(folder, tmp_path):
    alone = concord.extract(str(folder / "story1.tsv"), "word_rate")
    (tmp_path / "other.tsv").write_text((folder / "story1.tsv").read_text())
    elsewhere = concord.extract(folder / "story1.wav", "word_rate", words=tmp_path / "other.tsv")
    np.testing.assert_array_equal(alone.values, elsewhere.values)
    np.testing.assert_array_equal(alone.onsets_s, elsewhere.onsets_s)


def test_a_link_that_the_caller_names_is_followed(folder, tmp_path):
    (tmp_path / "heard.wav").symlink_to(folder / "story1.wav")
    found = concord.extract(tmp_path / "heard.wav", "envelope")
    np.testing.assert_array_equal(found.values, concord.extract(folder / "story1.wav", "envelope").values)


def test_own_features_are_read_beside_the_stimulus(folder):
    np.save(folder / "story1_mine.npy", np.arange(24.0)[:, None])
    found = concord.extract(folder / "story1.wav", {"kind": "file", "path": "{stem}_mine.npy", "rate_hz": 2})
    np.testing.assert_array_equal(found.values[:, 0], np.arange(24))
    np.testing.assert_array_equal(found.times_s, np.arange(24) / 2)


@pytest.mark.parametrize(
    ("file", "spec", "options", "words", "code"),
    [
        ("story9.wav", "word_rate", {}, "file is not there", 65),
        ("story1.tsv", "envelope", {}, "the stimulus has no audio", 65),
        ("story1.wav", "melspectogram", {}, "did you mean 'melspectrogram'", 64),
        ("story1.wav", {"kind": "melspectrogram", "nmels": 8}, {}, "did you mean 'n_mels'", 64),
        ("story1.wav", {"kind": "melspectrogram", "n_mels": "8"}, {}, "'n_mels' must be a whole number", 64),
        ("story1.wav", {"kind": "melspectrogram", "pca": 4}, {}, "leave it out here", 64),
        ("story1.wav", {"n_mels": 8}, {}, "the spec has no kind", 64),
        ("story1.pdf", "word_rate", {}, "neither a sound nor a transcript", 64),
        ("story1.tsv", "word_rate", {"words": "story1.tsv"}, "two transcripts", 64),
        ("story1.wav", "contextual_residual", {}, "", 64),
        ("story1.wav", {"kind": "speech_model", "model": "facebook/wav2vec2-base", "layer": 7}, {}, "not there", 66),
    ],
)
def test_what_is_wrong_is_one_line(folder, file, spec, options, words, code):
    with pytest.raises(concord.ConcordError) as caught:
        concord.extract(folder / file, spec, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == code


def test_silence_of_the_network_is_the_default(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(features, "extract", lambda stimulus, spec, source: asked.append(source))
    concord.extract(folder / "story1.wav", "word_rate")
    concord.extract(folder / "story1.wav", "word_rate", offline=False, device="cuda", model_dir="models")
    assert [(one.offline, one.device) for one in asked] == [(True, "cpu"), (False, "cuda")]
    assert replace(asked[1], model_dir=None).model_dir is None
    assert str(asked[1].model_dir) == "models"
