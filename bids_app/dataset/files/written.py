"""Numbers with the precision that they are written with (1.49: from 1.485 to 1.495), and JSON as it is written."""

from __future__ import annotations

import json
import math
import re
from typing import Any

MILLISECONDS_FROM = 100.0  # no volume takes 100 s, nor 0.1 s: a larger sampling interval of fMRI is in milliseconds
SHORTEST_S = 0.05  # that a volume may take


class WrittenNumber(float):
    """A float that knows its text; in all else it is a float.

    Parameters
    ----------
    text : as the file has it.
    """

    text: str

    def __new__(cls, text: str) -> WrittenNumber:
        """Raises ValueError where the text is no number."""
        number = super().__new__(cls, text)
        number.text = text
        return number


def json_of(text: str, **options: Any) -> Any:
    """What a text of JSON says; half a character (`\\ud800`), which no file could be written with, becomes U+FFFD.

    Parameters
    ----------
    text : of the file.
    options : of `json.loads`.

    Raises
    ------
    ValueError, RecursionError : it is no JSON, or too deep.
    """
    content = json.loads(text, **options)
    return _whole(content) if "\\ud" in text.lower() else content


def _whole(content: Any) -> Any:
    if isinstance(content, str):
        return "".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in content)
    if isinstance(content, dict):
        return {_whole(key): _whole(value) for key, value in content.items()}
    return [_whole(value) for value in content] if isinstance(content, list) else content


def number_of(value: Any) -> float | None:
    """A finite number, also where it is written as a text ("2.0"); else None."""
    if isinstance(value, str):
        try:
            value = WrittenNumber(value.strip())
        except ValueError:
            return None
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if usable else None


def half_unit(value: float) -> float:
    """Half a unit of the last digit that a number is written with, trailing zeros counted where its text is known.

    A number whose text is not known counts as written in the shortest way, and a whole one as counted to units.
    """
    text = value.text if isinstance(value, WrittenNumber) else f"{round(float(value), 9):.9f}".rstrip("0")
    match = re.fullmatch(r"[-+]?\d*\.?(\d*)(?:[eE]([-+]?\d+))?", text.strip())
    if match is None:
        return 0.0
    return float(0.5 * 10.0 ** (int(match[2] or 0) - len(match[1])))


def header_seconds(value: float) -> float:
    """A sampling interval of an fMRI header in seconds; 0 where it says nothing.

    0 and 1 are what writers put there by default; what no volume takes is in milliseconds, or says nothing either.
    """
    if not math.isfinite(value) or value in (0.0, 1.0):
        return 0.0
    seconds = value / 1000 if value >= MILLISECONDS_FROM else value
    return seconds if seconds >= SHORTEST_S else 0.0
