"""Stimuli that are the same under two names: by their sound, by their words, or by the envelope of their sound.

One stimulus under two names would be in training and test at once, and its hearings would pass for independent. So it
is known by its content: equal samples; the same words at the same distances, also in another format, at another rate
or in a longer cut; or, where there are no words, a sound whose level rises and falls alike at the same seconds.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bids_app import dataset
from bids_app.records import Array, Stimulus

EXCERPT_S = 4.0
STARTS_S = (0.0, 10.0, 30.0, 60.0, 120.0, 240.0, 480.0)  # of the excerpts that stand for a sound
FRAME_S = 0.05  # of an envelope
SHIFT = 2  # frames by which another format may begin later or earlier
FEWEST = 2  # excerpts that envelopes are compared by
ALIKE = 0.95  # correlation of the envelopes of every excerpt, in decibels
SILENT = 1e-4  # of full scale
PHRASE = 6  # words in a row that two transcripts must have alike
WORDS = 8  # the shortest transcript that tells stimuli apart
SAME_WORD_S = 0.1  # transcripts of one sound differ by less
SHARED = 0.5  # of the phrases of the shorter transcript


@dataclass(frozen=True)
class Fingerprint:
    """What a stimulus is known by.

    Parameters
    ----------
    words, onsets_s : of its transcript, in lower case, and (n_words,) seconds.
    samples : hash of the excerpts of its sound and its length; empty where there is none, or silence.
    envelopes : second at which an excerpt begins → (n_frames,) its level in decibels.
    """

    words: tuple[str, ...]
    onsets_s: Array
    samples: str
    envelopes: Mapping[float, Array]


def fingerprint_of(stimulus: Stimulus) -> Fingerprint:
    """A stimulus's words, and excerpts of its sound, which are read for it.

    Parameters
    ----------
    stimulus : with its path; its audio may be left out.
    """
    words = stimulus.words
    texts = () if words is None else tuple(text.lower() for text in words.text)
    onsets_s = np.empty(0) if words is None else np.asarray(words.onset_s)
    excerpts = dataset.read_excerpts(stimulus.path, STARTS_S, EXCERPT_S)
    if excerpts is None or all(np.abs(each).max(initial=0.0) < SILENT for each in excerpts.stretches.values()):
        return Fingerprint(texts, onsets_s, "", {})
    known = hashlib.sha256(repr((excerpts.n_samples, excerpts.rate_hz)).encode())
    for each in excerpts.stretches.values():
        known.update(each.tobytes())
    size = round(FRAME_S * excerpts.rate_hz)
    envelopes = {start_s: _decibels(each, size) for start_s, each in excerpts.stretches.items()}
    return Fingerprint(texts, onsets_s, known.hexdigest(), envelopes)


def _decibels(samples: Array, size: int) -> Array:
    """(n_frames,) level of every `size` samples."""
    whole = samples[: len(samples) // size * size].reshape(-1, size).astype(np.float64)
    return np.asarray(10 * np.log10(np.square(whole).mean(axis=1) + SILENT**2))


@dataclass(frozen=True)
class SameStimulus:
    """That one stimulus is another one under a second name.

    Parameters
    ----------
    name, other : of the two.
    offset_s : second of the other at its own second 0.
    why : what they have in common, to stand after their names.
    """

    name: str
    other: str
    offset_s: float
    why: str

    @property
    def warning(self) -> str:
        """What the user is told."""
        return (
            f"{self.other} and {self.name} {self.why}: they count as one stimulus, which is never in training and "
            "test at once, and whose hearings are not independent"
        )


def same_stimuli(fingerprints: Mapping[str, Fingerprint]) -> dict[str, SameStimulus]:
    """Stimuli that are the same as an earlier one.

    Parameters
    ----------
    fingerprints : name → what it is known by.

    Returns
    -------
    Name → the first one that is the same.
    """
    found: dict[str, SameStimulus] = {}
    phrases: dict[tuple[str, ...], list[tuple[str, float]]] = defaultdict(list)
    others: dict[str, Fingerprint] = {}
    for name, own in fingerprints.items():
        match = _by_samples(name, own, others) or _by_words(name, own, others, phrases)
        match = match or _by_envelope(name, own, others)
        if match is not None:
            found[name] = match
            continue
        others[name] = own
        for at, phrase in enumerate(_phrases(own.words)):
            phrases[phrase].append((name, float(own.onsets_s[at])))
    return found


def _by_samples(name: str, own: Fingerprint, others: Mapping[str, Fingerprint]) -> SameStimulus | None:
    equal = (other for other, one in others.items() if own.samples and one.samples == own.samples)
    return next((SameStimulus(name, other, 0.0, "hold the same sound") for other in equal), None)


def _phrases(words: Sequence[str]) -> list[tuple[str, ...]]:
    """All runs of `PHRASE` words; none where there are too few words."""
    if len(words) < WORDS:
        return []
    return [tuple(words[at : at + PHRASE]) for at in range(len(words) - PHRASE + 1)]


def _by_words(
    name: str,
    own: Fingerprint,
    others: Mapping[str, Fingerprint],
    phrases: Mapping[tuple[str, ...], Sequence[tuple[str, float]]],
) -> SameStimulus | None:
    """The same phrases at one distance in time."""
    offsets: dict[str, list[float]] = defaultdict(list)
    mine = _phrases(own.words)
    for at, phrase in enumerate(mine):
        for other, onset_s in phrases.get(phrase, ()):
            offsets[other].append(onset_s - float(own.onsets_s[at]))
    for other, distances_s in offsets.items():
        ordered = np.sort(distances_s)
        # the most distances that lie within twice the tolerance of each other
        inside = np.searchsorted(ordered, ordered + 2 * SAME_WORD_S) - np.arange(len(ordered))
        best = int(inside.argmax())
        if inside[best] >= SHARED * min(len(mine), len(_phrases(others[other].words))):
            offset_s = float(np.median(ordered[best : best + inside[best]]))
            return SameStimulus(name, other, offset_s, "have the same words" + _later(offset_s))
    return None


def _later(offset_s: float) -> str:
    return "" if abs(offset_s) < SAME_WORD_S else f", {abs(offset_s):.1f} s {'earlier' if offset_s > 0 else 'later'}"


def _by_envelope(name: str, own: Fingerprint, others: Mapping[str, Fingerprint]) -> SameStimulus | None:
    """Alike at the same seconds, unless two transcripts say that they are not the same."""
    for other, one in others.items():
        common = [start_s for start_s in own.envelopes if start_s in one.envelopes]
        if min(len(own.words), len(one.words)) >= WORDS or len(common) < FEWEST:
            continue
        if all(_alike(own.envelopes[start_s], one.envelopes[start_s]) for start_s in common):
            return SameStimulus(name, other, 0.0, "rise and fall in level alike")
    return None


def _alike(one: Array, other: Array) -> bool:
    """Whether two envelopes correlate, one of them moved by a few frames at most."""
    n = min(len(one), len(other)) - 2 * SHIFT
    middle = one[SHIFT : SHIFT + n]
    return any(_correlation(middle, other[shift : shift + n]) >= ALIKE for shift in range(2 * SHIFT + 1))


def _correlation(one: Array, other: Array) -> float:
    """Pearson's; 0 where one does not vary."""
    if len(one) < 2 or min(one.std(), other.std()) < 1.0:  # under a decibel: a tone, noise or silence
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
