"""Preflight: does a stimulus fit the recording it was heard in?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bids_app.records import Recording, Stimulus, StimulusEvent


def stimulus_checks(recording: Recording, event: StimulusEvent, stimulus: Stimulus) -> Mapping[str, Any]:
    """One row of the report. Seconds: `onset_s`, `stimulus_s`, `recording_s`; shares of one: `words_inside_audio`,
    `heard_share` (the part of the stimulus inside the recording); counts: `n_words`, `empty_words` (texts without a
    letter or digit), `times_heard` in this recording; `notes`, lines a person should read.

    Raises DataError where the recording's header cannot be read.
    """
    from bids_app.dataset.responses.load import count_samples

    recording_s = count_samples(recording) / recording.rate_hz
    words = stimulus.words
    ends = words.offset_s if words is not None else np.empty(0)
    row = {
        "recording": recording.label,
        "stimulus": stimulus.stimulus_id,
        "onset_s": event.onset_s,
        "stimulus_s": stimulus.duration_s,
        "recording_s": recording_s,
        "n_words": len(ends),
        "words_inside_audio": float(np.mean(ends <= stimulus.duration_s + 0.05)) if len(ends) else None,
        "empty_words": sum(not any(map(str.isalnum, text)) for text in words.text) if words is not None else 0,
        "heard_share": heard_share(event.onset_s, stimulus.duration_s, recording.start_s, recording_s),
        "times_heard": sum(other.stimulus_id == event.stimulus_id for other in recording.stimuli),
    }
    left_out = [f"{name} left out: {line}" for name, line in _left_out(stimulus)]
    return {**row, "notes": [*notes(row, event, words is not None), *left_out]}


def _left_out(stimulus: Stimulus) -> list[tuple[str, str]]:
    tables = {"words": stimulus.words, "phones": stimulus.phones}
    return [(name, line) for name, table in tables.items() if table is not None for line in table.left_out]


def heard_share(onset_s: float, stimulus_s: float, start_s: float, recording_s: float) -> float:
    """The part of a stimulus, 0…1, that lies within a recording from `start_s` on."""
    inside = min(onset_s + stimulus_s, start_s + recording_s) - max(onset_s, start_s)
    return max(0.0, inside) / stimulus_s if stimulus_s > 0 else 0.0


def notes(row: Mapping[str, Any], event: StimulusEvent, has_words: bool) -> list[str]:
    """What of a check deserves a person's eye, one line each."""
    length, said, inside = row["stimulus_s"], event.duration_s, row["words_inside_audio"]
    at_odds = said is not None and abs(said - length) > max(1, length / 50)
    findings = {
        f"only {row['heard_share']:.0%} of the stimulus lies within the recording": row["heard_share"] < 0.95,
        f"the event lasts {said or 0:.1f} s, the stimulus {length:.1f} s": at_odds,
        "the transcript is empty": has_words and not row["n_words"],
        f"{1 - (inside or 0):.1%} of the words end after the sound does": inside is not None and inside < 1,
        f"{row['empty_words']} words have no letter": row["empty_words"],
        f"heard {row['times_heard']} times in this recording": row["times_heard"] > 1,
    }
    return [text for text, applies in findings.items() if applies]
