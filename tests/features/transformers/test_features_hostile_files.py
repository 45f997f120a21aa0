"""Files of a model that nobody would write: one line of NoInput, in a check and where features are made of it."""

import json
import os
import shutil
import struct

import pytest
from tiny_models import spaced_words, stimulus

from bids_app import features
from bids_app.errors import DataError, NoInput
from bids_app.inputs.model_files import read_headers, read_settings
from bids_app.records import FeatureSpec, ModelSource

SPEC = FeatureSpec("x", "surprisal", {"model": "tiny-gpt2", "context_words": 2})


def as_pipe(name):
    def spoil(folder):
        (folder / name).unlink(missing_ok=True)
        os.mkfifo(folder / name)

    return spoil


def as_folder(name):
    def spoil(folder):
        (folder / name).unlink(missing_ok=True)
        (folder / name).mkdir()

    return spoil


def text(name, content):
    return lambda folder: (folder / name).write_text(content)


def header(length=None, **entries):
    """Of a safetensors file with these entries, which states that length."""

    def spoil(folder):
        content = json.dumps(entries).encode()
        stated = len(content) if length is None else length
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", stated) + content)

    return spoil


def index(content):
    def spoil(folder):
        (folder / "model.safetensors").rename(folder.parent / "elsewhere.safetensors")
        (folder / "model.safetensors.index.json").write_text(content)

    return spoil


def huge(name):
    def spoil(folder):
        with (folder / name).open("r+b") as file:
            file.truncate(2**29)

    return spoil


DEEP = "[" * 200_000
WEIGHT = {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}
HOSTILE = {
    "a pipe as config.json": (as_pipe("config.json"), "not a regular file but a pipe"),
    "a pipe as tokenizer.json": (as_pipe("tokenizer.json"), "not a regular file but a pipe"),
    "a pipe as weights": (as_pipe("model.safetensors"), "not a regular file but a pipe"),
    "a folder as config.json": (as_folder("config.json"), r"has no config\.json"),
    "config.json is a list": (text("config.json", "[]"), "holds a list, not settings"),
    "config.json is nested deeply": (text("config.json", DEEP), "nested too deeply"),
    "config.json is no text": (lambda folder: (folder / "config.json").write_bytes(b"\xff\x00"), "not JSON"),
    "config.json is huge": (huge("config.json"), "too large"),
    "a number of blocks that is none": (
        text("config.json", '{"n_layer": "2"}'),
        "n_layer: '2'",
    ),
    "tokenizer.json is nested deeply": (text("tokenizer.json", DEEP), "no tokenizer"),
    "tokenizer.json is huge": (huge("tokenizer.json"), "too large"),
    "tokenizer_config.json is a list": (text("tokenizer_config.json", "[1]"), "holds a list, not settings"),
    "a header of 2^62 bytes": (header(2**62), "header would have 4,611,686,018,427,387,904 bytes"),
    "a header that is longer than the file": (header(10**7), "its header claims 10,000,000 bytes"),
    "no header": (lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 4), "no safetensors file"),
    "no weight": (header(2), "hold none"),
    "a header that is no JSON": (
        lambda folder: (folder / "model.safetensors").write_bytes(struct.pack("<Q", 3) + b"{a}"),
        "cannot be read whole",
    ),
    "a weight that the file cannot hold": (header(**{"wte.weight": WEIGHT}), "its header claims 4,398,046,511,104"),
    "a weight of another size": (header(w={**WEIGHT, "data_offsets": [0, 0]}), "has 0 bytes in the header"),
    "a weight before the file": (header(w={**WEIGHT, "data_offsets": [-8, 0]}), "cannot be loaded"),
    "a weight without a type": (header(w={}), "cannot be loaded"),
    "an index that leads out": (index('{"weight_map": {"w": "../elsewhere.safetensors"}}'), "no safetensors file of"),
    "an index of the root": (index('{"weight_map": {"w": "/etc/hostname"}}'), "no safetensors file of this folder"),
    "an index of pickles": (index('{"weight_map": {"w": "model.bin"}}'), "no safetensors file of this folder"),
    "an index of numbers": (index('{"weight_map": {"w": 7}}'), "'7' is no safetensors file"),
    "an index of nothing": (index('{"weight_map": {}}'), "it names no file"),
    "an index that is nested deeply": (index(DEEP), "nested too deeply"),
    "an index that is a list": (index("[]"), "is broken"),
}


@pytest.fixture
def folder(source, tmp_path):
    return shutil.copytree(source.model_dir / "tiny-gpt2", tmp_path / "models/tiny-gpt2")


@pytest.mark.parametrize(("spoil", "said"), HOSTILE.values(), ids=HOSTILE)
def test_it_is_one_line_in_a_check_and_in_a_run(spoil, said, folder):
    spoil(folder)
    source = ModelSource(folder.parent, offline=True)
    with pytest.raises(NoInput, match=said) as checked:
        features.check_model(features.resolve(SPEC), source)
    with pytest.raises(NoInput) as run:
        features.extract(stimulus(words=spaced_words()), SPEC, source)
    for error in (checked, run):
        assert "tiny-gpt2" in str(error.value)
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 1000


def test_headers_are_those_that_the_library_reads(source):
    from safetensors import safe_open

    for path in source.model_dir.rglob("*.safetensors"):
        with safe_open(path, "pt") as file:
            own = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            assert read_headers(path) == {
                name: (one.get_dtype(), tuple(one.get_shape())) for name, one in own.items()
            }


@pytest.mark.parametrize("content", [b"", b"{", b"\xef\xbb\xbf{}", b'{"a": NaN', b"7", b'"x"', b"null"])
def test_settings_that_are_none(content, tmp_path):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(DataError):
        read_settings(tmp_path / "config.json")
