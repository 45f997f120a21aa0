"""A participant's report, made from out_dir alone; and what both reports say beside their units."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives.read_unit import read_unit
from bids_app.outputs.files import names
from bids_app.outputs.files.files import Sidecar, read_tsv
from bids_app.outputs.files.proof import prove_unit
from bids_app.outputs.report.alignment import alignment_section
from bids_app.outputs.report.methods import MethodsPart, write_methods
from bids_app.outputs.report.page import write_page
from bids_app.outputs.report.unit.planted import read_truth
from bids_app.outputs.report.unit.section import definition_rows, unit_section
from bids_app.outputs.wording.answer.doubts import NOTHING, doubts
from bids_app.outputs.wording.answer.unit import unit_answer
from bids_app.outputs.wording.glossary import PAGE
from bids_app.records import NO_EFFORT, Excluded, UnitSummary

MEAN_RESPONSE = " (mean response)"  # after a unit's name in status.tsv


@dataclass(frozen=True)
class StatusLine:
    """A row of status.tsv."""

    unit: str
    participant: str
    status: str
    seconds: str
    peak_mb: str
    reason: str

    @property
    def label(self) -> str:
        """Of the participant, without `sub-`."""
        return self.participant.removeprefix("sub-")


@dataclass(frozen=True)
class Answer:
    """The sentences of one unit, or of one group, and the section of the page that they are about."""

    id: str
    title: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class LeftOut:
    """A recording, unit or participant that has no result, and why."""

    label: str
    reason: str


def write_participant_report(
    out_dir: Path, participant: str, planted: Path | None, untrue: Sequence[Excluded] = ()
) -> Path:
    """sub-<participant>.html and its figures, of the units whose files are what was written; others are named.

    Parameters
    ----------
    out_dir : where results lie.
    participant : label, without `sub-`.
    planted : a table of known values, shown where it exists.
    untrue : units whose results are not those of today's inputs, and why.

    Returns
    -------
    The page.

    Raises
    ------
    ReadWriteError : where results are broken.
    CannotCreate : where the page cannot be written.
    """
    units, damaged, page = [], [*untrue], names.report_file(participant)
    for stem in [stem for stem in names.stems_of(out_dir, participant) if stem not in {one.label for one in untrue}]:
        proof = prove_unit(out_dir, stem)
        if proof.state == "whole":
            units.append(read_unit(names.summary_path(out_dir, stem)))
        else:
            damaged.append(Excluded(participant, stem, f"{proof.state}: {proof.reason}"))
    truth = read_truth(planted, participant) if planted is not None and planted.exists() else {}
    summaries = [unit.summary for unit in units]
    context = {
        "title": f"sub-{participant}",
        "participant": participant,
        "units": (sections := [unit_section(out_dir, unit, truth) for unit in units]),
        "answers": [Answer(one.id, one.title, unit_answer(one.summary)) for one in sections],
        "doubts": doubts(summaries),
        "references": write_methods(out_dir, page, [MethodsPart(one.title, one.methods) for one in sections]),
        **report_context(summaries, [row for row in status_rows(out_dir) if row.label == participant], damaged),
        "has_inference": bool(summaries) and summaries[0].provenance.inference is not None,
    }
    return write_page(out_dir, page, "participant.html.j2", context)


def report_context(
    summaries: Sequence[UnitSummary], status: Sequence[StatusLine], units: Iterable[Excluded] = ()
) -> Sidecar:
    """What both reports say beside their units, by the names that base.html.j2 has for it.

    Parameters
    ----------
    summaries : of all units of the report.
    status : rows of status.tsv that it shows.
    units : whose results do not count, and why.
    """
    made = summaries[0].provenance if summaries else None
    efforts = {one.stem: one.effort for one in summaries if one.effort != NO_EFFORT}
    return {
        "analysis": made.analysis if made else None,
        "definitions": definition_rows(summaries[0]) if summaries else [],
        "stand_ins": stand_ins(summaries),
        "left_out": (rows := left_out(summaries, status, units)),
        "alignment": alignment_section(summaries, refused_recordings(rows)),
        "status": status,
        "run": made.run if made else None,
        "efforts": {row.unit: efforts.get(row.unit.removesuffix(MEAN_RESPONSE)) for row in status},
        "glossary_page": PAGE,
        "nothing_noticed": NOTHING,
    }


def stand_ins(summaries: Iterable[UnitSummary]) -> list[str]:
    """`space (model)` of every untrained model."""
    made = [item for summary in summaries for item in summary.provenance.spaces.items()]
    return sorted({f"{name} ({space.model or 'no name'})" for name, space in made if space.stand_in})


def left_out(
    summaries: Iterable[UnitSummary], status: Sequence[StatusLine], units: Iterable[Excluded] = ()
) -> list[LeftOut]:
    """Recordings that could not be used and units that failed, each once, with the reason.

    Parameters
    ----------
    summaries : of all units of the report.
    status : rows of status.tsv.
    units : whose results do not count, and why.
    """
    excluded = {one.label: one.reason for summary in summaries for one in summary.excluded}
    failed = {row.unit: row.reason for row in status if row.status in ("failed", "skipped")}
    untrue = {one.label: one.reason for one in units}
    return [LeftOut(label, reason) for label, reason in sorted({**untrue, **failed, **excluded}.items())]


def refused_recordings(rows: Iterable[LeftOut]) -> list[Excluded]:
    """Those of what was left out that are recordings: the name of a unit has no suffix."""
    return [
        Excluded("", one.label, one.reason)
        for one in rows
        if one.label != "group" and "-" not in one.label.rsplit("_", 1)[-1]
    ]


def status_rows(out_dir: Path) -> list[StatusLine]:
    """Rows of status.tsv; none where there is no such table yet, or another one in its place."""
    try:
        columns = read_tsv(out_dir / "status.tsv")
        rows = list(zip(*(columns[name] for name in StatusLine.__dataclass_fields__), strict=True))
    except (ReadWriteError, KeyError):
        return []
    return [StatusLine(*row) for row in rows]
