"""Whether a unit's results are what was written: its summary by its own hash, each file by the summary's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from bids_app.errors import ReadWriteError
from bids_app.outputs.files import names
from bids_app.outputs.files.files import read_json, sha256_of
from bids_app.outputs.files.serialise import hash_of, read_summary, to_json
from bids_app.records import NO_EFFORT, SUMMARY_FORMAT, GroupSummary, UnitSummary, entities_of
from bids_app.records.fits import SavedSummary
from bids_app.records.regions.scores import RegionsSummary

Proving = UnitSummary | GroupSummary | SavedSummary | RegionsSummary  # what names files with their hashes


@dataclass(frozen=True)
class Proof:
    """What the files of a unit say of themselves.

    state : absent: there is no summary; outdated: one of another format; damaged: the summary or a file is not what
    was written; whole. reason : why it is not whole, in a few words. summary : where it is whole.
    """

    state: Literal["absent", "outdated", "damaged", "whole"]
    reason: str = ""
    summary: UnitSummary | None = None


def prove_unit(out_dir: Path, stem: str) -> Proof:
    """Read a unit's summary and hash its files.

    Parameters
    ----------
    out_dir : where results are.
    stem : of the unit.
    """
    path = names.summary_path(out_dir, stem)
    if not path.exists():
        return Proof("absent", "there are no results yet" if not _was_begun(out_dir, stem) else "it was not finished")
    file = names.summary_file(stem)
    try:
        content = read_json(path)
        if (written := content.get("format")) != SUMMARY_FORMAT:
            what = f"{file} is of another version of concord (format {written or 'none'}, not {SUMMARY_FORMAT})"
            return Proof("outdated", what)
        summary = read_summary(path, UnitSummary)
    except ReadWriteError as error:
        return Proof("damaged", f"{file} is not what was written ({error.what})")
    whose = entities_of(stem).get("sub", "group")
    if summary.stem != stem or summary.participant != whose:
        return Proof("damaged", f"{file} holds the results of {summary.stem}")
    changed = _first_changed(out_dir, summary)
    return Proof("damaged", changed) if changed else Proof("whole", summary=summary)


def read_unit_summary(out_dir: Path, stem: str) -> UnitSummary | None:
    """A unit's summary, whatever has become of its files; None where it is not there or not what was written.

    Parameters
    ----------
    out_dir : where results are.
    stem : of the unit.
    """
    try:
        summary = read_summary(names.summary_path(out_dir, stem), UnitSummary)
    except ReadWriteError:
        return None
    return summary if summary.stem == stem else None


def saved_of(out_dir: Path, summary: UnitSummary) -> SavedSummary | None:
    """What was saved of a unit's models; None where nothing was, or it is of other results.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.
    """
    try:
        saved = read_summary(out_dir / names.saved_file(summary.stem), SavedSummary)
    except ReadWriteError:
        return None
    return saved if saved.stem == summary.stem and saved.unit == proof_of(summary) else None


def whole_regions(out_dir: Path, summary: UnitSummary) -> RegionsSummary | None:
    """What regions were read off a unit's results; None where none were, or of other results, or a file has changed.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.
    """
    try:
        regions = read_summary(out_dir / names.regions_file(summary.stem), RegionsSummary)
    except ReadWriteError:
        return None
    own = regions.stem == summary.stem and regions.unit == proof_of(summary)
    return regions if own and not _first_changed(out_dir, regions) else None


def whole_saved(out_dir: Path, summary: UnitSummary) -> tuple[str, ...]:
    """Which of `records.SAVED` there are of a unit, every file as it was written; none where one has changed.

    Parameters
    ----------
    out_dir : where results are.
    summary : of the unit.
    """
    saved = saved_of(out_dir, summary)
    return () if saved is None or _first_changed(out_dir, saved) else saved.what


def require_group(out_dir: Path) -> GroupSummary:
    """The summary of the group level, whose files and units are what they were.

    Parameters
    ----------
    out_dir : where results are.

    Raises
    ------
    ReadWriteError : where it is absent, or it or a file is not what was written.
    """
    path, again = out_dir / names.GROUP_SUMMARY, "run the group level again"
    summary = read_summary(path, GroupSummary)
    if changed := _first_changed(out_dir, summary):
        raise ReadWriteError(changed, path, again)
    for stem, digest in summary.units.items():
        if proof_of(read_summary(names.summary_path(out_dir, stem), UnitSummary)) != digest:
            raise ReadWriteError(f"the group level read other results of {stem}", path, again)
    return summary


def require_files(
    out_dir: Path, summary: UnitSummary | GroupSummary | SavedSummary, files: Iterable[PurePosixPath]
) -> None:
    """Make sure that some files of a unit or of the group level are what was written.

    Parameters
    ----------
    out_dir : where results are.
    summary : which names the files.
    files : relative to OUT_DIR.

    Raises
    ------
    ReadWriteError : where one is gone, has changed, or is not among the summary's.
    """
    wanted = {str(file): summary.files.get(str(file), "") for file in files}
    if changed := _first_changed(out_dir, replace(summary, files=wanted)):
        raise ReadWriteError(changed, out_dir, "run that level again")


def proof_of(summary: UnitSummary) -> str:
    """SHA-256 of a unit's summary, and so of its files; the same whatever the fit took."""
    return hash_of(to_json(replace(summary, effort=NO_EFFORT)))


def _first_changed(out_dir: Path, summary: Proving) -> str:
    """The first file that is not what was written, and what became of it; empty where all are."""
    for file, digest in summary.files.items():
        try:
            if sha256_of(out_dir / file) != digest:
                return f"{file} has changed since it was written"
        except FileNotFoundError:
            return f"{file} is gone"
        except OSError as error:
            return f"{file} cannot be read ({error.strerror})"
    return ""


def _was_begun(out_dir: Path, stem: str) -> bool:
    return (out_dir / names.journal_of(names.summary_file(stem))).exists()
