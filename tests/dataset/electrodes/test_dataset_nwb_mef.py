"""NWB and MEF3: their own clocks, pauses, units, names and invalid times."""

from datetime import UTC, datetime

import numpy as np
import pytest
from test_dataset_signals import RATE, centre_s, click, recording_of, study

from bids_app.dataset import load_response, load_targets
from bids_app.dataset.signals.open import open_signals
from bids_app.errors import DataError
from bids_app.records import ResponseSpec

START_US = 1_600_000_000_000_000


def write_nwb(path, wave, stamps=None, labels=("A1", "A2", "A3"), invalid=(), series=("ecog",), bad=()):
    pynwb = pytest.importorskip("pynwb")
    from pynwb.ecephys import ElectricalSeries

    content = pynwb.NWBFile(
        session_description="t", identifier="t", session_start_time=datetime(2020, 1, 1, tzinfo=UTC)
    )
    device = content.create_device(name="d")
    group = content.create_electrode_group(name="g", description="d", location="l", device=device)
    content.add_electrode_column(name="label", description="name")
    content.add_electrode_column(name="bad", description="status")
    for label in labels:
        content.add_electrode(location="l", group=group, label=label, bad=label in bad)
    data = np.outer(wave, np.arange(1, len(labels) + 1))  # microvolts
    clock = {"rate": RATE, "starting_time": 100.0} if stamps is None else {"timestamps": stamps}
    for name in series:
        region = content.create_electrode_table_region(region=list(range(len(labels))), description="all")
        content.add_acquisition(ElectricalSeries(name=name, data=data, electrodes=region, conversion=1e-6, **clock))
    for start, stop in invalid:
        content.add_invalid_time_interval(start_time=start, stop_time=stop)
    with pynwb.NWBHDF5IO(str(path), "w") as file:
        file.write(content)
    return path


def test_nwb_counts_from_its_first_sample(tmp_path):
    stem = study(tmp_path / "bids")
    write_nwb(stem.with_suffix(".nwb"), click(6.25), invalid=[(102.0, 103.0)], bad=("A3",))
    recording = recording_of(tmp_path / "bids")
    assert recording.rate_hz == RATE
    assert load_targets(recording).names == ("A1", "A2")
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    assert centre_s(response, 1) == pytest.approx(6.25, abs=0.002)
    assert response.values[:, 1].max() == pytest.approx(2e-4, rel=0.01)  # volts
    assert np.allclose(response.times_s[~response.valid], np.arange(200, 300) / 100)


def test_time_stamps_of_nwb_say_where_it_paused(tmp_path):
    stamps = 7 + np.arange(8 * 256) / RATE
    stamps[1024:] += 5
    stem = study(tmp_path / "bids")
    write_nwb(stem.with_suffix(".nwb"), click(6.25), stamps)
    recording = recording_of(tmp_path / "bids")
    assert recording.rate_hz == RATE
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    assert centre_s(response) == pytest.approx(11.25, abs=0.002)
    assert (~response.valid).sum() == 500


def test_nwb_of_two_series_or_names_is_refused(tmp_path):
    path = write_nwb(tmp_path / "x.nwb", click(3), series=("one", "two"))
    with pytest.raises(DataError, match="several electrical series fit: one, two"):
        open_signals(path, ["A1"])
    path = write_nwb(tmp_path / "y.nwb", click(3), labels=("A1", "A2", "A1"))
    with pytest.raises(DataError, match="one name: A1"):
        open_signals(path, ["A1", "A2"])


def write_mef(path, wave, pause_s=5):
    session = pytest.importorskip("pymef.mef_session").MefSession(f"{path}/", "", False, True)
    zero = dict.fromkeys(
        (
            "start_sample", "maximum_native_sample_value", "minimum_native_sample_value", "number_of_blocks",
            "maximum_block_bytes", "maximum_block_samples", "maximum_difference_bytes", "block_interval",
            "maximum_contiguous_blocks", "maximum_contiguous_block_bytes", "maximum_contiguous_samples",
            "number_of_samples", "recording_duration",
        ),
        0,
    )  # fmt: skip
    about = zero | {
        "sampling_frequency": RATE, "units_conversion_factor": 0.01, "units_description": b"uV",
        "number_of_discontinuities": 1, "acquisition_channel_number": 1,
    }  # fmt: skip
    values = np.round(wave * 100).astype(np.int32)
    half = len(values) // 2
    ends = [START_US + round(1e6 * s) for s in (half / RATE, half / RATE + pause_s, len(values) / RATE + pause_s)]
    for name in ("A1", "A2", "A3"):
        session.write_mef_ts_segment_metadata(
            name, 0, "", "", START_US, ends[0], about, {"recording_time_offset": START_US - 1, "GMT_offset": 0}
        )
        session.write_mef_ts_segment_data(name, 0, "", "", 256, values[:half])
        session.append_mef_ts_segment_data(name, 0, "", "", ends[1], ends[2], 256, values[half:], True)
    session.close()


@pytest.mark.parametrize("pause_s", [0, 5])
def test_mef_keeps_its_clock_over_a_pause(tmp_path, pause_s):
    stem = study(tmp_path / "bids")
    write_mef(stem.with_suffix(".mefd"), click(6.25), pause_s)
    recording = recording_of(tmp_path / "bids")
    assert recording.rate_hz == RATE
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    assert centre_s(response) == pytest.approx(6.25 + pause_s, abs=0.002)
    assert response.values[:, 0][response.valid].max() == pytest.approx(1e-4, rel=0.01)
    assert (~response.valid).sum() == 100 * pause_s


@pytest.mark.parametrize(("ending", "extra"), [(".nwb", "nwb"), (".mefd", "mef")])
def test_a_reader_that_is_not_installed_is_named(tmp_path, monkeypatch, ending, extra):
    monkeypatch.setattr(f"bids_app.dataset.signals.{extra}.find_spec", lambda name: None)
    path = tmp_path / f"x{ending}"
    path.mkdir() if extra == "mef" else path.write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        open_signals(path)
    assert f"bids-concord[{extra}]" in caught.value.hint
