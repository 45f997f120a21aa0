"""Every format's own clock: a click whose time is known comes out there, whatever lies before it."""

import numpy as np
import pytest
from bids_trees import describe, ieeg_tables, write_json, write_tsv
from edf_files import write_edf

from bids_app.dataset import find_recordings, load_response, load_targets
from bids_app.dataset.electrodes.response import electrode_lines
from bids_app.dataset.signals.open import open_signals
from bids_app.errors import DataError
from bids_app.records import RecordingQuery, ResponseSpec

RATE, CLICK_S = 256.0, 11.25  # the click is in the last of three stretches
STARTS_S = [0, 1, 4.5, 5.5, 6.5, 10, 11, 12]  # of each record of a second


def click(at, rate=RATE, seconds=8, width_s=0.02):
    times_s = np.arange(round(seconds * rate)) / rate
    return 100 * np.exp(-0.5 * ((times_s - at) / width_s) ** 2)


def study(root, files=(), desc="_desc-highgamma", events=None, sidecar=None):
    """A data set of one recording, whose derivative's folder is returned."""
    describe(root)
    (root / "stimuli").mkdir()
    describe(root / "derivatives/hga", derivative=True, maker="hga")
    columns = {"onset": [1.0], "duration": [5.0], "stim_file": ["story.wav"]}
    write_tsv(root / "sub-01/ieeg/sub-01_task-story_events.tsv", events or columns)
    ieeg_tables(root, status=("good", "good", "good"))
    folder = root / "derivatives/hga/sub-01/ieeg"
    folder.mkdir(parents=True)
    if sidecar:
        write_json(folder / f"sub-01_task-story{desc}_ieeg.json", sidecar)
    return folder / f"sub-01_task-story{desc}_ieeg"


def recording_of(root):
    found = find_recordings(RecordingQuery(root, root.parent / "out"))
    assert not found.excluded, found.excluded
    return found.recordings[0]


def centre_s(response, column=0):
    """The click's time, by its centroid."""
    bump = np.nan_to_num(response.values[:, column].astype(float))
    bump = np.where(bump > 0.05 * bump.max(), bump, 0)
    return (bump * response.times_s).sum() / bump.sum()


def channels(*clicks, rate=RATE, unit="uV"):
    return [(f"A{at}", unit, rate, values) for at, values in enumerate(clicks, 1)]


@pytest.mark.parametrize("rate_hz", [None, 100.0, 64.0])
def test_edf_with_pauses_keeps_the_clock_of_its_records(tmp_path, rate_hz):
    stem = study(tmp_path / "bids")
    wave = click(6.25)  # of samples: the record that starts at 11 s
    write_edf(stem.with_suffix(".edf"), channels(wave, wave, wave), "EDF+D", STARTS_S, [(11.5, 0.5, "BAD_x")])
    recording = recording_of(tmp_path / "bids")
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=rate_hz))
    assert centre_s(response) == pytest.approx(CLICK_S, abs=0.002)
    at = response.times_s
    paused = ((at >= 2) & (at < 4.5)) | ((at >= 7.5) & (at < 10)) | ((at >= 11.5) & (at < 12))
    assert (response.valid == ~paused).all()
    assert np.isnan(response.values[(at >= 2.1) & (at < 4.4)]).all()
    assert at[-1] == pytest.approx(13, abs=0.02)


def test_events_that_count_samples_are_believed(tmp_path):
    columns = {"onset": [0.5, 6.25], "duration": [1, 1], "sample": [128, 1600], "stim_file": ["story.wav", "n/a"]}
    stem = study(tmp_path / "bids", events=columns)
    wave = click(6.25)
    write_edf(stem.with_suffix(".edf"), channels(wave, wave, wave), "EDF+D", STARTS_S)
    recording = recording_of(tmp_path / "bids")
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    assert centre_s(response) == pytest.approx(6.25, abs=0.002)
    assert len(response.values) == 800


def test_an_edf_of_several_rates_leaves_out_what_cannot_hold_the_band(tmp_path):
    stem = study(tmp_path / "bids", desc="_desc-preproc")
    noise = np.random.default_rng(0).normal(size=8 * 2048)
    files = [("A1", "uV", 512, noise[::4]), ("A2", "uV", 128, noise[::16]), ("A3", "uV", 512, noise[1::4])]
    write_edf(stem.with_suffix(".edf"), [*files, ("AUDIO", "V", 2048, noise)])
    recording = recording_of(tmp_path / "bids")
    assert recording.rate_hz == 512
    spec = ResponseSpec(rate_hz=100.0, band_hz=(70.0, 150.0))
    assert load_targets(recording, spec).names == ("A1", "A3")
    assert any("recorded at 128 Hz cannot hold 70–150 Hz" in line.text for line in electrode_lines(recording, spec))
    assert load_targets(recording).names == ("A1", "A2", "A3")  # envelopes may be slow


def test_channels_of_two_rates_stay_at_their_times(tmp_path):
    stem = study(tmp_path / "bids")
    files = [
        ("A1", "uV", 512, click(5.3, 512)),
        ("A2", "uV", 128, click(5.3, 128)),
        ("A3", "uV", 512, click(5.3, 512)),
    ]
    write_edf(stem.with_suffix(".edf"), files)
    recording = recording_of(tmp_path / "bids")
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    assert [centre_s(response, column) for column in range(3)] == pytest.approx([5.3] * 3, abs=0.002)


@pytest.mark.parametrize("fmt", ["edf", "vhdr"])
def test_channels_of_one_name_are_refused(tmp_path, fmt):
    wave = click(3)
    if fmt == "edf":
        path = write_edf(tmp_path / "x.edf", [(name, "uV", RATE, wave) for name in ("A1", "A2", "A1")])
    else:
        path = brainvision(tmp_path / "x.vhdr", wave)
        path.write_text(path.read_text().replace("Ch3=A3", "Ch3=A1"))
    with pytest.raises(DataError, match=r"one name: A1 \(2 times\)"):
        open_signals(path, ["A1", "A2"])


def brainvision(path, wave, segments=()):
    """Three channels; `segments`: (first sample, date) of 'New Segment' markers after the first."""
    import pybv

    pybv.write_brainvision(
        data=np.tile(wave, (3, 1)) * 1e-6, sfreq=RATE, ch_names=["A1", "A2", "A3"], fname_base=path.stem,
        folder_out=path.parent, fmt="binary_float32", meas_date="20200101120000000000",
    )  # fmt: skip
    markers = path.with_suffix(".vmrk")
    lines = [f"Mk{at}=New Segment,,{first + 1},1,0,{date}" for at, (first, date) in enumerate(segments, 2)]
    markers.write_text(markers.read_text().rstrip() + "\n" + "\n".join(lines) + "\n")
    return path


def test_dated_segments_of_brainvision_are_pauses(tmp_path):
    stem = study(tmp_path / "bids")
    brainvision(stem.with_suffix(".vhdr"), click(6.25), [(1024, "20200101120009000000")])  # 4 s of samples, then 5 s
    recording = recording_of(tmp_path / "bids")
    response = load_response(recording, load_targets(recording), ResponseSpec(rate_hz=100.0))
    assert centre_s(response) == pytest.approx(11.25, abs=0.002)


@pytest.mark.parametrize("date", ["", "00000000000000000000"])
def test_segments_without_a_date_leave_samples_counted(tmp_path, date):
    path = brainvision(tmp_path / "x.vhdr", click(6.25), [(1024, date)])
    signals = open_signals(path)
    assert signals.pauses_s == ((4.0, None),)
    assert signals.seconds == 8


def test_one_segment_is_no_pause(tmp_path):
    assert not open_signals(brainvision(tmp_path / "x.vhdr", click(6.25), [(1024, "20200101120004000100")])).pauses_s


def test_records_that_run_slow_are_told(tmp_path):
    wave = click(3)
    slow = write_edf(tmp_path / "x.edf", channels(wave), "EDF+D", [at * 1.0009 for at in range(8)])
    assert not open_signals(slow).warnings  # 6 ms
    slow = write_edf(tmp_path / "x.edf", channels(wave), "EDF+D", [at * 1.0015 for at in range(8)])
    assert len(open_signals(slow).segments) == 1
    slow = write_edf(tmp_path / "x.edf", channels(wave), "EDF+D", [at * 1.0045 for at in range(8)])
    assert "+0.032 s" in "".join(open_signals(slow).warnings)
