"""The methods text says what was set, for three analyses, and nothing that was not."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_units import (
    BANDS,
    BASELINE_LABELS,
    INFERENCE,
    electrode_targets,
    make_unit,
    parcel_targets,
    volume_targets,
    with_inference,
    with_words,
)

from bids_app import features
from bids_app.outputs.derivatives.summary import unit_summary
from bids_app.outputs.wording.methods.text import methods_text
from bids_app.records import (
    AgreementHistogram,
    BaselineModel,
    ControlsProvenance,
    EpochSpec,
    FeatureFacts,
    FeatureSpec,
    FitSpec,
    LayersSummary,
    ModelPairSummary,
    SharedSubspace,
    StatisticSubject,
    StatisticSummary,
    SubspaceFold,
    SubspaceSpec,
    autocorrelation_control,
    baseline_alone,
    beyond_baseline,
    beyond_untrained,
    control_alone,
)


def summary_of(unit):
    return unit_summary(unit, {"a.tsv": "0"}, "table")


def text_of(unit):
    return "\n".join(methods_text(summary_of(unit)))


def with_analysis(unit, **changes):
    """The unit, of another analysis."""
    return replace(unit, provenance=replace(unit.provenance, analysis=replace(unit.provenance.analysis, **changes)))


def with_response(unit, computed_high_gamma=(), **changes):
    """The unit, of responses that were cleaned otherwise."""
    response = unit.provenance.response
    response = replace(response, spec=replace(response.spec, **changes), computed_high_gamma=computed_high_gamma)
    return replace(unit, provenance=replace(unit.provenance, response=response))


def with_design(unit, purge_s=14.0, **changes):
    """The unit, of another design."""
    design = unit.provenance.design
    design = replace(design, spec=replace(design.spec, **changes), purge_s=purge_s)
    return replace(unit, provenance=replace(unit.provenance, design=design))


def of_one_space(name, settings, **changes):
    """A unit whose only feature space is this one."""
    unit = make_unit(parcel_targets(), rest="task-alice_seg-Brennan10mm", groups=(name,))
    return with_analysis(unit, features={name: settings}, spaces=(name,), groups={name: (name,)}, **changes)


OPTIONS = {
    "word_embedding": {"model": "gpt2"},
    "speech_model": {"model": "openai/whisper-tiny", "layer": 3, "part": "decoder", "window_s": 30.0},
    "language_model": {"model": "gpt2", "layer": [3, 4], "context": {"tokens": 256, "stride": 128}, "untrained": 2},
    "surprisal": {"model": "gpt2"},
    "entropy": {"model": "gpt2"},
    "file": {"path": "mine.npy", "rate_hz": 10},
    "contextual_residual": {"contextual": "language", "static": "static"},
}


def test_what_features_lost_with_the_responses_is_told():
    unit = with_response(make_unit(parcel_targets()), confounds="motion")
    told = "These regressors, with a constant, were projected out of the delayed features too, run by run."
    assert told not in text_of(unit)
    design = replace(unit.provenance.design, residualised=True)
    assert told in text_of(replace(unit, provenance=replace(unit.provenance, design=design)))


@pytest.mark.parametrize("kind", features.KINDS)
def test_every_kind_has_words_of_its_own(kind):
    """In the text no kind goes by its name in the analysis file."""
    spec = features.resolve(FeatureSpec("mine", kind, OPTIONS.get(kind, {})))
    label = features.KINDS[kind].label
    text = text_of(of_one_space("mine", FeatureFacts(kind, spec.options, label=label))).split("\n")[0]
    assert label
    assert f"mine: {label}" in text
    assert "_model" not in text
    assert "{" not in text
    if kind == "speech_model":
        assert "of openai/whisper-tiny, layer 3 (part decoder, window_s 30, subtokens mean, language en" in text
    if kind == "language_model":
        assert "context tokens 256 and stride 128" in text
        assert "untrained: random weights of seed 2" in text


def voxels():
    return make_unit(volume_targets((6, 6, 6), 30.0))


def test_bold_with_banded_ridge():
    text = text_of(voxels())
    for fact in (
        "acoustic: a log mel spectrogram (n_mels 80), reduced to 8 principal components fitted on training samples",
        "speech: a speech model's hidden states of stand-in/wav2vec2, layer 2 (window_s 4), weights abababababab…, "
        "an untrained stand-in with random weights",
        "24 motion parameters", "anatomical CompCor", "periods over 128 s", "z-scored within run",
        "delayed within run by 2, 4, 6, 8 s", "at their offset", "560 of the 600 samples of 2 recordings",
        "the first 20 s after the first word", "Banded ridge", "(20 candidates, seed 7)",
        "30 values between 1e-05 and 1e+10", "4 outer folds (by run", "within 14 s of a test sample",
        "All 15 unions of low_level, semantic, speech and language", "low_level joins acoustic and phonetic",
        "No inference was made", "torch 2.13.0", "speech-language (0123456789abcdef)",
    ):  # fmt: skip
        assert fact in text, fact


def test_what_was_tested_is_said():
    text = text_of(with_inference(voxels()))
    for fact in (
        "500 sign vectors over 41 blocks of time of at least 60 s", "groups of frequencies of the response",
        "Unique parts", "Shared parts", "Benjamini",
    ):  # fmt: skip
        assert fact in text, fact
    assert "No inference" not in text
    made = with_inference(voxels())
    blocks_alone = replace(made.provenance, inference=replace(INFERENCE, frequencies=False))
    assert "frequencies" not in text_of(replace(made, provenance=blocks_alone))
    one = of_one_space("words", FeatureFacts("word_rate", label="word rate"))
    assert "Unique" not in text_of(with_inference(one))


def test_ridge_on_word_rate_in_parcels():
    fit = FitSpec("ridge", alphas=(0.1, 1000.0, 7), outer=5, inner=4)
    unit = of_one_space("words", FeatureFacts("word_rate", label="word rate"), fit=fit)
    unit = with_response(unit, confounds="motion", standardize="none")
    text = text_of(with_design(unit, purge_s=12.5, delays_s=(2.0, 4.0)))
    for fact in (
        "words: word rate", "Six motion parameters and cosine drifts", "by 2, 4 s", "Ridge regression with a penalty",
        "7 values between 0.1 and 1000", "inner folds (4 contiguous blocks)", "(5 contiguous blocks)", "12.5 s",
        "6 parcels in Brennan10mm, 5 of them usable",
    ):  # fmt: skip
        assert fact in text, fact
    for absent in ("anded", "candidates", "unions", "z-scored", "joins", "untrained", "24 motion"):
        assert absent not in text.replace("not z-scored", ""), absent


def test_high_gamma_with_lags():
    unit = make_unit(electrode_targets(5), rest="task-pooled")
    lags_s = tuple(round(0.01 * step, 2) for step in range(41))
    text = text_of(with_design(unit, delays_s=lags_s, skip_onset_s=0.0))
    resampled = "High-gamma envelopes were resampled to 100 Hz"
    for fact in (resampled, "0 to 0.4 (41 delays) s", "at their onset", "electrodes"):
        assert fact in text, fact
    for absent in ("motion", "cosine", "first 20 s", "offset,"):
        assert absent not in text, absent


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"confounds": "none", "high_pass_s": None}, "Nothing was regressed out"),
        ({"confounds": "none"}, "Cosine drifts with periods over 128 s were regressed out"),
        ({"confounds": "motion+wmcsf+global", "high_pass_s": 100.0}, "white-matter"),
    ],
)
def test_what_was_removed(response, said):
    assert said in text_of(with_response(voxels(), **response))


def test_computed_high_gamma_is_said():
    unit = with_response(make_unit(electrode_targets()), ("a", "b"), reference="bipolar")
    response = replace(unit.provenance.response, notched_hz=(60.0,))
    text = text_of(replace(unit, provenance=replace(unit.provenance, response=response)))
    assert "High gamma (70–150 Hz) of 2 recordings was computed from voltages, each contact against the next" in text
    assert "notches at harmonics of 60 Hz" in text
    assert "resampled to 100 Hz" in text
    assert "computed" not in text_of(make_unit(electrode_targets()))


# ------------------------------------------------------------------------------------------- baseline and controls
BASELINE = ("baseline_word_rate", "baseline_envelope")
CONTROLS = (
    baseline_alone(BASELINE),
    beyond_baseline("speech", ("speech",), BASELINE),
    autocorrelation_control(),
    control_alone("random"),
    beyond_untrained("speech", "random"),
)


def with_controls(unit, components):
    made = ControlsProvenance(
        BaselineModel(BASELINE, {"baseline_motion": "regressed out"}, BASELINE_LABELS), "fitted", components
    )
    return replace(unit, provenance=replace(unit.provenance, controls=made))


def test_the_baseline_and_controls_are_said_where_they_were_fitted():
    text = text_of(with_controls(voxels(), CONTROLS))
    for fact in (
        "The baseline (word rate and envelope) is one model", "R² beyond the baseline",
        "speech was compared with random, the same model with random weights", "smooth bumps in time",
    ):  # fmt: skip
        assert fact in text, fact
    assert "Baseline and controls" not in text_of(voxels())
    text = text_of(with_controls(voxels(), CONTROLS[:1]))
    assert "The baseline (word rate and envelope)" in text
    for absent in ("beyond the baseline", "compared with", "bumps", "motion, "):
        assert absent not in text.split("Baseline and controls")[1].split("\n")[0], absent


def test_controls_and_sources_are_among_the_features():
    unit = voxels()
    given = unit.provenance.analysis.features
    speech = given["speech"]
    random = replace(speech, options={**speech.options, "untrained": 3})
    more = {**given, "random": random, "static": FeatureFacts("word_embedding", label="static word vectors")}
    text = text_of(with_analysis(unit, features=more, controls=("random",)))
    assert (
        "random: a speech model's hidden states of stand-in/wav2vec2, layer 2 (window_s 4), untrained: random "
        in text
    )
    assert "static:" not in text
    assert "random:" not in text_of(with_analysis(unit, features=more))
    residual = FeatureFacts("contextual_residual", {"static": "static"}, None, "a residual", ("language", "static"))
    text = text_of(with_analysis(unit, features={**more, "context": residual}, spaces=(*BANDS, "context")))
    assert "context: a residual (static static); static: static word vectors." in text


def test_shapley_and_product_stand_beside_several_groups_alone():
    text = text_of(voxels())
    assert "each feature group's Shapley value (Shapley, 1953), from the same unions, and its product measure" in text
    assert "Shapley" not in text_of(of_one_space("words", FeatureFacts("word_rate")))


def test_the_published_solver_says_what_it_did():
    fit = FitSpec("chen2024", alphas=(1.0, 1000.0, 10))
    text = text_of(with_analysis(voxels(), fit=fit))
    for fact in (
        "As in the published code of Chen et al. (2024): 4 contiguous folds", "the score of the published code",
        "All 15 unions", "low_level joins acoustic and phonetic.",
    ):  # fmt: skip
        assert fact in text, fact
    for absent in ("Shapley", "Σ(y−ŷ)²", "anded"):
        assert absent not in text, absent


def test_words_as_rows_are_said_with_the_runs_windows():
    unit = with_words(make_unit(electrode_targets(5), rest="task-pooled"))
    text = text_of(unit)
    for fact in (
        "One row a word", "mean over 0.1 s around the word's onset + lag", "21 lags from -1 to 1 s",
        "its mean from 0 to 0.5 s after the onset", "560 of the 600 words of 2 recordings", "-1.05 to 1.05 s",
    ):  # fmt: skip
        assert fact in text, fact
    assert "Lanczos" not in text
    text = text_of(with_design(unit, epoch=EpochSpec((0.2,), 0.0, (0.1, 0.4))))
    for fact in ("sample nearest to the word's onset + lag", "for 1 lag from 0.2", "from 0.1 to 0.4 s"):
        assert fact in text, fact


def test_subspaces_are_said_as_they_were_fitted():
    unit, folds = voxels(), tuple(fold(number, 400 + number) for number in range(4))
    spec = SubspaceSpec(("speech", "language"), None, "training")
    text = text_of(replace(unit, subspace=SharedSubspace(spec, folds)))
    for fact in (
        "a row of each of speech and language", "the 400 to 403 words of the training stimuli of each outer fold",
        "at most one for ten words", "did not exceed the 95th percentile of the first pair's in these shifts",
    ):  # fmt: skip
        assert fact in text, fact
    fixed = replace(spec, components=7, fit="all")
    text = text_of(replace(unit, subspace=SharedSubspace(fixed, (fold(None, 500),))))
    for fact in ("all 500 words", "in-sample", "The 7 leading pairs were kept"):
        assert fact in text, fact
    assert "Shared subspace" not in text_of(unit)


def fold(number, n_words):
    some = np.array([0.8, 0.5])
    return SubspaceFold(number, n_words, (20, 30), some, some / 10, some - 0.1, some / 100, 0.2)


def test_layers_are_said_as_they_were_chosen():
    chosen = {"0": "4", "1": "6", "2": "4", "3": "4"}
    layers = {"speech": LayersSummary(("2", "4", "6"), (2, 4, 6), chosen, {}, 0, 0, None)}
    text = "\n".join(methods_text(replace(summary_of(voxels()), layers=layers)))
    assert "These are speech (layers 2 to 6, 3 of them): 4 in 3 folds, 6 in 1 fold." in text
    assert "own windows" not in text
    words = with_words(make_unit(electrode_targets(5), rest="task-pooled"))
    assert "own windows here, without lags" in "\n".join(methods_text(replace(summary_of(words), layers=layers)))
    assert "Layers." not in text_of(voxels())


@pytest.mark.parametrize("low", [None, 0.1])
@pytest.mark.parametrize("kind", ["score", "map_correlation_partial", "share"])
def test_agreement_is_said_as_far_as_it_was_computed(kind, low):
    row = StatisticSummary(StatisticSubject(kind), "all", 9, 0.2, low, None if low is None else 0.3)
    compared = ModelPairSummary(("speech", "language"), (row,), AgreementHistogram((), ()))
    paragraphs = methods_text(replace(summary_of(voxels()), model_pair=compared))
    (text,) = (one for one in paragraphs if one.startswith("Agreement"))
    assert text.startswith("Agreement of speech and language. Over targets, the R² maps")
    assert ("partial correlation, given the noise ceiling" in text) == (kind == "map_correlation_partial")
    assert ("Shares are signed" in text) == (kind == "share")
    assert ("Intervals:" in text) == (low is not None)
    assert "Agreement" not in text_of(voxels())
