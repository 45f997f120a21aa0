"""Encoding models on arrays: alignment, design, ridge in nested folds, partition. No paths, no globals."""

from bids_app.encoding.align import lanczos, make_band, resample, used_samples
from bids_app.encoding.ceiling import Ceiling, between_people, from_repeats, share
from bids_app.encoding.clean import clean
from bids_app.encoding.design import build_design, purge_length_s
from bids_app.encoding.fit import fit
from bids_app.encoding.infer import fit_and_infer
from bids_app.encoding.partition import partition
from bids_app.encoding.wordbands import residual, shared_subspace
from bids_app.encoding.words import over_words

__all__ = [
    "Ceiling",
    "between_people",
    "build_design",
    "clean",
    "fit",
    "fit_and_infer",
    "from_repeats",
    "lanczos",
    "make_band",
    "over_words",
    "partition",
    "purge_length_s",
    "resample",
    "residual",
    "share",
    "shared_subspace",
    "used_samples",
]
