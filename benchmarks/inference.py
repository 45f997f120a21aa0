"""Time of refit sign flips with max-T at the size of a whole brain: `python -m benchmarks.inference`."""

from __future__ import annotations

import sys
import time

import numpy as np
import torch

from benchmarks.bars import Bar, run_bars
from benchmarks.nested import nested
from benchmarks.simulation import Setting, series
from bids_app.encoding.blocks import block_labels
from bids_app.encoding.candidates import alpha_grid
from bids_app.encoding.multiple import Family
from bids_app.encoding.pieces import Pieces, frequency_pieces, time_pieces
from bids_app.encoding.signflip import FlipGains, FlipTotals, OuterFold, draw_signs

SETTING = Setting(n_runs=5, n_samples=400, period_s=2.0, least_s=60.0)
COLUMNS, PERMUTATIONS, BATCH = 400, 1000, 4096


def flips(quick: bool) -> list[Bar]:
    """1000 flips of time blocks, then of frequencies, for 20,000 targets (2,000 if quick), and the fit itself."""
    n_targets = 2_000 if quick else 20_000
    rng = np.random.default_rng(0)
    X = torch.as_tensor(series("ar.5", SETTING, COLUMNS, rng))
    Y = torch.as_tensor(rng.standard_normal((len(X), n_targets), dtype=np.float32))
    Y += 0.05 * X.float() @ torch.as_tensor(rng.standard_normal((COLUMNS, n_targets), dtype=np.float32))
    folds, runs = SETTING.runs, SETTING.runs
    started = time.monotonic()
    batches = [nested([X], part.double(), folds, np.ones((1, 1)), alpha_grid(1e0, 1e6, 20)) for part in _batches(Y)]
    fitted_s = time.monotonic() - started
    chosen = [[part.fold for part in held_out] for held_out in batches]
    labels = block_labels(runs, SETTING.times_s, SETTING.least_s)
    seconds = [_seconds(Y, chosen, pieces) for pieces in (time_pieces(labels), frequency_pieces(runs, folds))]
    scale = n_targets / 20_000
    return [
        Bar("flips-of-blocks-seconds", seconds[0], 60 * scale, "s"),
        Bar("flips-of-frequencies-seconds", seconds[1], 60 * scale, "s"),
        Bar("flips-over-fit", seconds[0] / fitted_s, 1, "times"),
    ]


def _batches(Y: torch.Tensor) -> list[torch.Tensor]:
    return list(torch.split(Y, BATCH, dim=1))


def _seconds(Y: torch.Tensor, chosen: list[list[OuterFold]], pieces: Pieces) -> float:
    signs = torch.as_tensor(draw_signs(pieces.count, PERMUTATIONS, 0), dtype=Y.dtype)
    started = time.monotonic()
    family = Family()
    for part, outer in zip(_batches(Y), chosen, strict=True):
        gains, totals = FlipGains(pieces, part.shape[1], part.dtype), FlipTotals(pieces)
        coefficients = pieces.coefficients(part, torch.arange(len(part)))
        for fold in outer:
            gains.add_fold(coefficients, fold)
            totals.add_fold(coefficients, fold.train, fold.test)
        family.add(gains.at(signs) / totals.at(signs))
    family.significance()
    return time.monotonic() - started


if __name__ == "__main__":
    sys.exit(run_bars({"flips": flips}))
