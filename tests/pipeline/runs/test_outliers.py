"""A recording that would cost the others their targets is left out of its unit."""

from types import SimpleNamespace

import numpy as np

from bids_app.pipeline.runs.load_runs import _without_outliers
from bids_app.records import Targets


def read(label, n_targets=24, scale=1.0):
    names = tuple(str(number) for number in range(n_targets))
    values = scale * np.random.default_rng(0).normal(size=(9, n_targets)).astype(np.float32)
    response = SimpleNamespace(values=values, targets=Targets("parcels", "A", names))
    recording = SimpleNamespace(participant="01", label=label)
    return SimpleNamespace(recording=recording, response=response, used=np.ones(9, dtype=bool))


def test_zeros_and_a_broken_mask_cost_themselves():
    several = [read("good"), read("zeros", scale=0.0), read("broken", n_targets=1), read("fine"), read("too")]
    kept, excluded = _without_outliers(several)
    assert [one.recording.label for one in kept] == ["good", "fine", "too"]
    assert {one.label: one.reason.split(":")[0] for one in excluded} == {
        "zeros": "it never varies",
        "broken": "it lacks 23 of the 24 targets that the others share",
    }
