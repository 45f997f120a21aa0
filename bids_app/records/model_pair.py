"""Statistics of the two models that an analysis compares, with 95 % confidence intervals.

What a number is about is a record (`StatisticSubject`); its name, as tables have it, is made here and read nowhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bids_app.records.arrays import Array
from bids_app.records.components import IN_SAMPLE, SHARED_GROUP, camel, space_label, upper_first

StatisticKind = Literal[
    "score", "map_correlation", "map_correlation_partial", "prediction_correlation", "agreement_beyond", "amount",
    "share", "difference",
]  # fmt: skip
SplitKind = Literal["whole", "context", "spaces", "space", "alone", "rests"]
TargetSet = str  # all, responsive or reliable


@dataclass(frozen=True)
class Agreement:
    """Two models' predictions: (n_targets,) each, their correlation and the ends of its 95 % confidence interval (NaN
    where nothing was drawn, and for unusable targets)."""

    compared_models: tuple[str, str]
    r: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class SplitPart:
    """A part of what the shared subspace of two models and the rest of each explain.

    kind : `whole` (all of it), `context` (shared, and in none of the spaces compared with), `spaces` (shared, and in
    exactly these spaces), `space` (shared, and in this space, whatever others have), `alone` (what one model's rest
    adds), `rests` (what the two rests have in common). groups : those spaces, or that model.
    """

    kind: SplitKind
    groups: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Its name in tables."""
        match self.kind:
            case "whole":
                return "bothModels"
            case "context":
                return f"{SHARED_GROUP}Context"
            case "spaces":
                return SHARED_GROUP + "".join(map(camel, self.groups))
            case "space":
                return self.groups[0]
            case "alone":
                return f"{space_label(self.groups[0])}Alone"
            case "rests":
                return "rests"


WHOLE, CONTEXT, RESTS = SplitPart("whole"), SplitPart("context"), SplitPart("rests")


@dataclass(frozen=True)
class StatisticSubject:
    """What a number over targets is about.

    kind : what it is. models : of a score the feature group that is fitted alone (none: the full model); of a
    correlation the two that are compared, in this order; of agreement beyond a control these two and the control.
    part, less : of an amount, a share or a difference the part, and the part it is less. in_sample : whether the
    shared subspace was fitted on test stimuli too.
    """

    kind: StatisticKind
    models: tuple[str, ...] = ()
    part: SplitPart | None = None
    less: SplitPart | None = None
    in_sample: bool = False

    @property
    def name(self) -> str:
        """`full`, `speech`, `SpeechLanguage`, `sharedContext`, `sharedContextLessSemantic`, `inSampleRests`, …"""
        if self.part is None:
            joined = "".join(map(camel, self.models)) if len(self.models) > 1 else ""
            return joined or (space_label(self.models[0]) if self.models else "full")
        name = self.part.label + (f"Less{camel(self.less.label)}" if self.less else "")
        return f"{IN_SAMPLE}{upper_first(name)}" if self.in_sample else name


@dataclass(frozen=True)
class ModelPairStatistic:
    """One number over some targets (`targets`: all, responsive or reliable), with the ends of its 95 % confidence
    interval, NaN if there is none."""

    about: StatisticSubject
    targets: TargetSet
    n_targets: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ModelPairStatistics:
    """All of them. agreements: of every pair of feature groups alone; compared_models: the two models asked about, by
    their groups; None where the analysis names no two."""

    compared_models: tuple[str, str] | None
    agreements: tuple[Agreement, ...]
    rows: tuple[ModelPairStatistic, ...]
