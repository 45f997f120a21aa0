"""Alice in Wonderland with stand-in models: the report says, region by region, that they do not beat the floor."""

import csv
import html
import os
import re
from pathlib import Path

import numpy as np
import pytest

from bids_app.analysis import preset_text
from bids_app.cli import main
from bids_app.demo.models import make_models

DATA = Path(os.environ.get("CONCORD_REALDATA", Path(__file__).parents[3] / "shared" / "data"))
ALICE = DATA / "alice"
REGIONS = ("LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG")
EXPECTED_R = np.array((0.22, 0.18, 0.29, 0.38, 0.38, 0.20))  # the README's, word rate, mean of 27 people
PEOPLE = ("18", "22", "23", "24", "26", "28")
SPEECH = "model: facebook/wav2vec2-base, layer: 8, window_s: 16, stride_s: 0.1"
SHARED = "shared_subspace: {between: [speech, language], against: [semantic, low_level]}"
FIT = "candidates: 20, alphas: [1.0e-5, 1.0e+10, 30], outer: by_run, inner: by_run"
CHANGES = (
    (SPEECH, "model: stand-in-wav2vec2, layer: 1, window_s: 2, stride_s: 1.0"),
    ("model: gpt2, layer: 8", "model: stand-in-gpt2, layer: 1"),
    ("model: gpt2", "model: stand-in-gpt2"),
    (SHARED, "group: {mean_response: true}"),
    (FIT, "candidates: 6, alphas: [1.0e+0, 1.0e+8, 9], outer: 5, inner: 5"),
    ("confounds: motion24+acompcor", "confounds: motion"),
)

pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not ALICE.is_dir(), reason=f"the real data are not at {DATA}"),
]


def analysis_text():
    text = preset_text("speech-language")
    for old, new in CHANGES:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    root = tmp_path_factory.mktemp("alice")
    words = re.findall(r'text = "([^"]+)"', (ALICE / "stimuli" / "alice.TextGrid").read_text(encoding="utf-8"))
    make_models(root / "models", [" ".join(words)])
    (root / "analysis.yaml").write_text(analysis_text())
    command = [str(ALICE), str(root / "out"), "participant", "group", "-d", str(ALICE / "derivatives" / "roi")]
    command += ["--space", "Brennan10mm", "--analysis", str(root / "analysis.yaml"), "--participant-label", *PEOPLE]
    assert main([*command, "--model-dir", str(root / "models"), "--offline"]) == 0
    return root / "out"


def text_of(path):
    return html.unescape(re.sub(r"<[^>]+>", " ", path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("report", [*(f"sub-{person}.html" for person in PEOPLE), "group.html"])
def test_no_stand_in_beats_the_floor_in_any_region(out, report):
    text = text_of(out / report)
    for subject in ("the full model", "speech", "language"):
        start = f"In none of 6 regions does {subject} predict more than the floor (word rate, envelope and position"
        at = text.index(start)
        assert all(region in text[at : at + 400] for region in REGIONS), subject


def test_word_rate_and_its_like_predict_as_the_readme_says(out):
    """Six people's mean is noisier than that of 27: positive where theirs is, and below it."""
    (path,) = (out / "group").glob("*desc-meanResponse_encoding.tsv")
    with path.open() as lines:
        rows = {row["name"]: row for row in csv.DictReader(lines, delimiter="\t")}
    r = np.array([float(rows[region]["floor_r"]) for region in REGIONS])
    assert (r > 0).sum() >= 5
    assert r.mean() < EXPECTED_R.mean() + 0.05
    assert np.corrcoef(r, EXPECTED_R)[0, 1] > 0.3


def test_time_alone_does_not_predict_and_the_audit_counts_contexts(out):
    text = text_of(out / "sub-18.html")
    assert "The autocorrelation control" in text
    assert "no sign of leakage" in text
    assert re.search(r"context of language\s+\d+ of 351 test samples draw on 32 words before them", text)
    assert "head motion: already regressed out of the responses, within run" in text
