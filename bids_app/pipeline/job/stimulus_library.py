"""Stimuli and their features, each read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from bids_app import dataset, features
from bids_app.errors import DataError
from bids_app.pipeline.job.hearing import Hearing, hearing_of
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.job.same_stimuli import Fingerprint, SameStimulus, fingerprint_of, same_stimuli
from bids_app.pointers import is_there
from bids_app.records import (
    Array,
    Features,
    FeatureSpec,
    Intervals,
    Recording,
    Samples,
    StatedStimuli,
    Stimulus,
    StimulusEvent,
    StimulusFacts,
)

Content = tuple[str, str]
Place = tuple[object, ...]  # what a stimulus is read from


class StimulusLibrary:
    """Stimuli and their features, each read once; audio is held only while features are computed from it."""

    def __init__(self, job: Job) -> None:
        options, self._specs, self._baseline = job.options, job.specs, job.baseline_specs
        sources, copied = ([one / "stimuli" for one in each] for each in (options.features_from, options.beside))
        self._store = features.FeatureStore(options.out_dir / "stimuli", sources, copied)
        self._models, self._bids_dir, self._words = options.models, options.bids_dir, job.analysis.stimuli.words
        said = job.analysis.stimuli
        self._stated = StatedStimuli(said.channel, said.language, said.word_clock == "stretch_to_sound")
        self._stretch_to_event = said.playing_clock == "stretch_to_event"
        self._need_audio = any("audio" in features.needs(spec) for spec in self._specs.values())
        self._stimuli: dict[Place, Stimulus] = {}
        self._first_event_s: dict[Content, float] = {}
        self._lacking: dict[Content, dict[str, str]] = {}  # what of the baseline it does not allow, with the reason
        self._features: dict[tuple[Content, str], Features] = {}
        self._keys: dict[tuple[StimulusFacts, bool], list[str]] = {}
        self._fingerprints: dict[Place, Fingerprint] = {}
        self._same: dict[tuple[Place, ...], Mapping[str, SameStimulus]] = {}

    def stimulus(self, recording: Recording, event: StimulusEvent) -> Stimulus:
        """A stimulus without its audio: what its files say, or the recording's own rows of words, whoever hears it.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.

        Raises
        ------
        DataError : where a feature lacks what it needs.
        NoInput : where the file is not there.
        """
        key = _place(recording, event)
        if key not in self._stimuli:
            whole = self._load(recording, event)
            for spec in self._specs.values():
                features.check_needs(whole, spec)
            self._first_event_s[_content(whole)] = _first_event_s(whole)
            self._lacking[_content(whole)] = {
                name: why for name, spec in self._baseline.items() if (why := _lacks(whole, spec))
            }
            self._stimuli[key] = replace(whole, audio=None)
        return self._stimuli[key]

    def with_sound(self, recording: Recording, event: StimulusEvent) -> Stimulus:
        """A stimulus with its audio, whatever the features need; it is not kept.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.

        Raises
        ------
        DataError : the sound is not there, or cannot be read.
        """
        return dataset.load_stimulus(recording, event, self._bids_dir, self._words, need_audio=True)

    def hearing(self, recording: Recording, event: StimulusEvent) -> Hearing:
        """What of the stimulus is heard in this playing, and how fast.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.

        Raises
        ------
        DataError : the analysis asks for a correction of the player's speed that cannot be made.
        """
        stimulus = self.stimulus(recording, event)
        hearing = hearing_of(event, stimulus, self._stretch_to_event)
        if hearing.stretch != 1 and _has_own_rows(recording):
            what = "the events' own rows of words are on the recording's clock, and no player's speed applies to them"
            raise DataError(what, recording.label, "leave playing_clock as_written, and audio to be reported")
        return hearing

    def played(self, recording: Recording, event: StimulusEvent) -> Stimulus:
        """The whole stimulus, in seconds of the recording: as it is, unless a player at another speed is corrected.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.

        Raises
        ------
        DataError : see `hearing`.
        """
        return self.hearing(recording, event).played(self.stimulus(recording, event))

    def first_event_s(self, recording: Recording, event: StimulusEvent) -> float:
        """When the stimulus's first event is heard: its first word, or its first sound where there are no words.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.

        Returns
        -------
        Seconds on the recording's clock.
        """
        first_s = self._first_event_s[_content(self.stimulus(recording, event))]
        return event.onset_s + self.hearing(recording, event).stretch * first_s

    def words(self, recording: Recording, event: StimulusEvent) -> Intervals:
        """The words that are heard in this playing, and have text and times.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.

        Returns
        -------
        Onsets and durations in seconds from the stimulus's first sample, and each word's text.

        Raises
        ------
        DataError : where there are none.
        """
        words = self.stimulus(recording, event).words
        if words is None:
            raise DataError("the stimulus has no word times", event.stimulus_id, "`mode: words` needs them")
        finite = np.isfinite(words.onset_s + words.duration_s)
        rows = [row for row, text in enumerate(words.text) if text.strip() and finite[row]]
        if not rows:
            raise DataError("no word of the transcript has text and times", event.stimulus_id)
        timed = Intervals(words.onset_s[rows], words.duration_s[rows], tuple(words.text[row] for row in rows))
        return self.hearing(recording, event).words(timed)

    def lacking(self, recording: Recording, event: StimulusEvent) -> dict[str, str]:
        """The baseline's spaces that the event's stimulus does not allow.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.

        Returns
        -------
        Space → the reason.
        """
        return self._lacking[_content(self.stimulus(recording, event))]

    def _wanted(self, stimulus: Stimulus) -> dict[str, FeatureSpec]:
        """Every space of the analysis, and those of the baseline that the stimulus allows."""
        return self._allowed(self._lacking[_content(stimulus)])

    def _allowed(self, lacking: Mapping[str, str]) -> dict[str, FeatureSpec]:
        return {**self._specs, **{name: spec for name, spec in self._baseline.items() if name not in lacking}}

    def facts(self, recording: Recording, event: StimulusEvent) -> StimulusFacts:
        """What the plan of a run needs of a stimulus.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.
        """
        stimulus = self.stimulus(recording, event)
        return StimulusFacts.of(stimulus, self._lacking[_content(stimulus)])

    def missing(self, facts: StimulusFacts) -> list[str]:
        """Names of the spaces that would have to be computed for this stimulus."""
        return self._missing(facts.bare, self._allowed(dict(facts.lacking)))

    def _missing(self, stimulus: Stimulus, wanted: Mapping[str, FeatureSpec]) -> list[str]:
        return [name for name, spec in wanted.items() if not self._store.holds(stimulus, spec, self._models)]

    def features(self, recording: Recording, event: StimulusEvent) -> dict[str, Features]:
        """Features of what is heard in this playing: from memory, from the store, or computed and stored.

        They are made of the whole stimulus, so that they are the same for whoever hears how much of it; rows after
        the playing's end are then left out.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.

        Returns
        -------
        Every space of the analysis, and of the baseline what the stimulus allows, by name.
        """
        light = self.stimulus(recording, event)
        wanted, content = self._wanted(light), _content(light)
        if any((content, name) not in self._features for name in wanted):
            stimulus = self._load(recording, event) if self._missing(light, wanted) else light
            for name, spec in wanted.items():
                self._features[content, name], _ = self._store.get(stimulus, spec, self._models)
        hearing = self.hearing(recording, event)
        return {name: hearing.features(self._features[content, name]) for name in wanted}

    def store(self, recording: Recording, event: StimulusEvent, name: str) -> None:
        """Make one space's features where they are not stored; they are not kept in memory.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.
        name : of the space.

        Raises
        ------
        ConcordError : they cannot be made.
        """
        light = self.stimulus(recording, event)
        wanted = {own: spec for own, spec in self._wanted(light).items() if own == name}
        if self._missing(light, wanted):
            self._store.get(self._load(recording, event), wanted[name], self._models)

    def keys(self, facts: StimulusFacts, fetch: bool) -> list[str]:
        """What decides each space's values for a stimulus: its content, options, models and files.

        Parameters
        ----------
        facts : of the stimulus.
        fetch : whether models that are not there may be downloaded.

        Returns
        -------
        One key a space that the stimulus allows.

        Raises
        ------
        NoInput : where a file of a model is not there.
        DataError : where the user's file of features is not there.
        """
        if (facts, fetch) not in self._keys:
            models = self._models if fetch else replace(self._models, offline=True)
            wanted = self._allowed(dict(facts.lacking))
            self._keys[facts, fetch] = [self._store.key(facts.bare, spec, models) for spec in wanted.values()]
        return self._keys[facts, fetch]

    def remake(self, recording: Recording, event: StimulusEvent) -> list[str]:
        """Make features anew whose files in OUT_DIR are not what was written; those that are gone stay away.

        Parameters
        ----------
        recording, event : which playing of the stimulus, in which recording.

        Returns
        -------
        Names of their files.

        Raises
        ------
        ConcordError : they cannot be made.
        """
        light = self.stimulus(recording, event)
        broken = [spec for spec in self._wanted(light).values() if self._store.is_broken(light, spec)]
        if broken:
            for name in self._wanted(light):
                self._features.pop((_content(light), name), None)
            self.features(recording, event)
        return [self._store.path(light, spec).name for spec in broken]

    def same_stimuli(self, recordings: Sequence[Recording]) -> Mapping[str, SameStimulus]:
        """Stimuli of these recordings that are the same as an earlier one of another name.

        Only words and excerpts of sounds are read, and each once.

        Parameters
        ----------
        recordings : whose stimuli are compared.

        Returns
        -------
        Name → the first one that is the same.
        """
        events: dict[str, tuple[Recording, StimulusEvent]] = {}
        for recording in recordings:
            for event in recording.stimuli:
                events.setdefault(event.stimulus_id, (recording, event))
        places = tuple(_place(*heard) for heard in events.values())
        if places not in self._same:
            self._same[places] = same_stimuli({name: self._fingerprint(*heard) for name, heard in events.items()})
        return self._same[places]

    def _fingerprint(self, recording: Recording, event: StimulusEvent) -> Fingerprint:
        """What a stimulus is known by, whatever its name."""
        place = _place(recording, event)
        if place not in self._fingerprints:
            silent = (recording, event, self._bids_dir, self._words, False, self._stated)
            stimulus = self._stimuli.get(place) or dataset.load_stimulus(*silent)
            self._fingerprints[place] = fingerprint_of(stimulus)
        return self._fingerprints[place]

    def _load(self, recording: Recording, event: StimulusEvent) -> Stimulus:
        """With audio where a space needs it, or the baseline could use it and it can be read."""
        needed = self._need_audio
        try:
            wanted = needed or any("audio" in features.needs(spec) for spec in self._baseline.values())
            return dataset.load_stimulus(recording, event, self._bids_dir, self._words, wanted, self._stated)
        except DataError as error:
            if needed:
                raise
            arguments = (recording, event, self._bids_dir, self._words, False, self._stated)
            light = dataset.load_stimulus(*arguments)
            has_sound = is_there(light.path) and not (event.source and event.source.sound is None)
            told = (f"the baseline has no features of its sound: {error}",) if has_sound else ()
            return replace(light, notes=(*light.notes, *told))


def _has_own_rows(recording: Recording) -> bool:
    return recording.own_words is not None or recording.own_phones is not None


def _place(recording: Recording, event: StimulusEvent) -> Place:
    """What the stimulus of a playing is read from; the same for all who hear it, unless their own rows time it."""
    return (event.stimulus_id, event.source, *((recording.label, event) if _has_own_rows(recording) else ()))


def _content(stimulus: Stimulus) -> Content:
    """What a stimulus's features hang on, and the name of their files."""
    return stimulus.label, stimulus.sha256


def _lacks(stimulus: Stimulus, spec: FeatureSpec) -> str:
    """Why the stimulus does not allow a space, if so."""
    try:
        features.check_needs(stimulus, spec)
    except DataError as error:
        return str(error)
    return ""


def _first_event_s(stimulus: Stimulus) -> float:
    """Onset of the first word, else of the first sound within 40 dB of the loudest, in stimulus time."""
    if stimulus.words is not None and len(stimulus.words.onset_s):
        return float(stimulus.words.onset_s[0])
    if stimulus.audio is None or not stimulus.rate_hz:
        return 0.0
    loudest = max(float(np.abs(piece).max()) for _, piece in _pieces(stimulus.audio))
    loud = (at + np.flatnonzero(np.abs(piece) > 0.01 * loudest) for at, piece in _pieces(stimulus.audio))
    return float(next((samples[0] for samples in loud if len(samples)), 0)) / stimulus.rate_hz


def _pieces(audio: Samples, size: int = 1 << 20) -> Iterator[tuple[int, Array]]:
    """The first sample's number and the samples of each piece."""
    return ((at, audio[at : at + size]) for at in range(0, len(audio), size))
