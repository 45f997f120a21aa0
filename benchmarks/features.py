"""Speed and memory of the models' features: `python -m benchmarks.features [--quick] [--only NAME]`.

Shapes are those of Wav2Vec2-base and GPT-2 small, weights are random: time does not depend on them, deviations may.
Each ratio is of two ways timed in turns, piece by piece, in one run. Device: $CONCORD_DEVICE, else cpu.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import Bar, measure, run_bars
from bids_app.features import contexts
from bids_app.features.hearing import Hearing, convolved_frames
from bids_app.features.language_model import word_states
from bids_app.features.speech_model import SECONDS_AT_ONCE, run
from bids_app.features.speech_windows import Window, refreshed_windows, row_times

DEVICE = os.environ.get("CONCORD_DEVICE", "cpu")
ON_GPU = DEVICE != "cpu"
RATE, WINDOW_S, STRIDE_S, REFRESH_S, LAYER = 16000, 16, 0.1, 0.5, 8
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


def wav2vec2() -> Hearing:
    """Wav2Vec2-base with random weights."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(0)
    model, extractor = Wav2Vec2Model(Wav2Vec2Config()).eval().to(DEVICE), Wav2Vec2FeatureExtractor(do_normalize=True)

    def inputs(windows: Array) -> dict[str, Any]:
        heard = extractor(list(windows), sampling_rate=RATE, padding=False, return_tensors="pt")
        return {"input_values": heard["input_values"].to(DEVICE)}

    return Hearing(model, model, extractor, RATE, lambda n: convolved_frames(n, model.config), inputs)


def speech(quick: bool) -> list[Bar]:
    """60 s of audio, a window of 16 s every 0.1 s, layer 8: one window at a time, ours, and ours approximately.

    Timed on blocks of rows spread over the stretch where windows are full; `quick` takes fewer.
    """
    import torch

    hearing = wav2vec2()
    audio = np.random.default_rng(0).normal(0, 0.1, 60 * RATE).astype(np.float32)
    audio *= 1 + np.sin(2 * np.pi * 3 * np.arange(len(audio)) / RATE).astype(np.float32)  # a loudness that changes
    _, stops = row_times(len(audio), RATE, STRIDE_S)
    n_rows = round(REFRESH_S / STRIDE_S)
    n_blocks = (50 if quick else 80) if ON_GPU else (2 if quick else 8)
    blocks = [list(stops[at : at + n_rows]) for at in np.linspace(165, len(stops) - n_rows, n_blocks).astype(int)]
    if ON_GPU:  # enough at a time to fill it
        blocks = [list(chain.from_iterable(blocks[at : at + 10])) for at in range(0, len(blocks), 10)]

    def plain(piece: Sequence[int]) -> Array:
        rows = []
        for stop in piece:
            with torch.no_grad():
                heard = hearing.inputs(audio[None, stop - WINDOW_S * RATE : stop])
                rows.append(
                    hearing.encoder(**heard, output_hidden_states=True).hidden_states[LAYER][0, -1].cpu().numpy()
                )
        return np.stack(rows)

    def ours(piece: Sequence[int]) -> Array:
        windows = [Window(stop - WINDOW_S * RATE, stop, ((row, stop),)) for row, stop in enumerate(piece)]
        return run(hearing, audio, RATE, windows, [LAYER], SECONDS_AT_ONCE[DEVICE[:4]], len(piece), set())[0]

    def rough(piece: Sequence[int]) -> Array:
        windows = refreshed_windows(np.array(piece), WINDOW_S * RATE, n_rows)
        return run(hearing, audio, RATE, windows, [LAYER], 0, len(piece), set(), refreshed=True)[0]

    ways = {"plain": plain, "exact": ours, "approximate": rough}
    seconds, (wanted, exact, near) = in_turns("speech", ways, blocks)
    moved = wanted - wanted.mean(axis=0)
    error = float(np.square(near - wanted).sum() / np.square(moved).sum())
    print(
        f"speech: approximate, refreshed every {REFRESH_S:g} s: squared error {error:.2g} of the variance over rows, "
        f"largest {deviation(near, wanted):.2g} of the largest value (random weights)"
    )
    return [
        Bar("speech-exact-deviation", deviation(exact, wanted), 1e-4, "of the largest", True),
        Bar("speech-exact-speedup", seconds[0] / seconds[1], 10 if ON_GPU else 1.2, "x", False),
        Bar("speech-approximate-speedup", seconds[0] / seconds[2], 3, "x", False),
    ]


def language(quick: bool) -> list[Bar]:
    """2,000 words (quick: 200) after 32 words each, layer 8: one word at a time, and ours."""
    import torch
    from transformers import GPT2Config, GPT2Model

    torch.manual_seed(0)
    model = GPT2Model(GPT2Config()).eval().to(DEVICE)
    random = np.random.default_rng(0)
    n_words = 232 if quick and not ON_GPU else 2000
    ids = [
        random.integers(1, 50000, count).tolist() for count in random.choice([1, 2, 3], n_words, p=[0.75, 0.2, 0.05])
    ]
    windows = contexts.exact_windows(ids, 32, contexts.Frame((50256,), (), 1024))[32:]

    def plain(piece: Sequence[contexts.Window]) -> Array:
        rows = []
        for window in piece:
            ((_, first, end),) = window.words
            with torch.no_grad():
                tokens = torch.tensor([window.tokens], device=DEVICE)
                states = model(tokens, output_hidden_states=True).hidden_states[LAYER][0, first:end]
                rows.append(states.mean(0).cpu().numpy())
        return np.stack(rows)

    def ours(piece: Sequence[contexts.Window]) -> Array:
        return word_states(model, piece, [LAYER], "mean", DEVICE, set())

    pieces = [windows[at : at + 1000] for at in range(0, len(windows), 1000)]
    seconds, (wanted, found) = in_turns("language", {"plain": plain, "exact": ours}, pieces)
    return [
        Bar("language-deviation", deviation(found, wanted), 1e-4, "of the largest", True),
        Bar("language-speedup", seconds[0] / seconds[1], 30 if ON_GPU else 2.5, "x", False),
    ]


STREAM = """
import resource, sys
from pathlib import Path
import numpy as np
from bids_app.features import FeatureStore
from bids_app.records import FeatureSpec, ModelSource, Stimulus
minutes, folder = int(sys.argv[1]), Path(sys.argv[2])
def extract(n_samples, label):
    audio = np.random.default_rng(0).standard_normal(n_samples, dtype=np.float32)
    heard = Stimulus("a.wav", label, Path("a.wav"), audio, 16000.0, n_samples / 16000, None, None, label)
    spec = FeatureSpec("s", "speech_model", {"model": "tiny", "layer": 1, "window_s": 2, "stride_s": 2})
    return audio.nbytes + FeatureStore(folder / "store").get(heard, spec, ModelSource(folder, True))[0].values.nbytes
extract(60 * 16000, "short")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
held = extract(minutes * 60 * 16000, f"long{minutes}") / 2**20
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, held)
"""


def memory(quick: bool) -> list[Bar]:
    """Peak memory for 10, 60 and 180 minutes of audio (quick: 10 and 60) beyond audio and features themselves.

    A small model, a window of 2 s every 2 s: a model's own memory is that of one batch, whatever the length.
    """
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    small = {"num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "conv_dim": (4,) * 7}
    config = Wav2Vec2Config(hidden_size=16, num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, **small)
    bars = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Wav2Vec2Model(config).save_pretrained(folder / "tiny")
        Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder / "tiny")
        for minutes in (10, 60) if quick else (10, 60, 180):
            log = folder / f"{minutes}.log"
            done = measure([sys.executable, "-c", STREAM, str(minutes), name], log)
            before, peak, held = (
                json.loads("[" + ",".join(log.read_text().split()[-3:]) + "]") if not done.code else (0, 0, 0)
            )
            print(
                f"memory: {minutes} min: peak {peak:.0f} MB, {before:.0f} MB before, {held:.0f} MB audio and features"
            )
            bars.append(Bar(f"memory-{minutes}-min-beyond", peak - before - held, 64, "MB", True))
            bars.append(Bar(f"memory-{minutes}-min-exit", done.code, 0, "code", True))
    return bars


if __name__ == "__main__":
    sys.exit(run_bars({"speech": speech, "language": language, "memory": memory}))
