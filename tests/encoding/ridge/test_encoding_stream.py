"""What a fit hands on as it goes: predictions, their parts by block and by band, weights; a limit on its memory."""

import mmap
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bids_app import encoding
from bids_app.encoding.ridge.batches import BLOCK_WIDTH, Size, block_width, load
from bids_app.encoding.ridge.fitted import Observer
from bids_app.records import FitSpec, Run

GROUPS = {"one": ("a",), "two": ("b", "c")}
SPEC = FitSpec(candidates=8, alphas=(1e-1, 1e4, 6))
N_RUNS, N_TIMES = 4, 40
WIDTHS = pytest.mark.parametrize("dims", [3, 30], ids=["primal", "dual"])


def design(dims=3, n_targets=7, seed=0):
    rng = np.random.default_rng(seed)
    runs = []
    for number in range(N_RUNS):
        bands = {name: rng.standard_normal((N_TIMES, 2, dims)).astype("f4") for name in "abc"}
        Y = rng.standard_normal((N_TIMES, n_targets)) + 3
        for target in range(n_targets):
            Y[:, target] += bands["abc"[target % 3]][:, 0, :2].sum(axis=1)
        runs.append(Run(f"run-{number}", bands, Y, np.arange(N_TIMES) * 2.0, (f"{number}",)))
    return encoding.build_design(runs, "by_run", (2.0, 4.0), {}, 6.0)


class Collected(Observer):
    """Keeps every model, and when batches begin and end."""

    def __init__(self):
        self.models, self.begun, self.ended = [], [], []

    def begin(self, targets, responses):
        self.begun.append((targets, len(self.models)))

    def fitted(self, models):
        self.models.append(models)

    def end(self):
        self.ended.append(len(self.models))


class Foreseeing(Collected):
    """Keeps besides what the models of some unions are foreseen to leave: {(union, target): {sample: what}}."""

    def __init__(self, unions):
        super().__init__()
        self.foreseen, self.left, self.begun_folds = frozenset(unions), {}, 0

    def foresee(self, split, residuals):
        assert self.begun_folds == 0  # before the first model of any fold
        for union, at in residuals.unions.items():
            for position in at:
                held_out = dict(zip(split.evaluate, residuals.left[:, position].tolist(), strict=True))
                self.left.setdefault((union, residuals.places[position]), {}).update(held_out)

    def begin_fold(self, fold, split):
        self.begun_folds += 1


@pytest.mark.parametrize(
    "alphas", [(1e-1, 1e4, 6), (1e-1, 1e4, 60), (1e-17, 1e-15, 2)], ids=["few", "many", "below rounding"]
)
@WIDTHS
def test_what_is_foreseen_is_what_models_leave(dims, alphas, monkeypatch):
    """Of the unions that are asked for, in all folds, by factors and by eigenvectors, where alphas are many or below
    the rounding of collinear columns."""
    monkeypatch.setitem(BLOCK_WIDTH, "cpu", 4)
    seen, given = Foreseeing({0, 2}), design(dims)
    if alphas[0] < 1e-9:
        given = replace(given, bands=given.bands | {"b": given.bands["a"]})
    encoding.fit(given, GROUPS, replace(SPEC, alphas=alphas), encoding.FitContext(precision="float64"), observer=seen)
    assert set(seen.left) == {(union, target) for union in (0, 2) for target in range(7)}
    assert all(len(left) == N_RUNS * N_TIMES for left in seen.left.values())
    for models in seen.models:
        left = (models.responses - models.predictions).numpy()
        for union in {0, 2} & models.unions.keys():
            for position in models.unions[union]:
                foreseen = seen.left[union, models.places[position]]
                found = [foreseen[sample] for sample in models.split.evaluate]
                np.testing.assert_allclose(found, left[:, position], rtol=1e-8, atol=1e-8)


@WIDTHS
def test_predictions_handed_on_are_those_that_are_scored(dims, monkeypatch):
    monkeypatch.setitem(BLOCK_WIDTH, "cpu", 4)
    collected, given = Collected(), design(dims)
    fitted = encoding.fit(given, GROUPS, SPEC, observer=collected)
    residual, total = np.zeros((3, 7)), np.zeros((3, 7))
    for models in collected.models:
        rows = models.split.evaluate
        expected = given.Y[rows][:, models.targets] - given.Y[models.split.train][:, models.targets].mean(axis=0)
        np.testing.assert_allclose(models.responses, expected, atol=1e-12)
        for union, mine in models.unions.items():
            squares = (models.responses - models.predictions) ** 2
            residual[union, models.targets[mine]] += squares.sum(axis=0).numpy()[mine]
            total[union, models.targets[mine]] += (models.responses**2).sum(axis=0).numpy()[mine]
    np.testing.assert_allclose(1 - residual / total, fitted.rsquared, atol=1e-12)
    assert np.concatenate([targets for targets, _ in collected.begun]).tolist() == list(range(7))
    assert [at for _, at in collected.begun] == [0, *collected.ended[:-1]]
    assert collected.ended[-1] == len(collected.models)


def test_what_a_target_chose_in_several_unions_is_fitted_once():
    collected = Collected()
    encoding.fit(design(), GROUPS, SPEC, observer=collected)
    met = [
        (models.fold, tuple(sorted(models.basis.weights.items())), int(target))
        for models in collected.models
        for target in models.targets
    ]
    assert len(met) == len(set(met)) < 3 * N_RUNS * 7
    chosen = [
        (models.fold, union, int(models.targets[at]))
        for models in collected.models
        for union, mine in models.unions.items()
        for at in mine
    ]
    assert sorted(chosen) == [(*each,) for each in np.ndindex(N_RUNS, 3, 7)]


@WIDTHS
def test_parts_by_band_and_weights_are_those_of_their_definition(dims):
    given = design(dims)
    fitted = encoding.fit(given, GROUPS, SPEC, options=encoding.FitOptions(keep_weights=True))
    explained, total = {name: np.zeros(7) for name in "abc"}, np.zeros(7)
    for fold in range(N_RUNS):
        train, test = given.folds != fold, given.folds == fold
        y = given.Y[test] - given.Y[train].mean(axis=0)
        predicted = {}
        for name in "abc":
            X = given.bands[name].reshape(len(given.Y), -1).astype(float)
            X = (X - X[train].mean(axis=0)) / X[train].std(axis=0)
            assert fitted.weights[name].shape == (N_RUNS, 2, dims, 7)
            predicted[name] = X[test] @ fitted.weights[name][fold].reshape(-1, 7)
        for name in "abc":
            explained[name] += (predicted[name] * (2 * y - sum(predicted.values()))).sum(axis=0)
        total += (y**2).sum(axis=0)
    for name in "abc":
        np.testing.assert_allclose(fitted.product[name], explained[name] / total, atol=1e-5)
        norms = np.linalg.norm(fitted.weights[name], axis=2).mean(axis=0)
        np.testing.assert_allclose(fitted.profile[name], norms, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(sum(fitted.product.values()), fitted.rsquared[-1], atol=1e-10)
    assert encoding.fit(given, GROUPS, SPEC).weights is None


def choices(collected):
    """{(fold, union, target): (band weights, place of the alpha, R² in the inner folds)}."""
    return {
        (models.fold, union, models.targets[at]): (
            tuple(models.basis.weights.items()),
            models.alpha_index[at],
            models.inner_rsquared[at],
        )
        for models in collected.models
        for union, positions in models.unions.items()
        for at in positions.tolist()
    }


@WIDTHS
@pytest.mark.parametrize("solver", ["ridge", "banded_ridge"])
def test_precisions_agree(dims, solver):
    given, spec = design(dims), replace(SPEC, solver=solver)
    seen = {name: Collected() for name in ("float64", "mixed", "float32")}
    exact, mixed, single = (
        encoding.fit(given, GROUPS, spec, encoding.FitContext(precision=name), observer=collected)
        for name, collected in seen.items()
    )
    # a search in float32 may take another candidate or alpha only where it is as good; the same ones give the same
    chosen, other = (choices(seen[name]) for name in ("float64", "mixed"))
    same = np.ones(exact.rsquared.shape, dtype=bool)
    for (fold, union, target), (weights, alpha, inner) in chosen.items():
        (their_weights, their_alpha, their_inner) = other[fold, union, target]
        same[union, target] &= (weights, alpha) == (their_weights, their_alpha)
        assert abs(inner - their_inner) < 1e-6
    assert same.mean() > 0.8
    np.testing.assert_allclose(mixed.rsquared[same], exact.rsquared[same], atol=1e-9)
    np.testing.assert_allclose(single.rsquared, exact.rsquared, atol=1e-4)
    np.testing.assert_allclose(single.r, exact.r, atol=1e-4)
    assert np.abs(single.rsquared - exact.rsquared).max() > 0


def test_the_full_unions_choice_is_reported():
    collected, given = Collected(), design()
    fitted = encoding.fit(given, GROUPS, SPEC, observer=collected)
    assert fitted.alpha.shape == (N_RUNS, 7)
    np.testing.assert_allclose(sum(fitted.band_weights.values()), 1.0)
    for models in collected.models:
        for at in models.unions.get(2, ()):
            place = models.fold, models.targets[at]
            assert fitted.alpha[place] == models.alpha[at]
            chosen = [models.basis.weights.get(band, 0.0) for band in range(3)]
            assert [fitted.band_weights[name][place] for name in "abc"] == chosen


def test_chosen_unions_alone_are_as_among_all():
    given = design()
    every = encoding.fit(given, GROUPS, SPEC)
    some = encoding.fit(given, GROUPS, SPEC, options=encoding.FitOptions(unions=[("one",), ("one", "two")]))
    np.testing.assert_allclose(some.rsquared, every.rsquared[[0, 2]], atol=1e-12)
    np.testing.assert_allclose(some.profile["c"], every.profile["c"], atol=1e-12)


LIMITED = """
import resource, sys, numpy as np, torch
from pathlib import Path
from bids_app import encoding
from bids_app.encoding.ridge.batches import BASE_MB, BLOCK_WIDTH
from bids_app.encoding.ridge.fitted import Observer
from bids_app.records import Design, FitSpec
from test_encoding_stream import SPEC, GROUPS, design

torch.set_num_threads(1)
BLOCK_WIDTH["cpu"] = 1024  # several blocks
encoding.fit(design(), GROUPS, SPEC)  # libraries have their buffers
small = design(20)
source = np.load(sys.argv[1], mmap_mode="r")
given = Design(**{**vars(small), "Y": source, "usable": np.arange(source.shape[1]) % 5000 != 1})
status = Path("/proc/self/status").read_text().splitlines()
base = 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmSize"))
spec = FitSpec(solver="ridge", alphas=(1e-1, 1e4, 6))
fits = []
for mem_mb in (int(word) for word in sys.argv[2:]):
    resource.setrlimit(resource.RLIMIT_AS, (base + int((mem_mb - BASE_MB) * 1e6), resource.RLIM_INFINITY))
    collected = []
    class Count(Observer):
        def begin(self, targets, responses): collected.append(len(targets))
    fits.append(encoding.fit(given, GROUPS, spec, encoding.FitContext(mem_mb=mem_mb), observer=Count()))
    print(len(collected))
for found in fits:
    np.testing.assert_allclose(found.rsquared, fits[0].rsquared, atol=1e-6)
    np.testing.assert_array_equal(found.rsquared, fits[0].rsquared)
    assert np.isnan(found.rsquared).any(axis=0).sum() == 2 and np.isfinite(found.rsquared).sum() == 3 * 9998
"""


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux")
def test_a_limit_on_memory_is_kept_and_changes_nothing(tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "y.npy", rng.standard_normal((N_RUNS * N_TIMES, 10_000), dtype="f4"))
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "y.npy"), "632", "640", "700"]
    paths = [*sys.path, str(Path(__file__).parent)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    batches = [int(line) for line in done.stdout.split()]
    assert batches == sorted(batches, reverse=True)
    assert len(set(batches)) == 3, batches


def test_a_limit_too_low_says_what_is_needed():
    with pytest.raises(MemoryError, match=r"needs at least 6\d\d MB"):
        encoding.fit(design(), GROUPS, SPEC, encoding.FitContext(mem_mb=100))


def status_mb(name):
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1000


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="needs Linux's account of memory")
def test_a_block_from_disk_does_not_bring_the_whole_file_into_memory(tmp_path):
    n_times, n_targets = 500, 100_000  # 200 MB
    (np.arange(n_times * n_targets) % 7).astype(np.float32).tofile(tmp_path / "Y.dat")
    Y = np.memmap(tmp_path / "Y.dat", np.float32, "r", shape=(n_times, n_targets))
    for targets in (np.arange(40_000, 41_000), np.arange(0, n_targets, 100)):
        expected = np.array(Y[:, targets]) - np.array(Y[:, targets]).mean(axis=0)
        Y.base.madvise(mmap.MADV_DONTNEED)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = status_mb("VmRSS")
        loaded = load(Y, targets, torch.float32, "cpu")
        assert status_mb("VmHWM") - before < 80
        np.testing.assert_allclose(loaded, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("n_times", "n_columns", "usable", "width"),
    [(200, 50, 70_000, 2048), (760, 72, 70_000, 2048), (1200, 9600, 70_000, 1024), (9000, 1600, 70_000, 1024),
     (200, 50, 300, 300)],
)  # fmt: skip
def test_blocks_are_as_wide_as_what_they_hold_is_small(n_times, n_columns, usable, width):
    given = replace(design(), Y=np.zeros((n_times, usable), "f4"), usable=np.ones(usable, bool))
    size = Size(n_columns, n_columns, 0, 0, 4, 3, 4, 10, 60, search=4, final=8, weights=0, observed=(0, 0))
    assert block_width(given, size, "cpu") == width
