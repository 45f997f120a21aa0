"""What is fitted beside the partition: models held against the baseline, and trained ones against untrained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bids_app.records import (
    AUTOCORRELATION,
    BASELINE,
    Comparison,
    beyond_baseline,
    beyond_untrained,
    control,
)
from bids_app.settings.sections import FeatureSettings

BASELINE_KINDS = ("word_rate", "envelope", "position")


def comparisons(
    features: Mapping[str, FeatureSettings],
    units: Mapping[str, tuple[str, ...]],
    controls: Sequence[str],
    baseline: tuple[str, ...],
    autocorrelation: bool,
) -> dict[str, Comparison]:
    """Component → comparison. `baseline`: its bands, perhaps none; units of nothing but the baseline's kinds of features
    are not held against it."""
    found: dict[str, Comparison] = {}
    if baseline:
        held = {unit: bands for unit, bands in units.items() if not _of_baseline(features, bands)}
        everything = {"full": tuple(band for bands in units.values() for band in bands)} if held else {}
        found[BASELINE] = Comparison(baseline)
        for unit, bands in ({**everything, **held} if len(units) > 1 else held).items():
            found[beyond_baseline(unit)] = Comparison((*baseline, *bands), baseline)
    if autocorrelation:
        found[AUTOCORRELATION] = Comparison((AUTOCORRELATION,))
    for name in controls:
        found[control(name)] = Comparison((name,))
    known = [*(band for bands in units.values() for band in bands), *controls]
    for untrained, trained in twins({name: features[name] for name in known}).items():
        if (untrained,) not in units.values():  # a unit's own score is of the partition
            found[control(untrained)] = Comparison((untrained,))
        found[beyond_untrained(trained)] = Comparison((untrained, trained), (untrained,))
    return found


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
