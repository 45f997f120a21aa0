"""Features on disk, found by what decides their values and by nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from bids_app.disk import replacing
from bids_app.errors import CannotCreate, DataError, NoInput, ReadWriteError
from bids_app.features.registry import extract_with, family_of, file_hashes, resolve, sha256_of
from bids_app.features.sidecar import Sidecar, read_sidecar, sidecar_text
from bids_app.inputs.hdf5 import open_hdf5, own_array
from bids_app.inputs.opening import failing
from bids_app.records import Features, FeatureSpec, ModelSource, Stimulus, space_label

LIBVER = ("v110", "v110")  # the same bytes from every later HDF5


class FeatureStore:
    """Features on disk: `folder`/stim-<label>/stim-<label>_desc-<space>_features.h5 and .json.

    The key is a hash of kind, options, the family's version, the stimulus's bytes and the model's. Device, batch size
    and paths are no part of it, nor is PCA, which is fitted later. Both files carry the key, and the JSON, written
    last, the hash of the other: a pair that is half written or mixed is taken for absent. Each is renamed into place,
    so several processes may fill one store. What `folder` holds whole under another name is copied from there.

    Parameters
    ----------
    folder : OUT_DIR/stimuli.
    sources : other such folders, read and never written.
    copied : other such folders, from which what is used is copied into `folder`.
    """

    def __init__(self, folder: Path, sources: Sequence[Path] = (), copied: Sequence[Path] = ()) -> None:
        self.folder, self.sources, self._copied = folder, tuple(sources), tuple(copied)
        self._hashes: dict[tuple[Path, int, int], str] = {}
        self._elsewhere: dict[str, list[Path]] | None = None

    def path(self, stimulus: Stimulus, spec: FeatureSpec) -> Path:
        """Where the .h5 file of that stimulus and space lies, if it is there.

        Parameters
        ----------
        stimulus : its label.
        spec : its name.
        """
        stem = f"stim-{stimulus.label}"
        return self.folder / stem / f"{stem}_desc-{space_label(spec.name)}_features.h5"

    def get(self, stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> tuple[Features, bool]:
        """Features, read where they are stored, else extracted and stored.

        Features that `holds` are read without the stimulus's audio, words and phones, which may then be None.

        Parameters
        ----------
        stimulus, spec, source : see `registry.extract`.

        Returns
        -------
        features : under the name of the spec.
        reused : whether they were there already.

        Raises
        ------
        CannotCreate : they cannot be written; and what `extract` raises.
        """
        spec = resolve(spec)
        key, path = self.key(stimulus, spec, source), self.path(stimulus, spec)
        for place in self._places(path, key):
            stored = read_features(place, key)
            if stored is not None:
                found = replace(stored, name=spec.name)
                copies = {*place.parents} & {self.folder, *self._copied}
                if place != path and (copies or self.is_broken(stimulus, spec)):
                    write_features(path, found, key, stimulus.stimulus_id)
                return found, True
        features = extract_with(stimulus, spec, source, self._digest)
        write_features(path, features, key, stimulus.stimulus_id)
        return features, False

    def holds(self, stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> bool:
        """Whether `get` would find them. Never downloads: without the model's files the answer is no.

        Parameters
        ----------
        stimulus, spec, source : see `registry.extract`; audio, words and phones are not looked at.
        """
        spec = resolve(spec)
        if not self.path(stimulus, spec).with_suffix(".json").exists() and not self._others():
            return False  # before any file of a model is hashed
        try:
            key = self.key(stimulus, spec, replace(source, offline=True))
        except NoInput:
            return False
        return any(_whole_pair(place, key) is not None for place in self._places(self.path(stimulus, spec), key))

    def is_broken(self, stimulus: Stimulus, spec: FeatureSpec) -> bool:
        """Whether what lies at a space's place is half a pair of files, or not what was written.

        Parameters
        ----------
        stimulus, spec : as of `path`.
        """
        path = self.path(stimulus, resolve(spec))
        sidecar = read_sidecar(path.with_suffix(".json"))
        if sidecar is not None:
            return _whole_pair(path, sidecar.key) is None
        return path.exists() or path.with_suffix(".json").exists()

    def _places(self, path: Path, key: str) -> Iterator[Path]:
        """Where the features of that key may lie: here, then under any name (all JSON files are read once)."""
        yield path
        yield from self._others().get(key, ())

    def _others(self) -> dict[str, list[Path]]:
        if self._elsewhere is None:
            self._elsewhere = _by_key((self.folder, *self.sources, *self._copied))
        return self._elsewhere

    def key(self, stimulus: Stimulus, spec: FeatureSpec, source: ModelSource) -> str:
        """All that decides the values, as a SHA-256.

        Parameters
        ----------
        stimulus, spec, source : see `registry.extract`; of the stimulus its hash and its path are looked at.

        Raises
        ------
        NoInput : the model's files are not there.
        DataError : the user's file of features is not there.
        """
        spec = resolve(spec)
        hashes = file_hashes(stimulus, spec, source, self._digest)
        return feature_key(spec, family_of(spec).version, stimulus.sha256, hashes)

    def _digest(self, path: Path) -> str:
        """Hash of a file, once for a path, size and time of change."""
        state = path.stat()
        known = (path, state.st_size, state.st_mtime_ns)
        if known not in self._hashes:
            self._hashes[known] = sha256_of(path)
        return self._hashes[known]


def feature_key(spec: FeatureSpec, version: int, stimulus_sha256: str, hashes: Mapping[str, str]) -> str:
    """SHA-256 of all that decides the values, as canonical JSON.

    Parameters
    ----------
    spec : resolved; its kind and options count.
    version : the family's.
    stimulus_sha256 : of the audio's bytes and of both tables.
    hashes : file name → SHA-256 of the model's or the user's files.
    """
    parts = [spec.kind, version, dict(spec.options), stimulus_sha256, sorted(hashes.items())]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _by_key(folders: Sequence[Path]) -> dict[str, list[Path]]:
    """Key → .h5 files whose JSON states it, in the order of the folders. What cannot be read is passed over."""
    places: dict[str, list[Path]] = {}
    for folder in folders:
        for path in sorted(folder.glob("stim-*/*_features.json")):
            sidecar = read_sidecar(path)
            if sidecar is not None:
                places.setdefault(sidecar.key, []).append(path.with_suffix(".h5"))
    return places


def read_features(path: Path, key: str) -> Features | None:
    """The features under a key.

    Parameters
    ----------
    path : the .h5 file.
    key : what its values must have been made from.

    Returns
    -------
    The features, or None where they are absent, of another key, or not whole.
    """
    sidecar = _whole_pair(path, key)
    if sidecar is None:
        return None
    try:
        with open_hdf5(path, home=path.parent) as file, failing(path):  # whole, by rename; some disks have no locks
            if file.attrs["key"] != key:  # another process has put another one there since
                return None
            values, times = (np.asarray(own_array(file, name, path)) for name in ("values", "times_s"))
            onsets = np.asarray(own_array(file, "onsets_s", path)) if "onsets_s" in file else None
    except (OSError, KeyError, DataError):  # gone since, or unreadable
        return None
    return Features(sidecar.space, values, times, sidecar.sampling, onsets, sidecar.provenance)


def _whole_pair(path: Path, key: str) -> Sidecar | None:
    """The JSON beside `path`, if both files belong together and to that key."""
    sidecar = read_sidecar(path.with_suffix(".json"))
    if sidecar is None or sidecar.key != key:
        return None
    try:
        return sidecar if sha256_of(path) == sidecar.sha256 else None
    except ReadWriteError:
        return None


def write_features(path: Path, features: Features, key: str, stimulus_id: str) -> None:
    """Write the .h5 file, then its JSON, each atomically.

    Parameters
    ----------
    path : the .h5 file; its folder is made.
    features : what it will hold.
    key : SHA-256 of what decides the values.
    stimulus_id : the stimulus's path under /stimuli.

    Raises
    ------
    CannotCreate : the disk refuses.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            write_h5(part, features, key)
            digest = sha256_of(part)
        with replacing(path.with_suffix(".json")) as part:
            part.write_text(sidecar_text(features, key, stimulus_id, digest), encoding="utf-8")
    except OSError as error:
        raise CannotCreate("cannot write features", path, error.strerror or str(error)) from None


def write_h5(path: Path, features: Features, key: str) -> None:
    """Write an HDF5 file with `values`, `times_s`, perhaps `onsets_s` and the attribute `key`; equal input, equal
    bytes.

    Parameters
    ----------
    path : the file.
    features : values (n_times, n_dims), times and onsets (n_times,).
    key : SHA-256 of what decides the values.
    """
    import h5py

    with h5py.File(path, "w", libver=LIBVER, locking=False) as file:
        file.attrs["key"] = key
        columns = {"values": features.values, "times_s": features.times_s, "onsets_s": features.onsets_s}
        for name, column in columns.items():
            if column is not None:
                file.create_dataset(name, data=column, track_times=False)
