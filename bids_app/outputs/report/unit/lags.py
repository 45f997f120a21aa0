"""What a report shows and says of iEEG: scores by lag, and which electrodes respond to speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bids_app.outputs.figures.lags import lag_images, lag_profiles
from bids_app.outputs.report.drawing import Drawing
from bids_app.outputs.wording.inference import responsive_in_words
from bids_app.outputs.wording.phrases import count_of
from bids_app.records import Component, LagsSummary, ResponsiveSummary


def lag_drawings(
    lags: LagsSummary, groups: Sequence[str], components: Sequence[Component], who: str
) -> list[Drawing]:
    """Profiles over lags, and images of electrodes by lag; nothing where no electrode is usable.

    Parameters
    ----------
    lags : R² by lag.
    groups : feature groups of the partition.
    components : those whose profiles are drawn, in order.
    who : the targets that profiles are over, in words.
    """
    if not lags.images:
        return []
    lines = {component: lags.components[component.label] for component in components}
    values = {label: np.asarray(rows, dtype=float) for label, rows in lags.images.items()}
    profiles = (
        f"Held-out R² at each lag from the word's onset: median and quartiles over {who}. Not a test: see desc-lags."
    )
    images = (
        f"The {count_of(len(lags.names), 'electrode')} with the highest R², by the lag of the full model's highest. "
        "The colour scale ends at the 1, 2 or 5 of a decimal place that 99.5 % of the values stay within."
    )
    return [
        Drawing("lagProfiles", lag_profiles(groups, lags.lags_s, lines), "R² by lag", profiles),
        Drawing("lagImages", lag_images(lags.names, lags.lags_s, values), "R² by electrode and lag", images),
    ]


def responsive_sentence(test: ResponsiveSummary | None) -> str:
    """Speech compared with silence, and what it is for."""
    if test is None:
        return (
            "Responsive electrodes were not determined: there are too few silences between words, or no word times."
        )
    return (
        f"{count_of(test.n, 'electrode')} respond to speech ({responsive_in_words(test)}; q ≤ {test.level}): the "
        "column `responsive`, to choose electrodes by what no model has a part in."
    )
