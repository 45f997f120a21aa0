"""A small iEEG study on disk: stories in two runs at an odd rate; electrode A1 follows the length of words, late."""

import json

import numpy as np
import soundfile

RATE, SECONDS, LATE_S = 512.0, 130.0, 0.3
# of 1 .. 11 letters
WORDS = ("a", "of", "the", "that", "there", "people", "because", "children", "something", "understand", "information")
STARTS_S = {1: (4.0, 66.0), 2: (-2.0, 70.0)}  # by run: two stimuli each, one of them begun before the recording
ANALYSIS = """\
name: tiny-ieeg
features:
  length: {kind: word_length}
  loudness: {kind: envelope, hop_s: 0.02}
response: {ieeg: {rate_hz: 100}}
design: {ieeg: {mode: words, lags_s: [-0.5, 1, 0.05], window_s: 0.1, summary_s: [0, 0.5]}}
fit: {candidates: 4, alphas: [0.01, 10000, 7]}
inference: {permutations: 100, block_s: {ieeg: 5}}
"""


def words_of(story):
    """(onset, duration, text) of a minute's words, with pauses, seeded."""
    rng = np.random.default_rng(story)
    onsets = 0.5 + np.cumsum(rng.choice([0.3, 0.4, 0.5, 1.8], size=200, p=[0.35, 0.3, 0.25, 0.1]))
    onsets = onsets[onsets < 55]
    sizes = rng.integers(1, 12, len(onsets))
    return [(onset, 0.25, WORDS[size - 1]) for onset, size in zip(onsets, sizes, strict=True)]


def stories_of(run):
    return zip((2 * run - 1, 2 * run), STARTS_S[run], strict=True)


def signals(run):
    """(3, n): A1 follows the length of each word 0.3 s after its onset, all rise with any word; A3 is noise."""
    rng = np.random.default_rng(100 + run)
    times_s = np.arange(round(SECONDS * RATE)) / RATE
    noise = rng.normal(size=(3, len(times_s)))
    values = np.array([np.convolve(one, np.ones(20) / 20, "same") for one in noise])
    for story, start_s in stories_of(run):
        for onset, _, text in words_of(story):
            bump = np.exp(-0.5 * ((times_s - start_s - onset - LATE_S) / 0.05) ** 2)
            values[0] += 0.2 * len(text) * bump
            values[1] += 0.5 * bump
    return values


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def make_study(root):
    """Writes root/bids and root/tiny.yaml; returns (bids_dir, analysis file)."""
    import mne

    bids, derivative = root / "bids", root / "bids" / "derivatives" / "hga"
    write_json(bids / "dataset_description.json", {"Name": "tiny", "BIDSVersion": "1.10.0", "DatasetType": "raw"})
    write_json(
        derivative / "dataset_description.json",
        {"Name": "hga", "BIDSVersion": "1.10.0", "DatasetType": "derivative", "GeneratedBy": [{"Name": "hga"}]},
    )
    (bids / "stimuli").mkdir()
    raw, folder = bids / "sub-01" / "ieeg", derivative / "sub-01" / "ieeg"
    raw.mkdir(parents=True)
    folder.mkdir(parents=True)
    for run in STARTS_S:
        stem, rows = f"sub-01_task-story_run-{run}", []
        for story, start_s in stories_of(run):
            write_stimulus(bids / "stimuli", story)
            rows.append(f"{start_s}\t60\tstory\tstory{story}.wav\n")
        (raw / f"{stem}_events.tsv").write_text("onset\tduration\ttrial_type\tstim_file\n" + "".join(rows))
        (folder / f"{stem}_desc-highgamma_channels.tsv").write_text(
            "name\ttype\tunits\tlow_cutoff\thigh_cutoff\tstatus\n"
            + "".join(f"A{number}\tSEEG\tuV\t70\t150\tgood\n" for number in (1, 2, 3))
        )
        recorded = mne.io.RawArray(
            signals(run) * 1e-6, mne.create_info(["A1", "A2", "A3"], RATE, "seeg"), verbose="ERROR"
        )
        recorded.save(folder / f"{stem}_desc-highgamma_ieeg.fif", verbose="ERROR")
        write_json(folder / f"{stem}_desc-highgamma_ieeg.json", {"TaskName": "story", "SamplingFrequency": RATE})
    (root / "tiny.yaml").write_text(ANALYSIS)
    return bids, root / "tiny.yaml"


def write_stimulus(folder, story):
    words = words_of(story)
    table = "".join(f"{text}\t{onset:.4f}\t{onset + duration:.4f}\n" for onset, duration, text in words)
    (folder / f"story{story}.tsv").write_text("word\tstart\tend\n" + table)
    audio = 0.01 * np.random.default_rng(story).normal(size=60 * 8000)
    soundfile.write(folder / f"story{story}.wav", audio.astype(np.float32), 8000)
