"""The store: found by what decides the values, whole or not at all, the same bytes every time."""

import json
import shutil
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import h5py
import numpy as np
import pytest
from tiny_models import noise, spaced_words, stimulus

from bids_app import features
from bids_app.disk import sweep_parts
from bids_app.errors import CannotCreate
from bids_app.features import sidecar
from bids_app.inputs.homes import named
from bids_app.records import FeatureSpec, ModelSource

MEL = FeatureSpec("low_level", "melspectrogram", {"n_mels": 10})
LANGUAGE = FeatureSpec("language", "language_model", {"model": "tiny-gpt2", "layer": 1})
HEARD = stimulus(noise(1.0), words=spaced_words())


def same(a, b):
    np.testing.assert_array_equal(a.values, b.values)
    np.testing.assert_array_equal(a.times_s, b.times_s)
    assert a.values.dtype == b.values.dtype
    assert (a.name, a.sampling, (a.onsets_s is None)) == (b.name, b.sampling, (b.onsets_s is None))
    assert a.provenance == b.provenance


@pytest.mark.parametrize("spec", [MEL, LANGUAGE])
def test_computed_once(spec, source, tmp_path):
    store = features.FeatureStore(tmp_path)
    assert not store.holds(HEARD, spec, source)
    first, reused = store.get(HEARD, spec, source)
    assert not reused
    assert store.holds(HEARD, spec, source)
    again, reused = features.FeatureStore(tmp_path).get(HEARD, spec, source)
    assert reused
    same(first, again)
    same(first, features.extract(HEARD, spec, source))


def test_a_store_behind_a_link_of_a_named_folder_is_read(source, tmp_path):
    (tmp_path / "scratch").mkdir()
    (tmp_path / "bids").mkdir()
    (tmp_path / "bids/stimuli").symlink_to(tmp_path / "scratch")
    with named([tmp_path / "bids"]):
        features.FeatureStore(tmp_path / "bids/stimuli").get(HEARD, MEL, source)
        store = features.FeatureStore(tmp_path / "bids/stimuli")
        assert store.holds(HEARD, MEL, source)
        assert store.get(HEARD, MEL, source)[1]


def test_names_are_bids(tmp_path, source):
    features.FeatureStore(tmp_path).get(HEARD, MEL, source)
    stem = tmp_path / "stim-story/stim-story_desc-lowLevel_features"
    assert sorted(tmp_path.rglob("*.*")) == [stem.with_suffix(".h5"), stem.with_suffix(".json")]
    sidecar = json.loads(stem.with_suffix(".json").read_text())
    assert sidecar["Description"].startswith("Log10 power in 10 mel bands")
    assert sidecar["TimeStamp"].endswith("the end of the window")
    assert sidecar["Provenance"]["options"] == {"n_mels": 10, "hop_s": 0.01, "window_s": 0.025}
    with h5py.File(stem.with_suffix(".h5")) as held:
        assert held.attrs["key"] == sidecar["Key"]
        assert held["values"].shape == (sidecar["Rows"], 10)


def test_the_sidecar_has_keys_for_what_applies_to_the_family_in_one_order(tmp_path, source):
    always = ["kind", "options", "version", "files", "description", "stamp", "dimensions"]
    of_models = ["model", "revision", "untrained", "stand_in", "weights_sha256"]
    store = features.FeatureStore(tmp_path)
    for spec, keys in (
        (MEL, [*always, "causal", "notes"]),
        (LANGUAGE, [*always, "layers", "causal", "unknown_share", "notes", *of_models]),
    ):
        store.get(HEARD, spec, source)
        sidecar = json.loads(store.path(HEARD, spec).with_suffix(".json").read_text())
        assert list(sidecar["Provenance"]) == keys


def test_the_same_bytes_every_time(tmp_path, source):
    for folder in ("a", "b"):
        for spec in (MEL, LANGUAGE):
            features.FeatureStore(tmp_path / folder).get(HEARD, spec, source)
        time.sleep(1.1)  # a clock anywhere in the files would have moved
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


def test_what_the_key_holds(tmp_path, source):
    store = features.FeatureStore(tmp_path / "store")
    store.get(HEARD, LANGUAGE, source)
    other_layer = replace(LANGUAGE, options={**LANGUAGE.options, "layer": 2})
    assert not store.holds(HEARD, other_layer, source)
    assert not store.holds(replace(HEARD, sha256="0" * 64), LANGUAGE, source)
    assert store.holds(HEARD, replace(LANGUAGE, pca=5, base_dir=tmp_path), source)
    written = replace(LANGUAGE, options={**LANGUAGE.options, "context_words": 32})  # the default, spelled out
    assert store.holds(HEARD, written, replace(source, device="cuda"))
    shutil.copytree(source.model_dir, tmp_path / "elsewhere")
    moved = replace(source, model_dir=tmp_path / "elsewhere")
    assert store.holds(HEARD, LANGUAGE, moved)
    config = tmp_path / "elsewhere/tiny-gpt2/config.json"
    config.write_text(config.read_text().replace("gelu_new", "relu"))
    assert not store.holds(HEARD, LANGUAGE, moved)


def test_the_key_holds_kind_and_version(tmp_path, source, monkeypatch):
    store = features.FeatureStore(tmp_path)
    surprisal, entropy = (FeatureSpec("x", kind, {"model": "tiny-gpt2"}) for kind in ("surprisal", "entropy"))
    store.get(HEARD, surprisal, source)  # options and files of both are the same
    assert not store.holds(HEARD, entropy, source)
    family = features.KINDS["surprisal"]
    later = {**features.KINDS, "surprisal": replace(family, version=family.version + 1)}
    monkeypatch.setattr("bids_app.features.registry.KINDS", later)
    assert not store.holds(HEARD, surprisal, source)


def test_changed_weights_are_noticed_by_the_same_store(tmp_path):
    from tiny_models import save_language_model

    save_language_model(tmp_path / "models/tiny-gpt2")
    source, store = ModelSource(tmp_path / "models", offline=True), features.FeatureStore(tmp_path)
    first, _ = store.get(HEARD, LANGUAGE, source)
    from safetensors.torch import load_file, save_file

    path = tmp_path / "models/tiny-gpt2/model.safetensors"
    save_file({name: -value for name, value in load_file(path).items()}, path, {"format": "pt"})
    second, reused = store.get(HEARD, LANGUAGE, source)
    assert not reused
    assert np.abs(first.values - second.values).max() > 0.1


def test_a_changed_file_of_the_user_is_noticed(tmp_path):
    spec = FeatureSpec("mine", "file", {"path": "{stem}.npy", "rate_hz": 10})
    heard, store = stimulus(path=tmp_path / "story.wav"), features.FeatureStore(tmp_path / "store")
    for value in (1.0, 2.0):
        np.save(tmp_path / "story.npy", np.full((4, 1), value))
        got, reused = store.get(heard, spec, ModelSource())
        assert (got.values[0, 0], reused) == (value, False)


@pytest.mark.parametrize("damage", ["cut", "flip", "no h5", "no json", "cut json", "other h5", "list json"])
def test_what_is_not_whole_is_computed_again(damage, tmp_path, source):
    store = features.FeatureStore(tmp_path)
    first, _ = store.get(HEARD, MEL, source)
    path = store.path(HEARD, MEL)
    sidecar, content = path.with_suffix(".json"), path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        path.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
    elif damage == "no h5":
        path.unlink()
    elif damage == "no json":
        sidecar.unlink()
    elif damage == "cut json":
        sidecar.write_text(sidecar.read_text()[:100])
    elif damage == "list json":
        sidecar.write_text("[]")
    else:  # another process put its own .h5 there, its JSON not yet
        other = replace(MEL, name="other", options={"n_mels": 4})
        store.get(HEARD, other, source)
        shutil.copy(store.path(HEARD, other), path)
    assert not store.holds(HEARD, MEL, source)
    again, reused = store.get(HEARD, MEL, source)
    assert not reused
    same(first, again)
    assert path.read_bytes() == content


def test_a_failed_write_leaves_nothing_behind(tmp_path, source, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CannotCreate, match="No space left"):
        features.FeatureStore(tmp_path).get(HEARD, MEL, source)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_stored_features_need_no_audio(tmp_path, source):
    store = features.FeatureStore(tmp_path)
    first, _ = store.get(HEARD, MEL, source)
    again, reused = store.get(replace(HEARD, audio=None, rate_hz=None), MEL, source)
    assert reused
    same(first, again)


def test_holds_is_false_where_the_model_is_absent_and_downloads_nothing(tmp_path, monkeypatch):
    def download(*args, local_files_only, **kwargs):
        assert local_files_only
        raise FileNotFoundError

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    assert not features.FeatureStore(tmp_path).holds(HEARD, LANGUAGE, ModelSource(tmp_path, offline=False))


def test_a_stand_in_is_named_in_the_sidecar(tmp_path):
    from tiny_models import save_language_model

    save_language_model(tmp_path / "tiny-gpt2", concord_stand_in=True)
    store = features.FeatureStore(tmp_path)
    store.get(HEARD, LANGUAGE, ModelSource(tmp_path))
    sidecar = json.loads(store.path(HEARD, LANGUAGE).with_suffix(".json").read_text())
    assert sidecar["Warning"] == "tiny-gpt2 is an untrained stand-in: its weights are random."


def tree(folder):
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def test_another_store_is_read_and_never_written(tmp_path, source):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    features.FeatureStore(theirs).get(HEARD, replace(MEL, name="their_name"), source)
    before, store = tree(theirs), features.FeatureStore(ours, [tmp_path / "absent", theirs])
    assert store.holds(HEARD, MEL, source)
    got, reused = store.get(HEARD, MEL, source)
    assert reused
    assert got.name == "low_level"
    same(replace(got, name="x"), replace(features.extract(HEARD, MEL, source), name="x"))
    _, reused = store.get(HEARD, LANGUAGE, source)  # what it lacks is computed here
    assert not reused
    assert store.path(HEARD, LANGUAGE).is_relative_to(ours)
    assert tree(theirs) == before
    elsewhere = replace(HEARD, label="renamed")  # the same content under another name
    assert store.get(elsewhere, MEL, source)[1]


@pytest.mark.parametrize("spec", [MEL, LANGUAGE])
def test_what_is_copied_of_another_store_is_as_if_made_here(spec, tmp_path, source):
    first, other = tmp_path / "first", tmp_path / "other"
    features.FeatureStore(first).get(HEARD, spec, source)
    store = features.FeatureStore(other, (), [first])
    assert store.holds(HEARD, spec, source)
    assert store.get(replace(HEARD, audio=None, words=None), spec, source)[1]
    for path in first.rglob("*_features.*"):
        assert (other / path.relative_to(first)).read_bytes() == path.read_bytes()
    shutil.rmtree(first)
    assert features.FeatureStore(other).get(HEARD, spec, source)[1]


def test_another_analysiss_name_for_the_same_features(tmp_path, source):
    first, _ = features.FeatureStore(tmp_path).get(HEARD, replace(MEL, name="their_name"), source)
    store = features.FeatureStore(tmp_path)
    assert store.holds(HEARD, MEL, source)
    got, reused = store.get(HEARD, MEL, source)
    assert (reused, got.name) == (True, "low_level")
    same(replace(got, name="their_name"), first)
    assert not store.holds(HEARD, replace(MEL, options={"n_mels": 11}), source)


@pytest.mark.parametrize("damage", ["cut", "no h5", "no json", "cut json", "a folder", "unreadable"])
def test_what_another_store_has_not_whole_is_computed_here(damage, tmp_path, source):
    theirs = features.FeatureStore(tmp_path / "theirs")
    first, _ = theirs.get(HEARD, MEL, source)
    path = theirs.path(HEARD, MEL)
    sidecar = path.with_suffix(".json")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:500])
    elif damage == "no h5":
        path.unlink()
    elif damage == "no json":
        sidecar.unlink()
    elif damage == "cut json":
        sidecar.write_text(sidecar.read_text()[:100])
    elif damage == "a folder":
        sidecar.unlink()
        sidecar.mkdir()
    else:
        path.unlink()
        path.symlink_to(tmp_path / "nowhere")
    before = tree(tmp_path / "theirs")
    store = features.FeatureStore(tmp_path / "ours", [tmp_path / "theirs"])
    assert not store.holds(HEARD, MEL, source)
    again, reused = store.get(HEARD, MEL, source)
    assert not reused
    same(first, again)
    assert tree(tmp_path / "theirs") == before


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
from bids_app.features import store
from bids_app.records import Features
one = Features("low_level", np.ones((5, 2), np.float32), np.arange(5.0), "continuous")
store.sha256_of = lambda path: os.kill(os.getpid(), signal.SIGKILL)
store.write_features(Path(sys.argv[1]), one, sys.argv[2], "story.wav")
"""


def test_what_a_killed_process_left_is_not_taken_and_swept_once_it_is_dead(tmp_path, source):
    store = features.FeatureStore(tmp_path)
    path, key = store.path(HEARD, MEL), store.key(HEARD, MEL, source)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), key], capture_output=True)
    assert killed.returncode == -9, killed.stderr
    (stray,) = path.parent.iterdir()
    assert stray.suffix == ".part"
    assert not store.holds(HEARD, MEL, source)
    assert not store.get(HEARD, MEL, source)[1]
    sweep_parts(tmp_path)
    assert sorted(one.suffix for one in path.parent.iterdir()) == [".h5", ".json"]


@pytest.mark.parametrize(
    ("damage", "broken"),
    [("none", False), ("cut", True), ("no h5", True), ("no json", True), ("cut json", True), ("both", False),
     ("another spec", False)],
)  # fmt: skip
def test_a_pair_that_is_not_what_was_written_is_broken_and_one_that_is_gone_is_not(tmp_path, source, damage, broken):
    store = features.FeatureStore(tmp_path)
    store.get(HEARD, MEL, source)
    path = store.path(HEARD, MEL)
    sidecar = path.with_suffix(".json")
    for one in {"no h5": [path], "no json": [sidecar], "both": [path, sidecar]}.get(damage, []):
        one.unlink()
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    if damage == "cut json":
        sidecar.write_text(sidecar.read_text()[:-9])
    spec = replace(MEL, options={"n_mels": 3}) if damage == "another spec" else MEL
    assert store.is_broken(HEARD, spec) is broken
    assert store.holds(HEARD, MEL, source) is (damage in ("none", "another spec"))


def _fill(folder: Path) -> list[float]:
    store = features.FeatureStore(folder)
    sums = []
    for k in range(20):
        heard = replace(HEARD, label=f"s{k % 4}", sha256=str(k % 4) * 64)
        got, _ = store.get(heard, replace(MEL, options={"n_mels": 3 + k % 3}), ModelSource())  # keys take turns
        sums.append(float(got.values.sum()) + got.values.shape[1])
    return sums


def test_two_processes_fill_one_store(tmp_path):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        first, second = pool.map(_fill, [tmp_path, tmp_path])
    here = _fill(tmp_path)
    for sums in (first, second):  # of other processes, whose arrays may lie otherwise in memory
        np.testing.assert_allclose(sums, here, rtol=1e-6)
    assert not list(tmp_path.rglob("*.part"))


def test_a_bug_of_our_own_is_not_taken_for_a_broken_sidecar(tmp_path, source, monkeypatch):
    def broken(**fields):
        raise TypeError("a bug")

    store = features.FeatureStore(tmp_path)
    store.get(HEARD, MEL, source)
    path = store.path(HEARD, MEL).with_suffix(".json")
    assert sidecar.read_sidecar(path) is not None
    monkeypatch.setattr(sidecar, "FeatureProvenance", broken)
    with pytest.raises(TypeError, match="a bug"):
        sidecar.read_sidecar(path)
