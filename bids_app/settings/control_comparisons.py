"""What is fitted beside the partition: models held against the baseline, and trained ones against untrained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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

BASELINE_KINDS = ("word_rate", "envelope", "position")


def control_components(
    features: Mapping[str, FeatureSettings],
    groups: Mapping[str, tuple[str, ...]],
    controls: Sequence[str],
    baseline: tuple[str, ...],
    autocorrelation: bool,
) -> tuple[Component, ...]:
    """Components of no partition. `baseline`: its bands, perhaps none; feature groups of nothing but the baseline's
    kinds of features are not compared with it."""
    found: list[Component] = []
    if baseline:
        compared = {group: bands for group, bands in groups.items() if not _of_baseline(features, bands)}
        found.append(baseline_alone(baseline))
        if len(groups) > 1 and compared:
            everything = [band for bands in groups.values() for band in bands]
            found.append(full_beyond_baseline(tuple(groups), everything, baseline))
        found += [beyond_baseline(group, bands, baseline) for group, bands in compared.items()]
    if autocorrelation:
        found.append(autocorrelation_control())
    found += [control_alone(name) for name in controls]
    known = [*(band for bands in groups.values() for band in bands), *controls]
    for untrained, trained in twins({name: features[name] for name in known}).items():
        if (
            untrained,
        ) not in groups.values() and untrained not in controls:  # a group's own score is of the partition
            found.append(control_alone(untrained))
        found.append(beyond_untrained(trained, untrained))
    return tuple(found)


def _of_baseline(features: Mapping[str, FeatureSettings], bands: Sequence[str]) -> bool:
    return all(features[band].kind in BASELINE_KINDS for band in bands)


def twins(features: Mapping[str, FeatureSettings]) -> dict[str, str]:
    """Untrained space → the first trained one that differs in its weights alone."""
    found: dict[str, str] = {}
    for name, settings in features.items():
        if _untrained(settings):
            same = [other for other, one in features.items() if not _untrained(one) and _bare(one) == _bare(settings)]
            if same:
                found[name] = same[0]
    return found


def _untrained(settings: FeatureSettings) -> bool:
    return (settings.model_extra or {}).get("untrained") not in (None, False)


def _bare(settings: FeatureSettings) -> tuple[str, Any, dict[str, Any]]:
    """All but the weights."""
    options = {key: value for key, value in (settings.model_extra or {}).items() if key != "untrained"}
    return settings.kind, settings.pca, options
