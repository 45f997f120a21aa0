"""Two other splits of the full model's R² beside inclusion–exclusion: one share a feature group; they sum to the full
R².

Shapley value: what a group adds to the others already in the model, averaged over all orders in which they may enter
(Shapley 1953; for R² Lindeman, Merenda & Gold 1980): linear in the unions' R². Product measure: Σ ŷ_b (2(y − ȳ) − ŷ)
over Σ (y − ȳ)², of the full fit alone (Pratt 1987).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import factorial

import numpy as np

from bids_app.records import Array, Partition, alone_of, part_of

UnionSet = frozenset[str]


def shapley_terms(groups: Sequence[str]) -> dict[str, dict[UnionSet, float]]:
    """Feature group → {union: weight}: its value is the sum of weight × R² of these unions.

    Σ over sets S of the others of |S|! (k − |S| − 1)! / k! (R²(S + group) − R²(S)), with R²(∅) = 0.
    """
    count = len(groups)
    weights: dict[str, dict[UnionSet, float]] = {}
    for group in groups:
        others = [other for other in groups if other != group]
        terms: dict[UnionSet, float] = {}
        for size in range(count):
            weight = factorial(size) * factorial(count - size - 1) / factorial(count)
            for some in combinations(others, size):
                # R²(S + group) − R²(S); the empty union has none
                terms[frozenset(some) | {group}] = weight
                if some:
                    terms[frozenset(some)] = -weight
        weights[group] = terms
    return weights


def shapley_values(rsquared: Mapping[UnionSet, Array], groups: Sequence[str]) -> dict[str, Array]:
    """Shapley value of each feature group, from R² of all unions.

    Parameters
    ----------
    rsquared : union → (n_targets,).
    groups : all feature groups.

    Returns
    -------
    Feature group → (n_targets,); over groups they sum to R² of the full union.
    """
    return {
        group: np.sum([weight * rsquared[union] for union, weight in terms.items()], axis=0)
        for group, terms in shapley_terms(groups).items()
    }


def disagreements(partition: Partition) -> tuple[str, ...]:
    """A warning for each group whose unique part or Shapley value, and product measure, have opposite signs beyond
    their intervals in some targets.
    """
    lines = []
    for group in partition.groups:
        alone = partition.values[alone_of(group).label]
        unique = partition.values[part_of(partition.groups, (group,)).label]
        if "product025" not in alone:
            continue
        product = alone["product025"], alone["product975"]
        others = {
            "unique part": (unique["ci025"], unique["ci975"]),
            "Shapley value": (alone["shapley025"], alone["shapley975"]),
        }
        for name, limits in others.items():
            count = int(_opposed(product, limits).sum())
            if count:
                lines.append(
                    f"{group}: its {name} and its product measure have opposite signs beyond their 95 % intervals in "
                    f"{count} of {int(np.isfinite(product[0]).sum())} targets: do not read its size there"
                )
    return tuple(lines)


def _opposed(first: tuple[Array, Array], second: tuple[Array, Array]) -> Array:
    """(n_targets,) bool: one interval lies above zero and the other below."""
    (low, high), (other_low, other_high) = first, second
    return np.asarray(((low > 0) & (other_high < 0)) | ((high < 0) & (other_low > 0)))
