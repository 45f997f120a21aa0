"""`phone_rate`: a one for every phone, the baseline that any model of phones has to beat."""

from __future__ import annotations

import numpy as np

from bids_app.features.base.family import Family
from bids_app.features.base.words import PHONE_STAMP, event_features
from bids_app.features.phonetic.pronunciation import is_timed, spoken_phones
from bids_app.records import FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_phones, 1), all ones; silences have no row.

    Parameters
    ----------
    stimulus : with its phones, or words to look up.
    spec : resolved; it has no options.
    source : where models are; not used.

    Returns
    -------
    Events; `times_s` (n_phones,) are the phones' offsets.
    """
    phones, notes, wordless = spoken_phones(stimulus)
    provenance = FeatureProvenance(
        kind=spec.kind,
        description="One for every phone.",
        stamp=PHONE_STAMP,
        dimensions=("phone",),
        causal=is_timed(stimulus),
        unknown_share=None if is_timed(stimulus) else wordless,
        notes=notes,
    )
    return event_features(spec, phones, np.ones((len(phones.text), 1)), provenance)


def check_stimulus(stimulus: Stimulus, spec: FeatureSpec) -> None:
    """Make sure that there are phones, or those of the words can be looked up.

    Parameters
    ----------
    stimulus : with its phones, or words to look up.
    spec : resolved; not used.

    Raises
    ------
    DataError : there are none, or the dictionary is not of the words' language.
    """
    spoken_phones(stimulus)


FAMILY = Family(
    kind="phone_rate",
    label="phone rate",
    role="phonetic",
    version=1,
    needs=frozenset({"pronunciation"}),
    extract=extract,
    check_stimulus=check_stimulus,
)
