"""Where a stimulus's words and phones lie: the file that the analysis names, else files beside the sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bids_app.dataset.files.intervals import Annotation
from bids_app.dataset.files.tables import PHONE_TEXT, SEGMENT, START, WORD_TEXT, read_table
from bids_app.dataset.stimuli.events import stimulus_id
from bids_app.dataset.stimuli.word_clock import NO_SOUND, WordClock
from bids_app.dataset.transcripts.word_files import read_annotation
from bids_app.errors import DataError
from bids_app.inputs.opening import TRANSCRIPT, check_input
from bids_app.pointers import how_to_install, is_there

# In order of trust; the stimulus's name stands before each.
BESIDE = (
    ".TextGrid", ".textgrid", ".tsv", ".csv", ".json", ".ctm", "_transcript.tsv", "_transcript.csv",
    *(f"_{what}{ending}" for what in ("words", "phones", "phonemes") for ending in (".tsv", ".csv")),
)  # fmt: skip
SPEECH_ONLY = ("word", "words", *PHONE_TEXT, *SEGMENT)  # columns that nothing but speech has


def find_annotation(bids_dir: Path, name: str, template: str | None, clock: WordClock = NO_SOUND) -> Annotation:
    """The words and phones of a stimulus: the template's file first; what it does not time, beside the stimulus.

    Parameters
    ----------
    bids_dir : holds /stimuli.
    name : the stimulus's path relative to /stimuli.
    template : a path relative to /stimuli, `{stem}`: the stimulus's without extension; None: none is asked for.
    clock : what times are judged by.

    Returns
    -------
    Words and phones, and notes: which of several files they are of, and what was passed over.

    Raises
    ------
    DataError : the template's file is missing, or a file of timings was not fetched or cannot be understood.
    """
    given = _from_template(bids_dir, name, template, clock) if template else Annotation()
    words, phones = given.words, given.phones
    extent_s = given.extent_s
    notes, chosen = list(given.notes), {"words": "", "phones": ""}
    for path in _beside(bids_dir / "stimuli" / name):
        if words is not None and phones is not None:
            break
        found = clock.of(path, Path(name).stem)
        notes += [f"{path.name}: {note}" for note in found.notes]
        if words is None and found.words is not None and not template:
            words, chosen["words"] = found.words, path.name
        if phones is None and found.phones is not None:
            phones, chosen["phones"] = found.phones, path.name
        extent_s = extent_s or found.extent_s
    return Annotation(words, phones, (*notes, *_passed_over(bids_dir / "stimuli" / name, chosen)), extent_s)


def _from_template(bids_dir: Path, name: str, template: str, clock: WordClock) -> Annotation:
    stem = Path(name).with_suffix("").as_posix()
    relative = stimulus_id(template.replace("{stem}", stem), bids_dir, f"stimuli: words: {template}")
    path = bids_dir / "stimuli" / relative
    if not is_there(path):
        advice = how_to_install(path) or f"the analysis asks for {template}"
        raise DataError("word timings are missing", path, advice)
    annotation = clock.of(path, Path(name).stem)
    if annotation.words is None and annotation.phones is None:
        advice = "; ".join(annotation.notes) or "it has no words and no phones"
        raise DataError("no timed words in the file", path, advice)
    return annotation


def _beside(path: Path) -> Iterator[Path]:
    """What lies beside a stimulus under its name, and BEP044's `stim-<label>_annot-*_events.tsv`.

    Raises
    ------
    DataError : a file was not fetched. It may be the transcript, in whose place no other is taken.
    """
    names = [path.parent / (path.stem + ending) for ending in BESIDE]
    if path.name.startswith("stim-"):
        names += sorted(path.parent.glob(f"{path.stem.rsplit('_', 1)[0]}_annot-*_events.tsv"))
    for candidate in names:
        if is_there(candidate) and candidate != path:
            check_input(candidate, TRANSCRIPT)
            if _times_speech(candidate):
                yield candidate


def _times_speech(path: Path) -> bool:
    """Tables beside a sound may be anything: only those with words or phones and their starts are taken."""
    if path.suffix.lower() not in (".tsv", ".csv"):
        return True
    annotation = path.name.partition("_annot-")[2].lower()
    table = read_table(path, headless=not annotation)
    is_of_speech = not annotation or re.search("word|phon|transcri", annotation) or table.first(SPEECH_ONLY)
    return bool(is_of_speech) and None not in (table.first(WORD_TEXT + PHONE_TEXT + SEGMENT), table.first(START))


def _passed_over(path: Path, chosen: dict[str, str]) -> list[str]:
    """A line for each kind that another file, of less trust, has as well; one that cannot be read says nothing."""
    lines = []
    for what, name in chosen.items():
        others = [other for other in _readable(path) if name and other.name != name and _has(other, what, path.stem)]
        if others:
            told = ", ".join(other.name for other in others)
            lines.append(f"{what} are those of {name}; passed over: {told} (`stimuli: words:` names another)")
    return lines


def _readable(path: Path) -> Iterator[Path]:
    candidates = (path.parent / (path.stem + ending) for ending in BESIDE)
    return (candidate for candidate in candidates if candidate.is_file() and candidate != path)


def _has(path: Path, what: str, stem: str) -> bool:
    try:
        return _times_speech(path) and getattr(read_annotation(path, stem), what) is not None
    except DataError:
        return False
