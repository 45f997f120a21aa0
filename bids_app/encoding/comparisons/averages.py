"""Scores and agreement over many targets, with blocks of time left out in turn, the same for all of them.

What is averaged over targets varies with the blocks, not with the targets: neighbouring ones share noise. So with
every block left out the scores of all targets are made, and only their sums over targets are kept. The 95 %
confidence interval of anything that is made of such sums is the jackknife's, by Student's t. Its variance is doubled,
for models that learned from one block's noise and are tested on another block, as in `intervals` where that is not
known: the most that it can be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import stdtrit

from bids_app.encoding.comparisons.agreement import AT_ONCE, PredictionSums
from bids_app.encoding.inference.block_losses import BlockLosses
from bids_app.encoding.inference.intervals import UPPER
from bids_app.encoding.ridge.batches import pieces
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.encoding.ridge.splits import Split
from bids_app.records import Agreement, Array, Union

RELIABLE = "reliable"


@dataclass(frozen=True)
class Average:
    """Means over a set of targets; the first row is the data, each further row leaves out a block.

    Parameters
    ----------
    n : targets of the set.
    scores : (1 + n_blocks, n_unions) mean R² of every union.
    maps : (1 + n_blocks, m, m) second moments over targets of the maps compared: a one first (so that means are among
        them), the R² of each, the noise ceiling if there is one.
    z : (1 + n_blocks, n_pairs) mean of Fisher's z of predictions' correlations.
    """

    n: int
    scores: Array
    maps: Array
    z: Array


@dataclass(frozen=True)
class Averaged:
    """What one fit gave.

    Parameters
    ----------
    unions : of the fit, the full one last.
    maps : numbers of the unions whose maps are compared.
    averages : by set of targets, of those that have one.
    agreements : of the pairs of `maps`.
    reliable : (n_targets,) bool, targets that the full model predicts reliably; None where there are no blocks.
    """

    unions: tuple[Union, ...]
    maps: tuple[int, ...]
    averages: Mapping[str, Average]
    agreements: tuple[Agreement, ...] = ()
    reliable: Array | None = None

    def mean(self, targets: str, terms: Sequence[tuple[Sequence[str], int]]) -> Array:
        """Mean over a set of targets of a signed sum of unions' R².

        Parameters
        ----------
        targets : name of the set.
        terms : (union, sign), ….

        Returns
        -------
        (1 + n_blocks,): of the data, then without each block.
        """
        scores = self.averages[targets].scores
        signed = [sign * scores[:, self._number(union)] for union, sign in terms]
        return np.asarray(np.sum(signed, axis=0))

    def _number(self, union: Sequence[str]) -> int:
        return next(number for number, each in enumerate(self.unions) if set(each) == set(union))


def with_interval(values: Array) -> tuple[float, float, float]:
    """An average with its 95 % confidence interval, the jackknife's over blocks.

    Parameters
    ----------
    values : (1 + n_blocks,) of the data, then without each block.

    Returns
    -------
    Value, lower and upper end; NaN where no block was left out, or some value is none.
    """
    value, half = float(values[0]), float(half_width(torch.as_tensor(values[1:, None]))[0])
    return value, value - half, value + half


def half_width(without: torch.Tensor) -> torch.Tensor:
    """(n_blocks, n) values without a block each → (n,) half the width of the interval; NaN for fewer than two."""
    n_blocks = len(without)
    if n_blocks < 2:
        return without.new_full(without.shape[1:], torch.nan)
    # the jackknife's variance, doubled: see above
    variance = 2 * (without - without.mean(dim=0)).square().sum(dim=0) * (n_blocks - 1) / n_blocks
    return float(stdtrit(n_blocks - 1, UPPER)) * variance.sqrt()


@dataclass(frozen=True)
class AveragingPlan:
    """What is averaged over.

    Parameters
    ----------
    folds : (n_times,) outer fold of every sample.
    sets : name → (n_targets,) bool; `all` is one of them. `RELIABLE` (those of `all` whose full R² is above 0 beyond
        its interval) is made where it is not given and there are blocks: batch by batch of targets, so that an
        observer of the same stream that comes after may be given the array.
    labels : (n_times,) blocks that are left out in turn; None: values without intervals.
    ceiling : (n_targets,) noise ceiling, taken out of the correlation of maps.
    """

    folds: Array
    sets: Mapping[str, Array]
    labels: Array | None = None
    ceiling: Array | None = None


class Averages(Observer):
    """Collects an `Average` of each set of targets, and an `Agreement` of each pair of unions.

    Parameters
    ----------
    unions : of the fit, the full one last.
    maps : numbers of the unions whose predictions and maps are compared, pair by pair.
    plan : sets of targets and blocks.
    device : that of the fit.
    """

    def __init__(
        self, unions: Sequence[tuple[str, ...]], maps: Sequence[int], plan: AveragingPlan, device: str = "cpu"
    ) -> None:
        folds, sets, labels, ceiling = plan.folds, plan.sets, plan.labels, plan.ceiling
        self.unions, self.maps, self._ceiling = tuple(unions), tuple(maps), ceiling
        pairs = pairs_of(maps)
        blocks = np.zeros(len(folds), dtype=np.int64) if labels is None else np.asarray(labels)
        self._labels = torch.as_tensor(blocks, device=device)
        self._n_blocks = int(blocks.max()) + 1
        # rows of weights: all blocks, then all but each one
        everything = torch.ones((1, self._n_blocks), dtype=torch.float64, device=device)
        without = everything - torch.eye(self._n_blocks, dtype=torch.float64, device=device)
        self._weights = everything if self._n_blocks == 1 else torch.cat([everything, without])
        self._predicted = PredictionSums(pairs, blocks, folds, device)
        self.sets = {name: np.asarray(mask) for name, mask in sets.items()}
        self._makes_reliable = RELIABLE not in sets and self._n_blocks > 1
        if self._makes_reliable:
            self.sets[RELIABLE] = np.zeros(len(sets["all"]), dtype=bool)
        n_rows, m = len(self._weights), 1 + len(maps) + (ceiling is not None)
        self._nothing = Average(0, *(np.zeros((n_rows, *shape)) for shape in ((len(unions),), (m, m), (len(pairs),))))
        # of each set sums over some targets at a time, by the number of the first of these: they are added up in the
        # order of targets at the end, so that nothing hangs on the order in which they came
        self._sums: dict[str, dict[int, Average]] = {name: {} for name in self.sets}
        self._r = np.full((3, len(pairs), len(sets["all"])), np.nan)
        self.target_bytes = 8 * self._n_blocks * (1 + len(unions)) + self._predicted.target_bytes

    def begin(self, targets: Array, responses: Sequence[torch.Tensor]) -> None:
        """See Observer.

        Parameters
        ----------
        targets : of the batch.
        responses : of its blocks.
        """
        self._targets, self._pieces = targets, pieces(responses, AT_ONCE)
        self._losses = BlockLosses(self._labels, self._n_blocks, len(self.unions), len(targets))
        self._predicted.begin(targets, responses)

    def begin_fold(self, fold: int, split: Split) -> None:
        """See Observer.

        Parameters
        ----------
        fold : place of the outer fold among all, from 0.
        split : its rows.
        """
        self._predicted.begin_fold(fold, split)

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        self._predicted.fitted(models)
        device = self._labels.device
        rows = torch.as_tensor(models.split.evaluate, device=device)
        places = torch.as_tensor(models.places, device=device)
        unions = {union: torch.as_tensor(each, device=device) for union, each in models.unions.items()}
        self._losses.add(unions, places, rows, models.gains)
        if (at := unions.get(len(self.unions) - 1)) is not None:
            self._losses.add_total(places[at], rows, models.responses[:, at])

    def end_fold(self) -> None:
        """See Observer."""
        self._predicted.end_fold()

    def end(self) -> None:
        """See Observer."""
        for some in self._pieces:
            self._add(some)
        del self._losses

    def _add(self, chosen: slice) -> None:
        """Some of the batch's targets: scores (n_unions, 1 + n_blocks, n_chosen), z of each pair as a row's."""
        targets, weights = self._targets[chosen], self._weights
        total = weights @ self._losses.total[:, chosen]
        scores = torch.stack([weights @ gains[:, chosen] / total for gains in self._losses.gains])
        z = [self._predicted.weighted(pair, chosen, weights) for pair in range(len(self._predicted.pairs))]
        if self._makes_reliable:
            # the full union's lower end
            low = (scores[-1][0] - half_width(scores[-1][1:])).cpu().numpy()
            self.sets[RELIABLE][targets] = self.sets["all"][targets] & (low > 0)
        for pair, drawn in enumerate(z):
            half = half_width(drawn[1:])
            self._r[:, pair, targets] = torch.stack([drawn[0], drawn[0] - half, drawn[0] + half]).tanh().cpu().numpy()
        for name, mask in self.sets.items():
            self._accumulate(name, np.flatnonzero(mask[targets]), targets, scores, z)

    def _accumulate(
        self, name: str, chosen: Array, targets: Array, scores: torch.Tensor, z: Sequence[torch.Tensor]
    ) -> None:
        if not len(chosen):
            return
        at = torch.as_tensor(chosen, device=scores.device)
        # a map of ones first, so that second moments hold means and the count
        maps = [torch.ones_like(scores[0]), *(scores[union] for union in self.maps)]
        if self._ceiling is not None:
            maps.append(scores.new_tensor(self._ceiling[targets]).expand_as(maps[0]))
        some = torch.stack([values[:, at] for values in maps])
        self._sums[name][int(targets[0])] = Average(
            len(chosen),
            scores[:, :, at].sum(dim=2).T.cpu().numpy(),
            torch.einsum("idt,jdt->dij", some, some).cpu().numpy(),
            np.stack([values[:, at].sum(dim=1).cpu().numpy() for values in z], axis=1) if z else self._nothing.z,
        )

    def kept(self, targets: Array) -> dict[str, Array]:
        """See Observer."""
        found = {"r": self._r[..., targets]}
        if self._makes_reliable:
            found[RELIABLE] = self.sets[RELIABLE][targets]
        for name, sums in self._sums.items():
            found[f"{name}.firsts"] = np.array([*sums], dtype=np.int64)
            for what, nothing in vars(self._nothing).items():
                each = [np.asarray(getattr(one, what)) for one in sums.values()]
                found[f"{name}.{what}"] = np.array(each).reshape(len(sums), *np.shape(nothing))
        return found

    def take(self, targets: Array, kept: Mapping[str, Array]) -> None:
        """See Observer."""
        self._r[..., targets] = kept["r"]
        if self._makes_reliable:
            self.sets[RELIABLE][targets] = kept[RELIABLE]
        for name, sums in self._sums.items():
            parts = [kept[f"{name}.{what}"] for what in ("firsts", *vars(self._nothing))]
            sums |= {int(first): Average(int(n), *values) for first, n, *values in zip(*parts, strict=True)}

    def averages(self) -> dict[str, Average]:
        """Of every set that has a target."""
        totals = {name: _added_up(sums, self._nothing) for name, sums in self._sums.items() if sums}
        return {
            name: Average(total.n, total.scores / total.n, total.maps / total.n, total.z / total.n)
            for name, total in totals.items()
        }

    def agreements(self) -> tuple[Agreement, ...]:
        """Of every pair of unions of one feature group each."""
        return tuple(
            Agreement((self.unions[first][0], self.unions[second][0]), *self._r[:, pair])
            for pair, (first, second) in enumerate(self._predicted.pairs)
        )

    def averaged(self) -> Averaged:
        """All that was collected, when the fit is over."""
        return Averaged(self.unions, self.maps, self.averages(), self.agreements(), self.sets.get(RELIABLE))


def _added_up(sums: Mapping[int, Average], start: Average) -> Average:
    """Sums over some targets each, by the number of the first of them, in this order."""
    for first in sorted(sums):
        one = sums[first]
        start = Average(start.n + one.n, start.scores + one.scores, start.maps + one.maps, start.z + one.z)
    return start


def pairs_of(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Every two of them, in order."""
    return [(first, second) for place, first in enumerate(numbers) for second in numbers[place + 1 :]]


def map_correlation(moments: Array, first: int, second: int, given: int | None = None) -> Array:
    """Correlation over targets of two maps.

    Parameters
    ----------
    moments : (n, m, m), `Average.maps`.
    first, second : places of the two, counted after the leading one.
    given : place of a third map, for the partial correlation given that.

    Returns
    -------
    (n,); NaN where a map is flat.
    """
    means = moments[:, 0, 1:]
    # of targets: E[ab] − E[a] E[b]
    covariance = moments[:, 1:, 1:] - means[:, :, None] * means[:, None, :]
    deviation = np.sqrt(np.clip(np.diagonal(covariance, axis1=1, axis2=2), 0, None))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = covariance / (deviation[:, :, None] * deviation[:, None, :])
        if given is None:
            return np.asarray(np.clip(r[:, first, second], -1, 1))
        # partial correlation of two maps, given a third
        rest = np.sqrt((1 - r[:, first, given] ** 2) * (1 - r[:, second, given] ** 2))
        return np.asarray(np.clip((r[:, first, second] - r[:, first, given] * r[:, second, given]) / rest, -1, 1))
