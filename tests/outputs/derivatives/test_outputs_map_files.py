"""Which number lies in which file: few files, every number in one of them, and the same values read back."""

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import dedent

import nibabel
import numpy as np
import pytest
from cifti_files import dense_axis, parcel_axis, targets_on
from default_sized import default_sized, drawn
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot
from synthetic_units import GROUPS, MINUTE, surface_targets, volume_targets
from written_maps import definition_of, file_of, map_of, sidecar_of

from bids_app import outputs
from bids_app.errors import ReadWriteError
from bids_app.outputs.derivatives.maps import MappedNumber, encoded_maps
from bids_app.outputs.derivatives.summary import targets_summary
from bids_app.outputs.files import names
from bids_app.outputs.files.map_files import map_files
from bids_app.outputs.files.serialise import PROOF, hash_of
from bids_app.outputs.files.written_maps import WrittenMaps
from bids_app.records import INTER_SUBJECT, Targets, partition_components

MOST = 100  # files of one person and space, figures apart
STEM = "sub-01_task-story_space-X"
LABELS = tuple(one.label for one in partition_components(GROUPS))
ENDINGS = {"volume": ".nii.gz", "surface": ".func.gii", "greyordinates": ".dscalar.nii", "parcels": ".pscalar.nii"}


def small_volume():
    return volume_targets((6, 6, 6), 30.0)


@cache
def targets_of(kind):
    if kind == "array":
        return Targets("array", "MNI152Array", tuple("0123456"), None, (7,), columns=np.arange(7))
    if kind in ("volume", "surface"):
        return small_volume() if kind == "volume" else surface_targets(7)
    with TemporaryDirectory() as folder:
        axis = parcel_axis() if kind == "parcels" else dense_axis()
        return targets_on(Path(folder), axis, "X")


# ------------------------------------------------------------------------------------------------ how many
@pytest.mark.parametrize(("kind", "n_files"), [("volume", 55), ("surface", 89), ("greyordinates", 55)])
def test_the_default_analysis_leaves_few_files(tmp_path, kind, n_files):
    """Of one person and space: maps of both hemispheres, tables and all JSON."""
    for ceiling in (False, True):
        out_dir = tmp_path / f"ceiling-{ceiling}"
        outputs.write_unit(out_dir, replace(default_sized(targets_of(kind), ceiling=ceiling), minute=MINUTE))
        files = [path for path in (out_dir / "sub-01").rglob("*") if path.is_file()]
        more = (6 if kind == "surface" else 4) if ceiling else 0
        assert len(files) == n_files + more <= MOST


def test_the_default_analysis_has_all_that_was_counted(tmp_path):
    """Else the count above would say little."""
    unit = default_sized(small_volume())
    values = unit.partition.values
    assert len(values) == 20 + 11 + 11 + 7
    assert {"full", "sharedLowLevelSemanticSpeechLanguage", "subspaceUniqueShared", "againstFull", "baseline",
            "speechBeyondBaseline", "fullBeyondBaseline", "autocorrelation"} <= set(values)  # fmt: skip
    assert sum(map(len, values.values())) > 300
    outputs.write_unit(tmp_path, unit)
    folder = tmp_path / "sub-01/func"
    for label, stats in values.items():
        for stat, expected in stats.items():
            found = map_of(folder, label, stat)
            assert np.array_equal(found[tuple(unit.targets.index.T)], np.float32(expected), equal_nan=True)
            assert definition_of(folder, label, stat)
    assert definition_of(folder, "agreementSpeechLanguage", "ci025").startswith("Lower end")


def test_single_maps_are_those_of_the_partitions_rsquared(tmp_path):
    outputs.write_unit(tmp_path, default_sized(small_volume()))
    assert len(list(tmp_path.rglob("*_stat-rsquared_desc-*_statmap.nii.gz"))) == len(LABELS)
    for label in LABELS:
        path, number = file_of(tmp_path / "sub-01/func", label, "rsquared")
        assert number is None
        assert nibabel.load(path).ndim == 3


def test_what_is_not_there_has_no_map(tmp_path):
    """No ceiling: no file of one."""
    outputs.write_unit(tmp_path, default_sized(small_volume()))
    assert not list(tmp_path.rglob("*stat-ceiling*"))
    names_of_r = [one["Name"] for one in sidecar_of(next(tmp_path.rglob("*stat-r_statmap.nii.gz")))["Components"]]
    assert "uniqueSpeech" in names_of_r
    assert "sharedSpeechLanguage" not in names_of_r


# ------------------------------------------------------------------------------------------------ in others' programs
PAGE = (Path(__file__).parents[3] / "docs/outputs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(
    r"(?:^    .*\n|^\n)+", PAGE.partition("## To look at maps")[2].partition("\n## ")[0], re.MULTILINE
)
SNIPPETS = [dedent(block) for block in BLOCKS if "import" in block]


@pytest.mark.parametrize(
    ("number", "kind", "rest"),
    [
        (0, "volume", "task-story_space-MNI152NLin2009cAsym"),
        (1, "surface", "task-story_space-fsaverage5"),
        (2, "greyordinates", "task-story_space-fsLR_den-91k"),
        (3, "array", "task-story_space-MNI152Array"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_the_page_says_opens_them(tmp_path, monkeypatch, number, kind, rest):
    assert len(SNIPPETS) == 4
    targets = surface_targets() if kind == "surface" else targets_of(kind)  # nilearn draws on all of fsaverage5
    unit = default_sized(targets, rest=rest)
    outputs.write_unit(tmp_path, unit)
    monkeypatch.chdir(tmp_path)
    found = {}
    exec(SNIPPETS[number], found)
    pyplot.close("all")
    number_of = ("full", "rsquared") if kind == "array" else ("uniqueSpeech", "r")
    expected = np.float32(unit.partition.values[number_of[0]][number_of[1]])
    values = found["values"] if kind != "volume" else found["speech"].get_fdata()[tuple(unit.targets.index.T)]
    if kind == "surface":
        expected = expected[unit.targets.index[:, 0] == 0]
    np.testing.assert_array_equal(values[1:], expected[1:])  # nilearn, when it draws, makes zeros of NaN


# ------------------------------------------------------------------------------------------------ there and back
COMPONENTS = st.sampled_from((*LABELS, INTER_SUBJECT)) | st.from_regex(r"[a-z][A-Za-z0-9]{0,20}", fullmatch=True)
STATS = st.sampled_from(("rsquared", "r", "p", "ci025", "shapley", "ceiling", "layer"))
NUMBERS = st.lists(st.tuples(COMPONENTS, STATS), unique=True, min_size=1, max_size=12)


@given(NUMBERS)
def test_every_number_lies_in_one_map_of_one_file(numbers):
    files = map_files(numbers, GROUPS)
    assert sorted(number for file in files for number in file.numbers) == sorted(numbers)
    named = [names.map_file(STEM, "volume", file.desc, file.stat) for file in files]
    assert len(set(named)) == len(named)
    for file in files:
        assert len(set(file.maps)) == len(file.maps)
        single = file.stat == "rsquared" and file.desc in LABELS
        assert file.is_single == single or file.desc == INTER_SUBJECT
        assert bool(file.desc) == (single or file.desc == INTER_SUBJECT)


@pytest.mark.parametrize("kind", ENDINGS)
@settings(max_examples=15, deadline=None)
@given(NUMBERS)
def test_numbers_come_back_from_the_maps_that_they_were_written_to(kind, numbers):
    targets, rng = targets_of(kind), np.random.default_rng(0)
    written = [MappedNumber(*number, drawn(rng, targets), f"what {' '.join(number)} is") for number in numbers]
    files = map_files(numbers, GROUPS)

    def name(desc, stat, hemi):
        return names.map_file(STEM, kind, desc, stat, hemi)

    with TemporaryDirectory() as folder:
        out_dir = Path(folder)
        (out_dir / "logs").mkdir()
        for path, content in encoded_maps(targets, written, files, name, {}):
            (out_dir / path).parent.mkdir(parents=True, exist_ok=True)
            (out_dir / path).write_bytes(content)
        maps = WrittenMaps(out_dir, targets_summary(targets, written[0].values), files, name)
        there = targets if kind == "parcels" else maps.targets(numbers[0])  # parcels are named by their table
        assert there.names[-len(targets.names) + 1 :] == targets.names[1:]
        found = maps.values(there, numbers[::-1])
        assert list(found) == numbers[::-1]
        for one in written:
            np.testing.assert_array_equal(found[one.key], one.values[-len(there.names) :])
            if one.component != INTER_SUBJECT:
                ending = ENDINGS[kind]
                hemi = "L" if kind == "surface" else ""
                path, number = file_of(out_dir / "sub-01/func", one.component, one.stat, ending, hemi)
                assert definition_of(out_dir / "sub-01/func", one.component, one.stat, ending, hemi) == one.words
                if kind in ("greyordinates", "parcels"):
                    assert nibabel.load(path).header.get_axis(0).name[number or 0] == one.component


@pytest.mark.parametrize("kind", ENDINGS)
def test_a_number_that_is_not_there_is_one_line(tmp_path, kind):
    unit = default_sized(targets_of(kind))
    outputs.write_unit(tmp_path, replace(unit, model_pair=None))
    path = outputs.summary_path(tmp_path, unit.stem)
    content = json.loads(path.read_text())
    for file in content["maps"]:
        file["maps"] = [label for label in file["maps"] if label != "full"]
    del content[PROOF]
    path.write_text(json.dumps(content | {PROOF: hash_of(content)}))
    with pytest.raises(ReadWriteError, match="names no map of full rsquared"):
        outputs.read_unit(path)
