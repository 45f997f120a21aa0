"""Which electrodes respond to speech: its onsets against the silence before them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app import encoding
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.records import Array, Recording, Response, Responsive


def responsive_electrodes(
    responses: Sequence[tuple[Recording, Response]], library: StimulusLibrary
) -> Responsive | None:
    """Tests of every electrode: speech against the silence before it.

    Parameters
    ----------
    responses : recordings and their responses, (n_times, n_electrodes) on common electrodes.
    library : stimuli and their features.
    """
    return encoding.responsive([_speech_less_silence(library, *one) for one in responses])


def _speech_less_silence(library: StimulusLibrary, recording: Recording, response: Response) -> Array:
    """(n_pairs, n_electrodes) speech less the silence before it; no pair where words have no times."""
    words = []
    for event in recording.stimuli:
        spoken = library.stimulus(recording, event).words
        if spoken is None:
            return np.empty((0, response.values.shape[1]))
        heard = library.hearing(recording, event).words(spoken)
        words.append((event.onset_s + heard.onset_s, event.onset_s + heard.offset_s))
    onsets_s = encoding.after_silence(*np.concatenate(words, axis=1))
    return encoding.speech_less_silence(response.values, response.times_s, response.valid, onsets_s)
