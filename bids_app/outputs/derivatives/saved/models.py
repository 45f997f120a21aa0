"""Weights and penalties of all targets' models as HDF5, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bids_app.outputs.files.arrays import LIBVER
from bids_app.outputs.files.files import reading_back
from bids_app.records import Array, SavedFit, Union, space_label
from bids_app.records.fits import BlockSums, SavedWeights, WeightComponents

ABOUT_WEIGHTS = {
    "target": "Names of the targets, in the order of the last axis of weights",
    "delays_s": "Delays, or lags, in seconds",
    "fold": "Numbers of the outer folds, as the table of samples has them",
    "<band>/weights": "(folds, delays, k, targets): weights of the full model on the band's k columns. The band's "
    "part of a fold's prediction is the sum over delays of columns times weights. NaN where a target is not usable",
    "<band>/mean": "(folds, delays, dimensions): mean of the band's dimensions over the fold's training samples",
    "<band>/scale": "(folds, delays, dimensions): what dimensions are divided by: columns are (x − mean) / scale; "
    "infinite for what does not vary",
    "<band>/axes": "(folds, dimensions, k), where the band has principal components: columns are (x − mean) / scale "
    "times axes. Other bands have k dimensions",
    "<band>/components/scores": "(components, targets): principal components of weights over targets",
    "<band>/components/loadings": "(components, dimensions): of these on the band's scaled dimensions",
    "<band>/components/shares": "(components,): of the variance of weights over the targets that they were fitted to",
}
ABOUT_ALPHAS = {
    "target": "Names of the targets, in the order of the last axis",
    "fold": "Numbers of the outer folds",
    "alpha": "(unions, folds, targets): penalty that the fold's model of the union chose in its inner folds",
    "band_weights": "(unions, folds, bands, targets): band weights of the same, which sum to 1; 0 of bands that the "
    "union lacks",
}
ABOUT_BLOCKS = {
    "target": "Names of the targets, in the order of the last axis",
    "total": "(blocks, targets): Σ (y − ȳ)² over the block's held-out samples, ȳ the mean of what the fold's model "
    "was fitted to",
    "gains": "(unions, blocks, targets): Σ (y − ȳ)² − Σ (y − ŷ)². R² of a union is its sum over blocks "
    "over that of total",
    "run": "(blocks,): recording of the block's first sample",
    "start_s": "(blocks,): its time, in seconds",
    "block_fold": "(blocks,): its outer fold",
    "size": "(blocks,): samples of the block",
    "check": "(blocks, targets): Σ cos(k) (y − ȳ), k the sample's number among all: equal where responses are",
}
UNIONS, BANDS, NAME = "unions", "bands", "name"  # attributes: names, one a line, groups of a union joined by +

BandWeights = tuple[SavedWeights, WeightComponents | None]


def write_weights(saved: SavedFit, names: Sequence[str], delays_s: Sequence[float], part: Path) -> None:
    """Weights of the full model, band by band.

    Parameters
    ----------
    saved : with weights.
    names : of the targets.
    delays_s : of the design.
    part : the file.
    """
    with _created(part, saved, names) as file:
        _add(file, "delays_s", np.asarray(delays_s, dtype="<f8"))
        file.attrs[BANDS] = "\n".join(map(space_label, saved.weights))
        for band, weights in saved.weights.items():
            group = file.create_group(space_label(band))
            group.attrs[NAME] = band
            _add(group, "weights", weights.values)
            _add(group, "mean", weights.mean)
            _add(group, "scale", weights.scale)
            if weights.axes is not None:
                _add(group, "axes", weights.axes)
            if (found := saved.components.get(band)) is not None:
                inner = group.create_group("components")
                inner.attrs["n_targets"] = found.n_targets
                for key, values in (("scores", found.scores), ("loadings", found.loadings), ("shares", found.shares)):
                    _add(inner, key, values)


def write_alphas(saved: SavedFit, names: Sequence[str], part: Path) -> None:
    """Penalties and band weights of every union and fold.

    Parameters
    ----------
    saved : with penalties.
    names : of the targets.
    part : the file.
    """
    unions = list(saved.alpha)
    bands = list(dict.fromkeys(band for weights in saved.band_weights.values() for band in weights))
    n_folds, n_targets = saved.alpha[unions[0]].shape
    with _created(part, saved, names) as file:
        file.attrs[UNIONS], file.attrs[BANDS] = "\n".join(map("+".join, unions)), "\n".join(bands)
        alpha = file.create_dataset("alpha", (len(unions), n_folds, n_targets), "<f8", track_times=False)
        shape = len(unions), n_folds, len(bands), n_targets
        shares = file.create_dataset("band_weights", shape, "<f4", track_times=False)
        for number, union in enumerate(unions):
            alpha[number] = saved.alpha[union]
            for place, band in enumerate(bands):
                shares[number, :, place] = saved.band_weights[union].get(
                    band, np.where(np.isnan(alpha[number]), np.nan, 0)
                )


def write_blocks(saved: SavedFit, names: Sequence[str], part: Path) -> None:
    """Sums of squares by block of time.

    Parameters
    ----------
    saved : with these sums.
    names : of the targets.
    part : the file.
    """
    blocks = saved.blocks
    if blocks is None:
        raise ValueError("no sums by block")
    with _created(part, saved, names) as file:
        file.attrs[UNIONS] = "\n".join(map("+".join, blocks.gains))
        _add(file, "total", blocks.total)
        _add(file, "check", blocks.checks)
        gains = file.create_dataset("gains", (len(blocks.gains), *blocks.total.shape), "<f8", track_times=False)
        for number, of_union in enumerate(blocks.gains.values()):
            gains[number] = of_union
        _add(file, "run", np.array([run.encode() for run in blocks.runs]))
        for key, values in (("start_s", blocks.starts_s), ("block_fold", blocks.folds), ("size", blocks.sizes)):
            _add(file, key, values)


def read_blocks(path: Path) -> tuple[tuple[str, ...], BlockSums]:
    """Names of the targets, and sums of squares by block.

    Raises
    ------
    ReadWriteError : the file is gone or damaged.
    """
    import h5py

    with reading_back(path, "sums by block"), h5py.File(path, "r", locking=False) as file:
        unions = [tuple(union.split("+")) for union in str(file.attrs[UNIONS]).split("\n")]
        gains = dict(zip(unions, np.asarray(file["gains"]), strict=True))
        runs = tuple(run.decode() for run in np.asarray(file["run"]).tolist())
        starts_s, folds, sizes = (np.asarray(file[key]) for key in ("start_s", "block_fold", "size"))
        total, checks = np.asarray(file["total"]), np.asarray(file["check"])
        return _names(file), BlockSums(total, gains, runs, starts_s, folds, sizes, checks)


def read_weights(
    path: Path,
) -> tuple[tuple[str, ...], Array, dict[str, tuple[SavedWeights, WeightComponents | None]]]:
    """Names of the targets, delays in seconds, and of each band its weights and their components.

    Raises
    ------
    ReadWriteError : the file is gone or damaged.
    """
    import h5py

    with reading_back(path, "weights"), h5py.File(path, "r", locking=False) as file:
        bands = {}
        for group in (file[label] for label in str(file.attrs[BANDS]).split("\n")):
            axes = np.asarray(group["axes"]) if "axes" in group else None
            values, mean, scale = (np.asarray(group[key]) for key in ("weights", "mean", "scale"))
            bands[str(group.attrs[NAME])] = SavedWeights(values, mean, scale, axes), _components(group)
        return _names(file), np.asarray(file["delays_s"]), bands


def read_weight_sizes(path: Path) -> tuple[tuple[str, ...], Array, dict[str, Array]]:
    """Names of the targets, delays in seconds, and of each band (n_delays, n_targets) the Euclidean norm of its
    weights, averaged over folds; NaN where a target has none. One fold and delay is in memory at a time.

    Raises
    ------
    ReadWriteError : the file is gone or damaged.
    """
    import h5py

    with reading_back(path, "weights"), h5py.File(path, "r", locking=False) as file:
        groups = [file[label] for label in str(file.attrs[BANDS]).split("\n")]
        sizes = {str(group.attrs[NAME]): _sizes(group["weights"]) for group in groups}
        return _names(file), np.asarray(file["delays_s"]), sizes


def _sizes(weights: Any) -> Array:
    """Of (n_folds, n_delays, k, n_targets) on disk; folds may have fewer than k columns, NaN in their place."""
    n_folds, n_delays, _, n_targets = weights.shape
    sizes = np.zeros((n_delays, n_targets))
    for fold, delay in np.ndindex(n_folds, n_delays):
        squares = np.square(np.asarray(weights[fold, delay], dtype=np.float64))
        norms = np.sqrt(np.nansum(squares, axis=0))
        sizes[delay] += np.where(np.isnan(squares).all(axis=0), np.nan, norms) / n_folds
    return sizes


def read_alphas(
    path: Path,
) -> tuple[tuple[str, ...], Mapping[Union, Array], Mapping[Union, Mapping[str, Array]]]:
    """Names of the targets, {union: (n_folds, n_targets)} penalties, and {union: {band: the same}} band weights.

    Raises
    ------
    ReadWriteError : the file is gone or damaged.
    """
    import h5py

    with reading_back(path, "penalties"), h5py.File(path, "r", locking=False) as file:
        unions = [tuple(union.split("+")) for union in str(file.attrs[UNIONS]).split("\n")]
        bands = str(file.attrs[BANDS]).split("\n")
        alpha, shares = np.asarray(file["alpha"]), np.asarray(file["band_weights"])
        of_bands = {
            union: dict(zip(bands, of.swapaxes(0, 1), strict=True)) for union, of in zip(unions, shares, strict=True)
        }
        return _names(file), dict(zip(unions, alpha, strict=True)), of_bands


def _components(group: Any) -> WeightComponents | None:
    if "components" not in group:
        return None
    inner = group["components"]
    scores, loadings, shares = (np.asarray(inner[key]) for key in ("scores", "loadings", "shares"))
    return WeightComponents(scores, loadings, shares, int(inner.attrs["n_targets"]))


def _created(part: Path, saved: SavedFit, names: Sequence[str]) -> Any:
    """A new file, with what all have."""
    import h5py

    file = h5py.File(part, "w", libver=LIBVER, locking=False)
    _add(file, "target", np.array([name.encode() for name in names]))
    _add(file, "fold", np.unique(saved.folds).astype("<i4"))
    return file


def _add(group: Any, name: str, values: Array) -> None:
    group.create_dataset(name, data=values, track_times=False)


def _names(file: Any) -> tuple[str, ...]:
    return tuple(name.decode() for name in np.asarray(file["target"]).tolist())
