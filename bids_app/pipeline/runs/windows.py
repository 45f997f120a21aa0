"""Results of targets that are windows of responses: the summary's window, and every lag.

Target e · n_windows + w is window w of electrode e; window 0 is the summary's, the others are the lags in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bids_app.records import Array, Design, EpochSpec, Fit, Lags, Partition


@dataclass(frozen=True)
class RowResults:
    """Results of each response's own value: partition and fit, usable (n_responses,) bool; and of every lag."""

    partition: Partition
    fit: Fit
    usable: Array
    lags: Lags | None = None


def summary_of(partition: Partition, n_windows: int) -> Partition:
    """Results of the summary's window.

    Parameters
    ----------
    partition : values (n_electrodes · n_windows,) of all targets.
    n_windows : windows of each electrode, the summary's among them.

    Returns
    -------
    The partition with values (n_electrodes,).
    """
    tables = _tables(partition, n_windows)
    own = {label: {stat: table[:, 0] for stat, table in stats.items()} for label, stats in tables.items()}
    return replace(partition, values=own)


def lags_of(partition: Partition, spec: EpochSpec) -> Lags:
    """Results of every lag.

    Parameters
    ----------
    partition : values (n_electrodes · n_windows,) of all targets.
    spec : the windows of each electrode, in seconds from a word's onset.

    Returns
    -------
    Lags in seconds, and the partition with values (n_electrodes, n_lags).
    """
    tables = _tables(partition, len(spec.windows_s))
    lags = {label: {stat: table[:, 1:] for stat, table in stats.items()} for label, stats in tables.items()}
    return Lags(spec.lags_s, replace(partition, values=lags))


def _tables(partition: Partition, n_windows: int) -> dict[str, dict[str, Array]]:
    """(n_electrodes, n_windows) each."""
    return {
        label: {stat: np.asarray(values).reshape(-1, n_windows) for stat, values in stats.items()}
        for label, stats in partition.values.items()
    }


def summary_targets(design: Design, n_windows: int) -> Design:
    """The design with the electrodes' own windows as its targets.

    Parameters
    ----------
    design : with responses (n_rows, n_electrodes · n_windows).
    n_windows : windows of each electrode, the summary's among them.
    """
    return replace(design, Y=design.Y[:, ::n_windows], usable=design.usable[::n_windows])


def fit_of_summary(fit: Fit, n_windows: int) -> Fit:
    """The fit of the summary's window alone.

    Parameters
    ----------
    fit : of all targets; the last axis of its arrays is n_electrodes · n_windows.
    n_windows : windows of each electrode, the summary's among them.

    Returns
    -------
    The fit whose arrays have n_electrodes as their last axis.
    """

    def own(values: Array) -> Array:
        """(…, n_electrodes · n_windows) → (…, n_electrodes) of the summary's window."""
        return np.asarray(values[..., ::n_windows])

    def of_bands(several: Mapping[str, Array]) -> dict[str, Array]:
        """`own` of every band."""
        return {band: own(values) for band, values in several.items()}

    return replace(
        fit,
        rsquared=own(fit.rsquared),
        r=own(fit.r),
        at_edge=own(fit.at_edge),
        profile=of_bands(fit.profile),
        product=of_bands(fit.product),
        alpha=None if fit.alpha is None else own(fit.alpha),
        band_weights=of_bands(fit.band_weights),
        weights=None if fit.weights is None else of_bands(fit.weights),
    )
