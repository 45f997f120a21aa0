"""The story: two camps of three speakers take turns, sentences from a small seeded grammar.

The camps' nouns are each other's sounds in another order (lake, kale), so that counts of phones cannot tell who
speaks, and words that neither camp owns vary more than the nouns do. The camp is therefore a latent that a summary of
many words knows better than single words: what a language model shares with a speech model that hears the voice.
Everybody speaks once a scene, in a new order, so that every run is balanced and resembles any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SPEAKERS = 6
SCENES_PER_RUN = 7
SENTENCES_PER_TURN = 2

_NOUNS = tuple(
    tuple(pair.split("/"))
    for pair in (  # noqa: SIM905  (a list of 33 literals is harder to read)
        "lake/kale lane/nail face/safe lace/sail lime/mile light/tile note/tone dome/mode leaf/flea meat/team "
        "lease/seal keel/leak scene/niece loop/pool loot/tool bus/sub cup/puck gum/mug gut/tug ton/nut cab/back "
        "pack/cap mask/smack pan/nap pal/lap bat/tab cat/tack pot/top pit/tip lip/pill lid/dill mill/limb kit/tick "
        "bin/nib net/ten pest/step"
    ).split()
)
CAMPS = tuple(tuple(pair[camp] for pair in _NOUNS) for camp in (0, 1))  # either camp's own words
_ARTICLES = ("the", "every")
_VERBS = ("watched", "found", "carried", "followed", "painted", "remembered")
_PLACES = ("near", "behind", "under")
_TIMES = ("today", "yesterday", "again", "suddenly")
_LINKS = ("and", "because", "while")
_STARTS = ("perhaps", "later", "maybe")


@dataclass(frozen=True)
class Sentence:
    """What one speaker says.

    Parameters
    ----------
    speaker : 0…5; the camp is the number's parity.
    words : without punctuation.
    """

    speaker: int
    words: tuple[str, ...]


def write_run(seed: int, run: int) -> tuple[tuple[Sentence, ...], ...]:
    """The scenes of one run, each a tuple of sentences; a function of `seed` and `run` alone.

    Parameters
    ----------
    seed : of the demo.
    run : number of the run.
    """
    random = np.random.default_rng((seed, run))
    return tuple(tuple(_scene(random)) for _ in range(SCENES_PER_RUN))


def _scene(random: np.random.Generator) -> Iterator[Sentence]:
    for speaker in random.permutation(SPEAKERS):
        nouns = CAMPS[speaker % 2]
        for _ in range(SENTENCES_PER_TURN):
            yield Sentence(int(speaker), tuple(_sentence(random, nouns)))


def _sentence(random: np.random.Generator, nouns: tuple[str, ...]) -> Iterator[str]:
    if random.random() < 0.4:
        yield _draw_word(random, _STARTS)
    yield from _noun_phrase(random, nouns)
    yield _draw_word(random, _VERBS)
    yield from _noun_phrase(random, nouns)
    if random.random() < 0.5:
        yield _draw_word(random, _PLACES)
        yield from _noun_phrase(random, nouns)
    if random.random() < 0.5:
        yield _draw_word(random, _LINKS)
        yield from _noun_phrase(random, nouns)
        yield _draw_word(random, _VERBS)
    yield _draw_word(random, _TIMES)


def _noun_phrase(random: np.random.Generator, nouns: tuple[str, ...]) -> Iterator[str]:
    yield _draw_word(random, _ARTICLES)
    if random.random() < 0.5:
        yield _draw_word(random, nouns)
    yield _draw_word(random, nouns)


def _draw_word(random: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(random.integers(len(words)))]
