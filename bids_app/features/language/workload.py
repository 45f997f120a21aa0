"""What a language model's features take to compute, counted by its configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from bids_app.features.base.family import Workload
from bids_app.features.stated.model import BLOCKS, WIDTHS, stated_model
from bids_app.features.transformers.load_model import depth_of
from bids_app.features.transformers.models import model_of
from bids_app.records import FeatureSpec, ModelSource

WORDS_A_SECOND, TOKENS_A_WORD = 2.5, 1.3  # of speech, as no transcript is read for it
INNER = ("intermediate_size", "n_inner", "ffn_dim", "d_ff", "hidden_dim")


def workload(
    spec: FeatureSpec, source: ModelSource, durations_s: Sequence[float], whole: bool = False
) -> Workload | None:
    """What the windows of all words take, of speech of usual speed; None where the configuration does not say it.

    Parameters
    ----------
    spec : resolved.
    source : where models are.
    durations_s : seconds of each stimulus.
    whole : whether all blocks and the vocabulary are asked for, as for surprisal.

    Raises
    ------
    NoInput : the model is not there.
    """
    model = stated_model(model_of(spec), source)
    blocks, width = model.number(*BLOCKS), model.number(*WIDTHS)
    if blocks is None or width is None:
        return None
    if not whole:
        blocks = min(blocks, depth_of(spec.options["layer"], "blocks").get("blocks", blocks))
    inner = model.number(*INNER, default=4 * width) or 4 * width
    n_words = WORDS_A_SECOND * sum(durations_s)
    states = _tokens_seen(spec, n_words) * blocks * (8.0 * width**2 + 4.0 * width * inner)
    rows = n_words * (TOKENS_A_WORD + 1) if whole else 0.0  # before each of a word's tokens, and after the last
    return Workload(states + rows * 2.0 * width * (model.n_rows or 0), of="speech")


def _tokens_seen(spec: FeatureSpec, n_words: float) -> float:
    """Tokens of all windows."""
    rolling: Mapping[str, int] | None = spec.options["context"]
    if rolling is None:
        return n_words * TOKENS_A_WORD * (int(spec.options["context_words"]) + 1)
    return n_words * TOKENS_A_WORD * rolling["tokens"] / rolling["stride"]


workload_of_all = partial(workload, whole=True)
