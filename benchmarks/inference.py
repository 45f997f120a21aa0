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
COLUMNS, PERMUTATIONS, BATCH = 400, 1000, 4000


def flips(quick: bool) -> list[Bar]:
    """1000 flips of time blocks, then of frequencies, for 20,000 targets (4,000 if quick), beside the fit.

    The fit is of one batch, and so are the models of all. Processor seconds are printed too, for a busy machine.
    """
    n_batches = 1 if quick else 5
    rng = np.random.default_rng(0)
    X = torch.as_tensor(series("ar.5", SETTING, COLUMNS, rng))
    weights = torch.as_tensor(rng.standard_normal((COLUMNS, BATCH)))
    Y = 0.05 * X @ weights + torch.as_tensor(rng.standard_normal((len(X), BATCH)))
    wall_s, busy_s = time.monotonic(), time.process_time()
    held_out = nested([X], Y, SETTING.runs, np.ones((1, 1)), alpha_grid(1e0, 1e6, 20))
    fitted = (time.monotonic() - wall_s) * n_batches, (time.process_time() - busy_s) * n_batches
    outer = [part.fold for part in held_out]
    labels = block_labels(SETTING.runs, SETTING.times_s, SETTING.least_s)
    blocks = _seconds(Y.float(), outer, time_pieces(labels), n_batches)
    frequencies = _seconds(Y.float(), outer, frequency_pieces(SETTING.runs, SETTING.runs), n_batches)
    for name, (wall, busy) in {"fit": fitted, "blocks": blocks, "frequencies": frequencies}.items():
        print(f"{name}: {wall:.1f} s, {busy:.1f} processor seconds")
    return [
        Bar("flips-of-blocks-seconds", blocks[0], 60 * n_batches / 5, "s"),
        Bar("flips-of-frequencies-seconds", frequencies[0], 60 * n_batches / 5, "s"),
        Bar("flips-of-blocks-over-fit", blocks[1] / fitted[1], 1, "times"),
        Bar("flips-of-frequencies-over-fit", frequencies[1] / fitted[1], 1, "times"),
    ]


def _seconds(Y: torch.Tensor, outer: list[OuterFold], pieces: Pieces, n_batches: int) -> tuple[float, float]:
    """Wall and processor seconds of as many batches."""
    signs = torch.as_tensor(draw_signs(pieces.count, PERMUTATIONS, 0), dtype=Y.dtype)
    wall_s, busy_s = time.monotonic(), time.process_time()
    family = Family()
    for _ in range(n_batches):
        gains, totals = FlipGains(pieces, Y.shape[1], Y.dtype), FlipTotals(pieces)
        coefficients = pieces.coefficients(Y, torch.arange(len(Y)))
        for fold in outer:
            gains.add_fold(coefficients, fold)
            totals.add_fold(coefficients, fold.train, fold.test)
        family.add(gains.at(signs) / totals.at(signs))
    family.significance()
    return time.monotonic() - wall_s, time.process_time() - busy_s


if __name__ == "__main__":
    sys.exit(run_bars({"flips": flips}))
