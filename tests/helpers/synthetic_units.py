"""Made-up results of every kind of target, with known numbers in them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from bids_app.records import (
    Alignment,
    AlignmentLine,
    AnalysisProvenance,
    BaselineModel,
    ControlsProvenance,
    Course,
    DesignProvenance,
    DesignSpec,
    Drift,
    DroppedSamples,
    EpochSpec,
    Excluded,
    Extent,
    FeatureFacts,
    FeatureProvenance,
    Fit,
    FitSpec,
    FoldAudit,
    InferenceProvenance,
    Lags,
    Minute,
    Partition,
    PlayingAlignment,
    Provenance,
    Recording,
    ResponseProvenance,
    ResponseSpec,
    RunSettings,
    Span,
    SpanAccount,
    StartAccount,
    StatedInterval,
    StimulusEvent,
    Targets,
    UnitResult,
    partition_components,
)

BASELINE_LABELS = {
    "baseline_word_rate": "word rate",
    "baseline_envelope": "envelope",
    "baseline_position": "position in the story",
    "baseline_motion": "head motion",
}
GROUPS = ("low_level", "semantic", "speech", "language")
BANDS = ("acoustic", "phonetic", "semantic", "speech", "language")
MNI = "MNI152NLin2009cAsym"
ANALYSIS = {
    "name": "speech-language",
    "pool": ["session", "task", "run"],
    "stimuli": {"words": None},
    "features": {
        "acoustic": {"kind": "melspectrogram", "pca": 8, "n_mels": 80},
        "phonetic": {"kind": "articulatory", "pca": None},
        "semantic": {"kind": "word_embedding", "pca": None, "model": "stand-in/gpt2"},
        "speech": {"kind": "speech_model", "pca": None, "model": "stand-in/wav2vec2", "layer": 2, "window_s": 4.0},
        "language": {"kind": "language_model", "pca": None, "model": "stand-in/gpt2", "layer": 1},
    },
    "fit": {"solver": "banded_ridge", "candidates": 20, "alphas": [1e-5, 1e10, 30], "outer": "by_run",
            "inner": "by_run", "seed": 7},
    "partition": {"spaces": list(BANDS), "groups": {"low_level": ["acoustic", "phonetic"]}},
    "group": {"mean_response": False},
    "baseline": {"spaces": ["word_rate", "envelope", "position", "motion"], "autocorrelation": True},
    "controls": [],
}  # fmt: skip
HASH = "0123456789abcdef"
SETTINGS = {
    "acoustic": FeatureFacts("melspectrogram", {"n_mels": 80}, 8, "a log mel spectrogram"),
    "phonetic": FeatureFacts("articulatory", label="articulatory features of the phones"),
    "semantic": FeatureFacts("word_embedding", {"model": "stand-in/gpt2"}, label="static word vectors"),
    "speech": FeatureFacts(
        "speech_model",
        {"model": "stand-in/wav2vec2", "layer": 2, "window_s": 4.0},
        label="a speech model's hidden states",
    ),
    "language": FeatureFacts(
        "language_model", {"model": "stand-in/gpt2", "layer": 1}, label="a language model's hidden states"
    ),
}
RESOLVED = AnalysisProvenance(
    name="speech-language",
    hash=HASH,
    pool=("session", "task", "run"),
    features=SETTINGS,
    spaces=BANDS,
    groups={"low_level": ("acoustic", "phonetic"), **{name: (name,) for name in BANDS[2:]}},
    fit=FitSpec("banded_ridge", 20, (1e-5, 1e10, 30), "by_run", "by_run", 7),
)


def provenance(modality, delays, labels):
    """How a made-up unit came about."""
    fmri = modality == "fmri"
    spaces = {
        name: FeatureProvenance(settings.kind, "", "", "offset", causal=True) for name, settings in SETTINGS.items()
    }
    spaces["speech"] = replace(spaces["speech"], model="stand-in/wav2vec2", stand_in=True, weights_sha256="ab" * 32)
    return Provenance(
        analysis=RESOLVED,
        unit_key="k" * 64,
        modality=modality,
        spaces=spaces,
        software={"concord": "0.1.0", "torch": "2.13.0"},
        run=RunSettings("cpu", None, None),
        design=DesignProvenance(
            DesignSpec(delays, 20.0 if fmri else 0.0, "offset" if fmri else "onset"), 2.0 if fmri else 0.01, 14.0
        ),
        response=ResponseProvenance(
            ResponseSpec("motion24+acompcor", 128.0)
            if fmri
            else ResponseSpec("none", None, 100.0, "run", (70.0, 150.0))
        ),
        samples=dict.fromkeys(labels, (280, 300)),
        inference=None,
        controls=ControlsProvenance(BaselineModel(), "not asked for", ()),
        contexts={},
    )


def volume_targets(shape=(20, 24, 20), size_mm=8.0):
    """An ellipsoid of voxels in MNI space."""
    affine = np.diag([size_mm, size_mm, size_mm, 1.0])
    affine[:3, 3] = [-76, -110, -68]
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    mm = grid * size_mm + affine[:3, 3]
    inside = (((mm - [0, -18, 10]) / [66, 84, 62]) ** 2).sum(axis=-1) < 1
    index = np.argwhere(inside)
    return Targets("volume", MNI, tuple(",".join(map(str, voxel)) for voxel in index), index, shape, affine)


def surface_targets(n=10242, space="fsaverage5"):
    index = np.array([(side, vertex) for side in (0, 1) for vertex in range(n)])
    return Targets("surface", space, tuple(f"{'LR'[side]}:{vertex}" for side, vertex in index), index, (n, n))


def parcel_targets(names=("LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG")):
    return Targets("parcels", "Brennan10mm", tuple(names))


def electrode_targets(n=30, names=None, seed=0):
    rng = np.random.default_rng(seed)
    xyz_mm = np.column_stack([-rng.uniform(40, 65, n), rng.uniform(-60, 30, n), rng.uniform(-20, 40, n)])
    xyz_mm[-1] = np.nan  # one electrode has no position
    names = names or tuple(f"LT{number}" for number in range(1, n + 1))
    table = {
        "name": names, "type": ("SEEG",) * n, "units": ("V",) * n, "low_cutoff": ("Inf",) * n,
        "high_cutoff": ("150",) * n, "status": ("good",) * n,
    }  # fmt: skip
    return Targets("electrodes", MNI, names, xyz_mm=xyz_mm, table=table)


def scores(targets, groups=GROUPS, seed=0):
    """Parts that sum to the full R²: speech on the left, language in front, the first target unusable."""
    rng = np.random.default_rng(seed)
    n = len(targets.names)
    position = np.linspace(0, 1, n)
    sizes = {"uniqueSpeech": 0.12 * position, "uniqueLanguage": 0.12 * (1 - position), "sharedSpeechLanguage": 0.05}
    parts = [one.label for one in partition_components(groups) if one.is_part]
    values = {part: (sizes.get(part, 0.0) + 0.01 * rng.normal(size=n)).astype(np.float32) for part in parts}
    full = np.sum(list(values.values()), axis=0)
    totals = {"full": {"rsquared": full, "r": np.sqrt(np.abs(full))}}
    for one in partition_components(groups)[1 : 1 + len(groups)]:
        totals[one.label] = {"rsquared": 0.6 * full, "r": np.sqrt(np.abs(0.6 * full))}
    found = {**totals, **{part: {"rsquared": one} for part, one in values.items()}}
    for label, stats in found.items():
        if label.startswith("unique"):
            stats["r"] = np.sign(stats["rsquared"]) * np.sqrt(np.abs(stats["rsquared"]))
    for stats in found.values():
        for one in stats.values():
            one[0] = np.nan
    return Partition(groups, found)


LAGS_S = tuple(np.round(np.arange(-1, 1.01, 0.1), 9))
EPOCH = EpochSpec(tuple(map(float, LAGS_S)), 0.1, (0.0, 0.5))


def with_words(unit):
    """Rows are words: every score by lag, highest 0.2 s after the onset, later in later electrodes."""
    n = len(unit.targets.names)
    peak_s = 0.2 + 0.3 * np.arange(n)[:, None] / n
    shape = np.exp(-(((np.array(LAGS_S) - peak_s) / 0.2) ** 2))
    by_lag = {
        name: {stat: np.asarray(values)[:, None] * shape for stat, values in stats.items()}
        for name, stats in unit.partition.values.items()
    }
    design = unit.provenance.design
    design = replace(design, spec=replace(design.spec, delays_s=(0.0,), epoch=EPOCH))
    fit = replace(unit.fit, delays_s=(0.0,), profile={band: one[:1] for band, one in unit.fit.profile.items()})
    lags = Lags(LAGS_S, Partition(unit.partition.groups, by_lag))
    return replace(unit, lags=lags, fit=fit, provenance=replace(unit.provenance, design=design))


INFERENCE = InferenceProvenance(
    permutations=500, n_blocks=41, effective_blocks=38.2, block_s=60.0, frequencies=True, level=0.05
)


def with_inference(unit):
    """Every component significant in the second target alone."""
    n = len(unit.targets.names)
    p = np.where(np.arange(n) == 1, 0.002, 0.5)
    p[0] = np.nan
    values = {
        name: {**stats, "p": p, "pfwe": p, "q": p, "ci025": stats["rsquared"] - 0.1, "ci975": stats["rsquared"] + 0.1}
        for name, stats in unit.partition.values.items()
    }
    partition = replace(unit.partition, values=values)
    return replace(unit, partition=partition, provenance=replace(unit.provenance, inference=INFERENCE))


def make_fit(partition, delays, bands=BANDS):
    n = len(partition.values["full"]["rsquared"])
    curve = np.exp(-((np.arange(len(delays)) - 1) ** 2) / 2)[:, None]
    rng = np.random.default_rng(0)
    profile = {band: curve * (0.1 + 0.02 * number + 0.02 * rng.random(n)) for number, band in enumerate(bands)}
    folds = tuple(
        FoldAudit(k, (f"run-{k}",), tuple(f"run-{j}" for j in range(4) if j != k), 840, 280, 0, 3) for k in range(4)
    )
    full = partition.values["full"]
    alpha = 10 ** rng.integers(-2, 4, (len(folds), n)).astype(float)
    shares = rng.dirichlet(np.ones(len(bands)), (len(folds), n))
    alpha[:, 0] = shares[:, 0] = np.nan
    return Fit(
        (partition.groups,), full["rsquared"][None], full["r"][None], np.zeros((1, n)), profile, delays, folds,
        alpha=alpha, band_weights={band: shares[..., number] for number, band in enumerate(bands)},
    )  # fmt: skip


def make_recording(label, person, modality, kind, space, entities):
    return Recording(
        participant=person, modality=modality, kind=kind, space=space, entities=entities,
        paths=(Path(f"/nowhere/{label}.nii.gz"),), rate_hz=0.5 if modality == "fmri" else 512.0, start_s=1.0,
        stimuli=(StimulusEvent(-3.5, "story.wav", 300.0),),
        sources=(f"bids:fmriprep:sub-{person}/func/{label}.nii.gz",),
    )  # fmt: skip


def make_alignment(label, severity="warning"):
    """Account of a recording whose words end after its sound."""
    playing = PlayingAlignment(
        stimulus="story.wav", onset_s=-3.5, n_rows=2, file_s=300.0, event_s=300.5, transcript_s=301.0,
        heard_share=0.98, n_words=800, words_in_sound=0.99, words_in_event=None, empty_words=0, times_heard=1,
    )  # fmt: skip
    return Alignment(
        recording=label,
        extents=(Extent("derivative", 155, 310.0), Extent("events", None, 297.0)),
        intervals=(StatedInterval("sidecar", 2.0, 0.05), StatedInterval("header", 2.0, 0.0)),
        start=StartAccount(1.0, "sidecar"),
        playings=(playing,),
        lines=(
            AlignmentLine("fine", "sampling interval", "2 s, as the header says too"),
            AlignmentLine(severity, "word times", "story.wav: 1.0% of the words end after the sound does"),
        ),
        dropped=DroppedSamples(160, 5, 2, "outliers.tsv"),
        gaps=(SpanAccount("file", ((10.0, 2.0),)),),
        bad_spans=(SpanAccount("events.tsv", ((20.0, 1.5), (30.0, 1.0))),),
        line_hz=50.0,
        drift=Drift(0.012, 0.003, 4, ("music 3",)),
    )


def make_unit(targets, person="01", rest="task-story_space-MNI152NLin2009cAsym", seed=0, groups=GROUPS, warnings=()):
    modality = "ieeg" if targets.kind == "electrodes" else "fmri"
    delays = (0.0, 0.1, 0.2, 0.3) if modality == "ieeg" else (2.0, 4.0, 6.0, 8.0)
    stem = f"sub-{person}_{rest}" if person else rest
    labels = [f"{stem}_run-{run}_bold" for run in (1, 2)]
    partition = scores(targets, groups, seed)
    return UnitResult(
        stem=stem, participant=person, modality=modality, space=targets.space, targets=targets, partition=partition,
        fit=make_fit(partition, delays), alignments=tuple(map(make_alignment, labels)), warnings=tuple(warnings),
        recordings=tuple(
            make_recording(label, person, modality, targets.kind, targets.space, {"sub": person}) for label in labels
        ),
        excluded=(Excluded(person, f"{stem}_run-3_bold", "events without stim_file"),),
        provenance=provenance(modality, delays, labels),
    )  # fmt: skip


def all_kinds(person="01", seed=0):
    return (
        make_unit(volume_targets(), person, f"task-story_space-{MNI}_res-2", seed, warnings=("masks differ",)),
        make_unit(surface_targets(), person, "task-story_space-fsaverage5", seed),
        make_unit(parcel_targets(), person, "task-story_seg-Brennan10mm", seed),
        make_unit(electrode_targets(seed=seed), person, "task-pooled", seed),
    )  # fmt: skip


SPOKEN = ("the", "the", "$x_{", "<b>", "a\tb")
MINUTE = Minute(
    recording="sub-01_task-story_run-1_bold",
    from_s=20.0,
    target="LIFG",
    spans=(
        Span("playing", "story.wav", -3.5, 300.0),
        *(Span("word", text, 20.5 + number, 0.25) for number, text in enumerate(SPOKEN)),
    ),
    courses=(
        Course("envelope", "envelope", 20 + np.arange(600) / 10, np.full(600, 0.25)),
        Course("feature", "speech", 20 + np.arange(60.0), np.linspace(-1.5, 2.5, 60)),
        Course("feature", "language", 20.75 + np.arange(5.0), np.array([1, 2, -1, 0, 3.0]), is_events=True),
        Course("response", "LIFG", 20 + 2 * np.arange(30.0), np.linspace(-2, 3, 30)),
    ),
)
