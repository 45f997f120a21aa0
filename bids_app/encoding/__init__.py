"""Encoding models on arrays: alignment, design, ridge in nested folds, partition. No paths, no globals."""

from bids_app.encoding.align import lanczos, make_band, resample, used_samples
from bids_app.encoding.backoff import with_backoff
from bids_app.encoding.ceiling import Ceiling, between_people, from_repeats, share
from bids_app.encoding.clean import clean
from bids_app.encoding.design import build_design, epoch_purge_s, purge_length_s
from bids_app.encoding.epochs import covered, on_kept, place_epochs, whole, within_words
from bids_app.encoding.fit import fit
from bids_app.encoding.infer import fit_and_infer
from bids_app.encoding.partition import partition
from bids_app.encoding.responsive import after_silence, responsive, speech_less_silence
from bids_app.encoding.shortfall import shortfall
from bids_app.encoding.wordbands import residual, shared_subspace
from bids_app.encoding.words import over_words

__all__ = [
    "Ceiling",
    "after_silence",
    "between_people",
    "build_design",
    "clean",
    "covered",
    "epoch_purge_s",
    "fit",
    "fit_and_infer",
    "from_repeats",
    "lanczos",
    "make_band",
    "on_kept",
    "over_words",
    "partition",
    "place_epochs",
    "purge_length_s",
    "resample",
    "residual",
    "responsive",
    "share",
    "shared_subspace",
    "shortfall",
    "speech_less_silence",
    "used_samples",
    "whole",
    "with_backoff",
    "within_words",
]
