"""Alice in Wonderland with stand-in models: the report says, region by region, that they do not beat the baseline."""

import html
import os
import re
from pathlib import Path

import pytest
from report_text import report_page, report_text

from bids_app.cli.concord import main
from bids_app.demo.models import make_models
from bids_app.settings.load import preset_text

DATA = Path(os.environ.get("CONCORD_REALDATA", Path(__file__).parents[4] / "shared" / "data"))
ALICE = DATA / "alice"
REGIONS = ("LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG")
PEOPLE = ("18", "22", "23")
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
    pytest.mark.long,
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


def verdicts(path):
    """(subject, parcels where it beats the baseline, parcels where not), as the report says."""
    pattern = (
        r"In (none|\d) of 6 parcels (?:does )?(the full model|\w+) (?:significantly )?predicts? more than "
        r"the baseline [^<]*"
    )
    for said in re.finditer(pattern, html.unescape(report_page(path))):
        beaten, _, missed = said[0].partition("not significant")
        names = [set(re.findall("|".join(REGIONS), part)) for part in (beaten, missed)]
        yield said[2], *((set(), names[0]) if said[1] == "none" else names)


def test_each_region_is_named_and_stand_ins_do_not_beat_the_baseline(out):
    """At most what chance allows: 9 of 10 family-wise tests of three people's models find nothing."""
    claims = 0
    for report in (*(f"sub-{person}.html" for person in PEOPLE), "group.html"):
        found = {subject: (won, lost) for subject, won, lost in verdicts(out / report)}
        assert {"the full model", "speech", "language"} <= set(found)
        for subject in ("speech", "language"):
            won, lost = found[subject]
            assert won | lost == set(REGIONS)
            assert not won & lost
            claims += bool(won)
    assert claims <= 1


def test_time_alone_does_not_predict_and_the_audit_counts_contexts(out):
    text = report_text(out / "sub-18.html")
    assert "The autocorrelation control" in text
    assert "no sign of leakage" in text
    assert re.search(r"context of language\s+\d+ of 351 test samples draw on 32 words before them", text)
    assert "head motion (already regressed out of the responses, within run)" in text
