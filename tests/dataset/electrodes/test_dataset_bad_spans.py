"""Bad stretches of events.tsv and of the file; the power line by the sidecar; what each of them costs."""

import numpy as np
import pytest
from bids_trees import ieeg_dataset, write, write_json

from bids_app.dataset import find_recordings, load_response, load_targets
from bids_app.dataset.electrodes.channel_spans import length_s, share_spans
from bids_app.dataset.electrodes.mains import notch_hz, stated_line_hz
from bids_app.dataset.electrodes.response import electrode_lines
from bids_app.dataset.signals.bad_spans import BadSpan, event_spans
from bids_app.records import RecordingQuery, ResponseSpec

RATE, BAND = 512.0, (70.0, 150.0)


def recording_of(root):
    (recording,) = find_recordings(RecordingQuery(root, root.parent / "out")).recordings
    return recording


@pytest.mark.parametrize(
    ("row", "marked"),
    [
        ("BAD_seizure\tn/a\tn/a", True),
        ("bad segment\tn/a\tn/a", True),
        ("artifact_muscle\tn/a\tn/a", True),
        ("Artefact\tn/a\tn/a", True),
        ("n/a\tbad\tn/a", True),
        ("annotation\tBAD_noise\tn/a", True),
        ("speech\tn/a\tbad", True),
        ("speech\tn/a\tBad", True),
        ("speech\tn/a\tgood", False),
        ("word\tbad\tgood", False),
        ("sentence\tbad dogs bark\tgood", False),
        ("speech\tbadly\tgood", False),
        ("music\t12\tn/a", False),
    ],
)
def test_rows_that_mark_a_stretch_as_bad(tmp_path, row, marked):
    path = write(tmp_path / "events.tsv", f"onset\tduration\ttrial_type\tvalue\tstatus\n2\t1.5\t{row}\n")
    spans, lines = event_spans(path)
    assert spans == ([BadSpan(2.0, 1.5, "events.tsv")] if marked else [])
    assert not lines


@pytest.mark.parametrize(
    ("column", "cell", "names"),
    [
        ("channel", "A1", ("A1",)),
        ("channels", "A1, A2", ("A1", "A2")),
        ("channel", '["A1", "A2"]', ("A1", "A2")),
        ("channel", "A1;A2", ("A1", "A2")),
        ("channel", "n/a", ()),
        ("channels", "all", ()),
    ],
)
def test_channels_of_a_bad_stretch(tmp_path, column, cell, names):
    path = write(tmp_path / "events.tsv", f"onset\tduration\ttrial_type\t{column}\n2\t1\tbad\t{cell}\n")
    assert event_spans(path)[0][0].channels == names


def test_bad_rows_without_times_are_told(tmp_path):
    rows = "n/a\t1\tbad\n2\tn/a\tbad\n3\t1\tbad\n"
    spans, lines = event_spans(write(tmp_path / "events.tsv", f"onset\tduration\ttrial_type\n{rows}"))
    assert len(spans) == 1
    assert "2 of 3 rows" in lines[0]


def with_events(root, rows):
    write(
        root / "sub-01/ieeg/sub-01_task-story_events.tsv",
        f"onset\tduration\ttrial_type\tstim_file\tchannel\n1\t5\tstory\tstory.wav\tn/a\n{rows}",
    )
    return recording_of(root)


def test_stretches_of_events_are_not_valid(tmp_path):
    recording = with_events(ieeg_dataset(tmp_path / "bids"), "2\t1\tartifact\tn/a\tn/a\n5\t0.2\tBAD\tn/a\tA1\n")
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    bad = [*range(200, 300), *range(500, 520)]  # A1's own 0.2 s cost all channels those samples
    assert np.allclose(response.times_s[~response.valid], np.array(bad) / 100)


def test_a_channel_that_is_bad_for_long_is_left_out_and_told(tmp_path):
    recording = with_events(ieeg_dataset(tmp_path / "bids"), "2\t3\tbad\tn/a\tA1\n")
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    assert response.targets.names == ("A3",)
    assert response.valid.all()
    assert any("own bad spans" in line and "A1 38%" in line for line in response.warnings)


def test_many_short_stretches_cost_the_worst_channels():
    spans = [BadSpan(10.0 * at, 1 + 0.1 * at, "file", (f"A{at}",)) for at in range(10)]
    shared = share_spans(spans, [f"A{at}" for at in range(10)], 100.0)
    assert set(shared.left_out) == {"A9", "A8", "A7"}
    assert length_s(shared.spans_s) <= 10


def test_overlapping_stretches_count_once():
    assert length_s([(0, 2), (1, 2), (5, 1), (5.5, 0.1)]) == 4


@pytest.mark.parametrize(
    ("stated", "hz"), [(50, 50), (60.0, 60), ("50", 50), ("60 Hz", 60), ("n/a", None), (0, None), (None, None)]
)
def test_the_power_line_of_a_sidecar(stated, hz):
    assert stated_line_hz({"PowerLineFrequency": stated}) == hz


def voltages(root, monkeypatch, line_hz):
    """A carrier whose envelope is slow, under a far louder hum whose third harmonic lies in the band."""
    times_s = np.arange(round(8 * RATE)) / RATE
    envelope = 1 + 0.8 * np.sin(2 * np.pi * 0.7 * times_s)
    hum = 20 * (1 + 0.5 * np.sin(2 * np.pi * 0.31 * times_s)) * np.sin(2 * np.pi * 100 * times_s)
    wave = envelope * np.sin(2 * np.pi * 83 * times_s) + hum
    monkeypatch.setattr("bids_trees.click_signal", lambda *_: np.tile(wave, (3, 1)) * 1e-6)
    ieeg_dataset(root)
    folder = root / "derivatives/hga/sub-01/ieeg"
    for path in list(folder.iterdir()):
        path.rename(path.with_name(path.name.replace("_desc-highgamma", "_desc-preproc")))
    write_json(root / "sub-01/ieeg/sub-01_task-story_ieeg.json", {"PowerLineFrequency": line_hz})
    return recording_of(root), envelope[:: round(RATE / 100)]


def heard(recording, spec, envelope):
    response = load_response(recording, load_targets(recording), spec)
    made = np.interp(np.arange(len(envelope)) * round(RATE / 100) / RATE, response.times_s, response.values[:, 0])
    return np.corrcoef(made[200:-200], envelope[200:-200])[0, 1] ** 2


def test_the_raw_sidecars_power_line_is_notched(tmp_path, monkeypatch):
    recording, envelope = voltages(tmp_path / "bids", monkeypatch, 50)
    spec = ResponseSpec(rate_hz=100.0, band_hz=BAND)
    assert heard(recording, spec, envelope) > 0.9
    assert heard(recording, ResponseSpec(rate_hz=100.0, band_hz=BAND, line_hz="none"), envelope) < 0.3
    assert any("notches at 100, 150 Hz" in line.text for line in electrode_lines(recording, spec))
    told = electrode_lines(recording, ResponseSpec(band_hz=BAND, line_hz=60.0))
    assert any("60 Hz" in line.text and "sidecar 50 Hz" in line.text for line in told)
    assert notch_hz(recording, ResponseSpec(band_hz=BAND, line_hz=60.0)) == 60


def test_no_power_line_anywhere_is_told(tmp_path, monkeypatch):
    recording, _ = voltages(tmp_path / "bids", monkeypatch, "n/a")
    lines = electrode_lines(recording, ResponseSpec(band_hz=BAND))
    assert [line.severity for line in lines if line.topic == "power line"] == ["warning"]
