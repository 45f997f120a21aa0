"""What encoding finds: scores, subspaces, inference, partitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bids_app.records.arrays import Array
from bids_app.records.components import Component, ExtraPartition, all_components
from bids_app.records.specs import SubspaceSpec

# stages of a fit, as whoever watches it is told: of each batch of targets and outer fold, and of layers before it
SEARCH_STAGE, RESIDUALS_STAGE = "search of penalties", "what smaller models leave"
SAVED = ("predictions", "weights", "alphas", "blocks")  # what may be kept of models beside their scores
MODELS_STAGE, LAYERS_STAGE = "chosen models and their tests", "layers alone"


@dataclass(frozen=True)
class FoldAudit:
    """What one outer fold trained and tested on."""

    fold: int
    test: tuple[str, ...]  # run labels, with a time span where a run was split
    train: tuple[str, ...]
    n_train: int
    n_test: int
    n_purged: int
    n_inner: int


@dataclass(frozen=True)
class Fit:
    """Held-out scores of every union of feature groups. unions: tuples of their names in analysis order.

    rsquared, r: (n_unions, n_targets) as DESIGN 6 defines them; NaN for unusable targets.
    at_edge: (n_unions, n_targets) share of folds whose alpha lies at an end of the grid (0…1).
    profile: {band: (n_delays, n_targets)} Euclidean norm over a band's dimensions of the full union's weights on
    standardised features, averaged over folds.
    product: {band: (n_targets,)} a band's part of the full union's rsquared by the product measure,
    Σ ŷ_b (2(y − ȳ_train) − ŷ) / Σ(y − ȳ_train)²; the parts sum to it.
    alpha (n_folds, n_targets) and band_weights {band: (n_folds, n_targets)}, which sum to 1: the full union's choice.
    weights, where asked for: {band: (n_folds, n_delays, k, n_targets)} float32, on the band's k standardised
    dimensions or principal components (which are each fold's own).
    """

    unions: tuple[tuple[str, ...], ...]
    rsquared: Array
    r: Array
    at_edge: Array
    profile: Mapping[str, Array]
    delays_s: tuple[float, ...]
    folds: tuple[FoldAudit, ...]
    warnings: tuple[str, ...] = ()
    product: Mapping[str, Array] = field(default_factory=dict)
    alpha: Array | None = None
    band_weights: Mapping[str, Array] = field(default_factory=dict)
    weights: Mapping[str, Array] | None = None


@dataclass(frozen=True)
class SavedWeights:
    """Weights of one band in the full model, fold by fold: values (n_folds, n_delays, k, n_targets) float32 on the
    band's columns, which are z = (x − mean) / scale of its dimensions x, or z times `axes`, where it has principal
    components. mean, scale (n_folds, n_delays, n_dims); axes (n_folds, n_dims, k). Layers of several sizes have NaN
    beyond their own."""

    values: Array
    mean: Array
    scale: Array
    axes: Array | None = None


@dataclass(frozen=True)
class WeightComponents:
    """Principal components of one band's weights over targets: scores (n_components, n_targets), loadings
    (n_components, n_dims) on the band's scaled dimensions, and the share of the variance of weights of each, over the
    n_targets that they were fitted to."""

    scores: Array
    loadings: Array
    shares: Array
    n_targets: int


@dataclass(frozen=True)
class BlockSums:
    """Held-out sums of squares by block of time, those that tests and intervals are made of.

    total (n_blocks, n_targets): Σ (y − ȳ)², ȳ the mean of the samples that the fold's model was fitted to. gains
    {union: (n_blocks, n_targets)}: Σ (y − ȳ)² − Σ (y − ŷ)²; over blocks its sum is R² times that of total. Of each
    block (n_blocks,): the recording and the time of its first sample, its outer fold, and how many samples it has.
    checks (n_blocks, n_targets): Σ cos(k) (y − ȳ), k the sample's number: other responses have others.
    """

    total: Array
    gains: Mapping[tuple[str, ...], Array]
    runs: tuple[str, ...]
    starts_s: Array
    folds: Array
    sizes: Array
    checks: Array


@dataclass(frozen=True)
class SavedFit:
    """What is kept of a unit's models beside their scores, of what was asked for.

    predicted, observed (n_times, n_targets) float32: held out, both less the mean of the samples that the fold's
    model was fitted to, so that R² of the full model is 1 − Σ (observed − predicted)² / Σ observed². runs, folds
    (n_times,) and times_s say what the rows are. alpha {union: (n_folds, n_targets)} and band_weights {union: {band:
    (n_folds, n_targets)}}. weights, components: by band. `what`: which of SAVED they are.
    """

    what: tuple[str, ...]
    run_labels: tuple[str, ...]
    runs: Array
    times_s: Array
    folds: Array
    predicted: Array | None = None
    observed: Array | None = None
    alpha: Mapping[tuple[str, ...], Array] = field(default_factory=dict)
    band_weights: Mapping[tuple[str, ...], Mapping[str, Array]] = field(default_factory=dict)
    weights: Mapping[str, SavedWeights] = field(default_factory=dict)
    components: Mapping[str, WeightComponents] = field(default_factory=dict)
    blocks: BlockSums | None = None


@dataclass(frozen=True)
class SavedSummary:
    """logs/<stem>_saved.json. what: of SAVED, those that there are; unit: SHA-256 of the summary of the unit whose
    models they are; files: relative to OUT_DIR → SHA-256."""

    stem: str
    participant: str
    what: tuple[str, ...]
    unit: str
    files: Mapping[str, str]
    format: int


@dataclass(frozen=True)
class LayerScores:
    """Layers of one space, each fitted alone by ridge. NaN for unusable targets.

    layers (n_layers): names, in the model's order. rsquared (n_layers, n_targets): held out. inner (n_layers,
    n_targets): R² in the folds inside training at the alpha chosen there, averaged over outer folds.
    best (n_targets,): place in `layers` of the highest inner; NaN where none is above 0. agreement (n_targets,):
    share of outer folds that choose this layer on their own, 0…1. best_rsquared (n_targets,): held out, in every
    outer fold of the layer with the highest inner R² in that fold. chosen {outer fold: layer}: one for all targets,
    the partition's.
    """

    layers: tuple[str, ...]
    rsquared: Array
    inner: Array
    best: Array
    agreement: Array
    best_rsquared: Array
    chosen: Mapping[int, str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SubspaceFold:
    """A shared subspace as one outer fold fitted it (fold None: one fit for all folds, on all stimuli).

    dims: principal components of either model. correlation (kept,): of the pairs kept, on the words fitted to.
    leak (kept,): the share of a signal of one model alone that a pair's mean carries, NaN where it was not tried.
    held_out, p (m,): of all pairs tried, in folds among those words and against shifts of one model's words;
    null_95: the limit of the latter.
    """

    fold: int | None
    n_words: int
    dims: tuple[int, int]
    correlation: Array
    leak: Array
    held_out: Array
    p: Array
    null_95: float


@dataclass(frozen=True)
class SharedSubspace:
    """What was fitted, fold by fold."""

    spec: SubspaceSpec
    folds: tuple[SubspaceFold, ...]


@dataclass(frozen=True)
class Inferred:
    """One component, (n_targets,) each: p of the target alone, p over all targets (max-T), q (Benjamini–Hochberg over
    targets), and the ends of the 95 % confidence interval of its value. NaN for unusable targets."""

    p: Array
    p_family: Array
    q: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class InferenceResult:
    """Inference of every component of the partition, and how it was made: permutations, blocks, how many equal ones
    they count as, their length, whether frequencies were flipped besides, and what the reader should know before
    trusting p. `share_intervals`: (feature group, 'shapley' or 'product') → the ends of the 95 % confidence interval
    (2, n_targets)."""

    components: Mapping[str, Inferred]
    permutations: int
    n_blocks: int
    effective_blocks: float
    block_s: float
    frequencies: bool
    warnings: tuple[str, ...] = ()
    share_intervals: Mapping[tuple[str, str], Array] = field(default_factory=dict)


SCORES = ("rsquared", "r", "ceiling", "share", "shapley", "product")  # amounts; those of inference are not averaged


@dataclass(frozen=True)
class Partition:
    """Values of all components, target by target.

    groups : feature groups of the analysis's own partition. values : {label: {stat: (n_targets,)}} in the order of
    `components`; stat 'rsquared' for all, 'r' for all but shared parts (and unique ones
    of the published code), where there was inference 'p', 'pfwe', 'q', 'ci025' and
    'ci975', and of full, where there are repeats, 'ceiling' and 'share'. Of each group, where there are several,
    'shapley' and 'product' with the ends of their confidence intervals ('shapley025', …). extra : partitions of other
    groups. controls : components of no partition.
    """

    groups: tuple[str, ...]
    values: Mapping[str, Mapping[str, Array]]
    extra: tuple[ExtraPartition, ...] = ()
    controls: tuple[Component, ...] = ()

    @cached_property
    def components(self) -> Mapping[str, Component]:
        """Label → component."""
        return all_components(self.groups, self.extra, self.controls)


@dataclass(frozen=True)
class Responsive:
    """Speech against silence, (n_electrodes,) each: p and q; the level of q at which an electrode is called
    responsive; how many pairs were compared, the least silence, and the seconds around the onset that ends it."""

    p: Array
    q: Array
    level: float
    n_pairs: int
    silence_s: float
    speech_s: tuple[float, float]
    quiet_s: tuple[float, float]


@dataclass(frozen=True)
class Lags:
    """Electrodes by lags_s (n_lags): a partition whose arrays are (n_electrodes, n_lags)."""

    lags_s: tuple[float, ...]
    partition: Partition


@dataclass(frozen=True)
class ControlResults:
    """What is fitted beside the partition.

    components : of no partition. values : {label: {stat: (n_targets,)}}, stats as those of a partition's components.
    """

    components: tuple[Component, ...]
    values: Mapping[str, Mapping[str, Array]]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class BaselineModel:
    """What knows nothing of meaning and is fitted whatever the analysis names: word rate, envelope, position, motion.

    bands : the names of its bands. left_out : band → why it could not be had. labels : band, left out or not → what
    it is called in sentences.
    """

    bands: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
