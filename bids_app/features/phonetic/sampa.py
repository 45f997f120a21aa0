"""SAMPA and X-SAMPA → IPA: phones in plain letters, as WebMAUS and many lexica write them (Wells 1995)."""

from __future__ import annotations

import re

# Letters that are the same in IPA (p, b, a, i, …) are not listed.
TO_IPA = {
    "tS": "tʃ", "dZ": "dʒ", "pf": "pf", "ts": "ts", "dz": "dz", "tK": "tɬ",
    "S": "ʃ", "Z": "ʒ", "T": "θ", "D": "ð", "N": "ŋ", "J": "ɲ", "F": "ɱ", "C": "ç", "G": "ɣ", "X": "χ", "R": "ʁ",
    "K": "ɬ", "L": "ʎ", "H": "ɥ", "W": "ʍ", "P": "ʋ", "B": "β", "?": "ʔ", "4": "ɾ", "5": "ɫ", "?\\": "ʕ", "h\\": "ɦ",
    "r\\": "ɹ", "r\\`": "ɻ", "R\\": "ʀ", "B\\": "ʙ", "j\\": "ʝ", "x\\": "ɧ", "s\\": "ɕ", "z\\": "ʑ", "p\\": "ɸ",
    "v\\": "ʋ", "l\\": "ɺ", "M\\": "ɰ", "N\\": "ɴ", "G\\": "ɢ", "J\\": "ɟ", "K\\": "ɮ", "X\\": "ħ", "L\\": "ʟ",
    "t`": "ʈ", "d`": "ɖ", "n`": "ɳ", "s`": "ʂ", "z`": "ʐ", "l`": "ɭ", "r`": "ɽ",
    "I": "ɪ", "E": "ɛ", "{": "æ", "A": "ɑ", "Q": "ɒ", "V": "ʌ", "O": "ɔ", "U": "ʊ", "@": "ə", "3": "ɜ", "}": "ʉ",
    "2": "ø", "9": "œ", "6": "ɐ", "7": "ɤ", "8": "ɵ", "Y": "ʏ", "M": "ɯ", "1": "ɨ", "&": "ɶ",
    "@\\": "ɘ", "3\\": "ɞ", "I\\": "ᵻ", "U\\": "ᵿ", "@`": "ɚ", "3`": "ɝ",
}  # fmt: skip
SYMBOL = re.compile("|".join(re.escape(symbol) for symbol in sorted(TO_IPA, key=len, reverse=True)) + "|.")
# Stress, length, tone, syllabic, nasal and the like stand beside the letters and say nothing of place or manner.
MARKS = re.compile(r"_[A-Za-z0-9\\]|[\"%':=~^!|]|_[~=^\"}{>?+\-/]|\s|_")


def from_sampa(text: str) -> str:
    """A phone in IPA, without its marks: 'tS' → 'tʃ', 'e~' → 'e', '2:' → 'ø'; IPA stays as it is."""
    bare = MARKS.sub("", text)
    return "".join(TO_IPA.get(symbol, symbol) for symbol in SYMBOL.findall(bare))
