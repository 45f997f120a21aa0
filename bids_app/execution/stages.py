"""What a unit of work is at, how much of it is done, and how long the rest should take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bids_app.durations import in_words

RESPONSES, FEATURES, PREPARED, FIT, FILES = (
    "responses",
    "features",
    "shared subspace and blocks of time",
    "fit",
    "files",
)  # stages of a unit; those within a fit are in `records.fits`
ALONE = (RESPONSES, FEATURES, FILES)  # a slow disk or model says nothing of fits, nor these of them
MEASURED = 0.02  # of a stage that must be done before it says itself how fast it is
TELLING_S, MOST_SLOWER = (
    1.0,
    4.0,
)  # shorter stages say nothing of how fast others are; nor does one say more than this


@dataclass(frozen=True)
class Stage:
    """One stage of a unit.

    Parameters
    ----------
    expected_s : seconds it should take.
    share : of it that is done, 0 to 1.
    spent_s : seconds it took so far.
    """

    expected_s: float = 0.0
    share: float = 0.0
    spent_s: float = 0.0

    def done(self, share: float, seconds: float) -> Stage:
        """The same when a further share of it was done in so many seconds."""
        return replace(self, share=min(1.0, self.share + share), spent_s=self.spent_s + seconds)


@dataclass(frozen=True)
class State:
    """What a unit is at.

    Parameters
    ----------
    stage : its name.
    share : of the whole unit, in time, that is done.
    left_s : seconds that the rest should take; None where nothing is known of it.
    """

    stage: str
    share: float
    left_s: float | None

    @property
    def line(self) -> str:
        """In words."""
        if self.left_s is None:
            return self.stage
        return f"{self.stage}, {100 * self.share:.0f} % done, about {in_words(self.left_s)} left"


def seconds_left(stages: Mapping[str, Stage], now: str = "", since_s: float = 0.0) -> float:
    """What the rest of all stages should take.

    A stage of which enough is done goes on as fast as it went; others take what was expected of them. Stages of the
    fit take so many times longer as those of it took that are long enough to tell.

    Parameters
    ----------
    stages : of a unit, by name.
    now : the one that is worked on.
    since_s : seconds since anything was told of it.
    """
    alike = {name: one for name, one in stages.items() if name not in ALONE}
    measured = [one for one in alike.values() if one.share >= MEASURED and one.expected_s >= TELLING_S]
    expected_s = sum(one.expected_s * one.share for one in measured)
    slower = sum(one.spent_s for one in measured) / expected_s if measured else 1.0
    slower = min(max(slower, 1 / MOST_SLOWER), MOST_SLOWER)
    left = {name: _left(one, slower if name in alike else 1.0) for name, one in stages.items()}
    return sum(left.values()) - min(since_s, left.get(now, 0.0))


def _left(stage: Stage, slower: float) -> float:
    if stage.share >= MEASURED:
        return stage.spent_s * (1 / stage.share - 1)
    return max(0.0, stage.expected_s * slower - stage.spent_s)


class Stages:
    """Stages of one unit of work, told of by whoever does them, in any thread.

    Parameters
    ----------
    told : takes a stage's name when it begins.
    clock : seconds.
    """

    def __init__(
        self, told: Callable[[str], object] = lambda name: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._told, self._clock = told, clock
        self._stages: dict[str, Stage] = {}
        self._now, self._since_s, self._last_told = "", clock(), ""
        self._lock = threading.RLock()

    def expect(self, seconds: Mapping[str, float]) -> None:
        """What stages should take, in seconds, by name; what is expected already of others stays."""
        with self._lock:
            for name, expected_s in seconds.items():
                self._stages[name] = replace(self._stages.get(name, Stage()), expected_s=expected_s)

    def advance(self, name: str, share: float) -> None:
        """A further share of a stage was done, since what was told of last."""
        with self._lock:
            self._now = name
            self._tell(name)
            self._spend(name, share)

    @contextmanager
    def at(self, name: str, share: float = 1.0) -> Iterator[None]:
        """Within, a stage is worked on; then such a share of it is done, and the one around it goes on."""
        with self._lock:
            around = self._now
            self._enter(name)
        try:
            yield
        finally:
            with self._lock:
                self._spend(name, share)
                self._now = around or name

    def state(self) -> State:
        """What the unit is at now."""
        with self._lock:
            since_s = self._clock() - self._since_s if self._now else 0.0
            stages, now = dict(self._stages), self._now
        spent_s = sum(one.spent_s for one in stages.values()) + since_s
        left_s = seconds_left(stages, now, since_s)
        known = any(one.expected_s for one in stages.values())
        return State(now, spent_s / max(spent_s + left_s, 1e-9), left_s if known else None)

    @property
    def spent_s(self) -> dict[str, float]:
        """Seconds that each stage took so far."""
        with self._lock:
            return {name: one.spent_s for name, one in self._stages.items() if one.spent_s}

    def _enter(self, name: str) -> None:
        """What was worked on until now was another stage, and took its time."""
        if name != self._now:
            if self._now:
                self._spend(self._now, 0.0)
            self._now, self._since_s = name, self._clock()
            self._tell(name)

    def _tell(self, name: str) -> None:
        if name != self._last_told:
            self._last_told = name
            self._told(name)

    def _spend(self, name: str, share: float) -> None:
        now_s = self._clock()
        self._stages[name] = self._stages.get(name, Stage()).done(share, now_s - self._since_s)
        self._since_s = now_s
