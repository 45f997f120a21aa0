"""What an iEEG recording's account holds beside its clock: pauses, bad spans, the power line, its channels."""

from __future__ import annotations

from dataclasses import replace

from bids_app.dataset.electrodes.mains import notch_hz, stated_line_hz
from bids_app.dataset.electrodes.response import electrode_lines
from bids_app.dataset.signals.recording import pause_lines, span_accounts
from bids_app.records import Alignment, AlignmentLine, Recording, ResponseSpec, SpanAccount

MUCH = 0.1  # of a recording that is bad deserves a reader's eye


def with_electrodes(alignment: Alignment, recording: Recording, spec: ResponseSpec) -> Alignment:
    """An account with what the signal file and the tables beside it say; no signal is read.

    Parameters
    ----------
    alignment : of the recording's clock and playings.
    recording : iEEG.
    spec : band, power line and reference that the analysis asks for.

    Raises
    ------
    DataError : a header or a table cannot be read, or no channel can be used.
    """
    gaps, bad = span_accounts(recording)
    recording_s = next((one.seconds for one in alignment.extents if one.source == "derivative"), None)
    lines = [
        *pause_lines(recording, alignment.playings),
        *_bad_lines(bad, recording_s),
        *electrode_lines(recording, spec),
    ]
    line_hz = notch_hz(recording, spec) or stated_line_hz(recording.metadata)
    return replace(alignment, gaps=gaps, bad_spans=bad, line_hz=line_hz, lines=(*alignment.lines, *lines))


def _bad_lines(accounts: tuple[SpanAccount, ...], recording_s: float | None) -> list[AlignmentLine]:
    """What is not used; a line a source, a warning where it is much of the recording."""
    lines = []
    for account in accounts:
        first_s = min(start for start, _ in account.spans_s)
        many = f"{len(account.spans_s)} bad spans" if len(account.spans_s) > 1 else "one bad span"
        text = f"{many} ({account.source}), {account.seconds:.1f} s in all, from {first_s:.1f} s on: not used"
        much = recording_s is not None and account.seconds > MUCH * recording_s
        lines.append(AlignmentLine("warning" if much else "fine", "bad spans", text))
    return lines
