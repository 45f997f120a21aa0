"""Known onsets and speeds of a sound in a recording of it are found; what is not there is not."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from bids_app.dataset.alignment.audio_match import correlations, envelope_of, match_audio

RATE, SECONDS = 2000.0, 90
RNG = np.random.default_rng(0)


def speech(seconds=SECONDS, seed=0):
    """Noise whose loudness comes in syllables and pauses."""
    rng = np.random.default_rng(seed)
    n = round(seconds * RATE)
    loudness = np.maximum(gaussian_filter1d(rng.normal(size=n // 40), 6), 0).repeat(40)
    return loudness[:n] * rng.normal(size=n) if len(loudness) >= n else loudness * rng.normal(size=len(loudness))


SOUND = speech()


def recorded(onset_s, drift, rate=1000.0, seconds=130, noise=0.01, sound=SOUND):
    """(n,) of the mixer's channel at its own rate: the sound from `onset_s` on, slower by `drift`."""
    times_s = np.arange(round(seconds * rate)) / rate
    heard = np.interp((times_s - onset_s) / (1 + drift), np.arange(len(sound)) / RATE, sound, left=0, right=0)
    return heard + noise * np.random.default_rng(1).normal(size=len(times_s))


@pytest.mark.parametrize(
    ("onset_s", "drift", "expected_s"),
    [(1.234, 200e-6, 0.0), (1.234, -200e-6, 1.2), (33.337, 0.0, 0.0), (-5.5, 50e-6, -5.0), (5.0, 5e-3, 5.0)],
)
def test_onset_and_drift_are_found(onset_s, drift, expected_s):
    match = match_audio(envelope_of(recorded(onset_s, drift), 1000.0), envelope_of(SOUND, RATE), expected_s)
    assert match is not None
    at_end = match.onset_s + match.drift * SECONDS
    assert match.onset_s == pytest.approx(onset_s, abs=0.002)
    assert at_end == pytest.approx(onset_s + drift * SECONDS, abs=0.002)
    assert match.r > 0.5


@pytest.mark.parametrize("rate", [512.0, 999.7])
def test_the_channels_own_rate_does_not_matter(rate):
    match = match_audio(envelope_of(recorded(7.1, 1e-4, rate), rate), envelope_of(SOUND, RATE), 7.0)
    assert match is not None
    assert match.onset_s == pytest.approx(7.1, abs=0.002)
    assert match.drift == pytest.approx(1e-4, abs=2e-5)


def test_of_two_playings_the_expected_one():
    both = recorded(3.0, 0, seconds=220) + recorded(110.0, 0, seconds=220)
    for at in (3.0, 110.0):
        match = match_audio(envelope_of(both, 1000.0), envelope_of(SOUND, RATE), at + 0.5)
        assert match is not None
        assert match.onset_s == pytest.approx(at, abs=0.002)


@pytest.mark.parametrize("what", ["noise", "other speech", "silence", "hum"])
def test_what_is_not_the_sound_does_not_match(what):
    times_s = np.arange(130_000) / 1000
    channel = {
        "noise": RNG.normal(size=130_000),
        "other speech": recorded(1.0, 0, sound=speech(seed=5)),
        "silence": np.zeros(130_000),
        "hum": np.sin(2 * np.pi * 50 * times_s) + 1e-3 * RNG.normal(size=130_000),
    }[what]
    assert match_audio(envelope_of(channel, 1000.0), envelope_of(SOUND, RATE), 1.0) is None


def test_too_short_a_sound_is_not_matched():
    assert (
        match_audio(envelope_of(recorded(1.0, 0), 1000.0), envelope_of(SOUND[: round(6 * RATE)], RATE), 1.0) is None
    )


def test_correlations_are_pearsons():
    track, piece = RNG.normal(size=50), RNG.normal(size=12)
    wanted = [np.corrcoef(track[at : at + 12], piece)[0, 1] for at in range(39)]
    np.testing.assert_allclose(correlations(track, piece), wanted, atol=1e-12)
    assert len(correlations(piece, track)) == 0
    assert not correlations(np.zeros(50), piece).any()
