"""A stimulus: its sound, its words and phones in its own time, and what it is called."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path

import numpy as np

from bids_app.dataset.files.intervals import Annotation
from bids_app.dataset.stimuli.beside import find_annotation
from bids_app.dataset.stimuli.events import AUDIO, stimulus_id
from bids_app.dataset.stimuli.sound import read_audio, sound_length_s
from bids_app.dataset.stimuli.sourced import source_annotation, source_path
from bids_app.dataset.stimuli.word_clock import WordClock
from bids_app.errors import DataError
from bids_app.inputs.opening import SOUND, open_input
from bids_app.pointers import is_there
from bids_app.records import Intervals, Recording, StatedStimuli, Stimulus, StimulusEvent, StimulusSource

UNSTATED = StatedStimuli()
AS_WRITTEN = "script"  # what stands between words where neither recipe nor language says it
WITHOUT_BLANKS = frozenset(
    ("zh", "zho", "chi", "cmn", "yue", "wuu", "nan", "ja", "jpn", "th", "tha", "lo", "lao", "km", "khm", "my", "mya")
)
WITH_ELISIONS = frozenset(("fr", "fra", "fre", "it", "ita", "ca", "cat", "oc", "oci"))  # l' + homme, l' + uomo
TIMING_SLACK_S = 1e-3  # a word row may begin a rounding error before its stimulus


def load_stimulus(
    recording: Recording,
    event: StimulusEvent,
    bids_dir: Path,
    words_template: str | None,
    need_audio: bool,
    stated: StatedStimuli = UNSTATED,
) -> Stimulus:
    """The stimulus of an event, as the feature families see it.

    Words and phones: the recording's own rows within the event, else `words_template`, else a file beside the
    stimulus. `words` is None where nothing times words, and has no rows where a file does but is empty.

    Parameters
    ----------
    recording : whose own rows of words and phones count first.
    event : which stimulus, and when it began.
    bids_dir : holds /stimuli.
    words_template : a path relative to /stimuli, `{stem}`: the stimulus's without extension; None: none is asked for.
    need_audio : whether the sound is read; else it may be missing.
    stated : channel, language and clock of all stimuli; a recipe's own channel and language count first.

    Raises
    ------
    DataError : audio is needed and missing, undecodable or of channels that differ, the template's file is missing,
    or a file of timings or its clock cannot be understood.
    """
    source = event.source
    name = event.stimulus_id if source else stimulus_id(event.stimulus_id, bids_dir, recording.label)
    path = source_path(source, bids_dir) if source else bids_dir / "stimuli" / name
    if need_audio and source and source.sound is None:
        raise DataError("audio of the stimulus is missing", name, "the recipe names no sound")
    sound = read_audio(path, (source.channel if source else None) or stated.channel) if need_audio else None
    file_s = len(sound.samples) / sound.rate_hz if sound else sound_length_s(path)
    clock = WordClock(file_s, stated.stretch_words)
    annotation = source_annotation(source, bids_dir, clock) if source else Annotation()
    if annotation == Annotation():  # a recipe that names no times leaves them to be looked for, as without it
        annotation = find_annotation(bids_dir, name, None if source else words_template, clock)
    own_words = _within(recording.own_words, recording, event, file_s)
    own_phones = _within(recording.own_phones, recording, event, file_s)
    words, phones = own_words or annotation.words, own_phones or annotation.phones
    own = [table for table in (own_words, own_phones) if table is not None]
    language = (source.language if source else None) or stated.language
    joiner = joiner_of(source.joiner if source else None, language)
    return Stimulus(
        stimulus_id=name,
        label=(_source_label(name, source) if source else stimulus_label(path, name))
        + (_hash(b"".join(map(table_bytes, own)))[:6] if own else ""),
        path=path,
        audio=sound.samples if sound else None,
        rate_hz=sound.rate_hz if sound else None,
        duration_s=file_s if file_s is not None else Annotation(words, phones).end_s or 0.0,
        words=words,
        phones=phones,
        sha256=_content_hash(path if sound else None, (words, phones), joiner, sound.channels if sound else None),
        joiner=joiner,
        language=language,
        file_s=file_s,
        notes=(*annotation.notes, *(sound.notes if sound else ())),
    )


# --------------------------------------------------------------------------------------------------- words
def joiner_of(stated: str | None, language: str | None) -> str:
    """What stands between words: as a recipe states, else as the language has it, else as the script.

    Parameters
    ----------
    stated : of a recipe, or None.
    language : ISO 639, perhaps with a region, or None.
    """
    code = (language or "").lower().replace("_", "-").split("-")[0]
    by_language = "" if code in WITHOUT_BLANKS else "elisions" if code in WITH_ELISIONS else AS_WRITTEN
    return by_language if stated is None else stated


def _within(
    table: Intervals | None, recording: Recording, event: StimulusEvent, file_s: float | None
) -> Intervals | None:
    """A recording's own rows that begin during this playing, in the stimulus's time; None where none does."""
    if table is None:
        return None
    later = [other.onset_s for other in recording.stimuli if other.onset_s > event.onset_s]
    lasts_s = event.duration_s + event.precision_s if event.duration_s is not None else file_s
    end_s = min([*later, event.onset_s + (math.inf if lasts_s is None else lasts_s)])
    inside = (table.onset_s >= event.onset_s - TIMING_SLACK_S) & (table.onset_s < end_s)
    if not inside.any():
        return None
    text = tuple(word for word, here in zip(table.text, inside, strict=True) if here)
    return Intervals(
        np.maximum(table.onset_s[inside] - event.onset_s, 0.0), table.duration_s[inside], text, table.left_out
    )


# --------------------------------------------------------------------------------------------------- names and hashes
def stimulus_label(path: Path, name: str) -> str:
    """A stimulus's label in file names: its stem where that is letters and digits and no sound shares it, else the
    letters and digits of its path with six digits of its hash.

    Parameters
    ----------
    path : of the file.
    name : its path relative to /stimuli.
    """
    stem = Path(name).with_suffix("").as_posix()
    twins = [path.with_suffix(extension) for extension in AUDIO if extension != path.suffix]
    if re.fullmatch(r"[A-Za-z0-9]+", stem) and not any(is_there(twin) for twin in twins):
        return stem
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    return re.sub(r"[^A-Za-z0-9]", "", stem) + digest[:6]


def table_bytes(table: Intervals | None) -> bytes:
    """The same bytes for the same times, to the microsecond, and texts."""
    if table is None:
        return b"none"
    rows = zip(table.onset_s, table.duration_s, table.text, strict=True)
    return "\n".join(f"{onset:.6f}\t{duration:.6f}\t{text}" for onset, duration, text in rows).encode()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _source_label(name: str, source: StimulusSource) -> str:
    """Letters and digits of its path, and six digits of what the recipe says: one sound may go with several texts."""
    stem = re.sub(r"[^A-Za-z0-9]", "", Path(name.partition(" with ")[0]).with_suffix("").as_posix())
    return stem + hashlib.sha1(repr((name, source)).encode(), usedforsecurity=False).hexdigest()[:6]


def _content_hash(
    audio: Path | None,
    tables: tuple[Intervals | None, ...],
    joiner: str,
    channels: tuple[int, ...] | None,
) -> str:
    """Of tables and sound, and of what else decides features where it is not as usual."""
    parts = [_hash(table_bytes(table)) for table in tables]
    if (channels, joiner) != (None, AS_WRITTEN):
        parts.append(repr((channels, joiner)))
    if audio is not None:
        with open_input(audio, SOUND) as file:
            parts.append(hashlib.file_digest(file, "sha256").hexdigest())
    return _hash(" ".join(parts).encode())
