"""The reference: noise that all contacts share goes, and pairs are neighbours with a place between them."""

import numpy as np
import pytest
from bids_trees import write_tsv
from edf_files import write_edf
from test_dataset_bad_spans import BAND
from test_dataset_signals import recording_of, study

from bids_app.dataset import load_response, load_targets
from bids_app.dataset.electrodes.reference import long_rows, neighbours
from bids_app.dataset.electrodes.response import electrode_lines
from bids_app.errors import DataError
from bids_app.records import ResponseSpec
from bids_app.settings.sections import IeegResponse

RATE, SECONDS, SPEC = 512.0, 16, ResponseSpec(rate_hz=100.0, band_hz=BAND, line_hz="none")


def voltages():
    """(6, n): each contact's own high gamma, and on all of them the same far larger broadband noise."""
    rng, n = np.random.default_rng(0), round(SECONDS * RATE)
    times_s = np.arange(n) / RATE
    envelopes = np.array([1 + 0.8 * np.sin(2 * np.pi * (0.3 + 0.07 * at) * times_s) for at in range(6)])
    own = envelopes * rng.normal(size=(6, n))
    return own + 15 * np.abs(rng.normal(size=n)) * rng.normal(size=n), envelopes


def reference_study(root, sidecar=None, desc="_desc-preproc"):
    import mne

    stem = study(root, desc=desc, sidecar=sidecar)
    names = ["A1", "A2", "A3", "B1", "B2", "B4"]
    table = {"name": names, "type": ["SEEG"] * 6, "units": ["V"] * 6, "status": ["good"] * 6}
    write_tsv(root / "sub-01/ieeg/sub-01_task-story_channels.tsv", table)
    places = {axis: [10 * row + at for row in range(6)] for at, axis in enumerate("xyz")}
    for space in ("MNI152NLin2009aSym", "Other", "ACPCofThisPerson"):
        write_tsv(root / f"sub-01/ieeg/sub-01_space-{space}_electrodes.tsv", {"name": names} | places)
    values, envelopes = voltages()
    raw = mne.io.RawArray(values * 1e-6, mne.create_info(names, RATE, "seeg"), verbose="ERROR")
    raw.save(f"{stem}.fif", verbose="ERROR")
    return recording_of(root), envelopes


def shared_variance(recording, spec, wanted):
    """Squared correlation of each target with what was planted in its contacts."""
    response = load_response(recording, load_targets(recording, spec), spec)
    at = np.searchsorted(np.arange(wanted.shape[1]) / RATE, response.times_s[response.valid])
    return [
        np.corrcoef(response.values[response.valid, column], wanted[column][at])[0, 1] ** 2
        for column in range(response.values.shape[1])
    ]


def test_common_noise_goes_with_a_reference(tmp_path):
    recording, envelopes = reference_study(tmp_path / "bids")
    assert np.mean(shared_variance(recording, SPEC, envelopes)) < 0.01
    average = shared_variance(recording, ResponseSpec(**{**vars(SPEC), "reference": "average"}), envelopes)
    assert np.mean(average) > 0.5
    pairs = np.array([envelopes[one] + envelopes[other] for one, other in ((0, 1), (1, 2), (3, 4))])
    bipolar = shared_variance(recording, ResponseSpec(**{**vars(SPEC), "reference": "bipolar"}), pairs)
    assert np.mean(bipolar) > 0.5


def test_pairs_are_targets_with_a_place_between(tmp_path):
    recording, _ = reference_study(tmp_path / "bids", {"iEEGReference": "bipolar montage"})
    spec = ResponseSpec(band_hz=BAND, reference="bipolar")
    targets = load_targets(recording, spec)
    assert targets.names == ("A1-A2", "A2-A3", "B1-B2")
    assert targets.xyz_mm is not None
    assert targets.xyz_mm[0].tolist() == (1000 * np.array([5, 6, 7])).tolist()  # its coordinate system is in metres
    assert targets.table["name"] == targets.names
    lines = {line.text: line.severity for line in electrode_lines(recording, spec)}
    assert any("1 contacts have no good neighbour" in text and "B4" in text for text in lines)
    assert lines["recorded against: bipolar montage; re-referenced: bipolar"] == "warning"


def test_envelopes_have_no_reference(tmp_path):
    recording, _ = reference_study(tmp_path / "bids", desc="_desc-highgamma")
    spec = ResponseSpec(band_hz=BAND, reference="bipolar")
    assert load_targets(recording, spec).names[:2] == ("A1", "A2")
    assert any("does not apply" in line.text for line in electrode_lines(recording, spec))


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (["A1", "A2", "A4"], ["A1-A2"]),
        (["A02", "A01", "A03"], ["A02-A03", "A01-A02"]),
        (["A'1", "A'2", "A1"], ["A'1-A'2"]),
        (["EEG A1-Ref", "EEG A2-Ref"], ["EEG A1-Ref-EEG A2-Ref"]),
        (["1", "2", "x"], ["1-2"]),
        (["A1", "B2"], []),
    ],
)
def test_neighbours_by_name(names, pairs):
    assert list(neighbours(names, {}, np.full((len(names), 3), np.nan))) == pairs


def test_ends_of_a_grids_rows_are_no_neighbours():
    names = [f"G{number}" for number in range(1, 25)]
    xyz_mm = np.array([[10 * (number % 8), 10 * (number // 8), 0] for number in range(24)], dtype=float)
    pairs = neighbours(names, {}, xyz_mm)
    assert len(pairs) == 21
    assert not {"G8-G9", "G16-G17"} & set(pairs)
    unplaced = np.full((24, 3), np.nan)
    assert long_rows(neighbours(names, {}, unplaced), names, unplaced) == ("G",)
    assert not neighbours(["A1", "A2"], {"A1": "left", "A2": "right"}, unplaced[:2])


def test_too_few_channels_for_a_mean(tmp_path):
    recording, _ = reference_study(tmp_path / "bids")
    table = {"name": ["A1", "A2"], "type": ["SEEG"] * 2, "status": ["good"] * 2}
    write_tsv(recording.companions["channels"], table)
    spec = ResponseSpec(rate_hz=100.0, band_hz=BAND, reference="average")
    with pytest.raises(DataError, match="too few for an average reference"):
        load_response(recording, load_targets(recording, spec), spec)


def test_the_reference_counts_in_the_hash_only_where_it_is_set():
    assert "reference" not in IeegResponse().model_dump()
    assert IeegResponse(reference="average").model_dump()["reference"] == "average"


def test_units_that_differ_have_no_common_reference(tmp_path):
    root = tmp_path / "bids"
    stem = study(root, desc="_desc-preproc")
    noise = np.random.default_rng(0).normal(size=(3, round(4 * RATE)))
    units = ("uV", "mV", "nV")  # MNE scales the first two, and takes the third for volts
    write_edf(stem.with_suffix(".edf"), [(f"A{at + 1}", units[at], RATE, noise[at]) for at in range(3)])
    recording = recording_of(root)
    assert load_targets(recording, SPEC).names == ("A1", "A2", "A3")
    with pytest.raises(DataError, match="different units"):
        load_targets(recording, ResponseSpec(band_hz=BAND, reference="average"))
