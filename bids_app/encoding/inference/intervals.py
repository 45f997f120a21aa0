"""Intervals: for what the models that the outer folds fitted reach on new data.

A component's sum of gains varies for two reasons. Blocks differ in how well a given model does: the variance between
blocks shows that, with what the noise of the training blocks adds to it. And blocks err together: a model that
learned from one block's noise is tested on another, and the other way round in another fold. `influence` knows by how
much, and it is added. It is part of what each of the two blocks shows, so all of it is never more than the variance
between blocks; times n_blocks / (n_blocks − 1), as deviations from the blocks' own mean do not show what they have
in common. And only blocks that trained each other's models share an error: where a fold's models are the same with a
feature group and without it, the gains of its blocks are zero, whatever other folds' models learned from them. Where
a model predicts nothing this doubles the variance, as the factor √(1 + K/(K − 1)) of Nadeau & Bengio (2003) does;
where it predicts much it adds little, as in cross-validation's central limit theorem (Bayle et al. 2020, NeurIPS).

A few blocks decide where a signal is weak or comes in bursts, and where two models are the same in some folds. The
variance of n_blocks deviations of kurtosis κ is known as well as a normal one's of 2 n_blocks / (κ − 1) degrees of
freedom (two moments matched, as Satterthwaite does): Student's t has so many. `python -m benchmarks.recovery` has the
coverage.
"""

from __future__ import annotations

import torch
from scipy.special import stdtrit

UPPER = 0.975


def interval(
    contrast: torch.Tensor, total: torch.Tensor, influences: tuple[torch.Tensor, torch.Tensor] | None = None
) -> torch.Tensor:
    """95 % confidence interval of Σ contrast / Σ total, by Student's t.

    Parameters
    ----------
    contrast, total : (n_blocks, n_targets) sums by block.
    influences : `Influences.of` the contrast, (n_targets,) each: over all pairs of blocks, and over those that
        trained each other's models. The first counts up to the variance between blocks, the most it can be; where
        influences are not known, that is what counts, for all pairs.

    Returns
    -------
    (2, n_targets) the lower and the upper end; NaN for a single block.
    """
    n_blocks, denominator = len(contrast), total.sum(dim=0)
    estimate = contrast.sum(dim=0) / denominator
    # deviations of blocks from the ratio, as a ratio estimator has them
    squares = (contrast - estimate * total).square()
    between = squares.sum(dim=0) * (n_blocks / max(n_blocks - 1, 1))
    together = between
    if influences is not None:
        all_pairs, mutual = influences
        together = torch.minimum(between, all_pairs) * torch.nan_to_num(mutual / all_pairs)
    if n_blocks == 1:
        between = torch.full_like(between, torch.nan)
    lost = n_blocks / max(n_blocks - 1, 1)  # of what blocks have in common, by taking them about their mean
    half = _quantile(squares) * (between + lost * together).sqrt() / denominator
    return torch.stack([estimate - half, estimate + half])


def _quantile(squares: torch.Tensor) -> torch.Tensor:
    """Student's t for squared deviations (n_blocks, n_targets): (n_targets,), by degrees of freedom between 1 and
    n_blocks − 1 that follow from their kurtosis."""
    n_blocks = len(squares)
    kurtosis = n_blocks * squares.square().sum(dim=0) / squares.sum(dim=0).square()
    # blocks that do not deviate at all have no kurtosis: as many degrees of freedom as there are blocks
    freedom = torch.nan_to_num(2 * n_blocks / (kurtosis - 1), nan=n_blocks, posinf=n_blocks)
    bounded = freedom.clamp(1, max(n_blocks - 1, 1)).cpu().numpy()
    return torch.as_tensor(stdtrit(bounded, UPPER), dtype=squares.dtype, device=squares.device)
