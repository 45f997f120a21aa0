"""Sound read in pieces is the sound."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.dataset.stimuli import channels, sound
from bids_app.dataset.stimuli.sound import SoundFile, read_audio
from bids_app.errors import DataError

RATE = 1000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("sound") / "long.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, (5000, 2)), RATE, subtype="FLOAT")
    return path


@settings(deadline=None)
@given(places=st.lists(st.tuples(st.integers(-10, 6000), st.integers(-10, 6000)), max_size=8))
def test_any_piece_in_any_order_is_that_of_the_whole(path, places):
    whole = soundfile.read(path, dtype="float32")[0].mean(axis=1, dtype=np.float32)
    np.testing.assert_array_equal(SoundFile(path, 5000, RATE / 100, (1,))[10:90], soundfile.read(path)[0][10:90, 1])
    held = SoundFile(path, 5000, RATE / 100)  # blocks of 600 samples
    for first, stop in places:
        np.testing.assert_array_equal(held[first:stop], whole[first:stop])
    np.testing.assert_array_equal(held[::3], whole[::3])
    np.testing.assert_array_equal(np.asarray(held), whole)
    assert held[-1] == whole[-1]
    assert len(held) == 5000


@pytest.mark.parametrize(("ending", "streamed"), [("wav", True), ("flac", True), ("ogg", False), ("mp3", False)])
def test_what_can_be_read_in_pieces_is(ending, streamed, tmp_path):
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(32000) / 16000)
    soundfile.write(tmp_path / f"a.{ending}", np.stack([wave, wave], axis=1), 16000)
    audio, rate, *_ = read_audio(tmp_path / f"a.{ending}")
    assert isinstance(audio, SoundFile) == streamed
    whole = soundfile.read(tmp_path / f"a.{ending}", dtype="float32")[0].mean(axis=1, dtype=np.float32)
    assert rate == 16000
    np.testing.assert_array_equal(audio[100:9000], whole[100:9000])
    assert len(audio) == len(whole)


def test_a_number_that_is_none_is_found_wherever_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr(sound, "BLOCK_S", 0.1)
    audio = np.zeros(5000, np.float32)
    audio[4321] = np.nan
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype="FLOAT")
    with pytest.raises(DataError, match="not numbers"):
        read_audio(tmp_path / "a.wav")


def test_a_file_that_ends_early_is_one_line(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.random.default_rng(0).uniform(-1, 1, 50000), 16000)
    content = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=r"decoded.*a\.flac") as caught:
        read_audio(tmp_path / "a.flac")
    assert "\n" not in str(caught.value)


# ------------------------------------------------------------------------------------------------ channels
N, BLOCK = 8000, 1.0  # samples, at RATE; blocks of a second stand for minutes


def noise(seed, level=0.1):
    return level * np.random.default_rng(seed).normal(size=N)


SPEECH, OTHER = noise(1), noise(2)
TRIGGERS = np.where(np.arange(N) % 500 < 20, 0.9, 0.0)
LATE = np.where(np.arange(N) < 3000, -1, 1)  # inverted for the first three seconds of eight

# name → channels, what is stated, what is heard (None: the mean), told
CHANNELS = {
    "one": ([SPEECH], None, None, ""),
    "one, stated": ([SPEECH], "left", None, ""),
    "twice the same": ([SPEECH, SPEECH], None, None, ""),
    "the same, one softer": ([SPEECH, 0.3 * SPEECH], None, None, ""),
    "nearly the same": ([SPEECH, SPEECH + 0.3 * OTHER], None, None, ""),
    "inverse": ([SPEECH, -SPEECH], None, (0,), "r = -1.00"),
    "stereo": ([SPEECH, SPEECH + OTHER], None, (0,), "not averaged: channel 1 is heard"),
    "stereo, stated": ([SPEECH, SPEECH + OTHER], "mean", None, ""),
    "inverse for a while": ([SPEECH, SPEECH * np.where(np.arange(N) < 300, -1, 1)], None, (0,), "in single minutes"),
    "speech and triggers": ([SPEECH, TRIGGERS], None, DataError, "channels hold different sounds"),
    "triggers and speech": ([TRIGGERS, SPEECH], None, DataError, "channels hold different sounds"),
    "speech and triggers, stated": ([SPEECH, TRIGGERS], 1, (0,), ""),
    "triggers and speech, by name": ([TRIGGERS, SPEECH], "Right", (1,), ""),
    "two voices": ([SPEECH, OTHER], None, DataError, "stimuli: {channel: 1}"),
    "two voices, both heard": ([SPEECH, OTHER], "mean", None, ""),
    "late by 10 ms": ([SPEECH, np.roll(SPEECH, 10)], None, DataError, "r = -?0.0"),
    "half inverse": ([SPEECH, SPEECH * LATE], None, DataError, "never averaged"),
    "right is silent": ([SPEECH, 0 * SPEECH], None, (0,), "channel 2 is silent"),
    "left is hiss": ([noise(3, 1e-4), SPEECH], None, (1,), "channel 1 is silent"),
    "an offset is no sound": ([SPEECH, 0 * SPEECH + 0.3], None, (0,), "channel 2 is silent"),
    "surround, the centre": ([OTHER, noise(3), SPEECH, noise(4), noise(5), noise(6)], "centre", (2,), ""),
    "no such channel": ([SPEECH, SPEECH], 3, DataError, "no channel '3'"),
    "no such name": ([SPEECH], "audio", DataError, "it has 1"),
    "both silent": ([0 * SPEECH, 0 * SPEECH], None, None, "the sound is silent"),
}


@pytest.mark.parametrize("case", CHANNELS)
@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_which_channel_is_heard(case, ending, tmp_path, monkeypatch):
    monkeypatch.setattr(sound, "BLOCK_S", BLOCK)
    tracks, stated, heard, told = CHANNELS[case]
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.stack(tracks, axis=1), RATE)
    if heard is DataError:
        with pytest.raises(DataError, match=told.replace("{", r"\{")):
            read_audio(path, stated)
        return
    read = read_audio(path, stated)
    written = soundfile.read(path, dtype="float32", always_2d=True)[0]
    expected = written.mean(axis=1, dtype=np.float32) if heard is None else written[:, heard[0]]
    np.testing.assert_array_equal(np.asarray(read.samples), expected)
    assert read.channels == heard
    assert told in "; ".join(read.notes)
    assert bool(read.notes) == bool(told)


@settings(deadline=None, max_examples=30)
@given(
    gains=st.lists(st.floats(-2, 2), min_size=2, max_size=4),
    own=st.lists(st.floats(0, 2), min_size=4, max_size=4),
    seed=st.integers(0, 9),
)
def test_what_is_averaged_keeps_the_power_of_its_channels(gains, own, seed):
    rng = np.random.default_rng(seed)
    common = rng.normal(size=2000)
    tracks = [gain * common + part * rng.normal(size=2000) for gain, part in zip(gains, own, strict=False)]
    block = np.stack(tracks, axis=1)
    try:
        choice = channels.choose(channels.measure([block]), None)
    except DataError:
        return
    chosen = block if choice.channels is None else block[:, list(choice.channels)]
    loudness = chosen.std(axis=0)
    if chosen.shape[1] > 1:
        assert chosen.mean(axis=1).std() >= np.sqrt(channels.AGREE) * loudness.mean() - 1e-6  # nothing cancels


@pytest.mark.parametrize(
    ("samples", "subtype", "told"),
    [
        (1000 * SPEECH, "FLOAT", "times full scale"),
        (SPEECH, "FLOAT", ""),
        (np.clip(20 * SPEECH, -1, 1), "PCM_16", "of the samples are clipped"),
        (1e-6 * SPEECH, "FLOAT", "silent"),
    ],
)
def test_samples_that_cannot_be_as_recorded_are_told(samples, subtype, told, tmp_path):
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype=subtype)
    notes = read_audio(tmp_path / "a.wav").notes
    assert told in "; ".join(notes)
    assert bool(notes) == bool(told)


@pytest.mark.parametrize(
    ("rate", "said"), [(0, "cannot be decoded"), (1, "1 samples a second"), (10**9, r"1e\+09 samples a second")]
)
def test_a_header_without_a_rate_that_can_be_is_refused(rate, said, tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, SPEECH, RATE)
    content = bytearray(path.read_bytes())
    content[24:28] = rate.to_bytes(4, "little")
    path.write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_audio(path)


@pytest.mark.parametrize("name", ["a.wav", "a.ogg"])  # read in pieces, and held whole
def test_each_minute_counts_whatever_the_format(tmp_path, name):
    """Channels agree over three minutes, but for a soft last one in which they are each other's inverse."""
    rate_hz = 2000
    left = np.random.default_rng(0).normal(size=180 * rate_hz) * np.repeat([0.1, 0.1, 0.02], 60 * rate_hz)
    right = left * np.repeat([1, 1, -1], 60 * rate_hz)
    soundfile.write(tmp_path / name, np.column_stack([left, right]), rate_hz)
    assert "in single minutes" in " ".join(read_audio(tmp_path / name).notes)
