"""Whoever watches a fit is told each of its stages once, in shares that make one, whatever it is cut into."""

import threading
from collections import Counter

import numpy as np
import pytest

from bids_app import encoding
from bids_app.encoding import FitContext, FitOptions, Question
from bids_app.encoding.ridge import fit as module
from bids_app.encoding.ridge.fitted import Observer
from bids_app.records import LAYERS_STAGE, MODELS_STAGE, RESIDUALS_STAGE, SEARCH_STAGE, FitSpec, Run

GROUPS = {"one": ("a",), "two": ("b", "c")}
SPEC = FitSpec(candidates=8, alphas=(1e-1, 1e4, 6))


def design(dims=3, n_targets=7):
    rng, runs = np.random.default_rng(0), []
    for number in range(4):
        bands = {name: rng.standard_normal((40, 2, dims)).astype("f4") for name in "abc"}
        Y = rng.standard_normal((40, n_targets)) + bands["a"][:, 0, :1]
        runs.append(Run(f"run-{number}", bands, Y, np.arange(40) * 2.0, (f"{number}",)))
    return encoding.build_design(runs, "by_run", (2.0, 4.0), {}, 6.0)


class Foreseeing(Observer):
    """Asks for what the models of the first union will leave."""

    foreseen = frozenset({0})


class Told:
    """Shares by stage, and the stages in order; from any thread."""

    def __init__(self):
        self.shares, self.order, self.lock = Counter(), [], threading.Lock()

    def __call__(self, stage, share):
        with self.lock:
            self.shares[stage] += share
            self.order += [stage] if self.order[-1:] != [stage] else []


@pytest.fixture(params=[1, 3], ids=["one batch", "a batch a few targets"])
def batches(request, monkeypatch):
    plain = module.batches

    def cut(*given):
        targets = np.concatenate([block for blocks in plain(*given) for block in blocks])
        return [[part] for part in np.array_split(targets, request.param)]

    monkeypatch.setattr(module, "batches", cut)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("dims", [3, 30], ids=["primal", "dual"])
def test_stages_of_a_fit_are_whole(batches, dims, threads, monkeypatch):
    monkeypatch.setattr("bids_app.encoding.side_by_side.torch.get_num_threads", lambda: threads)
    told = Told()
    encoding.fit(design(dims), GROUPS, SPEC, FitContext(watch=told))
    assert told.shares == {SEARCH_STAGE: pytest.approx(1), MODELS_STAGE: pytest.approx(1)}
    assert told.order[0] == SEARCH_STAGE
    assert told.order[-1] == MODELS_STAGE


def test_what_smaller_models_leave_is_a_stage_where_it_is_asked_for(batches):
    told, questions = Told(), [Question(GROUPS, FitOptions(), Foreseeing()), Question({"one": ("a",)})]
    encoding.fit_all(design(), questions, SPEC, FitContext(watch=told))
    assert told.shares == dict.fromkeys((SEARCH_STAGE, RESIDUALS_STAGE, MODELS_STAGE), pytest.approx(1))


def test_layers_are_one_stage():
    made = encoding.layered(design(), {"a": {"3": (0, 1), "5": (1, 2), "7": (2, 3)}})
    told = Told()
    encoding.score_layers(made, "a", SPEC, FitContext(watch=told))
    assert told.shares == {LAYERS_STAGE: pytest.approx(1)}


def test_who_watches_changes_no_number():
    plain, watched = (encoding.fit(design(), GROUPS, SPEC, one) for one in (FitContext(), FitContext(watch=Told())))
    np.testing.assert_array_equal(plain.rsquared, watched.rsquared)
