"""Features that lose what responses are cleaned of: false positives and power with and without; run by
`python -m benchmarks.calibration --only residuals`.

Responses are cleaned as ever. What is compared is the same features as they are and residualised.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.bars import Bar
from benchmarks.conditions import LEVEL, RIDGE, bar, infer
from benchmarks.nulls import design_of
from benchmarks.simulation import Setting, mixed, series, with_weights
from bids_app import encoding
from bids_app.dataset.confounds.nuisance import cosine_drift
from bids_app.records import Array, Design, FitSpec

RUNS = Setting(n_runs=4, n_samples=100, period_s=2.0, least_s=60.0)
ONE_RUN = Setting(n_runs=1, n_samples=400, period_s=2.0, least_s=60.0)
N_TARGETS = 100
N_COLUMNS = 8
FAMILY_LIMIT = 0.07
BANDED = replace(RIDGE, solver="banded_ridge", candidates=4)
HIGHEST = replace(RIDGE, alphas=(1e6, 1e6, 1))
HIGH_PASS_S = 128.0


@dataclass(frozen=True)
class Residuals:
    """What is simulated.

    Parameters
    ----------
    noise, features : kinds of series (`simulation.series`); confounds are as slow as features.
    q : constant, cosines and confounds of a run.
    shared : share of a feature's variance that is a combination of its run's nuisance.
    spec : solver and alphas.
    setting : of the runs; one run is split into five folds.
    already : whether features come without their runs' nuisance, which the program warns of.
    """

    noise: str
    features: str
    q: int
    shared: float = 0.0
    spec: FitSpec = BANDED
    setting: Setting = RUNS
    already: bool = False

    @property
    def name(self) -> str:
        """For the table and the bars."""
        alpha = "highest" if self.spec.alphas == HIGHEST.alphas else "selected"
        split = "-split" if self.setting.n_runs == 1 else ""
        already = "-already without" if self.already else ""
        return f"{self.noise}-{self.features}-q{self.q}-in common {self.shared:g}-{alpha}{split}{already}"


IDLE = ("b", "uniqueB")
FEATURES = {False: "as they are", True: "residualised"}
CONDITIONS = (
    Residuals("ar.5", "ar.5", 10),
    Residuals("ar.5", "ar.5", 25),
    Residuals("ar.5", "ar.9", 25, shared=0.5),
    Residuals("ar.9", "ar.9", 25, spec=HIGHEST),
)
WARNED = (Residuals("ar.9", "ar.9", 25, spec=HIGHEST, already=True),)
SPLIT = (
    Residuals("ar.5", "ar.5", 40, setting=ONE_RUN),
    Residuals("ar.5", "ar.9", 40, shared=0.5, setting=ONE_RUN),
)


def residuals(quick: bool) -> list[Bar]:
    """A total and a unique part, by target and family-wise over 100 targets; then power and what is recovered."""
    bars: list[Bar] = []
    print("| noise-features-q | features | component | mean value | false positives | family-wise | sets |")
    print("|---|---|---|---|---|---|---|")
    for condition in (*CONDITIONS, *SPLIT, *WARNED):
        bars += null_bars(condition, sets=10 if quick else 400)
    print("\n| noise-features-q | features | full R² | power | of unique A |")
    print("|---|---|---|---|---|")
    for condition in CONDITIONS[:3]:
        bars += power_bars(condition, sets=3 if quick else 40)
    return bars


def draw(condition: Residuals, signal: Mapping[str, float], rng: np.random.Generator) -> Design:
    """Two bands and their targets, cleaned run by run; features as they are, not residualised.

    Parameters
    ----------
    condition : what is simulated.
    signal : band → share of the variance before cleaning that it decides.
    rng : of everything drawn.
    """
    setting = condition.setting
    cosines = cosine_drift(setting.n_samples, setting.period_s, HIGH_PASS_S)
    n_confounds = condition.q - 1 - cosines.shape[1]
    confounds = series(condition.features, setting, n_confounds, rng).reshape(setting.n_runs, setting.n_samples, -1)
    nuisance = [np.hstack([cosines, own]) for own in confounds]
    in_common = np.concatenate([own @ rng.standard_normal((own.shape[1], 2 * N_COLUMNS)) for own in nuisance])
    columns = mixed(in_common, series(condition.features, setting, 2 * N_COLUMNS, rng), condition.shared, setting)
    bands = {"a": columns[:, :N_COLUMNS], "b": columns[:, N_COLUMNS:]}
    Y = np.sqrt(1 - sum(signal.values())) * series(condition.noise, setting, N_TARGETS, rng)
    for band, share in signal.items():
        Y = Y + np.sqrt(share) * with_weights(bands[band], N_TARGETS, rng, setting)
    keep, n = np.ones(setting.n_samples, dtype=bool), setting.n_samples
    cleaned = [
        encoding.clean(Y[run * n : (run + 1) * n], own, keep, "run").astype(np.float64)
        for run, own in enumerate(nuisance)
    ]
    bases = tuple(encoding.nuisance_basis(own, keep) for own in nuisance)
    if condition.already:
        bands = {name: _without(band, bases) for name, band in bands.items()}
    folds = setting.runs if setting.n_runs > 1 else np.repeat(np.arange(5), n // 5)
    purge_s = 0.0 if setting.n_runs > 1 else 20.0
    design = design_of(bands, np.concatenate(cleaned), setting.runs, setting.times_s, folds, purge_s)
    return replace(design, nuisance=bases)


def _without(band: Array, bases: Sequence[Array]) -> Array:
    runs = np.split(band, len(bases))
    return np.concatenate([run - basis @ (basis.T @ run) for run, basis in zip(runs, bases, strict=True)])


def null_bars(condition: Residuals, sets: int) -> list[Bar]:
    """a explains a fifth before cleaning, b nothing: the total of b, and what is unique to b.

    Parameters
    ----------
    condition : what is simulated.
    sets : of features and targets.

    Returns
    -------
    Bars of what is the default: residualised features where folds are whole runs, else features as they are. The
    other is shown beside, from a quarter of the sets. None of features that the program warns of.
    """
    bars, default = [], condition.setting.n_runs > 1
    for residualised, count in ((default, sets), (not default, -(-sets // 4))):
        rng = np.random.default_rng(0)
        hits: dict[str, list[Array]] = {component: [] for component in IDLE}
        values: dict[str, list[float]] = {component: [] for component in IDLE}
        for number in range(count):
            design = replace(draw(condition, {"a": 0.2}, rng), residualised=residualised)
            drawn, found = infer(design, condition.spec, condition.setting.least_s, number)
            for component in IDLE:
                p, p_family = found[component].p, found[component].p_family
                hits[component].append(np.stack([p <= LEVEL, p_family <= LEVEL]))
                values[component].append(float(drawn[component].mean()))
        for component in IDLE:
            single, family = np.stack(hits[component], axis=1)
            rate = float(family.any(axis=1).mean())
            shown = " | ".join(f"{figure:.3f}" for figure in (single.mean(), rate))
            print(
                f"| {condition.name} | {FEATURES[residualised]} | {component} | "
                f"{np.mean(values[component]):+.4f} | {shown} | {count} |",
                flush=True,
            )
            if residualised == default and not condition.already:
                bars.append(bar(f"residuals-{condition.name}-{component}", single.ravel()))
                bars.append(Bar(f"residuals-{condition.name}-{component}-family", rate, FAMILY_LIMIT, "of sets"))
    return bars


def power_bars(condition: Residuals, sets: int) -> list[Bar]:
    """Two bands that carry a tenth of the variance each, before cleaning.

    Parameters
    ----------
    condition : what is simulated.
    sets : of features and targets.
    """
    found: dict[bool, list[Array]] = {False: [], True: []}
    rng = np.random.default_rng(0)
    for number in range(sets):
        design = draw(condition, {"a": 0.1, "b": 0.1}, rng)
        for residualised, each in found.items():
            values, tests = infer(
                replace(design, residualised=residualised), condition.spec, condition.setting.least_s, number
            )
            power = [(tests[component].p <= LEVEL).mean() for component in ("full", "uniqueA")]
            each.append(np.array([values["full"].mean(), *power]))
    means = {residualised: np.mean(each, axis=0) for residualised, each in found.items()}
    for residualised, mean in means.items():
        shown = " | ".join(f"{figure:.3f}" for figure in mean)
        print(f"| {condition.name} | {FEATURES[residualised]} | {shown} |", flush=True)
    return [
        Bar(f"residuals-{condition.name}-full", means[True][0], round(means[False][0], 3), "R²", False),
        Bar(f"residuals-{condition.name}-power", means[True][1], round(0.8 * means[False][1], 3), "found", False),
    ]
