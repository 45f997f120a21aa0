"""The power line: what says its frequency, and what is notched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bids_app.records import AlignmentLine, Recording, ResponseSpec

STATED = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(?:hz)?\s*", re.IGNORECASE)


def stated_line_hz(metadata: Mapping[str, Any]) -> float | None:
    """`PowerLineFrequency` of a sidecar, as a number or a text; None where it says nothing."""
    found = STATED.fullmatch(str(metadata.get("PowerLineFrequency", "")))
    return float(found[1]) if found and float(found[1]) > 0 else None


def notch_hz(recording: Recording, spec: ResponseSpec) -> float | None:
    """The frequency whose harmonics are notched: what the analysis says, else the sidecar; None for no notch.

    Parameters
    ----------
    recording : with its metadata.
    spec : `line_hz` None: not said; 'none': no notch.
    """
    if spec.line_hz == "none":
        return None
    return stated_line_hz(recording.metadata) if spec.line_hz is None else spec.line_hz


def line_lines(recording: Recording, spec: ResponseSpec, notched: list[float]) -> list[AlignmentLine]:
    """What a reader must know of the notch where high gamma is computed.

    Parameters
    ----------
    recording, spec : as of `notch_hz`.
    notched : harmonics inside the band.
    """
    stated, used = stated_line_hz(recording.metadata), notch_hz(recording, spec)
    at = ", ".join(f"{hz:g}" for hz in notched)
    if used is None and stated is None:
        text = "PowerLineFrequency is in no sidecar: nothing was notched; set response.ieeg.line_hz (50 or 60)"
        return [AlignmentLine("warning", "power line", text)] if spec.line_hz is None else []
    if stated is not None and spec.line_hz is not None and spec.line_hz != stated:
        said = "no notch" if used is None else f"{used:g} Hz"
        text = f"the analysis says {said} for the power line, the sidecar {stated:g} Hz: the analysis is followed"
        return [AlignmentLine("warning", "power line", text)]
    text = f"notches at {at} Hz" if notched else f"no harmonic of {used:g} Hz lies in the band: no notch"
    return [AlignmentLine("fine", "power line", text)]
