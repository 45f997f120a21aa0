"""What the full model chose in its inner folds, target by target: its penalty and its band weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from bids_app.outputs.derivatives import sidecars, tables
from bids_app.outputs.derivatives.maps import MappedNumber
from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File
from bids_app.outputs.files.files import Sidecar, json_text
from bids_app.outputs.files.written_maps import maps_of_unit
from bids_app.records import (
    HYPERPARAMETERS,
    LOG_ALPHA,
    SOLVERS,
    Array,
    Provenance,
    UnitResult,
    UnitSummary,
    WrittenUnit,
    band_weight_label,
)

MODEL = (
    "The model minimises ‖y − Σ_b X_b √g_b w_b‖² + α Σ_b ‖w_b‖², X_b the scaled columns of band b at all delays. "
    "Both are chosen target by target in the folds inside the training samples. (himalaya's deltas are ln(g_b / α).)"
)
ALPHA = "Median over outer folds of the logarithm (base 10) of the penalty α of the full model."
WEIGHT = (
    "Median over outer folds of the band weight g of {} in the full model. In each fold the weights are 0 or more "
    "and sum to 1; medians need not. It says how little a band is penalised beside the others, not how much it "
    "explains: that is R²."
)
ONE_PENALTY = "All bands have the same weight: this solver searches the penalty alone."
NOT_REFITTED = "Penalty of ridge on all bands side by side, chosen by the validation samples of each fold."
BEYOND = "a band alone is also tried at penalties between these, and up to 10,000 times beyond the highest"
TABLE = "One row a target: what the full model chose in its inner folds."


def hyperparameter_values(unit: UnitResult) -> dict[str, tuple[Array, str]]:
    """Stat → values (n_targets,) and what they are; empty where the fit does not say what it chose."""
    fit, solver = unit.fit, SOLVERS[unit.provenance.analysis.fit.solver]
    if fit.alpha is None:
        return {}
    how = MODEL if solver.fits_in_folds else NOT_REFITTED
    values = {LOG_ALPHA: (np.median(np.log10(fit.alpha), axis=0), f"{ALPHA} {how}")}
    for band, weights in fit.band_weights.items():
        words = f"{WEIGHT.format(band)} {how if solver.searches_bands else ONE_PENALTY}"
        values[band_weight_label(band)] = np.median(weights, axis=0), words
    return values


def hyperparameter_facts(provenance: Provenance) -> Sidecar:
    """Solver, grid and delays, as the JSON says them.

    Parameters
    ----------
    provenance : of the unit.
    """
    spec, design = provenance.analysis.fit, provenance.design
    solver, (lowest, highest, count) = SOLVERS[spec.solver], spec.alphas
    alphas: Sidecar = {"Lowest": lowest, "Highest": highest, "Count": count, "Spacing": "logarithmic"}
    facts: Sidecar = {"Solver": spec.solver, "Alphas": alphas, "OuterFolds": spec.outer}
    if solver.fits_in_folds:
        facts["InnerFolds"] = spec.inner
    if solver.searches_bands:
        alphas["Beyond"] = BEYOND
        facts |= {"BandWeightCandidates": spec.candidates, "Seed": spec.seed}
    epoch = design.epoch
    if epoch is None:
        return {**facts, "Delays": list(design.spec.delays_s), "DelaysUnits": "s"}
    return {**facts, "Delays": [], "ResponseWindow": list(epoch.summary_s), "ResponseWindowUnits": "s"}


def hyperparameter_stats(summary: UnitSummary) -> list[str]:
    """What a table of them has, in order.

    Parameters
    ----------
    summary : of the unit.
    """
    analysis = summary.provenance.analysis
    bands = [band for members in analysis.groups.values() for band in members]
    fits_in_folds = SOLVERS[analysis.fit.solver].fits_in_folds
    return [LOG_ALPHA, *(band_weight_label(band) for band in bands if fits_in_folds)]


def read_hyperparameters(out_dir: Path, unit: WrittenUnit) -> dict[str, Array]:
    """Stat → (n_targets,) values, targets as `unit` has them; empty where the unit has none.

    Parameters
    ----------
    out_dir : where results lie.
    unit : as read back.

    Raises
    ------
    ReadWriteError : where a file is gone or broken.
    """
    if unit.summary.layout == "table":
        file = names.hyperparameters_file(unit.stem, unit.targets.kind)
        if str(file) not in unit.summary.files:
            return {}
        columns = tables.read_columns(out_dir / file)
        return {stat: tables.column_of(columns, stat, out_dir / file) for stat in hyperparameter_stats(unit.summary)}
    held = [number for file in unit.summary.maps for number in file.numbers if number[0] == HYPERPARAMETERS]
    read = maps_of_unit(out_dir, unit.summary).values(unit.targets, held)
    return {stat: values for (_, stat), values in read.items()}


def hyperparameter_maps(unit: UnitResult) -> Iterator[MappedNumber]:
    """The same, to be written as maps."""
    for stat, (values, words) in hyperparameter_values(unit).items():
        yield MappedNumber(HYPERPARAMETERS, stat, values, words)


def hyperparameter_table(unit: UnitResult) -> Iterator[File]:
    """A table with its JSON, where maps do not hold them."""
    values = hyperparameter_values(unit)
    if not values:
        return
    kind = unit.targets.kind
    columns: Mapping[str, Mapping[str, str]] = {
        "name": sidecars.target_columns(unit.targets)["name"],
        **{stat: {"Description": words} for stat, (_, words) in values.items()},
    }
    cells = {"name": unit.targets.names, **{stat: numbers for stat, (numbers, _) in values.items()}}
    about = {**sidecars.common(unit), **hyperparameter_facts(unit.provenance), **columns, "Description": TABLE}
    file = names.hyperparameters_file(unit.stem, kind)
    yield file, tables.table_bytes(unit.targets, cells, columns)
    yield names.sidecar_of(file), json_text(about).encode()
