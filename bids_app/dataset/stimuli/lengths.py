"""How long a stimulus is, by what its own files say: the sound's header, else its transcript."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from bids_app.dataset.stimuli.beside import find_annotation
from bids_app.dataset.stimuli.recipe import source_of_sound
from bids_app.dataset.stimuli.sound import sound_length_s
from bids_app.dataset.stimuli.sourced import source_annotation
from bids_app.pointers import is_there
from bids_app.records import StimulusRecipe


def length_reader(
    bids_dir: Path, words_template: str | None, recipe: StimulusRecipe | None = None
) -> Callable[[str], float | None]:
    """A function that gives a stimulus's length; each is read once.

    Parameters
    ----------
    bids_dir : holds /stimuli.
    words_template : see `load_stimulus`.
    recipe : says where the words of sounds lie that events name.

    Returns
    -------
    Stimulus id → seconds of its sound, without it to the end of its transcript; None where neither is there. It
    raises DataError where the transcript cannot be understood.
    """

    @cache
    def length_s(stimulus_id: str) -> float | None:
        """A stimulus's length in seconds, as `length_reader` says."""
        sound_s = sound_length_s(bids_dir / "stimuli" / stimulus_id)
        if sound_s is not None:
            return sound_s
        sources = (source_of_sound(rule, stimulus_id) for rule in recipe.rules) if recipe else ()
        source = next((one for one in sources if one and one.words), None)
        if source is None or source.words is None or not is_there(bids_dir / source.words.path):
            found = find_annotation(bids_dir, stimulus_id, words_template)
        else:
            found = source_annotation(source, bids_dir)
        return found.end_s if found.extent_s is None else found.extent_s[1]

    return length_s
