"""scripts/check_same_outputs: every kind of difference is seen, and what may differ is not."""

import contextlib
import gzip
import importlib.util
import io
import json
import os
import shutil
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PATH = ROOT / "scripts/check_same_outputs"


def load_script():
    loader = SourceFileLoader(PATH.name, str(PATH))  # it has no suffix, so that import would not find it
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(PATH.name, loader))
    sys.modules[PATH.name] = module  # dataclasses look their module up
    loader.exec_module(module)
    return module


SCRIPT = load_script()
MAP = "sub-01/func/sub-01_space-A_stat-rsquared_desc-floor_statmap"
SURFACE = "sub-01/func/sub-01_hemi-L_stat-p_desc-speechBeyondFloor_statmap"
TABLE = "sub-01/func/sub-01_seg-B_desc-partition_encoding.tsv"
FEATURES = "stimuli/stim-one/stim-one_desc-floorWordRate_features"
REPORT = "sub-01.html"


def write_nifti(path: Path, values: np.ndarray) -> None:
    image = nibabel.Nifti1Image(values.astype(np.float32), np.eye(4))
    path.write_bytes(gzip.compress(image.to_bytes(), mtime=0))


def write_gifti(path: Path, values: np.ndarray, name: str = "floor") -> None:
    array = nibabel.gifti.GiftiDataArray(values.astype(np.float32), intent="NIFTI_INTENT_NONE", meta={"Name": name})
    nibabel.save(nibabel.gifti.GiftiImage(darrays=[array]), path)


def write_features(path: Path, values: np.ndarray, key: str = "a" * 64) -> None:
    with h5py.File(path, "w") as file:
        file["values"] = values
        file.attrs["key"] = key


def write_json(path: Path, **entries: object) -> None:
    path.write_text(json.dumps(entries, indent=2, ensure_ascii=False), encoding="utf-8")


@pytest.fixture
def a(tmp_path: Path) -> Path:
    folder = tmp_path / "a"
    for inside in ("sub-01/func", "sub-01/figures", "stimuli/stim-one", "logs"):
        (folder / inside).mkdir(parents=True)
    values = np.arange(12.0).reshape(2, 3, 2)
    write_nifti(folder / f"{MAP}.nii.gz", values)
    write_json(
        folder / f"{MAP}.json", Description="R² of the floor", AnalysisHash="0123abcd", FloorSpaces=["a"], N=734
    )
    write_gifti(folder / f"{SURFACE}.func.gii", values.ravel())
    (folder / TABLE).write_text("parcel\tfloor_rsquared\tnote\nLATL\t0.25\tsmall\nRATL\tn/a\tnone\n")
    write_features(folder / f"{FEATURES}.h5", values[0])
    write_json(folder / f"{FEATURES}.json", Space="floor_word_rate", Key="a" * 64)
    (folder / REPORT).write_text(
        '<p>The floor is low.</p>\n<section id="run">\n<p>12.5 seconds</p>\n</section>\n', encoding="utf-8"
    )
    (folder / "sub-01/figures/one.svg").write_text("<svg>\n<path d='M 1'/>\n</svg>\n")
    (folder / "analysis.yaml").write_text("# analysis hash: 0123abcd\nname: word-rate\n")
    (folder / "status.tsv").write_text("unit\tseconds\nsub-01\t12\n")
    write_json(folder / "logs/sub-01_unit.json", format=2)
    (folder / "logs/concord.log").write_text("now\n")
    write_json(folder / "dataset_description.json", Name="one")
    return folder


@pytest.fixture
def b(a: Path) -> Path:
    return Path(shutil.copytree(a, a.with_name("b")))


def check(*arguments: object) -> tuple[int, str]:
    """The exit code, and all that is printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            code = SCRIPT.main(list(map(str, arguments)))
        except SystemExit as stop:  # argparse
            code = stop.code
    return code, printed.getvalue()


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_equal_folders_are_the_same(a: Path, b: Path) -> None:
    code, said = check(a, b, "--strict", "--hashes")
    assert code == 0
    assert said == "11 files are the same, 0 differ in words, 0 differ; 2 were left out\n"


def test_what_differs_from_run_to_run_is_left_out(a: Path, b: Path) -> None:
    change(b / "status.tsv", "12", "13")
    (b / "logs/concord.log").write_text("later\n")
    (b / "logs/status.lock").touch()
    (b / "status.json").write_text("[]")
    change(b / REPORT, "12.5 seconds", "14 seconds")
    assert check(a, b, "--strict", "--hashes")[0] == 0


def test_hashes_and_summaries_count_only_when_asked_for(a: Path, b: Path) -> None:
    change(b / "analysis.yaml", "0123abcd", "ffff0000")
    change(b / f"{MAP}.json", "0123abcd", "ffff0000")
    change(b / f"{FEATURES}.json", "a" * 64, "b" * 64)
    write_features(b / f"{FEATURES}.h5", np.arange(6.0).reshape(3, 2), key="b" * 64)
    change(b / "logs/sub-01_unit.json", "2", "3")
    assert check(a, b, "--strict")[0] == 0
    code, said = check(a, b, "--hashes")
    assert code == 1
    assert f"different: {FEATURES}.h5: attribute key" in said
    assert "different: logs/sub-01_unit.json: format: “2” in A, “3” in B" in said
    assert "AnalysisHash: “0123abcd” in A, “ffff0000” in B" in said


def test_a_file_of_one_side_is_named(a: Path, b: Path) -> None:
    (b / f"{MAP}.nii.gz").unlink()
    (b / "sub-02.html").touch()
    code, said = check(a, b)
    assert code == 1
    assert f"different: {MAP}.nii.gz: only in A" in said
    assert "different: sub-02.html: only in B" in said


def test_values_of_maps(a: Path, b: Path) -> None:
    values = np.arange(12.0).reshape(2, 3, 2)
    values[1, 1, 1] += 0.5
    values[0, 0, 0] = np.nan
    write_nifti(b / f"{MAP}.nii.gz", values)
    write_gifti(b / f"{SURFACE}.func.gii", values.ravel())
    code, said = check(a, b)
    assert code == 1
    how_far = "2 of 12 values differ, by up to 0.5 (1 are missing on one side)"
    assert f"different: {MAP}.nii.gz: values: {how_far}" in said
    assert f"different: {SURFACE}.func.gii: array 0: {how_far}" in said


def test_the_last_bit_of_a_map_counts(a: Path, b: Path) -> None:
    values = np.arange(12.0).reshape(2, 3, 2)
    values[1, 2, 1] = np.nextafter(np.float32(11), np.float32(12))
    write_nifti(b / f"{MAP}.nii.gz", values)
    code, said = check(a, b)
    assert code == 1
    assert "1 of 12 values differ" in said


def test_shapes_and_headers_of_maps(a: Path, b: Path) -> None:
    write_nifti(b / f"{MAP}.nii.gz", np.zeros((2, 3)))
    write_gifti(b / f"{SURFACE}.func.gii", np.arange(12.0), name="other")
    code, said = check(a, b)
    assert code == 1
    assert "values: “float32 (2, 3, 2)” in A, “float32 (2, 3)” in B" in said
    assert f"different: {SURFACE}.func.gii: header: differs, the values are the same" in said


def test_another_compression_of_the_same_map_is_no_difference(a: Path, b: Path) -> None:
    whole = gzip.decompress((a / f"{MAP}.nii.gz").read_bytes())
    (b / f"{MAP}.nii.gz").write_bytes(gzip.compress(whole, compresslevel=1, mtime=1))
    assert check(a, b)[0] == 0
    assert check(a, b, "--strict")[0] == 1


def test_values_of_features(a: Path, b: Path) -> None:
    write_features(b / f"{FEATURES}.h5", np.arange(6.0).reshape(3, 2) * 1.5)
    code, said = check(a, b)
    assert code == 1
    assert f"different: {FEATURES}.h5: values: 5 of 6 values differ, by up to 2.5" in said


def test_a_broken_file_is_a_difference(a: Path, b: Path) -> None:
    (b / f"{FEATURES}.h5").write_bytes(b"no features")
    (b / f"{MAP}.nii.gz").write_bytes(b"no map")
    (b / f"{SURFACE}.func.gii").write_bytes(b"<GIFTI")
    (b / f"{MAP}.json").write_text("{")
    code, said = check(a, b)
    assert code == 1
    assert said.count("could not be read") == 4


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("0.25", "0.250001", "different: {}: column floor_rsquared: 1 of 2 rows, by up to 1e-06; row 1: “0.25” in A"),
        ("0.25", "0.250", "different: {}: column floor_rsquared: 1 of 2 rows, by up to 0; row 1"),
        ("n/a", "0", "different: {}: column floor_rsquared: 1 of 2 rows; row 2: “n/a” in A, “0” in B"),
        ("RATL\tn/a\tnone\n", "", "different: {}: “2 rows” in A, “1 rows” in B"),
        ("floor_rsquared", "other", "different: {}: column floor_rsquared: only in A"),
        ("parcel\tfloor_rsquared", "floor_rsquared\tparcel", "different: {}: columns: stand in another order"),
    ],
)
def test_numbers_and_columns_of_tables(a: Path, b: Path, old: str, new: str, expected: str) -> None:
    change(b / TABLE, old, new)
    code, said = check(a, b)
    assert code == 1
    assert expected.format(TABLE) in said


def test_numbers_of_sidecars(a: Path, b: Path) -> None:
    change(b / f"{MAP}.json", "734", "733")
    code, said = check(a, b)
    assert code == 1
    assert f"different: {MAP}.json: N: “734” in A, “733” in B" in said


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        (TABLE, "small", "little", "column note: 1 of 2 rows; row 1: “small” in A, “little” in B"),
        (f"{MAP}.json", "R² of", "Held-out R² of", "Description: “R² of the floor” in A"),
        (f"{MAP}.json", '"N"', '"Samples"', "only in B"),
        (f"{MAP}.json", "  ", "", "keys in another order, or other spacing"),
        (REPORT, "is low", "is high", "line 1: “<p>The floor is low.</p>” in A"),
        ("sub-01/figures/one.svg", "M 1", "M 2", "line 2: “<path d='M 1'/>” in A"),
        ("sub-01/figures/one.svg", "</svg>\n", "</svg>\n<!-- -->\n", "“3 lines” in A, “4 lines” in B"),
        ("analysis.yaml", "name: word-rate", "name: rate", "line 2"),
    ],
)
def test_words_are_listed_and_count_when_strict(
    a: Path, b: Path, path: str, old: str, new: str, expected: str
) -> None:
    change(b / path, old, new)
    for flags in ([], ["-v"]):
        code, said = check(a, b, *flags)
        assert code == 0
        assert "words differ: " in said
        assert path in said
        assert expected in said
    assert check(a, b, "--strict")[0] == 1


def rename_in_b(b: Path) -> None:
    """What a version that says baseline writes."""
    values = np.arange(12.0).reshape(2, 3, 2)
    for path in [path for path in b.rglob("*") if path.is_file() and "loor" in path.name]:
        new = path.name.replace("BeyondFloor", "BeyondBaseline").replace("floor", "baseline")
        path.rename(path.with_name(new))
    for path in [path for path in b.rglob("*") if path.suffix in (".json", ".tsv", ".html")]:
        text = path.read_text(encoding="utf-8").replace("FloorSpaces", "BaselineSpaces").replace("floor", "baseline")
        path.write_text(text, encoding="utf-8")
    surface = SURFACE.replace("BeyondFloor", "BeyondBaseline")
    write_gifti(b / f"{surface}.func.gii", values.ravel(), name="baseline")


def test_renamed_labels(a: Path, b: Path) -> None:
    rename_in_b(b)
    code, said = check(a, b)
    assert code == 1
    assert "only in A" in said
    code, said = check(a, b, "--strict", "--renamed", ROOT / "scripts/renamed/baseline.tsv")
    assert code == 0, said


def test_a_value_that_differs_beside_renamed_labels(a: Path, b: Path) -> None:
    rename_in_b(b)
    change(b / TABLE, "0.25", "0.3")
    code, said = check(a, b, "--renamed", ROOT / "scripts/renamed/baseline.tsv")
    assert code == 1
    assert "column baseline_rsquared: 1 of 2 rows, by up to 0.05" in said


def test_labels_are_renamed_as_whole_words_only(a: Path, b: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.tsv"
    table.write_text("# old\tnew\nfloor\tbase\nfloor_hz\tfloor_hz\n*BeyondFloor\tBeyondBase\n", encoding="utf-8")
    (a / "README.md").write_text("floor floored floor_hz floor_p speechBeyondFloor flooring Floor BeyondFloors\n")
    (b / "README.md").write_text("base floored floor_hz base_p speechBeyondBase flooring Floor BeyondFloors\n")
    said = check(a, b, "-v", "--renamed", table)[1]
    assert "README.md" not in said


def test_folders_of_out_dirs_are_compared_by_name(a: Path, b: Path, tmp_path: Path) -> None:
    for side in (a, b):
        folder = tmp_path / f"{side.name}s"
        folder.mkdir()
        shutil.copytree(side, folder / "demo")
        shutil.copytree(side, folder / "words")
    change(tmp_path / "bs/words" / TABLE, "0.25", "0.3")
    shutil.rmtree(tmp_path / "as/demo")
    code, said = check(tmp_path / "as", tmp_path / "bs")
    assert code == 1
    assert f"different: words/{TABLE}" in said
    assert "different: demo/dataset_description.json: only in B" in said


def test_usage(a: Path, b: Path, tmp_path: Path) -> None:
    assert check(a)[0] == 2
    assert check(a, tmp_path / "none") == (2, f"check_same_outputs: {tmp_path / 'none'} is no folder\n")
    assert check(a / "sub-01", b / "sub-01")[0] == 2
    assert check(a, tmp_path)[0] == 2
    table = tmp_path / "table.tsv"
    table.write_text("floor baseline\n")
    code, said = check(a, b, "--renamed", table)
    assert code == 2
    assert "line 1: two columns" in said


def test_it_runs_by_itself(a: Path, b: Path) -> None:
    change(b / TABLE, "0.25", "0.3")
    assert os.access(PATH, os.X_OK)
    done = subprocess.run([sys.executable, PATH, a, b], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"different: {TABLE}: column floor_rsquared" in done.stdout
    assert done.stderr == ""


def with_layout_of_today(folder: Path) -> None:
    """As today's version writes what the fixture holds: p of surfaces in one file with names, a sidecar for both."""
    (folder / f"{MAP}.json").unlink()
    (folder / f"{SURFACE}.func.gii").unlink()
    values = np.arange(12.0)
    names = ("full", "speechBeyondFloor")
    arrays = [
        nibabel.gifti.GiftiDataArray(one.astype(np.float32), intent="NIFTI_INTENT_NONE", meta={"Name": name})
        for one, name in zip((values + 1, values), names, strict=True)
    ]
    path = folder / "sub-01/func/sub-01_hemi-L_stat-p_statmap.func.gii"
    nibabel.save(nibabel.gifti.GiftiImage(darrays=arrays), path)
    write_json(
        folder / "sub-01/func/sub-01_stat-p_statmap.json",
        Components=[{"Name": name, "Definition": ""} for name in names],
    )
    write_json(folder / "dataset_description.json", Name="one", OutputFormat=2)


def test_maps_of_two_layouts_are_compared_number_by_number(a: Path, b: Path) -> None:
    with_layout_of_today(b)
    label = "sub-01/func/sub-01_hemi-L_stat-p_desc-full_statmap.func.gii"
    code, said = check(a, b)
    assert code == 1
    assert f"different: {label}: only in B" in said
    assert said.count("different: ") == 1  # the other map of the file is the same, and so is that of R²
    write_gifti(a / label, np.arange(12.0) + 1)
    code, said = check(a, b)
    assert code == 0, said
    assert "number by number" in said
    write_gifti(a / label, np.arange(12.0) + 2)
    code, said = check(a, b)
    assert code == 1
    assert f"different: {label}: values: 12 of 12 values differ, by up to 1" in said


def test_stacked_volumes_are_compared_number_by_number(a: Path, b: Path) -> None:
    values = np.arange(12.0).reshape(2, 3, 2)
    stem = "sub-01/func/sub-01_space-A"
    for number, name in enumerate(("full", "speech")):
        write_nifti(a / f"{stem}_stat-r_desc-{name}_statmap.nii.gz", values + number)
    write_nifti(b / f"{stem}_stat-r_statmap.nii.gz", np.stack([values, values + 1], axis=-1))
    write_json(b / f"{stem}_stat-r_statmap.json", Components=[{"Name": "full"}, {"Name": "speech"}])
    write_json(b / "dataset_description.json", Name="one", OutputFormat=2)
    assert check(a, b)[0] == 0
    write_json(b / f"{stem}_stat-r_statmap.json", Components=[{"Name": "speech"}, {"Name": "full"}])
    assert check(a, b)[0] == 1
