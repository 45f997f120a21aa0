"""The grammar: seeded, balanced, and its camps the same in sound."""

from collections import Counter

from bids_app.demo.text import CAMPS, SENTENCES_PER_TURN, SPEAKERS, write_run
from bids_app.demo.voice import NARRATORS, Espeak


def test_a_run_is_a_function_of_its_seed():
    assert write_run(0, 1) == write_run(0, 1)
    assert len({write_run(0, 1), write_run(0, 2), write_run(1, 1)}) == 3


def test_everybody_speaks_once_a_scene():
    for scene in write_run(0, 0):
        turns = Counter(sentence.speaker for sentence in scene)
        assert turns == dict.fromkeys(range(SPEAKERS), SENTENCES_PER_TURN)


def test_nouns_tell_the_camp():
    for sentence in (sentence for scene in write_run(0, 0) for sentence in scene):
        assert set(sentence.words) & set(CAMPS[sentence.speaker % 2])
        assert not set(sentence.words) & set(CAMPS[1 - sentence.speaker % 2])


def test_either_camps_nouns_are_the_others_sounds_in_another_order():
    espeak = Espeak()
    espeak.choose(NARRATORS[0])

    def sounds(word):
        return sorted(mark.phone.strip("ˈˌ") for mark in espeak.say(f"the {word} was")[1] if mark.phone)

    assert [pair for pair in zip(*CAMPS, strict=True) if sounds(pair[0]) != sounds(pair[1])] == []


def test_camps_do_not_share_a_voice_but_polarity():
    for one, other in zip(NARRATORS[0::2], NARRATORS[1::2], strict=True):
        assert (one.voice, one.pitch, one.pitch_range) == (other.voice, other.pitch, other.pitch_range)
        assert (one.polarity, other.polarity) == (1, -1)
