"""Targets fitted in shares, by whomever: every number of a unit's answers is that of one fit, bit for bit."""

import io
from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bids_app import encoding
from bids_app.encoding import (
    FitContext,
    FitOptions,
    InferencePlan,
    Keeping,
    Question,
    Share,
    TestedQuestion,
    fit_all,
    fit_share,
)
from bids_app.encoding.partition.additions import Additions
from bids_app.encoding.ridge import batches
from bids_app.encoding.ridge.fitted import Observer, Under
from bids_app.pipeline.unit.fit_inputs import FitInputs
from bids_app.pipeline.unit.solvers import Averaging, NestedRidge, UnitQuestions
from bids_app.records import (
    SAVED,
    FitSpec,
    InferenceSpec,
    Part,
    Run,
    baseline_alone,
    beyond_baseline,
    partition_components,
)

WIDTH, N_TARGETS, N_TIMES = 8, 39, 48
SPEC = FitSpec(candidates=5, alphas=(1e-1, 1e5, 4))
GROUPS = {"one": ("a", "b"), "two": ("c",)}


def design_of(wide=False, constant=()):
    """Three runs; a few targets are not usable, at a border of blocks too. Columns of the two models alike follow
    none but some of the targets, so that some are reliable and some are not."""
    rng, runs = np.random.default_rng(3), []
    dims = {"a": 3, "b": 2, "c": 60 if wide else 4, "d": 3}
    weights = {band: rng.standard_normal((n, N_TARGETS)) / n**0.5 for band, n in dims.items()}
    strong = np.where(np.arange(N_TARGETS) % 3, 1.5, 0.0)
    for number in range(3):
        bands = {band: rng.standard_normal((N_TIMES, 1, n)) for band, n in dims.items()}
        Y = sum(bands[band][:, 0] @ weights[band] for band in dims) * strong + rng.standard_normal(
            (N_TIMES, N_TARGETS)
        )
        basis = np.linalg.qr(np.column_stack([np.ones(N_TIMES), np.linspace(-1, 1, N_TIMES)]))[0]
        for band in constant if number else ():
            bands[band][:] = 0.0
        Y -= basis @ (basis.T @ Y)
        Y[:, [5, 7, 8, 38]] = 1.0
        runs.append(Run(f"r{number}", bands, Y, np.arange(N_TIMES) * 2.0, (f"{number}",), nuisance=basis))
    return encoding.build_design(runs, "by_run", (0.0,), {}, 0.0, residualise=wide)


def questions_of(design, tests=True, save=SAVED, step=2):
    """Inputs and questions of a unit, as `fit_unit` makes them."""
    inputs = FitInputs(design, GROUPS, SPEC, InferenceSpec(15, 8.0) if tests else None, FitContext())
    inputs = replace(inputs, blocks=inputs.make_blocks())
    own = design.usable & (np.arange(N_TARGETS) % step == 0)
    ceiling = np.random.default_rng(0).uniform(0.1, 0.9, N_TARGETS)
    return inputs, UnitQuestions(
        Averaging({"all": own, "few": own & (np.arange(N_TARGETS) < 9)}, ceiling),
        {"again": {"one": ("d",), "two": ("c",)}},
        (baseline_alone(("d",)), beyond_baseline("one", ("a", "b"), ("d",))),
        {"one": ("a", "b"), "two": ("c",), "d": ("d",)},
        Keeping(save, lambda name, shape, dtype: np.zeros(shape, dtype), step) if save else None,
    )


def arrays_of(value, name=""):
    """Everything in an answer by where it is."""
    if is_dataclass(value):
        value = {one.name: getattr(value, one.name) for one in fields(value)}
    if isinstance(value, dict):
        return {key: one for where, each in value.items() for key, one in arrays_of(each, f"{name}.{where}").items()}
    if isinstance(value, list | tuple):
        return arrays_of(dict(enumerate(value)), name)
    return {name: np.asarray(value)}


def same(found, expected):
    mine, other = arrays_of(found), arrays_of(expected)
    assert mine.keys() == other.keys()
    assert len(other) > 100
    for name, values in other.items():
        assert mine[name].dtype == values.dtype, name
        is_number = values.dtype.kind == "f"
        assert np.array_equal(mine[name], values, equal_nan=is_number), name


@pytest.fixture(autouse=True)
def batch_of(monkeypatch):
    """Five blocks of targets; takes how many share a batch where there are as many, two at first."""
    monkeypatch.setitem(batches.BLOCK_WIDTH, "cpu", WIDTH)

    def share_a_batch(count):
        monkeypatch.setattr(batches, "_n_blocks", lambda *given: count)

    share_a_batch(2)
    return share_a_batch


def by_file(share):
    """As it comes from a file."""
    file = io.BytesIO()
    np.savez(file, **share.arrays)
    file.seek(0)
    return Share.of(np.load(file, allow_pickle=False))


CASES = {
    "banded": (design_of(), {}),
    "kernels": (design_of(wide=True), {"save": ("alphas", "blocks")}),
    "constant": (design_of(constant="b"), {"save": None, "step": 1}),
    "untested": (design_of(), {"tests": False, "save": ("predictions",)}),
}
LONG = [pytest.param(case, marks=pytest.mark.long) for case in CASES if case != "banded"]


@pytest.mark.parametrize("case", ["banded", *LONG])
def test_answers_are_those_of_one_fit(case, batch_of):
    """Of three shares, the last first, each a block at a time; of two, as one of them is missing."""
    design, asked = CASES[case]
    solver, (inputs, questions) = NestedRidge(), questions_of(design, **asked)
    batch_of(5)
    expected = solver.answer(inputs, questions)
    batch_of(1)
    shares = [by_file(solver.share(inputs, questions, Part(number, 3))) for number in range(3)]
    assert np.concatenate([one.targets for one in shares]).tolist() == np.flatnonzero(design.usable).tolist()
    same(solver.answer(inputs, questions, shares), expected)
    same(solver.answer(inputs, questions, shares[::-1]), expected)
    batch_of(2)
    same(solver.answer(inputs, questions, [shares[0], shares[2]]), expected)


class Foreseeing(Observer):
    """Keeps what models are foreseen to leave, as it is handed on: {(union, fold's first sample, target): values}."""

    foreseen = frozenset({0, 1})

    def __init__(self):
        self.left = {}

    def begin(self, targets, responses):
        self._targets = targets

    def foresee(self, split, residuals):
        for union, at in residuals.unions.items():
            for position in at.tolist():
                key = union, int(split.evaluate[0]), int(self._targets[residuals.places[position]])
                self.left[key] = residuals.left[:, position].numpy().copy()


@pytest.mark.parametrize("wide", [False, True], ids=["columns", "kernels"])
def test_nothing_hangs_on_which_blocks_share_a_batch(wide, batch_of):
    """Neither what is foreseen, through factors where a block chose few alphas, nor what is kept of tests."""
    design, tests = design_of(wide), InferenceSpec(15, 8.0)
    plan = InferencePlan(tests, encoding.data_blocks(design, GROUPS, SPEC, tests.block_s))
    found = []
    for count in (1, 2, 5):
        batch_of(count)
        seen = Foreseeing()
        asked = TestedQuestion(design, GROUPS, plan, "cpu")
        spec = replace(SPEC, alphas=(1e-1, 1e5, 12))
        encoding.fit(design, GROUPS, spec, observer=seen)
        found.append((seen.left, fit_share(design, [asked.question], SPEC, FitContext(), Part(0, 1)).kept))
    assert len(found[0][0]) == 2 * 3 * 35
    for arrays in zip(*found, strict=True):
        for one in arrays[1:]:
            assert one.keys() == arrays[0].keys()
            for name, values in one.items():
                assert np.array_equal(values, arrays[0][name], equal_nan=True), name


def test_a_last_block_of_one_target_has_the_bits_that_it_has_alone(batch_of):
    """Sums down a column that lies alone are made in another order than down one with others beside it."""
    design = design_of()
    design = replace(design, usable=design.usable & (np.arange(N_TARGETS) < 36))
    assert design.usable.sum() % WIDTH == 1
    unions, components = [("one",), ("two",), ("one", "two")], partition_components(tuple(GROUPS))
    found = []
    for count in (1, 5):
        batch_of(count)
        seen = Additions(unions, components, GROUPS, design)
        encoding.fit(design, GROUPS, SPEC, options=FitOptions(unions), observer=seen)
        found.append(seen.partial_r())
    for label, values in found[0].items():
        np.testing.assert_array_equal(values, found[1][label], label)


class Counted(Observer):
    """How many targets it has met itself, and which it has taken."""

    def __init__(self):
        self.met, self.taken = [], []

    def begin(self, targets, responses):
        self.met += targets.tolist()

    def kept(self, targets):
        return {"met": np.array(self.met)}

    def take(self, targets, kept):
        assert kept["met"].tolist() == targets.tolist()
        self.taken += targets.tolist()


def counted(design, shares):
    seen = Counted()
    (fit,) = fit_all(design, [Question(GROUPS, FitOptions(), seen)], SPEC, FitContext(), shares=shares)
    return fit, seen


def share_of(design, part, targets=None):
    share = fit_share(design, [Question(GROUPS, FitOptions(), Counted())], SPEC, FitContext(), part)
    return share if targets is None else replace(share, targets=share.targets[targets])


def test_what_a_share_has_is_not_fitted_again():
    design = design_of()
    usable = np.flatnonzero(design.usable).tolist()
    first = share_of(design, Part(0, 2))
    plain, _ = counted(design, [])
    fit, seen = counted(design, [first])
    assert seen.taken == usable[: 2 * WIDTH]
    assert seen.met == usable[2 * WIDTH :]
    np.testing.assert_array_equal(fit.rsquared, plain.rsquared)
    _, seen = counted(design, [first, share_of(design, Part(1, 2))])
    assert seen.met == []


@pytest.mark.parametrize(
    "unlike",
    [{"targets": slice(1, None)}, {"targets": slice(None, -1)}, {"targets": slice(0, 0)}],
    ids=["begins within a block", "ends within one", "of nothing"],
)
def test_a_share_that_is_not_of_whole_blocks_is_not_used(unlike):
    design = design_of()
    _, seen = counted(design, [share_of(design, Part(0, 2), **unlike)])
    assert seen.taken == []
    assert len(seen.met) == design.usable.sum()


def test_nor_is_one_of_another_device_or_of_targets_that_are_there():
    design = design_of()
    first, other = share_of(design, Part(0, 2)), share_of(design, Part(0, 3))
    _, seen = counted(design, [replace(first, device="cuda")])
    assert seen.taken == []
    _, seen = counted(design, [first, other])
    assert seen.taken == first.targets.tolist()


def test_of_more_parts_than_blocks_some_have_nothing():
    design = design_of()
    shares = [share_of(design, Part(number, 7)) for number in range(7)]
    assert sum(one is None for one in shares) == 2
    _, seen = counted(design, [one for one in shares if one is not None])
    assert seen.met == []


def test_who_cannot_give_on_says_so():
    with pytest.raises(NotImplementedError, match="Silent"):
        Silent().kept(np.arange(1))


class Silent(Observer):
    """Keeps nothing for others."""


@given(st.integers(0, 300), st.integers(1, 40))
def test_parts_hold_everything_once(count, of):
    parts = [Part(number, of).among(count) for number in range(of)]
    assert [one for part in parts for one in part] == list(range(count))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_names_under_others():
    arrays = {"0.a": 1, "0.1.b": 2, "01.c": 3}
    assert dict(Under(arrays, "0.")) == {"a": 1, "1.b": 2}
    assert len(Under(arrays, "0.")) == 2
