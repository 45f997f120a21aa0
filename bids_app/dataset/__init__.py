"""bids_dir → records. Reads only: nothing is ever written into a data set."""

from bids_app.dataset.checks import stimulus_checks
from bids_app.dataset.confounds import groups_of, motion
from bids_app.dataset.find import find_recordings
from bids_app.dataset.highgamma import computes_high_gamma
from bids_app.dataset.responses import intersect_targets, load_response, load_targets
from bids_app.dataset.stimuli import load_stimulus

__all__ = [
    "computes_high_gamma",
    "find_recordings",
    "groups_of",
    "intersect_targets",
    "load_response",
    "load_stimulus",
    "load_targets",
    "motion",
    "stimulus_checks",
]
