"""Shared subspaces that were fitted already: they follow from words alone, whoever heard them."""

from __future__ import annotations

from dataclasses import dataclass, field

from bids_app.encoding.subspace.word_bands import FittedSubspace


@dataclass
class SubspaceCache:
    """Fits by a hash of what decides them; `encoding.shared_subspace` looks them up and adds to them."""

    fits: dict[str, FittedSubspace] = field(default_factory=dict)
