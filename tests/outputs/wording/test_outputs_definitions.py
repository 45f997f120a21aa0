"""Definitions: the formula of every part, evaluated, gives that part of a known Venn diagram."""

import re
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.outputs.wording.definitions import Definitions, about, formula
from bids_app.outputs.wording.scores import AS_PUBLISHED, score_of_solver
from bids_app.records import SOLVERS, ExtraPartition, part_of, partition_components

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
    parts = [component for component in partition_components(units) if component.is_part]
    assert len(parts) == 2**n_units - 1
    for part in parts:
        assert evaluate(formula(part), rsquared) == pytest.approx(areas[frozenset(part.groups)])


def test_a_formula_as_a_person_would_write_it():
    assert formula(part_of(("a", "b"), ("a",))) == "R²(a+b) − R²(b)"
    assert formula(part_of(("a", "b"), ("a", "b"))) == "R²(a) + R²(b) − R²(a+b)"
    assert formula(part_of(("a", "b", "c"), ("a", "b"))) == "R²(a+c) + R²(b+c) − R²(a+b+c) − R²(c)"


def test_every_component_has_words_of_its_own():
    definitions, components = Definitions(NAMES), partition_components(NAMES)
    assert len({definitions.define(one, "rsquared") for one in components}) == len(components)
    assert len({definitions.short(one) for one in components}) == len(components)


@pytest.mark.parametrize(
    ("component", "stat", "words"),
    [
        ("full", "rsquared", ("low_level, semantic, speech and language together", "all outer folds", "1 − Σ(y−ŷ)²")),
        ("speech", "r", ("speech alone", "within each outer fold", "Fisher")),
        ("uniqueSpeech", "rsquared", ("only speech explains", "and language do not", "never clipped")),
        ("sharedSpeechLanguage", "rsquared", ("exactly speech and language share", "15 parts sum to the full")),
        ("full", "p", ("fitted again", "counts itself", "1 where the value is not above 0")),
        ("uniqueSpeech", "pfwe", ("smaller model leaves", "the larger model", "max-T")),
        ("uniqueSpeech", "r", ("partial correlation of what only speech explains", "given the smaller model")),
        ("sharedSpeechLanguage", "q", ("Benjamini", "signed sum", "adding to the others")),
        ("sharedLowLevelSemanticSpeechLanguage", "p", ("signed sum", "predicting at all")),
        ("speech", "ci025", ("Lower end of the 95 % confidence interval", "speech alone", "not a test")),
    ],
)  # fmt: skip
def test_words_of_a_definition(component, stat, words):
    by_label = {one.label: one for one in partition_components(NAMES)}
    definition = Definitions(NAMES).define(by_label[component], stat)
    for word in words:
        assert word in definition


@pytest.mark.parametrize("in_sample", [False, True])
def test_components_of_an_extra_partition_say_what_it_is_about(in_sample):
    extra = ExtraPartition("against", {"shared": ("a",), "semantic": ("b",)}, in_sample, ("speech", "language"))
    _, _, _, unique, *_ = partition_components(tuple(extra.groups), extra.name)
    definitions = Definitions(NAMES, (extra,))
    definition = definitions.define(unique, "rsquared")
    assert definition.startswith(
        f"{about(extra)}. What only shared explains and semantic does not: R²(shared+semantic)"
    )
    assert "The 3 parts sum" in definition
    assert ("in-sample" in definition) == in_sample
    start = "shared subspace (in-sample): " if in_sample else "shared subspace: "
    assert definitions.short(unique) == f"{start}what only shared explains"


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_score_is_defined_as_its_solver_makes_it(solver):
    full, *_, part = partition_components(("speech", "language"))
    score = score_of_solver(solver)
    assert score.is_signed == SOLVERS[solver].signed_rsquared
    texts = [Definitions(("speech", "language"), (), score).define(one, "rsquared") for one in (full, part)]
    for text in texts:
        assert score.rsquared in text
        assert (AS_PUBLISHED.rsquared in text) == (solver == "chen2024")
    assert ("on held-out R²" in texts[1]) == score.is_signed
