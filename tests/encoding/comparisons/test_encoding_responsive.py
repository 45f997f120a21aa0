"""Speech against silence: which onsets, which samples, the t-test of SciPy, and no claim on noise."""

import numpy as np
import pytest
from scipy.stats import false_discovery_control, ttest_rel

from bids_app.encoding import after_silence, responsive, speech_less_silence

TIMES_S = np.arange(60000) / 100


def onsets_of(seed, n=60):
    """Bursts of three words, a pause after each; and where the bursts begin."""
    rng = np.random.default_rng(seed)
    starts = 2.0 + np.cumsum(rng.uniform(3.0, 9.0, n))
    starts = starts[starts < 590]
    return np.sort(np.concatenate([starts, starts + 0.4, starts + 0.8])), starts


def test_onsets_that_end_a_silence():
    onsets = np.array([5.1, 0.0, 1.0, 2.2, 3.9])
    offsets = np.array([5.3, 0.3, 1.4, 4.2, 4.0])  # the word of 2.2 s lasts until 4.2 s
    assert after_silence(onsets, offsets).tolist() == [0.0, 2.2, 5.1]


def test_the_test_is_a_paired_t_test_on_the_stated_seconds():
    onsets, starts = onsets_of(0)
    rng = np.random.default_rng(1)
    signals = rng.normal(size=(len(TIMES_S), 3)).astype(np.float32)
    chosen = after_silence(onsets, onsets + 0.3)
    assert chosen.tolist() == starts.tolist()
    valid = np.ones(len(TIMES_S), bool)
    pairs = speech_less_silence(signals, TIMES_S, valid, chosen)
    speech, quiet = [], []
    for onset in starts:
        at = round((onset + 0.3) * 100), round((onset - 0.3) * 100)
        speech.append(signals[at[0] - 20 : at[0] + 21].mean(axis=0))
        quiet.append(signals[at[1] - 20 : at[1] + 21].mean(axis=0))
    tested = responsive([pairs[:30], pairs[30:]])
    p = ttest_rel(speech, quiet, alternative="greater").pvalue
    np.testing.assert_allclose(tested.p, p, rtol=1e-3)
    np.testing.assert_allclose(tested.q, false_discovery_control(p), rtol=1e-3)
    assert tested.n_pairs == len(starts)


def test_electrodes_that_rise_with_speech_are_found_and_others_are_not():
    onsets, starts = onsets_of(2)
    rng = np.random.default_rng(3)
    signals = rng.normal(size=(len(TIMES_S), 40)).astype(np.float32)
    speaking = np.zeros(len(TIMES_S), bool)
    for onset in onsets:
        speaking[round(onset * 100) + 10 : round(onset * 100) + 50] = True
    signals[speaking, :5] += 0.5
    signals[speaking, 5:10] -= 0.5  # lower in speech: not called responsive
    signals[:, 10] = 1.0
    pairs = speech_less_silence(signals, TIMES_S, np.ones(len(TIMES_S), bool), starts)
    q = responsive([pairs]).q
    assert (q[:5] < 0.01).all()
    assert (q[5:10] > 0.9).all()
    assert np.isnan(q[10])
    assert (q[11:] < 0.05).sum() <= 1


def test_samples_that_are_not_valid_cost_their_pair():
    _, starts = onsets_of(4)
    signals = np.zeros((len(TIMES_S), 1), np.float32)
    valid = np.ones(len(TIMES_S), bool)
    valid[round(starts[3] * 100)] = False
    assert len(speech_less_silence(signals, TIMES_S, valid, starts)) == len(starts) - 1


@pytest.mark.parametrize("n", [0, 9])
def test_too_few_silences_are_no_test(n):
    assert responsive([np.ones((n, 2))]) is None
