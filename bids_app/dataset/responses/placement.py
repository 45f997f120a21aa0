"""Which samples of a scan the rows of a response are: volumes that a pipeline dropped leave holes, never a shift."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bids_app.errors import DataError
from bids_app.records import Array

FIRST_ONES = re.compile(r"steady|dummy", re.IGNORECASE)
SAY_WHICH = "add <run>_outliers.tsv beside it: a row a volume of the scan, 1 where it was dropped"


@dataclass(frozen=True)
class DropEvidence:
    """What is known of samples that a response lacks.

    Parameters
    ----------
    interval_s, start_s : of the response: seconds from sample to sample, and of sample 0.
    n_raw, n_confounds : samples of the raw file and rows of the confounds; None where there are none.
    raw_interval_s : seconds from sample to sample of the raw file; None where unknown.
    outliers : (n_scan,) bool, True for those that were dropped or are to be; None where nothing says it.
    kept : (n_scan,) bool, or the numbers of those kept; None where nothing says it.
    counts : key of the sidecar → samples dropped.
    n_unsteady : samples before magnetisation is steady, by the confounds.
    numbers : (n_rows,) of the scan's samples, by volume times with holes; None without.
    stated_onset : whether a recipe states when stimuli begin on the response's own clock.
    """

    interval_s: float
    start_s: float = 0.0
    n_raw: int | None = None
    n_confounds: int | None = None
    raw_interval_s: float | None = None
    outliers: Array | None = None
    kept: Array | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    n_unsteady: int = 0
    numbers: Array | None = None
    stated_onset: bool = False


@dataclass(frozen=True)
class Placement:
    """Where the rows of a response lie in the scan.

    Parameters
    ----------
    rows : (n_rows,) numbers of the scan's samples, ascending.
    n_scan : samples of the scan.
    placed_by : what says so; empty where nothing is missing.
    censored : (n_scan,) bool, samples that are there and not to be used.
    """

    rows: Array
    n_scan: int
    placed_by: str
    censored: Array

    @property
    def n_dropped(self) -> int:
        """Samples of the scan that the response lacks."""
        return self.n_scan - len(self.rows)

    def expand(self, values: Array) -> Array:
        """(n_rows, n) → (n_scan, n), NaN where a sample is missing."""
        if not self.n_dropped:
            return values
        full = np.full((self.n_scan, *values.shape[1:]), np.nan, dtype=values.dtype)
        full[self.rows] = values
        return full


def place(n_rows: int, evidence: DropEvidence) -> Placement:
    """Rows of a response → samples of the scan.

    Parameters
    ----------
    n_rows : samples of the response.
    evidence : what is known of those that it lacks.

    Raises
    ------
    DataError : samples are missing and nothing says which, or what says so does not fit.
    """
    if evidence.kept is not None:
        return _by_mask(n_rows, np.asarray(evidence.kept), evidence, "sample_mask")
    if evidence.outliers is not None:
        return _by_outliers(n_rows, np.asarray(evidence.outliers, dtype=bool), evidence)
    if evidence.numbers is not None and len(evidence.numbers) == n_rows and evidence.numbers[-1] >= n_rows:
        return _placed(evidence.numbers, int(evidence.numbers[-1]) + 1, "VolumeTiming")
    if sum(evidence.counts.values()):
        return _by_counts(n_rows, evidence)
    return _by_lengths(n_rows, evidence)


def _placed(rows: Array, n_scan: int, placed_by: str, censored: Array | None = None) -> Placement:
    none = np.zeros(n_scan, dtype=bool)
    return Placement(np.asarray(rows, dtype=int), n_scan, placed_by, none if censored is None else censored)


def _whole(n_rows: int, placed_by: str = "") -> Placement:
    return _placed(np.arange(n_rows), n_rows, placed_by)


def _scan(evidence: DropEvidence, n_rows: int) -> int | None:
    """Samples of the scan. Confounds as long as the response say nothing: they may have been cut with it."""
    if evidence.n_raw is not None:
        return evidence.n_raw
    return evidence.n_confounds if evidence.n_confounds != n_rows else None


def _by_mask(n_rows: int, kept: Array, evidence: DropEvidence, source: str) -> Placement:
    """By a mask over the scan, or by the numbers of the samples that were kept."""
    n_scan = _scan(evidence, n_rows)
    if kept.dtype != bool:
        kept = np.unique(kept.astype(int))
        length = max(n_scan or 0, int(kept[-1]) + 1 if len(kept) else 0, n_rows)
        kept = np.isin(np.arange(length), kept)
    if n_scan is not None and len(kept) != n_scan:
        raise DataError(f"{source} is of {len(kept)} samples, the scan of {n_scan}", hint="it is of another run")
    if kept.sum() == n_rows:
        return _placed(np.flatnonzero(kept), len(kept), source)
    if len(kept) == n_rows:
        return _placed(np.arange(n_rows), n_rows, source, ~kept)
    raise DataError(f"{source} keeps {kept.sum()} of {len(kept)} samples, the response has {n_rows}", hint=SAY_WHICH)


def _by_outliers(n_rows: int, dropped: Array, evidence: DropEvidence) -> Placement:
    """By a table with a row a volume; XCP-D's begins after the dummy volumes, which are dropped before."""
    n_scan = _scan(evidence, n_rows)
    lead = (n_scan or len(dropped)) - len(dropped)
    first = sum(count for key, count in evidence.counts.items() if FIRST_ONES.search(key)) or evidence.n_unsteady
    if lead and lead != first:
        raise DataError(
            f"outliers.tsv has {len(dropped)} rows, the scan {n_scan} samples, {first} of them said to be dummies",
            hint=SAY_WHICH,
        )
    kept = np.concatenate([np.zeros(lead, dtype=bool), ~dropped])
    if lead and n_rows == len(dropped):
        return _placed(
            np.arange(lead, lead + n_rows), len(kept), "outliers.tsv", ~kept & (np.arange(len(kept)) >= lead)
        )
    return _by_mask(n_rows, kept, evidence, "outliers.tsv")


def _by_counts(n_rows: int, evidence: DropEvidence) -> Placement:
    """By counts in the sidecar: the first volumes can be placed, scrubbed ones cannot."""
    total = sum(evidence.counts.values())
    said = ", ".join(f"{key} {count}" for key, count in evidence.counts.items() if count)
    n_scan = _scan(evidence, n_rows)
    if n_scan == n_rows:
        return _whole(n_rows, f"nothing is missing, though the sidecar says {said}")
    if n_scan is not None and n_scan - n_rows != total:
        raise DataError(
            f"the response has {n_rows} samples, the scan {n_scan}, and the sidecar says {said}", hint=SAY_WHICH
        )
    if not all(FIRST_ONES.search(key) for key, count in evidence.counts.items() if count):
        raise DataError(f"volumes were dropped and nothing says which ({said})", hint=SAY_WHICH)
    return _whole(n_rows) if _started_late(total, evidence) else _after(total, n_rows, f"sidecar ({said})")


def _after(n_first: int, n_rows: int, placed_by: str) -> Placement:
    return _placed(np.arange(n_first, n_first + n_rows), n_first + n_rows, placed_by)


def _started_late(n_first: int, evidence: DropEvidence) -> bool:
    """Whether StartTime already counts the first samples that are missing."""
    late = evidence.start_s / evidence.interval_s
    return n_first > 0 and n_first - 1e-6 <= late < n_first + 1


def _by_lengths(n_rows: int, evidence: DropEvidence) -> Placement:
    """Nothing says that samples were dropped; lengths may show it."""
    n_scan = _scan(evidence, n_rows)
    missing = 0 if n_scan is None else n_scan - n_rows
    if n_scan is None or not missing or resampled(n_rows, n_scan, evidence) or _started_late(missing, evidence):
        return _whole(n_rows)
    if missing == evidence.n_unsteady:
        return _after(missing, n_rows, "non-steady-state columns of the confounds: the first volumes")
    if evidence.stated_onset:
        return _whole(n_rows)
    if missing > 0:
        longer = "the raw file has" if evidence.n_raw is not None else "the confounds have"
        raise DataError(
            f"{longer} {n_scan} samples, the response {n_rows}: nothing says which are missing", hint=SAY_WHICH
        )
    if evidence.n_raw is None:  # confounds that were cut say nothing of the scan
        return _whole(n_rows)
    raise DataError(f"the response has {n_rows} samples, the raw file only {n_scan}", hint="it is of another run")


def resampled(n_rows: int, n_scan: int, evidence: DropEvidence) -> bool:
    """Whether a response has other samples because it was resampled: it lasts as long as the scan.

    Parameters
    ----------
    n_rows, n_scan : samples of the response and of the scan.
    evidence : both sampling intervals.
    """
    own_s, raw_s = evidence.interval_s, evidence.raw_interval_s
    if raw_s is None or abs(own_s - raw_s) < 0.01 * own_s:
        return False
    return abs(n_rows * own_s - n_scan * raw_s) <= max(own_s, raw_s)
