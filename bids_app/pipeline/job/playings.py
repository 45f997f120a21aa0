"""What recordings hear when: playings in the time of their stimuli, and stimuli that have several names."""

from __future__ import annotations

from collections.abc import Sequence

from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.records import Heard, Recording, StimulusEvent


def playings_of(recordings: Sequence[Recording], library: StimulusLibrary) -> list[tuple[Heard, ...]]:
    """What is heard when, with stimuli that are the same under several names told by their content.

    Parameters
    ----------
    recordings : whose stimuli are compared.
    library : stimuli, by their words and sound.

    Returns
    -------
    Of each recording its playings.
    """
    same, contents = library.same_stimuli(recordings), _contents(recordings)

    def heard(recording: Recording, event: StimulusEvent) -> Heard:
        """One playing, in the time of the first stimulus that is the same."""
        stretch, twin = library.hearing(recording, event).stretch, same.get(event.stimulus_id)
        if twin is None:
            return Heard(event.contents, event.onset_s, stretch)
        return Heard((*event.contents, *contents[twin.other]), event.onset_s, stretch, twin.offset_s)

    return [tuple(heard(recording, event) for event in recording.stimuli) for recording in recordings]


def same_stimuli_warnings(recordings: Sequence[Recording], library: StimulusLibrary) -> tuple[str, ...]:
    """A warning for each two names of one stimulus that nothing but its content links.

    Parameters
    ----------
    recordings : whose stimuli are compared.
    library : stimuli, by their words and sound.
    """
    same, contents = library.same_stimuli(recordings), _contents(recordings)
    return tuple(one.warning for one in same.values() if not {*contents[one.name]} & {*contents[one.other]})


def _contents(recordings: Sequence[Recording]) -> dict[str, tuple[str, ...]]:
    """Stimulus → what its first event says that it holds."""
    events = [event for recording in recordings for event in recording.stimuli]
    return {event.stimulus_id: event.contents for event in reversed(events)}
