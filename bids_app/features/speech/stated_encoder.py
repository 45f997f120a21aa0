"""A speech encoder by its files: which way it takes audio, and how many blocks it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bids_app.errors import NoInput, UsageError
from bids_app.features.speech.speech_encoder import KNOWN
from bids_app.features.stated.library import table
from bids_app.features.stated.model import StatedModel, stated_model
from bids_app.features.transformers.models import model_of, settings_of
from bids_app.records import FeatureSpec, ModelSource

Way = Literal["waveform", "pairs of frames", "padded"]
EXTRACTORS: Mapping[str, Way] = {
    "Wav2Vec2FeatureExtractor": "waveform",
    "SeamlessM4TFeatureExtractor": "pairs of frames",
    "WhisperFeatureExtractor": "padded",
}
CONVOLVING = ("wav2vec2", "hubert", "wavlm", "data2vec-audio", "unispeech", "unispeech-sat", "sew", "sew-d",
              "wav2vec2-conformer")  # fmt: skip
RATE_HZ, LONGEST_S = 16000, 30  # where nothing else is stated
PARTS_OF: Mapping[Way, tuple[str, ...]] = {
    "waveform": ("cnn", "projection"), "pairs of frames": ("projection",), "padded": ()
}  # fmt: skip


@dataclass(frozen=True)
class StatedEncoder:
    """What the files of a speech model state.

    Parameters
    ----------
    model : its configuration and weights.
    way : how it takes audio.
    rate_hz : of the audio, in Hz.
    longest_s : seconds that every window is padded to, and at most has; 0: any.
    """

    model: StatedModel
    way: Way
    rate_hz: int
    longest_s: float

    @property
    def is_whisper(self) -> bool:
        """Whether it has a decoder."""
        return self.way == "padded"

    def n_blocks(self, part: str = "encoder") -> int | None:
        """Blocks of the encoder or the decoder; None where that is not stated."""
        return self.model.number(f"{part}_layers" if self.is_whisper else "num_hidden_layers")


def stated_encoder(spec: FeatureSpec, source: ModelSource) -> StatedEncoder:
    """The spec's model by its files.

    Parameters
    ----------
    spec : names the model; `window_s` must not be longer than the model hears.
    source : where models are.

    Raises
    ------
    UsageError : it takes audio in no way known here, or not as much as asked.
    NoInput : its files are not all there, or do not fit each other.
    """
    name = model_of(spec)
    model = stated_model(name, source)
    settings = _of_extractor(model, source)
    way = _way(model, str(settings.get("feature_extractor_type", "")))
    if way is None:
        raise UsageError(f"{name.name} is no speech encoder of a known kind", f"feature '{spec.name}'", KNOWN)
    rate_hz, longest_s = settings.get("sampling_rate", RATE_HZ), settings.get("chunk_length", LONGEST_S)
    if not all(isinstance(one, int | float) and 0 < one < 1e6 for one in (rate_hz, longest_s)):
        raise model.refusal(f"its feature extractor has {rate_hz!r} Hz and {longest_s!r} s")
    if way == "padded" and spec.options["window_s"] > longest_s:
        longest = f"{name.name} hears at most {longest_s:g} s"
        raise UsageError(f"'window_s' is {spec.options['window_s']:g}", f"feature '{spec.name}'", longest)
    return StatedEncoder(model, way, int(rate_hz), float(longest_s) if way == "padded" else 0.0)


def _of_extractor(model: StatedModel, source: ModelSource) -> Mapping[str, Any]:
    """What the model's files say of its feature extractor. Raises NoInput where there is none."""
    own = settings_of("preprocessor_config.json", model.name, source)
    inner = settings_of("processor_config.json", model.name, source).get("feature_extractor")
    settings = own or (inner if isinstance(inner, dict) else {})
    if not settings:
        what = f"the model '{model.name.name}' has no preprocessor_config.json"
        raise NoInput(what, model.folder, "it is no speech model, or was not fetched whole")
    usual = table("FEATURE_EXTRACTOR_MAPPING_NAMES").get(model.kind, "")
    return {"feature_extractor_type": usual, **settings}


def _way(model: StatedModel, extractor: str) -> Way | None:
    way = EXTRACTORS.get(extractor)
    convolves = model.kind in CONVOLVING or "conv_kernel" in model.config
    known = {
        "waveform": convolves,
        "pairs of frames": model.kind == "wav2vec2-bert",
        "padded": model.kind == "whisper",
    }
    return way if way is not None and known[way] else None
