"""What loading a unit's runs asks for, and a recording as it is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bids_app.pipeline.job.job import Job
from bids_app.pipeline.job.stimulus_library import StimulusLibrary
from bids_app.records import Array, DesignSpec, Features, Modality, Recording, Response, ResponseSpec

Sounds = Sequence[tuple[Mapping[str, Features], float]]  # of each stimulus: its features, and its onset in seconds
LONG_STIMULUS_S = 60.0  # only stimuli longer than this lose their first seconds (DESIGN 6, Folds)


@dataclass(frozen=True)
class LoadSettings:
    """Of one modality.

    Parameters
    ----------
    modality : whose responses.
    design, response : delays or windows, samples used; how responses are read and cleaned.
    spaces : feature spaces that are made of stimuli.
    projected_spaces : those whose rows by word are projected.
    baseline_spaces : spaces of the baseline model, where they can be had.
    library : stimuli and their features.
    """

    modality: Modality
    design: DesignSpec
    response: ResponseSpec
    spaces: tuple[str, ...]
    projected_spaces: tuple[str, ...]
    baseline_spaces: tuple[str, ...]
    library: StimulusLibrary


def load_settings(job: Job, library: StimulusLibrary, modality: Modality) -> LoadSettings:
    """What the analysis says of one modality.

    Parameters
    ----------
    job : what the run was asked for.
    library : stimuli and their features.
    modality : whose responses.
    """
    analysis = job.analysis
    return LoadSettings(
        modality,
        analysis.design_spec(modality),
        analysis.response_spec(modality),
        tuple(job.specs),
        analysis.projected_spaces,
        analysis.baseline_spaces,
        library,
    )


@dataclass(frozen=True)
class ReadRecording:
    """A recording, its response as read, and which of its samples are used: (n_times,) bool."""

    recording: Recording
    response: Response
    used: Array
