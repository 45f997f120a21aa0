"""How a unit's result came about: what sidecars, methods text and reports are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bids_app.records.arrays import Modality
from bids_app.records.components import Component, ExtraPartition
from bids_app.records.fits import BaselineModel
from bids_app.records.specs import DesignSpec, EpochSpec, FitSpec, ResponseSpec, SubspaceSpec

AutocorrelationState = Literal["fitted", "not asked for"] | str  # or why it was not fitted


def has_layers(options: Mapping[str, Any]) -> bool:
    """Whether a family's options ask for several layers of a model: all of them, or a list of more than one."""
    layer = options.get("layer")
    return layer == "all" or (isinstance(layer, list | tuple) and len(layer) > 1)


@dataclass(frozen=True)
class FeatureFacts:
    """A feature space as the resolved analysis has it.

    kind, options : the family and its own settings (without `pca`, the dimensions kept). label : the family in words,
    as sentences name it; empty: not known. sources : the spaces that it is a projection of, fitted anew on the words
    of every outer fold's training stimuli; empty of all others.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    pca: int | None = None
    label: str = ""
    sources: tuple[str, ...] = ()

    @property
    def has_layers(self) -> bool:
        """Whether several layers of a model are asked for."""
        return has_layers(self.options)

    @property
    def words(self) -> str:
        """What the family is called."""
        return self.label or self.kind


@dataclass(frozen=True)
class AnalysisProvenance:
    """The resolved analysis, as far as results and reports ask for it (analysis.yaml has all of it).

    spaces : feature spaces of the partition, in order. groups : feature group → its spaces. controls : spaces fitted
    beside the partition. hash : first 16 hex digits of the SHA-256 of the resolved analysis.
    """

    name: str
    hash: str
    pool: tuple[str, ...]
    features: Mapping[str, FeatureFacts]
    spaces: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    fit: FitSpec
    controls: tuple[str, ...] = ()
    subspace: SubspaceSpec | None = None
    extra_partitions: tuple[ExtraPartition, ...] = ()


@dataclass(frozen=True)
class FeatureProvenance:
    """What is known of a space's features: how they were made, and from which model.

    dimensions : their names, or in words how many. stamp : the instant that a row's time stands for. causal : whether
    no row depends on anything after its time; None where that is not known. layers : of a model, layer → (first, end)
    of its dimensions. files : name → SHA-256 of what decides the values. stand_in : whether the model is untrained by
    its own word (None: no model); untrained : the seed of weights that were made random here. unknown_share : of
    words or phones that the family does not know; approximate : whether rows share windows of a speech model (None:
    the family has no such thing). warnings : what whoever reads results made of them must know, a line each.
    """

    kind: str
    description: str
    dimensions: tuple[str, ...] | str
    stamp: str
    causal: bool | None
    notes: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    files: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    revision: str | None = None
    weights_sha256: str | None = None
    untrained: int | None = None
    stand_in: bool | None = None
    layers: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    unknown_share: float | None = None
    approximate: bool | None = None
    warnings: tuple[str, ...] = ()


NO_PROVENANCE = FeatureProvenance("", "", dimensions="", stamp="", causal=None)  # of made-up features


@dataclass(frozen=True)
class RunSettings:
    """Settings of a run that change no number: device, threads (None: as many as torch takes), limit of memory."""

    device: str
    threads: int | None
    mem_mb: int | None


@dataclass(frozen=True)
class Effort:
    """What a fit took: seconds, and the process's peak memory so far in MB."""

    seconds: float = 0.0
    peak_mb: float = 0.0


NO_EFFORT = Effort()  # of what was not tried, or nobody measured


@dataclass(frozen=True)
class DesignProvenance:
    """delays_s, epoch : as asked for; period_s : seconds from sample to sample; purge_s : between training and test
    samples of one run; residualised : whether features lost what responses were cleaned of; skip_onset_s, stamp : see
    DesignSpec."""

    spec: DesignSpec
    period_s: float
    purge_s: float
    residualised: bool = False

    @property
    def epoch(self) -> EpochSpec | None:
        """Where rows are words, the windows of the responses."""
        return self.spec.epoch


@dataclass(frozen=True)
class ResponseProvenance:
    """How responses were cleaned; computed_high_gamma : labels of recordings whose high gamma was computed here;
    notched_hz : frequencies of the power line whose harmonics were notched there, in Hz."""

    spec: ResponseSpec
    computed_high_gamma: tuple[str, ...] = ()
    notched_hz: tuple[float, ...] = ()


@dataclass(frozen=True)
class InferenceProvenance:
    """How p and intervals were made: permutations, n_blocks blocks of block_s seconds at least, which weigh so
    unequally that they count as `effective_blocks` equal ones, whether groups of frequencies were flipped besides,
    and the level of p and q at which reports count."""

    permutations: int
    n_blocks: int
    effective_blocks: float
    block_s: float
    frequencies: bool
    level: float


@dataclass(frozen=True)
class ControlsProvenance:
    """The baseline model and what was left out of it; the autocorrelation control: fitted, not asked for, or why it
    could not be; and every component of no partition that was fitted."""

    baseline: BaselineModel
    autocorrelation: str
    components: tuple[Component, ...]


@dataclass(frozen=True)
class ContextLeakage:
    """How many test samples' model context reaches back to a training sample of the same run (crossing, of total),
    how far the context reaches, in words, and whether folds split any run."""

    crossing: int
    total: int
    reach: str
    split: bool


@dataclass(frozen=True)
class Provenance:
    """Of one unit. unit_key : what decides its numbers, hashed. spaces : space → its features' provenance. software :
    name → version. samples : recording label → (used, total) samples, or words. contexts : space → leakage of its
    model's context; inference : None where none was asked for."""

    analysis: AnalysisProvenance
    unit_key: str
    modality: Modality
    spaces: Mapping[str, FeatureProvenance]
    software: Mapping[str, str]
    run: RunSettings
    design: DesignProvenance
    response: ResponseProvenance
    samples: Mapping[str, tuple[int, int]]
    inference: InferenceProvenance | None
    controls: ControlsProvenance
    contexts: Mapping[str, ContextLeakage]
