import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bids_app.errors import ConcordError, NoInput, UsageError
from bids_app.settings.analysis import Analysis
from bids_app.settings.load import analysis_hash, load_analysis, parse_analysis, preset_names

MINIMAL = "name: x\nfeatures: {rate: {kind: word_rate}}\n"


@pytest.mark.parametrize("name", preset_names())
def test_presets_load_and_have_at_most_four_groups(name):
    analysis, base_dir = load_analysis(name)
    assert analysis.name == name
    assert base_dir is None
    assert 1 <= len(analysis.groups) <= 4


def test_a_group_takes_its_first_members_place():
    analysis, _ = load_analysis("speech-language")
    assert analysis.groups == {
        "low_level": ("acoustic", "phonetic"),
        "semantic": ("semantic",),
        "speech": ("speech",),
        "language": ("language",),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("desgin: {}", "unknown key 'desgin' in the analysis; did you mean 'design'?"),
        ("design: {fmri: {delay_s: [1]}}", "did you mean 'delays_s'?"),
        ("fit: {solvr: ridge}", "did you mean 'solver'?"),
        ("name: y", "'name' stands twice"),
        ("partition: {spaces: [rat]}", "did you mean 'rate'?"),
        ("partition: {spaces: [rate, rate]}", "twice"),
        ("partition: {groups: {g: [rate], h: [rate]}}", "two groups"),
        ("fit: {alphas: [10, 1, 3]}", "highest lies below"),
        ("design: {ieeg: {lags_s: [0.4, 0, 0.1]}}", "highest lies below"),
        ("design: {ieeg: {mode: words, summary_s: [0.5, 0]}}", "summary_s is [first, last]"),
        ("design: {ieeg: {mode: word}}", "design.ieeg.mode"),
        ("design: {ieeg: {mode: [words]}}", "design.ieeg.mode"),
        ("response: {ieeg: {band_hz: [150, 70]}}", "band_hz is [lowest, highest]"),
        ("design: {fmri: {delays_s: []}}", "delays_s"),
        ("fit: {outer: 1}", "outer"),
    ],
)
def test_wrong_content_is_one_line_with_advice(text, said):
    with pytest.raises(UsageError) as caught:
        parse_analysis(MINIMAL + text, "file.yaml")
    assert said in str(caught.value)
    assert "file.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


SHARING = """name: x
features:
  semantic: {kind: word_embedding, model: m}
  acoustic: {kind: melspectrogram}
  speech: {kind: speech_model, model: s, layer: 1}
  language: {kind: language_model, model: m, layer: 1}
  beyond: {kind: contextual_residual, contextual: language, static: semantic}
partition: {spaces: [acoustic, semantic], groups: {low_level: [acoustic]}}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shared_subspace: {betwen: [speech, language]}", "did you mean 'between'?"),
        ("shared_subspace: {between: [speech]}", "between"),
        ("shared_subspace: {between: [speech, speech]}", "one space twice"),
        ("shared_subspace: {between: [speech, langage]}", "did you mean 'language'?"),
        ("shared_subspace: {between: [speech, beyond]}", "a residual itself"),
        ("shared_subspace: {between: [speech, language], against: [low_leve]}", "did you mean 'low_level'?"),
        ("shared_subspace: {between: [speech, language], against: [language]}", "one of those in between"),
        ("shared_subspace: {between: [speech, language], against: [acoustic, low_level]}", "a space twice"),
        ("shared_subspace: {between: [speech, language], components: 0}", "components"),
        ("shared_subspace: {between: [speech, language], fit: every}", "fit"),
        ("shared_subspace: {between: [speech, language], against: [a, b, c, d]}", "against"),
    ],
)
def test_a_wrong_shared_subspace_is_one_line_with_advice(text, said):
    with pytest.raises(UsageError) as caught:
        parse_analysis(SHARING + text, "file.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("static: semantic", "statc: semantic", "did you mean 'static'?"),
        (", static: semantic", "", "needs 'static'"),
        ("static: semantic", "static: semantics", "did you mean 'semantic'?"),
        ("static: semantic", "static: language", "the same space"),
        ("static: semantic", "static: beyond", "a residual itself"),
    ],
)
def test_a_wrong_residual_is_one_line_with_advice(old, new, said):
    with pytest.raises(UsageError) as caught:
        parse_analysis(SHARING.replace(old, new), "file.yaml")
    assert said in str(caught.value)


def test_a_shared_subspace_makes_partitions_of_its_own():
    text = SHARING + "shared_subspace: {between: [speech, language], against: [semantic, low_level, beyond]}"
    analysis = parse_analysis(text, "x")
    assert {one.name: one.groups for one in analysis.extra_partitions} == {
        "subspace": {"shared": ("shared",), "speechRest": ("speechRest",), "languageRest": ("languageRest",)},
        "against": {
            "shared": ("shared",),
            "semantic": ("semantic",),
            "low_level": ("acoustic",),
            "beyond": ("beyond",),
        },
    }
    assert analysis.projected_spaces == ("speech", "language", "semantic")
    assert set(analysis.feature_specs(None)) == {"semantic", "acoustic", "speech", "language"}
    in_sample = parse_analysis(text[:-1] + ", fit: all}", "x")
    made = {one.name: one for one in in_sample.extra_partitions}
    assert set(made) == {"inSampleSubspace", "inSampleAgainst", "inSampleOwn"}
    assert all(one.in_sample for one in made.values())
    assert made["inSampleOwn"].groups == {name: (name,) for name in ("speechShared", "languageShared")}


def test_spaces_that_nothing_fits_are_not_computed():
    analysis = parse_analysis(SHARING, "x")
    assert set(analysis.feature_specs(None)) == {"semantic", "acoustic"}
    assert analysis.extra_partitions == ()
    assert analysis.residual_specs() == {}


def test_names_of_the_shared_subspace_are_taken():
    text = SHARING + "shared_subspace: {between: [speech, language]}"
    for name in ("shared", "speechRest"):
        with pytest.raises(UsageError, match="give the feature or group another"):
            parse_analysis(text.replace("beyond:", f"{name}:"), "x")


def test_more_than_four_groups_are_refused_with_the_remedy():
    features = {f"space{number}": {"kind": "word_rate"} for number in range(5)}
    with pytest.raises(UsageError, match="join spaces with groups"):
        parse_analysis(yaml.safe_dump({"name": "x", "features": features}), "file.yaml")


def test_no_such_analysis_names_the_presets():
    with pytest.raises(NoInput, match="word-rate"):
        load_analysis("word-rat")


def test_lags_are_spelled_out_without_losing_the_last():
    analysis = parse_analysis(MINIMAL + "design: {ieeg: {lags_s: [0, 0.4, 0.1]}}", "f")
    assert analysis.design_spec("ieeg").delays_s == (0.0, 0.1, 0.2, 0.3, 0.4)


def test_lags_of_words_lie_around_the_onset_and_make_epochs_not_delays():
    spec = parse_analysis(MINIMAL + "design: {ieeg: {mode: words}}", "f").design_spec("ieeg")
    assert spec.delays_s == (0.0,)
    assert (len(spec.epoch.lags_s), spec.epoch.lags_s[0], spec.epoch.lags_s[100], spec.epoch.lags_s[-1]) == (
        201,
        -2,
        0,
        2,
    )
    assert spec.epoch.windows_s[:2] == ((0.25, 0.5), (-2.0, 0.1))
    assert spec.epoch.span_s == pytest.approx((-2.05, 2.05))
    assert parse_analysis(MINIMAL, "f").design_spec("ieeg").epoch is None
    assert parse_analysis(MINIMAL, "f").design_spec("ieeg").delays_s[-1] == 0.4


def test_the_hash_follows_the_content_and_not_the_order_of_keys():
    one = parse_analysis(MINIMAL + "fit: {solver: ridge, seed: 1}", "f").model_dump(mode="json")
    two = parse_analysis(MINIMAL + "fit: {seed: 1, solver: ridge}", "f").model_dump(mode="json")
    other = parse_analysis(MINIMAL + "fit: {seed: 2, solver: ridge}", "f").model_dump(mode="json")
    assert analysis_hash(one) == analysis_hash(two) != analysis_hash(other)


def test_what_the_group_level_alone_asks_for_is_not_hashed():
    """It may be asked for when participants are done."""
    given = ("", "group: {mean_response: false}", "group: {least_share: 0.8, tfce: true}")
    found = [parse_analysis(MINIMAL + one, "f").model_dump(mode="json") for one in given]
    assert len({analysis_hash(one) for one in found}) == 1
    assert found[2]["group"] == {"mean_response": True, "least_share": 0.8, "tfce": True}  # as analysis.yaml has it


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_any_yaml_gives_an_analysis_or_one_line(content):
    try:
        outcome = parse_analysis(yaml.safe_dump(content, allow_unicode=True), "f")
    except ConcordError as error:
        outcome = error
    assert isinstance(outcome, Analysis) or "\n" not in str(outcome)


CONTROLLED = """name: x
features:
  rate: {kind: word_rate}
  speech: {kind: speech_model, model: s, layer: 1}
  random: {kind: speech_model, model: s, layer: 1, untrained: true}
  other: {kind: speech_model, model: s, layer: 2, untrained: true}
partition: {spaces: [rate, speech]}
"""
BASELINE = ("baseline_word_rate", "baseline_envelope", "baseline_position", "baseline_motion")


def test_what_is_fitted_beside_the_partition():
    """The baseline, models beyond it, controls, and trained models beyond their twins."""
    fitted = parse_analysis(CONTROLLED + "controls: [random, other]", "x.yaml").all_controls
    assert {one.label: one.terms for one in fitted} == {
        "baseline": ((BASELINE, 1),),
        "fullBeyondBaseline": (((*BASELINE, "rate", "speech"), 1), (BASELINE, -1)),
        "speechBeyondBaseline": (((*BASELINE, "speech"), 1), (BASELINE, -1)),
        "autocorrelation": ((("autocorrelation",), 1),),
        "controlRandom": ((("random",), 1),),
        "controlOther": ((("other",), 1),),
        "speechBeyondUntrained": ((("random", "speech"), 1), (("random",), -1)),
    }


def test_a_twin_within_the_partition_has_its_score_there():
    text = CONTROLLED.replace("[rate, speech]", "[speech, random]")
    fitted = parse_analysis(text + "baseline: {spaces: [], autocorrelation: false}", "x.yaml").all_controls
    assert [one.label for one in fitted] == ["speechBeyondUntrained"]


def test_the_word_rate_preset_is_compared_with_nothing():
    analysis, _ = load_analysis("word-rate")
    assert [one.label for one in analysis.all_controls] == ["baseline", "autocorrelation"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("baseline: {space: [envelope]}", "did you mean 'spaces'?"),
        ("baseline: {spaces: [loudness]}", "baseline.spaces"),
        ("floor: {spaces: [envelope]}", "unknown key 'floor' in the analysis; did you mean 'baseline'?"),
        ("controls: [randm]", "did you mean 'random'?"),
        ("controls: [speech]", "one of the partition's"),
        ("controls: [random, random]", "twice"),
    ],
)
def test_wrong_baselines_and_controls_are_one_line(text, said):
    with pytest.raises(UsageError) as caught:
        parse_analysis(CONTROLLED + text, "x.yaml")
    assert said in str(caught.value)


def test_names_of_the_baseline_are_its_own():
    text = MINIMAL.replace("{rate: {kind: word_rate}}", "{baseline_envelope: {kind: envelope}}")
    with pytest.raises(UsageError, match="a name of the baseline"):
        parse_analysis(text, "x.yaml")
    text = MINIMAL.replace("{rate: {kind: word_rate}}", "{baseline: {kind: envelope}}")
    with pytest.raises(UsageError, match="rename a space"):
        parse_analysis(text, "x.yaml")


PUBLISHED = """name: x
features:
  speech: {kind: speech_model, model: m, layer: LAYER}
  language: {kind: language_model, model: m, layer: 1}
fit: {solver: chen2024}
shared_subspace: {between: [speech, language], fit: FIT}
"""


def test_the_published_solver_refuses_what_is_fitted_in_training_folds():
    with pytest.raises(UsageError, match="fit: all"):
        parse_analysis(PUBLISHED.replace("LAYER", "1").replace("FIT", "training"), "file.yaml")
    with pytest.raises(UsageError, match="one layer"):
        parse_analysis(PUBLISHED.replace("LAYER", "all").replace("FIT", "all"), "file.yaml")
    analysis = parse_analysis(PUBLISHED.replace("LAYER", "1").replace("FIT", "all"), "file.yaml")
    assert analysis.compared_models == ("speech", "language")
    assert analysis.inference_spec("ieeg") is None
    assert not analysis.all_controls


@pytest.mark.parametrize("layer", ["all", "[1, 2]"])
def test_the_published_solver_takes_one_layer_of_a_model(layer):
    text = PUBLISHED.split("shared_subspace")[0]
    with pytest.raises(UsageError, match="takes one layer of a model"):
        parse_analysis(text.replace("LAYER", layer), "file.yaml")
    parse_analysis(text.replace("LAYER", "[7]"), "file.yaml")  # a list of one is one layer
