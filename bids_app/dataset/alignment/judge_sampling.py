"""Judgement of the samples of a recording: their interval by every source, their number, and the first one's time."""

from __future__ import annotations

from collections.abc import Sequence

from bids_app.dataset.alignment.thresholds import LEAST_TR_S, MOST_TR_S, Limits
from bids_app.records import AlignmentLine, DroppedSamples, Extent, Severity, StartAccount, StatedInterval, Topic

INTERVAL: Topic = "sampling interval"


def interval_lines(intervals: Sequence[StatedInterval], n_samples: int, limits: Limits) -> list[AlignmentLine]:
    """Each source against the one that is used: what their difference adds up to over the recording.

    Parameters
    ----------
    intervals : the one that is used first.
    n_samples : of the recording.
    limits : of the drift.
    """
    used, *others = intervals
    agree = [used.source]
    lines: list[AlignmentLine] = []
    for other in others:
        drift_s = (other.seconds - used.seconds) * n_samples
        severity = limits.severity(drift_s, (used.precision_s + other.precision_s) * n_samples)
        if severity == "fine":
            agree.append(other.source)
            continue
        text = (
            f"the sampling interval is {used.seconds:.6g} s by the {used.source} (used) and {other.seconds:.6g} s by "
            f"the {other.source}: {abs(drift_s):.2f} s apart at the end"
        )
        lines.append(AlignmentLine(severity, INTERVAL, text + _remedy(severity, "correct the one that is wrong")))
    return [AlignmentLine("fine", INTERVAL, f"{used.seconds:.6g} s by {', '.join(agree)}"), *lines]


def _remedy(severity: str, what: str) -> str:
    return f" ({what})" if severity == "refusal" else ""


def tr_lines(interval_s: float) -> list[AlignmentLine]:
    """Whether a sampling interval of fMRI makes sense at all."""
    if LEAST_TR_S <= interval_s <= MOST_TR_S:
        return []
    return [AlignmentLine("refusal", INTERVAL, f"a TR of {interval_s:g} s makes no sense (correct the sidecar)")]


def start_lines(start: StartAccount, interval_s: float, recording_s: float) -> list[AlignmentLine]:
    """Whether the time of the first sample makes sense.

    Parameters
    ----------
    start : with what says it.
    interval_s, recording_s : from sample to sample, and of all samples.
    """
    text = f"the first sample is at {start.seconds:g} s ({start.source})"
    if start.source == "recipe":
        return [AlignmentLine("fine", "start", text)]
    looks_ms = abs(start.seconds) > max(60.0, 20 * interval_s) and 0 <= start.seconds / 1000 < 2 * interval_s
    if looks_ms:
        return [AlignmentLine("refusal", "start", f"{text}: it looks like milliseconds (correct StartTime)")]
    if not -interval_s <= start.seconds <= recording_s:
        return [
            AlignmentLine("refusal", "start", f"{text}, the recording lasts {recording_s:g} s (correct StartTime)")
        ]
    if not 0 <= start.seconds <= interval_s and start.source != "recipe":
        late = start.seconds / interval_s
        return [AlignmentLine("warning", "start", f"{text}: {late:.1f} TR after the scan's first volume began")]
    return [AlignmentLine("fine", "start", text)]


def extent_lines(extents: Sequence[Extent], dropped: DroppedSamples | None) -> list[AlignmentLine]:
    """The lengths by each source; what is missing and where it was put.

    Parameters
    ----------
    extents : the derivative first.
    dropped : samples that are missing or not used.
    """
    parts = [f"{one.source} {_length(one)}" for one in extents]
    lines = [AlignmentLine("fine", "samples", "; ".join(parts))]
    if dropped is not None and (dropped.n_dropped or dropped.n_censored):
        missing = f"{dropped.n_dropped} of {dropped.n_scan} samples are missing" if dropped.n_dropped else ""
        unused = f"{dropped.n_censored} of {dropped.n_scan} samples are censored" if dropped.n_censored else ""
        both = " and ".join(part for part in (missing, unused) if part)
        lines.append(
            AlignmentLine("warning", "dropped samples", f"{both}: placed by {dropped.placed_by}, not fitted")
        )
    elif dropped is not None and dropped.placed_by:
        lines.append(AlignmentLine("warning", "dropped samples", dropped.placed_by))
    return lines


def _length(extent: Extent) -> str:
    samples = "" if extent.n_samples is None else f"{extent.n_samples} samples"
    seconds = "" if extent.seconds is None else f"{extent.seconds:g} s"
    return ", ".join(part for part in (samples, seconds) if part)


def length_lines(extents: Sequence[Extent], placed: bool, limits: Limits) -> list[AlignmentLine]:
    """The derivative against the raw file and the confounds, where nothing is known to be missing.

    Parameters
    ----------
    extents : the derivative first.
    placed : whether samples that are missing were placed.
    limits : of the error.
    """
    own, *others = extents
    lines = []
    for other in others:
        if placed or other.source == "events" or own.seconds is None or other.seconds is None:
            continue
        apart = other.seconds - own.seconds
        if limits.severity(apart) != "fine":
            text = f"the response lasts {own.seconds:g} s, the {other.source} {other.seconds:g} s"
            severity: Severity = "warning"
            lines.append(AlignmentLine(severity, "samples", f"{text}: onsets are taken on the response's own clock"))
    return lines
