"""What is known of a recording before its responses are read: small enough to be kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bids_app.records.inputs.alignment import Alignment
from bids_app.records.inputs.stimuli import Stimulus, StimulusEvent


@dataclass(frozen=True)
class StimulusFacts:
    """A stimulus without what it holds.

    Parameters
    ----------
    stimulus_id, label, path, sha256, duration_s : as of `Stimulus`.
    lacking : space of the baseline that it does not allow → the reason.
    """

    stimulus_id: str
    label: str
    path: str
    sha256: str
    duration_s: float
    lacking: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, stimulus: Stimulus, lacking: dict[str, str]) -> StimulusFacts:
        """Those of a stimulus.

        Parameters
        ----------
        stimulus : as it was read.
        lacking : space of the baseline → why the stimulus does not allow it.
        """
        own = stimulus.stimulus_id, stimulus.label, str(stimulus.path), stimulus.sha256, stimulus.duration_s
        return cls(*own, tuple(lacking.items()))

    @property
    def bare(self) -> Stimulus:
        """A stimulus without sound, words and phones: enough to look for its features."""
        return Stimulus(
            stimulus_id=self.stimulus_id,
            label=self.label,
            path=Path(self.path),
            audio=None,
            rate_hz=None,
            duration_s=self.duration_s,
            words=None,
            phones=None,
            sha256=self.sha256,
        )


@dataclass(frozen=True)
class RecordingAccount:
    """How a recording's times agree; what is heard when, where its audio channel puts it if that was asked for, and
    the stimulus of each playing; how many targets it has, and how many of them vary (None: not counted)."""

    alignment: Alignment
    playings: tuple[StimulusEvent, ...]
    stimuli: tuple[StimulusFacts, ...]
    n_targets: int | None = None
    n_varying: int | None = None
