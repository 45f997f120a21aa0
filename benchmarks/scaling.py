"""More processes: `python -m benchmarks.scaling`.

The demo is analysed by one process and by two. What each piece of work took in one process (features, units, reports,
mean responses, the group) is read from its log. From these costs a schedule as dask's is simulated, for two workers,
where it is held against what was measured, and for up to 64 on larger studies: the demo's with 30 fMRI participants,
and one whose features and fits cost what models of true shapes cost (RESULTS.md, *Models' features* and *A study*).
Their group level is counted as the demo's five people take it. What processes share, disks and memory, is not
simulated.
"""

from __future__ import annotations

import heapq
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from benchmarks.bars import Bar, measure, run_bars

BIN = Path(sys.executable).parent
WORKERS = (1, 2, 4, 8, 16, 32, 64)
N_PARTICIPANTS = 30
FEATURES, REPORT, UNIT = 2, 1, 0  # what has more is begun first, as in `pipeline/on_cluster.py`
STORIES, MINUTES, WORDS = 4, 5.0, 800  # of the study of true shapes: stimuli, and each one's length
SPEECH_S, WORD_S, FIT_S = 13 * 60.0, 0.04, 92.0  # a minute of sound (exact windows), a word, a fit of 760 × 402
LINE = re.compile(r"(?P<at>\S+ \S+),(?P<ms>\d{3}) INFO (?P<said>.*)")
STAGES = re.compile(r"\] (?P<stem>sub-(?P<who>[^_]+)\S*): responses .*?features (?P<features>[\d.]+) s")
DONE = re.compile(r"\] (?P<stem>sub-\S+): done in")
BEGUN = re.compile(r"\] (?P<stem>sub-\S+): \d+ recordings")


# ------------------------------------------------------------------------------------------------ a schedule
@dataclass(frozen=True)
class Work:
    """A piece of work: its name, its cost in seconds, names of what must be done before, and how soon it is begun."""

    name: str
    seconds: float
    after: tuple[str, ...] = ()
    priority: int = 0


def ends_of(works: Sequence[Work], n_workers: int) -> dict[str, float]:
    """When each piece of work ends, where a free worker takes, of what can be begun, the first of the highest
    priority (list scheduling: Graham 1969, SIAM J. Appl. Math. 17).

    Parameters
    ----------
    works : what comes before in them is given out before; nothing waits for what comes later.
    n_workers : processes, each of which does one piece at a time.

    Returns
    -------
    Name → seconds from the beginning.
    """
    waiting = {one.name: len(one.after) for one in works}
    followers: dict[str, list[int]] = {}
    for number, one in enumerate(works):
        for before in one.after:
            followers.setdefault(before, []).append(number)
    ready = [(-one.priority, number) for number, one in enumerate(works) if not one.after]
    heapq.heapify(ready)
    running: list[tuple[float, int]] = []
    ends: dict[str, float] = {}
    now = 0.0
    while ready or running:
        while ready and len(running) < n_workers:
            _, number = heapq.heappop(ready)
            heapq.heappush(running, (now + works[number].seconds, number))
        now, number = heapq.heappop(running)
        ends[works[number].name] = now
        for follower in followers.get(works[number].name, ()):
            waiting[works[follower].name] -= 1
            if not waiting[works[follower].name]:
                heapq.heappush(ready, (-works[follower].priority, follower))
    return ends


@dataclass(frozen=True)
class Costs:
    """Seconds of a run's pieces.

    Parameters
    ----------
    before_s : until the first piece is begun.
    features : of each stimulus and space.
    units : (participant, seconds), features excepted.
    reports : by participant.
    group_s : mean responses, what is over participants, and its page.
    workers_s : until worker processes have begun, and have ended.
    """

    before_s: float
    features: tuple[float, ...]
    units: tuple[tuple[str, float], ...]
    reports: dict[str, float]
    group_s: float
    workers_s: float = 0.0

    @property
    def works(self) -> Iterator[Work]:
        """What is given to workers."""
        made = tuple(f"features {number}" for number in range(len(self.features)))
        for name, seconds in zip(made, self.features, strict=True):
            yield Work(name, seconds, (), FEATURES)
        for number, (_, seconds) in enumerate(self.units):
            yield Work(f"unit {number}", seconds, made, UNIT)
        for who, seconds in self.reports.items():
            own = tuple(f"unit {number}" for number, (whose, _) in enumerate(self.units) if whose == who)
            yield Work(f"report {who}", seconds, own, REPORT)

    @property
    def serial_s(self) -> float:
        """What one process does, whatever their number."""
        return self.before_s + self.group_s

    @property
    def alone_s(self) -> float:
        """In one process."""
        return self.serial_s + sum(one.seconds for one in self.works)

    def by(self, n_workers: int) -> float:
        """Seconds with so many workers."""
        return self.serial_s + self.workers_s + max(ends_of([*self.works], n_workers).values())


# ------------------------------------------------------------------------------------------------ measured
@dataclass
class _Reader:
    """A log of one process, line by line: when it began, its last line and last report were written, and its first
    unit was begun."""

    began: float = 0.0
    last: float = 0.0
    first: float = 0.0
    begun: dict[str, float] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    features: float = 0.0
    units: list[tuple[str, float]] = field(default_factory=list)
    reports: dict[str, float] = field(default_factory=dict)
    reported: float = 0.0

    def take(self, at: float, said: str) -> None:
        """A line, and when it was written."""
        self.began = self.began or at
        if begun := BEGUN.search(said):
            self.begun[begun["stem"]] = at
            self.first = self.first or at
        elif done := DONE.search(said):
            self.took[done["stem"]] = at - self.begun[done["stem"]]
        elif stages := STAGES.search(said):
            made = float(stages["features"])
            self.features += made
            self.units.append((stages["who"], self.took[stages["stem"]] - made))
        elif said.endswith(": report written"):
            self.reports[said.split(":")[0].removeprefix("sub-")] = at - self.last
            self.reported = at
        if not said.endswith(" …"):
            self.last = at


def costs_of(log: str, n_features: int) -> Costs:
    """Costs of a run's pieces, by the log of one process.

    Parameters
    ----------
    log : its lines.
    n_features : features that were made: stimuli times spaces. The log has their sum.
    """
    reader = _Reader()
    for found in map(LINE.match, log.splitlines()):
        if found:
            at = datetime.fromisoformat(found["at"]).timestamp() + int(found["ms"]) / 1000
            reader.take(at, found["said"])
    features = (reader.features / n_features,) * n_features
    before_s, group_s = reader.first - reader.began, reader.last - reader.reported
    return Costs(before_s, features, tuple(reader.units), reader.reports, group_s)


def _analysed(folder: Path, name: str, *more: str) -> tuple[float, str]:
    """Seconds of a run of the demo, and its log."""
    out = folder / name
    command = [str(BIN / "concord"), str(folder / "demo/bids"), str(out), "participant", "group"]
    command += ["--analysis", "demo", "--model-dir", str(folder / "demo/models"), "--offline", "--omp-nthreads", "1"]
    ran = measure([*command, *more], folder / f"{name}.log")
    if ran.code:
        sys.exit((folder / f"{name}.log").read_text())
    (log,) = (out / "logs").glob("*.log")
    return ran.seconds, log.read_text(encoding="utf-8")


def demo(quick: bool) -> list[Bar]:
    """One process and two, measured; and simulated, up to 64; `quick` changes nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = measure([str(BIN / "concord-tools"), "demo", str(folder / "demo")], folder / "make.log")
        if made.code:
            sys.exit((folder / "make.log").read_text())
        alone_s, log = _analysed(folder, "one")
        by_two_s, _ = _analysed(folder, "two", "--nprocs", "2")
    costs = costs_of(log, n_features=4 * 5)
    costs = replace(costs, before_s=costs.before_s + alone_s - costs.alone_s)  # Python and its imports
    foreseen_s = costs.by(2)
    print(f"one process {alone_s:.0f} s, of which {costs.serial_s:.0f} s serial; two workers {by_two_s:.0f} s")
    print(f"simulated for two workers, which begin at once: {foreseen_s:.0f} s")
    costs = replace(costs, workers_s=max(0.0, by_two_s - foreseen_s))  # they begin and end, and share a memory bus
    for title, study in (("the demo", costs), *_studies(costs)):
        _print_table(title, study)
    return [Bar("speed-up-by-two", alone_s / by_two_s, 1.3, "times", smaller_is_better=False)]


def _studies(costs: Costs) -> Iterator[tuple[str, Costs]]:
    """Larger ones."""
    people = [f"{number:02d}" for number in range(N_PARTICIPANTS)]
    bold = [(who, seconds) for who, seconds in costs.units if who in ("01", "02", "03")]
    units = tuple(
        (who, bold[(2 * number + one) % len(bold)][1]) for number, who in enumerate(people) for one in (0, 1)
    )
    report_s = sum(costs.reports.values()) / len(costs.reports)
    many = replace(costs, units=units, reports=dict.fromkeys(people, report_s))
    yield f"the demo's fMRI with {N_PARTICIPANTS} participants", many
    features = (SPEECH_S * MINUTES, WORD_S * WORDS, 5.0, 5.0, 5.0) * STORIES
    true = replace(
        many, features=features, units=tuple((who, FIT_S) for who in people), group_s=FIT_S + costs.group_s
    )
    yield f"true shapes, {N_PARTICIPANTS} participants, {STORIES} stimuli of {MINUTES:g} minutes, features made", true
    yield "the same, features there", replace(true, features=())


def _print_table(title: str, costs: Costs) -> None:
    print(f"\n{title}: {costs.alone_s:.0f} s in one process, serial {costs.serial_s / costs.alone_s:.1%}")
    for n_workers in WORKERS:
        seconds = costs.alone_s if n_workers == 1 else costs.by(n_workers)
        print(f"| {n_workers} | {seconds:.0f} s | {costs.alone_s / seconds:.1f} × | {costs.serial_s / seconds:.0%} |")


if __name__ == "__main__":
    sys.exit(run_bars({"demo": demo}))
