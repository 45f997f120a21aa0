"""`articulatory`: place, manner, voicing, height, backness, rounding and glide of each phone, in ARPAbet or IPA."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Mapping
from importlib import resources
from itertools import filterfalse

import numpy as np

from bids_app.errors import DataError
from bids_app.features.base.family import Family
from bids_app.features.base.words import PHONE_STAMP, event_features
from bids_app.features.phonetic.pronunciation import is_timed, spoken_phones
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
    phones, notes = spoken_phones(stimulus)
    alphabet, values = encode(phones.text)
    unknown = sorted({text for text, row in zip(phones.text, values, strict=True) if not row.any()})
    share = 1 - values.any(axis=1).mean()
    if share > 0.5:
        advice = f"found {', '.join(unknown[:5])}; ARPAbet or IPA is understood"
        raise DataError(f"{share:.0%} of the phones are not known", stimulus.stimulus_id, advice)
    if unknown:
        notes = (*notes, f"{share:.1%} of the phones are not known and have zeros: {', '.join(unknown[:20])}")
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Articulatory attributes of each phone ({alphabet}), 1 where one applies, after the chart of "
        "the International Phonetic Association; a diphthong has those of its first element and the way it glides.",
        stamp=PHONE_STAMP,
        dimensions=ATTRIBUTES,
        causal=is_timed(stimulus),
        unknown_share=round(float(share), 6),
        notes=notes,
    )
    return event_features(spec, phones, values, provenance)


def encode(texts: tuple[str, ...]) -> tuple[str, Array]:
    """The alphabet that knows more of the phones, and attributes (n_phones, n_attributes)."""
    arpabet, ipa = load_table()
    as_ipa = np.stack([read_ipa(text, ipa) for text in texts])
    as_arpabet = np.stack([read_arpabet(text, arpabet) for text in texts])
    if as_ipa.any(axis=1).sum() > as_arpabet.any(axis=1).sum():
        return "IPA", as_ipa
    # a tie is written in what both have: single letters, which mean the same but for capitals
    return "ARPAbet", as_arpabet


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
    """Attributes of an ARPAbet name, in any case, with or without its stress digit.

    Parameters
    ----------
    text : the name.
    table : name → attributes.

    Returns
    -------
    (n_attributes,) float32, zeros if unknown.
    """
    name = text.strip().upper()
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
    letters = "".join(filter(_is_letter, unicodedata.normalize("NFC", text)))  # ç and its like stay whole
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


FAMILY = Family(
    kind="articulatory",
    label="articulatory features of the phones",
    role="phonetic",
    version=1,
    needs=frozenset({"pronunciation"}),
    extract=extract,
)
