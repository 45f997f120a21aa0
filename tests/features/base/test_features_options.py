"""Specs: defaults filled in, everything else refused in one line."""

from pathlib import Path

import numpy as np
import pytest
from tiny_models import noise, stimulus, words_at

from bids_app import features
from bids_app.errors import DataError, UsageError
from bids_app.records import FeatureSpec, ModelSource

SPEECH = {"model": "m", "layer": 8}


def test_defaults_are_filled_in_and_resolving_twice_changes_nothing():
    spec = features.resolve(
        FeatureSpec("s", "speech_model", {"model": "m", "layer": 8, "window_s": 4}, 10, Path("x"))
    )
    assert spec.options == {
        "model": "m",
        "revision": None,
        "untrained": None,
        "part": "encoder",
        "layer": 8,
        "window_s": 4.0,
        "stride_s": 0.1,
        "mode": "window",
        "refresh_s": None,
        "subtokens": None,
        "language": None,
        "casing": None,
        "precision": "float32",
    }
    assert isinstance(spec.options["window_s"], float)
    assert (spec.pca, spec.base_dir) == (10, Path("x"))
    assert features.resolve(spec) == spec


@pytest.mark.parametrize(
    ("kind", "options", "line"),
    [
        ("melspectogram", {}, "unknown kind 'melspectogram': feature 'x' (did you mean 'melspectrogram'?)"),
        ("melspectrogram", {"n_mel": 80}, "unknown option 'n_mel' .*did you mean 'n_mels'"),
        ("word_rate", {"model": "gpt2"}, "unknown option 'model' .*it has none"),
        ("language_model", {"layer": 8}, "needs the option 'model'"),
        ("language_model", {"model": "gpt2", "layer": "8"}, "'layer' must be a number, a list, all, not '8'"),
        ("language_model", {"model": "gpt2", "layer": 8.0}, "'layer' must be a whole number"),
        ("language_model", {"model": "gpt2", "layer": True}, "'layer' must be a whole number"),
        ("language_model", {"model": "gpt2", "layer": "cnn"}, "'layer' must be a number, a list, all, not 'cnn'"),
        ("language_model", {"model": "gpt2", "layer": []}, r"must list layers, each once, not \[\]"),
        ("language_model", {"model": "gpt2", "layer": [1, 1]}, "must list layers, each once"),
        (
            "language_model",
            {"model": "gpt2", "layer": 1, "subtokens": "first"},
            "'subtokens' must be mean or last or",
        ),
        ("language_model", {"model": "gpt2", "layer": 1, "context": 5}, "'context' must be .tokens: …, stride: …"),
        ("language_model", {"model": "gpt2", "layer": 1, "context": {"tokens": 5, "stride": 6}}, "must be at most 5"),
        ("language_model", {"model": "gpt2", "layer": 1, "untrained": -1}, "'untrained' must be at least 0"),
        ("surprisal", {"model": "m", "context": {"tokens": 9}, "context_words": 4}, "not both"),
        ("word_embedding", {"model": "glove.txt", "untrained": True}, "'untrained' is for models, not for a file"),
        ("language_model", {"model": "gpt2", "layer": -1}, "'layer' must be at least 0"),
        ("language_model", {"model": "", "layer": 1}, "'model' must be a text"),
        ("language_model", {"model": None, "layer": 1}, "'model' must be a text"),
        ("melspectrogram", {"hop_s": 0}, "'hop_s' must be at least 0.001"),
        ("melspectrogram", {"hop_s": float("nan")}, "'hop_s' must be a number"),
        ("melspectrogram", {"hop_s": float("inf")}, "'hop_s' must be a number"),
        ("melspectrogram", {"n_mels": [80]}, "'n_mels' must be a whole number"),
        ("speech_model", {**SPEECH, "mode": "both"}, "'mode' must be window or utterance, not 'both'"),
        ("speech_model", {**SPEECH, "refresh_s": 0.25}, "'refresh_s' must be a multiple of 'stride_s'"),
        ("speech_model", {**SPEECH, "refresh_s": 0}, "'refresh_s' must be a multiple of 'stride_s'"),
        ("speech_model", {**SPEECH, "refresh_s": 1, "mode": "utterance"}, "'refresh_s' is for 'mode: window'"),
        ("speech_model", {**SPEECH, "part": "decoder", "stride_s": 0.1}, "'stride_s' is not for 'part: decoder'"),
        ("speech_model", {**SPEECH, "part": "decoder", "mode": "window"}, "'mode' is not for 'part: decoder'"),
        ("speech_model", {**SPEECH, "language": "en"}, "'language' is not for 'part: encoder'"),
        ("speech_model", {**SPEECH, "precision": "float16"}, "'precision' must be float32 or bfloat16"),
        ("pitch", {"ceiling_hz": 60}, "'ceiling_hz' must lie above 'floor_hz'"),
        ("file", {"path": "mine.npy"}, "needs the option 'rate_hz'"),
        ("file", {"path": "mine.h5", "rate_hz": 10}, "'rate_hz' is for .npy files"),
        ("file", {"path": "mine.pkl"}, "'path' must end with"),
    ],
)
def test_wrong_options_are_refused(kind, options, line):
    with pytest.raises(UsageError, match=line.replace("(", r"\(").replace("?)", r"\?\)")) as caught:
        features.resolve(FeatureSpec("x", kind, options))
    assert "\n" not in str(caught.value)


def test_every_kind_states_its_needs():
    assert {kind: set(family.needs) for kind, family in features.KINDS.items()} == {
        "melspectrogram": {"audio"},
        "envelope": {"audio"},
        "pitch": {"audio"},
        "articulatory": {"pronunciation"},
        "phone_rate": {"pronunciation"},
        "word_length": {"words"},
        "log_frequency": {"words"},
        "position": {"words"},
        "word_embedding": {"words"},
        "speech_model": {"audio"},
        "language_model": {"words"},
        "surprisal": {"words"},
        "entropy": {"words"},
        "contextual_residual": set(),
        "word_rate": {"words"},
        "file": set(),
    }
    assert all(kind == family.kind for kind, family in features.KINDS.items())
    assert features.needs(FeatureSpec("x", "word_rate")) == {"words"}


@pytest.mark.parametrize(
    ("kind", "given", "line"),
    [
        ("melspectrogram", {}, "has no audio"),
        ("melspectrogram", {"audio": np.zeros(0, np.float32)}, "audio is empty"),
        ("melspectrogram", {"audio": np.zeros(100, np.float32)}, "shorter than a window"),
        ("word_rate", {"audio": noise(1)}, "has no word times"),
        ("word_rate", {"words": words_at([], [])}, "transcript is empty"),
        ("articulatory", {"audio": noise(1)}, "has neither phone times nor word times"),
        ("word_rate", {"words": words_at([0, np.nan], ["a", "b"])}, r"1 word times with NaN .*word 2 \('b'\) of"),
        ("word_rate", {"words": words_at([0, 1], ["a", "b"], -0.1)}, r"2 word times with a negative duration"),
        ("articulatory", {"phones": words_at([np.inf], ["AA"])}, "1 phone times with NaN or infinity"),
        ("articulatory", {"phones": words_at([], [])}, "table of phones is empty"),
    ],
)
def test_what_a_stimulus_lacks_is_one_line_with_its_name(kind, given, line):
    with pytest.raises(DataError, match=rf"{line}.*story\.wav"):
        features.extract(stimulus(**given), FeatureSpec("x", kind), ModelSource())


def test_audio_with_nan_is_refused():
    audio = noise(1)
    audio[5000] = np.nan
    with pytest.raises(DataError, match="values with NaN"):
        features.extract(stimulus(audio), FeatureSpec("x", "melspectrogram"), ModelSource())


def test_every_kind_states_what_it_is_called_and_stands_for():
    for kind, family in features.KINDS.items():
        assert features.label_of(kind) == family.label
        assert not family.label.endswith(".")
    assert len({family.label for family in features.KINDS.values()}) == len(features.KINDS)
    models = {kind for kind in features.KINDS if features.role_of(kind) in ("speech model", "language model")}
    assert models == {"speech_model", "language_model"}
    labels = {kind: label for kind in features.KINDS if (label := features.baseline_label(kind))}
    assert labels == {"word_rate": "word rate", "envelope": "envelope", "position": "position in the story"}
    assert {kind for kind in features.KINDS if features.is_baseline(kind)} == set(labels)
    assert [kind for kind in features.KINDS if features.is_derived(kind)] == ["contextual_residual"]
    assert (features.label_of("x"), features.role_of("x")) == ("x", "other")
    assert not features.is_baseline("x")
    assert not features.is_derived("x")


@pytest.mark.parametrize(
    ("kind", "options", "text", "most_words"),
    [
        ("speech_model", {**SPEECH, "window_s": 4.5}, "4.5 s of sound", None),
        ("speech_model", {**SPEECH, "part": "decoder"}, "16 s of sound", None),
        ("language_model", {"model": "m", "layer": 1}, "32 words", 32),
        ("surprisal", {"model": "m", "context": {"tokens": 50}}, "up to 50 tokens", 50),
        ("entropy", {"model": "m", "context_words": 0}, "0 words", 0),
    ],
)
def test_a_model_states_how_far_its_context_reaches(kind, options, text, most_words):
    reach = features.reach_of(features.resolve(FeatureSpec("x", kind, options)))
    assert (reach.text, reach.most_words) == (text, most_words)
    assert sum(amount is not None for amount in (reach.seconds, reach.words, reach.tokens)) == 1


def test_other_kinds_have_no_context():
    assert features.reach_of(features.resolve(FeatureSpec("x", "word_rate"))) is None
    assert features.reach_of(features.resolve(FeatureSpec("x", "word_embedding", {"model": "m"}))) is None


def test_what_is_made_of_other_spaces_is_never_extracted():
    spec = features.resolve(FeatureSpec("x", "contextual_residual", {"contextual": "a", "static": "b"}))
    with pytest.raises(UsageError, match="made of other spaces, not of a stimulus"):
        features.extract(stimulus(noise(0.1)), spec, ModelSource())
