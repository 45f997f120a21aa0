"""The user's own features: three formats in, one line for what is wrong."""

import gzip
import json
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from tiny_models import stimulus

from bids_app import features
from bids_app.errors import DataError
from bids_app.features import precomputed
from bids_app.records import FeatureSpec, ModelSource

VALUES = np.arange(12.0).reshape(6, 2)


def load(folder: Path, path: str, rate_hz=None, base_dir=None):
    spec = FeatureSpec("mine", "file", {"path": path, "rate_hz": rate_hz}, base_dir=base_dir)
    return features.extract(stimulus(path=folder / "story.wav"), spec, ModelSource())


def write_tsv(path: Path, values, **facts):
    with gzip.open(path, "wt") as out:
        out.write("\n".join("\t".join(map(str, row)) for row in values) + "\n")
    content = {"SamplingFrequency": 4, "StartTime": 0.5, "Columns": ["a", "b"], **facts}
    path.with_name(path.name.removesuffix(".tsv.gz") + ".json").write_text(json.dumps(content))


def test_npy_has_its_first_row_at_the_start(tmp_path):
    np.save(tmp_path / "story_mine.npy", VALUES)
    got = load(tmp_path, "{stem}_mine.npy", 10)
    np.testing.assert_array_equal(got.values, VALUES)
    np.testing.assert_allclose(got.times_s, np.arange(6) / 10)
    assert got.sampling == "continuous"
    assert got.provenance.causal is None


def test_h5_states_its_times_and_may_be_events(tmp_path):
    times = np.array([0.5, 0.2, 1.0, 3.0, 4.0, 5.0])
    with h5py.File(tmp_path / "mine.h5", "w") as out:
        out["values"], out["times_s"] = VALUES, times
    got = load(tmp_path, "mine.h5")
    np.testing.assert_allclose(got.times_s, np.sort(times))
    np.testing.assert_array_equal(got.values[0], VALUES[1])
    assert got.sampling == "continuous"
    with h5py.File(tmp_path / "mine.h5", "a") as out:
        out["onsets_s"] = times - 0.1
    got = load(tmp_path, "mine.h5")
    assert got.sampling == "events"
    np.testing.assert_allclose(got.onsets_s, np.sort(times) - 0.1)


def test_bids_stim_starts_at_its_start_time(tmp_path):
    write_tsv(tmp_path / "story_stim.tsv.gz", VALUES)
    got = load(tmp_path, "{stem}_stim.tsv.gz")
    np.testing.assert_array_equal(got.values, VALUES)
    np.testing.assert_allclose(got.times_s, 0.5 + np.arange(6) / 4)
    assert got.provenance.dimensions == ("a", "b")
    assert set(got.provenance.files) == {"story_stim.tsv.gz", "story_stim.json"}


def test_relative_to_the_analysis_where_it_is_not_beside_the_stimulus(tmp_path):
    (tmp_path / "analysis").mkdir()
    np.save(tmp_path / "analysis/story.npy", VALUES)
    assert load(tmp_path / "stimuli", "{stem}.npy", 1, tmp_path / "analysis").values.shape == (6, 2)
    with pytest.raises(DataError, match=r"story\.wav has no file of features .*looked for .*stimuli/absent\.npy or "):
        load(tmp_path / "stimuli", "absent.npy", 1, tmp_path / "analysis")


@pytest.mark.parametrize(
    ("rows", "rate_hz", "told"), [(100, 10, 0), (92, 10, 0), (85, 10, 1), (100, 100, 1), (120, 10, 1)]
)
def test_a_signal_of_another_length_than_the_stimulus_is_noted(rows, rate_hz, told, tmp_path):
    np.save(tmp_path / "mine.npy", np.ones((rows, 1)))  # the stimulus lasts 10 s
    notes = load(tmp_path, "mine.npy", rate_hz).provenance.notes
    assert len(notes) == told
    if told:
        assert notes[0].endswith(f"to {(rows - 1) / rate_hz:.1f} s, but the stimulus lasts 10.0 s")


@pytest.mark.parametrize(("last", "told"), [(3.0, 0), (10.5, 0), (12.0, 1)])
def test_events_need_not_reach_the_end(last, told, tmp_path):
    times = np.array([1.0, last])
    with h5py.File(tmp_path / "mine.h5", "w") as out:
        out["values"], out["times_s"], out["onsets_s"] = np.ones((2, 1)), times, times - 0.1
    assert len(load(tmp_path, "mine.h5").provenance.notes) == told


def h5(path, **columns):
    with h5py.File(path, "w") as out:
        for name, column in columns.items():
            if isinstance(column, dict):
                out.create_group(name)
            else:
                out[name] = column


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        ({"values": VALUES}, "cannot be read"),
        ({"times_s": np.arange(6.0)}, "cannot be read"),
        ({"values": VALUES, "times_s": 0.5}, "'times_s' must hold a number for each of the 6 rows"),
        ({"values": VALUES, "times_s": np.zeros((6, 1))}, "'times_s' must hold a number"),
        ({"values": VALUES, "times_s": np.array([b"a"] * 6)}, "'times_s' must hold a number"),
        ({"values": VALUES, "times_s": [0, 1, 2, 3, 4, np.nan]}, "times with NaN"),
        ({"values": VALUES, "times_s": [0, 1, 2, 3, 4, np.inf]}, "times with NaN or infinity"),
        ({"values": VALUES, "times_s": np.arange(6.0), "onsets_s": np.arange(5.0)}, "'onsets_s' must hold"),
        ({"values": VALUES, "times_s": np.arange(6.0), "onsets_s": [0, 1, 2, 3, 4, np.nan]}, "onsets with NaN"),
        ({"values": {}, "times_s": np.arange(6.0)}, "must be numbers|cannot be read"),
        ({"values": VALUES[0], "times_s": np.arange(2.0)}, "not 2 of float64"),
        ({"values": VALUES.T, "times_s": np.arange(6.0)}, "'times_s' must hold a number for each of the 2 rows"),
        ({"values": VALUES[:, :0], "times_s": np.arange(6.0)}, "no rows"),
    ],
)
def test_wrong_h5_files_are_one_line(columns, line, tmp_path):
    h5(tmp_path / "mine.h5", **columns)
    with pytest.raises(DataError, match=line) as caught:
        load(tmp_path, "mine.h5")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [[[1, 2], [3]], [[1, "a"]], [["", ""]]])
def test_wrong_rows_of_stim_files_are_one_line(values, tmp_path):
    write_tsv(tmp_path / "x_stim.tsv.gz", values)
    with pytest.raises(DataError, match=r"x_stim") as caught:
        load(tmp_path, "x_stim.tsv.gz")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "facts", [{"StartTime": None}, {"StartTime": "x"}, {"SamplingFrequency": -4}, {"Columns": 3}]
)
def test_wrong_sidecars_of_stim_files_are_one_line(facts, tmp_path):
    write_tsv(tmp_path / "x_stim.tsv.gz", VALUES, **facts)
    with pytest.raises(DataError, match="cannot be read") as caught:
        load(tmp_path, "x_stim.tsv.gz")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("facts", [{"StartTime": float("nan")}, {"SamplingFrequency": float("inf")}])
def test_times_that_are_none_are_one_line(facts, tmp_path):
    write_tsv(tmp_path / "x_stim.tsv.gz", VALUES, **facts)
    with pytest.raises(DataError):
        load(tmp_path, "x_stim.tsv.gz")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (np.zeros(5), r"must be numbers \(n_times, n_dims\), not 5 of float64"),
        (np.zeros((5, 2, 2)), "not 5×2×2"),
        (np.zeros((5, 2), complex), "of complex128"),
        (np.array([["a"]]), "must be numbers"),
        (np.array([[1.0], [np.nan]]), "values with NaN"),
        (np.array([[1.0], [1e300]]), "values with NaN or infinity"),
        (np.zeros((0, 3)), "no rows"),
    ],
)
def test_wrong_content_is_one_line(values, line, tmp_path):
    np.save(tmp_path / "mine.npy", values)
    with pytest.raises(DataError, match=line):
        load(tmp_path, "mine.npy", 1)


def test_pickles_are_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.mkdir, (tmp_path / "sprung",)

    (tmp_path / "mine.npy").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path, "mine.npy", 1)
    np.save(tmp_path / "mine.npy", np.array([[Trap()]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path, "mine.npy", 1)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("facts", "line"),
    [
        ({"Columns": ["a"]}, "2 columns, but the JSON names 1"),
        ({"SamplingFrequency": None}, "cannot be read"),
        ({"SamplingFrequency": 0}, "cannot be read"),
    ],
)
def test_wrong_stim_files(facts, line, tmp_path):
    write_tsv(tmp_path / "x_stim.tsv.gz", VALUES, **facts)
    with pytest.raises(DataError, match=line):
        load(tmp_path, "x_stim.tsv.gz")


def test_broken_files_are_one_line(tmp_path):
    (tmp_path / "x.h5").write_bytes(b"not an h5 file")
    write_tsv(tmp_path / "x_stim.tsv.gz", [["n/a", 1]])
    write_tsv(tmp_path / "y_stim.tsv.gz", [])
    write_tsv(tmp_path / "z_stim.tsv.gz", VALUES)
    (tmp_path / "z_stim.tsv.gz").write_bytes((tmp_path / "z_stim.tsv.gz").read_bytes()[:20])
    np.save(tmp_path / "x.npy", VALUES)
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:100])
    for name in ("x.h5", "x_stim.tsv.gz", "y_stim.tsv.gz", "z_stim.tsv.gz", "x.npy"):
        with pytest.raises(DataError, match=f"cannot be read: .*{name}") as caught:
            load(tmp_path, name, 1 if name.endswith("npy") else None)
        assert "\n" not in str(caught.value)
    (tmp_path / "z_stim.json").unlink()
    with pytest.raises(DataError, match=r"no JSON beside it.*z_stim\.json"):
        load(tmp_path, "z_stim.tsv.gz")


def test_h5_times_must_fit(tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as out:
        out["values"], out["times_s"] = VALUES, np.arange(5.0)
    with pytest.raises(DataError, match="'times_s' must hold a number for each of the 6 rows"):
        load(tmp_path, "mine.h5")


def test_a_stimulus_without_its_file_fails_the_check_before_computing(tmp_path):
    spec = FeatureSpec("mine", "file", {"path": "{stem}.h5"})
    with pytest.raises(DataError, match="has no file of features"):
        features.check_needs(stimulus(path=tmp_path / "story.wav"), spec)


def test_a_bug_of_our_own_is_not_taken_for_a_broken_file(tmp_path, monkeypatch):
    def broken(path, spec):
        raise TypeError("a bug")

    np.save(tmp_path / "mine.npy", VALUES)
    monkeypatch.setitem(precomputed.READERS, ".npy", broken)
    with pytest.raises(TypeError, match="a bug"):
        load(tmp_path, "mine.npy", 1)


def test_an_array_without_rows_is_one_line(tmp_path):
    np.save(tmp_path / "mine.npy", np.array(1.0))
    with pytest.raises(DataError, match="it holds no rows"):
        load(tmp_path, "mine.npy", 1)
    np.savez(tmp_path / "several.npz", VALUES)
    (tmp_path / "several.npz").rename(tmp_path / "mine.npy")
    with pytest.raises(DataError, match="it holds no rows"):
        load(tmp_path, "mine.npy", 1)


@pytest.mark.parametrize("kind", ["storage", "link", "soft link", "virtual"])
def test_nothing_of_another_file_becomes_features(kind, tmp_path):
    (tmp_path / "passwd").write_bytes(b"root:x:0:0")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = VALUES
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["times_s"] = np.arange(len(VALUES), dtype=float)
        if kind == "storage":
            file.create_dataset("values", (10, 1), "u1", external=[(str(tmp_path / "passwd"), 0, 10)])
        elif kind == "virtual":
            layout = h5py.VirtualLayout(np.shape(VALUES), "f8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", np.shape(VALUES))
            file.create_virtual_dataset("values", layout)
        else:
            file["values"] = h5py.ExternalLink("other.h5", "/x") if kind == "link" else h5py.SoftLink("/times_s")
    with pytest.raises(DataError, match=r"a link, not an array|other files"):
        load(tmp_path, "mine.h5")
