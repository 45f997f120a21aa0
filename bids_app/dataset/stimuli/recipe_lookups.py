"""What rules, tables, ranks, patterns and events of a recipe say of one recording. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from bids_app.dataset.files.names import same
from bids_app.dataset.files.tables import Table, number
from bids_app.errors import DataError, Undecided
from bids_app.records import RECIPE_ENTITIES, EventTime, StimulusEvent, StimulusRecipe, StimulusRule

SAID_IN_TABLE = (
    "give --stimuli-table FILE, a TSV or CSV with a header of entities (sub, task, run, …) and what is asked"
)


@dataclass(frozen=True)
class RecordingFacts:
    """What a recipe may ask of a recording.

    entities : short key → value. file : the response's name. labels : entity → its values over all of
    the participant's recordings of the same task. events : reads the rows of its events file. stimuli : reads what
    these name as played.
    """

    entities: Mapping[str, str]
    file: str
    labels: Mapping[str, Sequence[str]]
    events: Callable[[], Table]
    stimuli: Callable[[], tuple[StimulusEvent, ...]]

    @property
    def stem(self) -> str:
        """The file's name without extension."""
        return self.file.partition(".")[0]


# --------------------------------------------------------------------------------------------------- rule and row
def rule_of(recipe: StimulusRecipe, facts: RecordingFacts) -> StimulusRule:
    """The first rule that fits a recording.

    Parameters
    ----------
    recipe : with its rules.
    facts : of the recording.

    Raises
    ------
    DataError : none does.
    """
    entities = facts.entities
    for rule in recipe.rules:
        fits = all(_matches(entities.get(key), patterns) for key, patterns in rule.recordings.items())
        if fits and (not rule.files or any(fnmatchcase(facts.file, pattern) for pattern in rule.files)):
            return rule
    told = " ".join(f"{key}-{entities[key]}" for key in ("task", "run") if key in entities)
    raise DataError(f"the recipe '{recipe.name}' has no rule for {told or 'this recording'}")


def _matches(value: str | None, patterns: Sequence[str]) -> bool:
    return value is not None and any(fnmatchcase(value, pattern) or same(value, pattern) for pattern in patterns)


def row_of(recipe: StimulusRecipe, entities: Mapping[str, str]) -> dict[str, str]:
    """What the recipe's table says of a recording: of the rows that fit it, those that name more entities win.

    Parameters
    ----------
    recipe : with its table.
    entities : of the recording.

    Raises
    ------
    DataError : two rows that name as many entities say different things.
    """
    found: dict[str, dict[int, dict[str, None]]] = {}  # column → entities named → values
    for row in recipe.table:
        keys = [key for key in row if key in RECIPE_ENTITIES]
        if all(key in entities and same(entities[key], row[key]) for key in keys):
            for column in row.keys() - {*keys}:
                found.setdefault(column, {}).setdefault(len(keys), {})[row[column]] = None
    said: dict[str, str] = {}
    for column in sorted(found):
        values = list(found[column][max(found[column])])
        if len(values) > 1:
            whose = " ".join(f"{key}-{entities[key]}" for key in ("sub", "task", "run") if key in entities)
            raise DataError(f"rows of the recipe's table say '{column}' of {whose} twice: {' and '.join(values)}")
        said[column] = values[0]
    return said


# --------------------------------------------------------------------------------------------------- fields
def ranks_of(rule: StimulusRule, facts: RecordingFacts, said: Mapping[str, str]) -> dict[str, str]:
    """Fields that are ranks of a number among the participant's.

    Parameters
    ----------
    rule : that names them.
    facts : of the recording.
    said : by the table, which needs no rank.

    Raises
    ------
    Undecided : there are not as many numbers as the rule expects.
    """
    fields = {}
    for name, rank in rule.ranks.items():
        if name in said:
            continue
        numbers = sorted({int(label) for label in facts.labels.get(rank.of, ()) if label.isdecimal()})
        own = facts.entities.get(rank.of, "")
        if len(numbers) != rank.among or not own.isdecimal():
            there = ", ".join(map(str, numbers)) or "none"
            raise Undecided(
                f"the {name} is the rank of the {rank.of} among {rank.among}, and {rank.of} numbers are {there}",
                facts.stem,
                f"say it in a table with the columns sub, {rank.of} and {name}, given with --stimuli-table",
            )
        fields[name] = str(numbers.index(int(own)) + 1)
    return fields


def groups_of(rule: StimulusRule, over: Literal["recording", "sound"], stem: str) -> dict[str, str]:
    """Fields that are named groups of the rule's pattern.

    Parameters
    ----------
    rule : with its patterns.
    over, stem : which one, and the name that it fits as a whole.

    Raises
    ------
    DataError : it does not.
    """
    pattern = rule.patterns.get(over)
    if pattern is None:
        return {}
    found = re.fullmatch(pattern, stem)
    if found is None:
        raise DataError(f"the recipe's pattern over the {over} does not fit '{stem}'", pattern)
    return {name: text for name, text in found.groupdict().items() if text is not None}


# --------------------------------------------------------------------------------------------------- times
def seconds_of(cell: str, column: str, stem: str) -> float:
    """A time of the recipe's table.

    Parameters
    ----------
    cell, column : where it stands.
    stem : the recording, for the error.

    Raises
    ------
    DataError : it is no number.
    """
    value = number(cell)
    if not math.isfinite(value):
        raise DataError(f"'{cell}' in the recipe's table is no {column} in seconds", stem)
    return value


def event_s(event: EventTime, facts: RecordingFacts) -> float:
    """The time that an event of a recipe names, in seconds.

    Parameters
    ----------
    event : which row, and its column.
    facts : of the recording, with its events.

    Raises
    ------
    DataError : there is no such row, or no number in it.
    """
    table = facts.events()
    told = ", ".join(f"{column} '{pattern}'" for column, pattern in event.where)
    cells = {column: table.column(_plain(column)) for column, _ in event.where}
    rows = [
        row for row in range(len(table.rows))
        if all(fnmatchcase(cells[column][row], pattern) for column, pattern in event.where)
    ]  # fmt: skip
    if not rows or (isinstance(event.row, int) and event.row > len(rows)):
        kinds = ", ".join(sorted({*table.column(_plain(event.where[0][0]))} - {""})[:20]) or "none"
        raise DataError(
            f"{len(rows)} events have {told}", facts.stem, f"the recipe takes its time from one; there are {kinds}"
        )
    if event.row == "only" and len(rows) > 1:
        raise DataError(f"{len(rows)} events have {told}, the recipe takes the only one", facts.stem)
    chosen = rows[event.row - 1 if isinstance(event.row, int) else {"first": 0, "last": -1, "only": 0}[event.row]]
    cell = table.column(_plain(event.column))[chosen]
    if not math.isfinite(number(cell)):
        raise DataError(f"the event with {told} has '{cell}' as {event.column}", facts.stem, "a number of seconds")
    return number(cell) + event.shift_s


def _plain(column: str) -> str:
    """As tables spell their columns."""
    return re.sub(r"[^0-9a-z_]", "", column.lower())
