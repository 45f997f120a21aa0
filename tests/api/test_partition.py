"""A partition of arrays: the numbers of the pipeline's engine for the same design, planted parts, errors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import bids_app as concord
from bids_app import encoding
from bids_app.encoding import FitContext
from bids_app.pipeline.unit.fit_inputs import FitInputs
from bids_app.pipeline.unit.solvers import Averaging, UnitQuestions, choose_solver
from bids_app.records import Features, FitSpec, InferenceSpec, Run, partition_components

TR, DELAYS = 2.0, (2.0, 4.0)
FIT = {"candidates": 4, "alphas": (1e-2, 1e4, 7)}
TESTS = {"permutations": 60, "block_s": 40}
STATS = ("rsquared", "r", "p", "pfwe", "q", "ci025", "ci975")


def arrays(n_runs=3, n=150, seed=0):
    """Speech and language with one column in common; target 0 follows speech, 1 the common column, 2 nothing."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n_runs * n, 1))
    spaces = {name: np.hstack([rng.normal(size=(n_runs * n, 3)), common]) for name in ("speech", "language")}
    signals = np.hstack([spaces["speech"][:, :1], common, np.zeros_like(common)])
    Y = np.roll(signals, 2, axis=0) + rng.normal(size=signals.shape)
    return spaces, 10 + 3 * Y, np.repeat([f"run-{number}" for number in range(n_runs)], n)


@pytest.fixture(scope="module")
def asked():
    spaces, Y, runs = arrays()
    return concord.partition(spaces, Y, runs, period_s=TR, delays_s=DELAYS, fit=FIT, inference=TESTS)


def pipelines_answer(spaces, Y, runs):
    """What a unit of work is answered for the same rows, by the pipeline's own solver."""
    made = []
    for label in dict.fromkeys(runs):
        rows = runs == label
        times_s, nothing, every = np.arange(rows.sum()) * TR, np.empty((rows.sum(), 0)), np.ones(rows.sum(), bool)
        bands = {
            name: encoding.make_band(
                [(Features(name, values[rows], times_s, "continuous"), 0.0)], times_s, DELAYS, TR, "offset"
            )
            for name, values in spaces.items()
        }
        Y_run = encoding.clean(Y[rows], nothing, every, "run")
        made.append(Run(label, bands, Y_run, times_s, (label,), nuisance=encoding.nuisance_basis(nothing, every)))
    purge_s = encoding.purge_length_s(made, DELAYS, TR)
    design = encoding.build_design(made, "by_run", DELAYS, dict.fromkeys(spaces), purge_s, residualise=True)
    spec, tests = FitSpec(**FIT), InferenceSpec(TESTS["permutations"], TESTS["block_s"], 0)
    groups = {name: (name,) for name in spaces}
    inputs = FitInputs(design, groups, spec, tests, FitContext())
    inputs = replace(inputs, blocks=inputs.make_blocks())
    answers = choose_solver(spec).answer(inputs, UnitQuestions(Averaging({"all": design.usable})))
    main = answers.main
    return encoding.partition(main.fit, main.tests, groups, main.partial_r), main


def test_numbers_are_those_of_a_unit_of_work(asked):
    parts, main = pipelines_answer(*arrays())
    for label, stats in parts.values.items():
        own = asked[asked.component == label]
        for stat in STATS:
            expected = stats.get(stat, np.full(3, np.nan))
            np.testing.assert_allclose(own[stat], expected, rtol=1e-9, atol=1e-12, err_msg=f"{label} {stat}")
    for label in ("speech", "language"):
        own = asked[asked.component == label]
        for stat in ("shapley", "product", "shapley025", "product975"):
            np.testing.assert_allclose(own[stat], parts.values[label][stat], rtol=1e-9, atol=1e-12)
    means = pd.DataFrame(asked.attrs["means"]).set_index("component")
    for one in partition_components(("speech", "language")):
        expected = main.averages.mean("all", one.terms)[0]
        assert means.loc[one.label, "rsquared"] == pytest.approx(expected, rel=1e-9)
        assert means.loc[one.label, "rsquared"] == pytest.approx(asked[asked.component == one.label].rsquared.mean())
        assert means.loc[one.label, "ci025"] < expected < means.loc[one.label, "ci975"]


def test_it_is_tidy(asked):
    assert list(asked.columns[:10]) == ["component", "kind", "target", *STATS]
    assert len(asked) == 6 * 3
    assert not asked.duplicated(["component", "target"]).any()
    assert list(dict.fromkeys(asked.component)) == [
        "full", "speech", "language", "uniqueSpeech", "uniqueLanguage", "sharedSpeechLanguage",
    ]  # fmt: skip
    parts = asked[asked.kind.isin(["unique", "shared"])].groupby("target").rsquared.sum()
    np.testing.assert_allclose(parts, asked[asked.kind == "full"].rsquared, atol=1e-12)


def test_planted_parts_come_back(asked):
    value = asked.pivot_table(index="component", columns="target", values="rsquared")
    assert value.loc["uniqueSpeech", 0] == pytest.approx(0.5, abs=0.1)
    assert value.loc["sharedSpeechLanguage", 1] == pytest.approx(0.5, abs=0.1)
    assert value[2].abs().max() < 0.05
    pfwe = asked.pivot_table(index="component", columns="target", values="pfwe")
    assert pfwe.loc["uniqueSpeech", 0] < 0.05
    assert pfwe.loc["sharedSpeechLanguage", 1] < 0.05


@pytest.mark.parametrize(
    "given",
    [
        lambda spaces, Y, runs: (
            {name: torch.as_tensor(one) for name, one in spaces.items()},
            torch.as_tensor(Y),
            runs,
        ),
        lambda spaces, Y, runs: (spaces, pd.DataFrame(Y, columns=["A1", "A2", "A3"]), pd.Series(runs)),
        lambda spaces, Y, runs: (spaces, Y.tolist(), list(runs)),
    ],
    ids=["torch", "frames", "lists"],
)
def test_arrays_of_other_kinds_are_the_same(given):
    settings = {"fit": {**FIT, "solver": "ridge"}, "inference": {"permutations": 0}}
    found = concord.partition(*given(*arrays()), **settings)
    reference = concord.partition(*arrays(), **settings)
    np.testing.assert_array_equal(found.rsquared, reference.rsquared)
    assert list(found.target[:3]) in ([0, 1, 2], ["A1", "A2", "A3"])
    assert "p" not in found


def test_delays_are_within_a_run():
    """The end of one run tells nothing of the beginning of the next."""
    spaces, Y, runs = arrays()
    shuffled = np.concatenate([np.flatnonzero(runs == label) for label in ("run-2", "run-0", "run-1")])
    settings = {
        "fit": {**FIT, "solver": "ridge"},
        "inference": {"permutations": 0},
        "period_s": TR,
        "delays_s": DELAYS,
    }
    found = concord.partition(spaces, Y, runs, **settings)
    moved = {name: values[shuffled] for name, values in spaces.items()}
    np.testing.assert_allclose(
        found.rsquared, concord.partition(moved, Y[shuffled], runs[shuffled], **settings).rsquared
    )


def test_a_single_run_is_split_in_time():
    spaces, Y, runs = arrays(1, 300)
    found = concord.partition(spaces, Y, runs, fit=FIT, inference={"permutations": 0}, delays_s=(2,))
    assert any("5 contiguous blocks" in line for line in found.attrs["warnings"])
    assert found[found.component == "full"].rsquared[0] > 0.3


def test_a_dead_target_is_nan_and_the_rest_as_it_was():
    spaces, Y, runs = arrays()
    Y[:, 2] = 4.0
    found = concord.partition(spaces, Y, runs, fit=FIT, inference={"permutations": 0})
    assert found[found.target == 2].rsquared.isna().all()
    assert found[found.target == 0].rsquared.notna().all()


def test_a_narrow_grid_is_warned_of():
    found = concord.partition(*arrays(), fit={"alphas": (1e5, 1e6, 3)}, inference={"permutations": 0}, delays_s=(2,))
    assert any("alpha lies at an end of its grid" in line for line in found.attrs["warnings"])


SPACES, RESPONSES, RUNS = arrays(2, 40)
MIXED = np.tile(["a", "b"], 40)


@pytest.mark.parametrize(
    ("given", "settings", "words", "code"),
    [
        ((SPACES, RESPONSES[:-1], RUNS), {}, "'speech' must be (79, n_dims)", 64),
        ((SPACES, RESPONSES, RUNS[:-1]), {}, "groups must be (80,)", 64),
        (({"a": SPACES["speech"][1:]}, RESPONSES, RUNS), {}, "'a' must be (80, n_dims)", 64),
        ((SPACES["speech"], RESPONSES, RUNS), {}, "a mapping of 1 to 4 names", 64),
        (({}, RESPONSES, RUNS), {}, "a mapping of 1 to 4 names", 64),
        ((dict.fromkeys("abcde", SPACES["speech"]), RESPONSES, RUNS), {}, "1 to 4 names", 64),
        ((dict.fromkeys(("a b", "a_b"), SPACES["speech"]), RESPONSES, RUNS), {}, "rename a space", 64),
        (({"full": SPACES["speech"]}, RESPONSES, RUNS), {}, "rename a space", 64),
        ((SPACES, RESPONSES, np.where(np.arange(80) < 9, np.nan, 1.0)), {}, "rows without a label", 64),
        ((SPACES, RESPONSES, MIXED), {}, "rows of the run 'a' do not stand together", 64),
        ((SPACES, RESPONSES[:, :0], RUNS), {}, "Y must be (n_times, n_targets)", 64),
        (({"a": SPACES["speech"] * np.nan}, RESPONSES, RUNS), {}, "not finite", 65),
        ((SPACES, RESPONSES * 0, RUNS), {}, "no target varies", 65),
        ((SPACES, RESPONSES[:, :1] * np.nan, RUNS), {}, "no target varies", 65),
        (({"a": SPACES["speech"][:6]}, RESPONSES[:6], RUNS[:6]), {}, "too few", 65),
        ((SPACES, RESPONSES, RUNS), {"fit": {"candidats": 3}}, "did you mean 'candidates'", 64),
        (({1: RESPONSES, "1": RESPONSES}, RESPONSES, RUNS), {}, "two spaces are called '1'", 64),
        ((SPACES, RESPONSES, RUNS), {"fit": {"solver": "chen2024"}}, "banded_ridge or ridge", 64),
        ((SPACES, RESPONSES, RUNS), {"fit": {"alphas": (10, 1, 3)}}, "lies below the lowest", 64),
        ((SPACES, RESPONSES, RUNS), {"inference": {"permutations": -1}}, "permutations", 64),
        ((SPACES, RESPONSES, RUNS), {"inference": {"block": 20}}, "did you mean 'block_s'", 64),
        ((SPACES, RESPONSES, RUNS), {"inference": {"fdr": 0.1}}, "unknown key 'fdr'", 64),  # nothing here counts
        ((SPACES, RESPONSES, RUNS), {"inference": {"block_s": 0}}, "block_s", 64),
        ((SPACES, RESPONSES, RUNS), {"delays_s": ()}, "delays_s", 64),
        ((SPACES, RESPONSES, RUNS), {"delays_s": (-2,)}, "delays_s", 64),
        ((SPACES, RESPONSES, RUNS), {"period_s": 0}, "period_s", 64),
    ],
)
def test_what_is_wrong_is_one_line(given, settings, words, code):
    with pytest.raises(concord.ConcordError) as caught:
        concord.partition(*given, **settings)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == code
