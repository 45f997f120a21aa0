"""Stories spoken and turned into features, and their bands on a response's grid, as the analysis makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import forkserver, get_all_start_methods, get_context
from pathlib import Path
from typing import Literal

import numpy as np

from bids_app import encoding, features
from bids_app.demo.models import LANGUAGE, SPEECH
from bids_app.demo.text import write_run
from bids_app.demo.voice import RATE_HZ, Speech, speak
from bids_app.process import limit_threads
from bids_app.records import Array, Features, FeatureSpec, ModelSource, Stimulus

ONSET_S = 3.0  # of the story within each run
STORY_S = 290.0
PRELOAD = (  # what takes seconds to import and every story needs
    "bids_app.demo.sample",
    "transformers.models.gpt2.modeling_gpt2",
    "transformers.models.wav2vec2.modeling_wav2vec2",
)
METHOD = "forkserver" if "forkserver" in get_all_start_methods() else "spawn"  # of processes
SPECS = (  # the feature spaces of presets/demo.yaml; a test compares the two
    FeatureSpec("acoustic", "melspectrogram", {"n_mels": 24}, 4),
    FeatureSpec("phonetic", "articulatory", {}, 2),
    FeatureSpec("semantic", "word_embedding", {"model": LANGUAGE}, 2),
    FeatureSpec("speech", "speech_model", {"model": SPEECH, "layer": 1, "window_s": 4.0, "stride_s": 0.5}, 6),
    FeatureSpec("language", "language_model", {"model": LANGUAGE, "layer": 1, "context_words": 16}, 4),
)
GROUPS = {
    "low_level": ("acoustic", "phonetic"),
    "semantic": ("semantic",),
    "speech": ("speech",),
    "language": ("language",),
}


@dataclass(frozen=True)
class Story:
    """One run's speech and every feature space of it.

    Parameters
    ----------
    speech : audio, words and phones.
    features : {space: features}.
    """

    speech: Speech
    features: Mapping[str, Features]


def narrate(seed: int, run: int) -> Speech:
    """A run's story, spoken; a function of `seed` and `run`.

    Parameters
    ----------
    seed : of the demo.
    run : number of the run.
    """
    return speak(write_run(seed, run), STORY_S)


def as_stimulus(speech: Speech, name: str) -> Stimulus:
    """The speech as the feature families take it.

    Parameters
    ----------
    speech : sound, words and phones.
    name : what the stimulus is called.
    """
    digest = hashlib.sha256(speech.audio.tobytes()).hexdigest()
    seconds = len(speech.audio) / RATE_HZ
    return Stimulus(name, name, Path(name), speech.audio, RATE_HZ, seconds, speech.words, speech.phones, digest)


def hear(model_dir: Path, speech: Speech, name: str) -> dict[str, Features]:
    """Every feature space of a story.

    Parameters
    ----------
    model_dir : the folder of the stand-in models.
    speech : the story, spoken.
    name : what it is called.
    """
    source, stimulus = ModelSource(model_dir, offline=True), as_stimulus(speech, name)
    return {spec.name: features.extract(stimulus, features.resolve(spec), source) for spec in SPECS}


def start_helpers() -> None:
    """Let the process that the storytellers come from begin with its imports, so that they take no time later."""
    if METHOD == "forkserver":
        get_context(METHOD).set_forkserver_preload(list(PRELOAD))
        forkserver.ensure_running()


def tell_stories(model_dir: Path, runs: Sequence[tuple[int, int]], workers: int) -> list[Story]:
    """Several stories at a time: each is spoken in a new process, as espeak-ng's sound depends on what it said, and
    heard in one that goes on.

    Parameters
    ----------
    model_dir : the folder of the stand-in models.
    runs : (seed, run) of each.
    workers : processes of either kind at a time.
    """
    context = get_context(METHOD)
    with (
        ProcessPoolExecutor(workers, mp_context=context, max_tasks_per_child=1) as voices,
        ProcessPoolExecutor(workers, mp_context=context, initializer=limit_threads, initargs=(1,)) as ears,
    ):
        spoken = [voices.submit(narrate, *run) for run in runs]
        heard = [
            ears.submit(hear, model_dir, one.result(), f"story{run}")
            for one, (_, run) in zip(spoken, runs, strict=True)
        ]
        return [Story(one.result(), told.result()) for one, told in zip(spoken, heard, strict=True)]


@dataclass(frozen=True)
class Grid:
    """When a response is sampled, and how the analysis delays features on it.

    Parameters
    ----------
    period_s : between samples, in seconds.
    first_s : of the first sample, on the clock of the events.
    n_samples : how many.
    delays_s : (n_delays,) of the features, in seconds.
    skip_onset_s : left out from a story's first word on, in seconds.
    stamp : which end of a word its row stands at.
    high_pass_s : cut-off period in seconds; None: no filter.
    """

    period_s: float
    first_s: float
    n_samples: int
    delays_s: tuple[float, ...]
    skip_onset_s: float
    stamp: Literal["onset", "offset"]
    high_pass_s: float | None

    @property
    def times_s(self) -> Array:
        """(n_samples,) on the clock of the events."""
        return self.first_s + self.period_s * np.arange(self.n_samples)

    @property
    def drift(self) -> Array:
        """(n_samples, n_cosines) the drift set that the analysis removes."""
        if self.high_pass_s is None:
            return np.zeros((self.n_samples, 0))
        count = int(2 * self.n_samples * self.period_s / self.high_pass_s)
        phase = np.pi * (np.arange(self.n_samples)[:, None] + 0.5) / self.n_samples
        return np.asarray(np.cos(phase * np.arange(1, count + 1)))

    def used(self, story: Story) -> Array:
        """(n_samples,) bool: the samples that are fitted and scored."""
        first = ONSET_S + (float(story.speech.words.onset_s[0]) + self.skip_onset_s if self.skip_onset_s else 0.0)
        last = ONSET_S + len(story.speech.audio) / RATE_HZ + self.delays_s[-1]
        return encoding.used_samples(self.times_s, [(first, last)], np.ones(self.n_samples, bool))

    def band(self, story: Story, name: str) -> Array:
        """One space on the grid.

        Parameters
        ----------
        story : with its features.
        name : of the space.

        Returns
        -------
        (n_samples, n_delays, n_dims).
        """
        parts = [(story.features[name], ONSET_S)]
        return encoding.make_band(parts, self.times_s, self.delays_s, self.period_s, self.stamp)


FMRI = Grid(1.5, 0.75, 200, (2.0, 4.0, 6.0, 8.0), 20.0, "offset", 128.0)
IEEG = Grid(0.05, 0.0, 6000, (0.0, 0.1, 0.2, 0.3, 0.4), 0.0, "onset", None)
