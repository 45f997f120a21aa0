"""A valid file of each kind that is read, and a small data set of each format of responses, to be spoiled."""

import gzip
import json

import bids_trees
import nibabel as nib
import numpy as np
import soundfile
from cifti_files import dense_axis, parcel_axis, write_series
from edf_files import write_edf
from nibabel import cifti2
from nibabel.freesurfer.io import write_annot
from safetensors.numpy import save_file

from bids_app.features.store import write_features
from bids_app.outputs.derivatives.saved.models import write_alphas, write_blocks, write_weights
from bids_app.records import Features, SavedFit
from bids_app.records.fits import BlockSums, SavedWeights, WeightComponents
from bids_app.records.provenance import NO_PROVENANCE

WORDS = [
    (0.5 + 0.4 * at, 0.25, word)
    for at, word in enumerate(["the", "old", "man", "said", "that", "we", "all", "go", "home", "now", "then"])
]
PHONES = ("DH", "AH0", "OW1", "L", "D", "M", "AE1", "N")
KEY = "0" * 64
EVENTS = (
    "onset\tduration\ttrial_type\tstim_file\tword\n0.0\t30\tstory\tstory.wav\tn/a\n"
    "1.0\t0.3\tword\tn/a\thello\n2.0\t0.3\tword\tn/a\tworld\n5\t2\tBAD_spike\tn/a\tn/a\n"
)
RECIPE = """\
name: fuzz
stimuli:
  - recordings: {task: story}
    fields: {section: {rank: run, among: 2}}
    sound: "stimuli/{task}{section}.wav"
    onset: {trial_type: story, row: first, shift_s: 0.5}
    words: {path: "stimuli/{task}{run}.tsv", text: word, onset: start, offset: end}
    language: en
"""


def textgrid(tiers):
    ends = max(start + length for rows in tiers.values() for start, length, _ in rows)
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {ends}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for at, (name, rows) in enumerate(tiers.items(), start=1):
        lines += [f"item [{at}]:", 'class = "IntervalTier"', f'name = "{name}"', "xmin = 0", f"xmax = {ends}"]
        lines += [f"intervals: size = {len(rows)}"]
        for place, (start, length, text) in enumerate(rows, start=1):
            lines += [f"intervals [{place}]:", f"xmin = {start}", f"xmax = {start + length}", f'text = "{text}"']
    return "\n".join(lines) + "\n"


def phones():
    return [(0.5 + 0.1 * at, 0.1, PHONES[at % len(PHONES)]) for at in range(30)]


def make_files(folder):
    """Single files, by kind."""
    folder.mkdir(parents=True)
    write = lambda name, text: (folder / name).write_text(text, encoding="utf-8")  # noqa: E731
    write("story.TextGrid", textgrid({"words": WORDS, "phones": phones()}))
    write("story.ctm", "".join(f"story 1 {start} {length} {text} 0.9\n" for start, length, text in WORDS))
    aligned = [
        {
            "word": text,
            "start": start,
            "end": start + length,
            "case": "success",
            "phones": [{"phone": "ah_B", "duration": length}],
        }
        for start, length, text in WORDS
    ]
    write("gentle.json", json.dumps({"transcript": "the old man", "words": aligned}))
    write("whisper.json", json.dumps({"segments": [{"text": "the old", "words": aligned}]}))
    chunks = [{"text": text, "timestamp": [start, start + length]} for start, length, text in WORDS]
    write("chunks.json", json.dumps({"chunks": chunks}))
    tier = {"type": "interval", "entries": [[start, start + length, text] for start, length, text in WORDS]}
    write("mfa.json", json.dumps({"start": 0, "end": 9, "tiers": {"words": tier, "phones": tier}}))
    write(
        "words.tsv",
        "word\tstart\tend\n" + "".join(f"{text}\t{start}\t{start + length}\n" for start, length, text in WORDS),
    )
    write(
        "words.csv",
        "word,onset,duration\n" + "".join(f'"{text}",{start},{length}\n' for start, length, text in WORDS),
    )
    write("headless.tsv", "".join(f"{start}\t{start + length}\t{text}\n" for start, length, text in WORDS))
    write(
        "phones.tsv",
        "phone\tonset\tduration\n" + "".join(f"{text}\t{start}\t{length}\n" for start, length, text in phones()),
    )
    write(
        "utterances.tsv", "utterance\tonset\tduration\tword\n" + "".join(f"1\t{s}\t{n}\t{t}\n" for s, n, t in WORDS)
    )
    write(
        "story_annot-words_events.tsv",
        "onset\tduration\ttrial_type\tword\n" + "".join(f"{s}\t{n}\tword\t{t}\n" for s, n, t in WORDS),
    )
    write("events.tsv", EVENTS)
    write(
        "sidecar.json",
        json.dumps({"RepetitionTime": 2.0, "SliceTiming": [0, 1], "TaskName": "story", "StartTime": 0.5}),
    )
    write(
        "channels.tsv",
        "name\ttype\tunits\tstatus\tsampling_frequency\nA1\tSEEG\tuV\tgood\t512\nA2\tSEEG\tuV\tbad\t512\n",
    )
    columns = [*bids_trees.MOTION, "framewise_displacement", "csf", "white_matter", "non_steady_state_outlier00"]
    rng = np.random.default_rng(0)
    rows = "".join("\t".join(f"{value:.4f}" for value in row) + "\n" for row in rng.normal(size=(20, len(columns))))
    write("confounds.tsv", "\t".join(columns) + "\n" + rows)
    write("confounds.csv", ",".join(columns) + "\n" + rows.replace("\t", ","))
    write("parcels.tsv", "LH_Vis\tRH_Aud\n" + "".join(f"{at}\t{2 * at}\n" for at in range(20)))
    write("vectors.txt", "".join(f"{text} 0.5 -1 {at}\n" for at, (_, _, text) in enumerate(WORDS)))
    (folder / "vectors.txt.gz").write_bytes(gzip.compress((folder / "vectors.txt").read_bytes()))
    write("recipe.yaml", RECIPE)
    write("onsets.tsv", "task\trun\tonset\nstory\t1\t0\nstory\t2\t8.5\n")
    write("onsets.csv", "task,run,onset\nstory,1,0\n")
    write("analysis.yaml", bids_analysis())
    make_binary(folder)


def bids_analysis():
    from quick_study import ANALYSIS

    return ANALYSIS


def make_binary(folder):
    soundfile.write(folder / "sound.wav", np.sin(np.arange(4000) / 5).astype(np.float32) * 0.5, 2000)
    soundfile.write(folder / "stereo.flac", np.sin(np.arange(4000).reshape(-1, 2) / 5).astype(np.float32) * 0.5, 2000)
    np.save(folder / "x.npy", np.arange(210.0).reshape(70, 3))
    save_file({"weight": np.ones((4, 3), np.float32)}, folder / "x.safetensors")
    import h5py

    with h5py.File(folder / "x.h5", "w") as file:
        file["values"], file["times_s"], file["onsets_s"] = np.ones((70, 3)), np.arange(70) / 10, np.arange(70) / 10
    with h5py.File(folder / "data.h5", "w") as file:
        file["data"] = np.arange(100.0).reshape(20, 5)
    text = "".join(f"{at}\t{at * 2}\t1\n" for at in range(70))
    (folder / "story_stim.tsv.gz").write_bytes(gzip.compress(text.encode()))
    facts = {"Columns": ["a", "b", "c"], "SamplingFrequency": 10, "StartTime": 0}
    (folder / "story_stim.json").write_text(json.dumps(facts))
    stored = Features("rate", np.ones((70, 3), np.float32), np.arange(70) / 10, "continuous", None, NO_PROVENANCE)
    write_features(folder / "stored.h5", stored, KEY, "story.wav")
    ones = np.ones((2, 1, 3, 4), np.float32)
    weights = SavedWeights(ones, ones[:, :, :, 0], ones[:, :, :, 0], np.ones((2, 3, 3)))
    part = WeightComponents(np.ones((1, 4)), np.ones((1, 3)), np.ones(1), 4)
    rows = np.arange(4) // 2
    union = ("a", "b")
    models = SavedFit(
        ("weights", "alphas"), ("run-1",), rows, rows, rows, alpha={union: np.ones((2, 4))},
        band_weights={union: {"a": np.ones((2, 4)), "b": np.ones((2, 4))}}, weights={"a": weights},
        components={"a": part},
        blocks=BlockSums(np.ones((2, 4)), {union: np.ones((2, 4))}, ("r", "r"), *[rows[:2]] * 3, np.ones((2, 4))),
    )  # fmt: skip
    write_weights(models, "wxyz", (2.0,), folder / "weights.h5")
    write_alphas(models, "wxyz", folder / "alphas.h5")
    write_blocks(models, "wxyz", folder / "blocks.h5")
    wave = np.sin(np.arange(512))
    write_edf(
        folder / "x.edf",
        [("A1", "uV", 64, wave), ("A2", "uV", 64, wave)],
        "EDF+D",
        [0, 1, 2, 3, 5, 6, 7, 8],
        [(1, 1, "BAD")],
    )


def make_atlases(folder):
    """Label images of every kind, and tables of their names."""
    labels = np.arange(24).reshape(2, 3, 4) % 3
    nib.save(nib.Nifti1Image(labels.astype(np.int16), np.eye(4)), folder / "labels.nii")
    (folder / "labels.tsv").write_text("index\tname\n1\tone\n2\ttwo\n")
    (folder / "labels.xml").write_text(
        '<?xml version="1.0"?><atlas><header><type>Label</type></header><data><label index="1">one</label>'
        '<label index="2">two</label></data></atlas>'
    )
    (folder / "spm.xml").write_text(
        '<?xml version="1.0"?><atlas><data><label><index>1</index><name>one</name></label></data></atlas>'
    )
    (folder / "workbench.txt").write_text("one\n1 1 2 3 255\ntwo\n2 1 2 3 255\n")
    named, text = bytearray((folder / "labels.nii").read_bytes()), b"1\tone\n2\ttwo\n\0\0\0\0"
    named[108:112] = np.float32(352 + len(text)).tobytes()
    (folder / "named.nii").write_bytes(named[:352] + text + named[352:])
    colours = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 0, 0]])
    write_annot(folder / "lh.own.annot", np.arange(9) % 2, colours, ["one", "two"], fill_ctab=True)
    (folder / "lut.txt").write_text("0 Unknown 0 0 0 0\n1 one 1 2 3 0\n2 two 1 2 3 0\n")
    axis = dense_axis()
    names = cifti2.LabelAxis(["x"], [{0: ("???", (0, 0, 0, 0)), 1: ("one", (0, 0, 0, 1))}])
    image = cifti2.Cifti2Image((np.arange(len(axis)) % 2)[None].astype(np.float32), (names, axis))
    nib.save(image, folder / "own.dlabel.nii")
    table = nib.gifti.GiftiLabelTable()
    for key, name in enumerate(("???", "one", "two")):
        table.labels.append(nib.gifti.GiftiLabel(key, 0, 0, 0, 1))
        table.labels[-1].label = name
    array = nib.gifti.GiftiDataArray(np.arange(9, dtype=np.int32) % 3, intent="NIFTI_INTENT_LABEL")
    nib.save(nib.gifti.GiftiImage(labeltable=table, darrays=[array]), folder / "own_hemi-L.label.gii")


# ------------------------------------------------------------------------------------------------ data sets
def _stimulus(root):
    soundfile.write(root / "stimuli/story.wav", np.sin(np.arange(15000) / 5).astype(np.float32) * 0.5, 500)
    rows = "".join(f"{text}\t{start}\t{start + length}\n" for start, length, text in WORDS)
    (root / "stimuli/story.tsv").write_text("word\tstart\tend\n" + rows)


def _fmri(root):
    bids_trees.fmri_dataset(root, ("01",))
    _stimulus(root)
    return root / "derivatives/fmriprep"


def _without_volume(root):
    derivative = _fmri(root)
    for path in [*derivative.rglob("*_bold.*"), *derivative.rglob("*_mask*")]:
        path.unlink()
    return derivative


def volume_tree(root):
    _fmri(root)


def surface_tree(root):
    bids_trees.surface(_without_volume(root), "sub-01_task-story")


def parcel_tree(root):
    bids_trees.parcels(_without_volume(root), "sub-01_task-story")


def dense_tree(root):
    folder = _without_volume(root) / "sub-01/func"
    axis = dense_axis()
    values = np.random.default_rng(0).normal(size=(20, len(axis)))
    write_series(folder / "sub-01_task-story_space-fsLR_den-91k_bold.dtseries.nii", axis, values)


def ptseries_tree(root):
    folder = _without_volume(root) / "sub-01/func"
    values = np.random.default_rng(0).normal(size=(20, 3))
    write_series(
        folder / "sub-01_task-story_space-fsLR_seg-Three_stat-mean_timeseries.ptseries.nii", parcel_axis(), values
    )


def array_tree(root):
    import h5py

    derivative = _without_volume(root)
    path = derivative / "sub-01/func/sub-01_task-story_space-T1w_bold.h5"
    with h5py.File(path, "w") as file:
        file["data"] = np.random.default_rng(0).normal(size=(20, 6))
    path.with_suffix(".json").write_text('{"RepetitionTime": 2.0, "StartTime": 0.0}')


def _ieeg(root, fmt):
    bids_trees.ieeg_dataset(root, fmt, rate=128.0)
    _stimulus(root)
    return root / "derivatives/hga/sub-01/ieeg"


def fif_tree(root):
    _ieeg(root, "fif")


def brainvision_tree(root):
    _ieeg(root, "vhdr")


def edf_tree(root):
    folder = _ieeg(root, "fif")
    path = next(folder.glob("*.fif"))
    wave = np.sin(np.arange(1024) / 7) * 50
    write_edf(
        path.with_suffix(".edf"),
        [(f"A{at}", "uV", 128, wave * at) for at in (1, 2, 3)],
        "EDF+C",
        None,
        [(1, 1, "BAD")],
    )
    path.unlink()


def nwb_tree(root):
    from datetime import UTC, datetime

    import pynwb
    from pynwb.ecephys import ElectricalSeries

    folder = _ieeg(root, "fif")
    path = next(folder.glob("*.fif"))
    path.unlink()
    content = pynwb.NWBFile(
        session_description="t", identifier="t", session_start_time=datetime(2020, 1, 1, tzinfo=UTC)
    )
    group = content.create_electrode_group(
        name="g", description="d", location="l", device=content.create_device(name="d")
    )
    content.add_electrode_column(name="label", description="name")
    for label in ("A1", "A2", "A3"):
        content.add_electrode(location="l", group=group, label=label)
    region = content.create_electrode_table_region(region=[0, 1, 2], description="all")
    wave = np.outer(np.sin(np.arange(1024) / 7), [1, 2, 3]) * 50
    content.add_acquisition(
        ElectricalSeries(name="ecog", data=wave, electrodes=region, conversion=1e-6, rate=128.0, starting_time=0.0)
    )
    with pynwb.NWBHDF5IO(path.with_suffix(".nwb"), "w") as file:
        file.write(content)


TREES = {
    "volume": volume_tree,
    "surface": surface_tree,
    "parcels": parcel_tree,
    "dtseries": dense_tree,
    "ptseries": ptseries_tree,
    "array": array_tree,
    "fif": fif_tree,
    "brainvision": brainvision_tree,
    "edf": edf_tree,
    "nwb": nwb_tree,
}


def make_samples(folder):
    """The single files in `files`, a data set of each format in a folder of its name; made once."""
    make_files(folder / "files")
    make_atlases(folder / "files")
    for name, make in TREES.items():
        make(folder / name)
    return folder
