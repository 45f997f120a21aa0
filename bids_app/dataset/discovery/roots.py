"""Which folders are read: the data set, its derivatives and the participants in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bids_app.dataset.files.candidates import RAW
from bids_app.dataset.files.layout import read_json
from bids_app.errors import DataError, NoInput, NotBids, NothingMatched
from bids_app.inputs.homes import is_inside
from bids_app.inputs.opening import JSON, check_input
from bids_app.pointers import how_to_install, is_there
from bids_app.records import RecordingQuery
from bids_app.records.entities import LABEL

DESCRIPTION = "dataset_description.json"
OWN_NAMES = {"concord", "bids-concord"}


def require_description(bids_dir: Path) -> dict[str, Any]:
    """The description of BIDS_DIR. Raises NoInput where there is no such folder, NotBids without a description."""
    if not bids_dir.is_dir():
        raise NoInput("no such folder", bids_dir, "BIDS_DIR is the root of a BIDS data set")
    if not is_there(bids_dir / DESCRIPTION):
        raise NotBids(f"not a BIDS data set: no {DESCRIPTION}", bids_dir, "BIDS_DIR is the root of a BIDS data set")
    try:
        check_input(bids_dir / DESCRIPTION, JSON)
    except DataError as error:
        raise NotBids(error.what, error.where, error.hint) from error
    try:
        return read_json(bids_dir / DESCRIPTION)
    except DataError as error:
        raise NotBids(f"not a BIDS data set: {error.what}", error.where, f"repair {DESCRIPTION}") from error


def is_derivative(description: Mapping[str, Any]) -> bool:
    """Whether a data set says that it was derived from another."""
    return str(description.get("DatasetType", "raw")).lower() == "derivative"


def raw_name(description: Mapping[str, Any], bids_dir: Path) -> str:
    """The name of BIDS_DIR in BIDS URIs.

    Parameters
    ----------
    description : its dataset_description.json.
    bids_dir : its root.
    """
    return safe_name(bids_dir.resolve().name) if is_derivative(description) else RAW


def safe_name(name: str) -> str:
    """A data set's name as DatasetLinks allow it: letters, digits, - and _."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "derivative"


def derivative_roots(
    query: RecordingQuery, description: Mapping[str, Any]
) -> tuple[dict[str, Path], tuple[str, ...], tuple[str, ...]]:
    """Every data set with responses. Output of this program is never among them.

    Parameters
    ----------
    query : BIDS_DIR, OUT_DIR and the derivatives named on the command line.
    description : of BIDS_DIR, which may be a derivative itself.

    Returns
    -------
    Name → root, warnings, and a line on each data set that is not read as it lies behind a link.

    Raises
    ------
    NoInput : a given path does not exist, or nothing remains.
    """
    offered = _given(query.derivatives) if query.derivatives else _beside(query.bids_dir, description)
    roots: dict[str, Path] = {}
    warnings: list[str] = []
    linked: list[str] = []
    for name, root in offered:
        refusal = _refusal(root, query.out_dir)
        if refusal:
            warnings += [f"{root}: {refusal}, not taken as input"] if query.derivatives else []
        elif not is_inside(root):
            linked.append(
                f"{root}: a link out of BIDS_DIR, not taken as input (-d {os.path.realpath(root)} names it)"
            )
        elif root.resolve() not in {taken.resolve() for taken in roots.values()}:
            roots[_unused(name, roots)] = root
    if not roots:
        advice = "; ".join(linked) or _not_installed(query.bids_dir) or _ADVICE
        raise NoInput("no derivatives to take responses from", query.bids_dir, advice)
    return roots, tuple(warnings), tuple(linked)


def _not_installed(bids_dir: Path) -> str:
    """What installs the derivatives that lie in BIDS_DIR as empty folders of data sets within it."""
    folder = bids_dir / "derivatives"
    inner = [path for path in [folder, *(folder.iterdir() if folder.is_dir() else ())] if path.is_dir()]
    return next((advice for path in sorted(inner) if (advice := how_to_install(path / DESCRIPTION))), "")


_ADVICE = (
    "name them with -d, for example -d fmriprep=/data/derivatives/fmriprep; raw iEEG is read where BIDS_DIR itself "
    "is named, -d raw=BIDS_DIR"
)


def _given(derivatives: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    for name, root in derivatives.items():
        if not root.is_dir():
            raise NoInput("no such derivative folder", root, "-d takes the root of a derivative data set")
        inner = [] if _holds_data(root) else [path for path in sorted(root.iterdir()) if _holds_data(path)]
        if not inner and not _holds_data(root):
            advice = how_to_install(root / DESCRIPTION) or "it has no sub-* folder"
            raise NoInput("no data set in the derivative folder", root, advice)
        yield from ((path.name, path) for path in inner) if inner else [(name, root)]


def _beside(bids_dir: Path, description: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """BIDS_DIR itself where it is a derivative, then every data set in BIDS_DIR/derivatives."""
    if is_derivative(description):
        yield bids_dir.resolve().name, bids_dir
    folder = bids_dir / "derivatives"
    if folder.is_dir():
        yield from ((path.name, path) for path in [folder, *sorted(folder.iterdir())] if _holds_data(path))


def _holds_data(path: Path) -> bool:
    return path.is_dir() and any(path.glob("sub-*"))


def _refusal(root: Path, out_dir: Path) -> str:
    if root.resolve() == out_dir.resolve():
        return "it is OUT_DIR"
    try:
        makers = read_json(root / DESCRIPTION).get("GeneratedBy", []) if (root / DESCRIPTION).is_file() else []
    except DataError:
        return ""  # a derivative's own validity is never required
    named = [maker for maker in makers if isinstance(maker, dict)] if isinstance(makers, list) else []
    names = {str(maker.get("Name", "")).lower() for maker in named}
    return "Concord made it" if names & OWN_NAMES else ""


def _unused(name: str, taken: Mapping[str, Path]) -> str:
    base = safe_name(name)
    names = [base, *(f"{base}{number}" for number in range(2, len(taken) + 3))]
    return next(free for free in names if free not in taken and free != RAW)


def participants_of(roots: Iterable[Path]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels of all participants who have a folder in any of the data sets, sorted; and a warning for each folder
    whose label is none of BIDS."""
    folders = [folder for root in roots for folder in root.glob("sub-*") if folder.is_dir()]
    labels = {folder: folder.name.removeprefix("sub-") for folder in folders}
    odd = sorted(folder for folder, label in labels.items() if not LABEL.fullmatch(label))
    told = tuple(f"{str(folder)!a}: its label has more than letters and digits, left out" for folder in odd)
    return tuple(sorted({label for label in labels.values() if LABEL.fullmatch(label)})), told


def choose_participants(query: RecordingQuery, available: tuple[str, ...]) -> tuple[str, ...]:
    """The participants asked for.

    Parameters
    ----------
    query : labels wanted and labels left out.
    available : labels that are there.

    Raises
    ------
    NothingMatched : one is not there, or none remains.
    """
    missing = [label for label in query.participants if label not in available]
    if missing:
        raise NothingMatched(f"no such participant: {', '.join(missing)}", "", f"there are {listed(available)}")
    chosen = tuple(
        label
        for label in available
        if (not query.participants or label in query.participants) and label not in query.excluded_participants
    )
    if not chosen:
        raise NothingMatched("no participant remains", query.bids_dir, f"there are {listed(available)}")
    return chosen


def listed(labels: Iterable[str], most: int = 40) -> str:
    """Labels as shown in one line; 'none' where there are none.

    Parameters
    ----------
    labels : in order.
    most : how many are shown.
    """
    labels = list(labels)
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more if labels else "none"
