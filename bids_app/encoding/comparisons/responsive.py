"""Which electrodes respond to speech: speech against the silence before it, whatever any model predicts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import ttest_1samp

from bids_app.encoding.design.epochs import epoch_means, epochs_inside_recording, place_epochs
from bids_app.encoding.inference.multiple_testing import fdr
from bids_app.records import Array, Epochs, EpochSpec, Responsive

SILENCE_S = 0.8  # least time without a word before the one that ends it; the response to the last word has then ended
SPEECH = (0.1, 0.5)  # seconds after that word's onset whose mean is compared …
QUIET = (-0.5, -0.1)  # … with the mean of these; far enough from it for times of words that are a little off
FEWEST = 10  # pairs, for a test to be made
LEVEL = 0.05  # of q


def after_silence(onsets_s: Array, offsets_s: Array) -> Array:
    """Words before which no other word sounds for `SILENCE_S`; the first word is one of them.

    Parameters
    ----------
    onsets_s, offsets_s : (n_words,) in seconds.

    Returns
    -------
    (n,) onsets in seconds, ascending.
    """
    order = np.argsort(onsets_s, kind="stable")
    onsets_s, ended_s = onsets_s[order], np.maximum.accumulate(offsets_s[order])
    return np.asarray(onsets_s[onsets_s - np.concatenate([[-np.inf], ended_s[:-1]]) >= SILENCE_S])


def speech_less_silence(signals: Array, times_s: Array, valid: Array, onsets_s: Array) -> Array:
    """The mean response in `SPEECH` less that in `QUIET`, in standard deviations of the signal.

    Parameters
    ----------
    signals : (n_times, n_electrodes).
    times_s : (n_times,) in seconds, evenly apart.
    valid : (n_times,) bool.
    onsets_s : (n,) of words after a silence, in seconds.

    Returns
    -------
    (n_pairs, n_electrodes); pairs that leave the recording or touch samples that are not valid are left out.
    """
    (first_s, last_s), (quiet_s, until_s) = SPEECH, QUIET
    spec = EpochSpec(((quiet_s + until_s) / 2,), until_s - quiet_s, (first_s, last_s))
    epochs = place_epochs(onsets_s, times_s, spec)
    kept = epochs_inside_recording(epochs, valid)
    means = np.empty((int(kept.sum()), signals.shape[1], 2))
    scale = signals[valid].std(axis=0, dtype=np.float64)
    epoch_means(signals, Epochs(epochs.starts[kept], epochs.lengths), means)
    return np.asarray((means[..., 0] - means[..., 1]) / np.where(scale > 0, scale, np.nan))


def responsive(differences: Sequence[Array]) -> Responsive | None:
    """Which electrodes respond to speech: one-sided paired t-tests, and Benjamini–Hochberg's q over electrodes.

    Parameters
    ----------
    differences : (n_pairs, n_electrodes) of each run.

    Returns
    -------
    None where there are fewer than `FEWEST` pairs.
    """
    pairs = np.concatenate(list(differences))
    if len(pairs) < FEWEST:
        return None
    spread = pairs.std(axis=0)
    varies = spread > 0  # False for NaN as well
    p = np.full(pairs.shape[1], np.nan)
    p[varies] = ttest_1samp(pairs[:, varies], 0.0, alternative="greater").pvalue
    return Responsive(p, fdr(p), LEVEL, len(pairs), SILENCE_S, SPEECH, QUIET)
