"""The story: six people take turns, each with words of their own, sentences from a small seeded grammar.

Who speaks is the latent that voice and wording share; everybody speaks once a scene, in a new order, so that a run
of six scenes is balanced and resembles any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

SCENES_PER_RUN = 6
SENTENCES_PER_TURN = 2


@dataclass(frozen=True)
class Lexicon:
    """A speaker's own words, by the place they take in a sentence."""

    nouns: tuple[str, ...]
    verbs: tuple[str, ...]
    adjectives: tuple[str, ...]
    places: tuple[str, ...]


@dataclass(frozen=True)
class Sentence:
    """Words without punctuation, and who says them (0…5)."""

    speaker: int
    words: tuple[str, ...]


def _lexicon(nouns: str, verbs: str, adjectives: str, places: str) -> Lexicon:
    return Lexicon(*(tuple(words.split()) for words in (nouns, verbs, adjectives, places)))


LEXICONS = (
    _lexicon(
        "sailor boat captain anchor storm fisherman rope lantern whale sail",
        "rowed steered sank hauled drifted",
        "salty stormy wooden drowned",
        "harbor island ocean lighthouse",
    ),
    _lexicon(
        "baker bread kettle soup butter cook spoon pepper cake oven",
        "baked tasted stirred boiled burned",
        "sweet burnt spicy delicious",
        "kitchen pantry cellar tavern",
    ),
    _lexicon(
        "gardener rose beetle tulip apple sparrow seed hedge bee spade",
        "planted watered picked trimmed buried",
        "blooming green thorny fragrant",
        "garden orchard meadow greenhouse",
    ),
    _lexicon(
        "doctor nurse fever bandage patient medicine needle surgeon wound bottle",
        "healed examined washed comforted weighed",
        "feverish pale broken sterile",
        "hospital ward clinic pharmacy",
    ),
    _lexicon(
        "king knight sword castle dragon queen crown shield horse banner",
        "conquered defended knighted crowned banished",
        "royal golden armored noble",
        "palace dungeon tower kingdom",
    ),
    _lexicon(
        "engineer robot engine signal computer pilot rocket wire satellite machine",
        "programmed launched repaired measured soldered",
        "electric digital magnetic automatic",
        "laboratory workshop station runway",
    ),
)
_ARTICLES = ("the", "a", "that", "every")
_TIMES = ("today", "yesterday", "again", "slowly", "suddenly", "tonight", "often", "never")
_LINKS = ("and", "but", "while", "because", "until", "so")
_STARTS = ("then", "later", "perhaps", "once", "maybe", "finally")


def write_run(seed: int, run: int) -> tuple[tuple[Sentence, ...], ...]:
    """The scenes of one run, each a tuple of sentences; a function of `seed` and `run` alone."""
    random = np.random.default_rng((seed, run))
    return tuple(tuple(_scene(random)) for _ in range(SCENES_PER_RUN))


def _scene(random: np.random.Generator) -> Iterator[Sentence]:
    for speaker in random.permutation(len(LEXICONS)):
        for _ in range(SENTENCES_PER_TURN):
            yield Sentence(int(speaker), tuple(_sentence(random, LEXICONS[speaker])))


def _sentence(random: np.random.Generator, lexicon: Lexicon) -> Iterator[str]:
    if random.random() < 0.4:
        yield _one(random, _STARTS)
    yield from _clause(random, lexicon)
    if random.random() < 0.4:
        yield _one(random, _LINKS)
        yield from _noun_phrase(random, lexicon)
        yield _one(random, lexicon.verbs)
        yield _one(random, _TIMES)


def _clause(random: np.random.Generator, lexicon: Lexicon) -> Iterator[str]:
    yield from _noun_phrase(random, lexicon)
    yield _one(random, lexicon.verbs)
    yield from _noun_phrase(random, lexicon)
    yield _one(random, ("inside", "near", "behind"))
    yield "the"
    yield _one(random, lexicon.places)


def _noun_phrase(random: np.random.Generator, lexicon: Lexicon) -> Iterator[str]:
    yield _one(random, _ARTICLES)
    if random.random() < 0.5:
        yield _one(random, lexicon.adjectives)
    yield _one(random, lexicon.nouns)


def _one(random: np.random.Generator, words: tuple[str, ...]) -> str:
    return words[int(random.integers(len(words)))]
