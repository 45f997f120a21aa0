"""Records ↔ JSON: the only place where summaries are written as JSON and made from it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from bids_app.errors import ReadWriteError
from bids_app.outputs.files.files import json_text, plain, read_json
from bids_app.records import SUMMARY_FORMAT, GroupSummary, RecordingAccount, UnitSummary
from bids_app.records.fits import SavedSummary
from bids_app.records.regions.scores import RegionsSummary

Summary = TypeVar("Summary", UnitSummary, GroupSummary, SavedSummary, RegionsSummary)
PROOF = "sha256"  # of all else in a summary
LEVELS = {
    UnitSummary: "participant",
    GroupSummary: "group",
    SavedSummary: "participant",
    RegionsSummary: "participant",
}  # the analysis level that writes them


def to_json(record: Any) -> dict[str, Any]:
    """A frozen dataclass as JSON knows it: objects, lists, text, numbers; NaN becomes null."""
    return dict(plain(record))


def summary_text(record: UnitSummary | GroupSummary | SavedSummary | RegionsSummary) -> str:
    """A summary as it is written: JSON that ends with the hash of all that stands before it."""
    content = to_json(record)
    return json_text({**content, PROOF: hash_of(content)})


def hash_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of JSON, however it is laid out.

    Parameters
    ----------
    content : as JSON has it.
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def from_json(kind: type[Summary], content: Mapping[str, Any]) -> Summary:
    """The record that `to_json` was made of, None for NaN.

    Parameters
    ----------
    kind : its type.
    content : as JSON has it.

    Raises
    ------
    ValueError : in one line, where a key is unknown, absent, or has a value of another type.
    """
    from pydantic import ValidationError

    try:
        record: Summary = _adapters()[kind].validate_python((content,))[0]
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"][1:]))
        raise ValueError(f"{place}: {first['msg']}") from None
    if to_json(record) != content:  # a default would stand in for what was never written
        raise ValueError("a key is absent, or a value of another type")
    return record


def read_summary(path: Path, kind: type[Summary]) -> Summary:
    """A summary in OUT_DIR/logs.

    Parameters
    ----------
    path : of the file.
    kind : which summary it is.

    Raises
    ------
    ReadWriteError : where it is absent, broken, changed since it was written, or of another format: it is never
        misread.
    """
    content = read_json(path)
    proof = content.pop(PROOF, None)
    again = f"run the {LEVELS[kind]} level again"
    if (written := content.get("format")) != SUMMARY_FORMAT:
        what = f"written by another version of concord (format {written or 'none'}, this one reads {SUMMARY_FORMAT})"
        raise ReadWriteError(what, path, again)
    if proof != hash_of(content):
        raise ReadWriteError("changed since concord wrote it", path, again)
    try:
        return from_json(kind, content)
    except ValueError as error:
        raise ReadWriteError(f"not a summary as concord writes it ({error})", path, again) from None


def account_from_json(content: object) -> RecordingAccount | None:
    """The account that `to_json` was made of; None where it is not one."""
    from pydantic import ValidationError

    try:
        record: RecordingAccount = _adapters()[RecordingAccount].validate_python((content,))[0]
    except ValidationError:
        return None
    return record


@cache
def _adapters() -> Mapping[Any, Any]:
    """Of tuples of one: pydantic takes settings for what holds dataclasses, and passes them on to all of them."""
    from pydantic import ConfigDict, TypeAdapter

    config = ConfigDict(extra="forbid")
    return {
        UnitSummary: TypeAdapter(tuple[UnitSummary], config=config),
        GroupSummary: TypeAdapter(tuple[GroupSummary], config=config),
        SavedSummary: TypeAdapter(tuple[SavedSummary], config=config),
        RegionsSummary: TypeAdapter(tuple[RegionsSummary], config=config),
        RecordingAccount: TypeAdapter(tuple[RecordingAccount], config=config),
    }
