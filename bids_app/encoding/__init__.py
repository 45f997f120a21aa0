"""Encoding models on arrays: alignment, design, ridge in nested folds, partition. No paths, no globals."""

from bids_app.encoding.align import lanczos, make_band, resample, used_samples
from bids_app.encoding.averages import RELIABLE, Averages
from bids_app.encoding.backoff import with_backoff
from bids_app.encoding.beside import fit_beside, splits_runs, with_time
from bids_app.encoding.blocks import Blocks
from bids_app.encoding.ceiling import Ceiling, between_people, from_repeats, share
from bids_app.encoding.clean import clean
from bids_app.encoding.design import build_design, epoch_purge_s, purge_length_s
from bids_app.encoding.epochs import covered, neighbours, on_kept, place_epochs, whole, within_words
from bids_app.encoding.findings import Averaged, averaged, findings, singles
from bids_app.encoding.fit import fit, unions_of
from bids_app.encoding.folds import reaching_back
from bids_app.encoding.infer import data_blocks, fit_and_infer
from bids_app.encoding.layers import choose_layers, layered, score_layers
from bids_app.encoding.partition import partition
from bids_app.encoding.published import fit_published, published_design
from bids_app.encoding.responsive import after_silence, responsive, speech_less_silence
from bids_app.encoding.shapley import disagreements
from bids_app.encoding.shortfall import shortfall
from bids_app.encoding.wordbands import residual, shared_subspace
from bids_app.encoding.words import over_words

__all__ = [
    "RELIABLE",
    "Averaged",
    "Averages",
    "Blocks",
    "Ceiling",
    "after_silence",
    "averaged",
    "between_people",
    "build_design",
    "choose_layers",
    "clean",
    "covered",
    "data_blocks",
    "disagreements",
    "epoch_purge_s",
    "findings",
    "fit",
    "fit_and_infer",
    "fit_beside",
    "fit_published",
    "from_repeats",
    "lanczos",
    "layered",
    "make_band",
    "neighbours",
    "on_kept",
    "over_words",
    "partition",
    "place_epochs",
    "published_design",
    "purge_length_s",
    "reaching_back",
    "resample",
    "residual",
    "responsive",
    "score_layers",
    "share",
    "shared_subspace",
    "shortfall",
    "singles",
    "speech_less_silence",
    "splits_runs",
    "unions_of",
    "used_samples",
    "whole",
    "with_backoff",
    "with_time",
    "within_words",
]
