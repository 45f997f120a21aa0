"""Rows that are samples of the response, each with features at several delays before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bids_app import encoding
from bids_app.encoding import NoiseCeiling
from bids_app.pipeline.runs.baseline_bands import feature_bands, motion_band
from bids_app.pipeline.runs.load_settings import LONG_STIMULUS_S, LoadSettings, ReadRecording, Sounds
from bids_app.pipeline.runs.noise_ceiling import noise_ceiling_from_repeats
from bids_app.pipeline.runs.windows import RowResults
from bids_app.pipeline.runs.word_bands import rows_by_word, source_bands
from bids_app.records import Array, BaselineModel, Design, Fit, Partition, Recording, Response, Run


@dataclass(frozen=True)
class ContinuousRows:
    """One row a sample; see `Rows`."""

    settings: LoadSettings

    @property
    def n_windows(self) -> int:
        """One target a response."""
        return 1

    def used_samples(self, recording: Recording, response: Response) -> Array:
        """Samples that a stimulus is heard in, or was within the longest delay.

        The first seconds of long stimuli are left out.

        Parameters
        ----------
        recording, response : which, and its values as read.

        Returns
        -------
        (n_times,) bool.
        """
        design, library = self.settings.design, self.settings.library
        spans_s = []
        for event in recording.stimuli:
            lasts_s = library.hearing(recording, event).lasts_s
            begin_s = event.onset_s
            if design.skip_onset_s and lasts_s > LONG_STIMULUS_S:
                begin_s = library.first_event_s(recording, event) + design.skip_onset_s
            spans_s.append((begin_s, event.onset_s + lasts_s + design.delays_s[-1]))
        return encoding.used_samples(response.times_s, spans_s, response.valid)

    def count(self, read: ReadRecording) -> int:
        """All samples."""
        return len(read.used)

    def make_run(self, read: ReadRecording, sounds: Sounds, baseline: BaselineModel) -> Run:
        """Features resampled to the used samples and delayed, beside responses cleaned there.

        Parameters
        ----------
        read : the recording, its response and used samples.
        sounds : of each stimulus its features, and its onset in seconds.
        baseline : which of the baseline's bands there are.
        """
        settings, response = self.settings, read.response
        design, times_s = settings.design, response.times_s[read.used]
        names = (*settings.spaces, *source_bands(sounds), *feature_bands(baseline))
        bands = {
            name: encoding.make_band(
                [(features[name], onset_s) for features, onset_s in sounds],
                times_s,
                design.delays_s,
                period_of(response.times_s),
                design.stamp,
            )
            for name in names
        }
        stimuli = tuple(event.stimulus_id for event in read.recording.stimuli)
        return Run(
            label=read.recording.label,
            bands=bands | motion_band(baseline, read),
            Y=encoding.clean(response.values, response.nuisance, read.used, settings.response.standardize),
            times_s=times_s,
            stimuli=tuple(name for event in read.recording.stimuli for name in event.contents),
            words=rows_by_word(settings.projected_spaces, stimuli, sounds, design.stamp),
            nuisance=encoding.nuisance_basis(response.nuisance, read.used),
        )

    def purge_s(self, runs: Sequence[Run], period_s: float) -> float:
        """Longest delay, the reach of resampling, and the responses' autocorrelation length.

        Parameters
        ----------
        runs : of the unit; responses (n_times, n_targets) as cleaned.
        period_s : their sampling period, in seconds.

        Returns
        -------
        Seconds between training and test rows of one run.
        """
        return encoding.purge_length_s(runs, self.settings.design.delays_s, period_s)

    def noise_ceiling(
        self, runs: Sequence[Run], recordings: Sequence[Recording], period_s: float
    ) -> tuple[NoiseCeiling | None, str]:
        """From stimuli that were heard more than once.

        Parameters
        ----------
        runs, recordings : one by one.
        period_s : the responses' sampling period, in seconds.

        Returns
        -------
        The ceiling and what it rests on, in words; or None and why there is none.
        """
        return noise_ceiling_from_repeats(runs, recordings, period_s)

    def summary_design(self, design: Design) -> Design:
        """As it is: targets are responses."""
        return design

    def results(self, partition: Partition, fit: Fit, usable: Array) -> RowResults:
        """As they are: targets are responses, and there is no lag.

        Parameters
        ----------
        partition, fit : of all targets, (n_targets,) each.
        usable : (n_targets,) bool.
        """
        return RowResults(partition, fit, usable)


def period_of(times_s: Array) -> float:
    """Seconds from sample to sample of the response as it is fitted: iEEG may have been resampled."""
    return float(times_s[-1] - times_s[0]) / (len(times_s) - 1)
