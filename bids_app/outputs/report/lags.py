"""What a report shows and says of iEEG: scores by lag, and which electrodes respond to speech."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from bids_app.outputs.derivatives.sidecars import count_of, responsive_in_words
from bids_app.outputs.figures.lags import lag_images, lag_profiles

Drawn = tuple[str, bytes, str, str]  # label, content, words in place of the picture, caption


def lag_figures(found: Mapping[str, Any], units: Sequence[str], shared: Sequence[str], who: str) -> list[Drawn]:
    """Of a summary's `lags`: profiles of models, unique parts and the `shared` parts named, over the targets that
    `who` says, and images. None where no electrode is usable."""
    if not found["images"]:
        return []
    lines = lag_profiles(units, found["lags_s"], found["components"], shared)
    values = {name: np.asarray(rows, dtype=float) for name, rows in found["images"].items()}
    image = lag_images(found["names"], found["lags_s"], values)
    told = (
        f"Held-out R² at each lag from the word's onset: median and quartiles over {who}. Not a test: see desc-lags."
    )
    most = count_of(len(found["names"]), "electrode")
    which = f"The {most} with the highest R², by the lag of the full model's highest"
    return [
        ("lagProfiles", lines, "R² by lag", told),
        ("lagImages", image, "R² by electrode and lag", f"{which}. The colour scale ends at the 99.5th percentile."),
    ]


def responsive_sentence(found: Mapping[str, Any] | None) -> str:
    """Speech against silence, and what it is for."""
    if found is None:
        return (
            "Responsive electrodes were not determined: there are too few silences between words, or no word times."
        )
    return (
        f"{count_of(found['n'], 'electrode')} respond to speech ({responsive_in_words(found)}; q ≤ "
        f"{found['level']}): the column `responsive`, to choose electrodes by what no model has a part in."
    )
