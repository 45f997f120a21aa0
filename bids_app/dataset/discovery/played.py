"""What was played in a recording: by the recipe, else by its events, else the one sound of its task's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from bids_app.dataset.files.candidates import Candidate
from bids_app.dataset.files.layout import Index
from bids_app.dataset.files.tables import Table, read_table
from bids_app.dataset.stimuli.by_name import sounds_of, stimulus_by_name
from bids_app.dataset.stimuli.events import Events, NamesNoStimulus, find_events, own_annotation
from bids_app.dataset.stimuli.recipe import answer
from bids_app.dataset.stimuli.recipe_lookups import RecordingFacts
from bids_app.errors import DataError
from bids_app.records import RECIPE_ENTITIES, ResponseClock, StimulusRecipe

EventsReader = Callable[[Path], Events]


@dataclass(frozen=True)
class PlayedStimuli:
    """What was played in a recording, and what says so.

    events : stimuli, and the recording's own rows of words and phones. file : of the events, with its data set; None
    where there is none. clock : of the response's rows, where a recipe states it. warnings : what was
    assumed.
    """

    events: Events
    file: tuple[Index, Path] | None
    clock: ResponseClock = field(default_factory=ResponseClock)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlayedFinder:
    """Finds what was played in recordings of one data set.

    raw : files of the raw data set. read : reads an events file. recipe : None where events say what was played.
    """

    raw: Index
    read: EventsReader
    recipe: StimulusRecipe | None

    def of(self, candidate: Candidate) -> PlayedStimuli:
        """What was played in one recording. Raises DataError where nothing says it, or several things do."""
        return self._by_recipe(candidate, self.recipe) if self.recipe else self._by_events(candidate)

    def _by_events(self, candidate: Candidate) -> PlayedStimuli:
        file: tuple[Index, Path] | None = None
        try:
            file = self._file(candidate)
            return PlayedStimuli(self.read(file[1]), file)
        except NamesNoStimulus:
            event = stimulus_by_name(candidate.entities, self._sounds)
            if event is None:
                raise
        words, phones = own_annotation(read_table(file[1])) if file else (None, None)
        told = f"no event names a sound: {event.stimulus_id} taken, by the task's name, from second 0 on"
        return PlayedStimuli(Events((event,), words, phones), file, warnings=(told,))

    def _by_recipe(self, candidate: Candidate, recipe: StimulusRecipe) -> PlayedStimuli:
        """The recipe's answer; own rows of words count where it names no others."""
        file = self._file_or_none(candidate)
        facts = RecordingFacts(
            entities={key: value for key, value in candidate.entities.items() if key in RECIPE_ENTITIES},
            file=candidate.path.name,
            labels=_labels(candidate, self.raw),
            events=lambda: self._rows(candidate),
            stimuli=lambda: self.read(self._file(candidate)[1]).stimuli,
        )
        said = answer(recipe, facts)
        sources = [event.source for event in said.stimuli]
        words, phones = (None, None) if file is None else own_annotation(self._rows(candidate))
        events = Events(
            said.stimuli,
            None if any(source and source.words for source in sources) else words,
            None if any(source and source.phones for source in sources) else phones,
        )
        over = (f"the recipe '{recipe.name}' counts in place of {recipe.in_place_of}",) if recipe.in_place_of else ()
        return PlayedStimuli(events, file, said.response, over + said.warnings)

    def _file(self, candidate: Candidate) -> tuple[Index, Path]:
        indexes = (self.raw,) if self.raw is candidate.index else (self.raw, candidate.index)
        return find_events(indexes, candidate.entities, candidate.datatype)

    def _file_or_none(self, candidate: Candidate) -> tuple[Index, Path] | None:
        try:
            return self._file(candidate)
        except NamesNoStimulus:
            return None

    def _rows(self, candidate: Candidate) -> Table:
        table = read_table(self._file(candidate)[1])
        if "onset" not in table.columns:
            raise DataError("events without a column 'onset'", self._file(candidate)[1])
        return table

    @cached_property
    def _sounds(self) -> Mapping[str, Path]:
        return sounds_of(self.raw.root)


def _labels(candidate: Candidate, raw: Index) -> dict[str, tuple[str, ...]]:
    """Values of `run` and `ses` over the participant's files of the same task, of either data set."""
    whose = {key: candidate.entities.get(key) for key in ("sub", "task")}
    files = [
        entry.entities for index in {id(raw): raw, id(candidate.index): candidate.index}.values()
        for entry in index.entries if all(entry.entities.get(key) == value for key, value in whose.items())
    ]  # fmt: skip
    return {key: tuple(sorted({file[key] for file in files if key in file})) for key in ("run", "ses")}
