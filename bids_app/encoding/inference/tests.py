"""Every component of the partition with p, family-wise p, q and an interval, target batch by target batch.

Totals (a union's rsquared): sign flips of time blocks, refitted; where responses and predictions are too smooth for
blocks, flips of frequencies besides, and the larger p (`signflip`, `pieces`). Unique parts: one-sided flips of the
blocks' loss difference of nested unions. Shared parts: the same for the signed sum of losses, and in any case no
smaller p than for each set of the sharing spaces to add to the others alone; where there are no others, that is to
predict at all. For what two spaces share cannot be there where one of them is idle, yet plain ridge finds it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bids_app.encoding.inference.block_losses import BlockLosses, flipped_sums
from bids_app.encoding.inference.blocks import Blocks
from bids_app.encoding.inference.flip_units import FlipUnits, frequency_pieces, time_pieces
from bids_app.encoding.inference.influence import Influences, influence
from bids_app.encoding.inference.intervals import interval
from bids_app.encoding.inference.multiple_testing import MaxTNull, fdr
from bids_app.encoding.inference.sign_flips import FlipGains, FlipTotals, PieceColumns, draw_signs, explained
from bids_app.encoding.partition.shapley import shapley_terms
from bids_app.encoding.ridge.fitted import Fitted, Observer
from bids_app.records import Array, Component, Inferred, partition_components, subsets

Union = frozenset[str]


@dataclass(frozen=True)
class Total:
    """Null hypothesis: the union predicts nothing."""

    union: Union


@dataclass(frozen=True)
class Contrast:
    """Null hypothesis: the signed sum of the unions' gains is as often below zero in a block as above."""

    terms: frozenset[tuple[Union, int]]


def null_hypotheses(component: Component) -> tuple[Total | Contrast, ...]:
    """The null hypotheses that must all fall for a component to be significant.

    A total's: its union predicts nothing. A difference's: the larger model is no better. A shared part's: each set of
    the sharing groups adds nothing to the others, and the signed sum itself.
    """
    if component.is_total:
        return (Total(frozenset(component.terms[0][0])),)
    contrast = Contrast(frozenset((frozenset(union), sign) for union, sign in component.terms))
    if not component.is_part:
        return (contrast,)
    chosen = sorted(component.groups)
    everyone: Union = frozenset().union(*(union for union, _ in component.terms))
    rest = everyone - frozenset(chosen)
    needed = tuple(_addition(rest, frozenset(some)) for some in subsets(chosen))
    return (*needed, contrast) if len(chosen) > 1 else needed


def _addition(rest: Union, some: Union) -> Total | Contrast:
    return Contrast(frozenset([(rest | some, 1), (rest, -1)])) if rest else Total(some)


class Inference(Observer):
    """Tests and intervals of all components, batch after batch of targets, in the stream of a fit.

    Signs are drawn once, from `seed`, so that families run over all batches. runs, folds (n_times,): each sample's
    run and outer fold; unions in the order of the engine, the full one last; responses centred within run, not by
    fold. `dtype`: the working type of the flips. `asked`: components to test in place of those of the partition.
    `bands`: the numbers of each unit's bands, for limits of the product measure. Memory a target: for each union in
    question and kind of pieces, n_pieces² / 2 numbers of this type.
    """

    def __init__(
        self,
        unions: Sequence[tuple[str, ...]],
        blocks: Blocks,
        runs: Array,
        folds: Array,
        permutations: int = 1000,
        seed: int = 0,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
        asked: Sequence[Component] | None = None,
        bands: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self.unions = [frozenset(union) for union in unions]
        units = tuple(unions[-1])
        self.components = {one.label: one for one in (partition_components(units) if asked is None else asked)}
        self.tests = {label: null_hypotheses(one) for label, one in self.components.items()}
        self.shares = shapley_terms(units) if asked is None and len(units) > 1 else {}
        self.bands = {number: unit for unit in self.shares for number in (bands or {}).get(unit, ())}
        self.pieces = [time_pieces(blocks.labels, device)]
        if blocks.smooth:
            self.pieces.append(frequency_pieces(runs, folds, device))
        self.dtype = dtype
        self.folds = torch.as_tensor(np.unique(folds, return_inverse=True)[1], device=device)
        self.n_folds = int(self.folds.max()) + 1
        self._signs = [self._tensor(draw_signs(pieces.count, permutations, seed)) for pieces in self.pieces]
        tests = {test for each in self.tests.values() for test in each}
        met = {frozenset(union) for component in self.components.values() for union, _ in component.terms}
        met |= {union for terms in self.shares.values() for union in terms}
        self.refitted = [number for number, union in enumerate(self.unions) if union in met]
        self._families = {test: [MaxTNull() for _ in self._pieces_of(test)] for test in tests}
        self._limits: dict[str, list[Array]] = {name: [] for name in self.components}
        self._shares: dict[tuple[str, str], list[Array]] = {}
        self._targets: list[Array] = []
        numbers = sum(pieces.count**2 / 2 + 2 * self.n_folds * pieces.count / len(unions) for pieces in self.pieces)
        numbers += blocks.count**2 / self.n_folds  # a fold's influences
        self.cell_bytes = 2 * len(self.pieces) * dtype.itemsize  # and as much while it is made
        sums = (len(unions) + len(self.shares)) * blocks.count + (self.n_folds * len(self.refitted)) ** 2
        self.target_bytes = int(len(self.refitted) * numbers * dtype.itemsize + 8 * sums)

    def begin(self, targets: Array) -> None:
        """See Observer."""
        self._batch = _Batch(self, targets)
        self._targets.append(targets)

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        self._batch.add(models)

    def end(self) -> None:
        """See Observer."""
        for test, families in self._families.items():
            for family, null in zip(families, self._nulls(test), strict=True):
                family.add(null)
        self._batch.influences.end()
        for name, component in self.components.items():
            self._limits[name].append(self._interval(self._coefficients(component)))
        for unit, terms in self.shares.items():
            limits = {"shapley": self._interval(self._weighted(terms))}
            if self.bands:
                product = interval(self._batch.products[unit], self._batch.losses.total)
                limits["product"] = product.cpu().numpy()
            for stat, its_limits in limits.items():
                self._shares.setdefault((unit, stat), []).append(its_limits)
        del self._batch

    def _interval(self, signed: Array) -> Array:
        """Limits (2, n_targets) of a signed sum of unions (n_unions,) over the batch."""
        losses, taught = self._batch.losses, self._batch.influences.of(signed[self.refitted])
        return np.asarray(interval(losses.contrast(signed), losses.total, taught).cpu())

    def results(self, n_targets: int) -> dict[str, Inferred]:
        """Of all n_targets of the design, NaN for those not met."""
        return {name: self._inferred(name, n_targets) for name in self.components}

    def limits(self, n_targets: int) -> dict[tuple[str, str], Array]:
        """(unit, 'shapley' or 'product') → its limits (2, n_targets)."""
        found = {}
        for share, batches in self._shares.items():
            found[share] = np.full((2, n_targets), np.nan)
            found[share][:, np.concatenate(self._targets)] = np.concatenate(batches, axis=1)
        return found

    def _inferred(self, name: str, n_targets: int) -> Inferred:
        found = [family.significance() for test in self.tests[name] for family in self._families[test]]
        p = np.max([each.p for each in found], axis=0)
        p_family = np.max([each.p_family for each in found], axis=0)
        met = np.full((5, n_targets), np.nan)
        met[:, np.concatenate(self._targets)] = p, p_family, fdr(p), *np.concatenate(self._limits[name], axis=1)
        return Inferred(*met)

    def _pieces_of(self, test: Total | Contrast) -> list[FlipUnits]:
        return self.pieces if isinstance(test, Total) else self.pieces[:1]

    def _nulls(self, test: Total | Contrast) -> list[torch.Tensor]:
        batch = self._batch
        if isinstance(test, Total):
            gains = batch.gains[self.unions.index(test.union)]
            return [
                its_gains.at(signs) / totals.at(signs)
                for signs, its_gains, totals in zip(self._signs, gains, batch.totals, strict=True)
            ]
        return [flipped_sums(batch.losses.contrast(self._coefficients(test)), self._signs[0])]

    def _coefficients(self, signed: Component | Contrast) -> Array:
        """(n_unions,) of its terms."""
        return self._weighted({frozenset(union): sign for union, sign in signed.terms})

    def _weighted(self, terms: Mapping[Union, float]) -> Array:
        return np.array([terms.get(union, 0) for union in self.unions])

    def _tensor(self, values: Array) -> torch.Tensor:
        return torch.as_tensor(values, dtype=self.dtype, device=self.pieces[0].labels.device)


class _Batch:
    """What is kept of a batch of targets while its folds, candidates and unions go by."""

    def __init__(self, inference: Inference, targets: Array) -> None:
        self._targets, self._kinds, self._dtype = targets, inference.pieces, inference.dtype
        self._refitted, self._bands = inference.refitted, inference.bands
        device, n_targets, n_unions = self._kinds[0].labels.device, len(targets), len(inference.unions)
        self._last = n_unions - 1
        self.totals = [FlipTotals(kind, inference.n_folds, n_targets, self._dtype) for kind in self._kinds]
        self.gains = {
            number: [FlipGains(kind.count, n_targets, self._dtype, device) for kind in self._kinds]
            for number in self._refitted
        }
        self.losses = BlockLosses(self._kinds[0].labels, self._kinds[0].count, n_unions, n_targets)
        self.products = {unit: torch.zeros_like(self.losses.total) for unit in inference.shares}
        self.influences = Influences(self._refitted, self._kinds[0].labels, inference.folds, n_targets, self._dtype)
        self._fold, self._fold_columns = -1, list[PieceColumns]()

    def add(self, models: Fitted) -> None:
        """Every target is in one call a fold and union."""
        if models.fold != self._fold:  # folds come one after another
            self._fold = models.fold
            self._fold_columns = [PieceColumns(models.split, kind, self._dtype) for kind in self._kinds]
            self.influences.begin(models.fold, self._fold_columns[0].test)
        test = self._fold_columns[0].test
        targets = torch.as_tensor(np.searchsorted(self._targets, models.targets), device=test.device)
        mine = {union: torch.as_tensor(positions, device=test.device) for union, positions in models.unions.items()}
        for union, at in mine.items():
            self.losses.add(union, targets[at], test, models.responses[:, at], models.predictions[:, at])
        if self._last in mine:
            at = mine[self._last]
            self.losses.add_total(targets[at], test, models.responses[:, at])
            if self._bands:
                positions = models.unions[self._last]
                for band, gain in models.band_gains(models.band_weights(positions), positions):
                    self.losses.add_part(self.products[self._bands[band]], targets[at], test, gain)
        needed = {union: at for union, at in mine.items() if union in self.gains}
        for number, (kind, fold_columns) in enumerate(zip(self._kinds, self._fold_columns, strict=True)):
            Y = kind.coefficients(models.Y.to(self._dtype), np.arange(len(models.Y)))
            if self._last in mine:
                at = mine[self._last]
                self.totals[number].add(models.fold, targets[at], Y[:, at], fold_columns, len(models.split.train))
            if needed:
                directions = fold_columns.directions(models)
                for union, some, part in _by_union(explained(models, Y, kind, fold_columns, directions), needed):
                    self.gains[union][number].add(targets[some], part)
                if number == 0:  # blocks of time
                    for union, some, e in _by_union(influence(models, kind.labels, fold_columns, directions), needed):
                        self.influences.add(union, targets[some], e)


def _by_union(
    found: Iterable[tuple[torch.Tensor, torch.Tensor]], needed: Mapping[int, torch.Tensor]
) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
    """(positions, values) of a few models at a time → union, positions and values of those that it chose."""
    for few, values in found:
        for union, at in needed.items():
            chosen = torch.isin(few, at)
            yield union, few[chosen], values[chosen]
