"""The methods text of three analyses, its facts held against the run: the data on disk and the analysis file."""

import html
import re

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import tiny_ieeg
import tiny_study
from report_text import report_page

from bids_app.cli.concord import main

BANDED = """\
name: banded
features:
  rate: {kind: word_rate}
  loudness: {kind: melspectrogram, n_mels: 8, pca: 2}
response: {fmri: {confounds: motion, high_pass_s: 100}}
design: {fmri: {delays_s: [2, 4, 6], skip_onset_s: 10}}
fit: {candidates: 5, seed: 3, alphas: [0.01, 10000, 7]}
inference: {permutations: 63, block_s: {fmri: 40}}
"""
RIDGE = """\
name: ridge
features:
  length: {kind: word_length}
response: {fmri: {confounds: none, high_pass_s: null}}
design: {fmri: {delays_s: [4], skip_onset_s: 0}}
fit: {solver: ridge, outer: 4, inner: 3, alphas: [1, 1000, 4]}
inference: {permutations: 0}
baseline: {spaces: [word_rate], autocorrelation: false}
"""


def paragraphs(out_dir):
    """{first words: paragraph} of a person's methods text, as the report shows it."""
    text = html.unescape(report_page(out_dir / "sub-01.html"))
    plain = (re.sub(r"<[^>]+>", "", one) for one in re.findall(r"<p>(.*?)</p>", text, flags=re.DOTALL))
    heads = ("Features", "Responses", "Design", "Fit", "Baseline and controls", "Scores", "Inference", "Software")
    return {head: one for one in plain for head in heads if one.startswith(f"{head}. ")}


def run(root, bids, analysis, text=None):
    if text is not None:
        analysis.write_text(text)
    assert main([str(bids), str(root / "out"), "participant", "--analysis", str(analysis)]) == 0
    return paragraphs(root / "out")


def holds(said, facts):
    for head, these in facts.items():
        for fact in these:
            assert fact in said[head], (head, fact)


def images(bids):
    return [nib.load(path) for path in sorted(bids.rglob("*desc-preproc_bold.nii.gz"))]


def used_samples(image, run, skip_s, delay_s):
    """Counted anew: from `skip_s` after the first word to where the longest delay still sees the sound."""
    times_s = np.arange(image.shape[3]) * tiny_study.TR
    begin_s = tiny_study.words_of(run)[0] + skip_s if skip_s else 0.0
    return int(((times_s >= begin_s) & (times_s <= 125.0 + delay_s)).sum())


@pytest.mark.long
def test_banded_ridge_of_three_runs(tmp_path):
    bids, analysis = tiny_study.make_study(tmp_path, ("01",), (1, 2, 3))
    said = run(tmp_path, bids, analysis, BANDED)
    found, total = images(bids), sum(image.shape[3] for image in images(bids))
    voxels = int(np.prod(found[0].shape[:3]))
    used = sum(used_samples(image, number, 10.0, 6.0) for number, image in enumerate(found, 1))
    (table,) = {len(pd.read_csv(path, sep="\t")) for path in bids.rglob("*confounds*.tsv")}
    assert table == found[0].shape[3]
    assert "bumps" not in said["Baseline and controls"]  # no run is split by folds
    blocks = sum(
        int(tiny_study.TR * used_samples(image, number, 10.0, 6.0) / 40) for number, image in enumerate(found, 1)
    )
    holds(said, {
        "Responses": [
            f"{voxels} voxels in MNI152NLin2009cAsym, {voxels} of them usable, from {len(found)} ",
            "Six motion parameters and cosine drifts with periods over 100 s",
        ],
        "Design": [
            f"{used} of the {total} samples of 3 recordings are used, each tested once",
            "by 2, 4, 6 s",
            "the first 10 s after the first word",
        ],
        "Fit": [
            "(5 candidates, seed 3)",
            "7 values between 0.01 and 10000",
            "3 outer folds (by run",
        ],
        "Features": [
            "loudness: a log mel spectrogram (n_mels 8",
            "reduced to 2 principal components",
        ],
        "Baseline and controls": [
            "The baseline (word rate, envelope and position in the story)",
        ],
        "Scores": [
            "All 3 unions of rate and loudness",
        ],
        "Inference": [
            f"63 sign vectors over {blocks} blocks of time of at least 40 s",
        ],
        "Software": [
            "analysis banded (",
        ],
    })  # fmt: skip


def test_ridge_within_one_run(tmp_path):
    bids, analysis = tiny_study.make_study(tmp_path, ("01",), (1,))
    said = run(tmp_path, bids, analysis, RIDGE)
    (image,) = images(bids)
    everything = " ".join(said.values())
    for absent in ("anded", "candidates", "unions", "motion", "principal components of", "bumps", "sign vectors"):
        assert absent not in everything, absent
    holds(said, {
        "Features": [
            "length: word length in letters",
        ],
        "Responses": [
            "Nothing was regressed out",
            "from 1 recording",
        ],
        "Design": [
            f"{used_samples(image, 1, 0.0, 4.0)} of the {image.shape[3]} samples of 1 recording",
            "by 4 s",
        ],
        "Fit": [
            "Ridge regression with a penalty from 4 values between 1 and 1000",
            "inner folds (3 contiguous blocks)",
            "4 outer folds (4 contiguous blocks)",
        ],
        "Baseline and controls": [
            "The baseline (word rate)",
        ],
        "Inference": [
            "No inference was made",
        ],
    })  # fmt: skip


def test_words_of_electrodes(tmp_path):
    bids, analysis = tiny_ieeg.make_study(tmp_path)
    said = run(tmp_path, bids, analysis)
    onsets = {
        number: [start + onset for story, start in tiny_ieeg.stories_of(number)
                 for onset, _, _ in tiny_ieeg.words_of(story)]
        for number in tiny_ieeg.STARTS_S
    }  # fmt: skip
    inside = {number: [at for at in these if 0.55 <= at < 128.95] for number, these in onsets.items()}
    used, total = (sum(map(len, one.values())) for one in (inside, onsets))
    assert used < total
    assert re.search(r"127 sign vectors over \d+ blocks of time of at least 5 s", said["Inference"])
    assert "Lanczos" not in said["Design"]
    holds(said, {
        "Design": [
            f"{used} of the {total} words of {len(onsets)} recordings are used",
            "for 31 lags from -0.5 to 1 s",
            "(-0.55 to 1.05 s from the onset)",
        ],
        "Responses": [
            "3 electrodes, 3 of them usable, from 2 recordings",
            "resampled to 100 Hz",
        ],
        "Fit": [
            "2 outer folds (by run",
        ],
    })  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("gone", ["run-2", "confounds"])
def test_other_data_make_another_text(tmp_path, gone):
    bids, analysis = tiny_study.make_study(tmp_path, ("01",), (1, 2, 3))
    for path in list(bids.rglob(f"*{gone}*")):
        path.unlink()
    text = BANDED if gone == "run-2" else BANDED.replace("confounds: motion", "confounds: none")
    said = run(tmp_path, bids, analysis, text)
    assert ("from 2 recordings" in said["Responses"]) == (gone == "run-2")
    assert ("Six motion parameters" in said["Responses"]) == (gone == "run-2")
    assert ("2 outer folds" in said["Fit"]) == (gone == "run-2")
