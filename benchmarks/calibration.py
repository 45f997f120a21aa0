"""False positives, coverage and power of the inference on simulated data: `python -m benchmarks.calibration`.

Targets are independent given the features, so a null data set is a target, and features are drawn anew for every few
of them. A false-positive rate holds where it is not above the upper end of the binomial 99 % interval around .05.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import torch

from benchmarks.bars import Bar, run_bars
from benchmarks.calibration_electrodes import electrodes
from benchmarks.calibration_empty import empty
from benchmarks.calibration_family import family
from benchmarks.calibration_group_family import group_family
from benchmarks.calibration_participants import participants
from benchmarks.calibration_parts import intervals, parts
from benchmarks.calibration_repeats import repeats
from benchmarks.calibration_residuals import residuals
from benchmarks.circular_shifts import draw_shifts, shifted_rsquared
from benchmarks.conditions import (
    LEVEL,
    NOISES,
    PERMUTATIONS,
    SPECS,
    Condition,
    bar,
    blocks_of,
    conditions,
    flips,
    largest,
    total_nulls,
    unsigned,
)
from benchmarks.nulls import models_of
from benchmarks.simulation import FMRI, mixed, standardized, with_weights
from bids_app.encoding.inference.blocks import block_labels
from bids_app.encoding.inference.flips.flip_units import frequency_flip_units, sums, time_flip_units
from bids_app.encoding.inference.flips.signs import draw_signs
from bids_app.encoding.inference.multiple_testing import MaxTNull, p_values, summarise
from bids_app.records import Array


def totals(quick: bool) -> list[Bar]:
    """The test of totals, and beside it time blocks or frequencies alone, and values below zero allowed."""
    print("| noise-features-columns-alpha | test | negative allowed | blocks | frequencies | blocks (s) |")
    print("|---|---|---|---|---|---|")
    bars = []
    for number, condition in enumerate(conditions((20,) if quick else (20, 160))):
        rates = _total_rates(condition, draws=5 if quick else 50, n_targets=40 if quick else 20, seed=number)
        bars.append(bar(f"total-{condition.name}", rates["test"]))
        shown = " | ".join(f"{rates[key].mean():.3f}" for key in ("test", "negative", "blocks", "frequencies"))
        print(f"| {condition.name} | {shown} | {rates['length_s'].mean():.0f} |", flush=True)
    return bars


def _total_rates(condition: Condition, draws: int, n_targets: int, seed: int) -> dict[str, Array]:
    rng = np.random.default_rng(seed)
    found: dict[str, list[Array]] = {}
    for draw in range(draws):
        design = condition.draw(n_targets, rng)
        models = models_of(design, condition.spec)
        blocks = blocks_of(design, condition.spec, condition.setting.least_s)
        time = flips(models, time_flip_units(blocks.labels), n_targets, draw)
        frequency = flips(models, frequency_flip_units(design.runs, design.folds), n_targets, draw)
        used = [time, frequency] if blocks.smooth else [time]
        p = {
            "test": largest(used),
            "negative": np.max([unsigned(null) for null in used], axis=0),
            "blocks": unsigned(time),
            "frequencies": unsigned(frequency),
        }
        for key, values in p.items():
            found.setdefault(key, []).append(values <= LEVEL)
        found.setdefault("length_s", []).append(np.array([blocks.length_s]))
    return {key: np.concatenate(values) for key, values in found.items()}


def families(quick: bool) -> list[Bar]:
    """Family-wise errors of max-T: families of 20 targets, half of which share their noise."""
    print("| noise-features-columns-alpha | family-wise errors |")
    print("|---|---|")
    bars = []
    for number, kind in enumerate(NOISES):
        for alpha in SPECS:
            condition = Condition(*kind, 20, alpha)
            rng = np.random.default_rng(number)
            hits = [_family_errors(condition, 25, rng) for _ in range(4 if quick else 40)]
            bars.append(bar(f"family-{condition.name}", np.concatenate(hits)))
            print(f"| {condition.name} | {bars[-1].figure:.3f} |", flush=True)
    return bars


def _family_errors(condition: Condition, count: int, rng: np.random.Generator, size: int = 20) -> Array:
    """(count,) bool: whether any target of a family is called significant."""
    design = condition.draw(count * size, rng)
    own = design.Y.reshape(len(design.Y), count, size)
    alike = 0.8 * own[:, :, :1] + 0.6 * own[:, :, size // 2 :]
    together = np.concatenate([alike, own[:, :, size // 2 :]], axis=2).reshape(len(design.Y), -1)
    design = replace(design, Y=standardized(together, condition.setting))
    nulls = total_nulls(design, condition, seed=int(rng.integers(2**31)))
    errors = []
    for number in range(count):
        mine = slice(number * size, (number + 1) * size)
        p = np.max([_family_p(null[:, mine]) for null in nulls], axis=0)
        errors.append(p.min() <= LEVEL)
    return np.array(errors)


def _family_p(null: torch.Tensor) -> Array:
    family = MaxTNull()
    family.add(summarise(null))
    return family.significance().p_family


def power(quick: bool) -> list[Bar]:
    """Power of the test of totals beside that of refitted circular shifts, of max-T studentised and not."""
    print("| noise-features-share | rsquared | refit flips | circular shift | max-T | max-T unstudentised |")
    print("|---|---|---|---|---|---|")
    bars: list[Bar] = []
    for noise, features in (("ar.5", "ar.5"), ("ar.9", "ar.9"), ("1/f", "1/f")):
        for share in (0.05, 0.1, 0.2):
            condition = Condition(noise, features, FMRI, False, 20, "selected")
            found = np.mean([_powers(condition, share, seed) for seed in range(3 if quick else 12)], axis=0)
            print(
                f"| {noise}-{features}-{share} | " + " | ".join(f"{figure:.3f}" for figure in found) + " |",
                flush=True,
            )
            least = round(float(found[2]) - 0.1, 3)
            bars.append(Bar(f"power-{noise}-{features}-{share}", float(found[1]), least, "found", False))
    return bars


def _powers(condition: Condition, share: float, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    design = condition.draw(50, rng)
    design = replace(design, Y=mixed(with_weights(design.bands["x"][:, 0], 50, rng), design.Y, share))
    nulls = total_nulls(design, condition, seed)
    shifts = draw_shifts([condition.setting.n_samples] * condition.setting.n_runs, 200, seed)
    models = models_of(design, condition.spec)
    shifted = shifted_rsquared(torch.as_tensor(design.Y), design.runs, models, shifts)
    unstudentised = np.max([(null.amax(dim=1)[:, None] >= null[0]).double().mean(dim=0) for null in nulls], axis=0)
    studentised = np.max([_family_p(null) for null in nulls], axis=0)
    tested = (largest(nulls), p_values(shifted).numpy(), studentised, unstudentised)
    return np.array([float(nulls[0][0].mean()), *((p <= LEVEL).mean() for p in tested)])


def references(quick: bool) -> list[Bar]:
    """What others do, for comparison: fixed predictions against flipped responses; refitted circular shifts."""
    print("| noise-features-columns-alpha | fixed predictions, 20 s | fixed, 60 s | refitted circular shift |")
    print("|---|---|---|---|")
    for condition in conditions((20,)):
        rng = np.random.default_rng(0)
        rates = np.mean([_reference_rates(condition, rng) for _ in range(2 if quick else 10)], axis=0)
        print(f"| {condition.name} | " + " | ".join(f"{rate:.3f}" for rate in rates) + " |", flush=True)
    return []


def _reference_rates(condition: Condition, rng: np.random.Generator) -> list[float]:
    setting, design = condition.setting, condition.draw(50, rng)
    models, rates = models_of(design, condition.spec), []
    for length_s in (20.0, 60.0):
        labels = torch.as_tensor(block_labels(setting.runs, setting.times_s, length_s))
        products = torch.zeros((int(labels.max()) + 1, 50), dtype=torch.float64)
        for one in models:
            # Σ 2yŷ alone changes its sign with the response; Σ ŷ² does not change, nor any order
            product = sums(2 * one.responses * one.predictions, labels[one.split.evaluate], len(products))
            products.index_add_(1, torch.as_tensor(one.targets), product)
        signs = torch.as_tensor(draw_signs(len(products), PERMUTATIONS, 0))
        rates.append(float((unsigned(signs @ products) <= LEVEL).mean()))
    shifts = draw_shifts([setting.n_samples] * setting.n_runs, 200, int(rng.integers(2**31)))
    shifted = shifted_rsquared(torch.as_tensor(design.Y), design.runs, models, shifts)
    return [*rates, float((unsigned(shifted) <= LEVEL).mean())]


STUDIES = {
    "totals": totals,
    "families": families,
    "family": family,
    "parts": parts,
    "empty": empty,
    "intervals": intervals,
    "power": power,
    "references": references,
    "repeats": repeats,
    "residuals": residuals,
    "group": participants,
    "group-family": group_family,
    "electrodes": electrodes,
}

if __name__ == "__main__":
    sys.exit(run_bars(STUDIES))
