"""False positives, coverage and power of the inference on simulated data: `python -m benchmarks.calibration`.

Targets are independent given the features, so a null data set is a target, and features are drawn anew for every few
of them. A false-positive rate holds where it is not above the upper end of the binomial 99 % interval around .05.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import binom

from benchmarks.bars import Bar, run_bars
from benchmarks.nested import HeldOut, nested
from benchmarks.simulation import FMRI, WORDS, Setting, bursts, series, standardized
from bids_app.encoding.blocks import Blocks, block_labels, make_blocks, product_autocorrelation
from bids_app.encoding.candidates import alpha_grid, band_weights
from bids_app.encoding.circular import draw_shifts, shifted_rsquared
from bids_app.encoding.fit import unions_of
from bids_app.encoding.inference import Inference, Inferred
from bids_app.encoding.losses import BlockLosses, flipped_sums
from bids_app.encoding.multiple import Family, p_values
from bids_app.encoding.pieces import Pieces, frequency_pieces, time_pieces
from bids_app.encoding.signflip import FlipGains, FlipTotals, draw_signs
from bids_app.records import Array

LEVEL = 0.05
PERMUTATIONS = 400
ALPHAS = {"selected": alpha_grid(1e-1, 1e6, 15), "lowest": np.array([1e-1]), "highest": np.array([1e6])}
PLAIN = np.ones((1, 1))
NOISES = (  # of noise and features; words are 1/f noise and smooth features at words' rate
    ("white", "ar.5", FMRI, False),
    ("ar.5", "ar.5", FMRI, False),
    ("ar.9", "ar.5", FMRI, False),
    ("ar.9", "ar.9", FMRI, False),
    ("1/f", "1/f", FMRI, False),
    ("ar.5", "ar.5", FMRI, True),
    ("1/f", "ar.9", WORDS, False),
)


@dataclass(frozen=True)
class Condition:
    """What is simulated: kinds of noise and features (`simulation.series`), in bursts or not; how alpha is set."""

    noise: str
    features: str
    setting: Setting
    in_bursts: bool
    columns: int
    alpha: str

    @property
    def name(self) -> str:
        """For the table and the bars."""
        kind = "-bursts" if self.in_bursts else "-words" if self.setting == WORDS else ""
        return f"{self.noise}-{self.features}{kind}-{self.columns}-{self.alpha}"

    def draw(self, n_targets: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Features (n_times, columns) and unrelated responses (n_times, n_targets)."""
        envelope = bursts(self.setting, rng) if self.in_bursts else None
        X = series(self.features, self.setting, self.columns, rng, envelope)
        return torch.as_tensor(X), torch.as_tensor(series(self.noise, self.setting, n_targets, rng, envelope))

    def fit(self, X: torch.Tensor, Y: torch.Tensor) -> list[HeldOut]:
        """Plain ridge, outer folds by run."""
        return nested([X], Y, self.setting.runs, PLAIN, ALPHAS[self.alpha])


def conditions(columns: Sequence[int] = (20, 160)) -> list[Condition]:
    """All kinds of noise, numbers of columns and settings of alpha."""
    return [Condition(*kind, count, alpha) for kind in NOISES for count in columns for alpha in ALPHAS]


def blocks_of(setting: Setting, Y: torch.Tensor, held_out: Sequence[HeldOut]) -> Blocks:
    """Blocks as the data ask for them."""
    predictions = torch.zeros_like(Y)
    for part in held_out:
        predictions[part.fold.test] = part.predictions
    correlation = product_autocorrelation(Y.numpy(), predictions.numpy(), setting.runs)
    return make_blocks(setting.runs, setting.times_s, setting.least_s, correlation, setting.period_s)


def null_of(Y: torch.Tensor, held_out: Sequence[HeldOut], pieces: Pieces, seed: int) -> torch.Tensor:
    """(1 + PERMUTATIONS, n_targets) rsquared under refit sign flips, in float32."""
    gains, totals = FlipGains(pieces, Y.shape[1], torch.float32), FlipTotals(pieces)
    coefficients = pieces.coefficients(Y.float(), torch.arange(len(Y)))
    for part in held_out:
        gains.add_fold(coefficients, part.fold)
        totals.add_fold(coefficients, part.fold.train, part.fold.test)
    signs = torch.as_tensor(draw_signs(pieces.count, PERMUTATIONS, seed), dtype=torch.float32)
    return gains.at(signs) / totals.at(signs)


def total_nulls(setting: Setting, Y: torch.Tensor, held_out: Sequence[HeldOut], seed: int) -> list[torch.Tensor]:
    """Of time blocks and, where the data are smooth, of frequencies: the test of totals takes the larger p."""
    blocks = blocks_of(setting, Y, held_out)
    kinds = [time_pieces(blocks.labels)]
    if blocks.smooth:
        kinds.append(frequency_pieces(setting.runs, setting.runs))
    return [null_of(Y, held_out, pieces, seed) for pieces in kinds]


def largest(nulls: Sequence[torch.Tensor]) -> Array:
    """(n_targets,) p that all nulls allow."""
    return np.asarray(np.max([p_values(null).numpy() for null in nulls], axis=0))


def unsigned(null: torch.Tensor) -> Array:
    """(n_targets,) p where values below zero may be significant too."""
    return np.asarray((null >= null[0]).double().mean(dim=0).numpy())


def bar(name: str, hits: Array) -> Bar:
    """A false-positive rate against its binomial limit; hits (n_nulls,) bool."""
    limit = float(binom.ppf(0.995, hits.size, LEVEL) / hits.size)
    return Bar(name, float(hits.mean()), round(limit, 4), "of nulls")


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
        X, Y = condition.draw(n_targets, rng)
        held_out = condition.fit(X, Y)
        blocks, runs = blocks_of(condition.setting, Y, held_out), condition.setting.runs
        time = null_of(Y, held_out, time_pieces(blocks.labels), draw)
        frequency = null_of(Y, held_out, frequency_pieces(runs, runs), draw)
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
        for alpha in ALPHAS:
            condition = Condition(*kind, 20, alpha)
            rng = np.random.default_rng(number)
            hits = [_family_errors(condition, 25, rng) for _ in range(4 if quick else 40)]
            bars.append(bar(f"family-{condition.name}", np.concatenate(hits)))
            print(f"| {condition.name} | {bars[-1].figure:.3f} |", flush=True)
    return bars


def _family_errors(condition: Condition, count: int, rng: np.random.Generator, size: int = 20) -> Array:
    """(count,) bool: whether any target of a family is called significant."""
    X, Y = condition.draw(count * size, rng)
    common = Y.reshape(len(Y), count, size)[:, :, :1].expand(-1, -1, size // 2)
    together = Y.reshape(len(Y), count, size)
    together = torch.cat([0.8 * common + 0.6 * together[:, :, size // 2 :], together[:, :, size // 2 :]], dim=2)
    Y = torch.as_tensor(standardized(together.reshape(len(Y), -1).numpy(), condition.setting))
    nulls = total_nulls(condition.setting, Y, condition.fit(X, Y), seed=int(rng.integers(2**31)))
    errors = []
    for family in range(count):
        mine = slice(family * size, (family + 1) * size)
        p = np.max([_family_p(null[:, mine]) for null in nulls], axis=0)
        errors.append(p.min() <= LEVEL)
    return np.array(errors)


def _family_p(null: torch.Tensor) -> Array:
    family = Family()
    family.add(null)
    return family.significance().p_family


def infer(
    bands: Mapping[str, torch.Tensor], Y: torch.Tensor, setting: Setting, solver: str, alpha: str, seed: int
) -> tuple[dict[str, Array], dict[str, Inferred]]:
    """All unions of the bands by `solver` ('ridge', 'banded'): components' values and what is inferred."""
    unions, runs = unions_of(tuple(bands)), setting.runs
    fits = []
    for union in unions:
        table = _table(union) if solver == "banded" else band_weights(len(union), 1, seed=0)
        fits.append(nested([bands[name] for name in union], Y, runs, table, ALPHAS[alpha]))
    blocks = blocks_of(setting, Y, fits[-1])
    inference = Inference(unions, blocks, runs, runs, PERMUTATIONS, seed, dtype=torch.float64)
    batch = inference.batch(Y)
    for number, union_folds in enumerate(fits):
        for part in union_folds:
            if number == 0:
                batch.add_fold(part.fold.train, part.fold.test, part.Y)
            batch.add(number, part.fold, part.Y, part.predictions)
    inference.add(batch)
    total = batch.losses.total.sum(dim=0).numpy()
    values = {
        name: batch.losses.contrast(inference.coefficients(component.terms)).sum(dim=0).numpy() / total
        for name, component in inference.components.items()
    }
    return values, inference.results()


def _table(union: Sequence[str]) -> Array:
    """(n_candidates, n_bands) band weights of the union and of every union within it.

    A search must include the searches of the unions within: else the larger union may do better, or worse, only for
    having been searched otherwise, and an idle band has a unique part.
    """
    rows = []
    for within in unions_of(union):
        for weights in band_weights(len(within), 8, seed=0):
            given = dict(zip(within, weights.tolist(), strict=True))
            rows.append([given.get(band, 0.0) for band in union])
    return np.array(rows)


def parts(quick: bool) -> list[Bar]:
    """Unique parts of an idle band and shared parts with it, while other bands carry signal."""
    print("| bands-noise-solver-alpha | component | mean value | false positives |")
    print("|---|---|---|---|")
    bars = []
    for sizes in ({"a": 20, "b": 20}, {"a": 20, "b": 100}, {"a": 15, "b": 30, "c": 15}):
        for noise, features in (("ar.5", "ar.5"), ("1/f", "ar.9")):
            for solver, alpha in (
                ("banded", "selected"),
                ("ridge", "selected"),
                ("ridge", "lowest"),
                ("ridge", "highest"),
            ):
                name = f"{'+'.join(map(str, sizes.values()))}-{noise}-{solver}-{alpha}"
                bars += _part_bars(name, sizes, (noise, features), solver, alpha, quick)
    return bars


def _part_bars(
    name: str, sizes: Mapping[str, int], kinds: tuple[str, str], solver: str, alpha: str, quick: bool
) -> list[Bar]:
    """Signal in every band but b."""
    rng = np.random.default_rng(0)
    idle = ["uniqueB", "sharedAB"] + (["sharedBC", "sharedABC"] if "c" in sizes else [])
    p: dict[str, list[Array]] = {key: [] for key in idle}
    values: dict[str, list[Array]] = {key: [] for key in idle}
    for draw in range(3 if quick else 15):
        bands = {band: series(kinds[1], FMRI, count, rng) for band, count in sizes.items()}
        signal = np.sum([with_weights(bands[band], 70, rng) for band in sizes if band != "b"], axis=0)
        Y = mixed(signal, series(kinds[0], FMRI, 70, rng), 0.3)
        tensors = {band: torch.as_tensor(columns) for band, columns in bands.items()}
        drawn, found = infer(tensors, Y, FMRI, solver, alpha, seed=draw)
        for key in idle:
            p[key].append(found[key].p)
            values[key].append(drawn[key])
    bars = []
    for key in idle:
        bars.append(bar(f"part-{name}-{key}", np.concatenate(p[key]) <= LEVEL))
        print(f"| {name} | {key} | {np.mean(values[key]):+.3f} | {bars[-1].figure:.3f} |", flush=True)
    return bars


def with_weights(X: Array, n_targets: int, rng: np.random.Generator) -> Array:
    """(n_times, n_targets) random combinations of the columns, z-scored within run."""
    return standardized(X @ rng.standard_normal((X.shape[1], n_targets)), FMRI)


def mixed(signal: Array, noise: Array, share: float | Array) -> torch.Tensor:
    """(n_times, n_targets) with the signal's share of the variance."""
    signal = standardized(signal, FMRI)
    return torch.as_tensor(standardized(np.sqrt(share) * signal + np.sqrt(1 - share) * noise, FMRI))


def intervals(quick: bool) -> list[Bar]:
    """How often intervals cover the expected held-out value of models trained at this size."""
    print("| noise-features-share-component | expected | coverage | mean width |")
    print("|---|---|---|---|")
    bars: list[Bar] = []
    for noise, features in (("white", "ar.5"), ("ar.5", "ar.5"), ("ar.9", "ar.9"), ("1/f", "1/f")):
        for share in (0.0, 0.3):
            bars += _coverage(noise, features, share, draws=10 if quick else 30)
    return bars


def _coverage(noise: str, features: str, share: float, draws: int) -> Iterator[Bar]:
    """One set of weights for 20 targets, fresh features and noise every draw; the expected value is their mean."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal((30, 20))
    names = ("full", "a", "uniqueA", "sharedAB")
    values: dict[str, list[Array]] = {name: [] for name in names}
    limits: dict[str, list[Array]] = {name: [] for name in names}
    for draw in range(draws):
        X = series(features, FMRI, 30, rng)
        Y = mixed(X @ weights, series(noise, FMRI, 20, rng), share)
        bands = {"a": torch.as_tensor(X[:, :20]), "b": torch.as_tensor(X[:, 15:])}
        drawn, found = infer(bands, Y, FMRI, "ridge", "selected", seed=draw)
        for name in names:
            values[name].append(drawn[name])
            limits[name].append(np.stack([found[name].low, found[name].high]))
    for name in names:
        expected, (low, high) = np.mean(values[name], axis=0), np.stack(limits[name], axis=1)
        covered, width = float(((low <= expected) & (expected <= high)).mean()), (high - low).mean()
        label = f"{noise}-{features}-{share}-{name}"
        print(f"| {label} | {expected.mean():.3f} | {covered:.3f} | {width:.3f} |", flush=True)
        yield Bar(f"coverage-{label}", covered, 0.9, "of intervals", smaller_is_better=False)


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
    X, noise = condition.draw(50, rng)
    Y = mixed(with_weights(X.numpy(), 50, rng), noise.numpy(), share)
    held_out, runs = condition.fit(X, Y), condition.setting.runs
    nulls = total_nulls(condition.setting, Y, held_out, seed)
    shifts = draw_shifts([condition.setting.n_samples] * condition.setting.n_runs, 200, seed)
    shifted = shifted_rsquared(Y, runs, [part.fold for part in held_out], shifts)
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
    setting = condition.setting
    X, Y = condition.draw(50, rng)
    held_out = condition.fit(X, Y)
    rates = []
    for length_s in (20.0, 60.0):
        labels = torch.as_tensor(block_labels(setting.runs, setting.times_s, length_s))
        losses = BlockLosses(labels, int(labels.max()) + 1, 1, Y.shape[1])
        for part in held_out:
            # Σ 2yŷ alone changes its sign with the response; Σ ŷ² does not change, nor any order
            losses.gains[0].index_add_(0, labels[part.fold.test], 2 * part.Y * part.predictions)
        signs = torch.as_tensor(draw_signs(int(labels.max()) + 1, PERMUTATIONS, 0))
        rates.append(float((unsigned(flipped_sums(losses.gains[0], signs)) <= LEVEL).mean()))
    shifts = draw_shifts([setting.n_samples] * setting.n_runs, 200, int(rng.integers(2**31)))
    shifted = shifted_rsquared(Y, setting.runs, [part.fold for part in held_out], shifts)
    return [*rates, float((unsigned(shifted) <= LEVEL).mean())]


STUDIES = {
    "totals": totals,
    "families": families,
    "parts": parts,
    "intervals": intervals,
    "power": power,
    "references": references,
}

if __name__ == "__main__":
    sys.exit(run_bars(STUDIES))
