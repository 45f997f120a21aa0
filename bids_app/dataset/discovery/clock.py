"""When each sample was taken, as sidecars state it: every sampling interval, and the time of the first sample."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from bids_app.dataset.discovery.companions import raw_metadata
from bids_app.dataset.files.candidates import Candidate
from bids_app.dataset.files.layout import Index, read_json
from bids_app.dataset.files.matching import ALWAYS_NAMED
from bids_app.dataset.files.names import same
from bids_app.dataset.files.written import MILLISECONDS_FROM, half_unit, number_of
from bids_app.dataset.responses.readers import reader_of
from bids_app.errors import DataError
from bids_app.inputs.homes import is_inside
from bids_app.pointers import pointer_at
from bids_app.records import ClockEvidence, ResponseClock, StartAccount, StatedInterval

Metadata = Mapping[str, Any]

TR_PRECISION_S = 0.0005  # scanners set whole milliseconds, and writers of JSON drop trailing zeros: 2.0 is 2.000
CLOCK_KEYS = ("RepetitionTime", "SamplingFrequency", "VolumeTiming", "StartTime", "SliceTimingCorrected")
IRREGULAR_S = 0.05  # volume times may be rounded by this much


@dataclass(frozen=True)
class Clock:
    """Rate and start of a recording, what they rest on, and what a reader must know of it.

    Parameters
    ----------
    rate_hz : samples a second.
    start_s : of sample 0.
    evidence : for `dataset.align`.
    warnings : a line each.
    """

    rate_hz: float
    start_s: float
    evidence: ClockEvidence
    warnings: tuple[str, ...]


def as_sidecar(clock: ResponseClock) -> dict[str, float]:
    """What a recipe says of a response's rows, by the keys of a sidecar, over which it counts."""
    said = {"StartTime": clock.start_s, "RepetitionTime": clock.interval_s}
    return {key: value for key, value in said.items() if value is not None}


def fmri_clock(candidate: Candidate, own: Metadata, raw: Index, recipe: Metadata) -> Clock:
    """Rate and start: by the response's own sidecar, one beside it of the same run, the raw one, else its header.

    Parameters
    ----------
    candidate : the response, whose header may be looked at.
    own : metadata of the response.
    raw : files of the raw data set.
    recipe : what a recipe states of time; it is among `own`, too.

    Raises
    ------
    DataError : nothing says the sampling interval, or volumes were not taken at even times.
    """
    original = raw_metadata(candidate, raw) if raw is not candidate.index else {}
    beside, name = _beside(candidate, own)
    sources = [
        ("recipe" if recipe.get("RepetitionTime") else "sidecar", own),
        (f"sidecar {name}", beside),
        ("raw sidecar", original),
    ]
    intervals, warnings = _all_intervals(sources)
    agrees = _agrees(own, beside)
    if name and agrees:
        warnings.append(f"timing that the sidecar lacks is taken from the same run's {name}")
    if not intervals or intervals[0].precision_s > TR_PRECISION_S:
        intervals, about_header = _with_header(candidate, intervals)
        warnings += about_header
    start, about_start = fmri_start({**beside, **own} if agrees else own, original, intervals[0].seconds)
    if "StartTime" in recipe:
        start = StartAccount(start.seconds, "recipe")
    raw_file, about_raw = raw_bold(candidate, raw)
    evidence = ClockEvidence(tuple(intervals), start, own, original, raw_file)
    return Clock(1 / intervals[0].seconds, start.seconds, evidence, (*warnings, *about_start, *about_raw))


# ----------------------------------------------------------------------------------------------- sampling interval
def _all_intervals(sources: list[tuple[str, Metadata]]) -> tuple[list[StatedInterval], list[str]]:
    """By every source, in their order; the first of them is used."""
    found = [stated_intervals(metadata, source) for source, metadata in sources]
    intervals = [interval for one, _ in found for interval in one]
    return intervals, [line for _, lines in found for line in lines]


def stated_intervals(metadata: Metadata, source: str) -> tuple[list[StatedInterval], list[str]]:
    """Every sampling interval of one sidecar, and what is odd about how it is written.

    Parameters
    ----------
    metadata : RepetitionTime, SamplingFrequency, VolumeTiming.
    source : what to call the sidecar.

    Raises
    ------
    DataError : volume times are not even.
    """
    found, lines = [], []
    times = volume_times(metadata)
    if times is not None and len(times) > 1:
        step = _even_step(times, source)
        found.append(StatedInterval(f"{source} VolumeTiming", step, TR_PRECISION_S))
    period, rate = (number_of(metadata.get(key)) for key in ("RepetitionTime", "SamplingFrequency"))
    if period is not None and period > 0:
        if isinstance(metadata["RepetitionTime"], str):
            lines.append(f"RepetitionTime of the {source} is a text: taken for {period:g}")
        unit = 1e-3 if period >= MILLISECONDS_FROM else 1.0
        if unit < 1:
            lines.append(f"RepetitionTime {period:g} of the {source} is taken for milliseconds")
        found.append(StatedInterval(source, period * unit, min(half_unit(period) * unit, TR_PRECISION_S)))
    if rate is not None and rate > 0:
        found.append(StatedInterval(f"{source} SamplingFrequency", 1 / rate, _precision_of_rate(rate)))
    return found, lines


def _agrees(own: Metadata, beside: Metadata) -> bool:
    """Whether two sidecars of one run can be on one clock: another interval makes them those of other responses."""
    first, second = (stated_intervals(metadata, "")[0] for metadata in (own, beside))
    return not first or not second or abs(first[0].seconds - second[0].seconds) < 0.05 * first[0].seconds


def _precision_of_rate(rate_hz: float) -> float:
    """Of the interval that a rate stands for: 0.67 Hz is 1.48 to 1.50 s; 0.5 Hz is exactly 2 s."""
    milliseconds = 1000 / rate_hz
    if abs(milliseconds - round(milliseconds)) < 1e-6:
        return TR_PRECISION_S
    return half_unit(rate_hz) / rate_hz**2


def volume_times(metadata: Metadata) -> list[float] | None:
    """VolumeTiming in seconds; None where it is not a list of numbers."""
    stated = metadata.get("VolumeTiming")
    numbers = [number_of(time) for time in stated] if isinstance(stated, list) else []
    known = [time for time in numbers if time is not None]
    return known if known and len(known) == len(numbers) else None


def _even_step(times: list[float], source: str) -> float:
    """Seconds from volume to volume; volumes may be missing. Raises DataError where times are otherwise uneven."""
    steps = [later - earlier for earlier, later in pairwise(times)]
    usual = median(steps)
    count = sum(round(step / usual) for step in steps) if usual > 0 else 0
    step = (times[-1] - times[0]) / count if count else 0.0
    off = max(abs(time - times[0] - round((time - times[0]) / step) * step) for time in times) if step else 0.0
    if step <= 0 or off > IRREGULAR_S:
        raise DataError(
            f"VolumeTiming of the {source} is not even: volumes are up to {off:.2f} s off a steady {step:g} s",
            hint="resample the responses to even times",
        )
    return step


def _with_header(candidate: Candidate, stated: list[StatedInterval]) -> tuple[list[StatedInterval], list[str]]:
    """The header's interval first, where no sidecar says one, or one so coarse that the header is within it."""
    header = header_interval(candidate.path)
    if header is None and not stated:
        raise DataError("RepetitionTime is in no sidecar", candidate.path, "add it to the JSON of the bold file")
    if header is None:
        return stated, []
    if not stated:
        return [header], [f"RepetitionTime is in no sidecar: {header.seconds:g} s taken from the image's header"]
    coarse = stated[0]
    if abs(coarse.seconds - header.seconds) > coarse.precision_s:
        return stated, []
    return [header, *stated], [f"{coarse.source} is coarse: {header.seconds:g} s taken from the image's header"]


def header_interval(path: Path) -> StatedInterval | None:
    """The sampling interval by a file's header, in single precision; None where it says nothing."""
    period_s = reader_of(path).period_s
    seconds = period_s(path) if period_s else 0.0
    return StatedInterval("header", seconds, seconds * 1e-6) if seconds > 0 else None


# --------------------------------------------------------------------------------------------------- start
def fmri_start(own: Metadata, raw: Metadata, interval_s: float) -> tuple[StartAccount, tuple[str, ...]]:
    """When sample 0 was taken: `StartTime`, else the middle of the acquisition where slice timing was corrected.

    Parameters
    ----------
    own : metadata of the derivative.
    raw : of the raw recording: its slice times, its pause between volumes. Its `StartTime` does not count.
    interval_s : from sample to sample.

    Returns
    -------
    Seconds from the scan's start with what says so, and warnings.
    """
    start = number_of(own.get("StartTime"))
    first = (volume_times(raw) or volume_times(own) or [0.0])[0]
    if start is not None:
        about = ("StartTime is a text: taken for a number",) if isinstance(own["StartTime"], str) else ()
        return StartAccount(float(start), "StartTime"), about
    if str(own.get("SliceTimingCorrected")).lower() == "true":
        middle, source = _middle_of_acquisition(own, raw, interval_s)
        return StartAccount(first + middle, source), ()
    warning = "no StartTime in the sidecar, slice timing not said to be corrected: samples timed at TR starts"
    return StartAccount(first, "TR starts"), (warning,)


def _middle_of_acquisition(own: Metadata, raw: Metadata, interval_s: float) -> tuple[float, str]:
    """Half the time that a volume takes, which is less than the interval where the scanner pauses between volumes."""
    both = {**raw, **own}
    pause, lasts = number_of(both.get("DelayTime")), number_of(both.get("AcquisitionDuration"))
    if pause and 0 < pause < interval_s:
        return (interval_s - pause) / 2, "half the acquisition: slice timing corrected, DelayTime"
    if lasts and 0 < lasts < interval_s:
        return lasts / 2, "half the acquisition: slice timing corrected, AcquisitionDuration"
    slices = _slice_times(raw)
    if slices and _pauses(slices, interval_s):
        return (min(slices) + max(slices)) / 2, "middle of SliceTiming: slice timing corrected, sparse acquisition"
    return 0.5 * interval_s, "half a TR: slice timing corrected"


def _slice_times(raw: Metadata) -> list[float]:
    stated = raw.get("SliceTiming")
    numbers = [number_of(time) for time in stated] if isinstance(stated, list) else []
    return [time for time in numbers if time is not None]


def _pauses(slices: list[float], interval_s: float) -> bool:
    """Whether slices end well before the next volume begins: n evenly spread groups reach (n − 1) / n of it."""
    groups = len({round(time, 3) for time in slices})
    return groups > 1 and max(slices) - min(slices) < 0.9 * interval_s * (groups - 1) / groups


# --------------------------------------------------------------------------------------------------- other files
def _beside(candidate: Candidate, own: Metadata) -> tuple[Metadata, str]:
    """Timing of a sidecar of the same run in the same folder, where the response's own lacks any, and its name."""
    if any(key in own for key in CLOCK_KEYS[:3]) and any(key in own for key in CLOCK_KEYS[3:]):
        return {}, ""
    grid = ("space", "res", "den", "cohort", "hemi", "desc", "atlas", "seg", "stat")
    run = {key: value for key, value in candidate.entities.items() if key not in grid}
    names = {part.path.name.split(".")[0] for part in candidate.entries}
    for entry in candidate.index.here(candidate.path.parent, "bold", ".json"):
        others = {key: value for key, value in entry.entities.items() if key not in grid}
        alike = others.keys() == run.keys() and all(same(value, run[key]) for key, value in others.items())
        if alike and entry.path.name.split(".")[0] not in names:
            timing = {key: value for key, value in read_json(entry.path).items() if key in CLOCK_KEYS}
            if timing:
                return timing, entry.path.name
    return {}, ""


def raw_bold(candidate: Candidate, raw: Index) -> tuple[Path | None, tuple[str, ...]]:
    """The raw run of a response (of several echoes, one: all have as many volumes), where its content is there; and a
    warning where it is not looked at as a link leads to it.

    Parameters
    ----------
    candidate : the response.
    raw : files of the raw data set.
    """
    if raw is candidate.index:
        return None, ()
    outside: list[Path] = []
    for extension in (".nii.gz", ".nii"):
        for entry in raw.fitting(candidate.entities, "func", "bold", extension, ALWAYS_NAMED):
            if entry.path.is_file() and not is_inside(entry.path):
                outside.append(entry.path)
            elif entry.path.is_file() and pointer_at(entry.path) is None:
                return entry.path, ()
    told = "the raw {} is no evidence of timing: a link leads out of the data set, to {}"
    return None, tuple(told.format(path.name, os.path.realpath(path)) for path in outside[:1])
