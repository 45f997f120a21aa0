"""Whole runs on published skeletons, filled with planted answers: the right target, at the right delay, exit 0."""

import json

import nibabel as nib
import numpy as np
import pytest
from published_planting import (
    AFFINE,
    DECOY,
    FMRI_ANALYSIS,
    IEEG_ANALYSIS,
    PLANTED,
    SHAPE,
    envelopes,
    voxels,
    words_of,
    write_csv,
    write_json,
    write_sound,
    write_textgrid,
    write_volumes,
)
from published_skeletons import copy_skeleton

from bids_app.cli.concord import main

pytestmark = [pytest.mark.realdata, pytest.mark.long]


def run(root, recipe, *more, analysis=FMRI_ANALYSIS):
    """Participant and group on a data set; returns OUT_DIR. The run ends with exit code 0."""
    out, file = root.parent / "out", root.parent / "analysis.yaml"
    file.write_text(analysis)
    arguments = [str(root), str(out), "participant", "group", "--analysis", str(file), "--stimuli", recipe, *more]
    assert main(arguments) == 0
    return out


def rsquared(path):
    """(at the planted voxel, at the decoy, the highest elsewhere) of a map."""
    values = np.asarray(nib.load(path).dataobj)
    others = np.delete(values.ravel(), [np.ravel_multi_index(place, values.shape) for place in (PLANTED, DECOY)])
    return values[PLANTED], values[DECOY], others[np.isfinite(others)].max()


def maps(out, folder):
    """The maps of R² of the whole model."""
    found = sorted(out.glob(f"{folder}/**/*stat-rsquared_desc-full_statmap.nii.gz"))
    assert found, sorted(path.name for path in out.rglob("*statmap*"))[:20]
    return found


def assert_found(out, least=0.5):
    """In each participant's map, and in the mean over participants where they have a common space."""
    for path in maps(out, "sub-*") + sorted(out.glob("tpl-*/*stat-rsquared_desc-full_statmap.nii.gz")):
        planted, decoy, others = rsquared(path)
        print(f"{path.name}: planted {planted:.3f}, decoy {decoy:.3f}, others at most {others:.3f}")
        assert planted > least, (path.name, planted, decoy, others)
        assert decoy < 0.2, (path.name, planted, decoy, others)
        assert others < 0.2, (path.name, planted, decoy, others)
    assert (out / "group.html").is_file()


# README, "scan_preproc" and "audio (s)" of English
LPP_AUDIO_S = (554.7, 587.8, 671.4, 598.2, 522.2, 678.1, 642.0, 575.8, 727.1)
LPP_SCANS = (282, 298, 340, 303, 265, 343, 325, 292, 368)


def test_little_prince(tmp_path):
    root = copy_skeleton("ds003643", tmp_path / "ds003643", people=("sub-EN057", "sub-EN058"))
    rows = {"word": [], "lemma": [], "onset": [], "offset": [], "section": []}
    for section, seconds in enumerate(LPP_AUDIO_S, start=1):
        onsets, ends, texts = words_of(f"lpp{section}", seconds)
        write_sound(root / f"stimuli/task-lppEN_section-{section}.wav", seconds, onsets)
        for key, column in zip(rows, (texts, texts, onsets, ends, [section] * len(onsets)), strict=True):
            rows[key] += list(column)
    write_csv(root / "annotation/EN/lppEN_word_information.csv", rows)
    for person, first in (("EN057", 15), ("EN058", 8)):
        for section, (seconds, scans) in enumerate(zip(LPP_AUDIO_S, LPP_SCANS, strict=True), start=1):
            stem = f"sub-{person}_task-lppEN_run-{first + section - 1:02d}_space-MNIColin27_desc-preproc_bold.nii.gz"
            path = root / f"derivatives/sub-{person}/func/{stem}"
            assert path.exists()
            ends = words_of(f"lpp{section}", seconds)[1]
            write_volumes(path, voxels(2.0 * np.arange(scans), ends, seed=100 * first + section), 2.0)
    out = run(root, "little-prince")
    assert_found(out)


# ------------------------------------------------------------------------------------------------ iEEG
PLANTED_LAG_S = 0.3


def read_tsv(path):
    header, *rows = (line.split("\t") for line in path.read_text(encoding="utf-8-sig").splitlines())
    return [dict(zip(header, row, strict=True)) for row in rows]


def electrodes(path):
    """The first three that are good."""
    rows = [row for row in read_tsv(path) if row["type"] in ("ECOG", "SEEG") and row["status"] == "good"]
    return [row["name"] for row in rows[:3]]


def write_signals(path, envelope, names, rate_hz):
    """BrainVision of noise of 70–150 Hz whose amplitude is an envelope, over noise of all frequencies."""
    import pybv
    from scipy.signal import butter, sosfiltfilt

    rng = np.random.default_rng(len(path.name))
    carrier = sosfiltfilt(butter(4, (75, 145), "bandpass", fs=rate_hz, output="sos"), rng.normal(size=envelope.shape))
    data = carrier * (1 + 0.15 * envelope) + 0.02 * rng.normal(size=envelope.shape)
    for old in path.parent.glob(f"{path.stem}.*"):
        if old.suffix in (".vhdr", ".eeg", ".vmrk"):
            old.unlink()
    pybv.write_brainvision(
        data=data * 1e-5, sfreq=rate_hz, ch_names=names, fname_base=path.stem, folder_out=path.parent, resolution=0.01
    )


def test_film(tmp_path):
    root = copy_skeleton("ds003688", tmp_path / "ds003688", people=("sub-01", "sub-02"))
    words = read_tsv(root / "stimuli/annotations/sound/sound_annotation_words.tsv")
    onsets, texts = np.array([float(row["onset"]) for row in words]), [row["item"] for row in words]
    for person, zero_s in (("01", 21.325), ("02", 39.562)):  # the first `music` row of the real events
        folder = root / f"sub-{person}/ses-iemu/ieeg"
        stem = f"sub-{person}_ses-iemu_task-film_acq-clinical_run-1"
        names = electrodes(folder / f"{stem}_channels.tsv")
        facts = json.loads((folder / f"{stem}_ieeg.json").read_text())
        rate_hz = facts["SamplingFrequency"]
        times_s = np.arange(round(facts["RecordingDuration"] * rate_hz)) / rate_hz
        envelope = envelopes(times_s, onsets + zero_s, texts, seed=int(person), delay_s=PLANTED_LAG_S)
        write_signals(folder / f"{stem}_ieeg.vhdr", envelope, names, rate_hz)
    out = run(root, "film-ieeg", "-d", f"raw={root}", analysis=IEEG_ANALYSIS)
    assert_peaks(out, ("01", "02"))


def assert_peaks(out, people):
    """Of each participant the first electrode alone is predicted, best at the planted lag; the group has it, too."""
    for person in people:
        (path,) = out.glob(f"sub-{person}/**/*desc-lags_encoding.tsv")
        scores = {}
        for row in read_tsv(path):
            scores.setdefault(row["name"], {})[float(row["lag_s"])] = float(row["full_rsquared"])
        planted, *others = scores.values()
        assert len(others) == 2, [*scores]
        print(path.name, {lag: round(score, 3) for lag, score in planted.items()})
        assert max(planted, key=planted.get) == PLANTED_LAG_S
        assert planted[PLANTED_LAG_S] > 0.5
        assert max(score for other in others for score in other.values()) < 0.1
    (path,) = out.glob("group/*desc-electrodes_encoding.tsv")
    assert {row["participant"] for row in read_tsv(path)} == set(people)


PODCAST_S = 90.0


def test_podcast(tmp_path):
    import mne

    root = copy_skeleton("ds005574", tmp_path / "ds005574")
    onsets, ends, texts = words_of("podcast", PODCAST_S)
    write_sound(root / "stimuli/podcast.wav", PODCAST_S, onsets)
    write_csv(root / "stimuli/podcast_transcript.csv", {"word": texts, "start": onsets, "end": ends})
    for person in ("01", "02"):
        path = root / f"derivatives/ecogprep/sub-{person}/ieeg/sub-{person}_task-podcast_desc-highgamma_ieeg.fif"
        names = electrodes(root / f"sub-{person}/ieeg/sub-{person}_task-podcast_channels.tsv")
        times_s = np.arange(round((PODCAST_S + 2) * 512)) / 512
        envelope = envelopes(times_s, onsets, texts, seed=int(person), delay_s=PLANTED_LAG_S)
        noisy = envelope + 2 * np.random.default_rng(int(person)).normal(size=envelope.shape)
        raw = mne.io.RawArray(noisy * 1e-6, mne.create_info(names, 512, "ecog"), verbose="ERROR")
        raw.save(path, overwrite=True, verbose="ERROR")
    out = run(root, "podcast", analysis=IEEG_ANALYSIS)
    assert_peaks(out, ("01", "02"))


# ------------------------------------------------------------------------------------------------ other fMRI
def test_narratives(tmp_path):
    root = copy_skeleton("ds002345", tmp_path / "ds002345", people=("sub-001", "sub-004"))
    derivative = root / "derivatives/fmriprep"
    described = {"Name": "fMRIPrep", "BIDSVersion": "1.4.0", "DatasetType": "derivative"}
    write_json(derivative / "dataset_description.json", described | {"GeneratedBy": [{"Name": "fMRIPrep"}]})
    stories = {"pieman": (450.0, 0.0, 300), "tunnel": (1535.0, 3.0, 1040)}  # sound, first row's onset, volumes
    for story, (seconds, _, _) in stories.items():
        onsets, ends, texts = words_of(story, seconds)
        write_sound(root / f"stimuli/{story}_audio.wav", seconds, onsets)
        rows = [f"{text},{text},{onset},{end}" for onset, end, text in zip(onsets, ends, texts, strict=True)]
        rows[2] = f"{texts[2]},{texts[2]},,"  # gentle did not hear it
        (root / f"stimuli/gentle/{story}").mkdir(parents=True)
        (root / f"stimuli/gentle/{story}/align.csv").write_text("\n".join(rows) + "\n")
    for person in ("001", "004"):
        for number, run_label in enumerate(("task-pieman_run-1", "task-pieman_run-2", "task-tunnel")):
            seconds, zero_s, scans = stories[run_label.split("-")[1].split("_")[0]]
            ends = words_of(run_label.split("-")[1].split("_")[0], seconds)[1]
            stem = f"sub-{person}_{run_label}_space-MNI152NLin2009cAsym_desc-preproc_bold"
            values = voxels(1.5 * np.arange(scans), ends + zero_s, seed=10 * int(person) + number)
            write_volumes(derivative / f"sub-{person}/func/{stem}.nii.gz", values, 1.5)
            write_json(derivative / f"sub-{person}/func/{stem}.json", {"RepetitionTime": 1.5, "StartTime": 0.0})
    out = run(root, "narratives")
    assert_found(out)


def test_lebel(tmp_path):
    import h5py

    root = copy_skeleton("ds003020", tmp_path / "ds003020", people=("sub-UTS01", "sub-UTS03"))
    stories = {"souls": 120.0, "avatar": 140.0, "legacy": 130.0}
    kept = {f"{story}.{ending}" for story in stories for ending in ("hf5", "TextGrid", "wav")}
    for path in [*root.glob("derivative/preprocessed_data/*/*.hf5"), *root.glob("derivative/TextGrids/*")]:
        if path.name not in kept or path.parent.name not in ("UTS01", "UTS03", "TextGrids"):
            path.unlink()  # of a data set some files are fetched
    mask = np.ones(SHAPE, dtype=np.uint8)
    mask[0, 0, 0] = 0
    for person in ("UTS01", "UTS03"):
        folder = root / f"derivative/pycortex-db/{person}/transforms/{person}_auto"
        nib.save(nib.Nifti1Image(mask, AFFINE), folder / "mask_thick.nii.gz")
    for story, seconds in stories.items():
        onsets, ends, texts = words_of(story, seconds)
        upper = [text.upper() for text in texts]
        write_sound(root / f"stimuli/{story}.wav", seconds, onsets)
        tiers = {"phone": (onsets, ends, ["AA1"] * len(onsets)), "word": (onsets, ends, upper)}
        write_textgrid(root / f"derivative/TextGrids/{story}.TextGrid", tiers, seconds)
        for person in ("UTS01", "UTS03"):
            times_s = 10 + 2.0 * np.arange(int((seconds - 10) / 2))  # row k: 10 + 2k s after the sound's onset
            volumes = voxels(times_s, ends, seed=10 * int(person[-1]) + len(story)).reshape(*SHAPE, -1)
            inside = volumes.transpose(2, 1, 0, 3)[mask.transpose(2, 1, 0) > 0]  # pycortex: z, y, x
            path = root / f"derivative/preprocessed_data/{person}/{story}.hf5"
            with h5py.File(path, "w") as file:
                file["data"] = inside.T
    out = run(root, "lebel")
    assert_found(out)


def test_cantonese(tmp_path):
    root = copy_skeleton("ds004718", tmp_path / "ds004718")
    lengths = (100.0, 110.0, 90.0, 105.0)
    rows = {key: [] for key in ("word", "word_id", "sentence_id", "onset_in_sentence", "onset_all", "offset_all")}
    for number, seconds in enumerate(lengths, start=1):
        onsets, ends, texts = words_of(f"hk{number}", seconds)
        before_s = sum(lengths[: number - 1])
        write_sound(root / f"stimuli/task-lppHK_run-{number}.wav", seconds, onsets)
        columns = (texts, range(len(texts)), [f"{number}.003"] * len(texts), [0.05] * len(texts))
        for key, column in zip(rows, (*columns, onsets + before_s, ends + before_s), strict=True):
            rows[key] += list(column)
        for person in ("HK001", "HK002"):
            stem = f"sub-{person}_task-lppHK_run-{number}_desc-preprocessed_bold.nii.gz"
            path = root / f"derivatives/sub-{person}/func/{stem}"
            assert path.exists()
            write_volumes(
                path, voxels(2.0 * np.arange(int(seconds / 2) + 4), ends, seed=10 * int(person[-1]) + number), 2.0
            )
    write_csv(root / "annotation/lppHK_word_information.csv", rows)
    out = run(root, "little-prince-cantonese", "-t", "lppHK", "--modality", "fmri")
    assert_found(out)


def test_multitalker(tmp_path):
    root = copy_skeleton("ds005345", tmp_path / "ds005345")
    seconds, voices = 150.0, {}
    for voice in ("female", "male"):
        onsets, ends, texts = words_of(voice, seconds)
        voices[voice] = ends
        write_sound(root / f"stimuli/single_{voice}.wav", seconds, onsets)
        columns = {"word": texts, "onset": onsets, "offset": ends, "duration": np.round(ends - onsets, 3)}
        write_csv(root / f"annotation/single_{voice}_word_information.csv", columns)
    write_sound(root / "stimuli/mix.wav", seconds, voices["female"])
    heard = {1: ("single_female", "female"), 2: ("mix", "male"), 3: ("single_male", "male"), 4: ("mix", "female")}
    table = tmp_path / "runs.tsv"
    lines = ["sub\trun\theard\tattended"]
    for person, shift in (("01", 0), ("02", 1)):  # each in an order of its own
        for number in range(1, 5):
            sound, attended = heard[(number - 1 + shift) % 4 + 1]
            lines.append(f"{person}\t{number}\t{sound}\t{attended}")
            stem = f"sub-{person}_task-multitalker_run-{number}_desc-preproc_bold.nii.gz"
            path = root / f"derivatives/sub-{person}/func/{stem}"
            assert path.exists()
            write_volumes(path, voxels(1.0 * np.arange(156), voices[attended], seed=10 * int(person) + number), 1.0)
    table.write_text("\n".join(lines) + "\n")
    out = run(root, "multitalker", "--stimuli-table", str(table), "-t", "multitalker", "--modality", "fmri")
    assert_found(out)
