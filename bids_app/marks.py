"""Marks of transcripts that are no words: of silence, of noise, and of speech that was not understood.

A mark is left out and counted, never read as a word. The lists are of what aligners and transcribers write, none of
which is a word in running speech; what may be said ('silence', 'noise', 'laughter', 'pause') stays a word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Literal

What = Literal["words", "phones"]
Mark = Literal["noise", "unclear"]

# Kaldi, HTK, P2FA and MFA (sil, sp, spn), TIMIT (h#), LeBel's sentence_start, and musical notes of subtitles.
NOISE = {"sil", "sp", "spn", "!sil", "#", "h#", "sentence_start", "sentence_end", "♪", "♫", "♪♪"}
LEBEL = {"sp", "sentence_start", "sentence_end"}
# LeBel et al. beside `sp`: breath, laughter, lip smack, noise, click, silence. Two letters may be a word elsewhere.
NOISE_BESIDE = {"br", "lg", "ls", "ns", "cg", "sl"}
# In phones these are silences; as words they may be said.
NOISE_OF_PHONES = {"silence", "pau", "epi", "_", "-", "noise", "nsn", "lau", "usb", "gbg"}
# CHAT's xxx and yyy; asterisks for what was not understood; Fisher's (()).
UNCLEAR = re.compile(r"xxx|yyy|\*+|\(\(\s*\)\)|\?{2,}")
# Any text in these brackets is a mark, as [noise], <unk>, {LG}, <p:>; CHAT's &=laughs.
BRACKETED = re.compile(r"[\[{<]+[^\[\]{}<>]*[\]}>]+|&=\S+")
# In round brackets, asterisks and the like a word may be meant: only these, and pauses as (.) and (1.2), are marks.
LOOSELY = re.compile(r"([(*%#~+]+)(.*?)([)*%#~+]+)")
NOISES = re.compile(
    r"laugh(s|ed|ing|ter)?|cough(s|ed|ing)?|breath(s|e|es|ing)?|inhal(e|es|ing)|exhal(e|es|ing)|sigh(s|ing)?|gasp(s)?"
    r"|sneez(e|es|ing)|sniff(s)?|noises?|background noise|silence|silent|pauses?|music|applause|clap(s|ping)?"
    r"|cheer(s|ing)|click(s)?|beep(s)?|tone|lip ?smack(s)?|clears? throat|throat clearing|crying|chuckl(e|es|ing)"
    r"|giggl(e|es|ing)|hum(s|ming)?|whistl(e|es|ing)|screams?|[.…]+|\d*[.,]?\d+ ?s?"
)
NOT_UNDERSTOOD = re.compile(r"unk|oov|unclear|inaudible|unintelligible|indistinct|xxx|guess|\?+|crosstalk|garbled")


def marks_of(texts: Sequence[str], what: What = "words") -> list[Mark | None]:
    """Which texts are marks: of noise or silence, or of speech that was not understood; None for the others.

    Parameters
    ----------
    texts : of one file.
    what : whether they are to be words or phones.
    """
    plain = [" ".join(text.lower().split()) for text in texts]
    scheme = any(text in LEBEL or (text[:1] == "{" and text.strip("{}") in NOISE_BESIDE) for text in plain)
    beside = NOISE_BESIDE if scheme else set()
    known = NOISE | beside | (NOISE_OF_PHONES if what == "phones" else set())
    return [_mark(text, known) for text in plain]


def _mark(text: str, known: set[str]) -> Mark | None:
    if text in known:
        return "noise"
    if UNCLEAR.fullmatch(text):
        return "unclear"
    if BRACKETED.fullmatch(text):
        return "unclear" if NOT_UNDERSTOOD.fullmatch(text.strip("[]{}<> ")) else "noise"
    loosely = LOOSELY.fullmatch(text)
    inside = loosely[2].strip() if loosely else ""
    if inside and NOISES.fullmatch(inside):
        return "noise"
    return "unclear" if inside and NOT_UNDERSTOOD.fullmatch(inside) else None


def counted(texts: Sequence[str]) -> str:
    """Texts with how often each stands, the most frequent first: '{LG} 3, sp 2'; of many the first six."""
    counts = Counter(" ".join(text.split()) for text in texts)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    more = f" and {len(ordered) - 6} others" if len(ordered) > 6 else ""
    return ", ".join(f"{text} {count}" for text, count in ordered[:6]) + more
