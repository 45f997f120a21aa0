"""A `--stimuli` recipe, typed: rules by entities, templates and tables; and the analysis's own section of stimuli."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, field_validator, model_validator

from bids_app.errors import did_you_mean
from bids_app.records import (
    RECIPE_ENTITIES,
    RECIPE_OVERRIDES,
    EventTime,
    Rank,
    ResponseClock,
    ResponseFiles,
    StimulusRecipe,
    StimulusRule,
    TimedFile,
)
from bids_app.settings.sections import Settings
from bids_app.templates import fields_of


def _text(given: Any) -> Any:
    """`run: 1` and `run: "1"` are the same."""
    return str(given) if isinstance(given, int | float) and not isinstance(given, bool) else given


def _several(given: Any) -> Any:
    return given if isinstance(given, list | tuple) else [given]


def _template(given: str) -> str:
    fields_of(given)
    return given


def _as_file(given: Any) -> Any:
    return {"path": given} if isinstance(given, str) else given


Text = Annotated[str, BeforeValidator(_text)]
Texts = Annotated[tuple[Text, ...], BeforeValidator(_several)]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class EventSettings(Settings):
    """A time of the events file: of the row whose `trial_type` (or other columns, by `where`) is this; `column` has
    the time."""

    later_keys = frozenset({"trial_type", "where", "row", "column", "shift_s"})
    trial_type: Text | None = None
    where: dict[str, Text] = Field({})
    row: Literal["first", "last", "only"] | Annotated[int, Field(ge=1)] = "first"
    column: str = "onset"
    shift_s: Finite = 0.0

    @model_validator(mode="after")
    def _says_which(self) -> EventSettings:
        if self.trial_type is None and not self.where:
            raise ValueError("say which event: trial_type, or `where: {column: value}`")
        return self

    def spec(self) -> EventTime:
        """For the stages."""
        named = {} if self.trial_type is None else {"trial_type": self.trial_type}
        where = tuple((named | self.where).items())
        return EventTime(where, self.row, self.column, self.shift_s)


class UntilSettings(Settings):
    """The stimulus is heard until an event."""

    until: EventSettings


def _kind(given: Any) -> str:
    return "event" if isinstance(given, dict | Settings) else "seconds"


Onset = Annotated[Annotated[Finite, Tag("seconds")] | Annotated[EventSettings, Tag("event")], Discriminator(_kind)]
Duration = Annotated[
    Annotated[Finite, Field(gt=0), Tag("seconds")] | Annotated[UntilSettings, Tag("event")], Discriminator(_kind)
]


class TimedFileSettings(Settings):
    """A file of word or phone times; `where` chooses rows of a table, `through` lists sounds that its times run
    through one after the other."""

    later_keys = frozenset({"tier", "text", "onset", "offset", "duration", "where", "unit", "shift_s", "through"})
    path: str
    tier: Text | None = None
    text: Text | None = None
    onset: Text | None = None
    offset: Text | None = None
    duration: Text | None = None
    where: dict[str, Text] = Field({})
    unit: Literal["s", "ms"] = "s"
    shift_s: Finite = 0.0
    through: tuple[str, ...] = ()

    @property
    def templates(self) -> tuple[str, ...]:
        """All that may have fields."""
        return (self.path, *(tier for tier in (self.tier,) if tier), *self.where.values(), *self.through)

    def spec(self) -> TimedFile:
        """For the stages."""
        return TimedFile(
            **self.model_dump(exclude={"where"}) | {"path": self.path, "where": tuple(self.where.items())}
        )


Timed = Annotated[TimedFileSettings, BeforeValidator(_as_file)]


class FieldSettings(Settings):
    """A field made of ranks: of `rank`'s numbers among one participant's runs of one task, `among` in number."""

    rank: Literal["run", "ses"]
    among: Annotated[int, Field(ge=1)]


class ClockSettings(Settings):
    """When the rows of a response were taken, relative to the zero of onsets, where its files do not say it."""

    later_keys = frozenset({"start_s", "interval_s"})
    start_s: Finite | None = None
    interval_s: Annotated[Finite, Field(gt=0)] | None = None


class RuleSettings(Settings):
    """What was heard in recordings of some entities."""

    later_keys = frozenset(
        {
            "recordings", "files", "from_events", "sound", "channel", "onset", "duration", "words", "phones",
            "language", "joiner", "fields", "pattern", "response", "ask",
        }
    )  # fmt: skip
    recordings: dict[Literal[RECIPE_ENTITIES], Texts] = Field({})  # type: ignore[valid-type]
    files: Texts = ()
    from_events: bool = False
    sound: str | None = None
    channel: int | str | None = None
    onset: Onset | None = None
    duration: Duration | None = None
    words: Timed | None = None
    phones: Timed | None = None
    language: str | None = None
    joiner: Literal[" ", "", "elisions", "clitics"] | None = None
    fields: dict[str, FieldSettings] = Field({})
    pattern: dict[Literal["recording", "sound"], str] = Field({})
    response: ClockSettings = ClockSettings()
    ask: dict[str, str] = Field({})

    @field_validator("pattern")
    @classmethod
    def _with_groups(cls, patterns: dict[str, str]) -> dict[str, str]:
        for where, pattern in patterns.items():
            try:
                groups = re.compile(pattern).groupindex
            except re.error as error:
                raise ValueError(f"the pattern over the {where} is no regular expression ({error})") from None
            if not groups:
                raise ValueError(f"the pattern over the {where} names no group: write (?P<name>…)")
        return patterns

    @model_validator(mode="after")
    def _fits(self) -> RuleSettings:
        own = [key for key in ("sound", "onset", "duration") if getattr(self, key) is not None]
        if self.from_events and own:
            raise ValueError(f"from_events takes {own[0]} from the events: drop one of them")
        if not self.from_events and not (self.sound or self.words or self.phones or {*self.ask} & {"sound", "words"}):
            raise ValueError("a rule needs sound, words or phones, or `from_events: true`")
        return self

    @property
    def templates(self) -> tuple[str, ...]:
        """All that may have fields."""
        timed = [template for table in (self.words, self.phones) if table for template in table.templates]
        return (*((self.sound,) if self.sound else ()), *timed)

    @property
    def made_fields(self) -> tuple[str, ...]:
        """Fields that ranks and patterns make."""
        groups = (name for pattern in self.pattern.values() for name in re.compile(pattern).groupindex)
        return (*self.fields, *groups)

    def spec(self) -> StimulusRule:
        """For the stages."""
        duration = self.duration.until.spec() if isinstance(self.duration, UntilSettings) else self.duration
        return StimulusRule(
            recordings=self.recordings,
            files=self.files,
            from_events=self.from_events,
            sound=self.sound,
            channel=self.channel,
            onset=self.onset.spec() if isinstance(self.onset, EventSettings) else self.onset,
            duration=duration,
            words=self.words.spec() if self.words else None,
            phones=self.phones.spec() if self.phones else None,
            language=self.language,
            joiner=self.joiner,
            ranks={name: Rank(one.rank, one.among) for name, one in self.fields.items()},
            patterns=self.pattern,
            response=ResponseClock(self.response.start_s, self.response.interval_s),
            asked=self.ask,
        )


class ResponsesSettings(Settings):
    """Where responses lie that have no BIDS names, and the masks whose voxels an array's columns are."""

    later_keys = frozenset({"mask", "order", "space"})
    files: str
    mask: str | None = None
    order: Literal["C", "F"] = "C"
    space: str = "individual"

    def spec(self) -> ResponseFiles:
        """For the stages."""
        return ResponseFiles(self.files, self.mask, self.order, self.space)


class RecipeSettings(Settings):
    """A whole recipe; of its rules the first that matches a recording holds. `space`: of BOLD files whose names have
    no `space-`, as the data set's own documents say it."""

    later_keys = frozenset({"responses", "table", "space"})
    name: str
    space: Annotated[str, Field(pattern=r"^[A-Za-z0-9]+$")] | None = None
    responses: ResponsesSettings | None = None
    stimuli: Annotated[tuple[RuleSettings, ...], Field(min_length=1)]
    table: tuple[dict[str, Text], ...] = ()

    @model_validator(mode="after")
    def _fields_are_known(self) -> RecipeSettings:
        columns = {column for row in self.table for column in row}
        for rule in self.stimuli:
            known = {*RECIPE_ENTITIES, *rule.made_fields, *rule.ask, *columns}
            for field in _checked_fields(rule.templates):
                if field not in known:
                    advice = did_you_mean(field, sorted(known))
                    raise ValueError(
                        f"nothing says what {{{field}}} is: an entity, `fields`, `pattern`, `ask` or a column of the "
                        f"table{'; ' + advice if advice else ''}"
                    )
        return self

    @model_validator(mode="after")
    def _columns_are_used(self) -> RecipeSettings:
        used = {field for rule in self.stimuli for field in (*_checked_fields(rule.templates), *rule.ask)}
        known = {*RECIPE_ENTITIES, *RECIPE_OVERRIDES, *used}
        for number, row in enumerate(self.table, start=1):
            for column in row:
                if column not in known:
                    advice = did_you_mean(column, sorted(known))
                    raise ValueError(
                        f"the table's column '{column}' is none that the recipe uses; "
                        f"{advice or 'it uses ' + ', '.join(sorted(known - {*RECIPE_ENTITIES}))}"
                    )
            if not {*row} & {*RECIPE_ENTITIES}:
                raise ValueError(f"row {number} of the table says of no recording what it is: add sub, task or run")
        return self

    def spec(self, in_place_of: str = "") -> StimulusRecipe:
        """For the stages; `in_place_of`: what it overrides."""
        return StimulusRecipe(self.name, tuple(rule.spec() for rule in self.stimuli), self.table, in_place_of)


def _checked_fields(templates: Iterable[str]) -> Iterator[str]:
    for template in templates:
        yield from fields_of(template)


class StimuliSettings(Settings):
    """Where word and phone times lie, which sound was heard, and whose clock holds."""

    later_keys = frozenset({"recipe", "channel", "language", "word_clock", "playing_clock"})
    words: str | None = None
    """A path under /stimuli; `{stem}` is the stimulus's file without its ending."""
    channel: Annotated[int, Field(ge=1)] | str | None = None
    """Which channel of the sound was heard: a number from 1, `left`, `right`, `centre`, or `mean`."""
    language: Annotated[str, Field(pattern="^[a-z]{2,3}$")] | None = None
    """Which language is spoken (ISO 639-1)."""
    recipe: RecipeSettings | None = None
    """A whole recipe in place of all these, as `--stimuli` gives one."""
    word_clock: Literal["as_written", "stretch_to_sound"] = "as_written"
    """`stretch_to_sound` corrects a transcript whose own length differs from the sound's."""
    playing_clock: Literal["as_written", "stretch_to_event"] = "as_written"
    """`stretch_to_event` corrects a player: its event lasts longer or shorter than the sound, played whole."""
