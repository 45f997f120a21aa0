"""Rows of events.tsv → playings: a row is not a playing, as several may name parts of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bids_app.errors import DataError
from bids_app.records import StimulusEvent

SLACK_S = 1.0  # times of events are often whole seconds
WHOLE_SHARE = 0.02  # a playing that is this near to the file's length, or within SLACK_S, is of the whole file
PATTERN_SHARE = 0.1  # … or this near, where its rows repeat those of the playing before
ADVICE = "correct the events, or say sound and onset in a recipe's table (--stimuli, --stimuli-table)"
LengthOf = Callable[[str], float | None]


@dataclass(frozen=True)
class FileRow:
    """A row of events.tsv that names a file.

    onset_s : NaN where it cannot be read. duration_s : None, to the file's end. line : of the table, the header is 1.
    precision_s : half a unit of the last digit that durations are written with.
    """

    onset_s: float
    duration_s: float | None
    stimulus_id: str
    line: int
    precision_s: float = 0.0

    @property
    def seconds(self) -> str:
        """When it is, for a reader."""
        end = f"{self.onset_s + self.duration_s:.6g} s" if self.duration_s is not None else "the file's end"
        return f"{self.onset_s:.6g} s to {end}"


@dataclass(frozen=True)
class Playings:
    """Playings in order of their onsets, and lines about them that a person should read."""

    events: tuple[StimulusEvent, ...]
    warnings: tuple[str, ...] = ()


def playings_of(rows: Sequence[FileRow], length_of: LengthOf) -> Playings:
    """What was played, from the rows that name it.

    Rows of one file are parts of one playing where they fit into the file, within a second: its first sample is at
    the first row's onset, and it is heard from there to the last row's end. A duration of None lasts to the file's
    end. A file whose rows make whole playings, one after the other, was played as often.

    Parameters
    ----------
    rows : in any order.
    length_of : stimulus id → the file's length in seconds, None where nothing says it; asked only where several rows
        name one file, or where one may reach into the next.

    Raises
    ------
    DataError : rows of one file are neither parts of one playing nor whole playings (it was paused, started anew, or
        played in part), or the length that tells is not known.
    """
    unread = [row for row in rows if not math.isfinite(row.onset_s)]
    readable: dict[str, list[FileRow]] = {}
    for row in sorted((row for row in rows if math.isfinite(row.onset_s)), key=_order):
        readable.setdefault(row.stimulus_id, []).append(row)
    events: list[StimulusEvent] = []
    lost: dict[str, list[FileRow]] = {}
    for row in unread:
        lost.setdefault(row.stimulus_id, []).append(row)
    for name, own in readable.items():
        played = _of_one_file(_distinct(own), length_of)
        _require_time_zero(played[0], own, lost.get(name, []), length_of)
        events += played
    events.sort(key=lambda event: (event.onset_s, event.stimulus_id))
    told = [f"line {row.line} of the events has no onset that can be read: {row.stimulus_id} is left out there"
            for row in unread]  # fmt: skip
    return Playings(tuple(events), (*told, *_at_once(events, length_of)))


def _order(row: FileRow) -> tuple[float, float, int]:
    """The longer of two rows that begin together comes first."""
    return row.onset_s, -(math.inf if row.duration_s is None else row.duration_s), row.line


def _distinct(rows: Sequence[FileRow]) -> list[FileRow]:
    """Rows less those that repeat another one's times."""
    return list({(row.onset_s, row.duration_s): row for row in reversed(rows)}.values())[::-1]


# --------------------------------------------------------------------------------------------------- one file
def _of_one_file(rows: list[FileRow], length_of: LengthOf) -> list[StimulusEvent]:
    """Playings of the file that all rows name; rows ascend. Raises DataError."""
    if all(_within(row, rows[0]) for row in rows[1:]):
        return [_event(rows, None)]
    name = rows[0].stimulus_id
    length_s = length_of(name)
    if length_s is None:
        what = f"{len(rows)} rows name {name} (lines {_lines(rows)}): whether they are one playing hangs on its"
        advice = f"get the sound: datalad get stimuli/{name}, or git lfs pull; or put its transcript beside it"
        raise DataError(f"{what} length, which is not known", "", advice)
    clusters, end_s = [rows[:1]], _end_s(rows[0], rows[0], length_s)
    for row in rows[1:]:
        first = clusters[-1][0]
        if _is_part(row, first, end_s, length_s):
            clusters[-1].append(row)
            end_s = max(end_s, _end_s(row, first, length_s))
        elif _is_next(row, first, end_s, length_s):
            clusters.append([row])
            end_s = _end_s(row, row, length_s)
        else:
            raise _ambiguous(rows, length_s)
    _require_whole(clusters, rows, length_s)
    _require_in_turn(clusters)
    return [_event(cluster, length_s) for cluster in clusters]


def _end_s(row: FileRow, first: FileRow, length_s: float) -> float:
    """The end of a row of a playing that begins with `first`."""
    return first.onset_s + length_s if row.duration_s is None else row.onset_s + row.duration_s


def _within(row: FileRow, whole: FileRow) -> bool:
    """Whether a row marks something within another one, whatever the file's length."""
    ends = None not in (row.duration_s, whole.duration_s)
    return ends and _end_s(row, whole, 0.0) <= _end_s(whole, whole, 0.0)


def _span_s(cluster: Sequence[FileRow], length_s: float) -> float:
    """Seconds from the first onset to the last end."""
    return max(_end_s(row, cluster[0], length_s) for row in cluster) - cluster[0].onset_s


def _is_part(row: FileRow, first: FileRow, end_s: float, length_s: float) -> bool:
    """Whether a row lies in the playing that the rows before it belong to, which last from the first one to end_s."""
    file_end_s = first.onset_s + length_s
    if row.duration_s is None:
        return row.onset_s < file_end_s - SLACK_S
    span_s = max(end_s, _end_s(row, first, length_s)) - first.onset_s
    return row.onset_s < file_end_s and span_s <= length_s + SLACK_S


def _is_next(row: FileRow, first: FileRow, end_s: float, length_s: float) -> bool:
    """Whether a row begins after the playing of the rows before it is over."""
    span_s = end_s - first.onset_s
    played_s = min(span_s, length_s) if _is_whole(span_s, length_s) else length_s
    return row.onset_s >= first.onset_s + played_s - SLACK_S


def _is_whole(span_s: float, length_s: float) -> bool:
    return abs(span_s - length_s) <= max(SLACK_S, WHOLE_SHARE * length_s)


def _require_whole(clusters: Sequence[Sequence[FileRow]], rows: Sequence[FileRow], length_s: float) -> None:
    """Of several playings each must be whole, or repeat the rows of the first. Raises DataError."""
    if len(clusters) == 1 or all(_is_whole(_span_s(cluster, length_s), length_s) for cluster in clusters):
        return
    first = _pattern(clusters[0])
    alike = all(len(cluster) == len(clusters[0]) and _near(_pattern(cluster), first) for cluster in clusters)
    if len(clusters[0]) < 2 or not alike or _span_s(clusters[0], length_s) < (1 - PATTERN_SHARE) * length_s:
        raise _ambiguous(rows, length_s)


def _pattern(cluster: Sequence[FileRow]) -> list[float]:
    """Onsets from the first on, and durations."""
    return [value for row in cluster for value in (row.onset_s - cluster[0].onset_s, row.duration_s or 0.0)]


def _near(some_s: Sequence[float], others_s: Sequence[float]) -> bool:
    return all(abs(one - other) <= SLACK_S for one, other in zip(some_s, others_s, strict=True))


def _require_in_turn(clusters: Sequence[Sequence[FileRow]]) -> None:
    """Parts of one file follow one another: where the first runs into the next, one of their onsets is wrong.

    Raises DataError. A row that lies within the first one marks something in it.
    """
    for first, second in (cluster[:2] for cluster in clusters if len(cluster) > 1):
        if first.duration_s is None or second.duration_s is None:
            continue
        over_s = first.onset_s + first.duration_s - second.onset_s
        if over_s > SLACK_S and second.duration_s > over_s + SLACK_S:
            raise DataError(
                f"parts of {first.stimulus_id} overlap by {over_s:.6g} s (line {first.line}: {first.seconds}; line "
                f"{second.line}: {second.seconds}): when the file began is not told, at {first.onset_s:.6g} s, or "
                f"{over_s:.6g} s or more before",
                "",
                ADVICE,
            )


def _ambiguous(rows: Sequence[FileRow], length_s: float) -> DataError:
    """Rows that are neither one playing nor whole ones, with what they may be."""
    name, zero_s = rows[0].stimulus_id, rows[0].onset_s
    times = "; ".join(f"line {row.line}: {row.seconds}" for row in rows[:4]) + ("; …" if len(rows) > 4 else "")
    before, after = next(
        (
            (one, other)
            for one, other in pairwise(rows)
            if not _is_part(other, one, _end_s(one, one, length_s), length_s)
        ),
        (rows[0], rows[1]),
    )
    heard_s = sum(row.duration_s or 0.0 for row in rows[: rows.index(after)])
    last_s = max(_end_s(row, rows[0], length_s) for row in rows) - zero_s
    candidates = [f"one playing from {zero_s:.6g} s on (but it would last {last_s:.6g} s)"]
    if last_s / 1000 <= length_s + SLACK_S and last_s > 100 * length_s:
        candidates.append("times in milliseconds, where BIDS has seconds")
    elif before.duration_s is not None and heard_s < length_s - SLACK_S:
        candidates.append(f"a pause, and resumption at {after.onset_s:.6g} s from {heard_s:.6g} s of the file")
    candidates.append(f"begun anew at {after.onset_s:.6g} s, or a part of it that the events do not name")
    what = f"{len(rows)} rows name {name}, which lasts {length_s:.6g} s ({times})"
    return DataError(f"{what}: they may be {', or '.join(candidates)}", "", ADVICE)


def _event(cluster: Sequence[FileRow], length_s: float | None) -> StimulusEvent:
    """The playing that rows are parts of. One that reaches the file's end has no duration of its own."""
    first = cluster[0]
    if any(row.duration_s is None for row in cluster):
        return StimulusEvent(first.onset_s, first.stimulus_id, None, len(cluster))
    span_s = _span_s(cluster, length_s or 0.0)
    last = max(cluster, key=lambda row: _end_s(row, first, 0.0))
    return StimulusEvent(first.onset_s, first.stimulus_id, span_s, len(cluster), precision_s=last.precision_s)


def _lines(rows: Sequence[FileRow]) -> str:
    numbers = [str(row.line) for row in rows]
    return ", ".join(numbers if len(numbers) < 6 else [*numbers[:4], "…", numbers[-1]])


# --------------------------------------------------------------------------------------------------- several files
def _require_time_zero(
    event: StimulusEvent, rows: Sequence[FileRow], lost: Sequence[FileRow], length_of: LengthOf
) -> None:
    """Raises DataError where a row whose onset cannot be read may be the beginning of the playing."""
    if not lost or min(row.line for row in lost) > min(row.line for row in rows):
        return
    length_s = length_of(event.stimulus_id)
    if event.duration_s is None or length_s is None or event.duration_s < length_s - SLACK_S:
        raise DataError(
            f"line {lost[0].line} of the events has no onset that can be read, and may be the beginning of "
            f"{event.stimulus_id} (line {rows[0].line}: {rows[0].seconds})",
            "",
            "give it its onset",
        )


def _at_once(events: Sequence[StimulusEvent], length_of: LengthOf) -> list[str]:
    """A line for every playing that reaches into the next one by more than a second."""
    told = []
    for event, later in pairwise(events):
        lasts_s = event.duration_s if event.duration_s is not None else length_of(event.stimulus_id)
        over_s = 0.0 if lasts_s is None else event.onset_s + lasts_s - later.onset_s
        if over_s > SLACK_S:
            until = "its event" if event.duration_s is not None else "the sound, as its event has no duration,"
            first, second = (f"{one.stimulus_id} (from {one.onset_s:.6g} s)" for one in (event, later))
            told.append(f"{first} and {second} are heard at once for {over_s:.6g} s: {until} lasts {lasts_s:.6g} s")
    return told
