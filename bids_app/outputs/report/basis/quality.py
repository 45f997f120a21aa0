"""What a report says of the quality of the data: samples that are absent or not used, bad stretches, head motion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bids_app.outputs.wording.phrases import count_of, count_targets, number
from bids_app.records import Alignment, RecordingSummary, SpanAccount, UnitSummary

COLUMNS = (
    "recording", "used", "of all", "absent from the response", "censored", "pauses, s", "bad stretches, s",
    "stimuli heard elsewhere too", "head motion",
)  # fmt: skip
MOTION = "head motion"  # topic of the line
UNKNOWN = "–"


@dataclass(frozen=True)
class Quality:
    """Sentences, and a row a recording; columns of which nothing is known are left out."""

    sentences: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def quality_of(summary: UnitSummary) -> Quality:
    """What of the recordings of a unit was used, and what may spoil it.

    Parameters
    ----------
    summary : of the unit.
    """
    accounts = {one.recording: one for one in summary.alignments}
    heard: dict[str, int] = {}
    for one in summary.recordings:
        for name in {event.stimulus_id for event in one.stimuli}:
            heard[name] = heard.get(name, 0) + 1
    rows = tuple(_row(one, accounts.get(one.label), heard) for one in summary.recordings)
    used = [accounts[one.label] for one in summary.recordings if one.label in accounts]
    kept = [place for place in range(len(COLUMNS)) if any(row[place] != UNKNOWN for row in rows)]
    rows = tuple(tuple(row[place] for place in kept) for row in rows)
    return Quality(tuple(_sentences(summary, used, heard)), tuple(COLUMNS[place] for place in kept), rows)


def _row(recording: RecordingSummary, account: Alignment | None, heard: dict[str, int]) -> tuple[str, ...]:
    again = sum(heard[name] > 1 for name in {event.stimulus_id for event in recording.stimuli})
    dropped = account.dropped if account else None
    return (
        recording.label,
        UNKNOWN if recording.used is None else str(recording.used),
        UNKNOWN if recording.total is None else str(recording.total),
        str(dropped.n_dropped) if dropped else UNKNOWN,
        str(dropped.n_censored) if dropped else UNKNOWN,
        _seconds(account.gaps) if account else UNKNOWN,
        _seconds(account.bad_spans) if account else UNKNOWN,
        str(again),
        next((line.text for line in account.lines if line.topic == MOTION), UNKNOWN) if account else UNKNOWN,
    )


def _seconds(spans: Sequence[SpanAccount]) -> str:
    """Of the source that names most."""
    return number(max((one.seconds for one in spans), default=0.0), 1)


def _sentences(summary: UnitSummary, accounts: Sequence[Alignment], heard: dict[str, int]) -> list[str]:
    known = [one for one in summary.recordings if one.used is not None and one.total is not None]
    n_used, n_all = sum(one.used or 0 for one in known), sum(one.total or 0 for one in known)
    dropped = [one.dropped for one in accounts if one.dropped]
    absent, censored = sum(one.n_dropped for one in dropped), sum(one.n_censored for one in dropped)
    pauses_s = sum(max((one.seconds for one in account.gaps), default=0.0) for account in accounts)
    bad_s = sum(max((one.seconds for one in account.bad_spans), default=0.0) for account in accounts)
    again = sum(count > 1 for count in heard.values())
    unusable = summary.targets.n - summary.targets.n_usable
    rows = "words" if summary.provenance.design.epoch is not None else "samples"
    spoiled = (
        f"{absent} samples of the scan are absent from the response and {censored} are censored; {pauses_s:g} s are "
        f"pauses and {bad_s:g} s are marked bad."
        if absent or censored or pauses_s or bad_s
        else "No sample is absent or censored, and there are no pauses or bad stretches."
    )
    repeated = (
        f"{again} of {len(heard)} stimuli are heard in several recordings."
        if again
        else "No stimulus is heard in several recordings."
    )
    return [
        f"{n_used} of {n_all} {rows} of {count_of(len(summary.recordings), 'recording')} are used. {spoiled} "
        f"{count_targets(unusable, summary.targets.kind)} of {summary.targets.n} cannot be used (constant, or with "
        f"missing values). {repeated}"
    ]
