"""What is planted: signals in the spaces of the analysis, and the variance that each union of spaces then explains.

All directions come from a long sample of other stories (`reference`), all truth from the same sample without noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.linalg import eigh, svd

from bids_app.demo.sample import GROUPS, SPECS, Grid, Story
from bids_app.encoding.design.columns import band_columns
from bids_app.records import Array, partition_components

LEADING = {"acoustic": 2, "phonetic": 1, "semantic": 2, "speech": 4, "language": 3}
# principal components that carry signal: those that a PCA refitted on other stories keeps
KINDS = ("low_level", "semantic", "speech", "language", "shared", "shared2")


@dataclass(frozen=True)
class Sources:
    """Unit-variance signals of every kind on reference and demo samples.

    Parameters
    ----------
    reference, demo : {kind: (n_samples,)} signals.
    columns : {group: (n_reference, n_columns)} columns of the reference.
    runs : (n_reference,) run of each reference sample.
    """

    reference: Mapping[str, Array]
    demo: Mapping[str, Array]
    columns: Mapping[str, Array]
    runs: Array


def make_sources(grid: Grid, shape: Sequence[float], reference: Sequence[Story], demo: Sequence[Story]) -> Sources:
    """Signals from the leading components of each space under a response over the delays.

    A feature group's own signal is the direction of which the other groups explain least; 'shared' and 'shared2' are
    the mean of the first and second pair of canonical variates of speech and language.

    Parameters
    ----------
    grid : when responses are sampled, and the delays.
    shape : the response's weight at each delay.
    reference : stories that directions and truth come from.
    demo : stories that are heard.
    """
    spaces = {spec.name: _scores(grid, spec.name, spec.pca or 1, reference, demo) for spec in SPECS}
    used = np.concatenate([grid.used(story) for story in reference])
    n_reference = len(used)
    weights = np.asarray(shape, float)
    early = {name: np.tensordot(scores[:, :, : LEADING[name]], weights, (1, 0)) for name, scores in spaces.items()}
    lead = {group: np.concatenate([early[name] for name in names], axis=1) for group, names in GROUPS.items()}
    columns = {
        group: np.concatenate([spaces[name][:n_reference].reshape(n_reference, -1)[used] for name in names], axis=1)
        for group, names in GROUPS.items()
    }
    signals = {
        group: lead[group] @ own_direction(lead[group][:n_reference][used], _others(columns, group))
        for group in GROUPS
    }
    for kind, pair in (("shared", 0), ("shared2", 1)):
        signals[kind] = canonical_mean(lead["speech"], lead["language"], np.flatnonzero(used), pair)
    scale = {kind: float(signal[:n_reference][used].std()) for kind, signal in signals.items()}
    runs = np.repeat(np.arange(len(reference)), grid.n_samples)[used]
    return Sources(
        {kind: signal[:n_reference][used] / scale[kind] for kind, signal in signals.items()},
        {kind: signal[n_reference:] / scale[kind] for kind, signal in signals.items()},
        columns,
        runs,
    )


def _scores(grid: Grid, name: str, n_components: int, reference: Sequence[Story], demo: Sequence[Story]) -> Array:
    """(n, n_delays, k): components fitted on the reference's used samples, for reference and demo samples."""
    values = np.concatenate([grid.band(story, name) for story in (*reference, *demo)])
    fitted = np.concatenate([*(grid.used(story) for story in reference), np.zeros(len(demo) * grid.n_samples, bool)])
    return band_columns(values, fitted, n_components).reshape(len(values), len(grid.delays_s), -1)


def _others(columns: Mapping[str, Array], group: str) -> Array:
    return np.concatenate([block for name, block in columns.items() if name != group], axis=1)


def own_direction(lead: Array, others: Array) -> Array:
    """The combination of columns of which others explain least.

    Parameters
    ----------
    lead : (n, k) columns that are combined.
    others : (n, m) columns that explain.

    Returns
    -------
    (k,) weights.
    """
    centred, rest = lead - lead.mean(axis=0), others - others.mean(axis=0)
    left = centred - rest @ np.linalg.lstsq(rest, centred, rcond=None)[0]
    total = centred.T @ centred
    _, directions = eigh(left.T @ left, total + 1e-6 * np.trace(total) * np.eye(len(total)))
    return np.asarray(directions[:, -1])


def canonical_mean(first_space: Array, second_space: Array, fitted: Array, pair: int) -> Array:
    """The mean of the two canonical variates of a pair (Björck & Golub 1973).

    Parameters
    ----------
    first_space, second_space : (n, k) each.
    fitted : rows that directions are fitted on.
    pair : its number, from 0 on.

    Returns
    -------
    (n,).
    """
    sides = []
    for block in (first_space, second_space):
        mean = block[fitted].mean(axis=0)
        q, r = np.linalg.qr(block[fitted] - mean)
        sides.append((q, r, block - mean))
    u, _, vt = svd(sides[0][0].T @ sides[1][0])
    first = sides[0][2] @ np.linalg.solve(sides[0][1], u[:, pair])
    second = sides[1][2] @ np.linalg.solve(sides[1][1], vt[pair])
    return np.asarray((first + second) / 2)


# ------------------------------------------------------------------------------------------------ targets and truth
@dataclass(frozen=True)
class Plant:
    """What one target carries.

    Parameters
    ----------
    weights : {kind: share of the signal's standard deviation}.
    ceiling : noise ceiling as R², 0…1.
    """

    weights: Mapping[str, float]
    ceiling: float

    def signal(self, sources: Mapping[str, Array]) -> Array:
        """(n,) before scaling to the ceiling; zeros where nothing is planted."""
        return np.asarray(sum(w * sources[kind] for kind, w in self.weights.items()) + 0.0 * sources[KINDS[0]])


def true_components(
    plants: Sequence[Plant], sources: Sources, drift: Array, kept: Sequence[Array]
) -> dict[str, Array]:
    """Asymptotic R² of every component, labelled as in the outputs.

    Signals of the reference are cleaned run by run as the analysis cleans responses, and where that takes drift, so
    are columns; every union's R² is that of least squares, adjusted for its columns; the noise is in the ceiling.

    Parameters
    ----------
    plants : one a target.
    sources : signals of every kind, and columns of every feature group.
    drift : (n_samples, n_cosines) that is removed of every run, besides a constant.
    kept : per run (n_samples,) bool, the samples used.

    Returns
    -------
    {label: (n_plants,)}.
    """
    signals = np.stack([plant.signal(sources.reference) for plant in plants], axis=1)

    def cleaned(values: Array) -> Array:
        return np.concatenate(
            [cleaned_run(values[sources.runs == run], drift[keep]) for run, keep in enumerate(kept)]
        )

    columns = {group: cleaned(block) if drift.shape[1] else block for group, block in sources.columns.items()}
    ceilings = np.array([plant.ceiling for plant in plants])
    groups = tuple(GROUPS)
    unions = [chosen for size in range(1, 5) for chosen in combinations(groups, size)]
    shares = explained(columns, unions, cleaned(signals))
    rsquared = {union: ceilings * share for union, share in shares.items()}
    return {
        component.label: rsquared[frozenset(component.groups)]
        if component.is_total
        else _part(rsquared, groups, component.groups)
        for component in partition_components(groups)
    }


def _part(rsquared: Mapping[frozenset[str], Array], groups: tuple[str, ...], chosen: tuple[str, ...]) -> Array:
    """Möbius inversion over supersets of the complement, written apart from records.components that it tests."""
    rest = frozenset(groups) - frozenset(chosen)
    total = np.zeros_like(rsquared[frozenset(groups)])
    for size in range(len(chosen) + 1):
        for added in combinations(chosen, size):
            if rest | set(added):
                total = total + (-1.0) ** (size + 1) * rsquared[rest | set(added)]
    return total


def cleaned_run(signals: Array, drift: Array) -> Array:
    """Signals less their mean and drift, by least squares.

    Parameters
    ----------
    signals : (n, n_targets) of a run.
    drift : (n, n_cosines).
    """
    regressors = np.column_stack([np.ones(len(signals)), drift])
    return np.asarray(signals - regressors @ np.linalg.lstsq(regressors, signals, rcond=None)[0])


def explained(
    columns: Mapping[str, Array], unions: Sequence[tuple[str, ...]], signals: Array
) -> dict[frozenset[str], Array]:
    """R² of least squares with intercept on each union's columns, adjusted for their number; 0 where there is no
    signal.

    Gram matrices are made once, unions are their blocks.

    Parameters
    ----------
    columns : feature group → (n, n_columns).
    unions : sets of feature groups.
    signals : (n, n_targets).

    Returns
    -------
    {union: (n_targets,)}.
    """
    X = np.concatenate(list(columns.values()), axis=1)
    owner = np.repeat(list(columns), [block.shape[1] for block in columns.values()])
    X, centred = X - X.mean(axis=0), signals - signals.mean(axis=0)
    gram, cross, power = X.T @ X, X.T @ centred, (centred**2).sum(axis=0)
    gram += 1e-9 * np.trace(gram) / len(gram) * np.eye(len(gram))
    rsquared = {}
    for union in unions:
        in_union = np.isin(owner, union)
        fitted = (np.linalg.solve(gram[np.ix_(in_union, in_union)], cross[in_union]) * cross[in_union]).sum(axis=0)
        share = fitted / np.where(power > 0, power, 1.0)
        adjusted = 1 - (1 - share) * (len(X) - 1) / (len(X) - in_union.sum() - 1)
        rsquared[frozenset(union)] = np.where(power > 0, adjusted, 0.0)
    return rsquared
