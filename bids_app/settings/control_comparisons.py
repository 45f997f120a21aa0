"""What is fitted beside the partition: models compared with the baseline, and trained ones with untrained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bids_app import features
from bids_app.records import (
    Component,
    autocorrelation_control,
    baseline_alone,
    beyond_baseline,
    beyond_untrained,
    control_alone,
    full_beyond_baseline,
)
from bids_app.settings.sections import FeatureSettings


def control_components(
    spaces: Mapping[str, FeatureSettings],
    groups: Mapping[str, tuple[str, ...]],
    controls: Sequence[str],
    baseline: tuple[str, ...],
    autocorrelation: bool,
) -> tuple[Component, ...]:
    """Components of no partition.

    Parameters
    ----------
    spaces : feature space → its settings.
    groups : feature group → its spaces; groups of nothing but the baseline's kinds are not compared with it.
    controls : spaces fitted beside the partition.
    baseline : the baseline's bands, perhaps none.
    autocorrelation : whether a control that knows only time is fitted.
    """
    components: list[Component] = []
    if baseline:
        compared = {group: bands for group, bands in groups.items() if not _of_baseline(spaces, bands)}
        components.append(baseline_alone(baseline))
        if len(groups) > 1 and compared:
            everything = [band for bands in groups.values() for band in bands]
            components.append(full_beyond_baseline(tuple(groups), everything, baseline))
        components += [beyond_baseline(group, bands, baseline) for group, bands in compared.items()]
    if autocorrelation:
        components.append(autocorrelation_control())
    components += [control_alone(name) for name in controls]
    known = [*(band for bands in groups.values() for band in bands), *controls]
    for untrained, trained in twins({name: spaces[name] for name in known}).items():
        if (untrained,) not in groups.values() and untrained not in controls:  # else it has its own score there
            components.append(control_alone(untrained))
        components.append(beyond_untrained(trained, untrained))
    return tuple(components)


def _of_baseline(spaces: Mapping[str, FeatureSettings], bands: Sequence[str]) -> bool:
    return all(features.is_baseline(spaces[band].kind) for band in bands)


def twins(spaces: Mapping[str, FeatureSettings]) -> dict[str, str]:
    """Untrained space → the first trained one that differs in its weights alone."""
    trained_of: dict[str, str] = {}
    for name, settings in spaces.items():
        if _untrained(settings):
            same = [other for other, one in spaces.items() if not _untrained(one) and _bare(one) == _bare(settings)]
            if same:
                trained_of[name] = same[0]
    return trained_of


def _untrained(settings: FeatureSettings) -> bool:
    return (settings.model_extra or {}).get("untrained") not in (None, False)


def _bare(settings: FeatureSettings) -> tuple[str, Any, dict[str, Any]]:
    """All but the weights."""
    options = {key: value for key, value in (settings.model_extra or {}).items() if key != "untrained"}
    return settings.kind, settings.pca, options
