"""From a spec of the analysis to features: the table of kinds, and the one place where families are called."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from bids_app.durations import in_words
from bids_app.errors import DataError, NoInput, ReadWriteError, UsageError, did_you_mean
from bids_app.features import contextual_residual, precomputed
from bids_app.features.acoustic import envelope, melspectrogram, pitch
from bids_app.features.base import pace
from bids_app.features.base.family import Family, Need, Reach, Role
from bids_app.features.base.memory import computes_on_cpu
from bids_app.features.base.needs import CHECKS
from bids_app.features.language import entropy, language_model, surprisal
from bids_app.features.lexical import log_frequency, position, word_embedding, word_length, word_rate
from bids_app.features.lexical.vectors import ENDINGS
from bids_app.features.phonetic import articulatory, phone_rate
from bids_app.features.sidecar import as_stored
from bids_app.features.speech import speech_model
from bids_app.features.transformers.lock import check_lock
from bids_app.features.transformers.models import ModelName, is_at_hand, is_offline, model_of
from bids_app.inputs.opening import BINARY, open_regular
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus

FAMILIES = (
    melspectrogram,
    envelope,
    pitch,
    articulatory,
    phone_rate,
    word_rate,
    word_length,
    log_frequency,
    position,
    word_embedding,
    speech_model,
    language_model,
    contextual_residual,
    surprisal,
    entropy,
    precomputed,
)
KINDS: Mapping[str, Family] = MappingProxyType({module.FAMILY.kind: module.FAMILY for module in FAMILIES})
Digest = Callable[[Path], str]
SHARE_OF_PRODUCTS = 0.7  # of the speed of a large product: what a pass reaches (benchmarks.features)
LONG_S = 600.0  # from when on another way is named


@dataclass(frozen=True)
class ExpectedSeconds:
    """How long features take, and a line that says it, with another way where it is long and there is one."""

    seconds: float
    said: str


def family_of(spec: FeatureSpec) -> Family:
    """The family of a spec's kind.

    Raises
    ------
    UsageError : unknown kind, with the one that may be meant.
    """
    if spec.kind not in KINDS:
        advice = did_you_mean(spec.kind, KINDS) or f"one of {', '.join(KINDS)}"
        raise UsageError(f"unknown kind '{spec.kind}'", f"feature '{spec.name}'", advice)
    return KINDS[spec.kind]


def label_of(kind: str) -> str:
    """What methods texts call features of that kind; the kind itself where it is not known."""
    return KINDS[kind].label if kind in KINDS else kind


def role_of(kind: str) -> Role:
    """What features of that kind stand for; 'other' where it is not known."""
    return KINDS[kind].role if kind in KINDS else "other"


def is_baseline(kind: str) -> bool:
    """Whether the baseline model may be made of features of that kind."""
    return bool(baseline_label(kind))


def baseline_label(kind: str) -> str:
    """What features of that kind are called in the baseline model; empty where it may not be made of them."""
    return KINDS[kind].baseline_label if kind in KINDS else ""


def is_derived(kind: str) -> bool:
    """Whether features of that kind are made of other spaces in training folds, not of a stimulus."""
    return kind in KINDS and KINDS[kind].is_derived


def reach_of(spec: FeatureSpec) -> Reach | None:
    """How far the context of a resolved spec's rows reaches back; None where there is none, or it is not known.

    Raises UsageError for an unknown kind.
    """
    return family_of(spec).reach(spec.options)


def resolve(spec: FeatureSpec) -> FeatureSpec:
    """A spec with all options filled in and of their types; resolving twice changes nothing.

    Parameters
    ----------
    spec : as the analysis has it.

    Raises
    ------
    UsageError : unknown kind or option, a value of the wrong type, options that contradict each other.
    """
    return family_of(spec).check_options(spec)


def needs(spec: FeatureSpec) -> frozenset[Need]:
    """What a stimulus must have for it: any of 'audio', 'words', 'phones', 'pronunciation'. Raises UsageError."""
    return family_of(spec).needs


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """Features of one stimulus, with full provenance.

    Parameters
    ----------
    stimulus : with the audio, words or phones that the kind needs.
    spec : kind and options, resolved or not.
    source : where models are, and the device that they run on.

    Returns
    -------
    values (n_times, n_dims) float32 at ascending times, in seconds of the stimulus.

    Raises
    ------
    UsageError : wrong options.
    DataError : the stimulus lacks what the kind needs, or its content is wrong.
    NoInput : a model that is not there, or not as safetensors.
    """
    return extract_with(stimulus, resolve(spec), source, sha256_of)


def extract_with(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource, digest: Digest) -> Features:
    """`extract` of a resolved spec.

    Parameters
    ----------
    stimulus, spec, source : see `extract`.
    digest : path → SHA-256 of the file's bytes.
    """
    check_needs(stimulus, spec)
    hashes = file_hashes(stimulus, spec, source, digest)
    if "model" in spec.options:
        check_lock(spec.options["model"], source, hashes)
    features = family_of(spec).extract(stimulus, spec, source)
    _check(features, stimulus)
    provenance = replace(
        features.provenance,
        options=dict(spec.options),
        version=family_of(spec).version,
        files=hashes,
        weights_sha256=weights_hash(hashes),
    )
    return replace(features, provenance=as_stored(provenance))


def check_needs(stimulus: Stimulus, spec: FeatureSpec) -> None:
    """Check that a stimulus has what a kind needs.

    Parameters
    ----------
    stimulus : with its audio, words and phones.
    spec : resolved.

    Raises
    ------
    DataError : names the stimulus and what it lacks.
    """
    for need in sorted(needs(spec)):
        CHECKS[need](stimulus)
    family_of(spec).check_stimulus(stimulus, spec)


def model_named(spec: FeatureSpec) -> ModelName | None:
    """The model of a resolved spec; None where it has none, or a file of vectors."""
    has_model = "model" in spec.options and not str(spec.options["model"]).endswith(ENDINGS)
    return model_of(spec) if has_model else None


def check_model(spec: FeatureSpec, source: ModelSource) -> str:
    """Check that a spec can be had of its model, by what is known before weights are loaded; without the network.

    Parameters
    ----------
    spec : resolved.
    source : where models are.

    Returns
    -------
    Why it could not be checked; empty where it was.

    Raises
    ------
    UsageError : the model is of another kind, or lacks what is asked.
    NoInput : its files are not all there, or do not fit each other.
    """
    model = model_named(spec)
    if model is not None and not is_offline(source) and not is_at_hand(model, source):
        return f"the model '{model.name}' is not here: it would be downloaded, and cannot be checked before"
    try:
        family_of(spec).check_model(spec, replace(source, offline=True))
    except NoInput:
        own = source.model_dir is not None and model is not None and (source.model_dir / model.name).exists()
        if model is None or own or is_offline(source):
            raise
        return f"the model '{model.name}' is not whole in the cache: what is absent would be downloaded"
    return ""


def expected_seconds(
    spec: FeatureSpec, source: ModelSource, durations_s: Sequence[float], threads: int | None
) -> ExpectedSeconds | None:
    """How long a spec that `check_model` lets pass takes to compute on this machine's CPU.

    Parameters
    ----------
    spec : resolved.
    source : where models are, and the device; nothing is said of another than a CPU.
    durations_s : seconds of each stimulus.
    threads : of torch; None: as many as it takes by itself.

    Returns
    -------
    None where the time is not known.
    """
    work = family_of(spec).workload(spec, replace(source, offline=True), durations_s)
    if work is None or not computes_on_cpu(source.device):
        return None
    a_second = SHARE_OF_PRODUCTS * pace.speed(threads)
    seconds = work.operations / a_second
    said = f"feature '{spec.name}': about {in_words(seconds)} to compute {in_words(sum(durations_s))} of {work.of}"
    if seconds >= LONG_S and work.quicker is not None:
        how, fewer = work.quicker
        said += f"; with '{how}' about {in_words(fewer / a_second)}, approximately (docs/features.md)"
    return ExpectedSeconds(seconds, said)


def file_hashes(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource, digest: Digest) -> dict[str, str]:
    """The files that decide the values beside stimulus and options.

    Parameters
    ----------
    stimulus, spec, source : see `extract`.
    digest : path → SHA-256 of the file's bytes.

    Returns
    -------
    File name → SHA-256.
    """
    return {path.name: digest(path) for path in family_of(spec).files(stimulus, spec, source)}


def weights_hash(hashes: Mapping[str, str]) -> str | None:
    """One name for a model's weights: the file's SHA-256, or that of the parts' SHA-256s in order of their names."""
    parts = [hashes[name] for name in sorted(hashes) if name.endswith(".safetensors")]
    if len(parts) < 2:
        return parts[0] if parts else None
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hex digits. Raises ReadWriteError."""
    try:
        with open_regular(path, BINARY) as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ReadWriteError("cannot read", path, error.strerror or "") from None
    except DataError as error:
        raise ReadWriteError("cannot read", path, error.what) from None


def _check(features: Features, stimulus: Stimulus) -> None:
    """Numbers that a fit can use, at ascending times. Raises DataError."""
    where = f"feature '{features.name}' of {stimulus.stimulus_id}"
    columns: dict[str, Any] = {"values": features.values, "times": features.times_s, "onsets": features.onsets_s}
    for name, column in columns.items():
        if column is not None and not np.isfinite(column).all():
            raise DataError(f"{name} with NaN or infinity", where)
    if not features.values.size:
        raise DataError("no rows", where)
    if (np.diff(features.times_s) < 0).any():
        raise DataError("times that do not ascend", where)
