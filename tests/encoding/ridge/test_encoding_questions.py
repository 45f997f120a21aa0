"""Several questions in one stream: each is answered as when it is asked alone, and nothing is computed twice."""

import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app import encoding
from bids_app.encoding import FitContext, FitOptions, InferencePlan, Question, TestedQuestion, data_blocks
from bids_app.encoding.ridge import batches, candidates, chosen, search, stream
from bids_app.encoding.ridge.candidates import alpha_grid, band_weights, nested_grid
from bids_app.encoding.ridge.fitted import Observer
from bids_app.records import FitSpec, InferenceSpec, Run

SPEC = FitSpec(candidates=6, alphas=(1e-1, 1e6, 8))
DOUBLE = FitContext(precision="float64")
DIMS = {"a": 3, "b": 2, "c": 4, "d": 3}
WIDE = {"a": 3, "b": 40, "c": 60, "d": 70}  # c and d, alone or together, have more columns than training samples
GROUPS = {"one": ("a", "b"), "two": ("c",)}
QUESTIONS = {
    "partition": Question(GROUPS),
    "other order": Question({"three": ("d",), "two": ("c",), "one": ("b", "a")}),
    "beyond": Question(
        {band: (band,) for band in "cbd"}, FitOptions([("c",), ("c", "b"), ("d", "c", "b")], search_subsets=False)
    ),
    "alone": Question({"two": ("c",), "d": ("d",)}, FitOptions([("two",), ("d",)], keep_weights=True)),
    "one band": Question({"d": ("d",)}),
    "again": Question(GROUPS),
}


def design_of(dims=DIMS, n_targets=5, nuisance=0, constant=()):
    """Three runs of 30 samples; the features `constant` vary in the first of them alone."""
    rng, runs = np.random.default_rng(3), []
    weights = {band: rng.standard_normal((n, n_targets)) / n**0.5 for band, n in dims.items()}
    for number in range(3):
        bands = {band: rng.standard_normal((30, 1, n)) for band, n in dims.items()}
        Y = sum(bands[band][:, 0] @ weights[band] for band in dims) + rng.standard_normal((30, n_targets))
        basis = np.linalg.qr(np.column_stack([np.ones(30), rng.standard_normal((30, nuisance))]))[0]
        for band in constant if number else ():
            bands[band][:] = 0.0
        times_s = np.arange(30.0)
        run = Run(f"r{number}", bands, Y - basis @ (basis.T @ Y), times_s, (f"{number}",), nuisance=basis)
        runs.append(run)
    return encoding.build_design(runs, "by_run", (0.0,), {}, 0.0, residualise=bool(nuisance))


CASES = {
    "primal": (design_of(), SPEC),
    "dual": (design_of(WIDE), SPEC),
    "residualised": (design_of(WIDE, nuisance=3), SPEC),
    "constant": (design_of(constant="bc"), SPEC),
    "plain": (design_of(), replace(SPEC, solver="ridge")),
}


class Seen(Observer):
    """Predictions by union, and parts of them by band, of every sample and target."""

    def __init__(self, foreseen=()):
        self.foreseen, self.predicted, self.parts, self.left, self.calls = frozenset(foreseen), {}, {}, {}, []

    def begin(self, targets, responses):
        self._targets = targets
        self.calls.append("begin")

    def foresee(self, split, residuals):
        for union, at in residuals.unions.items():
            if union in self.foreseen:
                self._keep(
                    self.left, union, split.evaluate, self._targets[residuals.places[at]], residuals.left[:, at]
                )

    def fitted(self, models):
        rows = models.split.evaluate
        for union, at in models.unions.items():
            self._keep(self.predicted, union, rows, models.targets[at], models.predictions[:, at])
            for band, part in models.band_predictions(at):
                assert band in models.weights
                self._keep(self.parts, (union, band), rows, models.targets[at], part)

    def end(self):
        self.calls.append("end")

    def _keep(self, where, key, rows, targets, values):
        kept = where.setdefault(key, np.zeros((90, 5)))
        assert not kept[np.ix_(rows, targets)].any(), "each sample and target once"
        kept[np.ix_(rows, targets)] = values.numpy()


def same(found, expected):
    assert (found.unions, found.folds, found.warnings) == (expected.unions, expected.folds, expected.warnings)
    for name in ("rsquared", "r", "at_edge", "alpha"):
        np.testing.assert_allclose(getattr(found, name), getattr(expected, name), atol=1e-7, err_msg=name)
    for name in ("profile", "product", "band_weights"):
        mine, other = getattr(found, name), getattr(expected, name)
        assert list(mine) == list(other)
        for band in other:
            np.testing.assert_allclose(mine[band], other[band], atol=1e-7, err_msg=f"{name} {band}")
    assert (found.weights is None) == (expected.weights is None)
    for band, weights in (expected.weights or {}).items():
        np.testing.assert_allclose(found.weights[band], weights, atol=1e-6)


@pytest.mark.parametrize("case", CASES)
def test_each_question_is_answered_as_if_it_were_asked_alone(case):
    design, spec = CASES[case]
    seen = {name: Seen([0]) for name in QUESTIONS}
    questions = [replace(one, observer=seen[name]) for name, one in QUESTIONS.items()]
    together = encoding.fit_all(design, questions, spec, DOUBLE)
    for (name, one), found in zip(QUESTIONS.items(), together, strict=True):
        alone = Seen([0])
        same(found, encoding.fit(design, one.groups, spec, DOUBLE, one.options, alone))
        assert seen[name].calls == alone.calls == ["begin", "end"]
        for what in ("predicted", "parts", "left"):
            mine, expected = getattr(seen[name], what), getattr(alone, what)
            assert sorted(mine) == sorted(expected)
            for key, values in expected.items():
                np.testing.assert_allclose(mine[key], values, atol=1e-7, err_msg=f"{name} {what} {key}")


def test_tests_are_those_of_a_question_alone():
    """Flips of what smaller models leave, and intervals, know nothing of other questions."""
    design, tests = CASES["residualised"][0], InferenceSpec(40, 5.0)
    blocks = data_blocks(design, GROUPS, SPEC, tests.block_s)
    plan, groups = InferencePlan(tests, blocks), ({"three": ("d",)}, GROUPS)
    asked = [TestedQuestion(design, one, plan, "cpu") for one in groups]
    fits = encoding.fit_all(design, [one.question for one in asked], SPEC, DOUBLE)
    for one, fit, each in zip(asked, fits, groups, strict=True):
        expected, inferred = encoding.fit_and_infer(design, each, SPEC, plan, DOUBLE)
        same(fit, expected)
        for label, component in inferred.components.items():
            for stat in ("p", "p_family", "q", "low", "high"):
                mine, other = (getattr(of, stat) for of in (one.result().components[label], component))
                np.testing.assert_allclose(mine, other, atol=1e-5, err_msg=f"{label} {stat}")
    with pytest.raises(ValueError, match="blocks"):
        TestedQuestion(design, GROUPS, InferencePlan(tests), "cpu")


def counted(design, questions):
    """How often each candidate's eigenvectors or factors were asked for: by which function, on which rows and under
    which band weights."""
    calls = Counter()

    def watch(patch, module, name):
        made = getattr(module, name)

        def watched(split, weights, *others):
            # bands by what is in them, as questions number them apart
            held = frozenset(
                (split.columns.band(band).numpy().tobytes(), round(g, 12)) for band, g in weights.items()
            )
            calls[sys._getframe(1).f_code.co_name, name, *map(tuple, (split.train, split.evaluate)), held] += 1
            return made(split, weights, *others)

        patch.setattr(module, name, watched)

    with pytest.MonkeyPatch.context() as patch:
        for module in (search, chosen):
            watch(patch, module, "decompose")
        watch(patch, chosen, "cholesky_predictor")
        encoding.fit_all(design, questions, SPEC, DOUBLE)
    return calls


@pytest.mark.parametrize("case", ["primal", "dual"])
def test_what_questions_share_is_decomposed_once(case):
    design = CASES[case][0]
    questions = [replace(one, observer=Seen([0])) for one in QUESTIONS.values()]
    together = counted(design, questions)
    assert {name for _, name, *_ in together} == {"decompose", "cholesky_predictor"}
    assert set(together.values()) == {1}
    apart = sum((counted(design, [replace(one, observer=Seen([0]))]) for one in QUESTIONS.values()), Counter())
    # what is foreseen goes through factors or eigenvectors, by how many alphas are asked for
    mine, expected = ({key for key in calls if key[0] not in ("choose", "_basis")} for calls in (together, apart))
    assert mine == expected
    assert apart.total() > 1.2 * together.total()


@pytest.mark.parametrize("foreseen_unions", [[], [0]], ids=["once", "twice"])
def test_columns_are_made_once_a_fold_where_there_is_memory(monkeypatch, foreseen_unions):
    """Where they are made again, and whatever the limit on memory, no number changes."""
    monkeypatch.setitem(batches.BLOCK_WIDTH, "cpu", 2)
    made, make = Counter(), stream.columns_and_lost

    def counted_columns(design, band, fold, train):
        made[band, fold] += 1
        return make(design, band, fold, train)

    monkeypatch.setattr(stream, "columns_and_lost", counted_columns)
    design, spec = CASES["residualised"]

    def found():
        made.clear()
        seen = [Seen(foreseen_unions) for _ in QUESTIONS]
        questions = [replace(one, observer=mine) for one, mine in zip(QUESTIONS.values(), seen, strict=True)]
        fits = encoding.fit_all(design, questions, spec)
        assert {band for band, _ in made} == set(WIDE)
        return fits, seen[0].calls.count("begin"), set(made.values())

    expected, *wide = found()
    assert wide == [1, {1}]
    monkeypatch.setattr(batches, "_n_blocks", lambda *_: 1)
    narrow, *batch_by_batch = found()
    assert batch_by_batch == [3, {1}]
    monkeypatch.setattr(sys.modules["bids_app.encoding.ridge.fit"], "keeping_splits", lambda _, size, *others: size)
    again, *made_again = found()
    assert made_again == [3, {3 * (1 + bool(foreseen_unions))}]
    for fits in (narrow, again):
        for one, other in zip(fits, expected, strict=True):
            for name in ("rsquared", "r", "alpha", "at_edge"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_columns_are_kept_where_that_makes_no_further_batch(monkeypatch):
    monkeypatch.setitem(batches.BLOCK_WIDTH, "cpu", 64)
    design = replace(CASES["dual"][0], usable=np.ones(640, dtype=bool))
    size = batches.Size(170, 170, 9, 3, 3, 3, 4, 8, 64, 4, 8, 0, (0, 0))
    kept = replace(size, keeps_splits=True)
    fixed, more = (batches.fixed_bytes(design, one, 64) / 1e6 for one in (size, kept))
    assert more - fixed >= 2 * (90 * 170 * 12 + 3 * 90**2 * 12) / 1e6  # columns and kernels of two more folds
    all_mb = batches.target_bytes(design, size) * 640 / 1e6
    for twice, mem_mb, keeps in [
        (True, None, True),
        (False, None, False),  # asked for once
        (True, int(fixed + all_mb + 1), False),  # all targets fit, but not beside the columns of all folds
        (True, int(more + all_mb + 1), True),
        (True, int(fixed + all_mb / 10 + 1), False),  # one block fits
    ]:
        found = batches.keeping_splits(design, size, "cpu", mem_mb, twice)
        assert found.keeps_splits == keeps, (twice, mem_mb)


BANDS = st.lists(st.sets(st.integers(0, 4), min_size=1, max_size=4), min_size=1, max_size=4)


@given(BANDS, st.integers(0, 20), st.booleans())
@settings(deadline=None, max_examples=40)
def test_unions_may_choose_the_same_together_as_alone(of_questions, seed, subsets):
    searches = []
    for bands in of_questions:
        names = sorted(bands)
        unions = [[[n] for n in range(count)] for count in range(1, len(names) + 1)]
        grid, allowed = nested_grid(unions, band_weights(len(names), 5, seed), alpha_grid(1e-1, 1e3, 4), subsets)
        named = [{names[band]: g for band, g in weights.items()} for weights in grid.candidates]
        searches.append((replace(grid, candidates=named), allowed))

    def choices(searched):
        grid, allowed = searched
        return [
            [
                (grid.candidates[n], grid.alphas[grid.offered[n]].tolist(), grid.at_edge(n, grid.offered[n]).tolist())
                for n in union
            ]
            for union in allowed
        ]

    together = candidates.together(searches)
    assert choices(together) == [union for one in searches for union in choices(one)]
    grid = together[0]
    distinct = [tuple(grid.candidates[alike[0]].items()) for alike in grid.alike]
    assert len(set(distinct)) == len(distinct)
    assert sorted(n for alike in grid.alike for n in alike) == list(range(len(grid.candidates)))
    for alike in grid.alike:
        for number in alike:
            assert grid.candidates[number] == grid.candidates[alike[0]]
            assert set(grid.offered[number]) <= set(grid.places(alike))
