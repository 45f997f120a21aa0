"""`articulatory`: place, manner, voicing, height, backness, rounding and glide of phones in ARPAbet, IPA or SAMPA."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Mapping
from importlib import resources
from itertools import filterfalse
from typing import NamedTuple

import numpy as np

from bids_app.errors import DataError
from bids_app.features.base.family import Family
from bids_app.features.base.words import PHONE_STAMP, event_features
from bids_app.features.phonetic.pronunciation import is_timed, spoken_phones
from bids_app.features.phonetic.sampa import from_sampa
from bids_app.records import Array, FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus

ATTRIBUTES = (
    "bilabial", "labiodental", "dental", "alveolar", "postalveolar", "retroflex", "palatal", "velar", "uvular",
    "pharyngeal", "glottal",
    "plosive", "nasal", "trill", "tap", "fricative", "affricate", "approximant", "lateral",
    "voiced",
    "close", "near-close", "mid", "open",
    "front", "central", "back",
    "rounded",
    "fronting", "backing", "centring",
)  # fmt: skip
GLIDES = frozenset("jwɹrl")  # may follow a vowel within one symbol: aj, ow, ɔːɹ, əl
FRONTING, BACKING = frozenset("iɪyʏj"), frozenset("uʊɯow")  # ends of diphthongs; all others are centring
Phones = Mapping[str, Array]


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_phones, n_attributes), 0 or 1; a phone that is not known has a row of zeros.

    Silences have no row. Where there are words alone, their phones are looked up and spread over them, and the notes
    say so.

    Parameters
    ----------
    stimulus : with its phones, or words to look up.
    spec : resolved; it has no options.
    source : where models are; not used.

    Returns
    -------
    Events; `times_s` (n_phones,) are the phones' offsets.

    Raises
    ------
    DataError
        Where more than half of the phones are unknown.
    """
    phones, notes, wordless = spoken_phones(stimulus)
    alphabet, values, unknown, share = _known(phones.text, stimulus.stimulus_id)
    if unknown:
        notes = (*notes, f"{share:.1%} of the phones are not known and have zeros: {', '.join(unknown[:20])}")
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Articulatory attributes of each phone ({alphabet}), 1 where one applies, after the chart of "
        "the International Phonetic Association; a diphthong has those of its first element and the way it glides.",
        stamp=PHONE_STAMP,
        dimensions=ATTRIBUTES,
        causal=is_timed(stimulus),
        unknown_share=round(1 - (1 - share) * (1 - wordless), 6),
        notes=notes,
    )
    return event_features(spec, phones, values, provenance)


class Encoded(NamedTuple):
    """The alphabet, attributes (n_phones, n_attributes), the phones that it does not know, and their share, 0…1."""

    alphabet: str
    values: Array
    unknown: list[str]
    unknown_share: float


def _known(texts: tuple[str, ...], where: str) -> Encoded:
    """Attributes of phones. Raises DataError where more than half are unknown."""
    alphabet, values = encode(texts)
    unknown = sorted({text for text, row in zip(texts, values, strict=True) if not row.any()})
    share = float(1 - values.any(axis=1).mean())
    if share > 0.5:
        advice = f"found {', '.join(unknown[:5])}; ARPAbet, IPA and SAMPA are understood"
        raise DataError(f"{share:.0%} of the phones are not known", where, advice)
    return Encoded(alphabet, values, unknown, share)


def encode(texts: tuple[str, ...]) -> tuple[str, Array]:
    """The alphabet that knows most of the phones, and attributes (n_phones, n_attributes)."""
    arpabet, ipa = load_table()
    place = {text: row for row, text in enumerate(dict.fromkeys(texts))}
    rows = [place[text] for text in texts]
    # a tie is written in what several have: single letters, which mean the same but for capitals
    readings = {
        "ARPAbet": np.stack([read_arpabet(text, arpabet) for text in place]),
        "IPA": np.stack([read_ipa(text, ipa) for text in place]),
        "SAMPA": np.stack([read_ipa(from_sampa(text), ipa) for text in place]),
    }
    known = {alphabet: int(np.sum(values[rows].any(axis=1))) for alphabet, values in readings.items()}
    best = max(readings, key=lambda alphabet: known[alphabet])
    return best, readings[best][rows]


def load_table() -> tuple[Phones, Phones]:
    """Attributes (n_attributes,) of every ARPAbet name and of every IPA symbol of articulatory.tsv."""
    text = (resources.files(__package__) / "articulatory.tsv").read_text(encoding="utf-8")
    lines = filterfalse(lambda line: line.startswith("#"), text.splitlines())
    arpabet, ipa = {}, {}
    for row in csv.DictReader(lines, delimiter="\t"):
        symbol, names = row.pop("ipa"), row.pop("arpabet")
        applying = {attribute for cell in row.values() for attribute in cell.split("+")}
        ipa[symbol] = np.array([attribute in applying for attribute in ATTRIBUTES], dtype=np.float32)
        arpabet.update(dict.fromkeys(names.split(), ipa[symbol]))
    return arpabet, ipa


def read_arpabet(text: str, table: Phones) -> Array:
    """Attributes of an ARPAbet name, in any case, with or without its stress digit and its place in the word (_B).

    Parameters
    ----------
    text : the name.
    table : name → attributes.

    Returns
    -------
    (n_attributes,) float32, zeros if unknown.
    """
    name = re.sub(r"_[BIES]$", "", text.strip()).upper()
    return table.get(name, table.get(name.rstrip("012"), np.zeros(len(ATTRIBUTES), dtype=np.float32)))


def read_ipa(text: str, table: Phones) -> Array:
    """Attributes of an IPA symbol.

    Marks of stress, length, tone and secondary articulation are passed over. Two or more vowels, or a vowel with a
    glide or liquid, count as the first one with the mark `fronting`, `backing` or `centring` for the last.

    Parameters
    ----------
    text : one symbol, perhaps with marks.
    table : symbol → attributes.

    Returns
    -------
    (n_attributes,) float32, zeros if unknown.
    """
    plain = re.sub(r"_[BIES]$", "", text.strip())
    letters = "".join(filter(_is_letter, unicodedata.normalize("NFC", plain)))  # ç and its like stay whole
    bare = "".join(filter(_is_letter, unicodedata.normalize("NFD", letters)))
    for symbol in (letters, bare):
        if symbol in table:
            return table[symbol]
    if bare and _is_vowel(bare[0], table) and all(_is_vowel(end, table) or end in GLIDES for end in bare[1:]):
        glide = "fronting" if bare[-1] in FRONTING else "backing" if bare[-1] in BACKING else "centring"
        return np.maximum(table[bare[0]], np.array([name == glide for name in ATTRIBUTES], dtype=np.float32))
    return np.zeros(len(ATTRIBUTES), dtype=np.float32)


def _is_letter(character: str) -> bool:
    """Not a modifier (ʰ ʲ ː ˈ), a combining mark, a digit of tone or punctuation; ᵻ and ᵿ are letters."""
    return unicodedata.category(character) in {"Ll", "Lu", "Lo"}


def _is_vowel(letter: str, table: Phones) -> bool:
    return letter in table and bool(table[letter][ATTRIBUTES.index("close") : ATTRIBUTES.index("open") + 1].any())


def check_stimulus(stimulus: Stimulus, spec: FeatureSpec) -> None:
    """Make sure that the phones are known, or those of the words can be looked up.

    Parameters
    ----------
    stimulus : with its phones, or words to look up.
    spec : resolved; not used.

    Raises
    ------
    DataError : more than half of the phones are unknown, or the dictionary is not of the words' language.
    """
    _known(spoken_phones(stimulus).phones.text, stimulus.stimulus_id)


FAMILY = Family(
    kind="articulatory",
    label="articulatory features of the phones",
    role="phonetic",
    version=2,  # 2: SAMPA
    needs=frozenset({"pronunciation"}),
    extract=extract,
    check_stimulus=check_stimulus,
)
