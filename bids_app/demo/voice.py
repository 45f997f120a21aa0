"""The narrators: espeak-ng spoken through its C library, with the sample at which every word and phone begins.

espeak-ng keeps its state in globals: one process speaks with one thread, and repeats itself only in a new process.
Events: speak_lib.h of espeak-ng 1.52 (`espeak_EVENT`, `espeakINITIALIZE_PHONEME_EVENTS`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bids_app.demo.text import Sentence
from bids_app.errors import NoInput
from bids_app.records import Array, Intervals

RATE_HZ = 16000
_SYNCHRONOUS, _CHAR_POSITION, _UTF8 = 2, 1, 1
_PHONEME_EVENTS, _IPA, _DONT_EXIT = 1, 2, 0x8000
_WORD, _PHONEME, _END = 1, 7, 0
_SPEED, _PITCH, _RANGE = 1, 3, 4


@dataclass(frozen=True)
class Narrator:
    """An espeak-ng voice with its pitch and pitch range (0…99), and the polarity of the narrator's microphone.

    Polarity turns the waveform upside down: no power spectrum can tell, a network that reads waveforms can.

    Parameters
    ----------
    voice : espeak-ng's name.
    pitch, pitch_range : 0…99, in espeak-ng's units.
    polarity : of the microphone, 1 or −1.
    """

    voice: str
    pitch: int
    pitch_range: int
    polarity: int


NARRATORS = (
    Narrator("en-us", 25, 50, 1),
    Narrator("en-us", 25, 50, -1),
    Narrator("en-us+f2", 60, 50, 1),
    Narrator("en-us+f2", 60, 50, -1),
    Narrator("en-us+m3", 40, 50, 1),
    Narrator("en-us+m3", 40, 50, -1),
)
WORDS_PER_MINUTE = 170
SENTENCE_GAP_S = 0.1
TURN_GAP_S = 0.3


@dataclass(frozen=True)
class Speech:
    """Audio, and the words and phones in it.

    Parameters
    ----------
    audio : (n_samples,) float32 in −1…1 at 16 kHz.
    words, phones : with onsets and offsets in seconds.
    """

    audio: Array
    words: Intervals
    phones: Intervals


@dataclass(frozen=True)
class _Mark:
    kind: int
    sample: int
    phone: str  # '' is a pause


@dataclass(frozen=True)
class _Phone:
    start: int
    end: int
    text: str
    word: int  # index into the sentence


class _Name(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Name),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The library, opened once a process. Raises NoInput where the demo extra is not installed."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError:
            raise NoInput("espeak-ng is not installed", hint="pip install 'bids-concord[demo]'") from None
        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_Synth.argtypes = (
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        )
        self._library.espeak_SetVoiceByName.argtypes = (ctypes.c_char_p,)
        data = espeakng_loader.get_data_path().encode()
        options = _PHONEME_EVENTS | _IPA | _DONT_EXIT
        self.rate_hz: int = self._library.espeak_Initialize(_SYNCHRONOUS, 0, data, options)
        if self.rate_hz <= 0:
            raise NoInput("espeak-ng does not start", hint="reinstall espeakng-loader")
        self._chunks: list[Array] = []
        self._marks: list[_Mark] = []
        self._callback = _Callback(self._receive)  # a reference is kept: the library calls it
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # else of the clock: the breath in a voice is noise

    def choose(self, narrator: Narrator) -> None:
        """Speak as this narrator from now on."""
        if self._library.espeak_SetVoiceByName(narrator.voice.encode()) != 0:
            raise NoInput("espeak-ng lacks a voice", narrator.voice, "reinstall espeakng-loader")
        for parameter, value in (
            (_SPEED, WORDS_PER_MINUTE),
            (_PITCH, narrator.pitch),
            (_RANGE, narrator.pitch_range),
        ):
            self._library.espeak_SetParameter(parameter, value, 0)

    def say(self, text: str) -> tuple[Array, tuple[_Mark, ...]]:
        """Audio (n_samples,) int16 at `rate_hz`, and the marks of words and phones in it."""
        self._chunks.clear()
        self._marks.clear()
        encoded = text.encode()
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, _CHAR_POSITION, 0, _UTF8, None, None)
        return np.concatenate(self._chunks), tuple(self._marks)

    def _receive(self, wav: Any, count: int, events: Any) -> int:
        if count > 0:
            self._chunks.append(np.ctypeslib.as_array(wav, (count,)).copy())
        index = 0
        while events[index].type != _END:
            event = events[index]
            if event.type in (_WORD, _PHONEME):
                phone = event.id.string.decode("utf-8", "ignore") if event.type == _PHONEME else ""
                self._marks.append(_Mark(event.type, event.sample, phone))
            index += 1
        return 0


def speak(scenes: Sequence[Sequence[Sentence]], longest_s: float) -> Speech:
    """Scenes one after the other, ending with the last sentence that fits.

    A word reaches from its first phone to the end of its last; a phone ends where the next phone or pause begins.

    Parameters
    ----------
    scenes : sentences with their speakers.
    longest_s : the most seconds of sound.
    """
    import soxr

    espeak = Espeak()
    audio: list[Array] = []
    words: list[tuple[int, int, str]] = []
    phones: list[tuple[int, int, str]] = []
    length, speaker = 0, -1
    for sentence in (sentence for scene in scenes for sentence in scene):
        narrator = NARRATORS[sentence.speaker]
        if sentence.speaker != speaker:
            espeak.choose(narrator)
        sound, marks = espeak.say(" ".join(sentence.words) + ".")
        start = length + round(espeak.rate_hz * (SENTENCE_GAP_S if sentence.speaker == speaker else TURN_GAP_S))
        if start + len(sound) > longest_s * espeak.rate_hz:
            break
        spoken = _phones(marks, len(sound))
        phones += [(start + phone.start, start + phone.end, phone.text) for phone in spoken]
        words += [(start + a, start + b, text) for a, b, text in _words(spoken, sentence.words)]
        audio += [np.zeros(start - length, np.int16), narrator.polarity * sound]
        length, speaker = start + len(sound), sentence.speaker
    samples = soxr.resample(np.concatenate(audio).astype(np.float32) / 32768, espeak.rate_hz, RATE_HZ, "HQ")
    return Speech(samples, _intervals(words, espeak.rate_hz), _intervals(phones, espeak.rate_hz))


def _phones(marks: Sequence[_Mark], length: int) -> list[_Phone]:
    ends = [mark.sample for mark in marks[1:]] + [length]
    word, phones = -1, []
    for mark, end in zip(marks, ends, strict=True):
        word += mark.kind == _WORD
        if mark.phone:
            phones.append(_Phone(mark.sample, end, mark.phone, word))
    return phones


def _words(phones: Sequence[_Phone], words: Sequence[str]) -> list[tuple[int, int, str]]:
    spoken = {index: [phone for phone in phones if phone.word == index] for index in range(len(words))}
    if phones[-1].word != len(words) - 1 or not all(spoken.values()):
        raise ValueError(f"espeak-ng runs words of {' '.join(words)!r} together")  # the grammar avoids such pairs
    return [(group[0].start, group[-1].end, words[index]) for index, group in spoken.items()]


def _intervals(rows: Sequence[tuple[int, int, str]], rate_hz: int) -> Intervals:
    starts, ends, texts = zip(*rows, strict=True)
    onset_s = np.array(starts) / rate_hz
    return Intervals(onset_s, np.array(ends) / rate_hz - onset_s, texts)
