"""The default analysis at the size of a study, against himalaya's search of its full model alone:
`python -m benchmarks.study`.

Features have the shapes of real models (80 + 22 + 3 × 768 columns, four delays) and a seed for weights; responses
follow them. All that a unit fits is fitted as `concord` does: all unions of the partition, both partitions of the
shared subspace, baseline and models beyond it, agreement, p and intervals. Reading, features and reports are apart.
`growth`: one outer fold of the partition with its samples; `targets`: all of it and himalaya's with their targets;
`memory`: the peak of a process that has done one batch of a whole brain's targets.
"""

from __future__ import annotations

import pickle
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from himalaya.backend import set_backend
from himalaya.kernel_ridge import solve_multiple_kernel_ridge_random_search
from himalaya.scoring import l2_neg_loss
from sklearn.model_selection import PredefinedSplit

from benchmarks.bars import Bar, measure, run_bars
from bids_app import encoding
from bids_app.encoding import FitContext, FitOptions, Question
from bids_app.encoding.design.columns import design_columns
from bids_app.encoding.design.folds import inner_folds, outer_split
from bids_app.encoding.ridge.candidates import band_weights
from bids_app.encoding.ridge.fit import fit_all
from bids_app.encoding.ridge.stream import OuterFold
from bids_app.execution import FIT, PREPARED, Stages
from bids_app.pipeline.runs.subspace_cache import SubspaceCache
from bids_app.pipeline.runs.word_bands import project
from bids_app.pipeline.unit.controls import asked_controls
from bids_app.pipeline.unit.fit_inputs import FitInputs
from bids_app.pipeline.unit.model_pair import control_models, first_averaging
from bids_app.pipeline.unit.solvers import Solver, UnitQuestions, choose_solver
from bids_app.process import keep_freed_memory, limit_threads
from bids_app.records import (
    MODELS_STAGE,
    RESIDUALS_STAGE,
    SEARCH_STAGE,
    WORD_COUNT,
    Array,
    BaselineModel,
    Design,
    FitSpec,
    Run,
    WordRows,
    word_band,
)
from bids_app.settings.analysis import Analysis
from bids_app.settings.load import load_analysis

TR_S, DELAYS_S, WORD_S, N_RUNS, N_CONFOUNDS = 2.0, (2.0, 4.0, 6.0, 8.0), 0.4, 4, 30
REAL = {"acoustic": 80, "phonetic": 22, "semantic": 768, "speech": 768, "language": 768}
DEMO = {"acoustic": 4, "phonetic": 2, "semantic": 2, "speech": 6, "language": 4}
BASELINE = ("baseline_word_rate", "baseline_envelope", "baseline_position")


def default(quick: bool) -> list[Bar]:
    """Everything, at 760 samples × 402 targets and at 1,200 × 2,000 (quick: 320 × 50)."""
    sizes = [(320, 50)] if quick else [(760, 402), (1200, 2000)]
    bars = []
    for n, n_targets in sizes:
        runs = make_runs(n, n_targets, REAL)
        ours, peer = _seconds(partial(everything, runs)), _seconds(partial(himalaya, stacked(runs)))
        print(
            f"  {n} × {n_targets}: {ours[0]:.0f} s ({ours[1]:.0f} of processors), himalaya {peer[0]:.1f} s",
            flush=True,
        )
        bars.append(Bar(f"default-{n}-{n_targets}", ours[0] / peer[0], 10, "times himalaya's full model"))
    return bars


def brain(quick: bool) -> list[Bar]:
    """Processor seconds a voxel of everything at 760 samples × 5,000 voxels, features of the demo's shapes (quick: of
    500 voxels)."""
    n_targets = 500 if quick else 5000
    _, busy = _seconds(lambda: everything(make_runs(760, n_targets, DEMO)))
    return [Bar("brain-processor-time", 1e3 * busy / n_targets, 6, "ms a voxel")]


def growth(quick: bool) -> list[Bar]:
    """The power of the samples by which one outer fold of the partition grows, 1,000 targets (quick: 50)."""
    sizes, n_targets = ([160, 240, 320], 50) if quick else ([800, 1600, 3200], 1000)
    took = []
    for n in sizes:
        design = stacked(make_runs(n, n_targets, REAL))
        took.append(_seconds(partial(one_fold, design))[0])
        print(f"  {n} samples, {outer_split(design, 0)[0].sum()} to train on: {took[-1]:.1f} s", flush=True)
    powers = np.diff(np.log(took)) / np.diff(np.log(sizes))
    print(f"  from each to the next as n to the power of {', '.join(f'{power:.2f}' for power in powers)}")
    return [Bar("growth-with-samples", _slope(np.log(sizes), np.log(took)), 2.5, "th power")]


def targets(quick: bool) -> list[Bar]:
    """What a further target takes in an outer fold, everything against himalaya's full model, 760 samples."""
    n, sizes = (160, [50, 100, 200]) if quick else (760, [5000, 10_000, 20_000])
    ours, theirs = [], []
    for n_targets in sizes:
        runs = make_runs(n, n_targets, REAL)
        design = stacked(runs)
        theirs.append(_seconds(partial(himalaya, design, np.unique(design.folds)[:1]))[0])
        ours.append(_seconds(partial(everything, runs))[0] / len(np.unique(design.folds)))
        print(f"  {n_targets} targets: {ours[-1]:.1f} s a fold, himalaya {theirs[-1]:.1f} s", flush=True)
    each = [1e3 * _slope(np.asarray(sizes), np.asarray(took)) for took in (ours, theirs)]
    print(f"  a target: {each[0]:.2f} ms, himalaya {each[1]:.2f} ms")
    return [Bar("targets", each[0] / each[1], 4, "times himalaya's")]


def memory(quick: bool) -> list[Bar]:
    """Peak of a process that reads the runs of 70,000 targets and does the first batch (quick: of 500)."""
    n, n_targets = (160, 500) if quick else (760, 70_000)
    with tempfile.TemporaryDirectory() as folder:
        kept, log = Path(folder, "runs.pickle"), Path(folder, "log.txt")
        for work in (f"write_runs({n}, {n_targets}, {str(kept)!r})", f"first_batch({str(kept)!r})"):
            command = [sys.executable, "-c", f"from benchmarks import study; study.{work}"]
            done = measure(command, log)  # a process each: what makes the runs takes more than they do
            if done.code:
                raise RuntimeError(log.read_text())
        print(f"  {log.read_text().strip()}, {done.seconds:.0f} s", flush=True)
    return [Bar(f"memory-{n_targets}", done.peak_mb * 2**20 / 1e6, 6000, "MB")]


def write_runs(n: int, n_targets: int, path: str) -> None:
    """`make_runs` into a file."""
    Path(path).write_bytes(pickle.dumps(make_runs(n, n_targets, REAL)))


def first_batch(path: str) -> None:
    """Everything about the runs in a file, until a second batch of targets begins, or to the end."""
    keep_freed_memory()
    limit_threads(None)
    try:
        everything(pickle.loads(Path(path).read_bytes()), _UntilSecondBatch())
        print("all targets were one batch")
    except _Enough as share:
        print(f"a batch was {100 * float(str(share)):.0f} % of the targets")


class _Enough(Exception):
    """The first batch is done: which share of the targets it was."""


class _UntilSecondBatch(Stages):
    """Stages that end a fit when it begins to search again, after the models of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self._fitted, self._whole = 0.0, False

    def advance(self, name: str, share: float) -> None:
        """See Stages: in the fit that has tests, which is the last, residuals come before the models of a batch."""
        super().advance(name, share)
        if name == RESIDUALS_STAGE:
            self._fitted, self._whole = 0.0, True
        self._fitted += share if name == MODELS_STAGE else 0.0
        if self._whole and self._fitted and name == SEARCH_STAGE:
            raise _Enough(self._fitted)


def one_fold(design: Design) -> None:
    """The partition in one outer fold, without tests."""
    spec = _analysis().fit_spec()
    train, test = outer_split(design, 0)
    fold = OuterFold(0, train, test, inner_folds(design, train, spec.inner))
    fit_all(design, [Question(_analysis().groups, FitOptions())], spec, folds=[fold])


def _slope(x: Array | Sequence[float], y: Array | Sequence[float]) -> float:
    return float(np.polyfit(x, y, 1)[0])


def everything(runs: list[Run], stages: Stages | None = None) -> None:
    """All that a unit fits, told to its stages."""
    stages = stages or Stages()
    solver, inputs, asked = prepared(runs, stages)
    with stages.at(FIT):
        solver.answer(inputs, asked)


def prepared(runs: list[Run], stages: Stages) -> tuple[Solver, FitInputs, UnitQuestions]:
    """All that is asked of a unit, before it is fitted."""
    analysis, context = _analysis(), FitContext(watch=stages.advance)
    spec = analysis.fit_spec()
    solver = choose_solver(spec)
    inputs = FitInputs(stacked(runs), analysis.groups, spec, analysis.inference_spec("fmri"), context)
    with stages.at(PREPARED):
        inputs = replace(inputs, design=project(inputs.design, runs, analysis, SubspaceCache())[0])
        inputs = replace(inputs, blocks=inputs.make_blocks())
    controls = asked_controls(inputs.design, analysis, BaselineModel(BASELINE))
    asked = UnitQuestions(
        first_averaging(inputs.design.usable, 1, None, None),
        {one.name: one.groups for one in analysis.extra_partitions},
        controls,
        control_models(analysis.compared_models, inputs.groups, controls),
    )
    return solver, inputs, asked


def himalaya(design: Design, folds: Array | None = None) -> None:
    """Random search of the full model in the same nested folds (some of them: their numbers), 20 candidates and 30
    alphas; kernels are given."""
    backend, spec = set_backend("torch"), FitSpec()
    gammas = band_weights(len(REAL), spec.candidates, spec.seed)[: spec.candidates].astype(np.float32)
    alphas = np.geomspace(*spec.alphas).astype(np.float32)
    for fold in np.unique(design.folds) if folds is None else folds:
        train = design.folds != fold
        columns = [torch.as_tensor(design_columns(design, name, fold, train)[train]).float() for name in REAL]
        solve_multiple_kernel_ridge_random_search(
            backend.stack([X @ X.T for X in columns]), torch.as_tensor(design.Y[train]), n_iter=gammas, alphas=alphas,
            score_func=l2_neg_loss, cv=PredefinedSplit(design.runs[train]), progress_bar=False, return_weights=None,
        )  # fmt: skip


def stacked(runs: list[Run]) -> Design:
    """The design of runs, residualised as the default is."""
    return encoding.build_design(runs, "by_run", DELAYS_S, {}, purge_s=14.0, residualise=True)


def make_runs(n: int, n_targets: int, dims: dict[str, int]) -> list[Run]:
    """Runs of n samples in all, in which words have features of these numbers of dimensions; speech and language
    share twenty of their own. Each target follows about half of the spaces, by weights of its own."""
    rng = np.random.default_rng(0)
    mixing = {
        name: rng.standard_normal((40, count)) / np.sqrt(np.arange(1, 41))[:, None] for name, count in dims.items()
    }
    shared = {name: rng.standard_normal((20, dims[name])) for name in ("speech", "language")}
    weights = {name: rng.standard_normal((count, n_targets)) for name, count in dims.items()}
    sizes = {name: rng.random(n_targets) * (rng.random(n_targets) < 0.5) for name in dims}
    return [_run(number, n // N_RUNS, (mixing, shared, weights, sizes), rng) for number in range(N_RUNS)]


def _run(number: int, n: int, planted: tuple[dict[str, Array], ...], rng: np.random.Generator) -> Run:
    mixing, shared, weights, sizes = planted
    times_s = np.sort(rng.random(int(n * TR_S / WORD_S))) * n * TR_S
    latent = rng.standard_normal((len(times_s), 20))
    words = {}
    for name, each in mixing.items():
        values = rng.standard_normal((len(times_s), len(each))) @ each
        values += 0.3 * rng.standard_normal(values.shape) + (latent @ shared[name] if name in shared else 0.0)
        words[name] = values.astype(np.float32)
    at = (times_s / TR_S).astype(int)
    bands = {name: _delayed(_sums(values, at, n)) for name, values in words.items()}
    made = {BASELINE[0]: _sums(np.ones((len(at), 1)), at, n), BASELINE[1]: _noise(n, 1, rng)}
    bands |= {
        name: _delayed(values) for name, values in (made | {BASELINE[2]: np.linspace(-1, 1, n)[:, None]}).items()
    }
    bands |= {word_band("speech"): bands["speech"], WORD_COUNT: bands[BASELINE[0]]}
    Y = _noise(n, len(sizes["speech"]), rng)
    for name, own in weights.items():
        signal = bands[name].mean(axis=1) @ own
        Y += sizes[name] * (signal - signal.mean(axis=0)) / signal.std(axis=0)
    confounds, keep = _noise(n, N_CONFOUNDS, rng), np.ones(n, dtype=bool)
    cleaned = encoding.clean(Y, confounds, keep, "run").astype(np.float32)
    rows = WordRows(f"story{number}", times_s, {word_band("speech"): words["speech"], "language": words["language"]})
    basis = encoding.nuisance_basis(confounds, keep)
    return Run(f"run-{number}", bands, cleaned, np.arange(n) * TR_S, (f"story{number}",), (rows,), None, basis)


def _noise(n: int, count: int, rng: np.random.Generator) -> Array:
    """(n, count) with a memory of half from sample to sample."""
    values = rng.standard_normal((n, count))
    for row in range(1, n):
        values[row] += 0.5 * values[row - 1]
    return values


def _sums(values: Array, at: Array, n: int) -> Array:
    """Values of words summed by sample (n, n_dims)."""
    summed = np.zeros((n, values.shape[1]), np.float32)
    np.add.at(summed, at, values)
    return summed


def _delayed(values: Array) -> Array:
    """(n, n_delays, n_dims)."""
    delayed = np.zeros((len(values), len(DELAYS_S), values.shape[1]), np.float32)
    for number, delay_s in enumerate(DELAYS_S):
        step = int(delay_s / TR_S)
        delayed[step:, number] = values[:-step]
    return delayed


def _analysis() -> Analysis:
    return load_analysis("speech-language")[0]


def _seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds."""
    began = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began[0], time.process_time() - began[1]


if __name__ == "__main__":
    keep_freed_memory()
    limit_threads(None)
    sys.exit(run_bars({"default": default, "brain": brain, "growth": growth, "targets": targets, "memory": memory}))
