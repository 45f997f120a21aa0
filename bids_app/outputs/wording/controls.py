"""What components beside the partition are, in words: the baseline, models beyond it, controls."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bids_app.records import AUTOCORRELATION, BASELINE, BEYOND_BASELINE, BEYOND_UNTRAINED, CONTROL

KNOWN = {
    "baseline_word_rate": "word rate",
    "baseline_envelope": "envelope",
    "baseline_position": "position in the story",
    "baseline_motion": "head motion",
}
DIFFERENCE = (
    "R² of the model of both less that of the {} alone, each fitted with a search of its own that includes the "
    "smaller one's; signed, and below 0 where the model only adds noise"
)


def baseline_facts(told: Mapping[str, Any]) -> dict[str, Any]:
    """For sidecars: of what the baseline is made, and what could not be had."""
    baseline = told["baseline"]
    return {
        "BaselineSpaces": [KNOWN[name] for name in baseline["spaces"]],
        "BaselineLeftOut": {KNOWN[name]: why for name, why in baseline["left_out"].items()},
        "AutocorrelationControl": told["autocorrelation"],
    }


def is_control(component: str) -> bool:
    """Whether a component belongs to no partition."""
    return component in (BASELINE, AUTOCORRELATION) or bool(_split(component))


def is_difference(component: str) -> bool:
    """Whether it is one model's R² less another's."""
    return component.endswith((BEYOND_BASELINE, BEYOND_UNTRAINED))


def meaning(component: str) -> str:
    """A few words."""
    if component == BASELINE:
        return "the baseline: what any model has to beat (BaselineSpaces says of what it is made)"
    if component == AUTOCORRELATION:
        return "a control that knows nothing but time: smooth bumps through each run"
    subject, kind = _split(component) or (component, "")
    if kind == CONTROL:
        return f"the control {subject} alone"
    whose = "the full model" if subject == "full" else subject
    return f"what {whose} predicts beyond {'the baseline' if kind == BEYOND_BASELINE else 'its untrained twin'}"


def formula(component: str) -> str:
    """How a difference is made."""
    return DIFFERENCE.format("baseline" if component.endswith(BEYOND_BASELINE) else "untrained twin")


def _split(component: str) -> tuple[str, str] | None:
    """`speechBeyondBaseline` → ('speech', 'BeyondBaseline'); `controlSpeechRandom` → ('SpeechRandom', 'control')."""
    for kind in (BEYOND_BASELINE, BEYOND_UNTRAINED):
        if component.endswith(kind) and component != kind:
            return component.removesuffix(kind), kind
    if re.match(rf"{CONTROL}[A-Z0-9]", component):
        return component.removeprefix(CONTROL), CONTROL
    return None
