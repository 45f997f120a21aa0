"""The whole nested search by hand: scikit-learn in loops over folds, candidates, alphas and targets."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from bids_app import encoding
from bids_app.encoding.ridge.candidates import alpha_grid, band_weights, nested_grid
from bids_app.records import FitSpec, Run

SPEC = FitSpec(candidates=6, alphas=(1e0, 1e4, 5), seed=12)
N_RUNS, N_TIMES, N_TARGETS = 4, 40, 6


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


def errors_of(design, Y, fitted, checked, alphas):
    """(n_alphas, n_targets) squared errors of ridge, by its normal equations."""
    X, y = design[fitted] - design[fitted].mean(axis=0), Y[fitted] - Y[fitted].mean(axis=0)
    weights = np.linalg.solve(X.T @ X + alphas[:, None, None] * np.eye(X.shape[1]), X.T @ y)
    left = Y[checked] - Y[fitted].mean(axis=0) - (design[checked] - design[fitted].mean(axis=0)) @ weights
    return (left**2).sum(axis=1)


def by_hand(runs, names, union):
    """rsquared and r (n_targets,), and how many bands each fold's models have, (n_folds, n_targets)."""
    X = {name: np.concatenate([run.bands[name].reshape(N_TIMES, -1) for run in runs]).astype(float) for name in names}
    Y = np.concatenate([run.Y for run in runs])
    fold = np.repeat(np.arange(N_RUNS), N_TIMES)
    members = [[[names.index(name)] for name in names if name in some] for some in ("a", "b", "ab")]
    grid, allowed = nested_grid(
        members, band_weights(len(names), SPEC.candidates, SPEC.seed), alpha_grid(*SPEC.alphas)
    )
    mine = allowed[("a", "b", "ab").index("".join(union))]
    residual, total, z, n_bands = 0.0, 0.0, [], []
    for outer in range(N_RUNS):
        train, test = fold != outer, fold == outer
        scaled = [StandardScaler().fit(X[name][train]).transform(X[name]) for name in names]
        designs = [np.hstack([np.sqrt(g) * scaled[b] for b, g in grid.candidates[k].items()]) for k in mine]
        inner = [(train & (fold != k), fold == k) for k in set(range(N_RUNS)) - {outer}]
        power = sum(((Y[checked] - Y[fitted].mean(axis=0)) ** 2).sum(axis=0) for fitted, checked in inner)
        errors = {
            (k, at): error
            for k, design in enumerate(designs)
            for at, error in zip(
                grid.offered[mine[k]],
                sum(errors_of(design, Y, *rows, grid.alphas[grid.offered[mine[k]]]) for rows in inner),
                strict=True,
            )
        }
        predicted, chosen = np.empty((test.sum(), N_TARGETS)), []
        for target in range(N_TARGETS):
            # the fewest bands whose best error is the least, within a tenth of the power's part of one sample
            limit = min(error[target] for error in errors.values()) + 0.1 * power[target] / train.sum()
            few = [
                min(
                    (error[target], k, at)
                    for (k, at), error in errors.items()
                    if len(grid.candidates[mine[k]]) == count
                )
                for count in range(1, len(union) + 1)
            ]
            _, k, at = next(best for best in few if best[0] <= limit)
            chosen.append(len(grid.candidates[mine[k]]))
            model = Ridge(alpha=grid.alphas[at]).fit(designs[k][train], Y[train, target])
            predicted[:, target] = model.predict(designs[k][test])
        n_bands.append(chosen)
        residual += ((Y[test] - predicted) ** 2).sum(axis=0)
        total += ((Y[test] - Y[train].mean(axis=0)) ** 2).sum(axis=0)
        z.append([np.arctanh(np.corrcoef(Y[test, k], predicted[:, k])[0, 1]) for k in range(N_TARGETS)])
    return 1 - residual / total, np.tanh(np.mean(z, axis=0)), np.array(n_bands)


@pytest.mark.parametrize("dims", [{"a": 3, "b": 5}, {"a": 30, "b": 45}], ids=["primal", "dual"])
def test_every_union_is_the_nested_search_by_hand(dims):
    runs = make_runs(dims)
    design = encoding.build_design(runs, "by_run", (2.0, 4.0), {}, 6.0)
    double = encoding.FitContext(precision="float64")
    fitted = encoding.fit(design, {"a": ("a",), "b": ("b",)}, SPEC, double)
    for number, union in enumerate(fitted.unions):
        rsquared, r, n_bands = by_hand(runs, ("a", "b"), union)
        np.testing.assert_allclose(fitted.rsquared[number], rsquared, atol=1e-8)
        np.testing.assert_allclose(fitted.r[number], r, atol=1e-8)
    assert set(n_bands.ravel()) == {1, 2}  # the full union's models: some need one band alone
