"""The user's own tables of confounds, by the analysis's `confounds_files`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bids_app.dataset.files.candidates import Candidate
from bids_app.dataset.files.matching import best_matches
from bids_app.dataset.files.names import Entry, parse_name
from bids_app.errors import DataError

STEM = "{stem}"  # entities that contradict the response's in nothing


def own_tables(candidate: Candidate, templates: Iterable[str], bids_dir: Path) -> dict[str, Path]:
    """One table a template: beside the response, or where the template's folder says.

    Parameters
    ----------
    candidate : the response.
    templates : such as `{stem}_desc-physio_timeseries.tsv`, or with a folder relative to BIDS_DIR, in which `{sub}`,
        `{ses}`, … are the response's entities.
    bids_dir : root of the data set.

    Returns
    -------
    'confounds 1', 'confounds 2', … → path.

    Raises
    ------
    DataError : none fits the response, or several do.
    """
    return {
        f"confounds {number}": _table(candidate, template, bids_dir)
        for number, template in enumerate(templates, start=1)
    }


def _table(candidate: Candidate, template: str, bids_dir: Path) -> Path:
    folder_of, _, name = template.rpartition("/")
    entities = candidate.entries[0].entities
    try:
        folder = bids_dir / folder_of.format(**entities) if folder_of else candidate.path.parent
        start, stem, end = name.partition(STEM)
        start, end = start.format(**entities), end.format(**entities)
    except (KeyError, IndexError, ValueError) as error:
        raise DataError(f"'{template}': the response's name does not say {error}", candidate.label) from None
    if not stem:
        found = [folder / start] if (folder / start).is_file() else []
    else:
        here = [path for path in folder.glob("*") if path.name.startswith(start) and path.name.endswith(end)]
        entries = [_entry(path, start, end) for path in sorted(here)]
        found = [entry.path for entry in best_matches(entries, entities, aside=("desc",))]
    if not found:
        raise DataError(f"no table of confounds fits '{template}'", folder, "correct confounds_files")
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise DataError(f"{len(found)} tables of confounds fit '{template}': {names}", folder)
    return found[0]


def _entry(path: Path, start: str, end: str) -> Entry:
    """By what stands between start and end alone."""
    own = parse_name(path.with_name(path.name[len(start) : len(path.name) - len(end)] + "_x"))
    return Entry(path, own.entities, own.suffix, own.extension)
