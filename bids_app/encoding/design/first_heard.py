"""Stimuli that are heard again: the run and time in which each second of a stimulus was first heard.

What a brain does at one second of a stimulus is in every hearing of it, whatever the features say of it. So folds,
the purge between training and test, and the blocks that inference flips lie in this time. Where every stimulus is
heard once it is the runs' own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bids_app.encoding.design.align import SAME_S
from bids_app.records import Array, Heard


def linked(contents: Sequence[Sequence[str]]) -> list[int]:
    """One number for all members that share a content, directly or through other members; the first one's place.

    Parameters
    ----------
    contents : of each member.
    """
    group = list(range(len(contents)))
    first: dict[str, int] = {}
    for member, names in enumerate(contents):
        for name in names:
            old, new = group[member], group[first.setdefault(name, member)]
            group = [min(old, new) if value in (old, new) else value for value in group]
    return group


@dataclass(frozen=True)
class _Slot:
    """A playing, and where its stimulus was first heard: `zero_s` and `first_zero_s` are the stimulus's second 0 on
    the clocks of its own run and of the first one; `ratio`: seconds of that run to one of its own."""

    onset_s: float
    zero_s: float
    first_run: int
    first_zero_s: float
    ratio: float


class FirstHearings:
    """Where every second of every playing of some runs was first heard.

    What a run hears for the first time is moved up by what it hears again before that, so that neither leaves a gap.

    Parameters
    ----------
    playings : of each run in order.
    """

    def __init__(self, playings: Sequence[Sequence[Heard]]) -> None:
        ordered = [sorted(each, key=lambda heard: heard.onset_s) for each in playings]
        stimuli = iter(linked([heard.contents for each in ordered for heard in each]))
        first: dict[int, tuple[int, float, float]] = {}  # stimulus → run, its second 0 there, stretch
        self._slots: list[list[_Slot]] = []
        for run, each in enumerate(ordered):
            again_s, slots = 0.0, []
            for place, heard in enumerate(each):
                stimulus, zero_s = next(stimuli), heard.onset_s - heard.stretch * heard.from_s
                if stimulus in first:
                    again_s += each[place + 1].onset_s - heard.onset_s if place + 1 < len(each) else 0.0
                else:
                    first[stimulus] = run, zero_s - again_s, heard.stretch
                first_run, first_zero_s, stretch = first[stimulus]
                slots.append(_Slot(heard.onset_s, zero_s, first_run, first_zero_s, stretch / heard.stretch))
            self._slots.append(slots)

    def of(self, run: int, times_s: Array) -> tuple[Array, Array]:
        """Where each instant of a run was first heard.

        An instant belongs to the latest playing that has begun, and still does after its end: responses outlast what
        evokes them. Instants before the first playing belong to that one.

        Parameters
        ----------
        run : its number.
        times_s : (n_times,) in seconds of the run.

        Returns
        -------
        (n_times,) int runs, and (n_times,) seconds of these.
        """
        slots = self._slots[run]
        at = np.searchsorted([slot.onset_s for slot in slots], np.asarray(times_s) + SAME_S) - 1
        at = np.maximum(at, 0)
        zero_s, first_s, ratio = (
            np.array([getattr(slot, name) for slot in slots])[at] for name in ("zero_s", "first_zero_s", "ratio")
        )
        # without a change of speed a shift alone, exactly none where it is the first hearing
        first_times_s = times_s + (first_s - zero_s) + (times_s - zero_s) * (ratio - 1)
        return np.array([slot.first_run for slot in slots])[at], np.asarray(first_times_s)


def first_heard(playings: Sequence[Sequence[Heard]], runs: Array, times_s: Array) -> tuple[Array, Array]:
    """Where each row's second of its stimulus was first heard.

    Parameters
    ----------
    playings : of each run.
    runs, times_s : (n_times,) each row's run, and its time in seconds.

    Returns
    -------
    (n_times,) int runs, and (n_times,) seconds of these.
    """
    hearings = FirstHearings(playings)
    first_runs, first_times_s = np.array(runs), np.array(times_s, dtype=float)
    for run in np.unique(runs):
        own = runs == run
        first_runs[own], first_times_s[own] = hearings.of(int(run), first_times_s[own])
    return first_runs, first_times_s
