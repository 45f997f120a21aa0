"""fMRIPrep's filter file, labels and spaces: what of the candidates is wanted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from bids_app.dataset.files.layout import CONFIG, pybids
from bids_app.errors import UsageError, did_you_mean
from bids_app.records import RecordingQuery

RESPONSES = ("bold", "ieeg")
# Queries of fMRIPrep's own that concern no response: a shared filter file is no mistake.
OTHER_QUERIES = {"fmap", "sbref", "flair", "t1w", "t2w", "roi", "dwi", "pet", "asl", "meg", "eeg"}
LONG_KEYS = {
    "sub": "subject", "ses": "session", "acq": "acquisition", "ce": "ceagent", "rec": "reconstruction",
    "dir": "direction", "segmentation": "seg", "resolution": "res", "density": "den",
}  # fmt: skip
# `suffix: bold` and `datatype: func` say again what the query's name says; parcels and surfaces are responses too.
IMPLIED = {"suffix": {"bold", "ieeg"}, "datatype": {"func", "ieeg"}}


def known_entities() -> frozenset[str]:
    """The entities a filter may name."""
    return frozenset(entity["name"] for entity in json.loads(CONFIG.read_text(encoding="utf-8"))["entities"])


def response_filters(query: RecordingQuery) -> dict[str, dict[str, Any]]:
    """pybids filters for 'bold' and 'ieeg', long keys, Query values resolved.

    Raises UsageError for unknown queries or entities and where a filter contradicts a label.
    """
    for name in query.filters:
        if name not in RESPONSES and name.lower() not in OTHER_QUERIES:
            raise UsageError(f"unknown query '{name}' in the filter file", "", hint(name, RESPONSES))
    resolved = {name: _resolve(name, query.filters[name]) for name in RESPONSES if name in query.filters}
    for name, filters in resolved.items():
        _require_agreement(name, filters, query)
    return resolved


def _resolve(name: str, filters: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(filters, Mapping):
        raise UsageError(f"query '{name}' of the filter file is not an object", "", 'write {"bold": {"run": 1}}')
    known = known_entities()
    resolved = {}
    for key, value in filters.items():
        long = LONG_KEYS.get(key, key)
        if long not in known and long != "regex_search":
            raise UsageError(f"unknown entity '{key}' in query '{name}' of the filter file", "", hint(key, known))
        if not _values(value) <= IMPLIED.get(long, set()):
            resolved[long] = _query_value(value)
    return resolved


def _values(value: Any) -> set[str]:
    return {str(item) for item in value} if isinstance(value, list) else {str(value)}


def _query_value(value: Any) -> Any:
    """null and 'Query.NONE' → Query.NONE; '*' and 'Query.ANY' → Query.ANY, as in fMRIPrep."""
    query = pybids().Query

    if isinstance(value, list):
        return [_query_value(item) for item in value]
    if value is None:
        return query.NONE
    if value == "*":
        return query.ANY
    if isinstance(value, str) and "Query." in value:
        member = value.split("Query.")[1].split(":")[0].strip(" >")
        if member not in query.__members__:
            raise UsageError(f"unknown value '{value}' in the filter file", "", hint(member, query.__members__))
        return query[member]
    return value


def _require_agreement(name: str, filters: Mapping[str, Any], query: RecordingQuery) -> None:
    labels = {"subject": query.participants, "session": query.sessions, "task": query.tasks}
    for key, asked in labels.items():
        wanted = filters.get(key)
        names = [item for item in (wanted if isinstance(wanted, list) else [wanted]) if isinstance(item, str | int)]
        nothing_else = key in filters and (names or "NONE" in str(wanted))
        if asked and nothing_else and not {str(item) for item in names} & set(asked):
            raise UsageError(
                f"the filter file asks for {key} {_shown(wanted)}, the command line for {', '.join(asked)}",
                f"query '{name}'",
                "drop one of them",
            )


def _shown(wanted: Any) -> str:
    return ", ".join(str(item) for item in (wanted if isinstance(wanted, list) else [wanted]))


def hint(wrong: str, right: Iterable[str]) -> str:
    """Advice on a name that is not there: `did you mean 'x'? there are …`.

    Parameters
    ----------
    wrong : what was written.
    right : what is there.
    """
    names = sorted(right)
    available = f"there are {', '.join(names)}" if names else "there are none"
    return f"{did_you_mean(wrong, names)} {available}".strip()
