"""Encoding models on arrays: alignment, design, ridge in nested folds, partition. No paths, no globals."""

from bids_app.encoding.comparisons.averages import RELIABLE, Averaged, Averages, AveragingPlan
from bids_app.encoding.comparisons.controls import ControlsQuestion, fit_controls, with_time
from bids_app.encoding.comparisons.layers import choose_layers, layered, score_layers
from bids_app.encoding.comparisons.model_pair import SubspaceSplit, model_pair_statistics, singles
from bids_app.encoding.comparisons.noise_ceiling import (
    NoiseCeiling,
    inter_subject_noise_ceiling,
    noise_ceiling_of_trials,
    share,
)
from bids_app.encoding.comparisons.paired import PairedDifference, paired_difference
from bids_app.encoding.comparisons.published import fit_published, published_design
from bids_app.encoding.comparisons.responsive import after_silence, responsive, speech_less_silence
from bids_app.encoding.design.align import lanczos, make_band, resample, used_samples
from bids_app.encoding.design.build import build_design, epoch_purge_s, purge_length_s, splits_runs
from bids_app.encoding.design.clean import clean, mean_basis, nuisance_basis
from bids_app.encoding.design.epochs import (
    covered,
    epochs_inside_recording,
    local_word_counts,
    place_epochs,
    reindex_epochs,
    within_words,
)
from bids_app.encoding.design.folds import reaching_back
from bids_app.encoding.design.nuisance import nuisance_warnings
from bids_app.encoding.design.words import over_words
from bids_app.encoding.errors import CannotFit
from bids_app.encoding.inference.blocks import Blocks
from bids_app.encoding.inference.fit_and_infer import InferencePlan, TestedQuestion, data_blocks, fit_and_infer
from bids_app.encoding.kept.models import Keeping, KeptModels
from bids_app.encoding.kept.weight_components import weight_components
from bids_app.encoding.partition.additions import Additions
from bids_app.encoding.partition.components import partition
from bids_app.encoding.partition.edge_of_grid import edge_of_grid_warnings
from bids_app.encoding.partition.shapley import disagreements
from bids_app.encoding.partition.small_sample_bias import small_sample_bias_warnings
from bids_app.encoding.ridge.fit import fit, fit_all, fit_share, unions_of
from bids_app.encoding.ridge.fitted import ObserverGroup
from bids_app.encoding.ridge.options import FitContext, FitOptions, Question, Share, with_backoff
from bids_app.encoding.subspace.word_bands import residual, shared_subspace

__all__ = [
    "RELIABLE",
    "Additions",
    "Averaged",
    "Averages",
    "AveragingPlan",
    "Blocks",
    "CannotFit",
    "ControlsQuestion",
    "FitContext",
    "FitOptions",
    "InferencePlan",
    "Keeping",
    "KeptModels",
    "NoiseCeiling",
    "ObserverGroup",
    "PairedDifference",
    "Question",
    "Share",
    "SubspaceSplit",
    "TestedQuestion",
    "after_silence",
    "build_design",
    "choose_layers",
    "clean",
    "covered",
    "data_blocks",
    "disagreements",
    "edge_of_grid_warnings",
    "epoch_purge_s",
    "epochs_inside_recording",
    "fit",
    "fit_all",
    "fit_and_infer",
    "fit_controls",
    "fit_published",
    "fit_share",
    "inter_subject_noise_ceiling",
    "lanczos",
    "layered",
    "local_word_counts",
    "make_band",
    "mean_basis",
    "model_pair_statistics",
    "noise_ceiling_of_trials",
    "nuisance_basis",
    "nuisance_warnings",
    "over_words",
    "paired_difference",
    "partition",
    "place_epochs",
    "published_design",
    "purge_length_s",
    "reaching_back",
    "reindex_epochs",
    "resample",
    "residual",
    "responsive",
    "score_layers",
    "share",
    "shared_subspace",
    "singles",
    "small_sample_bias_warnings",
    "speech_less_silence",
    "splits_runs",
    "unions_of",
    "used_samples",
    "weight_components",
    "with_backoff",
    "with_time",
    "within_words",
]
