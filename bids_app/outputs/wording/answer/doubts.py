"""What stands against trusting an answer: one line a reason, the gravest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bids_app.outputs.wording.phrases import count_of, listed
from bids_app.records import Finding, GroupResultSummary, UnitSummary, group_findings

NOTHING = "Nothing was noticed. That is no proof: what Concord looks for is in the documentation."
MANY = 6  # warnings of units that the box holds; all of them stand in their sections


def doubts(summaries: Sequence[UnitSummary]) -> tuple[str, ...]:
    """Of the results of units: what their warnings say, alike ones once, and recordings that are not in them.

    Parameters
    ----------
    summaries : of the units.
    """
    lines = [_of_units(text, whose, len(summaries)) for text, whose in _alike(summaries)]
    beyond = len(lines) - MANY
    more = [f"and {count_of(beyond, 'warning')} more, in the sections below"] if beyond > 0 else []
    return (*lines[:MANY], *more, *_recordings(summaries))


def group_doubts(groups: Iterable[GroupResultSummary], missing: Sequence[str], n_untrue: int) -> tuple[str, ...]:
    """Of a group level: who is not in it, and what its tests take for granted.

    Parameters
    ----------
    groups : results over participants.
    missing : participants who were asked for and have no results.
    n_untrue : units whose results do not count.
    """
    lines = []
    if missing:
        lines.append(f"{count_of(len(missing), 'participant')} without results: {listed(missing)}")
    if n_untrue:
        lines.append(f"{count_of(n_untrue, 'unit')} left out, whose results do not count")
    tested = [one for one in groups if one.inference is not None]
    if any(one.inference is not None and not one.inference.guarded for one in tested):
        lines.append(
            "tests over participants take the stimulus as fixed: what all responses to it have in common by chance "
            "is not guarded against"
        )
    return tuple(lines)


def _alike(summaries: Sequence[UnitSummary]) -> list[tuple[str, tuple[str, ...]]]:
    """Warnings that differ in numbers alone, once, with the units that have them; of p first."""
    findings: list[Finding] = [(one.stem, line) for one in summaries for line in one.warnings]
    notices = [(notice.text, notice.labels) for notice in group_findings(findings)]
    return sorted(notices, key=lambda notice: not notice[0].startswith("p is "))


def _of_units(text: str, whose: tuple[str, ...], n_units: int) -> str:
    if n_units == 1 or len(whose) == n_units:
        return text
    return f"{text} ({whose[0]})" if len(whose) == 1 else f"{text} ({len(whose)} of {n_units} units)"


def _recordings(summaries: Sequence[UnitSummary]) -> list[str]:
    refused = {one.label for summary in summaries for one in summary.excluded}
    known = {one.recording: one for summary in summaries for one in summary.alignments}
    warned = [label for label, one in known.items() if label not in refused and one.of("warning")]
    lines = [f"{count_of(len(refused), 'recording')} could not be used"] if refused else []
    if warned:
        lines.append(f"the times of {count_of(len(warned), 'recording')} are doubtful: see Alignment")
    return lines
