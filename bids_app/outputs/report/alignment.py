"""What both reports say of how recordings' times agree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bids_app.outputs.wording.alignment import PLAYING_COLUMNS, Row, account_rows, playing_cells
from bids_app.records import AlignmentLine, Excluded, UnitSummary, group_findings, refusal_lines, warnings_of


@dataclass(frozen=True)
class AccountTable:
    """One recording's account. finding: its gravest line's severity."""

    label: str
    finding: str
    rows: tuple[Row, ...]
    playings: tuple[tuple[str, ...], ...]
    lines: tuple[AlignmentLine, ...]


@dataclass(frozen=True)
class AlignmentSection:
    """How many recordings are fine, warned of and refused; what of, many that are alike in one line; each account."""

    n_fine: int
    n_warned: int
    n_refused: int
    lines: tuple[str, ...]
    accounts: tuple[AccountTable, ...]
    columns: tuple[str, ...] = PLAYING_COLUMNS

    @property
    def n_recordings(self) -> int:
        """All of them."""
        return self.n_fine + self.n_warned + self.n_refused


def alignment_section(summaries: Iterable[UnitSummary], refused: Sequence[Excluded]) -> AlignmentSection:
    """Recordings of all units of a report.

    Parameters
    ----------
    summaries : of the units.
    refused : recordings that could not be used, whether units know of them or not.
    """
    summaries = tuple(summaries)
    known = {one.recording: one for summary in summaries for one in summary.alignments}
    excluded = {one.label: one for one in (*refused, *(one for summary in summaries for one in summary.excluded))}
    used = [known[label] for label in sorted(known) if label not in excluded]
    n_warned = sum(bool(one.of("warning")) for one in used)
    accounts = tuple(
        AccountTable(
            label=label,
            finding="refusal" if label in excluded else "warning" if known[label].of("warning") else "fine",
            rows=tuple(account_rows(known[label])),
            playings=tuple(map(playing_cells, known[label].playings)),
            lines=known[label].lines,
        )
        for label in sorted(known)
    )
    warned = tuple(notice.line for notice in group_findings(warnings_of(used)))
    lines = (*warned, *refusal_lines(excluded[label] for label in sorted(excluded)))
    return AlignmentSection(len(used) - n_warned, n_warned, len(excluded), lines, accounts)
