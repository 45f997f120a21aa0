"""A person's report, made from out_dir alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives.unit import read_units
from bids_app.outputs.files import names
from bids_app.outputs.files.files import read_tsv, write_text
from bids_app.outputs.report.planted import read_truth
from bids_app.outputs.report.render import render
from bids_app.outputs.report.unit_section import definition_rows, unit_section

Row = Mapping[str, str]
Summary = Mapping[str, Any]


def write_participant_report(out_dir: Path, participant: str, planted: Path | None) -> Path:
    """sub-<participant>.html and its figures. `planted`: a table of known values, shown where it exists.

    Raises ReadWriteError where results are broken, CannotCreate.
    """
    units = read_units(out_dir, [participant])
    truth = read_truth(planted, participant) if planted is not None and planted.exists() else {}
    status = [row for row in status_rows(out_dir) if row["participant"].removeprefix("sub-") == participant]
    context = {
        "title": f"sub-{participant}",
        "participant": participant,
        "units": [unit_section(out_dir, unit, truth) for unit in units],
        **shared_context([unit.summary for unit in units], status),
    }
    return write_text(out_dir / names.report_file(participant), render("participant.html.j2", context))


def shared_context(summaries: Sequence[Summary], status: Sequence[Row]) -> dict[str, Any]:
    """What both reports say beside their units."""
    provenance = summaries[0]["provenance"] if summaries else None
    return {
        "analysis": provenance["analysis"]["name"] if provenance else None,
        "analysis_hash": provenance["analysis_hash"] if provenance else None,
        "definitions": definition_rows(summaries[0]) if summaries else [],
        "inference": provenance["inference"] if provenance else None,
        "stand_ins": stand_ins(summaries),
        "left_out": left_out(summaries, status),
        "status": status,
        "run": provenance["run"] if provenance else {},
    }


def stand_ins(summaries: Iterable[Summary]) -> list[str]:
    """`space (model)` of every untrained model."""
    made = [item for summary in summaries for item in summary["provenance"]["spaces"].items()]
    return sorted({f"{name} ({space.get('model', 'no name')})" for name, space in made if space.get("stand_in")})


def left_out(summaries: Iterable[Summary], status: Sequence[Row]) -> list[dict[str, str]]:
    """Recordings that could not be used and units that failed, each once, with the reason."""
    excluded = {one["label"]: one["reason"] for summary in summaries for one in summary["excluded"]}
    failed = {row["unit"]: row["reason"] for row in status if row["status"] in ("failed", "skipped")}
    return [{"label": label, "reason": reason} for label, reason in sorted({**failed, **excluded}.items())]


def status_rows(out_dir: Path) -> list[Row]:
    """Rows of status.tsv; none where there is no such table yet."""
    try:
        columns = read_tsv(out_dir / "status.tsv")
    except ReadWriteError:
        return []
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
