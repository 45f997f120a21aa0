"""The rows of a design: samples of continuous time, or words. Chosen once, by the analysis's design."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from bids_app.encoding import NoiseCeiling
from bids_app.pipeline.job.job import Job
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.pipeline.runs.continuous_rows import ContinuousRows
from bids_app.pipeline.runs.load_settings import LoadSettings, ReadRecording, Sounds, load_settings
from bids_app.pipeline.runs.windows import RowResults
from bids_app.pipeline.runs.word_rows import WordEpochRows
from bids_app.records import Array, BaselineModel, Design, Fit, Modality, Partition, Recording, Response, Run


class Rows(Protocol):
    """What a row of the design is, and what follows from it."""

    @property
    def settings(self) -> LoadSettings:
        """What rows are made of."""

    @property
    def n_windows(self) -> int:
        """Targets that are made of one response: its windows around a word's onset, else 1."""

    def used_samples(self, recording: Recording, response: Response) -> Array:
        """Samples of the response that rows are made of.

        Parameters
        ----------
        recording, response : which, and its values as read.

        Returns
        -------
        (n_times,) bool.

        Raises
        ------
        DataError : where there is none.
        """

    def count(self, read: ReadRecording) -> int:
        """How many rows the recording has, used or not."""

    def make_run(self, read: ReadRecording, sounds: Sounds, baseline: BaselineModel) -> Run:
        """The recording's used rows: features beside cleaned responses.

        Parameters
        ----------
        read : the recording, its response and used samples.
        sounds : of each stimulus its features, and its onset in seconds.
        baseline : which of the baseline's bands there are.

        Raises
        ------
        DataError : where no row is left.
        """

    def purge_s(self, runs: Sequence[Run], period_s: float) -> float:
        """Seconds between training and test rows of one run.

        Parameters
        ----------
        runs : of the unit; responses (n_times, n_targets) as cleaned.
        period_s : their sampling period, in seconds.
        """

    def noise_ceiling(
        self, runs: Sequence[Run], recordings: Sequence[Recording], period_s: float
    ) -> tuple[NoiseCeiling | None, str]:
        """The noise ceiling of a unit's targets.

        Parameters
        ----------
        runs, recordings : one by one.
        period_s : the responses' sampling period, in seconds.

        Returns
        -------
        The ceiling and what it rests on, in words; or None and why there is none.
        """

    def summary_design(self, design: Design) -> Design:
        """The design whose targets are each response's own value."""

    def results(self, partition: Partition, fit: Fit, usable: Array) -> RowResults:
        """Results of all targets as each response's own, and by lag where there are lags.

        Parameters
        ----------
        partition, fit : of all targets, (n_targets,) each.
        usable : (n_targets,) bool.
        """


def choose_rows(job: Job, library: StimulusLibrary, modality: Modality) -> Rows:
    """Words where the design of a modality has windows around their onsets, else samples of continuous time.

    Parameters
    ----------
    job : what the run was asked for.
    library : stimuli and their features.
    modality : whose responses.
    """
    settings = load_settings(job, library, modality)
    epoch = settings.design.epoch
    return ContinuousRows(settings) if epoch is None else WordEpochRows(settings, epoch)
