"""Intervals: for what the models that the outer folds fitted reach on new data.

A component's sum of gains varies for two reasons, to the first order of the noise and to the second. Blocks differ in
how well a given model does: the variance between blocks shows that. And what one block's noise teaches is tested on
another block's, and the other way round, in different folds. Every pair of blocks is met twice so, yet each meeting
is counted in one block alone, so the variance between blocks shows half of that: it is all there is where nothing is
predicted, and little where much is. But how much a pair matters is known from tests that refit (`signflip`): the gain
is a quadratic form s'E s in the blocks' signs, and what of E_ij + E_ji no sum of two blocks' own effects accounts for
is their interaction. Half its sum of squares is missing as long as the penalties stay as they are. But they were
chosen from the same noise, which adds in the same way and which no refit shows: so the whole sum is added, and never
more than the blocks show. Cross-validation's own central limit theorem (Bayle et al. 2020, NeurIPS) is the case
without it; the factor of Nadeau & Bengio (2003), √(1 + K/(K − 1)), is right where nothing is predicted, and too wide
elsewhere.

A few blocks decide where a signal is weak or comes in bursts. The variance of n_blocks deviations of kurtosis κ is
known as well as a normal one's of 2 n_blocks / (κ − 1) degrees of freedom (two moments matched, as Satterthwaite
does): Student's t has so many. `python -m benchmarks.recovery` has the coverage.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from scipy.special import stdtrit

from bids_app.records import Array

UPPER = 0.975
FEWEST_FOR_PAIRS = 4  # blocks: with fewer, sums of two blocks' effects account for any pairs
ELEMENTS_AT_ONCE = 2**22  # of all unions' pairs, in float64


def interval(contrast: torch.Tensor, total: torch.Tensor, interaction: torch.Tensor | None = None) -> torch.Tensor:
    """2.5 and 97.5 % limits (2, n_targets) of Σ contrast / Σ total, both (n_blocks, n_targets), by Student's t.

    interaction (n_targets,): of pairs of blocks (`Interactions.of`), in the units of the contrast's square; it counts
    up to what the blocks show, the most it can be, and where it is not known by as much. NaN for a single block.
    """
    n_blocks, whole = len(contrast), total.sum(dim=0)
    estimate = contrast.sum(dim=0) / whole
    squares = (contrast - estimate * total).square()
    between = squares.sum(dim=0) * (n_blocks / max(n_blocks - 1, 1))
    added = between if interaction is None else torch.minimum(between, interaction)
    if n_blocks == 1:
        between = torch.full_like(between, torch.nan)
    half = _quantile(squares) * (between + added).sqrt() / whole
    return torch.stack([estimate - half, estimate + half])


def _quantile(squares: torch.Tensor) -> torch.Tensor:
    """Student's t for squared deviations (n_blocks, n_targets): (n_targets,), by degrees of freedom between 1 and
    n_blocks − 1 that follow from their kurtosis."""
    n_blocks = len(squares)
    kurtosis = n_blocks * squares.square().sum(dim=0) / squares.sum(dim=0).square()
    freedom = torch.nan_to_num(2 * n_blocks / (kurtosis - 1), nan=n_blocks, posinf=n_blocks)
    bounded = freedom.clamp(1, max(n_blocks - 1, 1)).cpu().numpy()
    return torch.as_tensor(stdtrit(bounded, UPPER), dtype=squares.dtype, device=squares.device)


class Interactions:
    """Of pairs of blocks in the gains of several unions, for a batch of targets.

    pairs: E_ij + E_ji (n_targets, n_blocks · (n_blocks − 1) / 2) of every union, i < j, as `signflip.FlipGains` holds
    them. At least four blocks.
    """

    def __init__(self, pairs: Sequence[torch.Tensor], n_blocks: int) -> None:
        at_once = max(1, ELEMENTS_AT_ONCE // (len(pairs) * n_blocks**2))
        parts = zip(*(torch.split(one, at_once) for one in pairs), strict=True)
        n_pairs = pairs[0].shape[1]
        taken_up = n_pairs / (n_pairs - n_blocks)  # by the blocks' own effects
        self._products = taken_up * torch.cat([_products(torch.stack(part).double(), n_blocks) for part in parts])

    def of(self, coefficients: Array) -> torch.Tensor:
        """(n_targets,) of a signed sum of the unions' gains, coefficients (n_unions,)."""
        signed = torch.as_tensor(coefficients, dtype=torch.float64, device=self._products.device)
        return torch.einsum("u,tuv,v->t", signed, self._products, signed).clamp_min(0.0)


def _products(pairs: torch.Tensor, n_blocks: int) -> torch.Tensor:
    """pairs (n_unions, n_targets, n_pairs) → (n_targets, n_unions, n_unions): Σ over pairs of the products of two
    unions' interactions, which are the pairs less their best fit by a constant and an effect of each block."""
    i, j = torch.triu_indices(n_blocks, n_blocks, offset=1, device=pairs.device)
    sums = pairs.new_zeros((*pairs.shape[:2], n_blocks)).index_add_(2, i, pairs).index_add_(2, j, pairs)
    mean = pairs.mean(dim=2, keepdim=True)
    effects = (sums - (n_blocks - 1) * mean) / (n_blocks - 2)
    apart = (pairs - mean - effects[:, :, i] - effects[:, :, j]).transpose(0, 1)
    return apart @ apart.mT
