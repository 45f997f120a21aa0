"""Components beside the partition: models held against the baseline and against untrained ones; what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bids_app.records.arrays import Array
from bids_app.records.names import camel, space_label

BASELINE, AUTOCORRELATION = "baseline", "autocorrelation"  # components
BEYOND_BASELINE, BEYOND_UNTRAINED, CONTROL = "BeyondBaseline", "BeyondUntrained", "control"


@dataclass(frozen=True)
class Comparison:
    """R² of the model of `bands`, less that of the model of `without`, some of them (none: R² as it is)."""

    bands: tuple[str, ...]
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class Beside:
    """What is fitted beside the partition: component → comparison; values {component: {stat: (n_targets,)}}, stats as
    those of a partition's components, `r` of whole models alone."""

    comparisons: Mapping[str, Comparison]
    values: Mapping[str, Mapping[str, Array]]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Baseline:
    """What knows nothing of meaning and is fitted whatever the analysis names: the names of its bands, and what could
    not be had, with the reason."""

    spaces: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def baseline_band(space: str) -> str:
    """`word_rate` → `baseline_word_rate`: the band, and the name of its features."""
    return f"{BASELINE}_{space}"


def beyond_baseline(unit: str) -> str:
    """`low_level` → `lowLevelBeyondBaseline`; `full` for all units."""
    return space_label(unit) + BEYOND_BASELINE


def beyond_untrained(space: str) -> str:
    """`speech` → `speechBeyondUntrained`."""
    return space_label(space) + BEYOND_UNTRAINED


def control(space: str) -> str:
    """`speech_random` → `controlSpeechRandom`: a control's own score."""
    return CONTROL + camel(space)
