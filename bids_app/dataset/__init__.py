"""bids_dir → records. Reads only: nothing is ever written into a data set."""

from bids_app.dataset.alignment.align import align
from bids_app.dataset.alignment.audio_channel import place_by_audio
from bids_app.dataset.alignment.thresholds import limits
from bids_app.dataset.atlases.find import find_atlas, local_folders
from bids_app.dataset.atlases.names import table_of
from bids_app.dataset.atlases.read import read_atlas, read_mask
from bids_app.dataset.confounds.columns import groups_of
from bids_app.dataset.confounds.nuisance import motion
from bids_app.dataset.discovery.find import find_recordings
from bids_app.dataset.electrodes.high_gamma import computes_high_gamma
from bids_app.dataset.electrodes.mains import notch_hz
from bids_app.dataset.responses.common import intersect_targets, lost_to_others, targets_of_most, varying
from bids_app.dataset.responses.companions import with_companions
from bids_app.dataset.responses.load import (
    count_targets,
    count_varying,
    load_response,
    load_targets,
    require_whole,
)
from bids_app.dataset.stimuli.load import load_stimulus
from bids_app.dataset.stimuli.sound import read_excerpts

__all__ = [
    "align",
    "computes_high_gamma",
    "count_targets",
    "count_varying",
    "find_atlas",
    "find_recordings",
    "groups_of",
    "intersect_targets",
    "limits",
    "load_response",
    "load_stimulus",
    "load_targets",
    "local_folders",
    "lost_to_others",
    "motion",
    "notch_hz",
    "place_by_audio",
    "read_atlas",
    "read_excerpts",
    "read_mask",
    "require_whole",
    "table_of",
    "targets_of_most",
    "varying",
    "with_companions",
]
