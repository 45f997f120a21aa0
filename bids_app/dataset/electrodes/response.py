"""iEEG: good channels of signals of any format, as envelopes on one even grid. (mne-bids' own leaves lock files.)"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from bids_app.dataset.electrodes.contents import doubts
from bids_app.dataset.electrodes.high_gamma import edge_s, high_gamma, near_edges
from bids_app.dataset.electrodes.plan import ElectrodePlan, plan_electrodes
from bids_app.dataset.electrodes.reference import alike
from bids_app.dataset.electrodes.resampling import Grid, on_grid
from bids_app.dataset.signals.bad_spans import covered
from bids_app.dataset.signals.recording import pause_accounts
from bids_app.errors import DataError
from bids_app.records import AlignmentLine, Array, Recording, Response, ResponseSpec, Targets

BLOCK_BYTES = 256 * 2**20  # of one group of channels at the recording's rate


def electrode_targets(recording: Recording, spec: ResponseSpec) -> Targets:
    """Good intracranial channels that the file has, or pairs of them, with positions in mm (NaN where unknown).

    Parameters
    ----------
    recording : iEEG.
    spec : band, power line and reference.

    Raises
    ------
    DataError : there is none, or a file cannot be read.
    """
    return _targets(recording, plan_electrodes(recording, spec))


def electrode_lines(recording: Recording, spec: ResponseSpec) -> tuple[AlignmentLine, ...]:
    """What a reader must know of how an iEEG recording's channels are read; no sample is.

    Parameters
    ----------
    recording, spec : as of `electrode_targets`.

    Raises
    ------
    DataError : as of `electrode_targets`.
    """
    return plan_electrodes(recording, spec).lines


def _targets(recording: Recording, plan: ElectrodePlan) -> Targets:
    row = {name: at for at, name in enumerate(plan.contacts)}
    xyz_mm = np.stack([np.mean([plan.xyz_mm[row[name]] for name in made], axis=0) for made in plan.targets.values()])
    return Targets("electrodes", recording.space, tuple(plan.targets), xyz_mm=xyz_mm, table=_columns(plan))


def _columns(plan: ElectrodePlan) -> Mapping[str, tuple[str, ...]]:
    """Columns of channels.tsv in the targets' order, of a pair its first contact's; none without a table."""
    columns: dict[str, tuple[str, ...]] = {}
    for column in plan.channels.columns:
        cells = plan.column(column)
        if column:
            columns[column] = tuple(cells[made[0]] for made in plan.targets.values())
    return columns | ({"name": tuple(plan.targets)} if columns else {})


def electrode_response(recording: Recording, targets: Targets, spec: ResponseSpec) -> Response:
    """Envelopes of the targets, on the clock of the first sample.

    Samples under an annotation or an event that marks them bad, and those in pauses of the file, are not valid; where
    high gamma is computed from voltages, nor are those that its filters cannot know (see `high_gamma`).

    Parameters
    ----------
    recording : iEEG.
    targets : its channels, in the order wanted.
    spec : rate (None: as recorded), band, power line and reference.

    Raises
    ------
    DataError : the file cannot be read whole, or lacks a channel.
    """
    plan = plan_electrodes(recording, spec)
    missing = [name for name in targets.names if name not in plan.targets]
    if missing:
        raise DataError(f"channels are not in the file: {', '.join(missing[:5])}", recording.paths[0])
    grid = Grid.of(plan.signals, spec.rate_hz)
    values = _values(plan, targets.names, spec, grid)
    times_s = np.arange(grid.n_times) / grid.rate_hz
    pauses = [stretch for account in pause_accounts(plan.signals) for stretch in account.spans_s]
    bad = covered(plan.bad.spans_s, times_s) | covered(pauses, times_s) | ~grid.recorded
    if plan.computes and spec.band_hz is not None:
        bad = near_edges(bad, math.ceil(edge_s(spec.band_hz, plan.line_hz) * grid.rate_hz), grid.breaks)
    valid = np.isfinite(values).any(axis=1) & ~bad
    first = plan.contacts[0]
    signal, signal_hz = plan.signals.read([first])[0], plan.signals.rates_hz[first]
    lines = tuple(line.text for line in plan.lines if line.severity == "warning")
    lines += doubts(signal, signal_hz, spec.band_hz, plan.computes)
    nuisance = np.empty((len(values), 0))
    return Response(values, recording.start_s + times_s, nuisance, valid, targets, plan.signals.warnings + lines)


def _values(plan: ElectrodePlan, names: Sequence[str], spec: ResponseSpec, grid: Grid) -> Array:
    """(n_times, n_targets) float32, read a group of targets of one rate at a time."""
    rates = plan.signals.rates_hz
    values = np.full((grid.n_times, len(names)), math.nan, dtype=np.float32)
    means = _means(plan) if plan.reference == "average" else {}
    for rate_hz in dict.fromkeys(rates[plan.targets[name][0]] for name in names):
        of_rate = [at for at, name in enumerate(names) if rates[plan.targets[name][0]] == rate_hz]
        step = _step(plan, rate_hz)
        for start in range(0, len(of_rate), step):
            group = of_rate[start : start + step]
            block = _referenced(plan, [names[at] for at in group], means)
            values[:, group] = on_grid(block, grid, rate_hz, _envelope_of(plan, spec, rate_hz)).T
    return values


def _step(plan: ElectrodePlan, rate_hz: float) -> int:
    """Channels of a rate that are held at once."""
    n_samples = plan.signals.n_samples * rate_hz / plan.signals.rate_hz
    return max(1, int(BLOCK_BYTES // (8 * n_samples)))


def _envelope_of(plan: ElectrodePlan, spec: ResponseSpec, rate_hz: float) -> Callable[[Array], Array] | None:
    """What makes an envelope of a voltage; None where signals are envelopes."""
    band_hz, line_hz = spec.band_hz, plan.line_hz
    if not plan.computes or band_hz is None:
        return None
    return lambda signal: high_gamma(signal, rate_hz, band_hz, line_hz)


def _referenced(plan: ElectrodePlan, names: Sequence[str], means: Mapping[str, Array]) -> Array:
    """(n_targets, n_samples) of targets of one rate, against what the analysis asks for."""
    contacts = list(dict.fromkeys(name for target in names for name in plan.targets[target]))
    row = {name: at for at, name in enumerate(contacts)}
    block = plan.signals.read(contacts)
    if plan.reference == "bipolar":
        pairs = [plan.targets[name] for name in names]
        return np.stack([block[row[one]] - block[row[other]] for one, other in pairs])
    if plan.reference == "average":
        return np.asarray(block - np.stack([means[name] for name in contacts]))
    return block


def _means(plan: ElectrodePlan) -> dict[str, Array]:
    """Contact → the mean (n_samples,) of all good channels of its type and rate."""
    rates, means = plan.signals.rates_hz, {}
    kinds = plan.column("type") or dict(plan.signals.types)
    sorts = {name: f"{kinds.get(name, '')} {rates[name]:g} Hz" for name in plan.contacts}
    for members in alike(plan.contacts, sorts):
        step = _step(plan, rates[members[0]])
        groups = [members[start : start + step] for start in range(0, len(members), step)]
        total = np.sum([plan.signals.read(group).sum(axis=0) for group in groups], axis=0)
        means.update(dict.fromkeys(members, np.asarray(total / len(members))))
    return means
