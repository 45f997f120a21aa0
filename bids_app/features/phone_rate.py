"""`phone_rate`: a one for every phone, the floor that any model of phones has to beat."""

from __future__ import annotations

import numpy as np

from bids_app.features.family import Family
from bids_app.features.pronunciation import spoken_phones
from bids_app.features.words import PHONE_STAMP, event_features
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_phones, 1), all ones; silences have no row."""
    phones, notes = spoken_phones(stimulus)
    provenance = {
        "description": "One for every phone.",
        "stamp": PHONE_STAMP,
        "dimensions": ["phone"],
        "causal": True,
        "notes": notes,
    }
    return event_features(spec, phones, np.ones((len(phones.text), 1)), provenance)


FAMILY = Family("phone_rate", 1, frozenset({"pronunciation"}), extract)
