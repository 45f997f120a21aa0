"""How tests over participants were made."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.records.over_participants.enhancement import Enhancement
from bids_app.records.specs import JOINED, GroupSpec


@dataclass(frozen=True)
class GroupInference:
    """How tests over participants were made.

    stimulus : what the null over the stimulus rests on, or why there is none. guarded : whether p is no smaller than
    that of the mean response (of electrodes, than participants' own tests allow). biased : whether shared parts come
    out too large in all participants alike, so that they have no p without a mean response. exact, n_signs : of sign
    flips (None for electrodes). asked : how they were joined. n_targets : how many common targets were tested.
    uncounted : whose own p do not hold (no prevalence). tfce : how maps were enhanced, None where they were not;
    no_tfce : why, where that was asked for.
    """

    n_participants: int
    stimulus: str
    guarded: bool
    biased: bool
    exact: bool | None = None
    n_signs: int | None = None
    asked: GroupSpec = JOINED
    uncounted: tuple[str, ...] = ()
    n_targets: int | None = None
    tfce: Enhancement | None = None
    no_tfce: str = ""
