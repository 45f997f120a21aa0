"""A GPU without memory: halves, then what held, then the CPU; faked, since tests have none."""

import numpy as np
import pytest
import torch
from tiny_models import noise, spaced_words, stimulus

from bids_app import features
from bids_app.features.base import memory
from bids_app.features.base.memory import WithinMemory, or_on_cpu, placed
from bids_app.features.transformers import load_model
from bids_app.records import FeatureSpec

SMALLER = "out of GPU memory: smaller batches were used"
ALONE = "out of GPU memory for a single window: the rest was computed on the CPU"
ABSENT = "the model does not fit into GPU memory: computed on the CPU"


class Model:
    """What is looked at of a model."""

    def __init__(self, device="cuda"):
        self.device = torch.device(device)

    def to(self, device):
        self.device = torch.device(device)
        return self


def within(room, device="cuda", too_much=()):
    """Items are their own cost; the GPU holds `room` of it and none of `too_much`, whose batches are remembered."""
    model, tried = Model(device), []

    def compute(batch):
        tried.append(list(batch))
        if model.device.type == "cuda" and (sum(batch) > room or set(batch) & set(too_much)):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return [10 * item for item in batch]

    return WithinMemory(compute, lambda item: item, model, "cuda"), tried, model


def test_the_size_that_held_is_remembered():
    patient, tried, model = within(10)
    assert patient([2] * 16) == [20] * 16
    assert [len(batch) for batch in tried] == [16, 8, 4, 4, 4, 4]
    tried.clear()
    assert patient([2] * 8) == [20] * 8
    assert [len(batch) for batch in tried] == [4, 4]  # not tried at full size again
    tried.clear()
    assert patient([4] * 4) == [40] * 4  # what counts is what a batch costs, not how many items it has
    assert [len(batch) for batch in tried] == [2, 2]
    tried.clear()
    assert patient([1] * 9) == [10] * 9
    assert [len(batch) for batch in tried] == [8, 1]
    assert (patient.notes, model.device.type) == ({SMALLER}, "cuda")


def test_results_are_in_order_and_whole_batches_are_left_alone():
    patient, tried, _ = within(100)
    assert patient([1, 2, 3]) == [10, 20, 30]
    assert (tried, patient.notes) == ([[1, 2, 3]], set())
    patient, tried, _ = within(3)
    assert patient([1, 1, 1, 1, 1]) == [10] * 5


def test_at_last_the_cpu_takes_over():
    patient, tried, model = within(5, too_much=(3,))
    assert patient([3, 3]) == [30, 30]
    assert [len(batch) for batch in tried] == [2, 1, 1, 1]
    assert model.device.type == "cpu"
    assert patient.notes == {SMALLER, ALONE}
    patient, tried, _ = within(5, too_much=(3,))
    assert patient([3]) == [30]
    assert patient.notes == {ALONE}


def test_a_cpu_without_memory_is_no_loop():
    def compute(batch):
        raise torch.OutOfMemoryError("no")

    with pytest.raises(torch.OutOfMemoryError):
        WithinMemory(compute, lambda item: 1, Model(), "cuda")([1, 2])
    with pytest.raises(torch.OutOfMemoryError):
        WithinMemory(compute, lambda item: 1, Model("cpu"), "cpu")([1, 2])


def test_a_model_that_does_not_fit_stays_on_the_cpu_and_says_so():
    class Big(Model):
        def to(self, device):
            if device != "cpu":
                raise torch.OutOfMemoryError("CUDA out of memory")
            return super().to(device)

    model = placed(Big("cpu"), "cuda:0")
    assert model.device.type == "cpu"
    assert WithinMemory(list, lambda item: 1, model, "cuda:0").notes == {ABSENT}
    assert not WithinMemory(list, lambda item: 1, Model(), "cuda:0").notes
    assert not WithinMemory(list, lambda item: 1, Model("cpu"), "cpu").notes


def test_a_trial_that_does_not_fit_is_made_on_the_cpu():
    model = Model()

    def compute():
        if model.device.type == "cuda":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return 7

    assert or_on_cpu(compute, model) == 7
    assert WithinMemory(list, lambda item: 1, model, "cuda").notes == {ABSENT}

    def never():
        raise torch.OutOfMemoryError("no")

    with pytest.raises(torch.OutOfMemoryError):
        or_on_cpu(never, model)


@pytest.mark.parametrize("name", ["encoder", "decoder", "language"])
def test_every_trial_may_end_on_the_cpu(name, source, monkeypatch):
    """The first pass of all finds no memory."""
    from transformers import PreTrainedModel

    from bids_app.features.transformers import find_layers, trials

    exact, kept = find_layers._library_states, []

    def short_of_memory(model, *given):
        if not kept:
            kept.append(model)
            monkeypatch.setattr(PreTrainedModel, "device", torch.device("cuda"), raising=False)
            monkeypatch.setattr(PreTrainedModel, "to", lambda self, device: monkeypatch.undo() or self)
            raise torch.OutOfMemoryError("CUDA out of memory")
        return exact(model, *given)

    kind, options = KINDS[name]
    heard, spec = stimulus(noise(3.0), words=spaced_words()), FeatureSpec("x", kind, options)
    want = features.extract(heard, spec, source).values
    trials._TRIED.clear()
    monkeypatch.setattr(find_layers, "_library_states", short_of_memory)
    np.testing.assert_allclose(features.extract(heard, spec, source).values, want, rtol=1e-5, atol=1e-5)
    assert kept


WINDOWED = {"model": "tiny-w2v", "layer": 1, "window_s": 0.5}
KINDS = {
    "encoder": ("speech_model", WINDOWED),
    "whisper": ("speech_model", {**WINDOWED, "model": "short-whisper"}),
    "refreshed": ("speech_model", {**WINDOWED, "refresh_s": 0.2}),
    "decoder": ("speech_model", {"model": "short-whisper", "part": "decoder", "layer": 1, "window_s": 2}),
    "bfloat16": ("language_model", {"model": "tiny-gpt2", "layer": 1, "context_words": 2, "precision": "bfloat16"}),
    "language": ("language_model", {"model": "tiny-gpt2", "layer": 1, "context_words": 2}),
    "rolling": ("language_model", {"model": "tiny-gpt2", "layer": 1, "context": {"tokens": 24}}),
    "surprisal": ("surprisal", {"model": "tiny-gpt2", "context_words": 2}),
}
WHOLE = ("rolling",)  # never more than two items at a time here


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("largest", [2, 0])
def test_every_kind_of_model_goes_on_in_smaller_batches_or_on_the_cpu(largest, name, source, monkeypatch):
    """A GPU that holds so many items; what follows is the CPU's."""
    kind, options = KINDS[name]
    heard, spec = stimulus(noise(3.0), words=spaced_words()), FeatureSpec("x", kind, options)
    want = features.extract(heard, spec, source)
    begin = WithinMemory.__init__

    def on_small_gpu(self, *given):
        begin(self, *given)
        exact, model = self._compute, Model()

        def compute(batch):
            if model.device.type == "cuda" and len(batch) > largest:
                raise torch.OutOfMemoryError("CUDA out of memory")
            return exact(batch)

        self._compute, self._model = compute, model

    monkeypatch.setattr(memory.WithinMemory, "__init__", on_small_gpu)
    got = features.extract(heard, spec, source)
    near = 1e-2 if name == "bfloat16" else 1e-5
    np.testing.assert_allclose(got.values, want.values, rtol=near, atol=near)
    np.testing.assert_array_equal(got.times_s, want.times_s)
    said = [note for note in got.provenance.notes if note in (SMALLER, ALONE)]
    assert said[-1:] == ([ALONE] if not largest else [] if name in WHOLE else [SMALLER])


def test_word_embeddings_need_no_gpu(source, monkeypatch):
    asked = []
    monkeypatch.setattr(load_model, "placed", lambda model, device: asked.append(device) or model)
    spec = FeatureSpec("x", "word_embedding", {"model": "tiny-gpt2"})
    features.extract(stimulus(words=spaced_words()), spec, source)
    assert asked == ["cpu"]
