"""What a recipe says of one recording: its stimuli, when each began, and where their sound and times lie. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from bids_app.dataset.files.names import same
from bids_app.dataset.files.tables import Table, number
from bids_app.errors import DataError, Undecided
from bids_app.records import (
    RECIPE_ENTITIES,
    EventTime,
    ResponseClock,
    StimulusEvent,
    StimulusRecipe,
    StimulusRule,
    StimulusSource,
    TimedFile,
)
from bids_app.templates import fill

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


@dataclass(frozen=True)
class RecipeAnswer:
    """What was heard, when the response's rows were taken where the recipe says it, and what was assumed."""

    stimuli: tuple[StimulusEvent, ...]
    response: ResponseClock
    warnings: tuple[str, ...] = ()


def answer(recipe: StimulusRecipe, facts: RecordingFacts) -> RecipeAnswer:
    """What a recipe says of one recording.

    Parameters
    ----------
    recipe : rules and a table.
    facts : of the recording.

    Raises
    ------
    DataError : it says nothing of the recording, asks for what no table says, or its rows, templates, patterns and
        events lead to nothing.
    """
    rule = _rule_of(recipe, facts)
    said = row_of(recipe, facts.entities)
    for name, how in rule.asked.items():
        if name not in said:
            raise Undecided(f"the recipe '{recipe.name}' asks for '{name}': {how}", facts.stem, SAID_IN_TABLE)
    one = _Recording(
        rule, facts, said, {**facts.entities, **_ranks(rule, facts), **_groups(rule, "recording", facts.stem), **said}
    )
    if rule.from_events and "sound" not in said:
        return RecipeAnswer(
            tuple(one.sourced(event, f"stimuli/{event.stimulus_id}") for event in one.from_events()), rule.response
        )
    onset_s, warnings = one.onset_s()
    event = StimulusEvent(onset_s, "", one.duration_s(onset_s))
    return RecipeAnswer((one.sourced(event, one.filled(said.get("sound", rule.sound))),), rule.response, warnings)


# --------------------------------------------------------------------------------------------------- rule and row
def _rule_of(recipe: StimulusRecipe, facts: RecordingFacts) -> StimulusRule:
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
    said: dict[str, str] = {}
    rank_of: dict[str, int] = {}
    for row in recipe.table:
        keys = {key: value for key, value in row.items() if key in RECIPE_ENTITIES}
        if not all(key in entities and same(entities[key], value) for key, value in keys.items()):
            continue
        for column, value in row.items():
            if column in keys:
                continue
            if rank_of.get(column, 0) == len(keys) and said[column] != value:
                whose = ", ".join(f"{key}-{value}" for key, value in keys.items())
                raise DataError(
                    f"two rows of the recipe's table say '{column}' of {whose}: {said[column]} and {value}"
                )
            if rank_of.get(column, 0) < len(keys):
                said[column], rank_of[column] = value, len(keys)
    return said


# --------------------------------------------------------------------------------------------------- fields
def _ranks(rule: StimulusRule, facts: RecordingFacts) -> dict[str, str]:
    fields = {}
    for name, rank in rule.ranks.items():
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


def _groups(rule: StimulusRule, over: str, stem: str) -> dict[str, str]:
    """Named groups of a pattern that fits a whole stem."""
    pattern = rule.patterns.get(over)  # type: ignore[call-overload]
    if pattern is None:
        return {}
    found = re.fullmatch(pattern, stem)
    if found is None:
        raise DataError(f"the recipe's pattern over the {over} does not fit '{stem}'", pattern)
    return {name: text for name, text in found.groupdict().items() if text is not None}


# --------------------------------------------------------------------------------------------------- one recording
@dataclass(frozen=True)
class _Recording:
    """A recording under its rule: `said` by the table, `values` of all fields."""

    rule: StimulusRule
    facts: RecordingFacts
    said: Mapping[str, str]
    values: Mapping[str, str]

    def from_events(self) -> tuple[StimulusEvent, ...]:
        """What the events name; a table may move the only one."""
        stimuli = self.facts.stimuli()
        if not {"onset", "duration"} & {*self.said}:
            return stimuli
        if len(stimuli) > 1:
            raise DataError(
                f"the recipe's table moves one of {len(stimuli)} stimuli", self.facts.stem, "say its sound, too"
            )
        onset_s = self.onset_s()[0] if "onset" in self.said else stimuli[0].onset_s
        duration_s = self.duration_s(onset_s) if "duration" in self.said else stimuli[0].duration_s
        return (replace(stimuli[0], onset_s=onset_s, duration_s=duration_s),)

    def onset_s(self) -> tuple[float, tuple[str, ...]]:
        """Seconds on the recording's clock, and what was assumed."""
        if "onset" in self.said:
            return _number(self.said["onset"], "onset", self.facts.stem), ()
        if isinstance(self.rule.onset, EventTime):
            return _event_s(self.rule.onset, self.facts), ()
        if self.rule.onset is None:
            return 0.0, ("nothing says when the sound began: onset 0 s taken",)
        return self.rule.onset, ()

    def duration_s(self, onset_s: float) -> float | None:
        """Seconds that it is heard; None: to the sound's end."""
        if "duration" in self.said:
            duration_s = _number(self.said["duration"], "duration", self.facts.stem)
        elif isinstance(self.rule.duration, EventTime):
            duration_s = _event_s(self.rule.duration, self.facts) - onset_s
        else:
            return self.rule.duration
        if duration_s <= 0:
            raise DataError(
                f"the stimulus would last {duration_s:g} s", self.facts.stem, "its end lies before its onset"
            )
        return duration_s

    def filled(self, template: str | None) -> str | None:
        """A template's text; None for none."""
        return None if template is None else self._fill(template, self.values)

    def _fill(self, template: str, values: Mapping[str, str]) -> str:
        try:
            return fill(template, values)
        except KeyError as error:
            what = f"nothing says what {{{error.args[0]}}} of '{template}' is"
            raise DataError(what, self.facts.stem, SAID_IN_TABLE) from None
        except ValueError as error:
            raise DataError(str(error), self.facts.stem, f"in '{template}' of the recipe") from None

    def sourced(self, event: StimulusEvent, sound: str | None) -> StimulusEvent:
        """The event with where its sound and times lie; its name is its sound's path, else that of its words."""
        own = _groups(self.rule, "sound", PurePosixPath(sound).stem) if sound is not None else {}
        words, phones = (self._timed(kind, {**self.values, **own}) for kind in ("words", "phones"))
        source = StimulusSource(
            sound=sound,
            words=words,
            phones=phones,
            channel=_channel(self.said.get("channel", self.rule.channel)),
            language=self.said.get("language", self.rule.language),
            joiner=self.said.get("joiner", self.rule.joiner),
        )
        name = sound or next((table.path for table in (words, phones) if table), None)
        if name is None:
            raise DataError("the recipe names neither sound nor words", self.facts.stem, SAID_IN_TABLE)
        return replace(event, stimulus_id=name.removeprefix("stimuli/"), source=source)

    def _timed(self, kind: str, values: Mapping[str, str]) -> TimedFile | None:
        """The file of words or phones, its templates filled; a table may name another path."""
        table: TimedFile | None = getattr(self.rule, kind)
        if kind in self.said:
            table = replace(table or TimedFile(""), path=self.said[kind])
        if table is None:
            return None
        return replace(
            table,
            path=self._fill(table.path, values),
            tier=self._fill(table.tier, values) if table.tier else None,
            where=tuple((column, self._fill(cell, values)) for column, cell in table.where),
            through=tuple(self._fill(path, values) for path in table.through),
        )


def _channel(given: str | int | None) -> str | int | None:
    return int(given) if isinstance(given, str) and given.isdecimal() else given


# --------------------------------------------------------------------------------------------------- times
def _number(cell: str, column: str, stem: str) -> float:
    value = number(cell)
    if not math.isfinite(value):
        raise DataError(f"'{cell}' in the recipe's table is no {column} in seconds", stem)
    return value


def _event_s(event: EventTime, facts: RecordingFacts) -> float:
    """The time that the recipe's event names."""
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
