"""Rows of words on one clock: whether their times begin anew, as those that count from each utterance's start do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.errors import DataError
from bids_app.records import Array

LEAST_ROWS = 6
NEAR_START = 0.1  # of all the time that rows cover: a row that early may begin an utterance
OVERLAP_SHARE = 0.3  # of words spoken while another is: people in a dialogue stay below
MANY, SHORT = 3, 40  # times that begin anew as often, within as few rows, are of utterances, whatever overlaps

Row = tuple[float, float, str]


def begins_anew(rows: Sequence[Row]) -> list[int]:
    """Numbers of the rows at which times go back to their beginning, as the file has them; none on one clock.

    Rows of several speakers, one after the other, go back as well. Theirs rarely overlap, while rows that count from
    each utterance's beginning lie on one another.

    Parameters
    ----------
    rows : (start, end, text) in any unit, in the order of the file.
    """
    times = np.array([row[:2] for row in rows], dtype=float).reshape(-1, 2)
    timed = np.flatnonzero(np.isfinite(times).all(axis=1))
    if len(timed) < LEAST_ROWS:
        return []
    starts, ends = times[timed].T
    word = float(np.median(np.abs(ends - starts)))
    early = starts.min() + max(3 * word, NEAR_START * (ends.max() - starts.min()))
    back = 1 + np.flatnonzero((np.diff(starts) < -word) & (starts[1:] <= early))
    often = len(back) >= MANY and len(timed) < SHORT * (len(back) + 1)
    return timed[back].tolist() if len(back) and (often or _overlap_share(starts, ends) > OVERLAP_SHARE) else []


def _overlap_share(starts: Array, ends: Array) -> float:
    """The share of rows whose middle lies within another one."""
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], ends[order]
    middles = (starts + ends) / 2
    before = np.maximum.accumulate(ends)[:-1] > middles[1:]
    after = starts[1:] < middles[:-1]
    return float(np.mean(np.append(after, False) | np.append(False, before)))


def require_one_clock(rows: Sequence[Row]) -> None:
    """Raises DataError where times begin anew, utterance by utterance."""
    if anew := begins_anew(rows):
        first = f"first at row {anew[0] + 1}, '{rows[anew[0]][2][:20]}'"
        raise DataError(
            f"times begin anew {len(anew)} times ({first}): they count from each utterance's beginning, or are of "
            "several speakers at once",
            "",
            "give the utterance's beginning in a column utterance_start, or times from the beginning of the sound",
        )
