from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bids_trees import ieeg_dataset, ieeg_tables, signals, snapshot, write, write_tsv

from bids_app.dataset import align, find_recordings, intersect_targets, load_response, load_targets
from bids_app.errors import DataError
from bids_app.records import Recording, RecordingQuery, ResponseSpec, Stimulus

CLICK_S = 3.25


def only(root: Path, **settings: Any) -> Recording:
    (recording,) = find_recordings(RecordingQuery(root, root.parent / "out", **settings)).recordings
    return recording


def peak_s(recording: Recording, rate_hz: float | None) -> float:
    """The centre of the click, by its centroid, so that a shift of half a sample shows."""
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=rate_hz))
    bump = np.clip(response.values[:, -1].astype(float), 0, None)
    bump = np.where(bump > 0.05 * bump.max(), bump, 0)
    return float((bump * response.times_s).sum() / bump.sum())


@pytest.mark.parametrize("fmt", ["fif", "vhdr"])
def test_good_channels_with_places_in_mm(tmp_path: Path, fmt: str) -> None:
    recording = only(ieeg_dataset(tmp_path / "bids", fmt))
    targets = load_targets(recording)
    assert targets.names == ("A1", "A3")
    assert targets.xyz_mm is not None
    assert np.allclose(targets.xyz_mm, [[0, 1, 2], [20, 21, 22]])  # metres in the file
    assert targets.table["type"] == ("SEEG", "SEEG")
    assert targets.space == "MNI152NLin2009aSym"


@pytest.mark.parametrize("fmt", ["fif", "vhdr"])
@pytest.mark.parametrize("rate_hz", [None, 100.0, 64.0, 333.0])
def test_a_click_stays_at_its_time(tmp_path: Path, fmt: str, rate_hz: float | None) -> None:
    recording = only(ieeg_dataset(tmp_path / "bids", fmt, at=CLICK_S))
    assert peak_s(recording, rate_hz) == pytest.approx(CLICK_S, abs=0.0005)  # half a sample at 100 Hz is 0.005


def test_a_late_click_does_not_drift_at_odd_rates(tmp_path: Path) -> None:
    recording = only(ieeg_dataset(tmp_path / "bids", rate=499.7071, at=7.5))
    assert peak_s(recording, 100.0) == pytest.approx(7.5, abs=0.0005)


def test_the_clock_begins_at_the_first_sample_stored(tmp_path: Path) -> None:
    recording = only(ieeg_dataset(tmp_path / "bids", first_samp=5000, at=CLICK_S))
    assert recording.start_s == 0.0
    assert peak_s(recording, None) == pytest.approx(CLICK_S, abs=0.0005)


def test_fast_oscillation_does_not_alias(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = np.arange(8 * 512) / 512
    monkeypatch.setattr("bids_trees.click_signal", lambda *args: np.tile(np.sin(2 * np.pi * 130 * times), (3, 1)))
    recording = only(ieeg_dataset(tmp_path / "bids"))
    values = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0)).values
    assert np.abs(values[50:-50]).max() < 0.01  # a bare pick of samples would show it in full


def test_response_has_rate_shape_and_no_nuisance(tmp_path: Path) -> None:
    recording = only(ieeg_dataset(tmp_path / "bids"))
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    assert response.values.shape == (800, 2)
    assert response.values.dtype == np.float32
    assert np.allclose(response.times_s, np.arange(800) / 100)
    assert response.nuisance.shape == (800, 0)
    assert response.valid.all()
    native = load_response(recording, load_targets(recording), ResponseSpec())
    assert native.values.shape == (4096, 2)
    assert native.times_s[-1] == pytest.approx(4095 / 512)
    assert np.ptp(native.values[:, 1]) == pytest.approx(3 * np.ptp(native.values[:, 0]), rel=1e-3)


def test_groups_of_channels_join_without_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = only(ieeg_dataset(tmp_path / "bids"))
    targets, spec = load_targets(recording), ResponseSpec(rate_hz=100.0)
    whole = load_response(recording, targets, spec).values
    monkeypatch.setattr("bids_app.dataset.electrodes.response.BLOCK_BYTES", 1)
    alone = load_response(recording, targets, spec).values
    # a transform of one channel may round otherwise than one of several at once, by the width of the processor
    np.testing.assert_allclose(alone, whole, rtol=1e-5, atol=1e-6 * np.abs(whole).max())


@pytest.mark.parametrize("first_samp", [0, 1000])
def test_bad_spans_are_not_valid(tmp_path: Path, first_samp: int) -> None:
    annotations = ([2.0, 5.0], [1.0, 1.0], ["BAD_seizure", "pause"])
    recording = only(ieeg_dataset(tmp_path / "bids", annotations=annotations, first_samp=first_samp))
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    assert np.allclose(response.times_s[~response.valid], np.arange(200, 300) / 100)


def test_without_tables_all_intracranial_channels_and_it_is_told(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    for path in [*root.rglob("*channels.tsv"), *root.rglob("*electrodes.tsv"), *root.rglob("*coordsystem.json")]:
        path.unlink()
    recording = only(root)
    targets = load_targets(recording)
    assert targets.names == ("A1", "A2", "A3")
    assert targets.xyz_mm is not None
    assert np.isnan(targets.xyz_mm).all()
    assert recording.space == "n/a"
    assert any("channels.tsv" in warning for warning in recording.warnings)
    assert any("electrodes.tsv" in warning for warning in recording.warnings)


def test_channels_with_byte_order_mark_other_types_and_absent_ones(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    path = next(root.rglob("*channels.tsv"))
    write(path, "\ufeffname\ttype\tstatus\nA1\tECOG\tgood\nA2\tTRIG\tgood\nA3\tseeg\tn/a\nA9\tSEEG\tgood\n")
    recording = only(root)
    assert load_targets(recording).names == ("A1", "A3")
    response = load_response(recording, load_targets(recording), ResponseSpec())
    assert any("A9" in warning for warning in response.warnings)


def test_space_asked_for_and_channels_of_the_derivative_win(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    ieeg_tables(root / "derivatives/hga", status=("bad", "good", "good"))
    recording = only(root, spaces=("Other",))
    targets = load_targets(recording)
    assert recording.space == "Other"
    assert targets.names == ("A2", "A3")
    assert targets.xyz_mm is not None
    assert np.allclose(targets.xyz_mm, [[10, 11, 12], [20, 21, 22]])


def test_no_good_channel(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    ieeg_tables(root, status=("bad", "BAD", "bad"))
    with pytest.raises(DataError, match="no good"):
        load_targets(only(root))


def test_positions_unknown_for_some(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    places = {"name": ["A1"], "x": ["n/a"], "y": ["n/a"], "z": ["n/a"]}
    write_tsv(root / "sub-01/ieeg/sub-01_space-MNI152NLin2009aSym_electrodes.tsv", places)
    recording = only(root)
    response = load_response(recording, load_targets(recording), ResponseSpec())
    assert any("2 of 2 electrodes have no position" in warning for warning in response.warnings)


def test_targets_of_runs_meet_by_name(tmp_path: Path) -> None:
    targets = load_targets(only(ieeg_dataset(tmp_path / "bids")))
    assert targets.xyz_mm is not None
    one = replace(targets, names=("A3",), xyz_mm=targets.xyz_mm[1:], table={"type": ("SEEG",)})
    common, warnings = intersect_targets([targets, one])
    assert common.names == ("A3",)
    assert common.xyz_mm is not None
    assert common.xyz_mm.tolist() == [[20, 21, 22]]
    assert common.table == {"name": ("A3",), "type": ("SEEG",), "units": ("uV",), "status": ("good",)}
    assert warnings


def test_a_channel_that_is_gone_and_a_file_cut_off(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    recording = only(root)
    targets = load_targets(recording)
    with pytest.raises(DataError, match="Z9"):
        load_response(recording, replace(targets, names=("Z9",)), ResponseSpec())
    path = recording.paths[0]
    path.write_bytes(path.read_bytes()[:-20_000])
    with pytest.raises(DataError, match=path.name):
        load_response(recording, targets, ResponseSpec())


def test_checks_know_the_length(tmp_path: Path) -> None:
    recording = only(ieeg_dataset(tmp_path / "bids"))
    stimulus = Stimulus("story.wav", "story", tmp_path, None, None, 14.0, None, None, "")
    row = align(recording, [(replace(recording.stimuli[0], duration_s=None), stimulus)])
    (heard,) = row.playings
    assert (row.extents[0].seconds, heard.n_words, heard.words_in_sound, heard.heard_share) == (8.0, 0, None, 0.5)


def test_nothing_is_written_not_even_lock_files(tmp_path: Path) -> None:
    root = ieeg_dataset(tmp_path / "bids")
    before = snapshot(root)
    recording = only(root)
    load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    assert snapshot(root) == before
    assert not [path for path in root.rglob("*") if "lock" in path.name]


def test_split_files_are_one_recording(tmp_path: Path) -> None:
    import mne

    root = ieeg_dataset(tmp_path / "bids")
    path = next(root.rglob("*.fif"))
    path.unlink()
    path = signals(root / "derivatives/hga", "sub-01_task-story_desc-highgamma", rate=2000.0)
    raw = mne.io.read_raw(path, preload=True, verbose="ERROR")
    path.unlink()
    names = ["A1", "A2", "A3"]
    data = np.random.default_rng(0).normal(size=(3, 400_000))
    raw = mne.io.RawArray(data, mne.create_info(names, 2000.0, "seeg"), verbose="ERROR")
    raw.save(path, split_size="3MB", split_naming="bids", verbose="ERROR")
    assert len(list(path.parent.glob("*split*"))) > 1
    assert len(load_response(only(root), load_targets(only(root)), ResponseSpec()).values) == 400_000
