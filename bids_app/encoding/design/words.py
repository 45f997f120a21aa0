"""Rows by word: a signal averaged over each word, the words of a fold's training stimuli, and folds among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from bids_app.encoding.design.align import SAME_S
from bids_app.encoding.design.first_heard import FirstHearings
from bids_app.encoding.design.folds import FEWER_FOLDS, far_from
from bids_app.encoding.errors import CannotFit
from bids_app.records import Array, Design, Features, Run

WORD_FOLDS = 5  # folds among words, at most
LEFT_OUT = -1
SAME_WORDS = "spaces that are projected together need the same words"


def over_words(features: Features, words: Features) -> Features:
    """Features with one row a word, stamped as another feature's rows by word are.

    A word's row is the mean of the frames stamped after its onset and up to its offset; where there is none, the
    frame nearest to its offset (the earlier of two), which may then be stamped up to half a step after it. Rows by
    word already are returned as they are.

    Parameters
    ----------
    features : of any sampling.
    words : with rows by word and their onsets.

    Raises
    ------
    CannotFit
        Where rows by word are of other words.
    ValueError
        Where `words` has no onsets.
    """
    if features.sampling == "events":
        if not np.array_equal(features.times_s, words.times_s):
            raise CannotFit(f"{features.name} and {words.name} have rows of different words", SAME_WORDS)
        return features
    if words.onsets_s is None or words.sampling != "events":
        raise ValueError(f"{words.name} has no rows by word")
    means = word_means(features.values, features.times_s, np.asarray(words.onsets_s), words.times_s)
    return replace(features, values=means, times_s=words.times_s, onsets_s=words.onsets_s, sampling="events")


def word_means(values: Array, times_s: Array, onsets_s: Array, offsets_s: Array) -> Array:
    """Means of frames over words; see `over_words`.

    Parameters
    ----------
    values : (n_times, n_dims).
    times_s : (n_times,) in seconds, ascending.
    onsets_s, offsets_s : (n_words,) in seconds.

    Returns
    -------
    (n_words, n_dims) of the type of `values`.
    """
    # frames first … stop − 1 lie in (onset, offset]; where there is none, the nearest to the offset alone
    first, stop = np.searchsorted(times_s, onsets_s + SAME_S), np.searchsorted(times_s, offsets_s + SAME_S)
    later = np.minimum(stop, len(times_s) - 1)
    earlier = np.maximum(stop - 1, 0)
    nearest = np.where(offsets_s - times_s[earlier] <= times_s[later] - offsets_s + SAME_S, earlier, later)
    nearest = np.where(stop == 0, later, nearest)
    first, stop = np.where(stop > first, first, nearest), np.where(stop > first, stop, nearest + 1)
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    means = (total[stop] - total[first]) / (stop - first)[:, None]
    return np.asarray(means, dtype=values.dtype)


@dataclass(frozen=True)
class Words:
    """Rows of some words, in the order in which stimuli first appear, then of time.

    Parameters
    ----------
    values : band → (n_words, n_dims) float64.
    times_s : (n_words,) in seconds of the run.
    stimulus : (n_words,) int, number of each word's stimulus.
    """

    values: dict[str, Array]
    times_s: Array
    stimulus: Array


def words_of(runs: Sequence[Run], design: Design, fold: int | None) -> Words:
    """The words of an outer fold's training stimuli, each stimulus once.

    In a stimulus that is itself split, training words are further than the design's purge from every test sample, in
    every run that hears it.

    Parameters
    ----------
    runs : with the rows of their words.
    design : made of these runs.
    fold : number of the outer fold; None: the words of all stimuli.

    Raises
    ------
    CannotFit
        Where there is none.
    """
    hearings = FirstHearings([run.playings for run in runs])
    heard: dict[tuple[str, int], list[tuple[int, int]]] = {}  # a transcript of another length counts as another
    for number, run in enumerate(runs):
        for place, rows in enumerate(run.words):
            heard.setdefault((rows.stimulus, len(rows.times_s)), []).append((number, place))
    parts, times_s, stimulus = [], [], []
    for number, places in enumerate(heard.values()):
        kept = np.all([_kept(design, hearings, runs, at, fold) for at in places], axis=0)
        first = runs[places[0][0]].words[places[0][1]]
        parts.append({band: np.asarray(values, np.float64)[kept] for band, values in first.values.items()})
        times_s.append(first.times_s[kept])
        stimulus.append(np.full(int(kept.sum()), number))
    if not sum(map(len, times_s)):
        raise CannotFit("no words of training stimuli", FEWER_FOLDS)
    values = {band: np.concatenate([part[band] for part in parts]) for band in parts[0]}
    return Words(values, np.concatenate(times_s), np.concatenate(stimulus))


def _kept(
    design: Design, hearings: FirstHearings, runs: Sequence[Run], at: tuple[int, int], fold: int | None
) -> Array:
    """(n_words,) bool: what may be trained on, of one hearing."""
    number, place = at
    times_s = runs[number].words[place].times_s
    if fold is None:
        return np.ones(len(times_s), dtype=bool)
    own, test = design.runs == number, design.folds == fold
    if test[own].all():
        return np.zeros(len(times_s), dtype=bool)
    kept = far_from(times_s, design.times_s[own & test], design.purge_s)
    first_runs, first_times_s = hearings.of(number, times_s)
    for run in np.unique(first_runs):
        mine = first_runs == run
        tested_s = design.first_times_s[test & (design.first_runs == run)]
        kept[mine] &= far_from(first_times_s[mine], tested_s, design.purge_s)
    return kept


def inner_labels(words: Words, purge_s: float) -> Array:
    """Folds among words.

    Up to five folds of whole stimuli of about as many words each; of a few stimuli (under three), five contiguous
    blocks.

    Parameters
    ----------
    words : in their order.
    purge_s : words within half of it of a border inside a stimulus are left out, in seconds.

    Returns
    -------
    (n_words,) int, −1 for words left out.
    """
    n, names = len(words.stimulus), np.unique(words.stimulus)
    if len(names) > 2:
        count = min(WORD_FOLDS, len(names))
        middles = [np.flatnonzero(words.stimulus == name).mean() for name in names]
        fold = np.minimum((np.array(middles) * count / n).astype(int), count - 1)
        return np.asarray(np.unique(fold, return_inverse=True)[1][np.searchsorted(names, words.stimulus)])
    # contiguous, of about as many words each
    labels = np.arange(n) * WORD_FOLDS // n
    kept = labels.copy()
    for border in np.flatnonzero(np.diff(labels)):
        if words.stimulus[border] == words.stimulus[border + 1]:
            edge_s = (words.times_s[border] + words.times_s[border + 1]) / 2
            near = (words.stimulus == words.stimulus[border]) & (np.abs(words.times_s - edge_s) < purge_s / 2)
            kept[near] = LEFT_OUT
    return kept
