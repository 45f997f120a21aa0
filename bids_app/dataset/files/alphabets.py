"""Whether labels are phones, by their letters alone: ARPAbet, IPA, SAMPA."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

LEAST_ROWS = 20  # fewer labels say little about what they are
PHONES_SHARE = 0.9
ARPABET = {
    "aa", "ae", "ah", "ao", "aw", "ax", "axr", "ax-h", "ay", "b", "ch", "d", "dh", "dx", "eh", "el", "em", "en",
    "eng", "er", "ey", "f", "g", "hh", "hv", "ih", "ix", "iy", "jh", "k", "l", "m", "n", "ng", "nx", "ow", "oy",
    "p", "q", "r", "s", "sh", "t", "th", "uh", "uw", "ux", "v", "w", "wh", "y", "z", "zh", "bcl", "dcl", "gcl",
    "pcl", "tcl", "kcl",
}  # fmt: skip
VOWELS = "aeiouyøœɛɔəɪʊʏɑæɐɒʌɤɯɨʉɘɵɜɞɶɚɝᵻᵿ"
AFFRICATES = {
    "ts", "dz", "tʃ", "dʒ", "tɕ", "dʑ", "tʂ", "dʐ", "pf", "ch", "sh", "zh", "ng", "kp", "gb", "tθ", "dð", "kx", "cç",
}  # fmt: skip
ONE_SOUND = re.compile(rf"\w|[{VOWELS}][{VOWELS}jwɹrl]*")
# SAMPA writes letters that IPA has not as capitals, digits and signs.
SAMPA = re.compile(r"[a-zA-Z@{}&?](?:`|\\)?|[aeiouAEIOUQVY@269{}&]{1,2}@?|[tdp][sSzZTDf]|[269]|[269][yY]")


def phone_share(labels: Sequence[str]) -> float:
    """The share of labels, 0…1, that may be one phone each; 0 without labels."""
    return sum(map(is_phone, labels)) / len(labels) if labels else 0.0


def are_phones(labels: Sequence[str]) -> bool:
    """Whether labels of unknown kind are phones: enough of them, few that differ, and nearly all one sound each."""
    few = len(set(labels)) <= len(labels) / 2
    return len(labels) >= LEAST_ROWS and few and phone_share(labels) >= PHONES_SHARE


def is_phone(label: str) -> bool:
    """Whether a label may be one phone, with or without stress, length, tone or place in the word."""
    plain = re.sub(r"_[BIES]$", "", label.strip())
    if plain.rstrip("012").lower() in ARPABET:
        return True
    letters = "".join(one for one in unicodedata.normalize("NFD", plain) if unicodedata.category(one) in ("Ll", "Lo"))
    bare = re.sub(r"[:\"%'~=0-9_ˈˌː͡]+$|^[\"%'ˈˌ]+", "", plain)
    if not plain or not all(unicodedata.name(one, "").startswith(("LATIN", "GREEK")) for one in letters):
        return False
    return bool(ONE_SOUND.fullmatch(letters)) or letters in AFFRICATES or bool(SAMPA.fullmatch(bare))
