"""Every component of the partition with p, family-wise p, q and an interval, target batch by target batch.

Totals (a union's rsquared): sign flips of time blocks, refitted; where responses and predictions are too smooth for
blocks, flips of frequencies besides, and the larger p (`sign_flips`, `flip_units`).

Unique parts, and whatever compares nested unions: flips of what the smaller union leaves, both refitted
(`residual_flips`), and flips of the blocks' loss difference (`block_losses`); the larger p. Each guards against what
the other misses: refits keep the penalties that were chosen on the data as they are, and a loss difference does not
know that folds taught one another.

Shared parts: flips of the signed sum of losses, widened by what folds taught one another, and in any case no smaller
p than for each set of the sharing spaces to add to the others alone; where there are no others, that is to predict at
all. For what two spaces share cannot be there where one of them is idle, yet plain ridge finds it there.

No part has a smaller p than the full model: where nothing is explained, nothing is a part of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch

from bids_app.encoding.design.nuisance import samples_left
from bids_app.encoding.inference.block_losses import BlockShares, flipped_sums
from bids_app.encoding.inference.blocks import Blocks
from bids_app.encoding.inference.flips.flip_units import frequency_flip_units, time_flip_units
from bids_app.encoding.inference.flips.sign_flips import n_codes
from bids_app.encoding.inference.flips.signs import Signs
from bids_app.encoding.inference.intervals import interval
from bids_app.encoding.inference.multiple_testing import MaxTNull, NullSummary, fdr, summarise
from bids_app.encoding.inference.null_hypotheses import Contrast, Total, UnionSet, null_hypotheses
from bids_app.encoding.inference.tested_batch import TestedBatch
from bids_app.encoding.partition.shapley import shapley_terms
from bids_app.encoding.ridge.batches import pieces
from bids_app.encoding.ridge.fitted import Fitted, Observer, Residuals
from bids_app.encoding.ridge.splits import Split
from bids_app.encoding.side_by_side import side_by_side, workers
from bids_app.records import Array, Component, Design, Inferred, partition_components

TESTED_AT_ONCE = {"cpu": 2**16, "cuda": 2**23}  # numbers of a null distribution: near the cache, or enough for a GPU
LEAST_TESTED = 4.3  # equal blocks: of fewer, 2^4.3 = 20 sign vectors, no p is below .05


@dataclass(frozen=True)
class Flips:
    """How signs are drawn, and the arithmetic of the flips.

    Parameters
    ----------
    permutations : sign vectors beside the data as they are, at least, where there are so many (`signs`).
    seed : of the draws; the same signs for all batches and components, so that families run over all of them.
    device : of the tensors, that of the fit.
    dtype : working type of the flips.
    """

    permutations: int = 1000
    seed: int = 0
    device: str = "cpu"
    dtype: torch.dtype = torch.float32


DEFAULT_FLIPS = Flips()


class Inference(Observer):
    """Tests and intervals of all components, batch after batch of targets, in the stream of a fit.

    Memory a target: for each union in question and kind of flip units those of `FlipGains`, and those of
    `ResidualFlips`.

    Parameters
    ----------
    unions : of the fit, the full one last.
    blocks : of time, which change their sign as wholes.
    design : that is fitted; its responses centred within run, not by fold.
    flips : signs and arithmetic.
    components : those to test; None: those of the partition of the full union's feature groups.
    bands : feature group → numbers of its bands, for intervals of the product measure.
    """

    def __init__(
        self,
        unions: Sequence[tuple[str, ...]],
        blocks: Blocks,
        design: Design,
        flips: Flips = DEFAULT_FLIPS,
        components: Sequence[Component] | None = None,
        bands: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        self.unions = [frozenset(union) for union in unions]
        groups, device = tuple(unions[-1]), flips.device
        # labels are keys of results; what is tested are records
        tested = partition_components(groups) if components is None else components
        self.components = {component.label: component for component in tested}
        self.tests = {label: null_hypotheses(component) for label, component in self.components.items()}
        self.shares = shapley_terms(groups) if components is None and len(groups) > 1 else {}
        self.bands = {number: group for group in self.shares for number in (bands or {}).get(group, ())}
        self.flip_units = [time_flip_units(blocks.labels, device)]
        if blocks.smooth:
            first_heard = design.first_runs, design.first_times_s
            self.flip_units.append(frequency_flip_units(design.runs, design.folds, device, first_heard))
        self.dtype = flips.dtype
        self.folds = torch.as_tensor(np.unique(design.folds, return_inverse=True)[1], device=device)
        self.n_folds = int(self.folds.max()) + 1
        every = np.ones(len(design.runs), dtype=bool)
        self.share_left = samples_left(design, every) / len(every)  # by cleaning: it is as if blocks were fewer
        self.signs = [
            Signs.draw(kind.count, flips.permutations, flips.seed, flips.dtype, device) for kind in self.flip_units
        ]
        tests = {test for each in self.tests.values() for test in each}
        needed = {frozenset(union) for component in self.components.values() for union, _ in component.terms}
        needed |= {union for terms in self.shares.values() for union in terms}
        nested = [test.nested for test in tests if isinstance(test, Contrast) and test.nested is not None]
        pairs = sorted((self.unions.index(small), self.unions.index(large)) for small, large in nested)
        self.refitted = [number for number, union in enumerate(self.unions) if union in needed]
        # of each smaller union the larger ones that are tested against it
        self.additions = {small: [large for one, large in pairs if one == small] for small, _ in pairs}
        self.foreseen = frozenset(self.additions)
        # a hypothesis that several components share is tested once
        self._families = {test: [MaxTNull() for _ in range(self._n_nulls(test))] for test in tests}
        stats = ("shapley", "product") if self.bands else ("shapley",)
        keys: list[str | tuple[str, str]] = [*self.components]
        keys += [(group, stat) for group in self.shares for stat in stats]
        self._intervals: dict[str | tuple[str, str], list[Array]] = {key: [] for key in keys}
        self._targets: list[Array] = []
        self._shares_of_blocks = BlockShares()
        # bytes that a target takes: pairs of flip units, totals of folds, and a fold's influences, all of `dtype`
        of_codes = [n_codes(each) for each in self.signs]
        numbers = sum(
            codes + 2 * self.n_folds * kind.count / len(unions)
            for codes, kind in zip(of_codes, self.flip_units, strict=True)
        )
        numbers += blocks.count**2 / self.n_folds
        self.cell_bytes = 2 * len(self.flip_units) * self.dtype.itemsize
        sums = (len(unions) + len(self.shares)) * blocks.count
        sums += self.n_folds**2 * (len(self.refitted) * (len(self.refitted) + 1) // 2)
        again = (len(pairs) + len(self.additions)) * n_codes(self.signs[0].with_kept)
        # responses in pieces, and what smaller unions leave of them
        lengths = [len(kind.pieces.units) * kind.pieces.length for kind in self.flip_units]
        again += sum(lengths) + len(self.additions) * lengths[0]
        self.target_bytes = int((len(self.refitted) * numbers + again) * self.dtype.itemsize + 8 * sums)

    def begin(self, targets: Array, responses: Sequence[torch.Tensor]) -> None:
        """See Observer.

        Parameters
        ----------
        targets : of the batch.
        responses : of its blocks.
        """
        self._batch = TestedBatch(self, responses)
        self._targets.append(targets)

    def foresee(self, split: Split, residuals: Residuals) -> None:
        """See Observer.

        Parameters
        ----------
        split : rows of the outer fold.
        residuals : of some models.
        """
        self._batch.added.foresee(split, residuals)

    def begin_fold(self, fold: int, split: Split) -> None:
        """See Observer.

        Parameters
        ----------
        fold : place of the outer fold among all, from 0.
        split : its rows.
        """
        self._batch.begin_fold(fold, split)

    def fitted(self, models: Fitted) -> None:
        """See Observer."""
        self._batch.add(models)

    def end_fold(self) -> None:
        """See Observer."""
        self._batch.end_fold()

    def end(self) -> None:
        """See Observer."""
        batch = self._batch
        for block in pieces(batch.blocks, batch.n_targets):
            self._shares_of_blocks.add(int(self._targets[-1][block.start]), batch.left[:, block])
        n_vectors = 2 ** max(each.n_bits for each in self.signs)
        step = 2 ** int(math.log2(max(1, TESTED_AT_ONCE[batch.left.device.type] // n_vectors)))
        parts = pieces(batch.blocks, step)

        def nulls(some: slice) -> list[list[NullSummary]]:
            """Of every hypothesis, of some targets."""
            totals = [each.at(flips, some) for each, flips in zip(batch.totals, self.signs, strict=True)]
            return [list(map(summarise, self._nulls(test, totals, some))) for test in self._families]

        n_workers = workers(batch.left.device, rows=0)
        for made in side_by_side(nulls, parts, n_workers):
            for families, summaries in zip(self._families.values(), made, strict=True):
                for family, summary in zip(families, summaries, strict=True):
                    family.add(summary)
        for intervals in side_by_side(self._intervals_of, parts, n_workers):
            for key, ends in intervals.items():
                self._intervals[key].append(ends)
        del self._batch

    def kept(self, targets: Array) -> dict[str, Array]:
        """See Observer: what decides p of every family of tests, ends of intervals, and which blocks decide."""
        sums = self._shares_of_blocks.sums
        found = {"firsts": np.array([*sums]), "left": np.stack([*sums.values()])}
        for number, family in enumerate(chain.from_iterable(self._families.values())):
            found |= {f"{name}{number}": values for name, values in vars(family.summary()).items()}
        return found | {
            f"interval{number}": np.concatenate(ends, axis=1) for number, ends in enumerate(self._intervals.values())
        }

    def take(self, targets: Array, kept: Mapping[str, Array]) -> None:
        """See Observer."""
        self._targets.append(targets)
        self._shares_of_blocks.sums |= dict(zip(kept["firsts"].tolist(), kept["left"], strict=True))
        for number, family in enumerate(chain.from_iterable(self._families.values())):
            family.add(NullSummary(*(kept[f"{name}{number}"] for name in ("largest", "p", "scores"))))
        for number, ends in enumerate(self._intervals.values()):
            ends.append(kept[f"interval{number}"])

    def _intervals_of(self, targets: slice) -> dict[str | tuple[str, str], Array]:
        """(2, n) of all components, by label, and shares, by group and stat, of some targets of the batch."""
        intervals: dict[str | tuple[str, str], Array] = {
            label: self._interval(self._coefficients(component), targets)
            for label, component in self.components.items()
        }
        for group, terms in self.shares.items():
            intervals[group, "shapley"] = self._interval(self._weighted(terms), targets)
            if self.bands:
                product, total = self._batch.products[group], self._batch.losses.total
                intervals[group, "product"] = interval(product[:, targets], total[:, targets]).cpu().numpy()
        return intervals

    def _interval(self, signed: Array, targets: slice) -> Array:
        """Interval (2, n) of a signed sum of unions (n_unions,), of some targets of the batch."""
        losses, influences = self._batch.losses, self._batch.influences.of(signed[self.refitted], targets)
        return np.asarray(interval(losses.contrast(signed, targets), losses.total[:, targets], influences).cpu())

    @property
    def effective_blocks(self) -> float:
        """How many equal blocks the blocks count as, by what the full model leaves of all targets met, and by the
        samples that cleaning has left."""
        return self.share_left * self._shares_of_blocks.effective

    def results(self, n_targets: int) -> dict[str, Inferred]:
        """Label → p and interval of all n_targets of the design, NaN for those not met.

        p is NaN too where so few blocks decide that none could be below .05.
        """
        return {label: self._inferred(label, n_targets) for label in self.components}

    def share_intervals(self, n_targets: int) -> dict[tuple[str, str], Array]:
        """(feature group, 'shapley' or 'product') → its 95 % confidence interval (2, n_targets)."""
        intervals = {}
        for share, batches in self._intervals.items():
            if not isinstance(share, str):
                intervals[share] = np.full((2, n_targets), np.nan)
                intervals[share][:, np.concatenate(self._targets)] = np.concatenate(batches, axis=1)
        return intervals

    def _inferred(self, label: str, n_targets: int) -> Inferred:
        """The largest p of all null hypotheses that must fall."""
        significances = [family.significance() for test in self.tests[label] for family in self._families[test]]
        p = np.max([each.p for each in significances], axis=0)
        p_family = np.max([each.p_family for each in significances], axis=0)
        stats = np.full((5, n_targets), np.nan)
        stats[:, np.concatenate(self._targets)] = p, p_family, fdr(p), *np.concatenate(self._intervals[label], axis=1)
        if self.effective_blocks < LEAST_TESTED:
            stats[:3] = np.nan
        return Inferred(*stats)

    def _n_nulls(self, test: Total | Contrast) -> int:
        nested = not isinstance(test, Total) and test.nested is not None
        return len(self.flip_units) if isinstance(test, Total) else 1 + nested

    def _nulls(self, test: Total | Contrast, totals: Sequence[torch.Tensor], targets: slice) -> list[torch.Tensor]:
        """As many as `_n_nulls` says, (n_vectors, n) each, of some targets of the batch; `totals` are those of each
        kind of flips."""
        if isinstance(test, Total):
            return self._total_nulls(test, totals, targets)
        return self._contrast_nulls(test, targets)

    def _total_nulls(self, test: Total, totals: Sequence[torch.Tensor], targets: slice) -> list[torch.Tensor]:
        """(n_vectors, n) of each kind of flips, of some targets of the batch."""
        models = self._batch.models_of(self.unions.index(test.union), targets)
        return [gains.at(models) / total for gains, total in zip(self._batch.gains, totals, strict=True)]

    def _contrast_nulls(self, test: Contrast, targets: slice) -> list[torch.Tensor]:
        """The same of flips of blocks."""
        batch, coefficients, signs = self._batch, self._coefficients(test), self.signs[0]
        contrast = batch.losses.tested(coefficients, targets)
        if test.nested is None:
            all_pairs, _ = batch.influences.of(coefficients[self.refitted], targets)
            return [flipped_sums(contrast, signs.vectors, all_pairs)]
        small, large = (self.unions.index(union) for union in test.nested)
        null = batch.added.null((small, large), targets)
        null[0] = contrast.sum(dim=0)  # as it was observed
        # the same model with and without the space, in all folds: nothing but rounding is left of any flip
        null[:, (contrast == 0).all(dim=0)] = 0.0
        return [null, flipped_sums(contrast, signs.vectors)]

    def _coefficients(self, signed: Component | Contrast) -> Array:
        """(n_unions,) of its terms."""
        return self._weighted({frozenset(union): sign for union, sign in signed.terms})

    def _weighted(self, terms: Mapping[UnionSet, float]) -> Array:
        return np.array([terms.get(union, 0) for union in self.unions])
