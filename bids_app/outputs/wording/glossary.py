"""Terms of reports and documentation, each defined once.

`python -m bids_app.outputs.wording.glossary` prints the page docs/glossary.md.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

PAGE = "docs/glossary.md"
INTRODUCTION = (
    "Every term of the field that Concord's code, reports and pages use, once, with its meaning here. Reports link "
    "to these entries."
)


@dataclass(frozen=True)
class Term:
    """A term of the glossary.

    Parameters
    ----------
    name : as it stands in a sentence.
    definition : one sentence or two.
    forms : other words for which a report links to it (plurals, mostly).
    is_plain_word : whether its name has other meanings too, so that a report links to it only where it says so.
    """

    name: str
    definition: str
    forms: tuple[str, ...] = ()
    is_plain_word: bool = False

    @property
    def anchor(self) -> str:
        """Of links to it: `term-noise-ceiling`."""
        plain = self.name.replace("²", "2").replace("%", "percent")
        return "term-" + re.sub(r"[^0-9a-z]+", "-", plain.lower()).strip("-")


SECTIONS: Mapping[str, tuple[Term, ...]] = {
    "Data": (
        Term("participant", "One person of the data set (`sub-`). Everything is fitted within a participant; the "
             "group level comes after.", is_plain_word=True),
        Term("recording", "One file of responses with its entities: a run of fMRI in one space, or one iEEG file.",
             is_plain_word=True),
        Term("alignment record", "Of a recording: what its headers, sidecars and tables say of its times and those "
             "of its stimuli, and whether each of it is fine, is warned of, or costs the recording.",
             ("alignment records",)),
        Term("run", "One uninterrupted stretch of measurement, with its stimuli. Cleaning and standardising are "
             "done within a run.", is_plain_word=True),
        Term("TR", "Repetition time: the seconds from one fMRI volume to the next, and so the sampling period of "
             "fMRI responses.", is_plain_word=True),
        Term("target", "One series of responses that is predicted: a voxel, a vertex, a parcel, an electrode, or "
             "(where rows are words) an electrode at one lag.", ("targets",)),
        Term("parcel", "A region of an atlas. Its response is the mean time course of its voxels, as the data set's "
             "derivatives give it.", ("parcels",)),
        Term("greyordinate", "A vertex of the cortex or a voxel below it, as CIFTI files list them.",
             ("greyordinates",)),
        Term("atlas", "An image or surface in which each place has the number of a region, with the regions' names.",
             is_plain_word=True),
        Term("localiser", "A participant's own mask of a region, from a task made to find it.", is_plain_word=True),
        Term("recipe", "A file that says how a data set plays its stimuli, where its events do not (`--stimuli`).",
             is_plain_word=True),
        Term("space", "Of responses: the coordinates they lie in (`space-MNI152NLin2009cAsym`, `fsaverage5`, an "
             "atlas's `seg-`). Of features: see feature space.", is_plain_word=True),
        Term("unit of work", "One participant, task and space: what is fitted at once, has one row in `status.tsv`, "
             "and can fail without the others.", is_plain_word=True),
        Term("share of a unit", "Some of a large unit's targets, fitted by a process of its own; results are "
             "those of the unit fitted whole ([cluster.md](cluster.md#a-unit-in-shares))."),
        Term("stimulus", "A sound file, with its words and phones where they are known, that recordings refer to. "
             "One stimulus may be heard in many recordings.", ("stimuli",)),
        Term("high gamma", "The envelope of an iEEG signal's power between 70 and 150 Hz, which follows local "
             "neural activity."),
        Term("confounds", "Time courses of motion and physiology, regressed out of the responses within each run "
             "before any model is fitted."),
        Term("residualised features", "Features that have lost what confounds and drift explain of them within each "
             "run, as responses have. No part of a model is then fitted to what responses have lost."),
        Term("responsive electrode", "An electrode whose signal is higher after words that end a silence than "
             "before them (paired t-test, q ≤ .05). No model has a part in that choice.",
             ("responsive electrodes",)),
        Term("stand-in model", "A small speech or language model made on the spot, for the demo and for tests, "
             "where no published weights are at hand.", ("stand-in models",)),
    ),
    "Features and models": (
        Term("feature space", "What one kind of feature says of a stimulus: rows in time, columns that are its "
             "dimensions (a mel spectrogram, one layer of a speech model).", ("feature spaces",)),
        Term("feature group", "What takes part in a partition as one: a feature space, or several that the analysis "
             "file puts together (`low_level`: acoustic and phonetic).", ("feature groups",)),
        Term("band", "The columns of one feature space in a design, with all their delays. In banded ridge each "
             "band has a weight of its own.", is_plain_word=True),
        Term("layer", "One block of a model's network. Layer 0 is what enters the first block, layer 1 what leaves "
             "it, and so on.", ("layers",)),
        Term("best layer", "The layer that predicts a target best in the inner folds. Its score is taken from the "
             "outer fold, where it was not chosen.", ("best layers",)),
        Term("context", "What a model has read or heard before the present word or frame: so many words, or so many "
             "seconds of sound.", is_plain_word=True),
        Term("epoch", "The stretch of an iEEG response around one word's onset, from the first lag to the last.",
             ("epochs",)),
        Term("lag", "Time from a word's onset to the response that is predicted; negative before the word.",
             ("lags",)),
        Term("delay", "Time from a feature to the response that it predicts. A model has one set of weights for "
             "each delay.", ("delays",)),
        Term("FIR", "Finite impulse response: a weight of its own for each feature and delay, so that no shape of "
             "the haemodynamic response is assumed."),
        Term("TRF", "Temporal response function: the same of iEEG, weights by lag in tens of milliseconds."),
        Term("untrained twin", "The same model with random weights. What the trained one predicts beyond it comes "
             "of training and not of the architecture.", ("model with random weights",)),
    ),
    "Fitting": (
        Term("encoding model", "A linear model that predicts a response from features of the stimulus.",
             ("encoding models",)),
        Term("ridge regression", "Linear regression that keeps weights small by a penalty, alpha. The intercept is "
             "not penalised."),
        Term("banded ridge", "Ridge regression in which every band has a weight of its own for each target, chosen "
             "with alpha in the inner folds.", ("banded ridge regression",)),
        Term("alpha", "The penalty of ridge regression, for each target its own. Large values shrink weights "
             "towards zero.", ("penalty", "penalties")),
        Term("candidate", "One set of weights of the bands that the search of banded ridge tries.",
             is_plain_word=True),
        Term("outer fold", "A part of the data, by run or story or a block of time, that is predicted by a model "
             "fitted to the rest.", ("outer folds", "fold", "folds")),
        Term("inner fold", "A part of an outer fold's training data, held out to choose alpha, band weights and "
             "layers.", ("inner folds",)),
        Term("purge", "Training samples next to a test block that are left out, since delays, resampling and "
             "autocorrelation would carry the test block's data into them.", ("purged",)),
        Term("held-out", "Of samples: not used to fit the model that predicts them, nor to choose anything about "
             "it.", ("held out",)),
        Term("in-sample", "Fitted on the samples that are scored too. Such values are too high; their labels begin "
             "with `inSample`."),
        Term("leakage audit", "The report's list of what every fold trained and tested on, and on which samples "
             "each stage was fitted."),
    ),
    "Scores and parts": (
        Term("R²", "Held-out R² = 1 − Σ(y−ŷ)² / Σ(y−ȳ)², over the samples of all outer folds together, ȳ being the "
             "training mean. It is a share of the cleaned response's variance: what features have in common with "
             "confounds or drift is not in it. Signed: below 0 the prediction is worse than the training mean."),
        Term("r", "Pearson correlation of prediction and response within each outer fold, averaged over folds "
             "through Fisher's z, each fold weighted by its samples.", is_plain_word=True),
        Term("partial correlation", "Of a unique part, or of what a model adds to another: the correlation of the "
             "response with what the added features predict, given what the smaller model predicts. Tests over "
             "participants rest on it; how much is added is R²."),
        Term("union", "A set of feature groups whose bands are fitted in one model. With k groups there are 2^k − "
             "1.", ("unions",)),
        Term("component", "One number a target that an analysis asks for: a signed sum of unions' R², such as the "
             "full model, a unique or a shared part.", ("components",)),
        Term("full model", "The model of all feature groups."),
        Term("predicted target", "A target whose full model has an R² above 0.01: charts show these. A description, "
             "not a test.", ("predicted targets",)),
        Term("alone", "Of a feature group: the R² of the model that has this group and no other.",
             is_plain_word=True),
        Term("unique part", "What the full model loses without a feature group: R² of all groups less R² of all but "
             "this one.", ("unique parts",)),
        Term("shared part", "What exactly these feature groups can each explain and no other group can, by "
             "inclusion–exclusion on the unions' R². It may be negative.", ("shared parts",)),
        Term("inclusion–exclusion", "The signed sum of the R² of unions that gives a part, as areas of a Venn "
             "diagram follow from areas of unions."),
        Term("partition", "The unique and shared parts of all sets of feature groups. They sum to the full model's "
             "R².", ("partitions",)),
        Term("Shapley value", "What a feature group adds to R², averaged over all orders in which the groups may "
             "enter. The values sum to the full model's R².", ("Shapley values",)),
        Term("product measure", "A feature group's part of the full model's R² by its part of the prediction: Σ ŷ_b "
             "(2(y−ȳ)−ŷ) / Σ(y−ȳ)². It needs the full model alone."),
        Term("share", "Of a noise ceiling: R² of the full model over it. Of a sum over targets: a part over the "
             "whole, signed.", is_plain_word=True),
        Term("noise ceiling", "The share of a response's variance that its stimulus decides: the highest R² that "
             "any model of the stimulus can expect.", ("noise ceilings",)),
        Term("noise ceiling from repeats", "The noise ceiling from a participant who heard a stimulus more than "
             "once: the mean covariance of two hearings over their mean variance."),
        Term("inter-subject noise ceiling", "The share of a participant's variance that is a signal of other "
             "participants who heard the same. What the stimulus decides in this participant alone is not in it.",
             ("noise ceiling from other participants", "noise ceilings from other participants")),
    ),
    "Baseline and controls": (
        Term("baseline", "A model that knows nothing of meaning, fitted whatever the analysis names: word rate, "
             "envelope, position and motion."),
        Term("word rate", "Words that begin or end in a unit of time: the plainest of features of speech. A model "
             "that does not beat it shows nothing about language.", is_plain_word=True),
        Term("envelope", "Loudness of the sound over time, with its rise.", is_plain_word=True),
        Term("position", "Place in the story: the word's number and its logarithm.", is_plain_word=True),
        Term("motion", "Head motion in the scanner: six parameters and their changes.", is_plain_word=True),
        Term("beyond the baseline", "R² of a model together with the baseline, less R² of the baseline alone."),
        Term("control", "A feature space fitted beside the partition, to compare with: an untrained model, or "
             "smooth functions of time that know no stimulus.", ("controls",)),
        Term("autocorrelation control", "Smooth bumps in time, fitted like a model. If they predict anything, test "
             "samples are not independent of training samples."),
    ),
    "Two models compared": (
        Term("shared subspace", "What the word rows of two models have in common, found by canonical correlation in "
             "training folds: for each canonical pair the mean of its two variates."),
        Term("canonical pair", "One direction in each of two models' feature spaces, such that the two projections "
             "(variates) correlate as highly as possible and not with those of earlier pairs.",
             ("canonical pairs", "canonical variates")),
        Term("rest", "What the shared subspace leaves of one model's features.", is_plain_word=True),
        Term("contextual residual", "A contextual model's features less what ridge regression predicts of them from "
             "static word embeddings.", ("contextual residuals",)),
        Term("agreement", "How alike two models' predictions of the brain are: the correlation over targets of "
             "their score maps, and over time of their predicted responses."),
        Term("agreement beyond a control", "How much more two models' predictions resemble each other than a third "
             "model's (the baseline or a control): Fisher's z of the correlation of their predicted time courses, "
             "less the larger z of either with the third. `agreement_beyond` in tables. Unless it is reliably above "
             "0, "
             "the two may have no more in common than what the third predicts.", ("agreement_beyond",)),
        Term("reliable target", "A target whose full model's R² lies above zero beyond its 95 % confidence "
             "interval.", ("reliable targets", "reliably predicted targets")),
    ),
    "Inference": (
        Term("p", "The share of sign vectors that give a value at least as large as the one seen, which counts "
             "itself. For this target alone.", is_plain_word=True),
        Term("family-wise p", "p against the largest value over all targets of a map or table (max-T): the chance "
             "of any false positive among them.", ("family-wise",)),
        Term("q", "Benjamini and Hochberg's false discovery rate: the share of false positives to expect among "
             "targets with q as low as this.", is_plain_word=True),
        Term("95 % confidence interval", "Of a value: the range for what models trained on this much data are "
             "expected to reach on new data. It is no test; p is.",
             ("95 % confidence intervals", "confidence interval", "confidence intervals")),
        Term("standard error", "The standard deviation over participants, divided by the root of their number."),
        Term("block", "A stretch of time within a run, long enough that what is left of autocorrelation from block "
             "to block is small. Signs are flipped by block.", is_plain_word=True),
        Term("sign flip", "Whole blocks of the response (of participants, at group level) change their sign: "
             "without an effect, the data are as likely with either sign.",
             ("sign flips", "sign vectors", "sign vector")),
        Term("max-T", "The largest studentised value over all targets, noted for every sign vector; a target is "
             "significant in the family if it beats 95 % of those."),
        Term("TFCE", "Threshold-free cluster enhancement (Smith & Nichols 2009): a target's value becomes the sum, "
             "over all heights below it, of a power of the height times a power of the number of targets that hang "
             "together with it there, so that a weak effect counts for more where it is broad. The largest enhanced "
             "value is noted for every sign vector, as by max-T. `pfweTfce` in maps over participants.",
             ("pfweTfce",)),
        Term("mean response", "The mean over participants of their responses to the same stimulus.",
             ("mean responses",)),
        Term("prevalence", "The share of people in whom an experiment like this one would find an effect, from how "
             "many participants' own tests find it (Ince et al. 2021). It says how common an effect is; p over "
             "participants says whether its mean is above 0."),
        Term("stimulus null", "Sign flips of the mean response, refitted. They show what all participants' "
             "responses to one stimulus have in common by chance."),
        Term("small-sample bias", "What parts lack because models were trained on few samples a column. Larger "
             "feature spaces lose more."),
    ),
}  # fmt: skip
TERMS: Mapping[str, Term] = MappingProxyType({term.name: term for terms in SECTIONS.values() for term in terms})


def as_markdown() -> str:
    """The page docs/glossary.md."""
    paragraphs = ["# Glossary", INTRODUCTION]
    for section, terms in SECTIONS.items():
        paragraphs.append(f"## {section}")
        paragraphs += [f"### {term.name}\n{term.definition}" for term in terms]
    return "\n\n".join(paragraphs) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_markdown())
