"""Features of stimuli: one file a family, an explicit table of kinds, and a store.

Each row is stamped with the instant at which it is available, and no causal row depends on anything after it.
"""

from bids_app.features.base.family import REQUIRED, Family, Option, Reach, Role
from bids_app.features.prefetch import prefetch
from bids_app.features.registry import (
    KINDS,
    ExpectedSeconds,
    baseline_label,
    check_model,
    check_needs,
    expected_seconds,
    extract,
    family_of,
    is_baseline,
    is_derived,
    label_of,
    needs,
    reach_of,
    resolve,
    role_of,
)
from bids_app.features.store import FeatureStore

__all__ = [
    "KINDS",
    "REQUIRED",
    "ExpectedSeconds",
    "Family",
    "FeatureStore",
    "Option",
    "Reach",
    "Role",
    "baseline_label",
    "check_model",
    "check_needs",
    "expected_seconds",
    "extract",
    "family_of",
    "is_baseline",
    "is_derived",
    "label_of",
    "needs",
    "prefetch",
    "reach_of",
    "resolve",
    "role_of",
]
