"""Methods text: sentences whose every fact is read from the run's settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bids_app.outputs.beside import KNOWN
from bids_app.outputs.definitions import AS_PUBLISHED, HELD_OUT
from bids_app.outputs.findings_words import LIMITS
from bids_app.outputs.layer_report import layers_methods
from bids_app.outputs.names import entities_of
from bids_app.outputs.sidecars import OF_MEAN, count_of, samples_in_words
from bids_app.records import AUTOCORRELATION, BEYOND_FLOOR, BEYOND_UNTRAINED

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


def methods_text(summary: Settings) -> tuple[str, ...]:
    """Paragraphs on a unit, from its summary: features, responses, design, fit, scores and partition."""
    provenance = summary["provenance"]
    analysis = provenance["analysis"]
    return (
        _features(analysis, provenance["spaces"]),
        _responses(summary),
        _design(summary),
        _fit(analysis["fit"], summary, provenance["design"]["purge_s"]),
        *layers_methods(summary),
        *_subspace(summary),
        *_beside(provenance["beside"]),
        _scores(summary["units"], analysis),
        *_two_models(summary),
        _inference(provenance["inference"], summary["units"]),
        _software(provenance),
    )


def _features(analysis: Settings, spaces: Mapping[str, Settings]) -> str:
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
    return f", layers {_listed(several)}" if several else f", layer {asked[0] if _many(asked) else asked}"


def _many(asked: Any) -> bool:
    return isinstance(asked, list | tuple)


def _responses(summary: Settings) -> str:
    response, targets = summary["provenance"]["response"], summary["targets"]
    where = f"{targets['n']} {KINDS[targets['kind']]} in {targets['space']}, {targets['n_usable']} of them usable"
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
    return f"{_listed(removed)} were regressed out within run" if removed else "Nothing was regressed out"


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


def _design(summary: Settings) -> str:
    design = summary["provenance"]["design"]
    if design["epoch"]:
        return _word_rows(design["epoch"], summary["provenance"])
    delays = [f"{delay:g}" for delay in design["delays_s"]]
    span = ", ".join(delays) if len(delays) <= 8 else f"{delays[0]} to {delays[-1]} ({len(delays)} delays)"
    return (
        "Design. Features were brought to the responses' sample times with Lanczos kernels of three lobes (words and "
        f"phones as impulses at their {design['stamp']}, continuous features at the instant each is available) and "
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


def _fit(fit: Settings, summary: Settings, purge_s: float) -> str:
    low, high, n_alphas = fit["alphas"]
    if fit["solver"] == "chen2024":
        return _published(low, high, n_alphas, len(summary["folds"]))
    banded = fit["solver"] == "banded_ridge"
    solver = (
        f"Banded ridge regression: a weight for every feature space and target, from {fit['candidates']} candidates "
        f"(seed {fit['seed']}), and"
        if banded
        else "Ridge regression with"
    )
    return (
        f"Fit. {solver} a penalty from {n_alphas} values between {low:g} and {high:g}, chosen for every target by "
        f"inner folds ({_folds(fit['inner'])}). Scores come from {len(summary['folds'])} outer folds "
        f"({_folds(fit['outer'])}); runs that share a stimulus stay in one fold, and within a run samples nearer "
        f"than {purge_s:g} s to a test sample were left out of training. Centring, scaling, principal components and "
        "hyper-parameters were fitted on training samples alone."
    )


def _published(low: float, high: float, n_alphas: int, n_folds: int) -> str:
    return (
        f"Fit. As in the published code of Chen et al. (2024): {n_folds} contiguous folds of all samples, without "
        "purge; centring, scaling, principal components and weights of ridge regression without intercept from the "
        f"first four fifths of each training part, not refitted; of {n_alphas} penalties from {low:g} to {high:g} "
        "the one with the highest Pearson r on the last fifth."
    )


def _subspace(summary: Settings) -> tuple[str, ...]:
    found = summary["subspace"]
    if found is None:
        return ()
    spec, folds = found["spec"], found["folds"]
    counts = sorted({fold["n_words"] for fold in folds})
    words = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    trained = spec["fit"] == "training"
    where = f"the {words} words of the training stimuli of each outer fold" if trained else f"all {words} words"
    limit = ", and at most one a ten words" if trained else " (test stimuli included: in-sample)"
    kept = f"The {spec['components']} leading pairs were kept."
    if spec["components"] is None:
        kept = (
            "Pairs were kept up to the first whose correlation in folds left out among these words, averaged through "
            "Fisher's z, did not exceed 95 % of those of the first pair when one model's words were shifted "
            "circularly within folds and everything was fitted again."
        )
    return (
        f"Shared subspace. Rows of {_listed(spec['between'])} (frames averaged over each word, where a space has no "
        f"rows by word) were scaled on {where}, reduced to the principal components that hold 95 % of their variance"
        f"{limit}, and analysed by canonical correlation (singular values). {kept} The shared subspace is the mean "
        "of each pair's two variates; the rest of a model is its scaled rows less their regression on its own "
        "variates; both were brought to the responses as words are.",
    )


def _beside(told: Settings) -> tuple[str, ...]:
    """The floor, models beyond it, and controls; nothing where none was fitted."""
    floor, asked, lines = [KNOWN[name] for name in told["floor"]["spaces"]], told["comparisons"], []
    if floor:
        lines.append(f"The floor ({_listed(floor)}) was fitted whatever else was, each a band of its own.")
    if any(name.endswith(BEYOND_FLOOR) for name in asked):
        lines.append(
            "A model's R² beyond the floor is that of both together less that of the floor alone, each with a search "
            "of its own that includes the smaller one's; tested and bounded as unique parts are."
        )
    lines += [
        f"{one['bands'][1]} was held against {one['bands'][0]}, which differs in its weights alone, in the same way."
        for name, one in asked.items()
        if name.endswith(BEYOND_UNTRAINED)
    ]
    if AUTOCORRELATION in asked:
        lines.append(
            "A control of smooth bumps in time, which knows nothing of the stimulus, was fitted to see leaks."
        )
    return (f"Floor and controls. {' '.join(lines)}",) if lines else ()


def _folds(folds: str | int) -> str:
    by_run = "by run, contiguous blocks where there is a single one"
    return by_run if folds == "by_run" else f"{folds} contiguous blocks"


def _scores(units: Sequence[str], analysis: Settings) -> str:
    groups = analysis["partition"]["groups"]
    grouped = "".join(f" {name} joins {_listed(members)}." for name, members in groups.items())
    split = (
        f" All {2 ** len(units) - 1} unions of {_listed(units)} were fitted; unique and shared parts follow by "
        "inclusion–exclusion on R², signed, never clipped. Beside them stand each unit's Shapley value, from the "
        f"same unions, and its product measure, from the full model alone.{grouped}"
        if len(units) > 1
        else ""
    )
    if analysis["fit"]["solver"] == "chen2024":
        return f"Scores. {AS_PUBLISHED}.{split.split(' Beside them')[0]}{grouped}"
    return f"Scores. {HELD_OUT}.{split}"


def _two_models(summary: Settings) -> tuple[str, ...]:
    """How the two models were compared, where the analysis has two."""
    found = summary["findings"]
    if found is None or found["between"] is None:
        return ()
    kinds = {row["kind"] for row in found["rows"]}
    partial = "; partial, given the ceiling, besides" if "map_correlation_partial" in kinds else ""
    shares = (
        " Shares are sums over targets of a part over sums of the whole, signed."
        if "share" in kinds or "amount" in kinds
        else ""
    )
    limited = any(row["low"] is not None for row in found["rows"])
    limits = f" Limits: {LIMITS}." if limited else ""
    models = _listed(found["between"])
    return (
        f"Agreement of {models}. Their R² maps, each alone, were correlated over targets{partial}, "
        "and their held-out predictions in each target, within outer folds, averaged over folds and targets through "
        f"Fisher's z.{shares}{limits}",
    )


def _inference(made: Settings | None, units: Sequence[str]) -> str:
    if made is None:
        return "Inference. No inference was made."
    kinds = (
        "As the data are smooth, groups of frequencies were flipped besides blocks, and the larger p counts. "
        if made["frequencies"]
        else ""
    )
    parts = (
        "Unique parts: flips of the blocks' loss difference of nested models, one-sided. Shared parts: the same for "
        "the signed sum of losses, and no smaller p than that of any set of the sharing spaces adding to the others. "
        if len(units) > 1
        else ""
    )
    return (
        f"Inference. {made['permutations']} sign vectors over {made['n_blocks']} blocks of time of at least "
        f"{made['block_s']:.0f} s, the same for all targets; p = (b + 1)/(m + 1). Totals: models were fitted again "
        f"to the flipped responses, at the hyper-parameters they had chosen. {kinds}{parts}Family-wise p: the "
        "largest studentised value over targets; q: Benjamini and Hochberg. Intervals: Student's t over blocks, "
        "whose variance has added to it what pairs of blocks contribute twice, each trained on and tested."
    )


def _software(provenance: Settings) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in provenance["software"].items())
    return f"Software. {versions}; analysis {provenance['analysis']['name']} ({provenance['analysis_hash']})."


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return " and ".join(f"{key} {_plain(part)}" for key, part in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
