"""Narration: word and phone times against the sound itself."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bids_app.demo import voice
from bids_app.demo.make import text_grid
from bids_app.demo.text import Sentence, write_run
from bids_app.demo.voice import RATE_HZ, Espeak, speak
from bids_app.errors import NoInput

SCENES = write_run(0, 0)[:1]


@pytest.fixture(scope="module")
def speech():
    return speak(SCENES, 60.0)


def inside(table, n_samples):
    mask = np.zeros(n_samples, dtype=bool)
    for start, stop in zip(table.onset_s, table.offset_s, strict=True):
        mask[round(start * RATE_HZ) : round(stop * RATE_HZ)] = True
    return mask


def level_db(audio):
    return 10 * np.log10(np.mean(audio**2))


def test_every_word_is_there_in_order(speech):
    said = [word for sentence in SCENES[0] for word in sentence.words]
    assert list(speech.words.text) == said
    assert (np.diff(speech.words.onset_s) > 0).all()
    assert (speech.words.onset_s[1:] >= speech.words.offset_s[:-1] - 1e-9).all()
    assert speech.words.offset_s[-1] <= len(speech.audio) / RATE_HZ


def test_sound_lies_within_the_words(speech):
    mask = inside(speech.words, len(speech.audio))
    assert level_db(speech.audio[mask]) > level_db(speech.audio[~mask]) + 8


def pauses(speech, shortest_s=0.15):
    """Onsets of words that come after silence."""
    gaps = speech.words.onset_s[1:] - speech.words.offset_s[:-1]
    return speech.words.onset_s[1:][gaps > shortest_s]


def test_words_after_a_pause_begin_when_sound_begins(speech):
    onsets = pauses(speech)
    assert len(onsets) > 4
    loud = np.abs(speech.audio) > 0.01
    late = []
    for onset in onsets:
        at = round((onset - 0.1) * RATE_HZ)
        late.append(np.argmax(loud[at : at + RATE_HZ]) / RATE_HZ - 0.1)
    assert np.abs(np.median(late)) < 0.02
    assert np.max(np.abs(late)) < 0.08  # a stop consonant begins with its closure


def test_the_check_of_energy_notices_a_shift(speech):
    moved = replace(speech.words, onset_s=speech.words.onset_s + 0.3)
    mask = inside(moved, len(speech.audio))
    assert level_db(speech.audio[mask]) < level_db(speech.audio[~mask]) + 8


def test_phones_fill_their_words(speech):
    starts = {round(float(start), 6) for start in speech.phones.onset_s}
    assert {round(float(start), 6) for start in speech.words.onset_s} <= starts
    assert all(speech.phones.text)


def test_ends_with_the_last_sentence_that_fits(speech):
    short = speak(SCENES, 20.0)
    assert 12 < len(short.audio) / RATE_HZ <= 20
    n = len(short.words.text)
    assert short.words.text == speech.words.text[:n]


def test_polarity_turns_the_waveform_upside_down(monkeypatch):
    espeak = Espeak()
    espeak.choose(voice.NARRATORS[0])
    said = espeak.say("the lake.")
    replay = SimpleNamespace(rate_hz=espeak.rate_hz, choose=lambda narrator: None, say=lambda text: said)
    monkeypatch.setattr(voice, "Espeak", lambda: replay)
    upright, turned = (speak([[Sentence(speaker, ("the", "lake"))]], 10.0).audio for speaker in (0, 1))
    assert np.abs(upright).max() > 0.1
    np.testing.assert_array_equal(turned, -upright)


def test_without_the_demo_extra_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(NoInput, match=r"pip install 'bids-concord\[demo\]'"):
        Espeak()


def test_the_text_grid_reads_back_elsewhere(speech, tmp_path):
    from praatio import textgrid

    end = len(speech.audio) / RATE_HZ
    (tmp_path / "x.TextGrid").write_text(text_grid({"words": speech.words}, end), "utf-8")
    read = textgrid.openTextgrid(str(tmp_path / "x.TextGrid"), includeEmptyIntervals=False)
    entries = read.getTier("words").entries
    assert tuple(entry.label for entry in entries) == speech.words.text
    np.testing.assert_allclose([entry.start for entry in entries], speech.words.onset_s, atol=1e-6)
    np.testing.assert_allclose([entry.end for entry in entries], speech.words.offset_s, atol=1e-6)
    assert read.maxTimestamp == pytest.approx(end, abs=1e-5)
