"""Judgement of playings: lengths by sound, events and transcript, and words in units that make sense."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from bids_app.dataset.alignment.drift import drift_of, of_lengths
from bids_app.dataset.alignment.thresholds import (
    LATE_WORDS,
    LEAST_EVENTS,
    LEAST_HEARD,
    LEAST_WORDS,
    MARKER_S,
    MOST_SPEED,
    WORDS_A_SECOND,
    Limits,
)
from bids_app.records import AlignmentLine, Drift, PlayingAlignment, Severity, Topic

RATES_HZ = (8000, 11025, 16000, 22050, 24000, 32000, 44100, 48000)
RATE_RATIOS = sorted({high / low for low, high in combinations(RATES_HZ, 2)})
NEARLY = 0.005  # of a ratio of two rates
MILLISECONDS = 100.0  # times longer than the sound: no transcript is


def all_lines(playings: Sequence[PlayingAlignment], limits: Limits) -> list[AlignmentLine]:
    """Findings of every playing, each with the stimulus's name; and where none was heard at all.

    Parameters
    ----------
    playings : of the recording.
    limits : of the error over it.
    """
    lines = [line for playing in playings for line in playing_lines(playing, limits)]
    if playings and not any(playing.heard_share for playing in playings):
        text = "no stimulus lies within the recording (are onsets in seconds from its first sample?)"
        lines.append(AlignmentLine("refusal", "playing", text))
    return lines


def playing_lines(playing: PlayingAlignment, limits: Limits) -> list[AlignmentLine]:
    """Findings of one playing.

    Parameters
    ----------
    playing : its account.
    limits : of the error over the recording.
    """
    found = [*_heard(playing), *_speed(playing, limits), *_words(playing)]
    return [AlignmentLine(severity, topic, f"{playing.stimulus}: {text}") for severity, topic, text in found]


Finding = tuple[Severity, Topic, str]


def _heard(playing: PlayingAlignment) -> list[Finding]:
    findings: list[Finding] = []
    if playing.heard_share < LEAST_HEARD:
        text = f"only {playing.heard_share:.0%} of the stimulus lies within the recording"
        findings.append(("warning", "playing", text))
    if playing.times_heard > 1:
        findings.append(("warning", "playing", f"heard {playing.times_heard} times in this recording"))
    return findings


# --------------------------------------------------------------------------------------------------- speed
def _speed(playing: PlayingAlignment, limits: Limits) -> list[Finding]:
    """The event's length against the sound's: a sound cannot last longer than it does, but it may be cut short."""
    file_s, event_s, ratio = playing.file_s, playing.event_s, playing.ratio
    if file_s is None or event_s is None or ratio is None:
        return []
    # one marker may be wrong by itself: only several make a slope (`length_drift`)
    allowed = limits if limits.modality == "fmri" else Limits(limits.warn_s, max(limits.refuse_s, MARKER_S))
    severity = allowed.severity(event_s - file_s, playing.precision_s)
    if severity == "fine":
        return []
    lasts = f"the event lasts {event_s:.1f} s, the sound {file_s:.1f} s (ratio {ratio:.4f})"
    corrects = abs(ratio - 1) <= MOST_SPEED
    offer = "; `stimuli: {playing_clock: stretch_to_event}` corrects a player's speed" if corrects else ""
    if ratio > 1:
        text = f"{lasts}: it was played slower, or the event goes on after it{offer}"
        remedy = " (or give the sound's length, or n/a, as duration)" if severity == "refusal" else ""
        return [(severity, "playing", text + remedy)]
    if _wrong_header(playing):
        text = f"{lasts}, and all words lie within the event: the sound's header has a wrong rate (correct it)"
        return [("refusal", "playing", text)]
    text = f"{lasts}: it was cut short, or played faster; only what the event covers counts as heard{offer}"
    return [("warning", "playing", text)]


def _wrong_header(playing: PlayingAlignment) -> bool:
    """Whether the file is longer than the event by a ratio of two usual rates, and its transcript is not."""
    if playing.transcript_s is None or playing.file_s is None or playing.event_s is None:
        return False
    longer = playing.file_s / playing.event_s
    within = 0.8 * playing.event_s <= playing.transcript_s <= playing.event_s + 1.0
    return within and any(abs(longer / ratio - 1) < NEARLY for ratio in RATE_RATIOS)


def length_drift(playings: Sequence[PlayingAlignment], recording_s: float) -> Drift | None:
    """How much longer playings last than their sounds, over a recording; None with fewer than three.

    Parameters
    ----------
    playings : of the recording.
    recording_s : how long it lasts.
    """
    known = [one for one in playings if one.file_s and one.event_s and abs((one.ratio or 0) - 1) < 0.1]
    if len(known) < LEAST_EVENTS:
        return None
    markers = of_lengths(
        [f"{one.stimulus} at {one.onset_s:g} s" for one in known],
        [one.file_s or 0.0 for one in known],
        [one.event_s or 0.0 for one in known],
        max(one.precision_s for one in known),
    )
    return drift_of(markers, recording_s, through_zero=True)


# --------------------------------------------------------------------------------------------------- words
def _words(playing: PlayingAlignment) -> list[Finding]:
    wrong = _wrong_unit(playing)
    if wrong:
        return [("refusal", "word times", wrong)]
    findings: list[Finding] = []
    inside = playing.words_in_sound
    if playing.late_words > LATE_WORDS and playing.late_words * playing.n_words >= LEAST_EVENTS - 0.5:
        text = (
            f"{playing.late_words:.1%} of the words begin after the sound ended, the last ends at "
            f"{playing.transcript_s or 0:.1f} of {playing.file_s or 0:.1f} s: they are on another clock (correct it)"
        )
        findings.append(("refusal", "word times", text))
    elif inside is not None and inside < 1:
        findings.append(("warning", "word times", f"{1 - inside:.1%} of the words end after the sound does"))
    elif playing.words_in_event is not None and playing.words_in_event < 1:
        text = f"{1 - playing.words_in_event:.1%} of the words end after the event does: not heard"
        findings.append(("warning", "word times", text))
    if playing.empty_words:
        findings.append(("warning", "word times", f"{playing.empty_words} words have no letter"))
    return findings


def _wrong_unit(playing: PlayingAlignment) -> str:
    """Why word times cannot be seconds of this sound; empty where they can."""
    length_s = playing.file_s or playing.event_s
    if length_s and playing.transcript_s and playing.transcript_s > MILLISECONDS * length_s:
        return (
            f"the transcript ends at {playing.transcript_s:g}, the sound lasts {length_s:g} s: word times are in "
            "milliseconds or samples (say so in a recipe, `unit: ms`)"
        )
    low, high = WORDS_A_SECOND
    rate = playing.words_a_second
    if rate is None or playing.n_words < LEAST_WORDS or low <= rate <= high:
        return ""
    return f"{rate:.3g} words a second: word times are not seconds from the start of the sound (correct them)"
