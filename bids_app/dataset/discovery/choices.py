"""Of several files of one run, the one that is its response: which `desc`, which space, which echo or part."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bids_app.dataset.files.candidates import UNKNOWN_SPACE, Candidate

# Best first: fMRIPrep's, that of others, none, XCP-D's.
DESCS = ("preproc", "preprocessed", "", "denoised", "denoisedSmoothed")
CHOSEN_KINDS = (
    "volume",
    "surface",
    "greyordinates",
    "array",
)  # several files of a run differ in how they were processed
PARTIAL: tuple[tuple[str, tuple[str, ...], str], ...] = (  # entity, values that are usable alone, why others are not
    ("echo", (), "a single echo, and there is no combination of echoes"),
    ("part", ("mag",), "not the magnitude of the signal"),
)
TAKE_THEM = "--space n/a takes such files"
Run = tuple[tuple[str, str], ...]


def one_of_each_run(
    candidates: Sequence[Candidate], spaces: Sequence[str], named: frozenset[str]
) -> tuple[list[Candidate], tuple[str, ...]]:
    """The response of each run, kind and space.

    Parameters
    ----------
    candidates : those that options leave.
    spaces : asked for by name.
    named : entities that options or the filter file's query for BOLD name: of these nothing is chosen here.

    Returns
    -------
    Candidates; one whose run has no better file and that is not used has a `problem`. And warnings.
    """
    others = [candidate for candidate in candidates if candidate.kind not in CHOSEN_KINDS]
    bold = [candidate for candidate in candidates if candidate.kind in CHOSEN_KINDS]
    warnings: list[str] = []
    for key, usable, why in PARTIAL:
        if key not in named:
            bold = _whole(bold, key, usable, why)
    if UNKNOWN_SPACE not in spaces:
        bold, about_spaces = _in_named_spaces(bold)
        warnings += about_spaces
    return [*(bold if "desc" in named else _of_one_desc(bold)), *others], tuple(warnings)


def _whole(bold: list[Candidate], key: str, usable: tuple[str, ...], why: str) -> list[Candidate]:
    """Without files of one echo or part where the run has a whole one; else with the reason why they are not used."""
    better = {one.run for one in bold if key not in one.entities}
    reason = f"{why} (a filter file that names {key} takes it)"
    kept = []
    for one in bold:
        if key not in one.entities:
            kept.append(one)
        elif tuple(item for item in one.run if item[0] != key) not in better:
            kept.append(one if one.entities[key] in usable else _refused(one, reason))
    return kept


def _refused(candidate: Candidate, reason: str) -> Candidate:
    return replace(candidate, problem=candidate.problem or reason)


def _in_named_spaces(bold: list[Candidate]) -> tuple[list[Candidate], list[str]]:
    """Files that name no space lie in the scan's own where other files of the participant name one."""
    elsewhere = {_person(one) for one in bold if one.space != UNKNOWN_SPACE}
    there = {one.run for one in bold if one.space != UNKNOWN_SPACE}
    kept, n_dropped = [], 0
    for one in bold:
        if one.space != UNKNOWN_SPACE or _person(one) not in elsewhere:
            kept.append(one)
        elif one.run in there:
            n_dropped += 1
        else:
            kept.append(_refused(one, f"its name has no space-, others of the participant do ({TAKE_THEM})"))
    line = f"{n_dropped} BOLD files have no space- in their names and others of their runs do: left out ({TAKE_THEM})"
    return kept, [line] if n_dropped else []


def _person(candidate: Candidate) -> str:
    return candidate.entities["sub"]


def _of_one_desc(bold: Iterable[Candidate]) -> Iterator[Candidate]:
    """Of each participant's task, kind and space the files of one `desc`, the same one for all runs."""
    groups: dict[object, list[Candidate]] = defaultdict(list)
    for one in bold:
        groups[_person(one), one.kind, one.space, one.entities.get("task")].append(one)
    for alike in groups.values():
        yield from _one_desc(alike)


def _one_desc(alike: list[Candidate]) -> Iterator[Candidate]:
    labels = {_desc(one) for one in alike}
    best = next((label for label in DESCS if label in labels), None)
    if best is None and len(labels) > 1:
        reason = f"there are {_listed(labels)}, and none is the usual one: choose with --desc LABEL"
        yield from (_refused(one, reason) for one in alike)
        return
    chosen = labels.pop() if best is None else best
    of_run: dict[Run, set[str]] = defaultdict(set)
    for one in alike:
        of_run[one.run].add(_desc(one))
    for one in alike:
        there = of_run[one.run]
        if _desc(one) != chosen and chosen not in there:
            reason = f"only {_listed(there)} of this run, {_named(chosen)} of others (--desc LABEL chooses)"
            yield _refused(one, reason)
        elif _desc(one) == chosen:
            yield replace(one, notes=(*one.notes, *_about_desc(chosen, there)))


def _about_desc(chosen: str, there: set[str]) -> Iterator[str]:
    if len(there) > 1:
        yield f"{_named(chosen)} taken, there is also {_listed(there - {chosen})} (--desc LABEL chooses)"
    elif chosen not in DESCS:
        yield f"{_named(chosen)} taken, as there is no {_named(DESCS[0])}"


def _desc(candidate: Candidate) -> str:
    return candidate.entities.get("desc", "")


def _named(label: str) -> str:
    return f"desc-{label}" if label else "a file without desc-"


def _listed(labels: Iterable[str]) -> str:
    return ", ".join(map(_named, sorted(labels)))
