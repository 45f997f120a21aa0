"""Files of what is saved of a unit's models, with JSON each, and last their own summary."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from bids_app.outputs.derivatives import sidecars, tables
from bids_app.outputs.derivatives.hyperparameters import hyperparameter_facts
from bids_app.outputs.derivatives.maps import MappedNumber, encoded_maps
from bids_app.outputs.derivatives.saved import models
from bids_app.outputs.derivatives.saved.series import series_files
from bids_app.outputs.files import names
from bids_app.outputs.files.file_set import File, write_set
from bids_app.outputs.files.files import Sidecar, json_text, tsv_text
from bids_app.outputs.files.maps import has_maps
from bids_app.outputs.files.names import WEIGHT_COMPONENTS
from bids_app.outputs.files.proof import proof_of
from bids_app.outputs.files.serialise import read_summary, summary_text
from bids_app.outputs.wording.rows import rows_of
from bids_app.records import SUMMARY_FORMAT, TRAITS, MapFile, SavedFit, UnitResult, UnitSummary, space_label
from bids_app.records.fits import SavedSummary

SERIES = {
    "predicted": "Held-out predictions of the full model: of each row by the model that was fitted to the other "
    "outer folds",
    "observed": "Responses as they were fitted: cleaned, and scaled within run",
}
LESS_MEAN = (
    "less the mean of the samples that the fold's model was fitted to. R² of the full model is "
    "1 − Σ (observed − predicted)² / Σ observed² over all rows. Rows are the samples that were used, run after run: "
    "what was left out is not there, so they need not be evenly spaced in time"
)
ROWS = "One row a row of the time courses: its run, its time and the outer fold that it was predicted in."
SAMPLES = {
    "run": "Recording",
    "time_s": "Time of the sample on the clock of its events, or onset of the word, in seconds",
    "fold": "Number of the outer fold whose model, fitted to other folds, predicted it",
}
RESIDUALISED = "Columns lost what responses were cleaned of (confounds, drift) run by run before they were fitted."
COMPONENT = (
    "Principal component {number} of the full model's weights of {band}, averaged over delays and outer folds, over "
    "{n} targets ({share:.1%} of the variance of their weights; Huth et al. 2012). Its loadings on the band's scaled "
    "dimensions stand in {file}. Its sign is that of its largest loading"
)


def write_saved(out_dir: Path, unit: UnitResult, saved: SavedFit) -> tuple[Path, ...]:
    """What is saved of a unit's models, once its own files are written.

    Parameters
    ----------
    out_dir : where results go.
    unit : the result.
    saved : what is kept of its models.

    Returns
    -------
    The files written.

    Raises
    ------
    CannotCreate : where one cannot be written.
    """
    written = read_summary(names.summary_path(out_dir, unit.stem), UnitSummary)

    def summarise(hashes: dict[str, str]) -> str:
        """The text of their summary."""
        of_unit = proof_of(written)
        return summary_text(SavedSummary(unit.stem, unit.participant, saved.what, of_unit, hashes, SUMMARY_FORMAT))

    return write_set(out_dir, names.saved_file(unit.stem), _files(unit, saved), summarise)  # type: ignore[arg-type]


def _files(unit: UnitResult, saved: SavedFit) -> Iterator[File]:
    if saved.predicted is not None and saved.observed is not None:
        yield from _series(unit, saved)
    if saved.weights:
        yield from _weights(unit, saved)
        yield from _components(unit, saved)
    if saved.blocks is not None:
        yield from _blocks(unit, saved)
    if saved.alpha:
        file = names.models_file(unit.stem, unit.targets.kind, "alphas")
        yield file, partial(models.write_alphas, saved, unit.targets.names)
        what = "Penalties and band weights of every outer fold and union of feature groups."
        yield _sidecar(unit, file, what, {"Arrays": models.ABOUT_ALPHAS, **hyperparameter_facts(unit.provenance)})


def _blocks(unit: UnitResult, saved: SavedFit) -> Iterator[File]:
    file = names.models_file(unit.stem, unit.targets.kind, "blocks")
    yield file, partial(models.write_blocks, saved, unit.targets.names)
    what = "Held-out sums of squares by block of time: what concord-tools compare reads."
    yield _sidecar(unit, file, what, {"Arrays": models.ABOUT_BLOCKS})


def _sidecar(unit: UnitResult, file: PurePosixPath, description: str, facts: Sidecar) -> File:
    own = rows_of(unit.provenance.design).own_value
    text = {**sidecars.common(unit), **facts, "Description": f"{description} {own}".strip()}
    return names.sidecar_of(file), json_text(text).encode()


def _series(unit: UnitResult, saved: SavedFit) -> Iterator[File]:
    stem, targets, step_s = unit.stem, unit.targets, unit.provenance.design.period_s
    samples = names.samples_file(stem, targets.kind)
    runs = [saved.run_labels[run] for run in np.asarray(saved.runs).tolist()]
    cells = {"run": runs, "time_s": np.asarray(saved.times_s), "fold": np.asarray(saved.folds)}
    yield samples, _samples_text(cells).encode()
    columns = {name: {"Description": words} for name, words in SAMPLES.items()}
    yield names.sidecar_of(samples), json_text({**columns, "Description": ROWS}).encode()
    for desc, values in (("predicted", saved.predicted), ("observed", saved.observed)):
        name = partial(names.series_file, stem, targets.kind, desc)
        yield from series_files(targets, name, np.asarray(values), step_s)
        facts: Sidecar = {"Rows": f"bids::{samples}"}
        if unit.provenance.design.epoch is None:
            facts |= {"SamplingFrequency": 1 / step_s}
        if name("").name.endswith(".tsv.gz"):
            facts |= {"Columns": list(targets.names)}
        yield _sidecar(unit, name(""), f"{SERIES[desc]}, {LESS_MEAN}.", facts)


def _samples_text(cells: dict[str, object]) -> str:
    """The table with times to a millisecond, however long a run is."""
    times = [f"{time:.3f}" for time in cells["time_s"]]  # type: ignore[attr-defined]
    return tsv_text({**cells, "time_s": times})  # type: ignore[dict-item]


def _weights(unit: UnitResult, saved: SavedFit) -> Iterator[File]:
    file = names.models_file(unit.stem, unit.targets.kind, "weights")
    yield file, partial(models.write_weights, saved, unit.targets.names, unit.fit.delays_s)
    what = "Weights of the full model, outer fold by outer fold."
    facts: Sidecar = {"Arrays": models.ABOUT_WEIGHTS, "Residualised": unit.provenance.design.residualised}
    if unit.provenance.design.residualised:
        what = f"{what} {RESIDUALISED}"
    yield _sidecar(unit, file, what, {**facts, **hyperparameter_facts(unit.provenance)})


def _components(unit: UnitResult, saved: SavedFit) -> Iterator[File]:
    """Principal components of weights as maps, or in a table."""
    stem, targets = unit.stem, unit.targets
    loadings = names.models_file(stem, targets.kind, "weights").name
    numbers = [
        MappedNumber(
            WEIGHT_COMPONENTS,
            f"{space_label(band)}PC{number}",
            scores,
            f"{COMPONENT.format(number=number, band=band, n=found.n_targets, share=share, file=loadings)}.",
        )
        for band, found in saved.components.items()
        for number, (scores, share) in enumerate(zip(found.scores, found.shares, strict=True), start=1)
    ]
    if not numbers:
        return
    if has_maps(targets):
        file = MapFile("", WEIGHT_COMPONENTS, tuple(one.stat for one in numbers))
        more = {"More": f"bids::{names.shared_sidecar_file(stem, targets.kind)}"}
        yield from encoded_maps(targets, numbers, [file], partial(names.map_file, stem, targets.kind), more)
    if TRAITS[targets.kind].layout == "table":
        columns = {
            "name": sidecars.target_columns(targets)["name"],
            **{one.stat: {"Description": one.words} for one in numbers},
        }
        cells = {"name": targets.names, **{one.stat: one.values for one in numbers}}
        table = names.weight_components_table(stem, targets.kind)
        yield table, tables.table_bytes(targets, cells, columns)
        what = "One row a target: principal components of the full model's weights."
        yield _sidecar(unit, table, what, dict(columns))
