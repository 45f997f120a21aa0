"""`phone_rate`: a one for every phone, the floor that any model of phones has to beat."""

from __future__ import annotations

from bids_app.features.base.family import Family
from bids_app.features.base.words import PHONE_STAMP, rate_features
from bids_app.features.phonetic.pronunciation import is_timed, spoken_phones
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_phones, 1), all ones; silences have no row."""
    phones, notes = spoken_phones(stimulus)
    return rate_features(spec, phones, "phone", PHONE_STAMP, is_timed(stimulus), notes)


FAMILY = Family(
    kind="phone_rate",
    label="phone rate",
    role="phonetic",
    version=1,
    needs=frozenset({"pronunciation"}),
    extract=extract,
)
