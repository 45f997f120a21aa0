"""What must not be so for a component to be significant: null hypotheses about unions of feature groups."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.records import Component, subsets

UnionSet = frozenset[str]


@dataclass(frozen=True)
class Total:
    """Null hypothesis: a union predicts nothing.

    Parameters
    ----------
    union : its feature groups.
    """

    union: UnionSet


@dataclass(frozen=True)
class Contrast:
    """Null hypothesis: a signed sum of unions' gains is as often below zero in a block as above.

    Parameters
    ----------
    terms : (union, sign), ….
    """

    terms: frozenset[tuple[UnionSet, int]]

    @property
    def nested(self) -> tuple[UnionSet, UnionSet] | None:
        """The smaller and the larger union, where the sum is what the larger one gains over a smaller one within."""
        signed = sorted(self.terms, key=lambda term: term[1])
        if [sign for _, sign in signed] != [-1, 1]:
            return None
        (small, _), (large, _) = signed
        return (small, large) if small < large else None


def null_hypotheses(component: Component) -> tuple[Total | Contrast, ...]:
    """The null hypotheses that must all fall for a component to be significant.

    Of a total: its union predicts nothing. Of a difference: the larger model is no better, and, of nested ones,
    predicts nothing. Of a shared part: each set of the sharing groups adds nothing to the others, and the signed sum
    itself. Of any part: the full model predicts nothing, for where nothing is explained no part of it is.

    Parameters
    ----------
    component : of a partition or of none.

    Returns
    -------
    The largest of whose p is the component's p.
    """
    if component.is_total:
        return (Total(frozenset(component.terms[0][0])),)
    contrast = Contrast(frozenset((frozenset(union), sign) for union, sign in component.terms))
    if not component.is_part:
        return (contrast,) if contrast.nested is None else (contrast, Total(contrast.nested[1]))
    chosen = sorted(component.groups)
    everyone: UnionSet = frozenset().union(*(union for union, _ in component.terms))
    rest = everyone - frozenset(chosen)
    needed = [_addition(rest, frozenset(some)) for some in subsets(chosen)]
    needed += [contrast] if len(chosen) > 1 else []
    return tuple(dict.fromkeys([*needed, Total(everyone)]))


def _addition(rest: UnionSet, some: UnionSet) -> Total | Contrast:
    return Contrast(frozenset([(rest | some, 1), (rest, -1)])) if rest else Total(some)
