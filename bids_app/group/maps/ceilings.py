"""Noise ceilings between participants on a group's targets, made participant by participant as they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from bids_app.encoding import NoiseCeiling, share
from bids_app.group.maps.side_by_side import SideBySide
from bids_app.group.statistics import Values, participant_statistics
from bids_app.records import INTER_SUBJECT, Array, ParticipantNoiseCeiling

STATS = ("ceiling", "ci025", "ci975", "share")


class CeilingsByParticipant(Mapping[str, Mapping[str, Array]]):
    """Stem of a unit → `STATS`, (n_targets,) each, NaN where there is none: a participant's noise ceiling from the
    others, its 95 % confidence interval, and the full model's share of it. Nothing is held.

    Parameters
    ----------
    side : a group, one unit a participant.
    ceilings : of participants who heard the same, all on the same targets.
    """

    def __init__(self, side: SideBySide, ceilings: Sequence[ParticipantNoiseCeiling]) -> None:
        place_of = {unit.stem: place for place, unit in enumerate(side.members)}
        self._side = side
        self._own = {one.stem: (place_of[one.stem], one) for one in ceilings if one.stem in place_of}
        row = {name: number for number, name in enumerate(side.targets.names)} if self._own else {}
        names = ceilings[0].targets.names if self._own else ()
        kept = [(row[name], number) for number, name in enumerate(names) if name in row]
        self._at, self._of = np.array(kept, dtype=int).reshape(-1, 2).T

    def __len__(self) -> int:
        return len(self._own)

    def __iter__(self) -> Iterator[str]:
        return iter(self._own)

    def __getitem__(self, stem: str) -> Mapping[str, Array]:
        place, one = self._own[stem]
        found = np.full((3, len(self._side.targets.names)), np.nan)
        for values, given in zip(found, (one.explainable, one.low, one.high), strict=True):
            values[self._at] = given[self._of]
        explainable, low, high = found
        full = self._side.one(place, ("full", "rsquared"))
        shares = share(full, NoiseCeiling(explainable, low, high, explainable))
        return dict(zip(STATS, (explainable, low, high, shares), strict=True))


def with_ceilings(values: Values, side: SideBySide, ceilings: CeilingsByParticipant) -> Values:
    """The values and, where there are noise ceilings between participants, statistics of these and of the shares.

    Parameters
    ----------
    values : component → stat → statistic → (n_targets,).
    side : the group's participants.
    ceilings : theirs.
    """
    if not ceilings:
        return values
    found: dict[str, list[dict[str, Array]]] = {"ceiling": [], "share": []}
    for some in side.blocks(2):
        tables = {stat: np.empty((len(ceilings), some.stop - some.start)) for stat in found}
        for who, stem in enumerate(ceilings):
            own = ceilings[stem]
            for stat, table in tables.items():
                table[who] = own[stat][some]
        for stat, table in tables.items():
            found[stat].append(participant_statistics(table, stat))
    joined = {
        stat: {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
        for stat, blocks in found.items()
    }
    return {**values, INTER_SUBJECT: joined}
