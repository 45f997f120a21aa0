"""What each source says of one playing: the sound's file, the events, the transcript."""

from __future__ import annotations

import numpy as np

from bids_app.records import AlignmentLine, Array, Intervals, PlayingAlignment, Recording, Stimulus, StimulusEvent

WORD_SLACK_S = 0.05  # a transcript may round the last word's end up
LATE_S = 1.0  # after the sound, from which on a word's onset is no matter of rounding


def play(recording: Recording, recording_s: float, event: StimulusEvent, stimulus: Stimulus) -> PlayingAlignment:
    """The account of one playing.

    Parameters
    ----------
    recording : in which it was heard.
    recording_s : how long that lasts, in seconds.
    event : when it was heard.
    stimulus : with its words, if it has any.
    """
    words = stimulus.words
    ends = words.offset_s if words is not None else np.empty(0)
    length_s = stimulus.duration_s if event.duration_s is None else min(stimulus.duration_s, event.duration_s)
    return PlayingAlignment(
        stimulus=stimulus.stimulus_id,
        onset_s=event.onset_s,
        n_rows=event.n_rows,
        file_s=stimulus.file_s,
        event_s=event.duration_s,
        transcript_s=float(ends.max()) if len(ends) else None,
        heard_share=heard_share(event.onset_s, length_s, recording.start_s, recording_s),
        n_words=len(ends),
        words_in_sound=share_before(ends, stimulus.duration_s),
        words_in_event=None if event.duration_s is None else share_before(ends, event.duration_s),
        empty_words=0 if words is None else sum(not any(map(str.isalnum, text)) for text in words.text),
        precision_s=event.precision_s,
        words_a_second=words_a_second(words),
        late_words=late_words(words, stimulus.file_s),
        times_heard=sum(other.stimulus_id == event.stimulus_id for other in recording.stimuli),
    )


def words_a_second(words: Intervals | None) -> float | None:
    """From the first onset to the last end; None with fewer than two words."""
    if words is None or len(words.text) < 2:
        return None
    lasts = float(words.offset_s.max() - words.onset_s.min())
    return len(words.text) / lasts if lasts > 0 else None


def late_words(words: Intervals | None, length_s: float | None) -> float:
    """The share of words that begin over a second after a sound has ended.

    Parameters
    ----------
    words : of the transcript.
    length_s : of the sound, in seconds; None where it is not there: the event may have been cut short.
    """
    if words is None or not words.text or length_s is None:
        return 0.0
    return float(np.mean(words.onset_s > length_s + LATE_S))


def share_before(ends_s: Array, length_s: float) -> float | None:
    """The share of words that end before a length does; None without words.

    Parameters
    ----------
    ends_s : (n_words,) seconds.
    length_s : seconds.
    """
    return float(np.mean(ends_s <= length_s + WORD_SLACK_S)) if len(ends_s) else None


def heard_share(onset_s: float, stimulus_s: float, start_s: float, recording_s: float) -> float:
    """The part of a stimulus, 0…1, that lies within a recording.

    Parameters
    ----------
    onset_s, stimulus_s : when it began, on the recording's clock, and how long it lasts.
    start_s, recording_s : time of the first sample, and how long the recording lasts.
    """
    inside = min(onset_s + stimulus_s, start_s + recording_s) - max(onset_s, start_s)
    return max(0.0, inside) / stimulus_s if stimulus_s > 0 else 0.0


def table_lines(stimulus: Stimulus) -> list[AlignmentLine]:
    """How a stimulus's files were chosen and read, what was left out of its tables, and whether they are empty."""
    tables = {"words": stimulus.words, "phones": stimulus.phones}
    left_out = [
        f"{stimulus.label}: {name} left out: {line}"
        for name, table in tables.items() if table is not None for line in table.left_out
    ]  # fmt: skip
    if stimulus.words is not None and not stimulus.words.text:
        left_out.append(f"{stimulus.label}: the transcript is empty")
    marks = [
        f"{stimulus.label}: {name} left out: {line}"
        for name, table in tables.items() if table is not None for line in table.marks
    ]  # fmt: skip
    return [
        *(AlignmentLine("warning", "files", f"{stimulus.label}: {note}") for note in stimulus.notes),
        *(AlignmentLine("warning", "word times", text) for text in left_out),
        *(AlignmentLine("fine", "word times", text) for text in marks),
    ]
