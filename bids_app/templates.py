"""Texts with fields in braces, such as `stimuli/{task}_run-{run:02d}.wav`: their fields, and what they say."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import Formatter


def fields_of(template: str) -> tuple[str, ...]:
    """Names of a template's fields, in order. Raises ValueError where one is none: `{name}` and `{name:02d}` are."""
    return tuple(name for _, name, _ in _parts(template) if name is not None)


def fill(template: str, values: Mapping[str, str]) -> str:
    """A template's text.

    Parameters
    ----------
    template : whose `{name}` is the value as it is, `{name:d}` without leading zeros and `{name:02d}` with them.
    values : by field.

    Raises
    ------
    KeyError : a field has no value.
    ValueError : the template is broken, or a value that should be a whole number is none.
    """
    return "".join(text + (_shown(name, values[name], spec) if name else "") for text, name, spec in _parts(template))


def _parts(template: str) -> Iterator[tuple[str, str | None, str]]:
    """(text, field or None, its format) of each stretch."""
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise ValueError(f"'{template}' is no template: {error}") from None
    for text, name, spec, conversion in parts:
        if name is not None and not (
            name.isidentifier() and not conversion and re.fullmatch(r"(0?\d+)?d|", spec or "")
        ):
            raise ValueError(f"'{{{name}}}' is no field: write {{name}} or {{name:02d}}")
        yield text, name, spec or ""


def _shown(name: str, value: str, spec: str) -> str:
    if not spec:
        return value
    if not value.isdecimal():
        raise ValueError(f"{{{name}:{spec}}} needs a whole number, and it is '{value}'")
    return format(int(value), spec)
