"""Components: the numbers that an analysis asks for of every target, as signed sums of unions' R², and their labels.

The one place where inclusion–exclusion stands and where labels are made. Labels are keys of tables and parts of file
names: whoever wants to know what a component is asks its record, and never reads a label again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

import numpy as np

from bids_app.records.arrays import Array

Union = tuple[str, ...]  # feature groups (of controls: feature spaces) that one model holds
Kind = Literal[
    "full", "alone", "unique", "shared",  # of a partition
    "baseline", "beyond_baseline", "full_beyond_baseline", "autocorrelation", "control", "beyond_untrained",
]  # fmt: skip
PARTITION_KINDS: tuple[Kind, ...] = ("full", "alone", "unique", "shared")
BASELINE, AUTOCORRELATION = "baseline", "autocorrelation"  # components, and what bands of theirs begin with
INTER_SUBJECT = "betweenPeople"  # the label of noise ceilings from other participants
HYPERPARAMETERS, LOG_ALPHA = (
    "hyperparameters",
    "log10Alpha",
)  # the label of what the full model chose, and of its penalty
SHARED_GROUP = "shared"  # the shared subspace of two models, among the feature groups of its partitions; and its band
IN_SAMPLE = "inSample"  # what labels of subspaces begin with that were fitted on test stimuli too
WORD_COUNT = "@1"  # a band of ones, one a word: the constant of projections


def camel(name: str) -> str:
    """`low_level` → `LowLevel`: a group's name inside `unique…` and `shared…`."""
    return "".join(part[:1].upper() + part[1:] for part in re.split(r"[^0-9A-Za-z]+", name) if part)


def space_label(name: str) -> str:
    """`low_level` → `lowLevel`: a group's name as a BIDS label of its own."""
    joined = camel(name)
    return joined[:1].lower() + joined[1:]


def upper_first(label: str) -> str:
    """`full` → `Full`."""
    return label[:1].upper() + label[1:]


@dataclass(frozen=True)
class Component:
    """One number a target: a signed sum of unions' held-out R².

    Parameters
    ----------
    kind : what it is. Of a partition: `full` (the model of all groups), `alone` (one group's model), `unique` and
        `shared` parts. Of none: the baseline, a model beyond it, a control, a trained model beyond an untrained one.
    groups : the feature groups it is about: those in the model of a total, those that have a part and no other has;
        of a control the one feature space (of `full_beyond_baseline` all groups).
    terms : ((union, sign), …); the sum over them is the component. Of a part of the groups S of all groups K it is
        Σ_{T ⊆ S} (−1)^{|T|+1} R²((K∖S) ∪ T), R²(∅) = 0 (inclusion–exclusion).
    partition : the name of the partition that it belongs to; empty for the analysis's own and for controls.
    """

    kind: Kind
    groups: tuple[str, ...]
    terms: tuple[tuple[Union, int], ...]
    partition: str = ""

    @cached_property
    def label(self) -> str:
        """`full`, `speech`, `uniqueSpeech`, `sharedSpeechLanguage`, `againstUniqueShared`, `fullBeyondBaseline`, …"""
        own = self._own_label()
        return self.partition + upper_first(own) if self.partition else own

    def _own_label(self) -> str:
        names = "".join(map(camel, self.groups))
        match self.kind:
            case "full" | "baseline" | "autocorrelation":
                return self.kind
            case "alone":
                return space_label(self.groups[0])
            case "full_beyond_baseline":
                return "fullBeyondBaseline"
            case "beyond_baseline":
                return f"{space_label(self.groups[0])}BeyondBaseline"
            case "beyond_untrained":
                return f"{space_label(self.groups[0])}BeyondUntrained"
            case "unique" | "shared" | "control":
                return self.kind + names

    @property
    def is_total(self) -> bool:
        """Whether it is the R² of one model, and so has a correlation too."""
        return self.kind in ("full", "alone", "baseline", "autocorrelation", "control")

    @property
    def is_part(self) -> bool:
        """Whether it is a unique or shared part of a partition."""
        return self.kind in ("unique", "shared")

    @property
    def difference(self) -> tuple[Union, Union] | None:
        """(larger, smaller) model whose difference it is; None of one model's R² and of shared parts."""
        if len(self.terms) != 2:
            return None
        larger, smaller = (union for union, _ in sorted(self.terms, key=lambda term: -term[1]))
        return larger, smaller

    def of(self, rsquared: Mapping[frozenset[str], Array]) -> Array:
        """Its value from {union: (n_targets,)} R² of every union in its terms: (n_targets,)."""
        if self.is_total:
            return rsquared[frozenset(self.terms[0][0])]
        total = np.zeros_like(rsquared[frozenset(self.terms[0][0])])
        for union, sign in self.terms:
            total = total + sign * rsquared[frozenset(union)]
        return total


PartitionRole = Literal["subspace", "against", "own"]


@dataclass(frozen=True)
class ExtraPartition:
    """A partition beside the analysis's own, of bands made from a shared subspace of two models.

    role : `subspace` (what is shared and the rest of each model), `against` (what is shared and other spaces), `own`
        (each model's own canonical variates).
    groups : feature group → its bands.
    in_sample : whether the subspace was fitted on test stimuli too.
    models : the two models whose subspace it is, in the order of their groups.
    """

    role: PartitionRole
    groups: Mapping[str, tuple[str, ...]]
    in_sample: bool = False
    models: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """What labels of its components begin with."""
        return f"{IN_SAMPLE}{camel(self.role)}" if self.in_sample else self.role


def subsets(groups: Sequence[str]) -> tuple[Union, ...]:
    """All 2^k − 1 non-empty sets of feature groups: singles first, the full one last."""
    return tuple(chosen for size in range(1, len(groups) + 1) for chosen in combinations(groups, size))


def full_of(groups: Sequence[str], partition: str = "") -> Component:
    """The model of all groups.

    Parameters
    ----------
    groups : feature groups of the partition, in order.
    partition : its name; empty for the analysis's own.
    """
    return Component("full", tuple(groups), ((tuple(groups), 1),), partition)


def alone_of(group: str, partition: str = "") -> Component:
    """The model of one group.

    Parameters
    ----------
    group : its name.
    partition : the partition's name; empty for the analysis's own.
    """
    return Component("alone", (group,), (((group,), 1),), partition)


def part_of(groups: Sequence[str], chosen: Sequence[str], partition: str = "") -> Component:
    """What exactly some feature groups share and no other has; of one group its unique part.

    Parameters
    ----------
    groups : all of the partition, in order.
    chosen : those that have the part.
    partition : the partition's name; empty for the analysis's own.
    """
    rest = [group for group in groups if group not in chosen]
    terms = []
    for size in range(len(chosen) + 1):
        for some in combinations(chosen, size):
            union = tuple(group for group in groups if group in rest or group in some)
            if union:
                terms.append((union, (-1) ** (size + 1)))
    return Component("unique" if len(chosen) == 1 else "shared", tuple(chosen), tuple(terms), partition)


def partition_components(groups: Sequence[str], partition: str = "") -> tuple[Component, ...]:
    """`full`, every group alone, then the 2^k − 1 parts, in the order of the groups.

    Parameters
    ----------
    groups : feature groups of the partition.
    partition : its name; empty for the analysis's own.
    """
    parts = [part_of(groups, chosen, partition) for chosen in subsets(groups)]
    return (full_of(groups, partition), *(alone_of(group, partition) for group in groups), *parts)


def all_components(
    groups: Sequence[str], extra: Iterable[ExtraPartition] = (), controls: Iterable[Component] = ()
) -> dict[str, Component]:
    """Label → component: of the partition, of the extra ones, and of none.

    Parameters
    ----------
    groups : feature groups of the partition, in order.
    extra : partitions beside it.
    controls : components of no partition.
    """
    others = [one for each in extra for one in partition_components(tuple(each.groups), each.name)]
    return {one.label: one for one in (*partition_components(groups), *others, *controls)}


# ------------------------------------------------------------------------------------------------ of no partition
def baseline_alone(bands: Sequence[str]) -> Component:
    """The baseline model, of these bands."""
    return Component("baseline", (), ((tuple(bands), 1),))


def beyond_baseline(group: str, bands: Sequence[str], baseline: Sequence[str]) -> Component:
    """A feature group's model with the baseline, less the baseline alone.

    Parameters
    ----------
    group : its name.
    bands : its bands.
    baseline : bands of the baseline.
    """
    return Component("beyond_baseline", (group,), _difference(baseline, bands))


def full_beyond_baseline(groups: Sequence[str], bands: Sequence[str], baseline: Sequence[str]) -> Component:
    """The model of all groups with the baseline, less the baseline alone.

    Parameters
    ----------
    groups : their names.
    bands : bands of all of them.
    baseline : bands of the baseline.
    """
    return Component("full_beyond_baseline", tuple(groups), _difference(baseline, bands))


def autocorrelation_control() -> Component:
    """A control that knows nothing but time."""
    return Component("autocorrelation", (), (((AUTOCORRELATION,), 1),))


def control_alone(space: str) -> Component:
    """A control space's own score."""
    return Component("control", (space,), (((space,), 1),))


def beyond_untrained(trained: str, untrained: str) -> Component:
    """A trained model's space with its untrained twin, less the twin alone.

    Parameters
    ----------
    trained, untrained : names of the two spaces.
    """
    return Component("beyond_untrained", (trained,), _difference((untrained,), (trained,)))


def _difference(smaller: Sequence[str], added: Sequence[str]) -> tuple[tuple[tuple[str, ...], int], ...]:
    return ((*smaller, *added), 1), (tuple(smaller), -1)


# ------------------------------------------------------------------------------------------------ beside components
def best_layer_label(space: str) -> str:
    """`speech` → `bestSpeechLayer`: the best layer of a space, target by target."""
    return f"best{camel(space)}Layer"


def agreement_label(models: Sequence[str]) -> str:
    """`agreementSpeechLanguage`: the agreement of two models' predictions, by their feature groups."""
    return f"agreement{''.join(map(camel, models))}"


def band_weight_label(space: str) -> str:
    """`low_level` → `bandWeightLowLevel`: the weight g of a band in banded ridge."""
    return f"bandWeight{camel(space)}"


# ------------------------------------------------------------------------------------------------ bands
def rest_band(space: str) -> str:
    """What the shared subspace leaves of a model."""
    return f"{space}Rest"


def own_band(space: str) -> str:
    """A model's own canonical variates, of an in-sample fit."""
    return f"{space}Shared"


def baseline_band(space: str) -> str:
    """`word_rate` → `baseline_word_rate`: the band, and the name of its features."""
    return f"{BASELINE}_{space}"


def word_band(space: str) -> str:
    """The band of a space's rows by word, of a space whose own rows are none; no space can have this name."""
    return f"@{space}"


def is_word_band(band: str) -> bool:
    """Whether a band is one of `word_band`, or `WORD_COUNT`."""
    return band.startswith(word_band(""))
