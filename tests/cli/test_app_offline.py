"""--offline: a whole run with models while any use of the network raises, and what a missing model says."""

import subprocess
import sys
from pathlib import Path

import pytest
from tiny_study import make_study

from bids_app.demo.models import LANGUAGE, SPEECH, make_models

ANALYSIS = f"""
name: models
features:
  speech: {{kind: speech_model, model: {SPEECH}, layer: 1, window_s: 2, stride_s: 1, pca: 2}}
  language: {{kind: language_model, model: {LANGUAGE}, layer: 1, pca: 2}}
response: {{fmri: {{confounds: motion, high_pass_s: 128}}}}
design: {{fmri: {{delays_s: [4], skip_onset_s: 10}}}}
fit: {{candidates: 2, alphas: [0.01, 10000, 3]}}
inference: {{permutations: 20}}
"""
BLOCKED = """
import socket, sys
def refuse(*args, **kwargs):
    raise AssertionError("the network was touched")
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = socket.create_connection = socket.gethostbyname = refuse
from bids_app.cli.concord import main
assert "huggingface_hub" not in sys.modules
code = main(sys.argv[1:])
from huggingface_hub import constants
assert constants.HF_HUB_OFFLINE
sys.exit(code)
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    make_study(root, people=("01",))
    make_models(root / "models", ["the quick brown fox", "w1 w2 w3"])
    (root / "models.yaml").write_text(ANALYSIS)
    return root


def concord(study: Path, analysis: str, out: str, monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    given = [study / "bids", study / out, "participant", "--analysis", study / analysis]
    command = [sys.executable, "-c", BLOCKED, *map(str, given), "--model-dir", str(study / "models"), "--offline"]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.long
def test_a_whole_run_touches_no_network(study, monkeypatch):
    done = concord(study, "models.yaml", "out", monkeypatch)
    assert done.returncode == 0, done.stderr
    stored = [path.name for path in (study / "out/stimuli").rglob("*.h5")]
    assert len(stored) == (2 + 3) * 3  # spaces and the baseline, of every story
    assert list((study / "out/sub-01").rglob("*_statmap.nii.gz"))


def test_a_missing_model_is_one_line_with_the_command_that_fetches_it(study, monkeypatch):
    (study / "absent.yaml").write_text(ANALYSIS.replace(f"model: {LANGUAGE}", "model: org/absent"))
    done = concord(study, "absent.yaml", "other", monkeypatch)
    assert done.returncode == 66  # before anything is computed
    (line,) = done.stderr.splitlines()
    assert "org/absent" in line
    assert "concord-tools prefetch --analysis" in line
