"""How a data set plays its stimuli, where its events do not say: what a `--stimuli` recipe states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

# Short keys of file names, which templates and tables may name.
RECIPE_ENTITIES = (
    "sub", "ses", "sample", "task", "tracksys", "acq", "ce", "rec", "dir", "run", "echo", "part", "proc", "recording",
    "space", "res", "den", "desc", "seg",
)  # fmt: skip
# What a row of a recipe's table may state in place of the rule.
RECIPE_OVERRIDES = ("sound", "channel", "onset", "duration", "words", "phones", "language")


@dataclass(frozen=True)
class TimedFile:
    """A file of word or phone times, where a recipe names it.

    path : relative to BIDS_DIR. tier : of a TextGrid. text, onset, offset, duration : columns of a table. where :
    (column, shell pattern) pairs that its rows match, all of them. unit : of its times. shift_s : added to its times,
    so that 0 is the first sample of the sound. through : sounds that its times run through, one after the other, of
    which this one is heard.
    """

    path: str
    tier: str | None = None
    text: str | None = None
    onset: str | None = None
    offset: str | None = None
    duration: str | None = None
    where: tuple[tuple[str, str], ...] = ()
    unit: Literal["s", "ms"] = "s"
    shift_s: float = 0.0
    through: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its path, and which part of it is meant."""
        return " ".join((self.path, *(f"{column}={pattern}" for column, pattern in self.where)))


@dataclass(frozen=True)
class EventTime:
    """A time of events.tsv: of the `row`-th row (or 'first', 'last', 'only') whose cells match `where`.

    where : (column, shell pattern) pairs, all of which match. column : that holds the time. shift_s : added to it.
    """

    where: tuple[tuple[str, str], ...]
    row: Literal["first", "last", "only"] | int = "first"
    column: str = "onset"
    shift_s: float = 0.0


@dataclass(frozen=True)
class Rank:
    """A field that is the rank, from 1, of an entity's number among a participant's runs of one task; `among` of them
    there must be."""

    of: str
    among: int


@dataclass(frozen=True)
class ResponseClock:
    """Rows of a response file: the first is `start_s` after the zero of the events' clock, each later one
    `interval_s` after the one before; None where the files say it."""

    start_s: float | None = None
    interval_s: float | None = None


@dataclass(frozen=True)
class StimulusRule:
    """What was heard in the recordings whose entities match; paths are templates, relative to BIDS_DIR.

    recordings : entity → shell patterns, one of which matches; files : the same of the response's name. from_events :
    sound, onset and duration are those of events.tsv. onset, duration : seconds, or times of events (`duration`:
    until then); an onset of None is 0, and told. words, phones : files of times, path and cells are templates. ranks,
    patterns : make fields, as named groups of regular expressions over the recording's and the sound's stem do.
    asked : what the data set does not say → how to say it.
    """

    recordings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    from_events: bool = False
    sound: str | None = None
    channel: int | str | None = None
    onset: float | EventTime | None = None
    duration: float | EventTime | None = None
    words: TimedFile | None = None
    phones: TimedFile | None = None
    language: str | None = None
    joiner: str | None = None
    ranks: Mapping[str, Rank] = field(default_factory=dict)
    patterns: Mapping[Literal["recording", "sound"], str] = field(default_factory=dict)
    response: ResponseClock = ResponseClock()
    asked: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class StimulusRecipe:
    """Rules, of which the first that matches a recording holds, and a table of what single recordings need: each row
    has entities, which say whose it is, and values. in_place_of : what it overrides, as is told; '' for nothing."""

    name: str
    rules: tuple[StimulusRule, ...]
    table: tuple[Mapping[str, str], ...] = ()
    in_place_of: str = ""
