"""High gamma from voltages: planted envelopes come back without delay, the power line does not, edges are said."""

from pathlib import Path

import numpy as np
import pytest
from bids_trees import describe, ieeg_dataset, ieeg_tables, signals, write_tsv
from scipy.ndimage import gaussian_filter1d

from bids_app.dataset import computes_high_gamma, find_recordings, load_response, load_targets
from bids_app.dataset.electrodes.contents import doubts
from bids_app.dataset.electrodes.high_gamma import edge_s, high_gamma, near_edges
from bids_app.errors import NoInput
from bids_app.records import RecordingQuery, ResponseSpec

RATE, BAND = 512.0, (70.0, 150.0)
TIMES_S = np.arange(round(20 * RATE)) / RATE
EDGE_S = edge_s(BAND, None)
NOTCHED = slice(round(edge_s(BAND, 60.0) * RATE), -round(edge_s(BAND, 60.0) * RATE))


def modulation(seed=0):
    """A slow positive envelope, faster than 0.1 s nowhere."""
    rng = np.random.default_rng(seed)
    slow = gaussian_filter1d(rng.normal(size=len(TIMES_S)), 0.1 * RATE)
    return 1 + 0.8 * slow / np.abs(slow).max()


def lag_of_best(one, other, most=60):
    shifts = range(-most, most + 1)
    return max(shifts, key=lambda shift: np.corrcoef(np.roll(one, shift)[most:-most], other[most:-most])[0, 1])


@pytest.mark.parametrize("carrier_hz", [77.0, 100.0, 143.0])
@pytest.mark.parametrize("rate", [512.0, 1000.0])
def test_a_planted_envelope_comes_back_without_delay(carrier_hz, rate):
    times_s = np.arange(round(20 * rate)) / rate
    envelope = np.interp(times_s, TIMES_S, modulation())
    found = high_gamma(envelope * np.sin(2 * np.pi * carrier_hz * times_s), rate, BAND, None)
    inside = slice(round(EDGE_S * rate), -round(EDGE_S * rate))
    assert np.corrcoef(found[inside], envelope[inside])[0, 1] > 0.99
    assert lag_of_best(found[inside], envelope[inside]) == 0


def test_each_of_the_eight_bands_counts():
    """Noise that falls as 1/f: what rises in one band alone raises the envelope, what rises beside them does not."""
    frequencies = np.fft.rfftfreq(len(TIMES_S), 1 / RATE)
    spectrum = np.fft.rfft(np.random.default_rng(1).normal(size=len(TIMES_S))) / np.maximum(frequencies, 1)

    def rise(low, high):
        part = np.fft.irfft(np.where((frequencies >= low) & (frequencies < high), spectrum, 0))
        found = high_gamma(np.fft.irfft(spectrum) + np.where(TIMES_S > 10, 2 * part, 0), RATE, BAND, None)
        return found[round(11 * RATE) : round(19 * RATE)].mean() / found[round(RATE) : round(9 * RATE)].mean() - 1

    inside = [rise(low, low + 10) for low in range(70, 150, 10)]
    assert min(inside) > 0.1
    assert max(inside) < 0.6
    assert abs(rise(50, 64)) < 0.05
    assert abs(rise(156, 180)) < 0.05


@pytest.mark.parametrize("line_hz", [50.0, 60.0])
def test_the_power_line_does_not_leak(line_hz):
    envelope = modulation()
    carrier = envelope * np.sin(2 * np.pi * 93 * TIMES_S)
    hum = 30 * sum(np.sin(2 * np.pi * line_hz * n * TIMES_S) / n**2 for n in (1, 2, 3))
    noise = 0.05 * np.random.default_rng(0).normal(size=len(TIMES_S))
    clean = high_gamma(carrier + noise, RATE, BAND, line_hz)[NOTCHED]
    hummed = high_gamma(carrier + noise + hum, RATE, BAND, line_hz)[NOTCHED]
    assert np.corrcoef(clean, hummed)[0, 1] > 0.95
    fundamental = 30 * modulation(5) * np.sin(2 * np.pi * 60 * TIMES_S)
    unnotched = high_gamma(carrier + noise + fundamental, RATE, BAND, None)[NOTCHED]  # 60 Hz alone needs no notch
    assert np.corrcoef(high_gamma(carrier + noise, RATE, BAND, None)[NOTCHED], unnotched)[0, 1] > 0.95


def test_samples_near_ends_and_bad_spans():
    bad = np.zeros(1000, bool)
    bad[500:510] = True
    reach = int(np.ceil(EDGE_S * 100))
    found = near_edges(bad, reach)
    wanted = [k for k in range(1000) if k < reach or k >= 1000 - reach or 500 - reach <= k < 510 + reach]
    assert np.flatnonzero(found).tolist() == wanted


def recording_of(root: Path, **settings):
    (recording,) = find_recordings(RecordingQuery(root, root.parent / "out", **settings)).recordings
    return recording


def renamed(root: Path, desc: str) -> Path:
    for path in (root / "derivatives/hga/sub-01/ieeg").iterdir():
        path.rename(path.with_name(path.name.replace("_desc-highgamma", desc)))
    return root


def test_what_is_an_envelope_and_what_a_voltage(tmp_path):
    spec = ResponseSpec(rate_hz=100.0, band_hz=BAND)
    named = recording_of(ieeg_dataset(tmp_path / "a"))
    assert not computes_high_gamma(named, spec)
    assert load_response(named, load_targets(named), spec).warnings == ()
    plain = recording_of(renamed(ieeg_dataset(tmp_path / "b"), "_desc-preproc"))
    assert computes_high_gamma(plain, spec)
    response = load_response(plain, load_targets(plain), spec)
    assert any("70–150 Hz) was computed" in line for line in response.warnings)
    assert not response.valid[: int(EDGE_S * 100)].any()
    assert response.valid[100:-100].all()
    assert not computes_high_gamma(plain, ResponseSpec(rate_hz=100.0))  # band_hz: null
    slow = recording_of(renamed(ieeg_dataset(tmp_path / "c", rate=200.0), ""))
    assert not computes_high_gamma(slow, spec)
    assert any("cannot hold" in line for line in load_response(slow, load_targets(slow), spec).warnings)


def test_computed_high_gamma_stays_at_its_time(tmp_path, monkeypatch):
    def burst(rate, seconds, at, n_channels=3):
        times_s = np.arange(round(rate * seconds)) / rate
        loud = np.exp(-0.5 * ((times_s - at) / 0.05) ** 2) * np.sin(2 * np.pi * 100 * times_s)
        return np.tile(loud + 1e-3 * np.random.default_rng(0).normal(size=len(times_s)), (n_channels, 1)) * 1e-4

    monkeypatch.setattr("bids_trees.click_signal", burst)
    recording = recording_of(renamed(ieeg_dataset(tmp_path / "a", at=3.25), "_desc-preproc"))
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0, band_hz=BAND))
    bump = response.values[:, 0] * (response.values[:, 0] > 0.2 * response.values[:, 0].max())
    assert (bump * response.times_s).sum() / bump.sum() == pytest.approx(3.25, abs=0.002)


def test_raw_recordings_are_read_where_the_data_set_itself_is_named(tmp_path):
    root = tmp_path / "bids"
    describe(root)
    (root / "stimuli").mkdir()
    columns = {"onset": [1.0], "duration": [5.0], "stim_file": ["story.wav"]}
    write_tsv(root / "sub-01/ieeg/sub-01_task-story_events.tsv", columns)
    ieeg_tables(root)
    signals(root, "sub-01_task-story")
    with pytest.raises(NoInput, match="-d raw=BIDS_DIR"):
        recording_of(root)
    assert computes_high_gamma(recording_of(root, derivatives={"raw": root}), ResponseSpec(band_hz=BAND))


def test_contents_that_contradict_what_they_are_taken_for():
    noise = np.random.default_rng(0).normal(size=len(TIMES_S))
    carrier = modulation() * np.sin(2 * np.pi * 100 * TIMES_S)
    assert "never negative" in doubts(modulation(), RATE, BAND, True)[0]
    assert "no envelopes" in doubts(carrier + 0.1 * noise, RATE, BAND, False)[0]
    assert not doubts(noise, RATE, BAND, True)
    assert not doubts(modulation() + 0.1 * noise, RATE, BAND, False)
    assert not doubts(carrier[::4], RATE / 4, BAND, False)
    assert not doubts(modulation(), RATE, None, True)
