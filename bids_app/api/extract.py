"""Features of a sound or transcript of one's own, by the families of the program."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bids_app import features
from bids_app.dataset.files.intervals import Annotation
from bids_app.dataset.stimuli.beside import BESIDE
from bids_app.dataset.stimuli.events import AUDIO
from bids_app.dataset.stimuli.load import joiner_of, stimulus_label, table_bytes
from bids_app.dataset.stimuli.sound import read_audio
from bids_app.dataset.stimuli.word_clock import WordClock
from bids_app.errors import UsageError
from bids_app.features.registry import sha256_of
from bids_app.inputs.homes import named
from bids_app.inputs.opening import SOUND, TRANSCRIPT, check_input
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus

WHERE = "concord.extract"
BASE = ("kind", "name", "pca")  # keys of a spec that are no options of the kind


def extract(
    stimulus: str | Path | Stimulus,
    spec: str | Mapping[str, Any] | FeatureSpec,
    *,
    words: str | Path | None = None,
    language: str | None = None,
    model_dir: str | Path | None = None,
    offline: bool = True,
    device: str = "cpu",
) -> Features:
    """Features of a stimulus, as `concord` computes them.

    Parameters
    ----------
    stimulus : a sound (wav, flac, ogg, mp3), or a transcript with times (TextGrid, tsv, csv, json, ctm); or a
        `Stimulus` record.
    spec : a kind (`"melspectrogram"`), or a mapping as it stands under a feature in an analysis file
        (`{"kind": "speech_model", "model": "facebook/wav2vec2-base-960h", "layer": 7}`); docs/features.md has the
        kinds and their options. `name` names the features; otherwise they have the name of the kind.
    words : the transcript of a sound, with times in seconds of the sound; None: a file beside it of the same name.
    language : of the words, ISO 639-1; None: not known.
    model_dir : where weights lie, under the name that the spec gives.
    offline : whether the network is left alone; False lets weights be downloaded.
    device : `cpu` or `cuda`, where models run.

    Returns
    -------
    Features : `values` (n_times, n_dims) float32 in the unit of the kind; `times_s` (n_times,), the second of the
        stimulus at which each row is available, ascending; `sampling` (`continuous`, or `events`: a row a word or
        phone, with `onsets_s`); and `provenance`.

    Raises
    ------
    UsageError : the spec is wrong, or the stimulus is neither a sound nor a transcript.
    DataError : a file is not there or wrong, or has not what the kind needs.
    NoInput : a model is not there.

    Examples
    --------
    >>> import bids_app as concord
    >>> mel = concord.extract("story.wav", {"kind": "melspectrogram", "n_mels": 40})  # doctest: +SKIP
    >>> mel.values.shape, mel.times_s[:2]  # doctest: +SKIP
    """
    source = ModelSource(None if model_dir is None else Path(model_dir), offline, device)
    resolved = features.resolve(_spec(spec))
    if isinstance(stimulus, Stimulus):
        return features.extract(stimulus, resolved, source)
    sound, transcript = _files(Path(stimulus), None if words is None else Path(words))
    # what the caller names may be a link to wherever its file lies
    with named(path.resolve().parent for path in (sound, transcript) if path is not None):
        return features.extract(_stimulus(sound, transcript, language), resolved, source)


def _spec(given: str | Mapping[str, Any] | FeatureSpec) -> FeatureSpec:
    if isinstance(given, FeatureSpec):
        return given
    spec = {"kind": given} if isinstance(given, str) else dict(given)
    if not isinstance(spec.get("kind"), str):
        raise UsageError("the spec has no kind", WHERE, f"give one of {', '.join(features.KINDS)}")
    if spec.get("pca") is not None:
        raise UsageError("`pca` is fitted with a model, on training samples", WHERE, "leave it out here")
    options = {key: value for key, value in spec.items() if key not in BASE}
    return FeatureSpec(str(spec.get("name", spec["kind"])), spec["kind"], options, base_dir=Path.cwd())


def _files(path: Path, words: Path | None) -> tuple[Path | None, Path | None]:
    """The sound and the transcript. Raises UsageError and DataError."""
    suffix = path.suffix.lower()
    if suffix in AUDIO:
        beside = (path.parent / f"{path.stem}{ending}" for ending in BESIDE)
        return path, words or next((one for one in beside if one.is_file()), None)
    if suffix not in {Path(f"x{ending}").suffix.lower() for ending in BESIDE}:
        kinds = ", ".join((*AUDIO, ".TextGrid", ".tsv", ".csv", ".json", ".ctm"))
        raise UsageError("neither a sound nor a transcript", path, f"known are {kinds}")
    if words is not None:
        raise UsageError("two transcripts", path, "give the sound first, and its `words`")
    return None, path


def _stimulus(sound: Path | None, transcript: Path | None, language: str | None) -> Stimulus:
    """Sound and times as the families see them. Raises DataError."""
    audio, digest = None, hashlib.sha256()
    if sound is not None:
        check_input(sound, SOUND)
        audio = read_audio(sound, None)
        digest.update(sha256_of(sound).encode())
    file_s = None if audio is None else len(audio.samples) / audio.rate_hz
    path = sound or transcript or Path()
    annotation = Annotation()
    if transcript is not None:
        check_input(transcript, TRANSCRIPT)
        annotation = WordClock(file_s).of(transcript, path.stem)
    for table in (annotation.words, annotation.phones):
        digest.update(table_bytes(table))
    return Stimulus(
        stimulus_id=path.name,
        label=stimulus_label(path, path.name),
        path=path,
        audio=None if audio is None else audio.samples,
        rate_hz=None if audio is None else audio.rate_hz,
        duration_s=(annotation.end_s or 0.0) if file_s is None else file_s,
        words=annotation.words,
        phones=annotation.phones,
        sha256=digest.hexdigest(),
        joiner=joiner_of(None, language),
        language=language,
        file_s=file_s,
        notes=(*annotation.notes, *(() if audio is None else audio.notes)),
    )
