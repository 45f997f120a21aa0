"""A shared subspace and a residual through the command line: planted parts come back, and nothing on noise."""

import csv
import re

import h5py
import numpy as np
import pytest
from report_text import report_text
from tiny_study import SHAPE, TR, N, make_study, words_of, write_run
from written_maps import definition_of
from written_units import read_units

from bids_app import encoding
from bids_app.cli.concord import main

RUNS = (1, 2, 3, 4, 5, 6)
ANALYSIS = """\
name: shared
features:
  semantic: {kind: file, path: "{stem}_semantic.h5"}
  speech: {kind: file, path: "{stem}_speech.h5"}
  language: {kind: file, path: "{stem}_language.h5"}
  beyond: {kind: contextual_residual, contextual: language, static: semantic}
response: {fmri: {confounds: motion, high_pass_s: 128}}
design: {fmri: {delays_s: [2, 4, 6], skip_onset_s: 10}}
fit: {candidates: 8, alphas: [0.1, 10000, 7]}
partition: {spaces: [semantic, beyond]}
inference: {permutations: 99}
shared_subspace: {between: [speech, language], against: [semantic], components: COMPONENTS, fit: FIT}
"""
PARTS = ("context", "static", "speech", "language")  # planted in voxels with i = 0, 1, 2, 3; none where i = 4


def latents(run):
    rng = np.random.default_rng(1000 + run)
    return {part: rng.standard_normal((len(words_of(run)), 2)) for part in PARTS}


def write_features(folder, run):
    """Language and semantic rows by word; speech as frames, ten a second, that last as long as their word."""
    onsets, found = words_of(run), latents(run)
    rng, bases = np.random.default_rng(run), np.random.default_rng(7)
    mixes = [2 * np.linalg.qr(bases.standard_normal((wide, dims)))[0].T for dims, wide in ((6, 10), (6, 8), (2, 4))]
    language = np.hstack([found["context"], found["static"], found["language"]]) @ mixes[0]
    speech = np.hstack([found["context"], found["static"], found["speech"]]) @ mixes[1]
    semantic = found["static"] @ mixes[2]
    for name, values in (("language", language), ("semantic", semantic)):
        with h5py.File(folder / f"story{run}_{name}.h5", "w") as held:
            held["values"] = values + 0.3 * rng.standard_normal(values.shape)
            held["times_s"], held["onsets_s"] = onsets + 0.25, onsets
    times = np.arange(1, 1250) * 0.1
    at = np.clip(np.searchsorted(onsets, times) - 1, 0, len(onsets) - 1)
    with h5py.File(folder / f"story{run}_speech.h5", "w") as held:
        held["values"] = speech[at] + 0.3 * rng.standard_normal((len(times), 8))
        held["times_s"] = times


def bold(run, person):
    rng, onsets = np.random.default_rng(100 * person + run), words_of(run)
    data = 100 + rng.normal(size=(*SHAPE, N))
    for i, part in enumerate(latents(run).values()):
        heard = encoding.resample(part.sum(axis=1)[:, None], onsets + 0.25, np.arange(N) * TR - 4.0, TR, "events")
        data[i] += heard[:, 0] / 2
    return data.astype(np.float32)


def make(root, components="null", fit="training"):
    bids, _ = make_study(root, ("01",), RUNS)
    for run in RUNS:
        write_features(bids / "stimuli", run)
        write_run(bids, bids / "derivatives" / "fmriprep", "01", run, bold(run, 1))
    (root / "shared.yaml").write_text(ANALYSIS.replace("COMPONENTS", components).replace("FIT", fit))
    return bids, root / "shared.yaml"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("shared")
    bids, analysis = make(root)
    assert main([str(bids), str(root / "out"), "participant", "group", "--analysis", str(analysis)]) == 0
    return root


@pytest.fixture(scope="module")
def parts(study):
    """Component → (5,) median over the voxels of one planted part."""
    (unit,) = read_units(study / "out", ["01"])
    planted = np.array([int(name.split(",")[0]) for name in unit.targets.names])
    return {
        name: np.array([np.median(np.asarray(stats["rsquared"])[planted == i]) for i in range(5)])
        for name, stats in unit.partition.values.items()
    }


def test_shared_and_private_parts_come_back(parts):
    full = parts["subspaceFull"]
    assert (full[:4] > 0.3).all()
    assert (parts["subspaceUniqueShared"][:2] > 0.75 * full[:2]).all()
    assert parts["subspaceUniqueSpeechRest"][2] > 0.75 * full[2]
    assert parts["subspaceUniqueLanguageRest"][3] > 0.75 * full[3]
    assert (parts["subspaceUniqueShared"][2:4] < 0.1).all()


def test_what_is_shared_is_static_or_beyond_it(parts):
    shared = parts["againstShared"]
    assert parts["againstUniqueShared"][0] > 0.8 * shared[0]
    assert parts["againstSharedSharedSemantic"][1] > 0.8 * shared[1]
    assert abs(parts["againstUniqueShared"][1]) < 0.1
    assert abs(parts["againstSharedSharedSemantic"][0]) < 0.1


def test_a_residual_is_a_space_of_the_partition(parts):
    assert parts["beyond"][0] > 0.25
    assert parts["beyond"][3] > 0.25
    assert parts["beyond"][1] < 0.1 < parts["semantic"][1]


def test_nothing_is_found_in_noise(parts):
    assert {name: value[4] for name, value in parts.items() if abs(value[4]) > 0.03} == {}


def test_the_table_tells_each_folds_pairs(study):
    (path,) = (study / "out" / "sub-01" / "func").glob("*_desc-subspace_encoding.tsv")
    rows = list(csv.DictReader(path.read_text().splitlines(), delimiter="\t"))
    kept = [row for row in rows if row["kept"] == "yes"]
    assert {row["fold"] for row in rows} == {str(fold) for fold in range(6)}
    assert 6 * 4 <= len(kept) <= 6 * 4 + 2  # two dimensions of context, two of static meaning; some by chance
    assert all(float(row["correlation_held_out"]) > float(row["null_95"]) for row in kept)
    sidecar = path.with_suffix(".json").read_text()
    assert all(f'"{column}"' in sidecar for column in rows[0])


def test_the_report_says_it_in_words(study):
    text = report_text(study / "out" / "sub-01.html")
    assert re.search(r"anew in each of 6 outer folds\. It has 4 (to 5 )?pairs of canonical variates\.", text)
    assert "Beyond semantic it has" in text
    assert "in-sample" not in text
    described = (study / "out" / "descriptions.tsv").read_text()
    assert "desc-againstSharedSharedSemantic\tshared subspace: what exactly shared and semantic share" in described


@pytest.mark.long
def test_an_in_sample_fit_is_named_so_everywhere(study, tmp_path):
    text = ANALYSIS.replace("COMPONENTS", "4").replace("FIT", "all")
    (tmp_path / "paper.yaml").write_text(text)
    command = [str(study / "bids"), str(tmp_path / "out"), "participant", "--analysis", str(tmp_path / "paper.yaml")]
    assert main(command) == 0
    (unit,) = read_units(tmp_path / "out", ["01"])
    made = {one.name: tuple(one.groups) for one in unit.partition.extra}
    assert set(made) == {"inSampleSubspace", "inSampleAgainst", "inSampleOwn"}
    assert made["inSampleOwn"] == ("speechShared", "languageShared")
    assert "in-sample" in report_text(tmp_path / "out" / "sub-01.html")
    folder = tmp_path / "out" / "sub-01" / "func"
    stats = unit.partition.values["inSampleOwnSpeechShared"]
    assert len(stats) == 13  # R², r, what was inferred, and two shares of the full value with their limits
    for stat in {*stats} - {"p", "pfwe", "q", "ci025", "ci975"}:
        assert "test stimuli included" in definition_of(folder, "inSampleOwnSpeechShared", stat)


@pytest.mark.long
def test_findings_of_two_models_on_bold(study, tmp_path):
    text = ANALYSIS.replace("COMPONENTS", "4").replace("FIT", "training").replace("[semantic, beyond]", "PARTITION")
    (tmp_path / "two.yaml").write_text(text.replace("PARTITION", "[semantic, speech, language]"))
    command = [str(study / "bids"), str(tmp_path / "out"), "participant", "--analysis", str(tmp_path / "two.yaml")]
    assert main(command) == 0
    folder = tmp_path / "out" / "sub-01" / "func"
    assert definition_of(folder, "agreementSpeechLanguage", "r")
    assert definition_of(folder, "agreementSpeechLanguage", "ci025").startswith("Lower end")
    (path,) = folder.glob("*_desc-findings_encoding.tsv")
    rows = list(csv.DictReader(path.read_text().splitlines(), delimiter="\t"))
    shares = {
        row["name"]: float(row["value"]) for row in rows if (row["kind"], row["targets"]) == ("share", "reliable")
    }
    assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
    for part in ("sharedContext", "sharedSemantic", "speechAlone", "languageAlone"):
        assert shares[part] == pytest.approx(0.25, abs=0.1)  # as much of each is planted, in voxels of their own
    said = report_text(tmp_path / "out" / "sub-01.html")
    assert "Comparison. Shared context explains neither reliably more nor less than" in said
