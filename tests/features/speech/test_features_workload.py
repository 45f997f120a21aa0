"""What a dry run says of time: as much as a run computes, and another way where there is one."""

import pytest
import torch
from tiny_models import noise, stimulus
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bids_app import features
from bids_app.durations import in_words
from bids_app.features import registry
from bids_app.features.base import pace
from bids_app.features.transformers import hidden_layers
from bids_app.records import FeatureSpec, ModelSource

ASKED = {"layer": 2, "window_s": 0.8, "stride_s": 0.1}
KINDS = ["tiny-w2v", "org/tiny-hubert", "tiny-wavlm", "tiny-data2vec", "tiny-w2v-bert", "short-whisper"]


def resolved(**options):
    return features.resolve(FeatureSpec("speech", "speech_model", {"model": "tiny-w2v", **ASKED, **options}))


def workload(spec, source, *durations_s):
    return features.family_of(spec).workload(spec, source, durations_s)


@pytest.mark.parametrize("options", [{}, {"refresh_s": 0.4}, {"mode": "utterance"}, {"layer": 1}], ids=str)
@pytest.mark.parametrize("model", KINDS)
def test_it_is_about_what_a_run_computes(model, options, source, monkeypatch):
    if "refresh_s" in options and model not in ("tiny-w2v", "org/tiny-hubert", "tiny-data2vec"):
        pytest.skip("cannot be approximated")
    spec, heard, counted = resolved(model=model, **options), stimulus(noise(2.0)), []

    def counting(given, **inputs):
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            try:
                return given(**inputs)
            finally:
                counted.append(counter.get_total_flops())

    features.extract(heard, spec, source)  # the trial
    monkeypatch.setattr(hidden_layers, "run_model", counting)
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # within it parametrised weights cannot be counted
    features.extract(heard, spec, source)
    # of one block, or two, it is much that the topmost is computed for wanted frames alone, and much that positions
    # are convolved twice where rows share windows
    fewest = 0.5 if "refresh_s" in options else 0.95
    assert fewest < workload(spec, source, 2.0).operations / sum(counted) < 1.9


def test_it_grows_with_what_is_asked(source):
    once = workload(resolved(), source, 20.0).operations
    assert workload(resolved(), source, 20.0, 20.0).operations == 2 * once
    assert workload(resolved(stride_s=0.2), source, 20.0).operations == pytest.approx(once / 2, rel=0.02)
    assert workload(resolved(layer=1), source, 20.0).operations < once
    assert workload(resolved(refresh_s=0.5), source, 20.0).operations < once / 2


def test_the_quicker_way_is_the_one_that_is_named(source):
    how, operations = workload(resolved(), source, 20.0).quicker
    assert how == "refresh_s: 1"
    assert operations == workload(resolved(refresh_s=1.0), source, 20.0).operations
    assert workload(resolved(stride_s=0.3), source, 20.0).quicker[0] == "refresh_s: 0.9"
    for options in (
        {"refresh_s": 0.5},
        {"mode": "utterance"},
        {"stride_s": 1.0},
        {"model": "tiny-wavlm"},
        {"model": "short-whisper"},
    ):
        assert workload(resolved(**options), source, 20.0).quicker is None


@pytest.mark.parametrize(
    ("spec", "device"),
    [
        (FeatureSpec("m", "melspectrogram", {}), "cpu"),
        (FeatureSpec("d", "speech_model", {"model": "short-whisper", "part": "decoder", "layer": 1}), "cpu"),
        (FeatureSpec("s", "speech_model", {"model": "tiny-w2v", **ASKED}), "cuda"),
    ],
    ids=["mel", "decoder", "gpu"],
)
def test_nothing_is_said_where_it_is_not_known(spec, device, source):
    assert (
        registry.expected_seconds(features.resolve(spec), ModelSource(source.model_dir, True, device), [9.0], 1)
        is None
    )


@pytest.mark.parametrize(("longest", "named"), [(0.0, True), (1e9, False)])
def test_the_line_names_it_where_the_exact_way_is_long(longest, named, source, monkeypatch):
    monkeypatch.setattr(registry, "LONG_S", longest)
    monkeypatch.setattr(pace, "speed", lambda threads: 1e6 / registry.SHARE_OF_PRODUCTS * threads)
    spec, (minutes, approximately) = resolved(), (5.0 * 60, 300.0 * 60)
    work = workload(spec, source, minutes, approximately)
    line = registry.expected_seconds(spec, source, [minutes, approximately], threads=2).said
    assert line.startswith("feature 'speech': about ")
    assert f"about {in_words(work.operations / 2e6)} to compute 5 h of sound" in line
    assert (f"with 'refresh_s: 1' about {in_words(work.quicker[1] / 2e6)}, approx" in line) == named


def test_the_speed_of_a_product_leaves_threads_as_they_were():
    before = torch.get_num_threads()
    assert pace.speed(before + 1) > 1e8
    assert torch.get_num_threads() == before
