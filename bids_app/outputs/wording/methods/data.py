"""Methods text of what goes into a fit: features and responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bids_app.outputs.wording.inference import OF_MEAN_RESPONSE
from bids_app.outputs.wording.methods.references import cited
from bids_app.outputs.wording.phrases import capitalised, count_of, listed, nouns_of
from bids_app.records import (
    AnalysisProvenance,
    FeatureFacts,
    FeatureProvenance,
    ResponseProvenance,
    UnitSummary,
    entities_of,
)

CONFOUNDS = {
    "motion": "six motion parameters",
    "motion24": f"24 motion parameters (six, their derivatives and the squares of both; {cited('friston1996')})",
    "acompcor": f"anatomical CompCor components ({cited('behzadi2007')})",
    "wmcsf": "white-matter and cerebrospinal-fluid signals",
    "global": "the global signal",
}
REFERENCES = {
    "none": "",
    "average": ", each contact against the mean of all good ones of its type",
    "bipolar": ", each contact against the next one on its shank, strip or grid",
}
WITH_OWN_WORDS = ("model", "layer", "untrained")  # options that `_space` puts into a sentence


def features_methods(analysis: AnalysisProvenance, made: Mapping[str, FeatureProvenance]) -> str:
    """The spaces of the partition and what they are made of; then controls, and spaces that others are made of.

    Parameters
    ----------
    analysis : its spaces and their settings.
    made : space → how its features were made.
    """
    return (
        f"Features. {'; '.join(_space(name, analysis.features[name], made.get(name)) for name in _shown(analysis))}."
    )


def _shown(analysis: AnalysisProvenance) -> tuple[str, ...]:
    """Spaces that went into any fit."""
    between = analysis.subspace.between if analysis.subspace else ()
    sources = [name for settings in analysis.features.values() for name in settings.sources]
    beside = [name for name in analysis.features if name in {*analysis.controls, *between, *sources}]
    return tuple(dict.fromkeys((*analysis.spaces, *beside)))


def _space(name: str, settings: FeatureFacts, made: FeatureProvenance | None) -> str:
    """`speech: a speech model's hidden states of whisper, layer 3 (window_s 30), weights 0123456789ab…`"""
    options = settings.options
    model = f" of {options['model']}" if options.get("model") else ""
    layer = _layer(options["layer"], made) if options.get("layer") is not None else ""
    others = [
        f"{key} {_plain(value)}" for key, value in options.items() if key not in WITH_OWN_WORDS and value is not None
    ]
    shown = f" ({', '.join(others)})" if others else ""
    weights = f", weights {made.weights_sha256[:12]}…" if made and made.weights_sha256 else ""
    seed = options.get("untrained")
    random = "" if seed is None else f", untrained: random weights of seed {seed}"
    trained = ", an untrained stand-in with random weights" if made and made.stand_in else random
    pca = f", reduced to {settings.pca} principal components fitted on training samples" if settings.pca else ""
    return f"{name}: {settings.words}{model}{layer}{shown}{weights}{trained}{pca}"


def _layer(asked: Any, made: FeatureProvenance | None) -> str:
    """One layer, several, or all that the model has."""
    if asked == "all":
        asked = tuple(made.layers) if made else ()
    several = [str(layer) for layer in asked] if isinstance(asked, list | tuple) else [str(asked)]
    if not several:
        return ", all layers"
    return f", layer {several[0]}" if len(several) == 1 else f", layers {listed(several)}"


def responses_methods(summary: UnitSummary) -> str:
    """Targets, recordings, and what was done to their signals."""
    response, targets = summary.provenance.response, summary.targets
    space = "" if targets.space == "n/a" else f" in {targets.space}"
    where = f"{targets.n} {nouns_of(targets.kind)}{space}, {targets.n_usable} of them usable"
    cleaned = _cleaning(response) if summary.modality == "fmri" else _resampling(response)
    scaled = ". Then each target was z-scored within run" if response.spec.standardize == "run" else ""
    mean = "" if "sub" in entities_of(summary.stem) else f" {OF_MEAN_RESPONSE}"
    recordings = count_of(len(summary.recordings), "recording")
    return f"Responses. {where}, from {recordings}. {capitalised(cleaned)}{scaled}.{_residualised(summary)}{mean}"


def _residualised(summary: UnitSummary) -> str:
    """A sentence on what features lost as responses did; empty where they lost nothing."""
    if not summary.provenance.design.residualised:
        return ""
    what = "These regressors, with a constant," if _regressed_out(summary.provenance.response) else "Run means"
    return f" {what} were projected out of the delayed features too, run by run."


def confounds_of(response: ResponseProvenance) -> Sequence[str]:
    """Names of the confounds that were regressed out."""
    return () if response.spec.confounds == "none" else response.spec.confounds.split("+")


def _regressed_out(response: ResponseProvenance) -> list[str]:
    removed = [CONFOUNDS.get(name, name) for name in confounds_of(response)]
    if response.spec.high_pass_s:
        removed.append(f"cosine drifts with periods over {response.spec.high_pass_s:g} s")
    return removed


def _cleaning(response: ResponseProvenance) -> str:
    removed = _regressed_out(response)
    cleaned = f"{listed(removed)} were regressed out within run" if removed else "Nothing was regressed out"
    return cleaned + _censoring(response)


def _censoring(response: ResponseProvenance) -> str:
    """A clause on samples that head motion spoiled; empty where none were looked for."""
    limit_mm, (before, after) = response.spec.censor_fd_mm, response.spec.censor_neighbours
    if limit_mm is None:
        return ""
    beside = f", and {before} before and {after} after each," if before or after else ""
    return (
        f"; samples with a framewise displacement ({cited('power2012')}) above {limit_mm:g} mm{beside} were not used"
    )


def _resampling(response: ResponseProvenance) -> str:
    rate_hz, band_hz = response.spec.rate_hz, response.spec.band_hz
    if not response.computed_high_gamma or band_hz is None:
        return (
            f"High-gamma envelopes were resampled to {rate_hz:g} Hz"
            if rate_hz
            else "High-gamma envelopes kept their rate"
        )
    lines = [f"{hz:g} Hz" for hz in response.notched_hz]
    notched = f", after notches at harmonics of {listed(lines)}" if lines else ""
    against = REFERENCES[response.spec.reference]
    resampled = f" and resampled to {rate_hz:g} Hz" if rate_hz else ""
    of_what = count_of(len(response.computed_high_gamma), "recording")
    return (
        f"High gamma ({band_hz[0]:g}–{band_hz[1]:g} Hz) of {of_what} was computed from voltages{against}: Hilbert "
        f"envelopes of eight bands (zero-phase FIR filters{notched}) were averaged{resampled}"
    )


def _plain(value: Any) -> str:
    """An option's value in a sentence."""
    if isinstance(value, Mapping):
        return " and ".join(f"{key} {_plain(part)}" for key, part in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
