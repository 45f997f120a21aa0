"""What a recipe says of one recording: its stimuli, when each began, and where their sound and times lie. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from bids_app.dataset.files.tables import Table
from bids_app.dataset.stimuli.recipe_lookups import (
    SAID_IN_TABLE,
    RecordingFacts,
    event_s,
    groups_of,
    ranks_of,
    row_of,
    rule_of,
    seconds_of,
)
from bids_app.errors import DataError, Undecided
from bids_app.records import (
    EventTime,
    ResponseClock,
    StimulusEvent,
    StimulusRecipe,
    StimulusRule,
    StimulusSource,
    TimedFile,
)
from bids_app.templates import fields_of, fill


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
    rule = rule_of(recipe, facts)
    said = row_of(recipe, facts.entities)
    for name, how in rule.asked.items():
        if name not in said:
            raise Undecided(f"the recipe '{recipe.name}' asks for '{name}': {how}", facts.stem, SAID_IN_TABLE)
    made = {**ranks_of(rule, facts, said), **groups_of(rule, "recording", facts.stem)}
    one = _Recording(rule, facts, said, {**facts.entities, **made, **said})
    if rule.from_events and "sound" not in said:
        return RecipeAnswer(
            tuple(one.sourced(event, f"stimuli/{event.stimulus_id}") for event in one.from_events()), rule.response
        )
    onset_s, warnings = one.onset_s()
    event = StimulusEvent(onset_s, "", one.duration_s(onset_s))
    return RecipeAnswer((one.sourced(event, one.filled(said.get("sound", rule.sound))),), rule.response, warnings)


def source_of_sound(rule: StimulusRule, stimulus_id: str) -> StimulusSource | None:
    """Where the times of a sound lie that events name, as far as its name alone says it; else None.

    Parameters
    ----------
    rule : of a recipe.
    stimulus_id : path of the sound relative to /stimuli.
    """
    facts = RecordingFacts({}, "", {}, lambda: Table((), ()), lambda: ())
    try:
        event = _Recording(rule, facts, {}, {}).sourced(StimulusEvent(0.0, stimulus_id), f"stimuli/{stimulus_id}")
    except DataError:
        return None
    return event.source if rule.from_events else None


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
            return seconds_of(self.said["onset"], "onset", self.facts.stem), ()
        if isinstance(self.rule.onset, EventTime):
            return event_s(self.rule.onset, self.facts), ()
        if self.rule.onset is None:
            return 0.0, ("nothing says when the sound began: onset 0 s taken",)
        return self.rule.onset, ()

    def duration_s(self, onset_s: float) -> float | None:
        """Seconds that it is heard; None: to the sound's end."""
        if "duration" in self.said:
            duration_s = seconds_of(self.said["duration"], "duration", self.facts.stem)
        elif isinstance(self.rule.duration, EventTime):
            duration_s = event_s(self.rule.duration, self.facts) - onset_s
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
        own = groups_of(self.rule, "sound", PurePosixPath(sound).stem) if sound is not None else {}
        words, phones = (self._timed(kind, {**self.values, **own}) for kind in ("words", "phones"))
        source = StimulusSource(
            sound=sound,
            words=words,
            phones=phones,
            channel=_channel(self.said.get("channel", self.rule.channel)),
            language=self.said.get("language", self.rule.language),
            joiner=self.rule.joiner,
        )
        name = sound or next((table.path for table in (words, phones) if table), None)
        if name is None:
            raise DataError("the recipe names neither sound nor words", self.facts.stem, SAID_IN_TABLE)
        return replace(event, stimulus_id=self._unique(name.removeprefix("stimuli/"), source, own), source=source)

    def _unique(self, name: str, source: StimulusSource, own: Mapping[str, str]) -> str:
        """With the words' own name, where the sound alone does not say which words are meant."""
        of_sound = {*own, *fields_of(self.rule.sound or "")}
        files = (("words", source.words, self.rule.words), ("phones", source.phones, self.rule.phones))
        others = [
            file.name for kind, file, template in files
            if file is not None and source.sound is not None
            and (kind in self.said or template is None or not {*template_fields(template)} <= of_sound)
        ]  # fmt: skip
        return " with ".join((name, *dict.fromkeys(others)))

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


def template_fields(file: TimedFile) -> tuple[str, ...]:
    """Fields of all that a file's entry fills in."""
    texts = (file.path, file.tier or "", *(pattern for _, pattern in file.where), *file.through)
    return tuple(name for text in texts for name in fields_of(text))
