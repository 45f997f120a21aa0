"""What components of no partition are, in words: the baseline, models beyond it, controls."""

from __future__ import annotations

from bids_app.outputs.files.files import Sidecar
from bids_app.records import Component, ControlsProvenance, Kind

DIFFERENCE = (
    "R² of the model of both less that of the {} alone. What is tried for the smaller model is tried for the larger "
    "one too. Signed, and below 0 where the model only adds noise"
)

EXPLAINED: dict[Kind, str] = {
    "baseline": ": what any model has to beat (BaselineSpaces says of what it is made)",
    "autocorrelation": ": smooth bumps through each run",
}


def baseline_words(made: ControlsProvenance) -> list[str]:
    """Of what the baseline is made, in words."""
    return [made.baseline.labels[band] for band in made.baseline.bands]


def left_out_of_baseline(made: ControlsProvenance) -> dict[str, str]:
    """What could not be had → why."""
    return {made.baseline.labels[band]: why for band, why in made.baseline.left_out.items()}


def baseline_facts(made: ControlsProvenance) -> Sidecar:
    """For sidecars: of what the baseline is made, and what could not be had."""
    return {
        "BaselineSpaces": baseline_words(made),
        "BaselineLeftOut": left_out_of_baseline(made),
        "AutocorrelationControl": made.autocorrelation,
    }


def is_difference(component: Component) -> bool:
    """Whether it is one model's R² less that of a smaller one inside it."""
    return component.kind in ("beyond_baseline", "full_beyond_baseline", "beyond_untrained")


def subject_of(component: Component) -> str:
    """The model that a difference is about."""
    return "the full model" if component.kind == "full_beyond_baseline" else component.groups[0]


def name_of(component: Component) -> str:
    """What a component of no partition is called.

    Raises ValueError for one that belongs to a partition.
    """
    match component.kind:
        case "baseline":
            return "the baseline"
        case "autocorrelation":
            return "a control that knows nothing but time"
        case "control":
            return f"the control {component.groups[0]} alone"
        case "beyond_baseline" | "full_beyond_baseline":
            return f"what {subject_of(component)} predicts beyond the baseline"
        case "beyond_untrained":
            return f"what {subject_of(component)} predicts beyond the same model with random weights"
        case _:
            raise ValueError(f"{component.label} belongs to a partition")


def meaning(component: Component) -> str:
    """Its name, and what it is where the name does not say."""
    return f"{name_of(component)}{EXPLAINED.get(component.kind, '')}"


def difference_formula(component: Component) -> str:
    """How a difference is made."""
    return DIFFERENCE.format("model with random weights" if component.kind == "beyond_untrained" else "baseline")
