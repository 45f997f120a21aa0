"""Which file belongs to which: the one whose entities contradict the other's in nothing and agree with most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bids_app.dataset.files.names import Entry, same

# What a file about a run must not name where the response does not: it would be of another run.
ALWAYS_NAMED = frozenset({"sub", "ses", "task", "run"})


def best_matches(entries: Iterable[Entry], entities: Mapping[str, str], aside: Iterable[str] = ()) -> list[Entry]:
    """Files of a response: more than one where several fit equally well, none where none fits.

    A file fits whose name contradicts the response's in no entity, known to a list or not; it may lack some, and name
    others that the response lacks, but for `ALWAYS_NAMED`. The best one agrees in most, then names fewest others.

    Parameters
    ----------
    entries : files to choose from.
    entities : of the response.
    aside : entities that mean something else in the two names, such as `desc`.
    """
    scored = [
        (score, entry)
        for entry in entries
        if (score := _score(entry.entities, entities, frozenset(aside))) is not None
    ]
    best = max((score for score, _ in scored), default=None)
    return [entry for score, entry in scored if score == best]


def _score(names: Mapping[str, str], entities: Mapping[str, str], aside: frozenset[str]) -> tuple[int, int] | None:
    """(entities in which both agree, −entities that the response lacks); None where they contradict."""
    told = {key: value for key, value in names.items() if key not in aside}
    shared = [key for key in told if key in entities]
    beyond = told.keys() - entities.keys()
    if beyond & ALWAYS_NAMED or not all(same(told[key], entities[key]) for key in shared):
        return None
    return len(shared), -len(beyond)
