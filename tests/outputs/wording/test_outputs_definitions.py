"""Definitions: the formula of every part, evaluated, gives that part of a known Venn diagram."""

import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.outputs.wording.definitions import define, formula, parts_of, short, totals_of
from bids_app.records import component_names

NAMES = ("low_level", "semantic", "speech", "language")


def venn(units, seed):
    """Random areas by set of units, and R² of a union as the sum of the areas it covers."""
    rng = np.random.default_rng(seed)
    sets = [frozenset(chosen) for size in range(1, len(units) + 1) for chosen in combinations(units, size)]
    areas = dict(zip(sets, rng.normal(size=len(sets)), strict=True))
    return areas, lambda union: sum(area for own, area in areas.items() if own & set(union))


def evaluate(text, rsquared):
    terms = re.findall(r"(^−|[+−] |^)R²\(([^)]*)\)", text)
    assert text.count("R²") == len(terms)
    return sum((-1 if sign.startswith("−") else 1) * rsquared(union.split("+")) for sign, union in terms)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 4), st.integers(0, 10_000))
def test_every_formula_gives_its_area(n_units, seed):
    units = NAMES[:n_units]
    areas, rsquared = venn(units, seed)
    for chosen in parts_of(units).values():
        assert evaluate(formula(units, chosen), rsquared) == pytest.approx(areas[frozenset(chosen)])


def test_a_formula_as_a_person_would_write_it():
    assert formula(("a", "b"), ("a",)) == "R²(a+b) − R²(b)"
    assert formula(("a", "b"), ("a", "b")) == "R²(a) + R²(b) − R²(a+b)"


def test_parts_and_totals_are_all_components():
    names = component_names(NAMES)
    assert (*totals_of(NAMES), *parts_of(NAMES)) == names
    assert parts_of(NAMES)["sharedLowLevelLanguage"] == ("low_level", "language")
    assert len({define(name, "rsquared", NAMES) for name in names}) == len(names)
    assert len({short(name, NAMES) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("component", "stat", "words"),
    [
        ("full", "rsquared", ("low_level, semantic, speech and language together", "all outer folds", "1 − Σ(y−ŷ)²")),
        ("speech", "r", ("speech alone", "within each outer fold", "Fisher")),
        ("uniqueSpeech", "rsquared", ("only speech explains", "and language do not", "never clipped")),
        ("sharedSpeechLanguage", "rsquared", ("exactly speech and language share", "15 parts sum to the full")),
        ("full", "p", ("fitted again", "counts itself", "1 where the value is not above 0")),
        ("uniqueSpeech", "pfwe", ("nested models' losses", "max-T")),
        ("sharedSpeechLanguage", "q", ("Benjamini", "signed sum", "adding to the others")),
        ("sharedLowLevelSemanticSpeechLanguage", "p", ("signed sum", "predicting at all")),
        ("speech", "ci025", ("2.5 % limit", "speech alone", "Not a test")),
    ],
)  # fmt: skip
def test_words_of_a_definition(component, stat, words):
    said = define(component, stat, NAMES)
    for word in words:
        assert word in said
