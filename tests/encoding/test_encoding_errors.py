"""The error of data that allow no fit: it carries a hint, survives another process, and is no other ValueError."""

import pickle

import numpy as np
import pytest

from bids_app import encoding
from bids_app.records import FitSpec, Run


def run_of(n):
    rng = np.random.default_rng(0)
    return Run("run-1", {"a": rng.normal(size=(n, 1, 2))}, rng.normal(size=(n, 3)), np.arange(n) * 2.0, ("story",))


def test_too_few_samples_come_with_what_to_do():
    with pytest.raises(encoding.CannotFit, match="9 samples are too few for 5 folds") as caught:
        encoding.build_design([run_of(9)], 5, (0.0,), {}, 0.0)
    assert "ask for fewer folds" in caught.value.hint


def test_it_survives_another_process():
    again = pickle.loads(pickle.dumps(encoding.CannotFit("too few", "record longer")))
    assert (str(again), again.message, again.hint) == ("too few", "too few", "record longer")


def test_a_fault_of_the_caller_is_another_error():
    design = encoding.build_design([run_of(100)], 5, (0.0,), {}, 0.0)
    with pytest.raises(ValueError, match="no band b") as caught:
        encoding.fit(design, {"b": ("b",)}, FitSpec())
    assert not isinstance(caught.value, encoding.CannotFit)
