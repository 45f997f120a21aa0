"""The seed paper's findings on arrays: planted as it says, the other way round, and noise."""

import numpy as np
import pytest

from bids_app import encoding
from bids_app.encoding.comparisons.averages import Average, Averaged, with_interval
from bids_app.encoding.inference.blocks import block_labels
from bids_app.records import FitSpec, Run

SPEC = FitSpec(candidates=6, alphas=(1e-1, 1e5, 7))
N_RUNS, N_TIMES, N_TARGETS = 6, 200, 30
PARTS = ("context", "semantic", "low", "speech", "language")
GROUPS = {
    "subspace": {"shared": ("shared",), "speechRest": ("speechRest",), "languageRest": ("languageRest",)},
    "against": {"shared": ("shared",), "semantic": ("semantic",), "low_level": ("low_level",)},
}


def planted(variances, seed=0):
    """A design whose shared band holds context, static semantics and low level; and the population's shares."""
    rng = np.random.default_rng(seed)
    latent = {part: rng.standard_normal((N_RUNS, N_TIMES, 2)) for part in PARTS}
    bands = {
        "shared": np.concatenate([latent["context"], latent["semantic"], latent["low"]], axis=2),
        "speechRest": latent["speech"],
        "languageRest": latent["language"],
        "semantic": latent["semantic"],
        "low_level": latent["low"],
    }
    Y = np.sqrt(max(0.0, 1 - sum(variances.values()))) * rng.standard_normal((N_RUNS, N_TIMES, N_TARGETS))
    for part, variance in variances.items():
        weights = rng.standard_normal((2, N_TARGETS))
        Y += latent[part] @ (np.sqrt(variance) * weights / np.linalg.norm(weights, axis=0))
    runs = [
        Run(
            f"run-{number}",
            {name: values[number][:, None] for name, values in bands.items()},
            Y[number] - Y[number].mean(axis=0),
            np.arange(N_TIMES) * 0.4,
            (f"{number}",),
        )
        for number in range(N_RUNS)
    ]
    return encoding.build_design(runs, "by_run", (0.0,), {}, 4.0)


def answered(given):
    """{(kind, name): finding} over all targets."""
    labels = block_labels(given.runs, given.times_s, 10.0)
    done = {}
    for name, groups in GROUPS.items():
        unions = encoding.unions_of(tuple(groups))
        maps = encoding.singles(unions) if name == "against" else ()
        observer = encoding.Averages(unions, maps, encoding.AveragingPlan(given.folds, {"all": given.usable}, labels))
        encoding.fit(given, groups, SPEC, observer=observer)
        done[name] = observer.averaged()
    statistics = encoding.model_pair_statistics(
        done["against"], None, encoding.SubspaceSplit(done["subspace"], done["against"], ("speech", "language"))
    )
    return {(row.about.kind, row.about.name): row for row in statistics.rows if row.targets == "all"}


def holds(row, value):
    return row.low <= value <= row.high


PAPER = {"context": 0.2, "semantic": 0.1, "low": 0.05, "speech": 0.02}
REVERSED = {"context": 0.02, "semantic": 0.05, "low": 0.1, "speech": 0.2}


def test_planted_like_the_paper_the_order_and_the_shares_come_back():
    statistics = answered(planted(PAPER))
    names = ("sharedContext", "sharedSemantic", "sharedLowLevel", "speechAlone")
    shares = [statistics["share", name].value for name in names]
    assert shares == sorted(shares, reverse=True)
    for name, variance in zip(names, PAPER.values(), strict=True):
        assert holds(statistics["share", name], variance / sum(PAPER.values())), name
        assert statistics["share", name].value == pytest.approx(variance / sum(PAPER.values()), abs=0.05)
    assert abs(statistics["share", "sharedSemanticLowLevel"].value) < 0.05
    for less in ("Semantic", "LowLevel", "SpeechAlone", "LanguageAlone"):
        assert statistics["difference", f"sharedContextLess{less}"].low > 0
    amount = {name: row.value for (kind, name), row in statistics.items() if kind == "amount"}
    less = amount["sharedContext"] - amount["sharedLowLevel"] - amount["sharedSemanticLowLevel"]
    assert statistics["difference", "sharedContextLessLowLevel"].value == pytest.approx(less)
    parts = [row.value for (kind, name), row in statistics.items() if kind == "amount" and name != "bothModels"]
    assert sum(parts) == pytest.approx(statistics["amount", "bothModels"].value, abs=1e-12)
    assert sum(row.value for (kind, _), row in statistics.items() if kind == "share") == pytest.approx(1)


def test_planted_the_other_way_round_it_says_the_other_way_round():
    statistics = answered(planted(REVERSED, 1))
    for less in ("Semantic", "LowLevel", "SpeechAlone"):
        assert statistics["difference", f"sharedContextLess{less}"].high < 0
    assert statistics["difference", "sharedContextLessLanguageAlone"].value == pytest.approx(0.02, abs=0.02)
    assert holds(statistics["share", "speechAlone"], 0.2 / sum(REVERSED.values()))


def test_noise_exceeds_nothing():
    statistics = answered(planted({}, 2))
    assert statistics["amount", "bothModels"].value < 0.005
    assert not any(row.low > 0 or row.high < -0.005 for (kind, _), row in statistics.items() if kind == "difference")


def test_scores_and_agreement_are_there_for_every_space_and_pair():
    statistics = answered(planted(PAPER, 3))
    assert holds(statistics["score", "semantic"], 0.1)
    assert statistics["map_correlation", "SharedSemantic"].n_targets == N_TARGETS
    assert statistics["prediction_correlation", "SharedSemantic"].low > 0
    agreed = statistics["prediction_correlation", "SemanticLowLevel"]
    assert agreed.low < 0 < agreed.high


def beyond(z):
    """Rows of agreement beyond controls of (1 + n_blocks, n_pairs) z of two models and then controls."""
    names = ("speech", "language", "baseline", "controlRandom")
    unions, n_rows = tuple((name,) for name in names), len(z)
    average = Average(9, np.zeros((n_rows, 4)), np.ones((n_rows, 5, 5)), z)
    averaged = Averaged(unions, (0, 1, 2, 3), {"all": average})
    rows = encoding.model_pair_statistics(averaged, ("speech", "language"), control_models=averaged).rows
    return {row.about.models[2]: row for row in rows if row.about.kind == "agreement_beyond"}


def test_agreement_beyond_a_control_is_less_the_larger_of_both_models_with_it_block_by_block():
    z = np.random.default_rng(0).normal(0.5, 0.1, (13, 6))  # SL, SB, SR, LB, LR, BR
    rows = beyond(z)
    assert set(rows) == {"baseline", "controlRandom"}
    for control, places in (("baseline", (1, 3)), ("controlRandom", (2, 4))):
        expected = with_interval(z[:, 0] - np.maximum(z[:, places[0]], z[:, places[1]]))
        assert (rows[control].value, rows[control].low, rows[control].high) == pytest.approx(expected)
        assert rows[control].n_targets == 9


def draw(kind, rng, n_blocks=12, n_samples=60):
    """Predicted time courses of two models and the baseline, as leave-one-block-out z of their correlations."""
    common, *own = rng.standard_normal((4, n_blocks, n_samples))
    first, second, baseline = {
        "only the baseline": (common + own[0], common + own[1], common),
        "equally": (common + own[0], common + own[1], common + own[2]),
        "more": (common + 0.3 * own[0], common + 0.3 * own[1], common + own[2]),
    }[kind]

    def z(kept):
        r = np.corrcoef([course[kept].ravel() for course in (first, second, baseline)])
        return np.arctanh([r[0, 1], r[0, 2], 0, r[1, 2], 0, 0])

    blocks = np.arange(n_blocks)
    return np.array([z(blocks), *(z(blocks != left_out) for left_out in blocks)])


@pytest.mark.parametrize(
    ("kind", "least", "most"), [("only the baseline", 0, 0), ("equally", 0, 0.05), ("more", 0.9, 1)]
)
def test_two_models_that_know_the_baseline_alone_do_not_agree_beyond_it(kind, least, most):
    rng = np.random.default_rng(1)
    above = np.mean([beyond(draw(kind, rng))["baseline"].low > 0 for _ in range(60)])
    assert least <= above <= most
