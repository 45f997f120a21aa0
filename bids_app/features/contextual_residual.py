"""`contextual_residual`: what is left of a contextual space once a static one has predicted it."""

from __future__ import annotations

from bids_app.features.base.family import Family, Option, not_of_a_stimulus

FAMILY = Family(
    kind="contextual_residual",
    label="what ridge regression, on the words of each fold's training stimuli, leaves of a contextual space when a "
    "static one predicts it",
    role="residual",
    version=1,
    needs=frozenset(),
    extract=not_of_a_stimulus,
    options={"contextual": Option(str), "static": Option(str)},
    is_derived=True,
)
