"""From which error of time a recording is warned of, and from which refused. docs/alignment.md has what each costs.

fMRI. The answer to a word lasts some 6 s, and delays of 2 to 8 s let a model fit one that comes early or late by a
second. Simulated, a drift of a tenth of a TR (.25 s at least) over a recording costs 2 % of the explained variance or
less: it is told. One of half a TR (1 s at least) costs 3 %, four times as much a third: from there on the number is
not the one that was asked for, and the recording is refused.

iEEG. High gamma follows a sound by tens of milliseconds. 20 ms are two samples at 100 Hz and the jitter of a good
trigger: as a drift they cost under 1 % of a TRF and 5 % at one lag of words. A drift of one analysis window (100 ms)
costs 15 % and 63 %: the window at a lag then holds other words.
"""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.records import Modality, Severity

FMRI_WARN_S, FMRI_WARN_TR = 0.25, 0.1
FMRI_REFUSE_S, FMRI_REFUSE_TR = 1.0, 0.5
IEEG_WARN_S = 0.02
WINDOW_S = 0.1  # the analysis window of iEEG where none is given: the default of `design.ieeg.window_s`
MARKER_S = 1.0  # a single marker of iEEG may be this far off (0.67 s in ds003688) and is told; further off is refused
MOST_SPEED = 0.05  # by which players differ, and that `playing_clock: stretch_to_event` corrects
STANDARD_ERRORS = 3.0  # of a slope, within which it is noise
LEAST_EVENTS = 3  # that a slope rests on
LEAST_TR_S, MOST_TR_S = 0.05, 60.0  # between which a sampling interval of fMRI makes sense
LEAST_HEARD = 0.95  # of a stimulus within the recording
WORDS_A_SECOND = (0.02, 12.0)  # a transcript with fewer or more is in another unit; speech has 2 to 5
LEAST_WORDS = 20  # for that to be judged
LATE_WORDS = 0.01  # share of words that may begin after the sound ended, by rounding or a stray label


@dataclass(frozen=True)
class Limits:
    """Seconds of error from which a recording is warned of and refused.

    Parameters
    ----------
    warn_s, refuse_s : seconds.
    modality : of the recording.
    """

    warn_s: float
    refuse_s: float
    modality: Modality = "fmri"

    def severity(self, error_s: float, precision_s: float = 0.0) -> Severity:
        """'fine', 'warning' or 'refusal' of an error, less what the precision of its numbers allows.

        Parameters
        ----------
        error_s : seconds, of either sign.
        precision_s : by how much the numbers behind it may be rounded, in seconds.
        """
        left = abs(error_s) - precision_s
        return "refusal" if left > self.refuse_s else "warning" if left > self.warn_s else "fine"


def limits(modality: Modality, interval_s: float, window_s: float | None = None) -> Limits:
    """What holds for the error of a clock over a whole recording.

    Parameters
    ----------
    modality : fMRI or a recording of electrodes.
    interval_s : from sample to sample.
    window_s : iEEG: length of the analysis window; None: `WINDOW_S`.
    """
    if modality == "fmri":
        return Limits(max(FMRI_WARN_TR * interval_s, FMRI_WARN_S), max(FMRI_REFUSE_TR * interval_s, FMRI_REFUSE_S))
    return Limits(IEEG_WARN_S, max(WINDOW_S if window_s is None else window_s, IEEG_WARN_S), modality)
