"""When each sample was taken: rate and start of a recording, from its sidecars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bids_app.dataset.files.candidates import Candidate
from bids_app.errors import DataError
from bids_app.records import ResponseClock


def positive(value: Any) -> float | None:
    """A number above zero, or None: XCP-D writes `"SamplingFrequency": "TR"`."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
    return float(value) if usable else None


def as_sidecar(clock: ResponseClock) -> dict[str, float]:
    """What a recipe says of a response's rows, by the keys of a sidecar, over which it counts."""
    said = {"StartTime": clock.start_s, "RepetitionTime": clock.interval_s}
    return {key: value for key, value in said.items() if value is not None}


def fmri_rate(candidate: Candidate, own: Mapping[str, Any], raw: Mapping[str, Any]) -> tuple[float, tuple[str, ...]]:
    """Samples a second, from the derivative's sidecar, else the raw one's, else the image's header with a warning.

    Parameters
    ----------
    candidate : the response, whose header may be looked at.
    own, raw : metadata of the derivative and of the raw data set.

    Returns
    -------
    rate_hz, and warnings.

    Raises
    ------
    DataError : nothing says it.
    """
    for metadata in (own, raw):
        period, rate = positive(metadata.get("RepetitionTime")), positive(metadata.get("SamplingFrequency"))
        if period or rate:
            return (1 / period if period else float(rate or 0)), ()
    period = _header_period(candidate)
    if period is None:
        raise DataError("RepetitionTime is in no sidecar", candidate.path, "add it to the JSON of the bold file")
    return 1 / period, (f"RepetitionTime is in no sidecar: {period:g} s taken from the image's header",)


def _header_period(candidate: Candidate) -> float | None:
    from bids_app.dataset.responses.readers import reader_of

    period_s = reader_of(candidate.path).period_s
    return positive(period_s(candidate.path)) if period_s else None


def fmri_start(own: Mapping[str, Any], rate_hz: float) -> tuple[float, tuple[str, ...]]:
    """When sample 0 was taken: `StartTime`, else half a TR where slice timing was corrected.

    Parameters
    ----------
    own : metadata of the derivative.
    rate_hz : samples a second.

    Returns
    -------
    Seconds from the scan's start, and warnings.
    """
    start = own.get("StartTime")
    if isinstance(start, int | float) and not isinstance(start, bool):
        return float(start), ()
    if own.get("SliceTimingCorrected") is True:
        return 0.5 / rate_hz, ()
    return 0.0, ("no StartTime in the sidecar, slice timing not said to be corrected: samples timed at TR starts",)
