"""`word_embedding`: static word meaning, from a language model's input embeddings or a file of word vectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from bids_app.errors import UsageError
from bids_app.features.base.family import Family
from bids_app.features.base.words import STAMP, event_features, spoken_words, tokenize
from bids_app.features.lexical.vectors import ENDINGS, find_vectors, read_vectors
from bids_app.features.stated.model import stated_model
from bids_app.features.stated.tokenizer import require_tokenizer
from bids_app.features.transformers.load_model import depth_of, load_model
from bids_app.features.transformers.model_options import CASING, MODEL
from bids_app.features.transformers.models import model_files, model_of, with_model
from bids_app.features.transformers.tokenizers import load_tokenizer, require_fit
from bids_app.records import FeatureProvenance, Features, FeatureSpec, ModelSource, Stimulus


def extract(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    """values (n_words, n_dims): the mean of the rows of a word's tokens in the model's table, or the file's vector.

    A word that the file lacks has zeros; their share is reported.

    Parameters
    ----------
    stimulus : with its words.
    spec : resolved; names the model, or the file of vectors.
    source : where models and files of vectors are.

    Returns
    -------
    Events; `times_s` (n_words,) are the words' offsets.
    """
    return _from_file(stimulus, spec, source) if _is_file(spec) else _from_model(stimulus, spec, source)


def _from_model(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    model = model_of(spec)
    tokenizer = load_tokenizer(model, source)
    loaded = load_model(model, replace(source, device="cpu"), depth=depth_of(0, "num_hidden_layers"))
    table = loaded.get_input_embeddings().weight.detach()
    require_fit(tokenizer, len(table), model)
    given = tokenize(stimulus, tokenizer, spec)
    values = np.stack([table[tokens].float().numpy().mean(axis=0, dtype=np.float64) for tokens in given.own])
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Input embedding of each word in {model.name}, the mean over its tokens; no context enters.",
        stamp=STAMP,
        dimensions=f"{values.shape[1]} dimensions of the embedding",
        causal=True,
        unknown_share=given.unknown_share,
        notes=given.notes,
        warnings=given.warnings,
    )
    return event_features(spec, given.words, values, with_model(provenance, model, source))


def _from_file(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> Features:
    name = spec.options["model"]
    words, notes = spoken_words(stimulus)
    values, known = read_vectors(find_vectors(spec, source), words.text)
    absent = sorted({word for word, there in zip(words.text, known, strict=True) if not there})
    share = float(1 - known.mean())
    if absent:
        notes = (*notes, f"{share:.1%} of the words have no vector and zeros: {', '.join(absent[:20])}")
    provenance = FeatureProvenance(
        kind=spec.kind,
        description=f"Vector of each word in {name}; no context enters.",
        stamp=STAMP,
        dimensions=f"{values.shape[1]} dimensions of the vectors",
        causal=True,
        unknown_share=round(share, 6),
        notes=notes,
        model=name,
        revision=None,
        untrained=None,
        stand_in=False,
    )
    return event_features(spec, words, values, provenance)


def _is_file(spec: FeatureSpec) -> bool:
    return str(spec.options["model"]).endswith(ENDINGS)


def files(stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Path, ...]:
    """The model's files, or the file of vectors.

    Parameters
    ----------
    stimulus : not used.
    spec : names the model, or the file of vectors.
    source : where they are.
    """
    return (find_vectors(spec, source),) if _is_file(spec) else model_files(model_of(spec), source)


def check_model(spec: FeatureSpec, source: ModelSource) -> None:
    """Make sure that the model's files are all there and fit each other, before its weights are loaded.

    Parameters
    ----------
    spec : resolved; names the model, or the file of vectors.
    source : where they are.

    Raises
    ------
    NoInput : they are not, or do not.
    """
    if _is_file(spec):
        find_vectors(spec, source)
    else:
        require_tokenizer(stated_model(model_of(spec), source), source)


def rules(spec: FeatureSpec) -> FeatureSpec:
    """Raises UsageError where a file of vectors is asked to be a model."""
    for option, default in (("revision", None), ("untrained", None), ("casing", "as_written")):
        if _is_file(spec) and spec.options[option] != default:
            raise UsageError(f"'{option}' is for models, not for a file of vectors", f"feature '{spec.name}'")
    return spec


FAMILY = Family(
    kind="word_embedding",
    label="static word vectors",
    role="static semantics",
    version=3,
    needs=frozenset({"words"}),
    extract=extract,
    options={**MODEL, **CASING},
    files=files,
    check_model=check_model,
    rules=rules,
)
