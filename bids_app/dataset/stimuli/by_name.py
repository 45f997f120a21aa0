"""The sound of a recording whose events name none: the one whose name is the task's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bids_app.dataset.files.names import parse_name, same
from bids_app.dataset.stimuli.events import AUDIO
from bids_app.errors import DataError
from bids_app.records import StimulusEvent

ADVICE = "say in stim_file, or by --stimuli, what was heard"
FILLERS = {"task", "audio", "sound", "stim", "stimulus", "story"}  # words of a file's name that tell nothing


def sounds_of(bids_dir: Path) -> dict[str, Path]:
    """Sounds anywhere under /stimuli: path relative to it → path."""
    folder = bids_dir / "stimuli"
    sounds = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO)
    return {path.relative_to(folder).as_posix(): path for path in sounds}


def stimulus_by_name(entities: Mapping[str, str], sounds: Mapping[str, Path]) -> StimulusEvent | None:
    """The one sound that goes by the name of the recording's task, from second 0 on; None: there is none.

    Parameters
    ----------
    entities : of the recording.
    sounds : of the data set, by name.

    Raises
    ------
    DataError : several do.
    """
    matching = [name for name, path in sounds.items() if _goes_by(path, entities)]
    if len(matching) > 1:
        names = ", ".join(matching[:10])
        raise DataError(f"no event names the sound, and several go by the task's name: {names}", "", ADVICE)
    return StimulusEvent(0.0, matching[0]) if matching else None


def _goes_by(path: Path, entities: Mapping[str, str]) -> bool:
    """`pieman.wav`, `pieman_audio.wav` and `task-pieman_run-1.wav` go by task-pieman (and run-1)."""
    task, named = entities.get("task", "").lower(), parse_name(path).entities
    if "task" in named:
        return all(key in entities and same(entities[key], value) for key, value in named.items())
    words = [word for word in re.split(r"[^a-z0-9]+", path.stem.lower()) if word]
    return bool(task) and [word for word in words if word not in FILLERS - {task}] == [task]
