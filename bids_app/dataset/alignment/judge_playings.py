"""What deserves a reader's eye of a playing."""

from __future__ import annotations

from bids_app.records import AlignmentLine, PlayingAlignment, Topic

LEAST_HEARD = 0.95


def playing_lines(playing: PlayingAlignment) -> list[AlignmentLine]:
    """Findings of one playing, each with the stimulus's name."""
    file_s, event_s, inside = playing.file_s, playing.event_s, playing.words_in_sound
    at_odds = file_s is not None and event_s is not None and abs(event_s - file_s) > max(1, file_s / 50)
    findings: list[tuple[bool, Topic, str]] = [
        (playing.heard_share < LEAST_HEARD, "playing",
         f"only {playing.heard_share:.0%} of the stimulus lies within the recording"),
        (at_odds, "playing", f"the event lasts {event_s or 0:.1f} s, the stimulus {file_s or 0:.1f} s"),
        (inside is not None and inside < 1, "word times",
         f"{1 - (inside or 0):.1%} of the words end after the sound does"),
        (playing.empty_words > 0, "word times", f"{playing.empty_words} words have no letter"),
        (playing.times_heard > 1, "playing", f"heard {playing.times_heard} times in this recording"),
    ]  # fmt: skip
    return [
        AlignmentLine("warning", topic, f"{playing.stimulus}: {text}") for applies, topic, text in findings if applies
    ]
