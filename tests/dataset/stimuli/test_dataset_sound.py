"""Sound read in pieces is the sound."""

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from bids_app.dataset.stimuli import sound
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
    audio, rate = read_audio(tmp_path / f"a.{ending}")
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
