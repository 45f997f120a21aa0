"""Into how many shares of its targets a unit is cut, so that several processes fit it: by what each should take.

A share reads the unit, prepares it and decomposes all candidates, as the unit would; the unit's own process then
reads and prepares it once more, and joins what the shares have. So a unit is shared out only where processes would
have nothing else to do for long.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

REPEATED = 1.0  # a share fits its own targets for at least so many times what it does besides, as all others do
SAVED, SAVED_S = 0.1, 30.0  # of the time to the end, and seconds, that shares must save


@dataclass(frozen=True)
class UnitCost:
    """What a unit should take, in seconds of one process.

    Parameters
    ----------
    before_s : to read and prepare it: each share does so, and the unit again.
    again_s : for decompositions of candidates, which each share does.
    targets_s : for all its targets.
    most : blocks of targets, of which a share has whole ones.
    """

    before_s: float
    again_s: float
    targets_s: float
    most: int = 1

    @property
    def alone_s(self) -> float:
        """In one process."""
        return self.before_s + self.again_s + self.targets_s

    @property
    def worth(self) -> int:
        """The most shares of which none repeats more than it fits."""
        repeated_s = REPEATED * (self.before_s + self.again_s)
        return max(1, int(min(self.most, self.targets_s / repeated_s))) if repeated_s else self.most

    def share_s(self, count: int) -> float:
        """One of so many shares."""
        return self.before_s + self.again_s + self.targets_s / count


def may_pay(n_units: int, n_workers: int) -> bool:
    """Whether shares of units that take alike could save enough: with ten units a process they shorten no more than
    the last tenth. Asked before units' costs are, which takes time itself.

    Parameters
    ----------
    n_units : that are planned.
    n_workers : processes.
    """
    return n_workers > 1 and n_units * SAVED < n_workers


def share_counts(costs: Sequence[UnitCost], n_workers: int) -> list[int]:
    """Into how many shares each unit is cut; 1: into none.

    Of all units alike, or of the last ones that are too few for all processes, with which everything is foreseen to
    end first; none where that saves less than a tenth of the time, or than half a minute.

    Parameters
    ----------
    costs : of the units that will be fitted, in their order.
    n_workers : processes, each of which does one thing at a time.
    """
    whole = [1] * len(costs)
    if not costs or n_workers < 2:
        return whole
    last = len(costs) % n_workers
    some = {last, len(costs)} if len(costs) < 2 * n_workers else {last}
    worth = [one.worth for one in costs]
    tried = [
        [1] * (len(costs) - count) + [min(most, each) for each in worth[len(costs) - count :]]
        for most in range(2, min(n_workers, max(worth)) + 1)  # more give no other counts
        for count in sorted(some - {0})
    ]
    alone_s = seconds_to_end(costs, whole, n_workers)
    best = min(tried, key=lambda counts: (seconds_to_end(costs, counts, n_workers), sum(counts)), default=whole)
    saved_s = alone_s - seconds_to_end(costs, best, n_workers)
    return best if saved_s >= max(SAVED * alone_s, SAVED_S) else whole


def seconds_to_end(costs: Sequence[UnitCost], counts: Sequence[int], n_workers: int) -> float:
    """When the last unit ends, where a free process takes what was given out first: shares, each unit's own part when
    the last of its shares has ended, then units that are whole.

    Parameters
    ----------
    costs : of the units.
    counts : shares of each; 1: it is whole.
    n_workers : processes.
    """
    shared = [number for number, count in enumerate(counts) if count > 1]
    ready = [(0, number, costs[number].share_s(counts[number])) for number in shared for _ in range(counts[number])]
    ready += [(1, number, one.alone_s) for number, one in enumerate(costs) if counts[number] == 1]
    left = {number: counts[number] for number in shared}
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    now_s = 0.0
    while ready or running:
        while ready and len(running) < n_workers:
            _, number, seconds = heapq.heappop(ready)
            heapq.heappush(running, (now_s + seconds, number))
        now_s, number = heapq.heappop(running)
        if number in left:
            left[number] -= 1
            if not left[number]:
                del left[number]
                heapq.heappush(ready, (0, number, costs[number].before_s))
    return now_s
