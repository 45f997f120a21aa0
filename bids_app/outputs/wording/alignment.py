"""An alignment record in words: what stands in JSON files and reports."""

from __future__ import annotations

from collections.abc import Iterable

from bids_app.outputs.wording.phrases import count_of
from bids_app.records import Alignment, Excluded, PlayingAlignment, SpanAccount, StatedInterval

EXTENT_NAMES = {"derivative": "response", "raw": "raw file", "confounds": "confounds", "events": "events"}
Row = tuple[str, str]


def alignment_facts(alignments: Iterable[Alignment], excluded: Iterable[Excluded]) -> list[dict[str, object]]:
    """Every line of every recording, as JSON files hold them: each text once, with the recordings that it is about.

    Parameters
    ----------
    alignments : of the recordings; excluded : those that could not be used, and why.
    """
    found: dict[tuple[str, str, str], list[str]] = {}
    for one in alignments:
        for line in one.lines:
            found.setdefault((line.severity, line.topic, line.text), []).append(one.recording)
    told = {label for (severity, _, _), labels in found.items() if severity == "refusal" for label in labels}
    for left_out in excluded:
        if left_out.label not in told:
            found.setdefault(("refusal", "files", left_out.reason), []).append(left_out.label)
    return [
        {"Severity": severity, "Topic": topic, "Text": text, "Recordings": labels}
        for (severity, topic, text), labels in found.items()
    ]


def account_rows(account: Alignment) -> list[Row]:
    """What a recording's table in the report has: (what, in words)."""
    used, *others = account.intervals or (None,)
    rows = [
        (f"length by the {EXTENT_NAMES[one.source]}", _extent(one.n_samples, one.seconds)) for one in account.extents
    ]
    rows.append(("sampling interval, used", "unknown" if used is None else _interval(used)))
    rows += [("sampling interval, also stated", _interval(one)) for one in others if one is not None]
    rows.append(("first sample", f"{account.start.seconds:g} s ({account.start.source})"))
    if account.dropped is not None:
        dropped = account.dropped
        words = f"{dropped.n_dropped} of {dropped.n_scan} absent, {dropped.n_censored} there and not used"
        rows.append(("samples of the scan", f"{words} ({dropped.placed_by})" if dropped.placed_by else words))
    rows += [("gaps", _spans(one)) for one in account.gaps]
    rows += [("bad spans", _spans(one)) for one in account.bad_spans]
    rows += [] if account.line_hz is None else [("mains frequency", f"{account.line_hz:g} Hz")]
    if account.drift is not None:
        drift = account.drift
        deviant = f"; deviant: {', '.join(drift.deviant)}" if drift.deviant else ""
        words = f"{drift.seconds:.3g} ± {drift.standard_error:.2g} s over the recording"
        rows.append(("drift of the playings", f"{words}, of {count_of(drift.n_events, 'event')}{deviant}"))
    return rows


def playing_cells(playing: PlayingAlignment) -> tuple[str, ...]:
    """A playing's row in the report, in the order of `PLAYING_COLUMNS`."""
    return (
        playing.stimulus,
        f"{playing.onset_s:g}",
        str(playing.n_rows),
        *(_seconds(value) for value in (playing.file_s, playing.event_s, playing.transcript_s)),
        "–" if playing.ratio is None else f"{playing.ratio:.4f}",
        f"{playing.heard_share:.1%}",
        str(playing.n_words),
        *("–" if share is None else f"{share:.1%}" for share in (playing.words_in_sound, playing.words_in_event)),
    )


PLAYING_COLUMNS = (
    "playing", "at, s", "rows", "sound, s", "event, s", "transcript, s", "event / sound", "heard", "words",
    "in the sound", "in the event",
)  # fmt: skip


def _extent(n_samples: int | None, seconds: float | None) -> str:
    counted = [] if n_samples is None else [count_of(n_samples, "sample")]
    return ", ".join([*counted, *([] if seconds is None else [f"{seconds:g} s"])]) or "unknown"


def _interval(stated: StatedInterval) -> str:
    within = f" ± {stated.precision_s:g}" if stated.precision_s else ""
    return f"{stated.seconds:g}{within} s ({stated.source})"


def _spans(account: SpanAccount) -> str:
    return f"{len(account.spans_s)}, {account.seconds:g} s in all ({account.source})"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
