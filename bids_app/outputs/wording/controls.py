"""What components beside the partition are, in words: the floor, models beyond it, controls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bids_app.records import AUTOCORRELATION, BEYOND_FLOOR, BEYOND_UNTRAINED, CONTROL, FLOOR

KNOWN = {
    "floor_word_rate": "word rate",
    "floor_envelope": "envelope",
    "floor_position": "position in the story",
    "floor_motion": "head motion",
}
DIFFERENCE = (
    "R² of the model of both less that of the {} alone, each fitted with a search of its own that includes the "
    "smaller one's; signed, and below 0 where the model only adds noise"
)


def floor_facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """For sidecars: of what the floor is made, and what could not be had."""
    floor = told["floor"]
    return {
        "FloorSpaces": [KNOWN[name] for name in floor["spaces"]],
        "FloorLeftOut": {KNOWN[name]: why for name, why in floor["left_out"].items()},
        "AutocorrelationControl": told["autocorrelation"],
    }


def is_beside(component: str) -> bool:
    """Whether a component belongs to no partition."""
    return component in (FLOOR, AUTOCORRELATION) or bool(_split(component))


def is_difference(component: str) -> bool:
    """Whether it is one model's R² less another's."""
    return component.endswith((BEYOND_FLOOR, BEYOND_UNTRAINED))


def meaning(component: str) -> str:
    """A few words."""
    if component == FLOOR:
        return "the floor: what any model has to beat (FloorSpaces says of what it is made)"
    if component == AUTOCORRELATION:
        return "a control that knows nothing but time: smooth bumps through each run"
    subject, kind = _split(component) or (component, "")
    if kind == CONTROL:
        return f"the control {subject} alone"
    whose = "the full model" if subject == "full" else subject
    return f"what {whose} predicts beyond {'the floor' if kind == BEYOND_FLOOR else 'its untrained twin'}"


def formula(component: str) -> str:
    """How a difference is made."""
    return DIFFERENCE.format("floor" if component.endswith(BEYOND_FLOOR) else "untrained twin")


def _split(component: str) -> tuple[str, str] | None:
    """`speechBeyondFloor` → ('speech', 'BeyondFloor'); `controlSpeechRandom` → ('SpeechRandom', 'control')."""
    for kind in (BEYOND_FLOOR, BEYOND_UNTRAINED):
        if component.endswith(kind) and component != kind:
            return component.removesuffix(kind), kind
    if re.match(rf"{CONTROL}[A-Z0-9]", component):
        return component.removeprefix(CONTROL), CONTROL
    return None
