"""Which of the responses that are there are wanted: by labels, filter file, modality, space; then one of each run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from bids_app.dataset.discovery.choices import one_of_each_run
from bids_app.dataset.discovery.companions import electrode_files
from bids_app.dataset.discovery.filters import hint
from bids_app.dataset.discovery.roots import listed
from bids_app.dataset.files.candidates import UNKNOWN_SPACE, Candidate
from bids_app.dataset.files.layout import Index
from bids_app.errors import NothingMatched
from bids_app.records import RecordingQuery

Filters = Mapping[str, dict[str, object]]
STATE_IT = "--unnamed-space LABEL states it"


def select(
    candidates: Iterable[Candidate], query: RecordingQuery, filters: Filters, raw: Index
) -> tuple[list[Candidate], tuple[str, ...]]:
    """Responses that are wanted, one of each run, kind and space.

    Parameters
    ----------
    candidates : all that are there.
    query : labels, modality, spaces and `desc` asked for.
    filters : of the filter file, resolved.
    raw : files of the raw data set.

    Returns
    -------
    Candidates, some with a `problem`; and warnings.

    Raises
    ------
    NothingMatched : something asked for is not there.
    """
    candidates = [_in_stated_space(candidate, query.unnamed_space) for candidate in candidates]
    kept = [candidate for candidate in candidates if query.modality in ("auto", candidate.modality)]
    _require(kept, f"no {query.modality} responses", (candidate.modality for candidate in candidates))
    for name, key, asked in (("session", "ses", query.sessions), ("task", "task", query.tasks)):
        offered = {candidate.entities[key] for candidate in kept if key in candidate.entities}
        kept = [candidate for candidate in kept if not asked or candidate.entities.get(key) in asked]
        _require(kept, f"no response of {name} {', '.join(asked)}", offered)
    kept, about_filters = _filtered(kept, filters)
    kept, about_spaces = _in_spaces(kept, query, raw)
    kept = _of_desc(kept, query.desc)
    named = frozenset(filters.get("bold", {})) | (frozenset() if query.desc is None else {"desc"})
    kept, about_choices = one_of_each_run(kept, query.spaces, named)
    return kept, about_filters + about_spaces + about_choices


def _require(left: Sequence[object], complaint: str, offered: Iterable[str]) -> None:
    if not left:
        raise NothingMatched(complaint, "", f"there are {listed(sorted(set(offered)))}")


def _in_stated_space(candidate: Candidate, stated: str | None) -> Candidate:
    """BOLD whose name has no `space-`, in the space that the user says it is in."""
    if candidate.space != UNKNOWN_SPACE:
        return candidate
    if stated is None:
        return replace(candidate, notes=(f"space unknown: its name has no space- ({STATE_IT})",))
    entities = {**candidate.entities, "space": stated}
    note = f"its name has no space-: taken to be in {stated}, as stated"
    return replace(candidate, space=stated, entities=entities, notes=(note,))


def _filtered(candidates: list[Candidate], filters: Filters) -> tuple[list[Candidate], tuple[str, ...]]:
    """Candidates that match the filter file, and a warning for a query that matches nothing beside another that
    does."""
    warnings: list[str] = []
    kept = candidates
    for name, modality in (("bold", "fmri"), ("ieeg", "ieeg")):
        concerned = [candidate for candidate in kept if candidate.modality == modality]
        if not filters.get(name) or not concerned:
            continue
        indexes = {candidate.index.name: candidate.index for candidate in concerned}
        matched = {label: index.matching(filters[name]) for label, index in indexes.items()}
        matching = {id(c) for c in concerned if all(entry.path in matched[c.index.name] for entry in c.entries)}
        warnings += (
            [] if matching else [f"query '{name}' of the filter file matches none of {len(concerned)} responses"]
        )
        kept = [candidate for candidate in kept if candidate.modality != modality or id(candidate) in matching]
    if not kept:
        raise NothingMatched("the filter file matches no response", "", "; ".join(warnings))
    return kept, tuple(warnings)


def _in_spaces(
    candidates: list[Candidate], query: RecordingQuery, raw: Index
) -> tuple[list[Candidate], tuple[str, ...]]:
    """Candidates in one of the spaces asked for. A participant's iEEG stays beside their own BOLD in one of them,
    unless that is a space of their electrodes too, or iEEG alone was asked for."""
    if not query.spaces:
        return candidates, ()
    asked = set(query.spaces)
    spaces = {id(one): {one.space} if one.space else _electrode_spaces(one, raw) for one in candidates}
    offered = set[str]().union(*spaces.values())
    unknown = [space for space in query.spaces if space not in offered]
    unnamed = "; n/a: names without space-, " + STATE_IT if UNKNOWN_SPACE in offered else ""
    if len(unknown) == len(query.spaces):
        raise NothingMatched(f"no response in space {', '.join(unknown)}", "", hint(unknown[0], offered) + unnamed)
    bold_there = [one for one in candidates if one.modality == "ieeg" or spaces[id(one)] & asked]
    kept = _of_each_person(bold_there, lambda one: bool(spaces[id(one)] & asked))
    return kept, tuple(f"no response in space {space} ({hint(space, offered)}{unnamed})" for space in unknown)


def _of_each_person(candidates: list[Candidate], is_asked: Callable[[Candidate], bool]) -> list[Candidate]:
    """What was asked for of each participant, whoever else is there. Where that is of one modality alone, what they
    have of the other stays as it is: the question was not about it."""
    asked = {(one.entities["sub"], one.modality) for one in candidates if is_asked(one)}
    people = {person for person, _ in asked}
    return [
        one for one in candidates
        if (is_asked(one) if (one.entities["sub"], one.modality) in asked else one.entities["sub"] in people)
    ]  # fmt: skip


def _electrode_spaces(candidate: Candidate, raw: Index) -> set[str]:
    return set(electrode_files(candidate, candidate.index)) | set(electrode_files(candidate, raw))


def _of_desc(candidates: list[Candidate], asked: str | None) -> list[Candidate]:
    """Responses whose `desc` was asked for."""
    if asked is None:
        return candidates
    label = "" if asked == "n/a" else asked
    offered = {one.entities.get("desc", "n/a") for one in candidates}
    kept = _of_each_person(candidates, lambda one: one.entities.get("desc", "") == label)
    _require(kept, f"no response of desc-{asked}", offered)
    return kept
