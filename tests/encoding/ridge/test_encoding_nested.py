"""The whole nested search by hand: scikit-learn in loops over folds, candidates, alphas and targets."""

from itertools import combinations

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from bids_app import encoding
from bids_app.encoding.ridge.candidates import alpha_grid, band_weights
from bids_app.records import FitSpec, Run

SPEC = FitSpec(candidates=6, alphas=(1e0, 1e4, 5), seed=12)  # its draws are far from each other and from the corners
N_RUNS, N_TIMES, N_TARGETS = 4, 40, 6
CLEAR = 1e-5  # relative margin of the best hyper-parameters over the next: below it, float32 may choose either


def make_runs(dims):
    rng = np.random.default_rng(1)
    weights = {name: rng.standard_normal((2 * count, N_TARGETS)) for name, count in dims.items()}
    mix = {"a": np.array([1, 0, 1, 0, 0.5, 1]), "b": np.array([0, 1, 1, 0, 1, 0.2])}
    runs = []
    for number in range(N_RUNS):
        bands = {name: rng.standard_normal((N_TIMES, 2, count)).astype("f4") + 2 for name, count in dims.items()}
        signal = sum(
            mix[name] * (bands[name].reshape(N_TIMES, -1) @ weights[name]) / np.sqrt(2 * dims[name]) for name in dims
        )
        Y = signal + 1.5 * rng.standard_normal((N_TIMES, N_TARGETS))
        runs.append(Run(f"run-{number}", bands, Y, np.arange(N_TIMES) * 2.0, (f"{number}",)))
    return runs


def by_hand(runs, union):
    """rsquared, r and the relative margin of the worst choice, (n_targets,) each."""
    X = {name: np.concatenate([run.bands[name].reshape(N_TIMES, -1) for run in runs]).astype(float) for name in union}
    Y = np.concatenate([run.Y for run in runs])
    fold = np.repeat(np.arange(N_RUNS), N_TIMES)
    alphas = alpha_grid(*SPEC.alphas)
    within = [some for size in range(1, len(union) + 1) for some in combinations(union, size)]
    tried = [
        dict(zip(some, row, strict=True))
        for some in within
        for row in band_weights(len(some), SPEC.candidates, SPEC.seed)
    ]
    gammas = [[weights.get(name, 0.0) for name in union] for weights in tried]
    gammas = list(dict.fromkeys(map(tuple, gammas)))
    residual, total, z, margin = 0.0, 0.0, [], np.full(N_TARGETS, np.inf)
    for outer in range(N_RUNS):
        train, test = fold != outer, fold == outer
        scaled = [StandardScaler().fit(X[name][train]).transform(X[name]) for name in union]
        designs = [np.hstack([np.sqrt(g) * x for g, x in zip(row, scaled, strict=True)]) for row in gammas]
        error = np.zeros((len(designs), len(alphas), N_TARGETS))
        for number, design in enumerate(designs):
            for at, alpha in enumerate(alphas):
                for inner in set(range(N_RUNS)) - {outer}:
                    fitted, checked = train & (fold != inner), fold == inner
                    model = Ridge(alpha=alpha).fit(design[fitted], Y[fitted])
                    error[number, at] += ((Y[checked] - model.predict(design[checked])) ** 2).sum(axis=0)
        flat = error.reshape(-1, N_TARGETS)
        best, following = np.sort(flat, axis=0)[:2]
        margin = np.minimum(margin, (following - best) / best)
        predicted = np.empty((test.sum(), N_TARGETS))
        for target in range(N_TARGETS):
            number, at = np.unravel_index(flat[:, target].argmin(), error.shape[:2])
            model = Ridge(alpha=alphas[at]).fit(designs[number][train], Y[train, target])
            predicted[:, target] = model.predict(designs[number][test])
        residual += ((Y[test] - predicted) ** 2).sum(axis=0)
        total += ((Y[test] - Y[train].mean(axis=0)) ** 2).sum(axis=0)
        z.append([np.arctanh(np.corrcoef(Y[test, k], predicted[:, k])[0, 1]) for k in range(N_TARGETS)])
    return 1 - residual / total, np.tanh(np.mean(z, axis=0)), margin


@pytest.mark.parametrize("dims", [{"a": 3, "b": 5}, {"a": 30, "b": 45}], ids=["primal", "dual"])
def test_every_union_is_the_nested_search_by_hand(dims):
    runs = make_runs(dims)
    design = encoding.build_design(runs, "by_run", (2.0, 4.0), {}, 6.0)
    fitted = encoding.fit(design, {"a": ("a",), "b": ("b",)}, SPEC)
    for number, union in enumerate(fitted.unions):
        rsquared, r, margin = by_hand(runs, union)
        clear = margin > CLEAR
        assert clear.sum() >= N_TARGETS - 1, margin
        np.testing.assert_allclose(fitted.rsquared[number, clear], rsquared[clear], atol=1e-8)
        np.testing.assert_allclose(fitted.r[number, clear], r[clear], atol=1e-8)
        np.testing.assert_allclose(fitted.rsquared[number], rsquared, atol=0.02)
