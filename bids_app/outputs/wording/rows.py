"""What one row of a fit is, in words: a sample of continuous time, or a word. Chosen once, by `rows_of`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bids_app.outputs.wording.methods.references import cited
from bids_app.outputs.wording.phrases import count_of
from bids_app.records import DesignProvenance, EpochSpec, Provenance

FAMILY = "Family-wise p and q are over all electrodes, lags and the electrodes' own windows together."


class Rows(Protocol):
    """Sentences that depend on what a row is."""

    @property
    def own_value(self) -> str:
        """What a target's own value is; empty where that needs no word."""

    @property
    def lag_table(self) -> str:
        """What a row of the table of electrodes and lags is."""

    @property
    def layer_window(self) -> str:
        """What layers were scored on; empty where that is as everywhere."""

    def samples(self, provenance: Provenance) -> str:
        """Which samples a score rests on."""

    def design(self, provenance: Provenance) -> str:
        """The methods' paragraph on the design."""


@dataclass(frozen=True)
class ContinuousRows:
    """Rows are samples of the responses.

    Parameters
    ----------
    made : how the design was made.
    """

    made: DesignProvenance
    own_value: str = ""
    lag_table: str = "One row an electrode and lag: the size of the full model's weights."
    layer_window: str = ""

    def samples(self, provenance: Provenance) -> str:
        """Which samples a score rests on."""
        used, total, recordings = _counted(provenance)
        skip_s = self.made.spec.skip_onset_s
        early = f"the first {skip_s:g} s after the first word or sound of stimuli over 60 s, " if skip_s else ""
        return (
            f"{used} of the {total} samples of {recordings} are used, each tested once. Left out are {early}samples "
            "without stimulus and samples marked bad or non-steady-state."
        )

    def design(self, provenance: Provenance) -> str:
        """Delays, and how features were brought to the responses' times."""
        delays = [f"{delay:g}" for delay in self.made.spec.delays_s]
        span = ", ".join(delays) if len(delays) <= 8 else f"{delays[0]} to {delays[-1]} ({len(delays)} delays)"
        return (
            "Design. Features were brought to the responses' sample times with Lanczos kernels of three lobes "
            f"({cited('huth2016')}). Words and phones are impulses at their {self.made.spec.stamp}. Continuous "
            f"features stand at the instant each "
            f"is available. All were delayed within run by {span} s. {self.samples(provenance)}"
        )


@dataclass(frozen=True)
class WordRows:
    """Rows are words.

    Parameters
    ----------
    made : how the design was made.
    epoch : the windows of the responses around a word's onset.
    """

    made: DesignProvenance
    epoch: EpochSpec
    layer_window: str = " Targets were the electrodes' own windows here, without lags."

    @property
    def own_value(self) -> str:
        """The window whose mean is an electrode's own value."""
        first_s, last_s = self.epoch.summary_s
        return (
            f"The response is its mean from {first_s:g} to {last_s:g} s after each word's onset, predicted as a "
            f"target of its own. For each lag, see desc-lags. {FAMILY}"
        )

    @property
    def lag_table(self) -> str:
        """Scores by lag, and how to read them."""
        width_s = self.epoch.window_s
        response = f"its mean over {width_s:g} s around" if width_s else "its sample nearest to"
        return (
            "One row an electrode and lag, with held-out scores of models that have one row a word. The response is "
            f"{response} the word's onset + lag_s. A score says what a word's features predict of the response then. "
            "Neighbouring lags share samples, and the features of neighbouring words are correlated, so scores "
            f"spread over lags: do not read their width as the time that a word takes. {FAMILY}"
        )

    def samples(self, provenance: Provenance) -> str:
        """Which words a score rests on."""
        used, total, recordings = _counted(provenance)
        first_s, last_s = self.epoch.span_s
        skip_s = self.made.spec.skip_onset_s
        early = f", or the first {skip_s:g} s of stimuli over 60 s" if skip_s else ""
        return (
            f"{used} of the {total} words of {recordings} are used, each tested once. Left out are words whose epoch "
            f"({first_s:g} to {last_s:g} s from the onset) leaves the recording or touches samples marked "
            f"bad{early}, and words for which a feature space has no value."
        )

    def design(self, provenance: Provenance) -> str:
        """Epochs of responses, and features within words."""
        lags_s, width_s = self.epoch.lags_s, self.epoch.window_s
        first_s, last_s = self.epoch.summary_s
        response = f"mean over {width_s:g} s around" if width_s else "sample nearest to"
        return (
            f"Design. One row a word. The response is each electrode's {response} the word's onset + lag, for "
            f"{count_of(len(lags_s), 'lag')} from {lags_s[0]:g} to {lags_s[-1]:g} s. Each electrode at each lag is a "
            f"target. The electrode's own value is of its mean from {first_s:g} to {last_s:g} s after the onset. "
            "Features are a word's own row, or the sum over its phones, or the mean of the frames that end in it "
            "(the nearest frame where none does). Signals were standardised over the samples of the words' epochs. "
            f"{self.samples(provenance)}"
        )


def rows_of(made: DesignProvenance) -> Rows:
    """The strategy for a unit's rows."""
    return ContinuousRows(made) if made.epoch is None else WordRows(made, made.epoch)


def _counted(provenance: Provenance) -> tuple[int, int, str]:
    """Used, total, `2 recordings`."""
    used, total = (sum(counts) for counts in zip(*provenance.samples.values(), strict=True))
    return used, total, count_of(len(provenance.samples), "recording")
