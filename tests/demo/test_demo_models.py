"""Stand-in models: load as any model, say what they are, and know their context."""

import stat
from dataclasses import replace

import numpy as np
import pytest

from bids_app import features
from bids_app.demo.models import LANGUAGE, SPEECH, make_models
from bids_app.demo.sample import SPECS, as_stimulus
from bids_app.demo.text import write_run
from bids_app.demo.voice import RATE_HZ, speak
from bids_app.features.transformers.models import ModelName
from bids_app.features.transformers.tokenizers import load_tokenizer
from bids_app.records import ModelSource

SPEC = {spec.name: spec for spec in SPECS}


def texts(seed=1, runs=4):
    return [" ".join(sentence.words) for run in range(runs) for scene in write_run(seed, run) for sentence in scene]


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    make_models(folder, texts())
    return ModelSource(folder, offline=True)


@pytest.fixture(scope="module")
def story():
    return as_stimulus(speak(write_run(0, 0)[:1], 25.0), "story")


def test_every_space_of_the_demo_is_extracted(source, story):
    for spec in SPECS:
        made = features.extract(story, features.resolve(spec), source)
        assert made.values.shape[1] >= (spec.pca or 1)
        assert (made.values.std(axis=0) > 0).sum() >= (spec.pca or 1)


@pytest.mark.parametrize("name", ["semantic", "speech", "language"])
def test_untrained_models_say_so(source, story, name):
    assert features.extract(story, features.resolve(SPEC[name]), source).provenance.stand_in is True


def test_no_phone_of_the_narrators_is_unknown(source, story):
    assert features.extract(story, features.resolve(SPEC["phonetic"]), source).provenance.unknown_share == 0


def test_the_same_bytes_each_time(source, tmp_path):
    make_models(tmp_path, texts())
    for path in sorted(tmp_path.rglob("*.*")):
        assert path.read_bytes() == (source.model_dir / path.relative_to(tmp_path)).read_bytes(), path.name


def test_anyone_may_read_them(source):
    for path in source.model_dir.rglob("*.*"):
        assert path.stat().st_mode & stat.S_IROTH, path.name


def test_byte_pairs_spell_any_word(source):
    tokenizer = load_tokenizer(ModelName(LANGUAGE), source)
    assert len(tokenizer(" lake")["input_ids"]) < len(" lake")
    assert tokenizer.decode(tokenizer("Übermut, 3 €")["input_ids"]) == "Übermut, 3 €"


def test_states_of_a_word_follow_its_context(source, story):
    values = features.extract(story, features.resolve(SPEC["language"]), source).values
    words = np.array(story.words.text)
    common = values[words == "the"]
    assert len(common) > 5
    assert common.std(axis=0).mean() > 0.3 * values.std(axis=0).mean()


def test_the_speech_model_hears_polarity_and_the_spectrogram_does_not(source, story):
    heard = {"audio": story.audio[: 10 * RATE_HZ]}
    turned = {"audio": -heard["audio"]}
    made = {}
    for name in ("acoustic", "speech"):
        spec = features.resolve(SPEC[name])
        made[name] = [features.extract(replace(story, **audio), spec, source).values for audio in (heard, turned)]
    one, other = made["acoustic"]
    np.testing.assert_allclose(one, other, atol=1e-3)
    one, other = made["speech"]
    assert np.abs(one - other).mean() > 0.2 * one.std(axis=0).mean()


def test_both_are_where_the_preset_expects_them(source):
    for name in (SPEECH, LANGUAGE):
        assert (source.model_dir / name / "model.safetensors").is_file()
