"""Targets that any of several has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bids_app.records.arrays import Array
from bids_app.records.inputs.responses import Targets


class JoinedTargets:
    """Targets of several on one grid, each once, in the order in which they are met."""

    def __init__(self) -> None:
        self._row: dict[str, int] = {}
        self._several: list[Targets] = []

    def add(self, targets: Targets) -> Array:
        """The next ones'. Returns (n_targets,) int32: their rows among all."""
        known, row = len(self._row), self._row
        rows = np.array([row.setdefault(name, len(row)) for name in targets.names], dtype=np.int32)
        new = rows >= known
        index, columns = (None if one is None else np.asarray(one)[new] for one in (targets.index, targets.columns))
        self._several.append(replace(targets, names=(), index=index, columns=columns))
        return rows

    @property
    def targets(self) -> Targets:
        """All that were met; of which grid, the first says."""
        first = self._several[0]
        index, columns = (
            None if getattr(first, name) is None else np.concatenate([getattr(one, name) for one in self._several])
            for name in ("index", "columns")
        )
        return replace(first, names=tuple(self._row), index=index, columns=columns)
