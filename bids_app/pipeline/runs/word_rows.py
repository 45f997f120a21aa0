"""Rows that are words, with responses around their onsets: which words are used, their windows and features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bids_app import encoding
from bids_app.encoding import NoiseCeiling
from bids_app.errors import DataError
from bids_app.pipeline.runs.baseline_bands import WORD_RATE, feature_bands
from bids_app.pipeline.runs.load_settings import LONG_STIMULUS_S, LoadSettings, ReadRecording, Sounds
from bids_app.pipeline.runs.windows import RowResults, fit_of_summary, lags_of, summary_of, summary_targets
from bids_app.pipeline.runs.word_bands import rows_by_word, source_bands
from bids_app.records import (
    Array,
    BaselineModel,
    Design,
    Epochs,
    EpochSpec,
    Features,
    Fit,
    Intervals,
    Partition,
    Recording,
    Response,
    Run,
)

NO_CEILING = "none: not computed where rows are words"


@dataclass(frozen=True)
class WordEpochRows:
    """One row a word, every window of every electrode a target; see `Rows`."""

    settings: LoadSettings
    epoch: EpochSpec

    @property
    def n_windows(self) -> int:
        """The summary's window, and one a lag."""
        return len(self.epoch.windows_s)

    def used_samples(self, recording: Recording, response: Response) -> Array:
        """Samples of all words' windows that are whole.

        Parameters
        ----------
        recording, response : which, and its values as read.

        Returns
        -------
        (n_times,) bool.

        Raises
        ------
        DataError : where no window is whole.
        """
        epochs, kept = self._epochs(recording, response)
        if not kept.any():
            raise DataError(
                f"no epoch of its {len(kept)} words lies within the recording's usable samples",
                recording.label,
                "check the events' onsets, or ask for shorter lags",
            )
        return encoding.covered(Epochs(epochs.starts[kept], epochs.lengths), len(response.times_s))

    def count(self, read: ReadRecording) -> int:
        """Words heard in a recording."""
        return sum(len(words.text) for words in self._words(read.recording))

    def make_run(self, read: ReadRecording, sounds: Sounds, baseline: BaselineModel) -> Run:
        """Words in order of their onsets: those whose windows are whole and that every space says something of.

        Signals are cleaned on the samples of the windows.

        Parameters
        ----------
        read : the recording, its response and used samples.
        sounds : of each stimulus its features, and its onset in seconds.
        baseline : which of the baseline's bands there are.

        Raises
        ------
        DataError : where no word is left.
        """
        settings, recording, response = self.settings, read.recording, read.response
        epochs, kept = self._epochs(recording, response)
        words = self._words(recording)
        onsets_s = _onsets(recording, words)
        names = (*settings.spaces, *source_bands(sounds))
        bands = {name: _band([features[name] for features, _ in sounds], words) for name in names}
        kept &= np.all([np.isfinite(band).all(axis=1) for band in bands.values()], axis=0)
        if not kept.any():
            raise DataError("no word has a row in every feature space", recording.label)
        bands |= _baseline_bands(baseline, sounds, words, onsets_s)
        rows = np.flatnonzero(kept)[np.argsort(onsets_s[kept], kind="stable")]
        stimuli = tuple(event.stimulus_id for event in recording.stimuli)
        return Run(
            label=recording.label,
            bands={name: band[rows, None] for name, band in bands.items()},
            Y=encoding.clean(response.values, response.nuisance, read.used, settings.response.standardize),
            times_s=onsets_s[rows],
            stimuli=tuple(name for event in recording.stimuli for name in event.contents),
            words=rows_by_word(settings.projected_spaces, stimuli, sounds, settings.design.stamp),
            epochs=encoding.reindex_epochs(Epochs(epochs.starts[rows], epochs.lengths), read.used),
        )

    def purge_s(self, runs: Sequence[Run], period_s: float) -> float:
        """Words nearer than this may share responses.

        Parameters
        ----------
        runs : of the unit.
        period_s : the responses' sampling period, in seconds.

        Returns
        -------
        Seconds between training and test rows of one run.
        """
        return encoding.epoch_purge_s(runs, self.epoch, period_s)

    def noise_ceiling(
        self, runs: Sequence[Run], recordings: Sequence[Recording], period_s: float
    ) -> tuple[NoiseCeiling | None, str]:
        """No noise ceiling: it is not computed where rows are words.

        Parameters
        ----------
        runs, recordings : one by one.
        period_s : the responses' sampling period, in seconds.

        Returns
        -------
        None, and why there is none, in words.
        """
        return None, NO_CEILING

    def summary_design(self, design: Design) -> Design:
        """With the electrodes' own windows as its targets."""
        return summary_targets(design, self.n_windows)

    def results(self, partition: Partition, fit: Fit, usable: Array) -> RowResults:
        """Results of the summary's window, and of every lag.

        Parameters
        ----------
        partition, fit : of all targets, (n_electrodes · n_windows,) each.
        usable : (n_electrodes · n_windows,) bool; not used.

        Returns
        -------
        Results of (n_electrodes,), of which those with a score in the summary's window are usable, and by lag.
        """
        own = summary_of(partition, self.n_windows)
        return RowResults(
            own,
            fit_of_summary(fit, self.n_windows),
            np.isfinite(own.values["full"]["rsquared"]),
            lags_of(partition, self.epoch),
        )

    def _words(self, recording: Recording) -> list[Intervals]:
        """Of each of its stimuli."""
        return [self.settings.library.words(recording, event) for event in recording.stimuli]

    def _epochs(self, recording: Recording, response: Response) -> tuple[Epochs, Array]:
        """Windows of all words, event by event, and (n_words,) whether each word's are whole."""
        epochs = encoding.place_epochs(_onsets(recording, self._words(recording)), response.times_s, self.epoch)
        return epochs, encoding.epochs_inside_recording(
            epochs, response.valid & ~self._skipped(recording, response.times_s)
        )

    def _skipped(self, recording: Recording, times_s: Array) -> Array:
        """(n_times,) bool: from a long stimulus's start to `skip_onset_s` after its first word."""
        skip_s, library = self.settings.design.skip_onset_s, self.settings.library
        skipped = np.zeros(len(times_s), dtype=bool)
        for event in recording.stimuli:
            if skip_s and library.hearing(recording, event).lasts_s > LONG_STIMULUS_S:
                until_s = library.first_event_s(recording, event) + skip_s
                skipped |= (times_s >= event.onset_s) & (times_s < until_s)
        return skipped


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
        band = _band([features[name] for features, _ in sounds], words)
        known = np.asarray(np.isfinite(band).all(axis=1))
        bands[name] = np.where(known[:, None], band, band[known].mean(axis=0) if known.any() else 0.0)
    return bands


def _onsets(recording: Recording, words: Sequence[Intervals]) -> Array:
    """(n_words,) on the recording's clock, event by event."""
    return np.concatenate(
        [event.onset_s + heard.onset_s for event, heard in zip(recording.stimuli, words, strict=True)]
    )


def _band(features: Sequence[Features], words: Sequence[Intervals]) -> Array:
    """(n_words, n_dims), event by event."""
    return np.concatenate([encoding.within_words(one, heard) for one, heard in zip(features, words, strict=True)])
