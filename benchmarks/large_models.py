"""Memory of a large language model's layer: `python -m benchmarks.large_models [--quick] [--only NAME]`.

A checkpoint in bfloat16, in several parts, is written tensor by tensor; of the large one every matrix has random
numbers in a sixteenth of its rows and a hole of the file in the others, so that it takes little disk. A process of
its own then extracts the states of the middle layer. Its peak resident memory is held against the bytes of the blocks
below that layer and the embedding, or against 10 GB.
"""

from __future__ import annotations

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bars import Bar, measure, run_bars

WORDS = ["the", "quick", "brown", "fox", "jumps", "over", "a", "lazy", "dog", "while", "windows", "stay", "closed"]
SMALL = {"hidden_size": 2048, "intermediate_size": 5504, "num_hidden_layers": 10, "num_attention_heads": 16}
LLAMA_7B = {"hidden_size": 4096, "intermediate_size": 11008, "num_hidden_layers": 32, "num_attention_heads": 32}
EXTRACT = """
import re, sys
from pathlib import Path
import numpy as np, torch, transformers
from transformers import AutoModel, AutoTokenizer, LlamaModel
from bids_app import features
from bids_app.process import keep_freed_memory
from bids_app.records import FeatureSpec, Intervals, ModelSource, Stimulus
def peak():  # of this program: what the kernel adds up for a process begins with what its parent had
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
keep_freed_memory()
before, folder, layer, words = peak(), Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
rows = Intervals(np.arange(len(words), dtype=float), np.full(len(words), 0.5), tuple(words))
heard = Stimulus("m", "m", folder, None, None, float(len(words)), rows, None, "m")
spec = FeatureSpec("x", "language_model", {"model": "m", "layer": layer, "context_words": 4})
np.save(folder / "values.npy", features.extract(heard, spec, ModelSource(folder, True)).values)
print(before, peak())
"""
HALF = """
import sys
from pathlib import Path
import numpy as np, torch
from transformers import AutoModel, AutoTokenizer
folder, layer, words = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
model = AutoModel.from_pretrained(folder / "m", dtype=torch.float32).eval()
ids = AutoTokenizer.from_pretrained(folder / "m")(" ".join(words[:5]))["input_ids"]
with torch.no_grad():
    states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states
np.save(folder / "wanted.npy", states[layer][0, -1].numpy())
"""


def write_model(folder: Path, sizes: dict[str, int], share: float) -> dict[str, int]:
    """A Llama's checkpoint in bfloat16, a part for every four blocks; bytes of its blocks and of its embedding.

    Parameters
    ----------
    folder : where it goes.
    sizes : of its configuration.
    share : of the rows of each matrix, how many have random numbers; the others are a hole of the file.
    """
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedTokenizerFast

    config = LlamaConfig(vocab_size=32000, num_key_value_heads=sizes["num_attention_heads"], **sizes)
    config.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel({word: 100 + place for place, word in enumerate(WORDS)}))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    with torch.device("meta"):
        shapes = {name: tuple(one.shape) for name, one in AutoModelForCausalLM.from_config(config).named_parameters()}
    parts: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, shape in shapes.items():
        number = [int(part) for part in name.split(".") if part.isdigit()]
        parts.setdefault(f"model-{number[0] // 4 if number else 'rest'}.safetensors", {})[name] = shape
    for file, members in parts.items():
        _write_part(folder / file, members, share)
    places = {name: file for file, members in parts.items() for name in members}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    size = {name: 2 * math.prod(shape) for name, shape in shapes.items()}
    one_block = sum(count for name, count in size.items() if ".layers.0." in name)
    return {"block": one_block, "embedding": size["model.embed_tokens.weight"], "all": sum(size.values())}


def _write_part(path: Path, shapes: dict[str, tuple[int, ...]], share: float) -> None:
    import torch

    header: dict[str, Any] = {}
    end = 0
    for name, shape in shapes.items():
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [end, end + 2 * math.prod(shape)]}
        end += 2 * math.prod(shape)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = torch.Generator().manual_seed(len(shapes))
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name, shape in shapes.items():
            file.seek(8 + len(text) + header[name]["data_offsets"][0])
            if len(shape) == 1:
                numbers = torch.ones(shape)
            else:
                n_rows = shape[0] if "embed" in name else max(1, int(share * shape[0]))
                numbers = 0.02 * torch.randn((n_rows, *shape[1:]), generator=random)
            file.write(numbers.bfloat16().view(torch.int16).numpy().tobytes())
        file.truncate(8 + len(text) + end)


def half(name: str, sizes: dict[str, int], share: float, limit_mb: float | None) -> list[Bar]:
    """Peak memory of the middle layer's states; of the small model also their distance from the whole in float32."""
    layer = sizes["num_hidden_layers"] // 2
    with tempfile.TemporaryDirectory() as folder:
        place, log = Path(folder), Path(folder) / "log"
        size = write_model(place / "m", sizes, share)
        lower = (layer * size["block"] + size["embedding"]) / 2**20
        given = [folder, str(layer), *WORDS]
        done = measure([sys.executable, "-c", EXTRACT, *given], log)
        if done.code:
            print(log.read_text())
            return [Bar(f"{name}-exit", done.code, 0, "code", True)]
        before, peak = map(float, log.read_text().split()[-2:])
        print(f"{name}: all weights {size['all'] / 2**20:.0f} MB, {layer} blocks and the embedding {lower:.0f} MB")
        print(
            f"{name}: peak {peak:.0f} MB, {before:.0f} MB of it libraries; {done.seconds:.0f} s, {len(WORDS)} words"
        )
        bars = [Bar(f"{name}-peak-beyond-lower-half", peak - before - lower, 0.2 * lower, "MB", True)]
        if limit_mb is not None:
            return [*bars, Bar(f"{name}-peak", peak, limit_mb, "MB", True)]
        measure([sys.executable, "-c", HALF, *given], log)
        wanted, found = np.load(place / "wanted.npy"), np.load(place / "values.npy")[4]
        apart = float(np.abs(found - wanted).max() / np.abs(wanted).max())
        return [
            Bar(f"{name}-peak-beyond-lower-half", peak - before - lower, 256, "MB", True),
            Bar(f"{name}-deviation-from-float32", apart, 1e-5, "of the largest", True),
        ]


def small(quick: bool) -> list[Bar]:
    """1.3 GB of weights in ten blocks, all numbers random; layer 5."""
    return half("small", SMALL, 1.0, None)


def llama_7b(quick: bool) -> list[Bar]:
    """The shape of Llama-2-7B, 13.5 GB of weights; layer 16. `quick` leaves it out: it takes minutes and 9 GB."""
    return [] if quick else half("llama-7b", LLAMA_7B, 1 / 16, 10e9 / 2**20)


if __name__ == "__main__":
    sys.exit(run_bars({"small": small, "llama-7b": llama_7b}))
