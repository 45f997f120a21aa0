"""Terms of reports and documentation, each defined once. `python -m bids_app.outputs.wording.glossary` prints the page
docs/glossary.md."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PAGE = "docs/glossary.md"


@dataclass(frozen=True)
class Term:
    """A term of the glossary.

    Parameters
    ----------
    name : as it stands in a sentence.
    definition : one sentence or two.
    section : heading under which the page has it.
    forms : other words for which a report links to it (plurals, mostly).
    is_plain_word : whether its name has other meanings too, so that a report links to it only where it says so.
    """

    name: str
    definition: str
    section: str
    forms: tuple[str, ...] = ()
    is_plain_word: bool = False

    @property
    def anchor(self) -> str:
        """Of links to it: `term-noise-ceiling`."""
        plain = self.name.replace("²", "2").replace("%", "percent")
        return "term-" + re.sub(r"[^0-9a-z]+", "-", plain.lower()).strip("-")


DATA, MODELS, SCORES, PARTS, INFERENCE = "Data", "Models", "Scores", "Parts", "Inference"
_TERMS = (
    Term("target", "A voxel, vertex, parcel or electrode: what an encoding model predicts. It is usable where its "
         "response varies and has no missing samples.", DATA, ("targets",)),
    Term("unit", "The results of one participant, task and space, fitted together.", DATA, is_plain_word=True),
    Term("stimulus", "The sound that participants hear, with its transcript: words, and phones where known, with "
         "their times.", DATA, ("stimuli",)),
    Term("mean response", "The mean over participants of their z-scored responses to the same stimulus, fitted as if "
         "it were a participant's own.", DATA),
    Term("feature space", "Numbers that describe the stimulus over time, from one source: a spectrogram, word rate, "
         "the hidden states of a model.", MODELS, ("feature spaces",)),
    Term("feature group", "One or several feature spaces that enter or leave a model together. The explained variance "
         "is split among feature groups.", MODELS, ("feature groups",)),
    Term("band", "The columns of the design that one feature space makes. Banded ridge regression gives each band a "
         "weight of its own.", MODELS, is_plain_word=True),
    Term("encoding model", "A regression that predicts a target's response from features of the stimulus.", MODELS,
         ("encoding models",)),
    Term("full model", "The model that holds all feature groups of the partition.", MODELS),
    Term("penalty", "The strength of ridge regression (alpha), chosen for every target in inner folds; a large one "
         "means small weights.", MODELS, ("penalties",)),
    Term("baseline", "A model that knows nothing of meaning (word rate, the sound's envelope, position in the story, "
         "head motion): what any other model has to beat.", MODELS),
    Term("control", "A model fitted beside the partition to see what a result does not owe to the features of "
         "interest: the same network with random weights, or smooth bumps in time.", MODELS, ("controls",)),
    Term("autocorrelation control", "Smooth bumps in time, which know nothing of the stimulus: if they predict "
         "held-out responses, training samples have leaked into test samples.", MODELS),
    Term("stand-in model", "A small model with random weights that stands where a trained one would be, for trials of "
         "the program. Nothing about trained models follows from it.", MODELS, ("stand-in models",)),
    Term("layer", "One level of a network's hidden states. Where several are fitted, each is fitted alone, and the "
         "folds inside training choose.", MODELS, ("layers",)),
    Term("shared subspace", "What two models have in common: the mean of their canonical variates, pair by pair, on "
         "the words of the training stimuli. A model's rest is what these leave of it.", MODELS),
    Term("canonical variates", "Weighted sums of two models' features, chosen in pairs so that the two sums of a pair "
         "correlate as highly as possible.", MODELS),
    Term("delay", "The time from a feature to the response that it may explain; each has a weight of its own.", MODELS,
         ("delays",)),
    Term("lag", "The time of a response after the onset of a word; a target of its own where rows are words.", MODELS,
         ("lags",)),
    Term("fold", "A part of the samples that is predicted by a model fitted to the others. Outer folds give scores; "
         "inner folds, within the training samples of each, choose penalties, weights and layers.", SCORES,
         ("folds", "outer fold", "outer folds", "inner fold", "inner folds")),
    Term("purge", "Samples next to a test sample in the same run, left out of training because responses are smooth "
         "in time.", SCORES, ("purged",)),
    Term("held out", "Not used in the fit that is scored on it.", SCORES, ("held-out",)),
    Term("R²", "The share of a held-out response's variance that a model explains: 1 less the squared errors over "
         "those of predicting the training mean. Signed: below 0, the model predicts worse than that mean.", SCORES),
    Term("r", "The Pearson correlation of prediction and response within each outer fold, averaged over folds through "
         "Fisher's z.", SCORES, is_plain_word=True),
    Term("noise ceiling", "The share of a response's variance that its stimulus decides, and so the highest R² that "
         "any model of the stimulus could reach; from repeats of a stimulus, or from other participants who heard the "
         "same.", SCORES, ("noise ceilings",)),
    Term("predicted target", "A target whose full model has an R² above 0.01. A description of what charts show, not "
         "a test.", SCORES, ("predicted targets",)),
    Term("agreement", "How alike the predictions of two models are: the correlation of their R² over targets, and of "
         "the time courses that they predict.", SCORES),
    Term("leakage", "Information about test samples that reached the training of a model. The leakage audit lists on "
         "what every stage was fitted.", SCORES, ("leakage audit",)),
    Term("partition", "The split of the full model's R² into unique and shared parts, which sum to it.", PARTS,
         ("partitions",)),
    Term("union", "A set of feature groups in one model. All unions are fitted, and parts follow from their R².", PARTS,
         ("unions",)),
    Term("component", "One number a target: the R² of a model, or a part of it.", PARTS, ("components",)),
    Term("unique part", "The R² that only one feature group explains: that of the full model less that of all other "
         "groups together.", PARTS, ("unique parts",)),
    Term("shared part", "The R² that exactly these feature groups share, each of which could explain it alone. It may "
         "be below 0, where groups predict better together than the sum of what each does alone.", PARTS,
         ("shared parts",)),
    Term("inclusion–exclusion", "The signed sum of the R² of unions that gives a part, as areas of a Venn diagram "
         "follow from areas of unions.", PARTS),
    Term("Shapley value", "What a feature group adds to the R² of the others, averaged over all orders of entering; "
         "shared parts are dealt out evenly.", PARTS, ("Shapley values",)),
    Term("product measure", "The part of the full model's R² that a feature group's own share of the prediction "
         "explains; of one fit.", PARTS),
    Term("p", "The share of sign flips that give a value at least as large as the observed one, which counts itself; "
         "one-sided.", INFERENCE, is_plain_word=True),
    Term("sign flip", "A draw of the null hypothesis: whole blocks of time of a model's gain change their sign at "
         "random, the same blocks for all targets.", INFERENCE, ("sign flips", "sign vectors")),
    Term("family-wise p", "p over all targets of a map or table at once: the chance that any of them would come out "
         "so large under the null hypothesis (max-T).", INFERENCE, ("family-wise",)),
    Term("q", "The false discovery rate of Benjamini and Hochberg: of the targets with q ≤ 0.05, about one in twenty "
         "is expected to be a false discovery.", INFERENCE, is_plain_word=True),
    Term("95 % confidence interval", "By Student's t over blocks of time, or over participants: it covers the value "
         "that is estimated in 95 of 100 repetitions. Each stands for itself and is no test.", INFERENCE,
         ("95 % confidence intervals", "confidence interval", "confidence intervals", "95 % interval")),
    Term("standard error", "The standard deviation over participants over the square root of their number.", INFERENCE),
    Term("in-sample", "Fitted on test stimuli too: expect values that are too high.", INFERENCE),
)  # fmt: skip
TERMS: Mapping[str, Term] = MappingProxyType({term.name: term for term in _TERMS})


def as_markdown() -> str:
    """The page docs/glossary.md."""
    lines = ["# Glossary", "", "The terms of reports, messages and these pages. Each is defined here alone.", ""]
    for section in dict.fromkeys(term.section for term in _TERMS):
        lines += [f"## {section}", ""]
        terms = sorted((term for term in _TERMS if term.section == section), key=lambda term: term.name.lower())
        for term in terms:
            lines += [f'<a id="{term.anchor}"></a>**{term.name}**: {term.definition}', ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
