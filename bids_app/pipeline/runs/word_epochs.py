"""iEEG with one row a word: which words are used, their epochs and features, and results by electrode and lag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bids_app import encoding
from bids_app.errors import DataError
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.runs.baseline_bands import WORD_RATE, Sounds, feature_bands
from bids_app.pipeline.runs.word_bands import source_bands, word_rows
from bids_app.records import (
    Array,
    BaselineModel,
    Design,
    DesignSpec,
    Epochs,
    EpochSpec,
    Features,
    Fit,
    Intervals,
    Lags,
    Partition,
    Recording,
    Response,
    Run,
)

LONG_STIMULUS_S = 60.0  # only stimuli longer than this lose their first seconds (DESIGN 6, Folds)


def used_samples(job: Job, recording: Recording, response: Response, spec: DesignSpec) -> Array:
    """(n_times,) bool: samples of all words' epochs that are whole. Raises DataError where none is."""
    epochs, kept = _epochs(job, recording, response, spec)
    if not kept.any():
        raise DataError(
            f"no epoch of its {len(kept)} words lies within the recording's usable samples",
            recording.label,
            "check the events' onsets, or ask for shorter lags",
        )
    return encoding.covered(Epochs(epochs.starts[kept], epochs.lengths), len(response.times_s))


def count_words(job: Job, recording: Recording) -> int:
    """Words heard in a recording."""
    return sum(len(job.library.words(recording, event).text) for event in recording.stimuli)


def make_run(
    job: Job,
    recording: Recording,
    response: Response,
    sounds: Sounds,
    keep: Array,
    spec: DesignSpec,
    baseline: BaselineModel,
) -> Run:
    """Words in order of their onsets: those whose epoch is whole and that every space says something of.

    Signals are cleaned on the samples `keep` (n_times,), those of the epochs. Raises DataError where no word is left.
    """
    epochs, kept = _epochs(job, recording, response, spec)
    words = [job.library.words(recording, event) for event in recording.stimuli]
    onsets_s = _onsets(recording, words)
    names = (*job.specs, *source_bands(sounds))
    bands = {name: _band([spaces[name] for spaces, _ in sounds], words) for name in names}
    kept &= np.all([np.isfinite(band).all(axis=1) for band in bands.values()], axis=0)
    if not kept.any():
        raise DataError("no word has a row in every feature space", recording.label)
    bands |= _baseline_bands(baseline, sounds, words, onsets_s)
    rows = np.flatnonzero(kept)[np.argsort(onsets_s[kept], kind="stable")]
    standardize = job.analysis.response_spec(recording.modality).standardize
    stimuli = tuple(event.stimulus_id for event in recording.stimuli)
    return Run(
        label=recording.label,
        bands={name: band[rows, None] for name, band in bands.items()},
        Y=encoding.clean(response.values, response.nuisance, keep, standardize),
        times_s=onsets_s[rows],
        stimuli=stimuli,
        words=word_rows(job, stimuli, sounds, spec.stamp),
        epochs=encoding.reindex_epochs(Epochs(epochs.starts[rows], epochs.lengths), keep),
    )


def _baseline_bands(
    baseline: BaselineModel, sounds: Sounds, words: Sequence[Intervals], onsets_s: Array
) -> dict[str, Array]:
    """(n_words, n_dims) each. A word of which a space says nothing takes the mean, which tells nothing: no word is
    left out for the baseline. Every row is one word: word rate is how many others begin near it."""
    bands = {}
    for name in feature_bands(baseline):
        if name == WORD_RATE:
            bands[name] = encoding.local_word_counts(onsets_s)
            continue
        band = _band([spaces[name] for spaces, _ in sounds], words)
        said = np.asarray(np.isfinite(band).all(axis=1))
        bands[name] = np.where(said[:, None], band, band[said].mean(axis=0) if said.any() else 0.0)
    return bands


def _epochs(job: Job, recording: Recording, response: Response, spec: DesignSpec) -> tuple[Epochs, Array]:
    """Epochs of all words, event by event, and (n_words,) whether each is whole."""
    if spec.epoch is None:
        raise ValueError("rows are not words")
    words = [job.library.words(recording, event) for event in recording.stimuli]
    epochs = encoding.place_epochs(_onsets(recording, words), response.times_s, spec.epoch)
    return epochs, encoding.whole(epochs, response.valid & ~_skipped(job, recording, response.times_s, spec))


def _onsets(recording: Recording, words: Sequence[Intervals]) -> Array:
    """(n_words,) on the recording's clock, event by event."""
    return np.concatenate(
        [event.onset_s + heard.onset_s for event, heard in zip(recording.stimuli, words, strict=True)]
    )


def _skipped(job: Job, recording: Recording, times_s: Array, spec: DesignSpec) -> Array:
    """(n_times,) bool: from a long stimulus's start to `skip_onset_s` after its first word."""
    skipped = np.zeros(len(times_s), dtype=bool)
    for event in recording.stimuli:
        if spec.skip_onset_s and job.library.stimulus(recording, event).duration_s > LONG_STIMULUS_S:
            until_s = job.library.first_event_s(recording, event) + spec.skip_onset_s
            skipped |= (times_s >= event.onset_s) & (times_s < until_s)
    return skipped


def _band(features: Sequence[Features], words: Sequence[Intervals]) -> Array:
    """(n_words, n_dims), event by event."""
    return np.concatenate([encoding.within_words(one, heard) for one, heard in zip(features, words, strict=True)])


def speech_less_silence(job: Job, recording: Recording, response: Response) -> Array:
    """(n_pairs, n_electrodes) speech less the silence before it; no pair where words have no times."""
    heard = [(event.onset_s, job.library.stimulus(recording, event).words) for event in recording.stimuli]
    words = [(onset_s + words.onset_s, onset_s + words.offset_s) for onset_s, words in heard if words is not None]
    if len(words) < len(heard):
        return np.empty((0, response.values.shape[1]))
    onsets_s = encoding.after_silence(*np.concatenate(words, axis=1))
    return encoding.speech_less_silence(response.values, response.times_s, response.valid, onsets_s)


# ------------------------------------------------------------------------------------------------ results
def by_lag(partition: Partition, spec: EpochSpec) -> tuple[Partition, Lags]:
    """Results of all targets → those of the summary's window (n_electrodes,), and of every lag."""
    n_windows = len(spec.windows_s)
    tables = {
        component: {stat: np.asarray(values).reshape(-1, n_windows) for stat, values in stats.items()}
        for component, stats in partition.values.items()
    }
    own = {name: {stat: table[:, 0] for stat, table in stats.items()} for name, stats in tables.items()}
    lags = {name: {stat: table[:, 1:] for stat, table in stats.items()} for name, stats in tables.items()}
    own_window = replace(partition, values=own)
    return own_window, Lags(spec.lags_s, replace(partition, values=lags))


def summary_targets(design: Design, spec: EpochSpec) -> Design:
    """The design with the electrodes' own windows as its targets."""
    n_windows = len(spec.windows_s)
    return replace(design, Y=design.Y[:, ::n_windows], usable=design.usable[::n_windows])


def of_summary(fit: Fit, spec: EpochSpec) -> Fit:
    """The fit of the summary's window alone, (n_electrodes,)."""

    def own(values: Array) -> Array:
        return np.asarray(values[..., :: len(spec.windows_s)])

    def of_bands(several: Mapping[str, Array]) -> dict[str, Array]:
        return {band: own(values) for band, values in several.items()}

    return replace(
        fit,
        rsquared=own(fit.rsquared),
        r=own(fit.r),
        at_edge=own(fit.at_edge),
        profile=of_bands(fit.profile),
        product=of_bands(fit.product),
        alpha=None if fit.alpha is None else own(fit.alpha),
        band_weights=of_bands(fit.band_weights),
        weights=None if fit.weights is None else of_bands(fit.weights),
    )
