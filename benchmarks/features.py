"""Speed and memory of the models' features: `python -m benchmarks.features [--quick] [--only NAME] [--device cuda]`.

Shapes are those of Wav2Vec2-base and GPT-2 small, weights are random: time does not depend on them, deviations may.
Each ratio is of two ways timed in turns, piece by piece, in one run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.bars import Bar, measure, run_bars
from benchmarks.nulls import design_of
from bids_app import encoding
from bids_app.features.base import products
from bids_app.features.base.needs import Sound
from bids_app.features.language import contexts
from bids_app.features.language.language_model import layers_found, word_states
from bids_app.features.speech.front_end import fold_norms
from bids_app.features.speech.speech_encoder import SpeechEncoder, convolved_frames, encoder_layers
from bids_app.features.speech.speech_model import run
from bids_app.features.speech.speech_windows import causal_windows, refreshed_windows, row_times
from bids_app.features.transformers.find_layers import ModelLayers
from bids_app.features.transformers.hidden_layers import Reading
from bids_app.records import FeatureSpec, FitSpec

RATE, WINDOW_S, STRIDE_S, LAYER = 16000, 16, 0.1, 8
N_ROWS, ROWS_REFRESHED = 10, (5, 10, 15, 30)  # of a window: as `refresh_s: 1` has them, and others
Array = Any
Way = Callable[[Any], Array]


def in_turns(name: str, ways: Mapping[str, Way], pieces: Sequence[Any]) -> tuple[list[float], list[Array]]:
    """Wall seconds of each way over all pieces, and its rows; a part of the first piece is done before, untimed.

    Prints wall and processor seconds a row: where others share the cores, the latter say more.
    """
    wall, busy = [0.0] * len(ways), [0.0] * len(ways)
    rows = [list[Array]() for _ in ways]
    for way in ways.values():
        way(pieces[0][:1])
    for piece in pieces:
        for place, way in enumerate(ways.values()):
            started = time.perf_counter(), time.process_time()
            rows[place].append(way(piece))
            wall[place] += time.perf_counter() - started[0]
            busy[place] += time.process_time() - started[1]
    results = [np.concatenate(parts) for parts in rows]
    first = next(iter(ways))
    for what, seconds, processor, result in zip(ways, wall, busy, results, strict=True):
        n, faster, freer = len(result), wall[0] / seconds, busy[0] / processor
        print(
            f"{name}: {what}: {n} rows, {seconds / n:.4f} s a row ({processor / n:.4f} s of processor), "
            f"{faster:.2f} ({freer:.2f}) times as fast as {first}"
        )
    return wall, results


def deviation(found: Array, wanted: Array) -> float:
    """Largest difference relative to the largest value."""
    return float(np.abs(found - wanted).max() / np.abs(wanted).max())


def wav2vec2(device: str, ours: bool) -> SpeechEncoder:
    """Wav2Vec2-base with random weights: the library's own, or as we load it."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(0)
    model, extractor = Wav2Vec2Model(Wav2Vec2Config()).eval().to(device), Wav2Vec2FeatureExtractor(do_normalize=True)
    if ours:
        fold_norms(model)

    def inputs(windows: Sequence[Array]) -> dict[str, Any]:
        heard = extractor(list(windows), sampling_rate=RATE, padding=False, return_tensors="pt")
        return {"input_values": heard["input_values"].to(device)}

    return SpeechEncoder(model, model, extractor, RATE, lambda n: convolved_frames(n, model.config), inputs)


@dataclass(frozen=True)
class Heard:
    """A minute of sound, when its rows are, and what hears it: the library's own model, and ours."""

    device: str
    library: SpeechEncoder
    encoder: SpeechEncoder
    found: ModelLayers
    audio: Array
    stops: Array

    @classmethod
    def on(cls, device: str) -> Heard:
        """60 s of noise whose loudness changes, a row every 0.1 s."""
        library, encoder = wav2vec2(device, ours=False), wav2vec2(device, ours=True)
        found = encoder_layers(encoder, FeatureSpec("speech", "speech_model", {"model": "wav2vec2"}))
        audio = np.random.default_rng(0).normal(0, 0.1, 60 * RATE).astype(np.float32)
        audio *= 1 + np.sin(2 * np.pi * 3 * np.arange(len(audio)) / RATE).astype(np.float32)
        return cls(device, library, encoder, found, audio, row_times(len(audio), RATE, STRIDE_S)[1])

    def plain(self, piece: Sequence[int]) -> Array:
        """Rows by the library's own forward, one window at a time."""
        import torch

        rows = []
        for stop in piece:
            with torch.no_grad():
                heard = self.library.inputs([self.audio[stop - WINDOW_S * RATE : stop]])
                states = self.library.encoder(**heard, output_hidden_states=True).hidden_states[LAYER]
                rows.append(states[0, -1].cpu().numpy())
        return np.stack(rows)

    def exact(self, piece: Sequence[int], lowered: bool = False, window_s: int = WINDOW_S) -> Array:
        """Rows as we compute them."""
        windows = causal_windows(np.array(piece), window_s * RATE)
        rows, notes = run(self.encoder, self._sound, windows, len(piece), self._reading(lowered=lowered))
        if notes and len(piece) > N_ROWS:
            print("speech:", *notes)
        return rows

    def approximate(self, piece: Sequence[int], n_rows: int = N_ROWS, window_s: int = WINDOW_S) -> Array:
        """Rows read off windows for `n_rows` each."""
        windows = refreshed_windows(np.array(piece), window_s * RATE, n_rows)
        return run(self.encoder, self._sound, windows, len(piece), self._reading(refreshed=True))[0]

    @property
    def _sound(self) -> Sound:
        return Sound(self.audio, RATE)

    def _reading(self, lowered: bool = False, refreshed: bool = False) -> Reading:
        return Reading(self.found, [LAYER], self.device, lowered=lowered, refreshed=refreshed)


def by_torch(way: Way) -> Way:
    """The same by torch's own products, as before they were oneDNN's."""

    def computed(piece: Any) -> Array:
        with patch.object(products, "WAYS", {}):
            return way(piece)

    return computed


def speech(quick: bool, device: str) -> list[Bar]:
    """60 s of audio, a window of 16 s every 0.1 s, layer 8: one window at a time, ours, ours approximately, and on a
    GPU ours in bfloat16.

    Timed on blocks of rows spread over the stretch where windows are full; `quick` takes fewer.
    """
    on_gpu, heard = device != "cpu", Heard.on(device)
    n_blocks = (25 if quick else 40) if on_gpu else (2 if quick else 6)
    firsts = np.linspace(165, len(heard.stops) - N_ROWS, n_blocks).astype(int)
    blocks = [list(heard.stops[at : at + N_ROWS]) for at in firsts]
    if on_gpu:  # enough at a time to fill it
        blocks = [list(chain.from_iterable(blocks[at : at + 5])) for at in range(0, len(blocks), 5)]
    ways: dict[str, Way] = {"plain": heard.plain, "exact": heard.exact, "approximate": heard.approximate}
    if on_gpu:
        ways["bfloat16"] = partial(heard.exact, lowered=True)
    else:
        ways["exact by torch's products"] = by_torch(heard.exact)
    seconds, (wanted, exact, _, other) = in_turns("speech", ways, blocks)
    if on_gpu:
        full, low = wanted, other
    else:  # many processors take minutes for it: short windows say how far off it is
        full, low = (heard.exact(blocks[0], way, window_s=1) for way in (False, True))
    print(
        f"speech: bfloat16: largest deviation {deviation(low, full):.2g} of the largest value, {len(low)} rows "
        "(random weights)"
    )
    return [
        Bar("speech-exact-deviation", deviation(exact, wanted), 1e-4, "of the largest", True),
        Bar("speech-exact-speedup", seconds[0] / seconds[1], 10 if on_gpu else 1.2, "x", False),
        Bar("speech-approximate-speedup", seconds[0] / seconds[2], 3, "x", False),
        *([Bar("speech-bfloat16-speedup", seconds[0] / seconds[3], 10, "x", False)] if on_gpu else []),
    ]


def rsquared(values: Array, responses: Array) -> Array:
    """R² of each target by features, in four contiguous folds."""
    runs = np.arange(len(values)) * 4 // len(values)
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    design = design_of({"speech": scaled}, responses, runs, np.arange(len(values)) * STRIDE_S)
    spec = FitSpec(solver="ridge", candidates=1, alphas=(1.0, 1e6, 13))
    return np.asarray(encoding.fit(design, {"speech": ("speech",)}, spec).rsquared[-1])


def minute(quick: bool, device: str) -> list[Bar]:
    """All rows of a minute of sound, exactly and approximately: time, error, and what becomes of R² where responses
    were made of the exact rows. `quick`: 20 s of it, windows of 4 s, and as much fewer rows of each.
    """
    heard = Heard.on(device)
    window_s, stops = (4, heard.stops[:200]) if quick else (WINDOW_S, heard.stops)
    usual, *rarely = (n_rows * window_s // WINDOW_S for n_rows in (N_ROWS, *ROWS_REFRESHED))
    size = 4 * max(ROWS_REFRESHED)
    pieces = [list(stops[at : at + size]) for at in range(0, len(stops), size)]
    ways: dict[str, Way] = {"exact": partial(heard.exact, window_s=window_s)}
    for n_rows in rarely:
        every = f"refresh_s {n_rows * STRIDE_S:g}"
        ways[every] = partial(heard.approximate, n_rows=n_rows, window_s=window_s)
    seconds, (exact, *others) = in_turns("minute", ways, pieces)
    random = np.random.default_rng(1)
    scaled = (exact - exact.mean(axis=0)) / exact.std(axis=0)
    signal = scaled @ random.standard_normal((exact.shape[1], 200))
    responses = signal / signal.std(axis=0) + random.standard_normal(signal.shape)
    right, variance = rsquared(exact, responses), np.square(exact - exact.mean(axis=0)).sum()
    bars = [Bar("minute-exact", seconds[0] / 60, 15, "min")]
    for n_rows, spent, near in zip(rarely, seconds[1:], others, strict=True):
        off = np.square(near - exact) / variance
        change = rsquared(near, responses) - right
        print(
            f"minute: refreshed every {n_rows * STRIDE_S:g} s: squared error {off.sum():.2g} of the variance over "
            f"rows and columns, of the worst row {off.sum(axis=1).max() * len(off):.2g} of a row's; largest "
            f"{deviation(near, exact):.2g} of the largest value; R² {right.mean():.3f}, change {change.mean():.4f} "
            f"on average, at most {np.abs(change).max():.4f} of 200 targets (random weights)"
        )
        if n_rows == usual:
            bars += [
                Bar("minute-approximate", spent / 60, 1.5, "min"),
                Bar("minute-approximate-error", float(off.sum()), 1e-3, "of the variance"),
                Bar("minute-approximate-change-of-R2", float(np.abs(change.mean())), 0.002, ""),
            ]
    return bars


def language(quick: bool, device: str) -> list[Bar]:
    """2,000 words (quick: 200) after 32 words each, layer 8: one word at a time, and ours."""
    import torch
    from transformers import GPT2Config, GPT2Model

    on_gpu = device != "cpu"
    torch.manual_seed(0)
    model = GPT2Model(GPT2Config()).eval().to(device)
    random = np.random.default_rng(0)
    n_words = 232 if quick and not on_gpu else 2032
    ids = [
        random.integers(1, 50000, count).tolist() for count in random.choice([1, 2, 3], n_words, p=[0.75, 0.2, 0.05])
    ]
    windows = contexts.exact_windows(ids, 32, contexts.Frame((50256,), (), 1024))[32:]
    layers = layers_found(
        model, windows[0], FeatureSpec("language", "language_model", {"model": "gpt2", "context": None})
    )

    def plain(piece: Sequence[contexts.Window]) -> Array:
        rows = []
        for window in piece:
            ((_, first, end),) = window.words
            with torch.no_grad():
                tokens = torch.tensor([window.tokens], device=device)
                states = model(tokens, output_hidden_states=True).hidden_states[LAYER][0, first:end]
                rows.append(states.mean(0).cpu().numpy())
        return np.stack(rows)

    def ours(piece: Sequence[contexts.Window], lowered: bool = False) -> Array:
        return word_states(piece, Reading(layers, [LAYER], device, lowered=lowered))[0]

    pieces = [windows[at : at + 1000] for at in range(0, len(windows), 1000)]
    ways: dict[str, Way] = {"plain": plain, "exact": ours}
    if on_gpu:
        ways["bfloat16"] = partial(ours, lowered=True)
    else:
        ways["exact by torch's products"] = by_torch(ours)
    seconds, (wanted, found, other) = in_turns("language", ways, pieces)
    lowered = other if on_gpu else ours(windows[:4], lowered=True)
    print(
        f"language: bfloat16: largest deviation {deviation(lowered, wanted[: len(lowered)]):.2g} of the "
        f"largest value, {len(lowered)} rows (random weights)"
    )
    return [
        Bar("language-deviation", deviation(found, wanted), 1e-4, "of the largest", True),
        Bar("language-word", 1000 * seconds[1] / len(found), 40, "ms", True),
        Bar("language-speedup", seconds[0] / seconds[1], 30 if on_gpu else 2.5, "x", False),
        *([Bar("language-bfloat16-speedup", seconds[0] / seconds[2], 30, "x", False)] if on_gpu else []),
    ]


STREAM = """
import resource, sys
from pathlib import Path
from bids_app.dataset.stimuli.sound import read_audio
from bids_app.features import FeatureStore
from bids_app.records import FeatureSpec, ModelSource, Stimulus
folder, device = Path(sys.argv[2]), sys.argv[3]
SPECS = (
    FeatureSpec("speech", "speech_model", {"model": "tiny", "layer": 1, "window_s": 2, "stride_s": 4}),
    FeatureSpec("mel", "melspectrogram", {"n_mels": 8, "hop_s": 0.5, "window_s": 0.5}),
)
def extract(name):
    audio, rate, *_ = read_audio(folder / f"{name}.wav")
    heard = Stimulus(name, name, folder / f"{name}.wav", audio, rate, len(audio) / rate, None, None, name)
    source = ModelSource(folder, True, device)
    return sum(FeatureStore(folder / "store").get(heard, spec, source)[0].values.nbytes for spec in SPECS)
extract("warm")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
held = extract(sys.argv[1]) / 2**20
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, held)
"""


def write_noise(path: Path, minutes: int) -> None:
    """A sound file of that length, written a minute at a time."""
    import soundfile

    random = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(minutes):
            file.write(random.normal(0, 0.1, 60 * RATE).astype(np.float32))


def memory(quick: bool, device: str) -> list[Bar]:
    """Peak memory for 10, 60 and 180 minutes of a sound file (quick: 10 and 60), held against that for 10.

    A small model, a window of 2 s every 4 s: a model's own memory is that of one batch, whatever the length.
    """
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    small = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "conv_dim": (4,) * 7}
    config = Wav2Vec2Config(hidden_size=16, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, **small)
    bars, base = list[Bar](), 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Wav2Vec2Model(config).save_pretrained(folder / "tiny")
        Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder / "tiny")
        write_noise(folder / "warm.wav", 2)
        for minutes in (10, 60) if quick else (10, 60, 180):
            log = folder / f"{minutes}.log"
            write_noise(folder / f"m{minutes}.wav", minutes)
            done = measure([sys.executable, "-c", STREAM, f"m{minutes}", name, device], log)
            before, peak, held = (
                json.loads("[" + ",".join(log.read_text().split()[-3:]) + "]") if not done.code else (0, 0, 0)
            )
            print(f"memory: {minutes} min: peak {peak:.0f} MB, {before:.0f} MB before, {held:.0f} MB of features")
            base = base or peak - held
            bars.append(Bar(f"memory-{minutes}-min-beyond-10-min", peak - held - base, 64, "MB", True))
            bars.append(Bar(f"memory-{minutes}-min-exit", done.code, 0, "code", True))
    return bars


def main() -> int:
    """Bars of all benchmarks; `--device` beside the options of every benchmark."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    given, others = parser.parse_known_args()
    benchmarks = {"speech": speech, "minute": minute, "language": language, "memory": memory}
    return run_bars({name: partial(bench, device=given.device) for name, bench in benchmarks.items()}, others)


if __name__ == "__main__":
    sys.exit(main())
