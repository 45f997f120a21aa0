"""How long a stimulus is, by what its own files say: the sound's header, else its transcript."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from bids_app.dataset.stimuli.beside import find_annotation
from bids_app.dataset.stimuli.sound import sound_length_s


def length_reader(bids_dir: Path, words_template: str | None) -> Callable[[str], float | None]:
    """A function that gives a stimulus's length; each is read once.

    Parameters
    ----------
    bids_dir : holds /stimuli.
    words_template : see `load_stimulus`.

    Returns
    -------
    Stimulus id → seconds of its sound, without it to the end of its transcript; None where neither is there. It
    raises DataError where the transcript cannot be understood.
    """

    @cache
    def length_s(stimulus_id: str) -> float | None:
        sound_s = sound_length_s(bids_dir / "stimuli" / stimulus_id)
        if sound_s is not None:
            return sound_s
        found = find_annotation(bids_dir, stimulus_id, words_template)
        return found.end_s if found.extent_s is None else found.extent_s[1]

    return length_s
