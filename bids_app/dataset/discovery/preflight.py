"""Preflight: does a stimulus fit the recording it was heard in?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bids_app.records import Recording, Stimulus, StimulusCheck, StimulusEvent


def stimulus_checks(recording: Recording, event: StimulusEvent, stimulus: Stimulus) -> StimulusCheck:
    """Whether a stimulus fits the recording that it was heard in.

    Parameters
    ----------
    recording : whose length and clock count.
    event : when the stimulus began.
    stimulus : with its words, if it has any.

    Raises
    ------
    DataError : the recording's header cannot be read.
    """
    from bids_app.dataset.responses.load import count_samples

    recording_s = count_samples(recording) / recording.rate_hz
    words = stimulus.words
    ends = words.offset_s if words is not None else np.empty(0)
    check = StimulusCheck(
        recording=recording.label,
        stimulus=stimulus.stimulus_id,
        onset_s=event.onset_s,
        stimulus_s=stimulus.duration_s,
        recording_s=recording_s,
        n_words=len(ends),
        words_inside_audio=float(np.mean(ends <= stimulus.duration_s + 0.05)) if len(ends) else None,
        empty_words=sum(not any(map(str.isalnum, text)) for text in words.text) if words is not None else 0,
        heard_share=heard_share(event.onset_s, stimulus.duration_s, recording.start_s, recording_s),
        times_heard=sum(other.stimulus_id == event.stimulus_id for other in recording.stimuli),
    )
    left_out = [f"{name} left out: {line}" for name, line in _left_out(stimulus)]
    return replace(check, notes=(*notes(check, event, words is not None), *left_out))


def _left_out(stimulus: Stimulus) -> list[tuple[str, str]]:
    tables = {"words": stimulus.words, "phones": stimulus.phones}
    return [(name, line) for name, table in tables.items() if table is not None for line in table.left_out]


def heard_share(onset_s: float, stimulus_s: float, start_s: float, recording_s: float) -> float:
    """The part of a stimulus, 0…1, that lies within a recording.

    Parameters
    ----------
    onset_s, stimulus_s : when it began, on the recording's clock, and how long it lasts.
    start_s, recording_s : time of the first sample, and how long the recording lasts.
    """
    inside = min(onset_s + stimulus_s, start_s + recording_s) - max(onset_s, start_s)
    return max(0.0, inside) / stimulus_s if stimulus_s > 0 else 0.0


def notes(check: StimulusCheck, event: StimulusEvent, has_words: bool) -> list[str]:
    """What of a check deserves a reader's eye, one line each.

    Parameters
    ----------
    check : without notes.
    event : with its duration, if the events file says it.
    has_words : whether any file times words.
    """
    length, event_s, inside = check.stimulus_s, event.duration_s, check.words_inside_audio
    at_odds = event_s is not None and abs(event_s - length) > max(1, length / 50)
    findings = {
        f"only {check.heard_share:.0%} of the stimulus lies within the recording": check.heard_share < 0.95,
        f"the event lasts {event_s or 0:.1f} s, the stimulus {length:.1f} s": at_odds,
        "the transcript is empty": has_words and not check.n_words,
        f"{1 - (inside or 0):.1%} of the words end after the sound does": inside is not None and inside < 1,
        f"{check.empty_words} words have no letter": check.empty_words,
        f"heard {check.times_heard} times in this recording": check.times_heard > 1,
    }
    return [text for text, applies in findings.items() if applies]
