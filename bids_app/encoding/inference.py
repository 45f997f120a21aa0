"""Every component of the partition with p, family-wise p, q and an interval, target batch by target batch.

Totals (a union's rsquared): sign flips of time blocks, refitted; where responses and predictions are too smooth for
blocks, flips of frequencies besides, and the larger p (`signflip`, `pieces`). Unique parts: one-sided flips of the
blocks' loss difference of nested unions. Shared parts: the same for the signed sum of losses, and in any case no
smaller p than for each set of the sharing spaces to add to the others alone; where there are no others, that is to
predict at all. For what two spaces share cannot be there where one of them is idle, yet plain ridge finds it there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch

from bids_app.encoding.blocks import Blocks
from bids_app.encoding.losses import BlockLosses, draw_weights, flipped_sums, interval
from bids_app.encoding.multiple import Family, fdr
from bids_app.encoding.pieces import Pieces, frequency_pieces, time_pieces
from bids_app.encoding.signflip import FlipGains, FlipTotals, OuterFold, draw_signs
from bids_app.records import Array, component_names

Union = frozenset[str]


@dataclass(frozen=True)
class Total:
    """Null hypothesis: the union predicts nothing."""

    union: Union


@dataclass(frozen=True)
class Contrast:
    """Null hypothesis: the signed sum of the unions' gains is as often below zero in a block as above."""

    terms: frozenset[tuple[Union, int]]


@dataclass(frozen=True)
class Component:
    """A signed sum of unions' rsquared, and the null hypotheses that must all fall for it to be significant."""

    terms: frozenset[tuple[Union, int]]
    tests: tuple[Total | Contrast, ...]


@dataclass(frozen=True)
class Inferred:
    """One component, (n_targets,) each: p alone, p over all targets (max-T), q (Benjamini–Hochberg over targets), and
    the 2.5 and 97.5 % limits of its value. NaN where the responses are."""

    p: Array
    p_family: Array
    q: Array
    low: Array
    high: Array


def components(units: tuple[str, ...]) -> dict[str, Component]:
    """All components of `records.component_names`, in its order."""
    whole = frozenset(units)
    totals = [whole, *(frozenset([unit]) for unit in units)]
    sets = [frozenset(chosen) for size in range(1, len(units) + 1) for chosen in combinations(units, size)]
    found = [Component(frozenset([(union, 1)]), (Total(union),)) for union in totals]
    found += [_part(whole - chosen, chosen) for chosen in sets]
    return dict(zip(component_names(units), found, strict=True))


def _part(rest: Union, chosen: Union) -> Component:
    """What exactly the units `chosen` share: Σ_{T ⊆ chosen} (−1)^{|T|+1} R²(rest ∪ T), R²(∅) = 0."""
    subsets = [frozenset(some) for size in range(len(chosen) + 1) for some in combinations(sorted(chosen), size)]
    terms = frozenset((rest | some, (-1) ** (len(some) + 1)) for some in subsets if rest | some)
    needed = [_addition(rest, some) for some in subsets if some]
    return Component(terms, (*needed, Contrast(terms)) if len(chosen) > 1 else tuple(needed))


def _addition(rest: Union, some: Union) -> Total | Contrast:
    return Contrast(frozenset([(rest | some, 1), (rest, -1)])) if rest else Total(some)


class Inference:
    """Tests and intervals of all components, batch after batch of targets.

    Signs and bootstrap weights are drawn once, from `seed`, so that families run over all batches. runs, folds
    (n_times,): each sample's run and outer fold; unions in the order of the engine, the full one last; `dtype`: the
    working type of the flips.
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
    ) -> None:
        self.unions = [frozenset(union) for union in unions]
        self.components = components(tuple(unions[-1]))
        self.warnings = blocks.warnings
        self.pieces = [time_pieces(blocks.labels, device)]
        if blocks.smooth:
            self.pieces.append(frequency_pieces(runs, folds, device))
        self.dtype = dtype
        tests = {test for component in self.components.values() for test in component.tests}
        self.tested_totals = [union for union in self.unions if Total(union) in tests]
        self._n_folds = len(np.unique(folds))
        self._signs = [self._tensor(draw_signs(pieces.count, permutations, seed)) for pieces in self.pieces]
        self._weights = self._tensor(draw_weights(blocks.count, max(permutations, 1000), seed)).double()
        self._families = {test: [Family() for _ in self._pieces_of(test)] for test in tests}
        self._limits: dict[str, list[Array]] = {name: [] for name in self.components}

    def batch(self, Y: torch.Tensor) -> Batch:
        """Begin a batch: Y (n_times, n_targets), centred within run, not by fold."""
        return Batch(self, Y)

    def add(self, batch: Batch) -> None:
        """End a batch, when all folds and unions were added to it."""
        for test, families in self._families.items():
            for family, null in zip(families, self._nulls(test, batch), strict=True):
                family.add(null)
        for name, component in self.components.items():
            contrast = batch.losses.contrast(self.coefficients(component.terms))
            limits = interval(contrast, batch.losses.total, self._weights, self._n_folds)
            self._limits[name].append(limits.cpu().numpy())

    def results(self) -> dict[str, Inferred]:
        """Of all targets, in the order in which batches were added."""
        return {name: self._inferred(name, component) for name, component in self.components.items()}

    def _inferred(self, name: str, component: Component) -> Inferred:
        found = [family.significance() for test in component.tests for family in self._families[test]]
        p = np.max([each.p for each in found], axis=0)
        p_family = np.max([each.p_family for each in found], axis=0)
        low, high = np.concatenate(self._limits[name], axis=1)
        return Inferred(p, p_family, fdr(p), low, high)

    def _pieces_of(self, test: Total | Contrast) -> list[Pieces]:
        return self.pieces if isinstance(test, Total) else self.pieces[:1]

    def _nulls(self, test: Total | Contrast, batch: Batch) -> list[torch.Tensor]:
        if isinstance(test, Total):
            return [
                gains.at(signs) / totals.at(signs)
                for signs, gains, totals in zip(self._signs, batch.gains[test.union], batch.totals, strict=True)
            ]
        return [flipped_sums(batch.losses.contrast(self.coefficients(test.terms)), self._signs[0])]

    def coefficients(self, terms: frozenset[tuple[Union, int]]) -> Array:
        """(n_unions,) of a component's or a contrast's terms."""
        signed = dict(terms)
        return np.array([signed.get(union, 0) for union in self.unions])

    def _tensor(self, values: Array) -> torch.Tensor:
        return torch.as_tensor(values, dtype=self.dtype, device=self.pieces[0].labels.device)


class Batch:
    """What is kept of a batch of targets while its folds and unions go by.

    Memory a target, in numbers of the working type: n_pieces² for each tested total and kind of pieces; in float64,
    n_blocks for each union.
    """

    def __init__(self, inference: Inference, Y: torch.Tensor) -> None:
        everything = torch.arange(len(Y), device=Y.device)
        kinds, n_targets = inference.pieces, Y.shape[1]
        self._unions = inference.unions
        self._coefficients = [pieces.coefficients(Y.to(inference.dtype), everything) for pieces in kinds]
        self.totals = [FlipTotals(pieces) for pieces in kinds]
        self.gains = {
            union: [FlipGains(pieces, n_targets, inference.dtype) for pieces in kinds]
            for union in inference.tested_totals
        }
        self.losses = BlockLosses(kinds[0].labels, kinds[0].count, len(self._unions), n_targets)

    def add_fold(self, train: torch.Tensor, test: torch.Tensor, Y_eval: torch.Tensor) -> None:
        """Once a fold: row numbers of its samples, and Y_eval (n_eval, n_targets), less the training mean."""
        self.losses.add_total(test, Y_eval)
        for totals, coefficients in zip(self.totals, self._coefficients, strict=True):
            totals.add_fold(coefficients, train, test)

    def add(self, union: int, fold: OuterFold, Y_eval: torch.Tensor, predictions: torch.Tensor) -> None:
        """Once a fold and union (by number): its models, Y_eval and predictions, less the training mean."""
        self.losses.add(union, fold.test, Y_eval, predictions)
        for gains, coefficients in zip(self.gains.get(self._unions[union], ()), self._coefficients, strict=False):
            gains.add_fold(coefficients, fold)
