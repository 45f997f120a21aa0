"""Methods text of what goes into a fit: features, responses, design."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bids_app.outputs.derivatives.sidecars import OF_MEAN, count_of, samples_in_words
from bids_app.outputs.files.names import entities_of
from bids_app.outputs.report.render import listed

Settings = Mapping[str, Any]
KINDS = {"volume": "voxels", "surface": "vertices", "parcels": "parcels", "electrodes": "electrodes"}
FAMILIES = {
    "melspectrogram": "a log mel spectrogram",
    "envelope": "the envelope of the sound and its onsets",
    "pitch": "pitch, voicing and intensity",
    "articulatory": "articulatory features of the phones",
    "phone_rate": "phone rate",
    "word_rate": "word rate",
    "word_length": "word length in letters",
    "log_frequency": "log word frequency",
    "position": "the position of each word",
    "word_embedding": "static word vectors",
    "speech_model": "a speech model's hidden states",
    "language_model": "a language model's hidden states",
    "contextual_residual": "what ridge regression, on the words of each fold's training stimuli, leaves of a "
    "contextual space when a static one predicts it",
    "surprisal": "the surprisal of each word to a language model",
    "entropy": "a language model's entropy before each word",
    "file": "features read from a file",
}
CONFOUNDS = {
    "motion": "six motion parameters",
    "motion24": "24 motion parameters (six, their derivatives and the squares of both)",
    "acompcor": "anatomical CompCor components",
    "wmcsf": "white-matter and cerebrospinal-fluid signals",
    "global": "the global signal",
}
SILENT = ("name", "kind", "pca", "model", "layer", "untrained")  # options that have words of their own


def features(analysis: Settings, spaces: Mapping[str, Settings]) -> str:
    """The spaces and what they are made of; those that others are made of come last."""
    fitted, projected = analysis["partition"]["spaces"], analysis.get("shared_subspace")
    residual = any(analysis["features"][name]["kind"] == "contextual_residual" for name in fitted)
    controls = analysis["controls"]
    others = [
        name for name in analysis["features"] if name in controls or (name not in fitted and (projected or residual))
    ]
    said = [_space(name, analysis["features"][name], spaces.get(name, {})) for name in (*fitted, *others)]
    return f"Features. {'; '.join(said)}."


def _space(name: str, settings: Settings, made: Settings) -> str:
    family = FAMILIES[settings["kind"]]
    model = f" of {settings['model']}" if settings.get("model") else ""
    layer = _layer(settings["layer"], made) if settings.get("layer") is not None else ""
    others = [f"{key} {_plain(value)}" for key, value in settings.items() if key not in SILENT and value is not None]
    options = f" ({', '.join(others)})" if others else ""
    weights = f", weights {made['weights_sha256'][:12]}…" if made.get("weights_sha256") else ""
    seed = settings.get("untrained")
    random = "" if seed is None else f", untrained: random weights of seed {seed}"
    trained = ", an untrained stand-in with random weights" if made.get("stand_in") else random
    pca = f", reduced to {settings['pca']} principal components fitted on training samples" if settings["pca"] else ""
    return f"{name}: {family}{model}{layer}{options}{weights}{trained}{pca}"


def _layer(asked: Any, made: Settings) -> str:
    """One layer, or those that `made` has."""
    several = list(made.get("layers", {})) if asked == "all" else [str(one) for one in asked] if _many(asked) else []
    return f", layers {listed(several)}" if several else f", layer {asked[0] if _many(asked) else asked}"


def _many(asked: Any) -> bool:
    return isinstance(asked, list | tuple)


def responses(summary: Settings) -> str:
    """Targets, recordings, and what was done to their signals."""
    response, targets = summary["provenance"]["response"], summary["targets"]
    space = "" if targets["space"] == "n/a" else f" in {targets['space']}"
    where = f"{targets['n']} {KINDS[targets['kind']]}{space}, {targets['n_usable']} of them usable"
    cleaned = _cleaning(response) if summary["modality"] == "fmri" else _resampling(response)
    scaled = "; then each target was z-scored within run" if response["standardize"] == "run" else ""
    said = f"{cleaned[0].upper()}{cleaned[1:]}{scaled}."
    mean = "" if "sub" in entities_of(summary["stem"]) else f" {OF_MEAN}"
    return f"Responses. {where}, from {count_of(len(summary['recordings']), 'recording')}. {said}{mean}"


def _cleaning(response: Settings) -> str:
    named = [] if response["confounds"] == "none" else response["confounds"].split("+")
    removed = [CONFOUNDS.get(name, name) for name in named]
    if response["high_pass_s"]:
        removed.append(f"cosine drifts with periods over {response['high_pass_s']:g} s")
    return f"{listed(removed)} were regressed out within run" if removed else "Nothing was regressed out"


def _resampling(response: Settings) -> str:
    rate = response["rate_hz"]
    if response["computed"]:
        low, high = response["band_hz"]
        notched = f", after notches at harmonics of {response['line_hz']:g} Hz" if response["line_hz"] else ""
        resampled = f" and resampled to {rate:g} Hz" if rate else ""
        of_what = count_of(len(response["computed"]), "recording")
        return (
            f"High gamma ({low:g}–{high:g} Hz) of {of_what} was computed from voltages: Hilbert envelopes of eight "
            f"bands (zero-phase FIR filters{notched}) were averaged{resampled}"
        )
    return f"High-gamma envelopes were resampled to {rate:g} Hz" if rate else "High-gamma envelopes kept their rate"


def design(summary: Settings) -> str:
    """What a row is, and how features are brought to it."""
    settings = summary["provenance"]["design"]
    if settings["epoch"]:
        return _word_rows(settings["epoch"], summary["provenance"])
    delays = [f"{delay:g}" for delay in settings["delays_s"]]
    span = ", ".join(delays) if len(delays) <= 8 else f"{delays[0]} to {delays[-1]} ({len(delays)} delays)"
    return (
        "Design. Features were brought to the responses' sample times with Lanczos kernels of three lobes (words and "
        f"phones as impulses at their {settings['stamp']}, continuous features at the instant each is available) and "
        f"delayed within run by {span} s. {samples_in_words(summary['provenance'])}"
    )


def _word_rows(epoch: Settings, provenance: Settings) -> str:
    """Epochs of responses, and features within words."""
    lags, width_s, (first_s, last_s) = epoch["lags_s"], epoch["window_s"], epoch["summary_s"]
    response = f"mean over {width_s:g} s around" if width_s else "sample nearest to"
    return (
        f"Design. One row a word. Responses: each electrode's {response} the word's onset + lag, for "
        f"{count_of(len(lags), 'lag')} from {lags[0]:g} to {lags[-1]:g} s, each with every electrode a target; "
        f"and its mean from {first_s:g} to {last_s:g} s after the onset, which gives the electrode's own value. "
        "Features: a word's own row; the sum over its phones; the mean of the frames that end in it, or the nearest "
        f"one. Signals were standardised over the samples of the words' epochs. {samples_in_words(provenance)}"
    )


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return " and ".join(f"{key} {_plain(part)}" for key, part in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
