import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bids_app.analysis import Analysis, analysis_hash, load_analysis, parse_analysis, preset_names
from bids_app.errors import ConcordError, NoInput, UsageError

MINIMAL = "name: x\nfeatures: {rate: {kind: word_rate}}\n"


@pytest.mark.parametrize("name", preset_names())
def test_presets_load_and_have_at_most_four_units(name):
    analysis, base_dir = load_analysis(name)
    assert analysis.name == name
    assert base_dir is None
    assert 1 <= len(analysis.units) <= 4


def test_a_group_takes_its_first_members_place():
    analysis, _ = load_analysis("speech-language")
    assert analysis.units == {
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


def test_more_than_four_units_are_refused_with_the_remedy():
    features = {f"space{number}": {"kind": "word_rate"} for number in range(5)}
    with pytest.raises(UsageError, match="join spaces with groups"):
        parse_analysis(yaml.safe_dump({"name": "x", "features": features}), "file.yaml")


def test_no_such_analysis_names_the_presets():
    with pytest.raises(NoInput, match="word-rate"):
        load_analysis("word-rat")


def test_lags_are_spelled_out_without_losing_the_last():
    analysis = parse_analysis(MINIMAL + "design: {ieeg: {lags_s: [0, 0.4, 0.1]}}", "f")
    assert analysis.design_spec("ieeg").delays_s == (0.0, 0.1, 0.2, 0.3, 0.4)


def test_the_hash_follows_the_content_and_not_the_order_of_keys():
    one = parse_analysis(MINIMAL + "fit: {solver: ridge, seed: 1}", "f").model_dump(mode="json")
    two = parse_analysis(MINIMAL + "fit: {seed: 1, solver: ridge}", "f").model_dump(mode="json")
    other = parse_analysis(MINIMAL + "fit: {seed: 2, solver: ridge}", "f").model_dump(mode="json")
    assert analysis_hash(one) == analysis_hash(two) != analysis_hash(other)


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
