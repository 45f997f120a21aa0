"""Work done side by side, and what threads share: as one after another, and nothing else is changed by it."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from bids_app import encoding
from bids_app.encoding.inference.flips.residual_flips import ResidualFlips
from bids_app.encoding.ridge import batches, stream
from bids_app.encoding.ridge.fitted import Observer
from bids_app.encoding.side_by_side import SMALL, Kept, made_once, side_by_side, workers
from bids_app.records import FitSpec, InferenceSpec, Run

GROUPS = {"one": ("a",), "two": ("b",)}


def design_of(dims, n_targets=40):
    """Four runs; targets follow one band or none."""
    rng, runs = np.random.default_rng(0), []
    for number in range(4):
        bands = {name: rng.standard_normal((60, 2, dims)).astype("f4") for name in "ab"}
        Y = rng.standard_normal((60, n_targets))
        Y[:, :20] += bands["a"][:, 0, :2].sum(axis=1, keepdims=True)
        runs.append(Run(f"run-{number}", bands, Y - Y.mean(axis=0), np.arange(60) * 2.0, (f"{number}",)))
    return encoding.build_design(runs, "by_run", (2.0, 4.0), {}, 6.0)


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_are_in_order_and_each_worker_has_one_thread(two_threads):
    def work(number):
        time.sleep(0.002 * (7 - number))
        return number, torch.get_num_threads(), threading.get_ident()

    done = list(side_by_side(work, range(7), 2))
    assert [number for number, *_ in done] == list(range(7))
    assert {threads for _, threads, _ in done} == {1}
    assert threading.get_ident() not in {thread for *_, thread in done}
    assert torch.get_num_threads() == 2
    assert ThreadPoolExecutor(1).submit(torch.get_num_threads).result() == 2  # threads begun later are as before


def test_without_workers_the_caller_does_it(two_threads):
    assert set(side_by_side(lambda _: threading.get_ident(), range(3), 0)) == {threading.get_ident()}
    (threads,) = set(side_by_side(lambda _: torch.get_num_threads(), range(3), 1))
    assert threads == 1  # as with more workers, so that their number changes no number
    assert torch.get_num_threads() == 2


def test_what_fails_is_raised_and_the_rest_is_not_begun(two_threads):
    begun = []

    def work(number):
        begun.append(number)
        if number == 1:
            raise MemoryError("no room")
        time.sleep(0.05)

    with pytest.raises(MemoryError, match="no room"):
        list(side_by_side(work, range(100), 2))
    assert len(begun) < 10
    assert torch.get_num_threads() == 2


def test_large_matrices_and_gpus_are_met_one_by_one(two_threads):
    assert [workers("cpu", SMALL), workers("cpu", SMALL + 1), workers("cuda", 10)] == [2, 0, 0]
    assert [workers("cpu", 10, most) for most in (0, 1, 2, 9)] == [1, 1, 2, 2]


class Slow:
    def __init__(self):
        self.made = []
        self.kept = Kept()

    @made_once
    def value(self):
        """Of its own."""
        time.sleep(0.02)
        self.made.append("value")
        return object()

    def of(self, key):
        return self.kept.get(key, lambda: time.sleep(0.02) or self.made.append(key) or object())


def test_what_threads_share_is_made_once():
    one, other = Slow(), Slow()
    with ThreadPoolExecutor(8) as pool:
        values = set(pool.map(lambda _: one.value, range(16)))
        of_keys = list(pool.map(lambda number: one.of(number % 2), range(16)))
    assert len(values) == 1
    assert len(set(of_keys)) == 2
    assert sorted(map(str, one.made)) == ["0", "1", "value"]
    assert other.value not in values
    assert Slow.value.__doc__ == "Of its own."


@pytest.mark.parametrize("dims", [3, 60], ids=["primal", "dual"])
def test_a_fit_and_its_inference_are_the_same_side_by_side_again_and_again(two_threads, dims):
    design = design_of(dims)
    spec, tests = FitSpec(candidates=8, alphas=(1e-1, 1e6, 8)), InferenceSpec(100, 20.0)

    def found():
        fit, result = encoding.fit_and_infer(design, GROUPS, spec, tests)
        inferred = [getattr(one, stat) for one in result.components.values() for stat in ("p", "low", "high")]
        return np.concatenate([fit.rsquared, *fit.profile.values(), inferred])

    first = found()
    for _ in range(3):
        np.testing.assert_array_equal(found(), first)
    torch.set_num_threads(1)
    alone = found()
    np.testing.assert_allclose(first, alone, atol=1e-9)


def test_every_worker_counts_in_memory():
    design = design_of(60)
    size = batches.Size(240, 240, 240**2, 0, 4, 3, 4, 8, 64, 4, 8, 0, (0, 0), workers=1)
    three = batches.fixed_bytes(design, replace(size, workers=3), 64) - batches.fixed_bytes(design, size, 64)
    assert three >= 2 * (8 * 240**2 + 8 * 64 * 240)  # of each one matrix and one block of predictors at least
    assert batches.with_workers(design, size, "cpu", 1).workers == 1


def least_mb(found):
    """The smallest limit that does, of which the error speaks."""
    with pytest.raises(MemoryError) as low:
        found(1)
    return 1 + int(re.search(r"at least (\d+) MB", str(low.value))[1])


def test_a_limit_on_memory_changes_no_number_with_several_threads(two_threads, monkeypatch):
    """Neither how many workers it allows, nor which candidates a batch has chosen."""
    monkeypatch.setitem(batches.BLOCK_WIDTH, "cpu", 64)
    design, spec = design_of(60, 640), FitSpec(candidates=8, alphas=(1e-1, 1e6, 8))
    seen = []

    def found(mem_mb):
        class Batches(Observer):
            def begin(self, targets, responses):
                seen.append((mem_mb, len(targets)))

        return encoding.fit(design, GROUPS, spec, encoding.FitContext(mem_mb=mem_mb), observer=Batches())

    wide, narrow = found(4000), found(least_mb(found))
    assert len({size for _, size in seen}) > 1, seen
    for name in ("rsquared", "r", "at_edge", "alpha"):
        np.testing.assert_array_equal(getattr(wide, name), getattr(narrow, name))
    for band in "ab":
        np.testing.assert_array_equal(wide.profile[band], narrow.profile[band])


def test_the_order_in_which_candidates_are_met_changes_no_bit(monkeypatch):
    """As several threads meet them in any order: what one candidate changes is nobody else's."""
    design = design_of(3, 60)
    spec, tests = FitSpec(candidates=8, alphas=(1e-1, 1e6, 8)), InferenceSpec(100, 20.0)

    def found(in_order):
        nulls = []
        plain = ResidualFlips.null

        def kept(self, *given):
            nulls.append(plain(self, *given).numpy().copy())
            return nulls[-1]

        with monkeypatch.context() as patch:
            patch.setattr(ResidualFlips, "null", lambda self, *given: torch.as_tensor(kept(self, *given)))
            patch.setattr(stream, "side_by_side", lambda work, items, n_workers: map(work, in_order(list(items))))
            fit, result = encoding.fit_and_infer(design, GROUPS, spec, tests)
        inferred = [getattr(one, stat) for one in result.components.values() for stat in ("p", "low", "high")]
        return [*nulls, fit.rsquared, np.array(inferred)]

    forward, backward = found(list), found(lambda items: items[::-1])
    assert len(forward) >= 4
    for one, other in zip(forward, backward, strict=True):
        np.testing.assert_array_equal(one, other)
