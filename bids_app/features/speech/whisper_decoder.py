"""`speech_model`, `part: decoder`: Whisper's decoder for each word, given the sound and the words so far."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from bids_app.errors import UsageError
from bids_app.features.base.memory import WithinMemory, or_on_cpu
from bids_app.features.base.needs import Sound, audio_of
from bids_app.features.base.words import STAMP, Tokenized, event_features, tokenize
from bids_app.features.language import contexts
from bids_app.features.speech.speech_encoder import SECONDS_AT_ONCE, SpeechEncoder, inputs_of, load_speech_encoder
from bids_app.features.transformers.find_layers import ModelLayers, find_layers, trial_tokens
from bids_app.features.transformers.hidden_layers import POOLED, Reading, columns, hidden_states, pooled
from bids_app.features.transformers.load_model import depth_of
from bids_app.features.transformers.model_options import wanted_layers
from bids_app.features.transformers.models import model_of, with_model
from bids_app.features.transformers.precision import Lowered, run_model
from bids_app.features.transformers.tokenizers import load_tokenizer, require_fit
from bids_app.features.transformers.trials import rests_on_borrowed, tried_once
from bids_app.records import Array, FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus

ENGLISH_ONLY = 51864  # tokens of the models that know no marks of language and task


@dataclass(frozen=True)
class HeardAudio:
    """Samples [start, stop) of the encoder's pass, and the decoder's tokens.

    Parameters
    ----------
    start, stop : first sample, and the one after the last.
    window : the decoder's tokens, and the word read off them.
    """

    start: int
    stop: int
    window: contexts.Window


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, n_hidden·n_layers): the decoder's states at each word's own tokens; mean, last or sum of them.

    The encoder hears the `window_s` seconds up to the word's end, padded with silence to 30 s as in training. The
    decoder is told (teacher forcing) the words that began and ended within them, and the word; nothing after the word
    enters.

    Parameters
    ----------
    stimulus : with its audio and words.
    spec : resolved; the model, its layers, `window_s` in seconds.
    source : where models are, and the device.

    Returns
    -------
    Events; `times_s` (n_words,) are the words' offsets.

    Raises
    ------
    UsageError
        Where the model is no Whisper or does not know the language.
    """
    name, layer, window_s, pool = (spec.options[key] for key in ("model", "layer", "window_s", "subtokens"))
    sound = audio_of(stimulus)
    speech = load_speech_encoder(spec, source, depth_of(layer, "decoder_layers"))
    tokenizer, frame = parts_of_decoder(spec, speech, source)
    given = tokenize(stimulus, tokenizer, spec)

    def tried(speech: SpeechEncoder) -> ModelLayers:
        find = partial(or_on_cpu, lambda: decoder_layers(speech, spec, given.ids[0]), speech.model)
        return tried_once(speech.decoder, spec, source, find)

    found = tried(speech)
    layers = wanted_layers(spec, found.widths)
    if rests_on_borrowed(found, layers):
        del speech, found  # the whole one is loaded into the room that these leave
        gc.collect()  # modules refer to each other
        speech = load_speech_encoder(spec, source)
        found = tried(speech)
    items = heard_words(given, frame, window_s, sound)
    reading = Reading(found, layers, source.device, pool, spec.options["precision"] == "bfloat16")
    values, of_memory = word_states(speech, sound, items, reading)
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Hidden states of {name}'s decoder, layer {layer} (0: the embeddings), for each word: the "
        f"encoder heard the {window_s:g} s up to the word's end, the decoder was told the words within them and the "
        f"word; {POOLED[pool]}; nothing after the word enters.",
        stamp=STAMP,
        dimensions=f"{sum(reading.widths)} hidden units" + (f" of {len(layers)} layers" if len(layers) > 1 else ""),
        layers=columns(layers, reading.widths),
        causal=True,
        approximate=False,
        unknown_share=given.unknown_share,
        notes=(*given.notes, *of_memory),
        warnings=given.warnings,
    )
    return event_features(spec, given.words, values, with_model(provenance, model_of(spec), source))


def require_decoder(spec: FeatureSpec, has_one: bool) -> None:
    """Raises UsageError where the spec's model has no decoder."""
    if not has_one:
        name = model_of(spec).name
        raise UsageError(f"{name} has no decoder", f"feature '{spec.name}'", "'part: decoder' is for Whisper")


def parts_of_decoder(spec: FeatureSpec, speech: SpeechEncoder, source: ModelSource) -> tuple[Any, contexts.Frame]:
    """The tokenizer, and the frame around the words, of a decoder that the spec can be had of.

    Parameters
    ----------
    spec : resolved.
    speech : the model, with or without its weights' numbers.
    source : where models are.

    Raises
    ------
    UsageError : the model has no decoder, or does not know the language.
    NoInput : the tokenizer is not there, or another model's.
    """
    decoder, name = speech.decoder, model_of(spec)
    require_decoder(spec, decoder is not None)
    tokenizer = load_tokenizer(name, source)
    require_fit(tokenizer, len(decoder.get_input_embeddings().weight), name)
    frame = contexts.Frame(prompt(spec, tokenizer, decoder.config), (), decoder.max_target_positions)
    return tokenizer, frame


def decoder_layers(speech: SpeechEncoder, spec: FeatureSpec, tokens: Sequence[int]) -> ModelLayers:
    """Where the decoder's hidden layers are.

    Parameters
    ----------
    speech : a Whisper.
    spec : resolved.
    tokens : what it is tried with, at least one.

    Raises
    ------
    UsageError : they cannot be read.
    """
    import torch

    device, width = speech.model.device, speech.decoder.config.d_model
    ids = torch.tensor(trial_tokens(tokens), device=device)
    encoded = torch.linspace(-1, 1, ids.numel() * width, device=device).view(*ids.shape, width)
    trial = {"input_ids": ids, "encoder_hidden_states": encoded, "use_cache": False}
    return find_layers(speech.decoder, trial, ids.shape[1], spec)


def prompt(spec: FeatureSpec, tokenizer: Any, config: Any) -> tuple[int, ...]:
    """Tokens that tell the decoder to write down what is said, in its language and without times.

    Parameters
    ----------
    spec : with the option `language`.
    tokenizer : of the model.
    config : of the decoder.

    Raises
    ------
    UsageError : the model knows languages, but not this one.
    """
    known = tokenizer.get_vocab()
    marks = marks_of_language(spec, known, config.vocab_size)
    first = [known[mark] for mark in (*marks, "<|notimestamps|>") if mark in known]
    return (config.decoder_start_token_id, *first)


def marks_of_language(spec: FeatureSpec, known: Mapping[str, int], n_tokens: int | None) -> list[str]:
    """Tokens that name the language and the task; none of a model that knows one language alone.

    Parameters
    ----------
    spec : with the option `language`.
    known : token → its number.
    n_tokens : of the model's vocabulary.

    Raises
    ------
    UsageError : the model knows languages, but not this one.
    """
    marks = [f"<|{spec.options['language']}|>", "<|transcribe|>"] if n_tokens != ENGLISH_ONLY else []
    if "<|transcribe|>" in known and marks and marks[0] not in known:
        where = f"feature '{spec.name}'"
        raise UsageError(f"{spec.options['model']} does not know the language '{spec.options['language']}'", where)
    return marks


def heard_words(given: Tokenized, frame: contexts.Frame, window_s: float, sound: Sound) -> list[HeardAudio]:
    """For each word, in order of their ends: the sound up to its end, and the words that lie within it.

    Parameters
    ----------
    given : the words, in order of their ends, and their tokens.
    frame : tokens before those of words, and the most that the decoder takes.
    window_s : seconds of sound that the encoder hears.
    sound : the whole audio.
    """
    words, ids, (n_samples, rate) = given.words, given.ids, (len(sound.samples), sound.rate_hz)
    stops = np.clip(np.rint(words.offset_s * rate).astype(np.int64), 0, n_samples)
    first = words.offset_s - window_s
    windows = [
        contexts.window_after(
            [ids[place] for place in np.flatnonzero(words.onset_s[:row] >= first[row])], ids[row], row, frame
        )
        for row in range(len(ids))
    ]
    starts = np.maximum(stops - round(window_s * rate), 0)
    heard = zip(starts.tolist(), stops.tolist(), contexts.owned(windows, given.own), strict=True)
    return [HeardAudio(start, stop, window) for start, stop, window in heard]


def word_states(
    speech: SpeechEncoder, sound: Sound, items: Sequence[HeardAudio], reading: Reading
) -> tuple[Array, tuple[str, ...]]:
    """States of the decoder at each word's own tokens; words of equally many tokens go in one pass.

    Parameters
    ----------
    speech : a Whisper.
    sound : the whole audio.
    items : what is heard and said before each word, in order of the words.
    reading : layers, pool, device and precision.

    Returns
    -------
    values : (n_words, n_hidden·n_layers) float32.
    notes : on memory and precision, sorted.
    """

    def compute(batch: Sequence[HeardAudio]) -> list[list[Array]]:
        """For every item of one number of tokens, the states of its word, as a list of one."""
        import torch

        with torch.inference_mode():
            heard = [sound.samples[item.start : item.stop] for item in batch]
            encoded = run_model(speech.encoder, **inputs_of(speech, heard, sound.rate_hz)).last_hidden_state
            ids = torch.tensor([item.window.tokens for item in batch], device=speech.model.device)
            given = {"input_ids": ids, "encoder_hidden_states": encoded, "use_cache": False}
            states = torch.cat(hidden_states(reading.found, given, reading.layers), dim=-1)
            return [
                [pooled(states[place, first:end], reading.pool) for _, first, end in item.window.words]
                for place, item in enumerate(batch)
            ]

    lowered = Lowered(compute, speech.model) if reading.lowered else None
    size = max(1, int(SECONDS_AT_ONCE[reading.device.split(":")[0]] / speech.padded_s))
    ordered = sorted(items, key=lambda item: len(item.window.tokens))
    within = WithinMemory(lowered or compute, lambda item: 1, speech.model, reading.device)
    rows: dict[int, Array] = {}
    for _, group in groupby(ordered, key=lambda item: len(item.window.tokens)):
        same = list(group)
        for batch in (same[at : at + size] for at in range(0, len(same), size)):
            for item, states in zip(batch, within(batch), strict=True):
                rows.update(zip((row for row, _, _ in item.window.words), states, strict=True))
    notes = {*within.notes, *([lowered.note] if lowered else [])}
    return np.stack([rows[row] for row in range(len(items))]), tuple(sorted(notes))
