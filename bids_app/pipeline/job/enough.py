"""Whether a unit has rows enough for the folds that the analysis asks for, by its recordings' alignment alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from bids_app.errors import DataError
from bids_app.records import Alignment, DesignSpec, FitSpec, Recording

BLOCKS = 5  # contiguous blocks where runs alone make no folds; as encoding/design/folds.py has it
PERIODS = 4  # the reach of resampling, and a response's correlation with itself of one sample at least
EDGE_S = 0.5  # more than any rounding of what is heard
PUBLISHED, FEWEST_OF_PUBLISHED = "chen2024", 50  # the solver with folds of its own, and the fewest rows that it takes
HINT = "record longer, or ask for fewer folds: fit: outer, inner"


def require_enough(
    recordings: Sequence[Recording], alignments: Mapping[str, Alignment], design: DesignSpec, fit: FitSpec, stem: str
) -> None:
    """Make sure that outer and inner folds may be made of a unit's rows.

    Of these no more is known than the most that there can be: what is refused here no response could save, and what
    is not may still be too few once samples are left out.

    Parameters
    ----------
    recordings : that are fitted together.
    alignments : recording label → how its times agree.
    design : delays or windows, and samples left out.
    fit : outer and inner folds.
    stem : name of the unit, for the message.

    Raises
    ------
    DataError : there cannot be rows enough.
    """
    groups, rows = dict[int, int](), dict[str, int]()
    for group, recording in zip(linked(recordings), recordings, strict=True):
        account = alignments.get(recording.label)
        if account is None:
            return
        rows[recording.label] = _most_rows(recording, account, design)
        if rows[recording.label]:  # one without rows is left out as it is read, and says why
            groups[group] = groups.get(group, 0) + rows[recording.label]
    n_runs, sizes = sum(map(bool, rows.values())), list(groups.values())
    if not sizes:
        return
    _require_folds(sizes, n_runs, fit, stem)
    if n_runs == 1 and design.epoch is None and fit.solver != PUBLISHED:
        _require_room(sizes[0], 1 / recordings[0].rate_hz, design, stem)


def _require_folds(sizes: Sequence[int], n_runs: int, fit: FitSpec, stem: str) -> None:
    """Raises DataError where groups of recordings with these rows, that share no stimulus, make no folds."""
    total, by_group = sum(sizes), len(sizes) > 1 and (fit.outer == "by_run" or len(sizes) < n_runs)
    largest = max(sizes) if by_group else _require_blocks(total, fit.outer, stem)
    if fit.solver == PUBLISHED:
        if total < FEWEST_OF_PUBLISHED:
            raise DataError(f"{total} rows are too few for 5 folds and their validation", stem, "record longer")
        return
    in_training = len(sizes) - 1 if by_group else len(sizes)
    if in_training == 1 or (fit.inner != "by_run" and len(sizes) == n_runs):
        _require_blocks(total - largest, fit.inner, stem)


def _require_room(n_rows: int, period_s: float, design: DesignSpec, stem: str) -> None:
    """Raises DataError where no two samples of a single run are so far apart that one may train and one test."""
    least_s = design.delays_s[-1] + PERIODS * period_s
    if n_rows * period_s <= least_s:
        raise DataError(f"purging {least_s:.0f} s leaves no training samples", stem, HINT)


def _require_blocks(n_rows: int, folds: str | int, stem: str) -> int:
    """Rows of the largest of contiguous blocks. Raises DataError where there are too few rows for them."""
    count = BLOCKS if folds == "by_run" else int(folds)
    if n_rows < 2 * count:
        raise DataError(f"{n_rows} samples are too few for {count} folds", stem, HINT)
    return -(-n_rows // count)


def _most_rows(recording: Recording, account: Alignment, design: DesignSpec) -> int:
    """The most rows that a recording can have: words, or samples that a stimulus is heard in or within the longest
    delay."""
    if design.epoch is not None:
        return sum(one.n_words for one in account.playings)
    period_s, most = 1 / recording.rate_hz, _samples(account)
    begin_s, end_s = account.start.seconds, account.start.seconds + most * period_s
    spans = []
    for one in account.playings:
        known = [seconds for seconds in (one.event_s, one.file_s) if seconds] or [one.transcript_s or math.inf]
        lasts_s = min(known) + one.precision_s + EDGE_S + design.delays_s[-1]
        spans.append((max(one.onset_s, begin_s), min(one.onset_s + lasts_s, end_s)))
    heard = sum(max(0, math.floor((stop - start) / period_s) + 1) for start, stop in _joined(spans))
    return int(min(heard, most))


def _samples(account: Alignment) -> int:
    """Of the scan, as the response is placed on its grid."""
    own = next((one.n_samples for one in account.extents if one.source == "derivative"), None)
    scan = account.dropped.n_scan if account.dropped is not None else 0
    return max(own, scan) if own is not None else 2**62


def _joined(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Spans without what several have in common."""
    joined: list[tuple[float, float]] = []
    for start, stop in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(stop, joined[-1][1])
        elif stop > start:
            joined.append((start, stop))
    return joined


def linked(recordings: Sequence[Recording]) -> list[int]:
    """One number for all recordings that share a stimulus, directly or through others.

    Parameters
    ----------
    recordings : of a unit.

    Returns
    -------
    (n_recordings,) a number each.
    """
    group, first = list(range(len(recordings))), dict[str, int]()
    for member, recording in enumerate(recordings):
        for name in (name for event in recording.stimuli for name in event.contents):
            old, new = group[member], group[first.setdefault(name, member)]
            group = [min(old, new) if one in (old, new) else one for one in group]
    return group
