"""Stimuli placed by the recording's own audio channel, where it has one: reported, or applied."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from bids_app.dataset.alignment.audio_match import FINE_HZ, AudioMatch, Envelope, envelope_of, match_audio
from bids_app.dataset.alignment.thresholds import Limits
from bids_app.dataset.signals.recording import INTRACRANIAL, channels_of, signals_of
from bids_app.dataset.signals.records import Signals
from bids_app.errors import DataError
from bids_app.records import AlignmentLine, AudioSpec, Recording, Severity, Stimulus, StimulusEvent

BY_NAME = re.compile(r"audio|mic(rophone)?s?\d*$|^mic|sound|speaker|loudspeaker", re.IGNORECASE)

SoundOf = Callable[[StimulusEvent], Stimulus]  # with its audio


@dataclass(frozen=True)
class AudioPlacement:
    """A recording's playings, moved where that was asked for, and what was found, one line each."""

    stimuli: tuple[StimulusEvent, ...]
    lines: tuple[AlignmentLine, ...]


def place_by_audio(recording: Recording, sound_of: SoundOf, audio: AudioSpec, limits: Limits) -> AudioPlacement:
    """Where each stimulus plays by the recording's audio channel.

    Parameters
    ----------
    recording : iEEG.
    sound_of : playing → its stimulus with the sound.
    audio : which channel, and whether what is found is applied.
    limits : from which difference a reader is warned, and a recording refused where it is not applied.

    Raises
    ------
    DataError : the signal file or a table cannot be read.
    """
    signals = signals_of(recording)
    names = audio_channels(recording, signals, audio.channel)
    if not names:
        return AudioPlacement(recording.stimuli, (_line("warning", _absent(audio.channel)),))
    tracks = {name: _track(signals, name) for name in names}
    placed, lines = [], []
    for event in recording.stimuli:
        moved, line = _place(event, sound_of, tracks, audio, limits)
        placed.append(moved)
        lines.append(line)
    own_words = recording.own_words is not None or recording.own_phones is not None
    if audio.applies and own_words and tuple(placed) != recording.stimuli:
        text = "its words are timed in events.tsv itself, which the audio channel does not move: nothing was applied"
        return AudioPlacement(recording.stimuli, (*lines, _line("refusal", text)))
    return AudioPlacement(tuple(placed), tuple(lines))


def audio_channels(recording: Recording, signals: Signals, channel: str) -> list[str]:
    """Channels that may hold the sound.

    Parameters
    ----------
    recording : with its channels.tsv, if it has one.
    signals : its file.
    channel : a name, or 'auto': of type AUDIO, else those whose name says so and that are no electrodes.
    """
    if channel != "auto":
        return [channel] if channel in signals.types else []
    table = channels_of(recording.companions.get("channels"))
    kinds = dict(zip(table.column("name"), (kind.upper() for kind in table.column("type")), strict=True))
    there = [name for name in signals.types if kinds.get(name, "") not in INTRACRANIAL]
    typed = [name for name in there if kinds.get(name) == "AUDIO"]
    return typed or [name for name in there if BY_NAME.search(name)]


def _absent(channel: str) -> str:
    if channel == "auto":
        return (
            "the recording has no audio channel (type AUDIO, or a name with audio, mic or sound): not aligned to it"
        )
    return f"the recording has no channel '{channel}': not aligned to it"


def _track(signals: Signals, name: str) -> Envelope:
    """The channel's loudness on the recording's clock; silence in pauses."""
    rate_hz = signals.rates_hz[name]
    samples, scale = signals.read([name])[0], rate_hz / signals.rate_hz
    values = np.zeros(int(signals.seconds * FINE_HZ) + 1)
    for segment, start_s in signals.on_its_clock:
        first, last = round(segment.first * scale), round((segment.first + segment.n_samples) * scale)
        if last - first < rate_hz:
            continue
        made = envelope_of(samples[first:last], rate_hz).values
        at = round(start_s * FINE_HZ)
        values[at : at + len(made)] = made[: len(values) - at]
    return Envelope(values)


def _place(
    event: StimulusEvent, sound_of: SoundOf, tracks: dict[str, Envelope], audio: AudioSpec, limits: Limits
) -> tuple[StimulusEvent, AlignmentLine]:
    """One playing, and what was found of it."""
    try:
        stimulus = sound_of(event)
    except DataError as error:
        return event, _line("warning", f"{event.stimulus_id}: not aligned to the audio channel: {error}")
    if stimulus.audio is None or not stimulus.rate_hz:
        return event, _line("warning", f"{event.stimulus_id}: not aligned to the audio channel: it has no sound")
    sound = envelope_of(stimulus.audio, stimulus.rate_hz)
    found = [(name, match_audio(track, sound, event.onset_s)) for name, track in tracks.items()]
    matched = [(name, match) for name, match in found if match is not None]
    if not matched:
        text = f"{event.stimulus_id}: no match in audio channel {', '.join(tracks)}: left where the events put it"
        return event, _line("warning", text)
    name, match = max(matched, key=lambda pair: (pair[1].n_agreeing, pair[1].r))
    return _judged(event, match, name, len(sound.values) / FINE_HZ, audio, limits)


def _judged(
    event: StimulusEvent, match: AudioMatch, name: str, length_s: float, audio: AudioSpec, limits: Limits
) -> tuple[StimulusEvent, AlignmentLine]:
    """The playing as it is used, and the line that says so."""
    late_s, drift_s = match.onset_s - event.onset_s, match.drift * length_s
    severity: Severity = limits.severity(max(abs(late_s), abs(late_s + drift_s)))
    text = (
        f"{event.stimulus_id}: by audio channel {name} it begins at {match.onset_s:.3f} s, {late_s:+.3f} s from its "
        f"event, and drifts by {drift_s:+.3f} s ({match.drift * 1e6:+.0f} ppm) over its length; "
        f"{match.n_agreeing} of {match.n_stretches} stretches agree, r {match.r:.2f}"
    )
    if not audio.applies:
        advice = "; alignment.audio: apply moves it" if severity != "fine" else ""
        return event, _line(severity, text + advice)
    moved = replace(event, onset_s=match.onset_s, stretch=1 + match.drift)
    return moved, _line("fine" if severity == "fine" else "warning", f"{text}; applied")


def _line(severity: Severity, text: str) -> AlignmentLine:
    return AlignmentLine(severity, "audio channel", text)
