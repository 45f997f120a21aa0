"""logs/<stem>_unit.json: all that reports need and maps do not hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bids_app.outputs.derivatives.layers import layers_summary
from bids_app.outputs.files.plain_numbers import as_number, as_row, as_rows, finite
from bids_app.records import (
    NO_EFFORT,
    SCORES,
    AgreementHistogram,
    Array,
    ComponentSummary,
    Effort,
    Fit,
    InferenceProvenance,
    LagsSummary,
    Layout,
    MapFile,
    ModelPairStatistic,
    ModelPairSummary,
    ProfileSummary,
    Quartiles,
    Recording,
    RecordingSummary,
    ResponsiveSummary,
    SharedSubspace,
    SignificantCounts,
    Spread,
    StatisticSummary,
    StatSpreads,
    SubspaceFoldSummary,
    SubspaceSummary,
    Targets,
    TargetsSummary,
    UnitResult,
    UnitSummary,
    above_zero,
)
from bids_app.records.summaries import LEAST_PREDICTED

BINS = 40  # of the correlations of two models' predictions
LAG_ROWS = 40  # electrodes whose scores by lag are drawn
PREDICTED = LEAST_PREDICTED  # targets above it, by the full model, are shown in charts


def unit_summary(
    unit: UnitResult,
    files: Mapping[str, str],
    layout: Layout,
    maps: tuple[MapFile, ...] = (),
    effort: Effort = NO_EFFORT,
) -> UnitSummary:
    """What reports and the group level need of a unit beside its maps and tables.

    Parameters
    ----------
    unit : the result.
    files : what was written of it, relative to OUT_DIR → SHA-256.
    layout : where the numbers of its targets lie.
    maps : which of them lie in which file of maps.
    effort : what the fit took.
    """
    full = np.asarray(unit.partition.values["full"]["rsquared"])
    shown = predicted(full)
    made = unit.provenance.inference
    return UnitSummary(
        stem=unit.stem,
        participant=unit.participant,
        modality=unit.modality,
        space=unit.space,
        layout=layout,
        groups=unit.partition.groups,
        extra=unit.partition.extra,
        controls=unit.partition.controls,
        ceiling=unit.ceiling,
        targets=targets_summary(unit.targets, full),
        components={label: component_summary(stats, shown, made) for label, stats in unit.partition.values.items()},
        profile=profile_summary(unit.fit, shown),
        recordings=tuple(_recording(one, unit.provenance.samples) for one in unit.recordings),
        alignments=unit.alignments,
        excluded=unit.excluded,
        folds=unit.fit.folds,
        warnings=unit.warnings,
        provenance=unit.provenance,
        files=files,
        subspace=None if unit.subspace is None else subspace_summary(unit.subspace),
        lags=lags_summary(unit, shown),
        responsive=_responsive(unit),
        model_pair=model_pair_summary(unit),
        layers=layers_summary(unit, shown),
        maps=maps,
        effort=effort,
    )


def predicted(full: Array) -> Array:
    """(n_targets,) bool: targets whose full R² is above `PREDICTED`."""
    return np.asarray(np.nan_to_num(full, nan=-1.0) > PREDICTED)


def targets_summary(targets: Targets, full: Array) -> TargetsSummary:
    """The grid of the targets, and how many are usable and predicted.

    Parameters
    ----------
    targets : the unit's or the group's.
    full : (n_targets,) R² of the full model; NaN where a target is not usable.
    """
    affine = None if targets.affine is None else np.asarray(targets.affine, dtype=float)
    return TargetsSummary(
        kind=targets.kind,
        space=targets.space,
        shape=tuple(map(int, targets.shape)),
        affine=None if affine is None else tuple(tuple(row) for row in affine.tolist()),
        n=len(targets.names),
        n_usable=int(np.isfinite(full).sum()),
        n_predicted=int(predicted(full).sum()),
        cifti=bool(targets.cifti),
    )


# ------------------------------------------------------------------------------------------------ components
def component_summary(stats: Mapping[str, Array], shown: Array, made: InferenceProvenance | None) -> ComponentSummary:
    """Which stats a component has, spreads of its amounts, and how many targets are significant, were they tested.

    Parameters
    ----------
    stats : stat → (n_targets,).
    shown : (n_targets,) bool, the targets that count as predicted.
    made : how p were made, with the level; None where there are none.
    """
    spreads = {stat: stat_spreads(np.asarray(values), shown) for stat, values in stats.items() if stat in SCORES}
    return ComponentSummary(tuple(stats), spreads, None if made is None else significant(stats, made.level))


def significant(stats: Mapping[str, Array], level: float) -> SignificantCounts:
    """How many targets are significant.

    Parameters
    ----------
    stats : stat → (n_targets,); `pfwe` (family-wise p) and `q` are read.
    level : from 0 to 1; p and q of at most this count.
    """
    pfwe, q = (int((np.asarray(stats[stat]) <= level).sum()) for stat in ("pfwe", "q"))
    return SignificantCounts(pfwe, q)


def stat_spreads(values: Array, shown: Array) -> StatSpreads:
    """Spread of a component's values over usable targets, and over those of them that are shown.

    Parameters
    ----------
    values : (n_targets,) amounts; NaN where a target is not usable.
    shown : (n_targets,) bool.
    """
    usable = np.isfinite(values)
    return StatSpreads(spread(values[usable]), spread(values[shown & usable]))


def spread(values: Array) -> Spread:
    """Mean, median, quartiles and how many are above 0, of (n,) numbers; None where there are none."""
    values = np.asarray(values, dtype=float)
    if not len(values):
        return Spread(n=0, mean=None, median=None, q25=None, q75=None, n_positive=0)
    low, middle, high = np.percentile(values, [25, 50, 75])
    return Spread(
        n=len(values),
        mean=float(values.mean()),
        median=float(middle),
        q25=float(low),
        q75=float(high),
        n_positive=int(above_zero(values).sum()),
    )


# ------------------------------------------------------------------------------------------------ delays and lags
def _quartiles(table: Array, axis: int) -> Quartiles:
    return Quartiles(*(as_row(values) for values in np.percentile(table, [25, 50, 75], axis=axis)))


def profile_summary(fit: Fit, shown: Array) -> ProfileSummary:
    """Median and quartiles of the weights' size by delay and space.

    Parameters
    ----------
    fit : of the full model.
    shown : (n_targets,) bool, the targets to take; all usable ones, were there none.
    """
    chosen = shown if shown.any() else np.isfinite(fit.rsquared[-1])
    bands = {band: _quartiles(values[:, chosen], axis=1) for band, values in fit.profile.items() if chosen.any()}
    return ProfileSummary(tuple(map(float, fit.delays_s)), int(chosen.sum()), bands)


def lags_summary(unit: UnitResult, shown: Array) -> LagsSummary | None:
    """Median and quartiles by lag, and the models' scores of the electrodes with the highest R², in the order of the
    lag of the full model's highest.

    Parameters
    ----------
    unit : the result; None where it has no lags.
    shown : (n_electrodes,) bool, the electrodes to take; all usable ones, were there none.
    """
    if unit.lags is None:
        return None
    values = {label: np.asarray(stats["rsquared"]) for label, stats in unit.lags.partition.values.items()}
    full = np.asarray(unit.partition.values["full"]["rsquared"])
    usable = np.isfinite(full)
    chosen = shown if shown.any() else usable
    strongest = np.argsort(-np.where(usable, full, -np.inf), kind="stable")[: min(LAG_ROWS, int(usable.sum()))]
    rows = strongest[np.argsort(values["full"][strongest].argmax(axis=1), kind="stable")]
    components = unit.partition.components
    drawn = [
        label for label in values if components[label].kind in ("full", "alone") and not components[label].partition
    ]
    return LagsSummary(
        lags_s=tuple(map(float, unit.lags.lags_s)),
        n_targets=int(chosen.sum()),
        components={label: _quartiles(table[chosen], axis=0) for label, table in values.items() if chosen.any()},
        names=tuple(unit.targets.names[row] for row in rows),
        images={label: as_rows(values[label][rows].round(5)) for label in drawn if len(rows)},
    )


# ------------------------------------------------------------------------------------------------ the rest
def model_pair_summary(unit: UnitResult) -> ModelPairSummary | None:
    """All rows, and how many targets have which correlation of the two models' predictions (an electrode's own
    value alone, where rows are words)."""
    made = unit.model_pair
    if made is None:
        return None
    step = 1 + len(unit.lags.lags_s) if unit.lags else 1
    pair = next((one for one in made.agreements if one.compared_models == made.compared_models), None)
    r = np.empty(0) if pair is None else np.asarray(pair.r)[::step]
    counts, edges = np.histogram(finite(r), bins=BINS, range=(-1, 1))
    histogram = AgreementHistogram(tuple(counts.tolist()), tuple(edges.tolist()))
    return ModelPairSummary(made.compared_models, tuple(map(_statistic, made.rows)), histogram)


def _statistic(row: ModelPairStatistic) -> StatisticSummary:
    ends = as_number(row.low), as_number(row.high)
    return StatisticSummary(row.about, row.targets, row.n_targets, as_number(row.value), *ends)


def _responsive(unit: UnitResult) -> ResponsiveSummary | None:
    """How many electrodes respond to speech, and how that was tested."""
    test = unit.responsive
    if test is None:
        return None
    return ResponsiveSummary(
        n=int((test.q <= test.level).sum()),
        level=test.level,
        n_pairs=test.n_pairs,
        silence_s=test.silence_s,
        speech_s=test.speech_s,
        quiet_s=test.quiet_s,
    )


def subspace_summary(subspace: SharedSubspace) -> SubspaceSummary:
    """A shared subspace in plain numbers."""
    folds = tuple(
        SubspaceFoldSummary(
            fold=None if one.fold is None else int(one.fold),
            n_words=int(one.n_words),
            dims=(int(one.dims[0]), int(one.dims[1])),
            correlation=as_row(one.correlation),
            leak=as_row(one.leak),
            held_out=as_row(one.held_out),
            p=as_row(one.p),
            null_95=as_number(one.null_95),
        )
        for one in subspace.folds
    )
    return SubspaceSummary(subspace.spec, folds)


def _recording(recording: Recording, samples: Mapping[str, tuple[int, int]]) -> RecordingSummary:
    used, total = samples.get(recording.label, (None, None))
    return RecordingSummary(recording.label, recording.rate_hz, recording.start_s, recording.stimuli, used, total)
