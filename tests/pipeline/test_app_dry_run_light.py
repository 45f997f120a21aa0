"""A whole dry run imports nothing that computes, whatever is in the study."""

import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import tiny_ieeg
from cifti_files import dense_axis, parcel_axis, write_series
from quick_study import concord, make_quick_study, plain_brains
from tiny_models import TEXT, save_language_model, save_masked_model, save_speech_model

HEAVY = ("torch", "scipy.stats", "transformers", "sklearn", "matplotlib", "nilearn")
SCRIPT = """\
import sys
from bids_app.cli.concord import main
code = main(sys.argv[1:])
print("loaded", *(name for name in {heavy} if name in sys.modules))
sys.exit(code)
"""
ALL_KINDS = """\
features:
  language: {kind: language_model, model: tiny-gpt2, layer: 1, pca: 2}
  masked: {kind: language_model, model: tiny-bert, layer: [0, 2], pca: 2}
  surprise: {kind: surprisal, model: tiny-gpt2}
  speech: {kind: speech_model, model: tiny-w2v, layer: all, window_s: 1, stride_s: 0.5, pca: 2}
  vectors: {kind: word_embedding, model: tiny-bert, pca: 2}
  read: {kind: word_embedding, model: vectors.txt, pca: 2}
  phones: {kind: articulatory}
  mel: {kind: melspectrogram, n_mels: 4}
  loud: {kind: envelope}
  pitch: {kind: pitch}
  common: {kind: log_frequency}
  own: {kind: file, path: '{stem}_own.npy', rate_hz: 1}
partition: {spaces: [language, speech]}
"""


def full_study(root):
    make_quick_study(root, ("01",))
    for table in (root / "bids/stimuli").glob("*.tsv"):
        head, *rows = table.read_text().splitlines()
        spoken = [f"{TEXT.split()[k % 9]}\t" + row.partition("\t")[2] for k, row in enumerate(rows)]
        table.write_text("\n".join((head, *spoken)) + "\n")
        np.save(table.with_name(f"{table.stem}_own.npy"), np.ones((126, 2)))
    save_language_model(root / "models/tiny-gpt2")
    save_masked_model(root / "models/tiny-bert")
    save_speech_model(root / "models/tiny-w2v")
    (root / "models/vectors.txt").write_text("".join(f"{word} 1 2\n" for word in TEXT.split()))
    return root


def all_kinds(root):
    full_study(root)
    name, _, rest = (root / "quick.yaml").read_text().partition("features:\n")
    (root / "quick.yaml").write_text(name + ALL_KINDS + rest[rest.index("response:") :])


def several_models(root):
    full_study(root)
    text = (root / "quick.yaml").read_text()
    line = "  language: {kind: language_model, models: [tiny-gpt2, tiny-bert], layer: 1, pca: 2}\n"
    (root / "quick.yaml").write_text(text.replace("features:\n", f"features:\n{line}"))


def as_series(path, values):
    write_series(path.with_name(path.name.replace("_desc-preproc_bold.nii.gz", "_bold.dtseries.nii")),
                 dense_axis(20, 16), values)  # fmt: skip


def as_parcels(path, values):
    name = path.name.replace("_desc-preproc_bold.nii.gz", "_seg-Three_stat-mean_timeseries.ptseries.nii")
    write_series(path.with_name(name), parcel_axis(), values[:, :3])


def as_surfaces(path, values):
    for hemi, columns in (("L", values[:, :20]), ("R", values[:, 20:])):
        arrays = [nib.gifti.GiftiDataArray(row.astype(np.float32), "NIFTI_INTENT_TIME_SERIES") for row in columns]
        name = path.name.replace(
            "space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz", f"hemi-{hemi}_space-fsaverage5_bold.func.gii"
        )
        nib.save(nib.gifti.GiftiImage(darrays=arrays), path.with_name(name))
        path.with_name(name.replace(".func.gii", ".json")).write_text('{"RepetitionTime": 2.0, "StartTime": 0.0}')


def in_format(write, suffix):
    def make(root):
        make_quick_study(root, ("01",))
        for path in sorted((root / "bids").rglob("*_desc-preproc_bold.nii.gz")):
            write(path, np.asarray(nib.load(path).dataobj).reshape(40, -1).T)
            path.unlink()
        for path in (root / "bids").rglob("*_desc-preproc_bold.json"):
            path.rename(path.with_name(path.name.replace("_desc-preproc_bold", suffix)))
        for path in (root / "bids").rglob("*_mask.nii.gz"):
            path.unlink()

    return make


def ieeg(root):
    tiny_ieeg.make_study(root)
    (root / "tiny.yaml").rename(root / "quick.yaml")


def with_results(root):
    make_quick_study(root, ("01",))
    with plain_brains():
        assert concord(root, "participant", "group") == 0


STUDIES = {
    "features of all kinds": all_kinds,
    "several models": several_models,
    "electrodes": ieeg,
    "greyordinates": in_format(as_series, "_bold"),
    "parcels": in_format(as_parcels, "_seg-Three_stat-mean_timeseries"),
    "surfaces": in_format(as_surfaces, "_other"),
    "an OUT_DIR with results": with_results,
}


@pytest.mark.parametrize("make", STUDIES.values(), ids=STUDIES)
def test_nothing_that_computes_is_imported(make, tmp_path):
    make(tmp_path)
    given = [tmp_path / "bids", tmp_path / "out", "participant", "group", "--analysis", tmp_path / "quick.yaml"]
    more = ["--model-dir", tmp_path / "models", "--offline", "--dry-run"]
    script = SCRIPT.format(heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, (*given, *more))],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "loaded"
