"""Planted truth that a wrong time axis or swapped spaces must fail."""

import numpy as np
import pytest

from bids_app import encoding
from bids_app.records import Features, FitSpec, Run

SPEC = FitSpec(candidates=9, alphas=(1e-1, 1e5, 8))
TR = 2.0
DELAYS_S = (2.0, 4.0, 6.0, 8.0)


def heard_run(seed, latency_s, delays_s, clock_error_s=0.0):
    """A response to 120 words, `latency_s` after them; the design is built on a clock that is off by the error."""
    rng = np.random.default_rng(seed)
    words_s = np.cumsum(rng.gamma(2.0, 1.5, 120))
    values = rng.standard_normal((120, 2)).astype("f4")
    times_s = np.arange(200) * TR + 0.7
    words = Features("words", values, words_s, "events")
    band = encoding.make_band([(words, 0.0)], times_s + clock_error_s, delays_s, TR, "offset")
    signal = encoding.resample(values, words_s, times_s - latency_s, TR, "events")
    Y = signal @ [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]] + 0.3 * rng.standard_normal((200, 3))
    return Run(f"run-{seed}", {"words": band}, Y, times_s, (f"{seed}",))


def fir(latency_s, delays_s=DELAYS_S, clock_error_s=0.0):
    runs = [heard_run(seed, latency_s, delays_s, clock_error_s) for seed in range(3)]
    design = encoding.build_design(runs, "by_run", delays_s, {}, 8.0)
    return encoding.fit(design, {"words": ("words",)}, SPEC)


@pytest.mark.parametrize("clock_error_s", [-TR / 2, TR / 2])
def test_half_a_tr_wrong_is_seen(clock_error_s):
    right, wrong = fir(4.0, (4.0,)), fir(4.0, (4.0,), clock_error_s)
    assert (right.rsquared > 0.8).all()
    assert (right.rsquared - wrong.rsquared > 0.2).all()
    profile = fir(4.0, clock_error_s=clock_error_s).profile["words"]
    top = np.sort(profile, axis=0)
    assert (top[-1] < 1.5 * top[-2]).all()  # two neighbouring delays share what one should have


@pytest.mark.parametrize("shift", [-1, 1])
def test_a_clock_one_tr_wrong_moves_the_profile_by_one_tr(shift):
    found = fir(6.0, clock_error_s=shift * TR)
    peaks_s = np.asarray(DELAYS_S)[found.profile["words"].argmax(axis=0)]
    assert (peaks_s == 6.0 + shift * TR).all()
    assert (np.asarray(DELAYS_S)[fir(6.0).profile["words"].argmax(axis=0)] == 6.0).all()


def shared_runs(seed=1, noise=1.5):
    """a = [latent, own a], b = [latent, own b]; targets follow the latent, a's own part, b's own part."""
    rng = np.random.default_rng(seed)
    runs = []
    for number in range(4):
        latent, a, b = (rng.standard_normal((250, 1, 2)) for _ in range(3))
        bands = {"a": np.concatenate([latent, a], axis=2), "b": np.concatenate([latent, b], axis=2)}
        signal = np.stack([part[:, 0].sum(axis=1) for part in (latent, a, b)], axis=1)
        Y = signal + noise * rng.standard_normal(signal.shape)
        runs.append(Run(f"run-{number}", bands, Y, np.arange(250) * TR, (f"{number}",)))
    return runs


def components(groups):
    design = encoding.build_design(shared_runs(), "by_run", (2.0,), {}, 8.0)
    values = encoding.partition(encoding.fit(design, groups, SPEC)).values
    return {name: values[name]["rsquared"] for name in ("uniqueA", "uniqueB", "sharedAB")}


def test_swapped_spaces_do_not_pass_for_the_planted_truth():
    planted = 2 / (2 + 1.5**2)
    truth = {"uniqueA": [0, planted, 0], "uniqueB": [0, 0, planted], "sharedAB": [planted, 0, 0]}
    right, swapped = components({"a": ("a",), "b": ("b",)}), components({"a": ("b",), "b": ("a",)})
    for name, values in truth.items():
        np.testing.assert_allclose(right[name], values, atol=0.06)
    np.testing.assert_allclose(swapped["sharedAB"], right["sharedAB"], atol=0.01)
    for name in ("uniqueA", "uniqueB"):
        assert np.abs(swapped[name] - truth[name]).max() > 0.3
