"""What is fitted beside the partition: the baseline model, models beyond it, controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bids_app.records.arrays import Array
from bids_app.records.components import AUTOCORRELATION, Component


@dataclass(frozen=True)
class ControlResults:
    """What is fitted beside the partition.

    components : of no partition. values : {label: {stat: (n_targets,)}}, stats as those of a partition's components,
    `r` of whole models alone.
    """

    components: tuple[Component, ...]
    values: Mapping[str, Mapping[str, Array]]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class BaselineModel:
    """What knows nothing of meaning and is fitted whatever the analysis names: word rate, envelope, position, motion.

    bands : the names of its bands. left_out : band → why it could not be had.
    """

    bands: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)


def baseline_alone(bands: Sequence[str]) -> Component:
    """The baseline model, of these bands."""
    return Component("baseline", (), ((tuple(bands), 1),))


def beyond_baseline(group: str, bands: Sequence[str], baseline: Sequence[str]) -> Component:
    """A feature group's model with the baseline, less the baseline alone.

    Parameters
    ----------
    group : its name.
    bands : its bands.
    baseline : bands of the baseline.
    """
    return Component("beyond_baseline", (group,), _difference(baseline, bands))


def full_beyond_baseline(groups: Sequence[str], bands: Sequence[str], baseline: Sequence[str]) -> Component:
    """The model of all groups with the baseline, less the baseline alone.

    Parameters
    ----------
    groups : their names.
    bands : bands of all of them.
    baseline : bands of the baseline.
    """
    return Component("full_beyond_baseline", tuple(groups), _difference(baseline, bands))


def autocorrelation_control() -> Component:
    """A control that knows nothing but time."""
    return Component("autocorrelation", (), (((AUTOCORRELATION,), 1),))


def control_alone(space: str) -> Component:
    """A control space's own score."""
    return Component("control", (space,), (((space,), 1),))


def beyond_untrained(trained: str, untrained: str) -> Component:
    """A trained model's space with its untrained twin, less the twin alone."""
    return Component("beyond_untrained", (trained,), _difference((untrained,), (trained,)))


def _difference(smaller: Sequence[str], added: Sequence[str]) -> tuple[tuple[tuple[str, ...], int], ...]:
    return ((*smaller, *added), 1), (tuple(smaller), -1)
