"""Atlases: every kind of file with every kind of table, names that are looked for, and what is refused."""

from contextlib import suppress

import nibabel as nib
import numpy as np
import pytest
from cifti_files import dense_axis
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel import cifti2, gifti

from bids_app.dataset.atlases.find import find_atlas, local_folders
from bids_app.dataset.atlases.names import read_names
from bids_app.dataset.atlases.read import atlas_name, read_atlas, read_mask, space_of
from bids_app.errors import ConcordError, DataError, NoInput

AFFINE = np.diag([2.0, 2, 2, 1])
FSL = """<?xml version="1.0"?><atlas><header><type>{kind}</type></header><data>
<label index="0" x="1">Frontal Pole</label><label index="1" x="2">Insular &amp; other</label></data></atlas>"""
TABLES = {
    ".tsv": ("index\tname\tcolor\n0\tBackground\t#\n1\tFrontal Pole\t#0\n2\tInsular & other\t#1\n", 0),
    ".csv": ("label,region\n1,Frontal Pole\n2,Insular & other\n", None),  # no column of numbers by its name: lines
    ".txt": ("# FreeSurfer\n0 Unknown 0 0 0 0\n1  Frontal Pole  70 130 180 0\n2\tInsular & other\t5\t5\t5\t0\n", 0),
    ".xml": (FSL.format(kind="Probabalistic"), 0),
}
NAMES = {1: "Frontal Pole", 2: "Insular & other"}


def image(path, labels=(0, 1, 2, 2), dtype=np.int16):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.array(labels, dtype=dtype).reshape(2, 2, 1), AFFINE), path)
    return path


@pytest.mark.parametrize("ending", TABLES)
def test_names_of_every_kind_of_table(tmp_path, ending):
    path = image(tmp_path / "own.nii.gz")
    (tmp_path / f"own{ending}").write_text(TABLES[ending][0])
    atlas = read_atlas(path)
    assert atlas.regions == NAMES
    assert atlas.labels.labels.ravel().tolist() == [0, 1, 2, 2]


def test_labels_of_an_fsl_atlas_that_is_not_probabilistic_are_as_they_stand(tmp_path):
    (tmp_path / "own.xml").write_text(FSL.format(kind="Label"))
    assert read_names(tmp_path / "own.xml") == {1: "Insular & other"}


def test_tables_of_templateflow_and_nilearn_and_fsl_belong_to_their_images(tmp_path):
    flow = image(tmp_path / "tpl-MNI152NLin2009cAsym_res-01_atlas-Schaefer2018_desc-100Parcels7Networks_dseg.nii.gz")
    stem = "tpl-MNI152NLin2009cAsym_atlas-Schaefer2018_desc"
    (tmp_path / f"{stem}-100Parcels7Networks_dseg.tsv").write_text("index\tname\n1\tright\n2\tone\n")
    (tmp_path / f"{stem}-100Parcels17Networks_dseg.tsv").write_text("index\tname\n1\twrong\n2\tone\n")
    assert read_atlas(flow).regions == {1: "right", 2: "one"}
    assert (atlas_name(flow), space_of(flow)) == ("Schaefer2018-100Parcels7Networks", "MNI152NLin2009cAsym")

    learn = image(tmp_path / "Schaefer2018_400Parcels_7Networks_order_FSLMNI152_2mm.nii.gz")
    (tmp_path / "Schaefer2018_400Parcels_7Networks_order.txt").write_text("1\t7Networks_LH_Vis_1\t1\t2\t3\t0\n")
    (tmp_path / "Schaefer2018_100Parcels_7Networks_order.txt").write_text("1\twrong\t1\t2\t3\t0\n")
    atlas = read_atlas(learn)
    assert (atlas.regions, atlas.space) == ({1: "7Networks_LH_Vis_1"}, "MNI152NLin6Asym")
    assert "1 labels have no name and are left out: 2" in atlas.notes[0]

    fsl = image(tmp_path / "HarvardOxford/HarvardOxford-cort-maxprob-thr25-2mm.nii.gz")
    (tmp_path / "HarvardOxford-Cortical.xml").write_text(FSL.format(kind="Probabalistic"))
    (tmp_path / "HarvardOxford-Subcortical.xml").write_text("<atlas/>")
    assert read_atlas(fsl).regions == NAMES


def label_gifti(path, labels, names):
    table = gifti.GiftiLabelTable()
    for key, name in names.items():
        one = gifti.GiftiLabel(key, 0, 0, 0, 1)
        one.label = name
        table.labels.append(one)
    array = gifti.GiftiDataArray(np.array(labels, dtype=np.int32), intent="NIFTI_INTENT_LABEL")
    nib.save(gifti.GiftiImage(labeltable=table, darrays=[array]), path)
    return path


def test_labels_of_both_hemispheres_are_told_apart(tmp_path):
    left = label_gifti(tmp_path / "tpl-fsLR_hemi-L_atlas-X_dseg.label.gii", [0, 5, 7, 7], {0: "???", 5: "A", 7: "B"})
    right = label_gifti(tmp_path / "tpl-fsLR_hemi-R_atlas-X_dseg.label.gii", [5, 5, 0, 9], {5: "B", 9: "unknown"})
    for path in (left, right):
        atlas = read_atlas(path)
        names = [["", *atlas.regions.values()][label] for label in (*atlas.labels.left, *atlas.labels.right)]
        assert names == ["", "left A", "left B", "left B", "right B", "right B", "", ""]
        assert (atlas.name, atlas.space) == ("X", "fsLR")
    right.unlink()
    with pytest.raises(NoInput, match="file is not there"):
        read_atlas(left)


def test_an_atlas_of_one_hemisphere_and_labels_without_a_name(tmp_path):
    left = label_gifti(tmp_path / "lh.lang.label.gii", [0, 3, 4, 4], {0: "???", 3: "IFG"})
    label_gifti(tmp_path / "rh.lang.label.gii", [0, 0, 0, 0], {0: "???"})
    atlas = read_atlas(left)
    assert atlas.regions == {1: "IFG"}
    assert (atlas.labels.left.tolist(), atlas.labels.right.tolist()) == ([0, 1, 0, 0], [0, 0, 0, 0])
    assert atlas.notes == ("lang: 1 labels have no name and are left out: left 4",)
    label_gifti(left, [0, 0, 0, 0], {0: "???"})
    with pytest.raises(DataError, match="the atlas has no label"):
        read_atlas(left)


def test_cifti_labels_by_the_names_of_greyordinates(tmp_path):
    axis = dense_axis()
    values = np.arange(len(axis)) % 3
    labels = cifti2.LabelAxis(["x"], [{0: ("???", (0, 0, 0, 0)), 1: ("one", (0, 0, 0, 1)), 2: ("two", (1, 0, 0, 1))}])
    path = tmp_path / "own.dlabel.nii"
    nib.save(cifti2.Cifti2Image(values[None].astype(np.float32), (labels, axis)), path)
    atlas = read_atlas(path)
    assert atlas.regions == {1: "one", 2: "two"}
    assert sum(label == 2 for label in atlas.labels.labels.values()) == (values == 2).sum()
    assert atlas.labels.n_vertices == (32492, 32492)


def test_masks_are_whatever_is_not_zero(tmp_path):
    mask = read_mask(image(tmp_path / "m.nii.gz", (0, 0.25, np.nan, -3), np.float32), "lang", "01")
    assert mask.labels.labels.ravel().tolist() == [0, 1, 0, 1]
    assert (mask.regions, mask.of_participant) == ({1: "lang"}, "01")
    with pytest.raises(DataError, match="the mask is empty"):
        read_mask(image(tmp_path / "e.nii.gz", (0, 0, 0, 0)), "lang", "01")


@pytest.mark.parametrize(
    ("labels", "dtype", "table", "words"),
    [
        ((0, 0.5, 1, 1), np.float32, "index\tname\n1\ta\n", "its values are no labels"),
        ((0, 0, 0, 0), np.int16, "index\tname\n1\ta\n", "the atlas has no label"),
        ((0, 1, 1, 1), np.int16, "index\tname\n4\ta\n", "none of 2 labels of the atlas has a name"),
        ((0, 1, 1, 1), np.int16, "index\tname\nx\ta\n", "'x' is no label"),
        ((0, 1, 1, 1), np.int16, "index\tname\n1\ta\n1\tb\n", "label 1 has two names"),
        ((0, 1, 1, 1), np.int16, "index\tname\n0\ta\n1\t???\n", "it names no region"),
    ],
)
def test_what_is_no_atlas_is_one_line(tmp_path, labels, dtype, table, words):
    (tmp_path / "a.tsv").write_text(table)
    with pytest.raises(DataError, match=words) as refused:
        read_atlas(image(tmp_path / "a.nii.gz", labels, dtype))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        ("1 Area 44 120 18 131\n2 Area 45 10 20 30", {1: "Area 44", 2: "Area 45"}),
        ("1 Area 44 120 18 131 0\n2 Area 45 10 20 30 0", {1: "Area 44", 2: "Area 45"}),
        ("1 Area 44 120 18 255\n2 Area 45 120 20 255", {1: "Area 44", 2: "Area 45"}),
        ("11 Left-Caudate 122 186 220 0\n12 Left-Caudate 236 13 176 0\n13 Left-Pallidum 13 48 255 0",
         {11: "Left-Caudate", 12: "Left-Caudate", 13: "Left-Pallidum"}),
        ("1 Insular, anterior\n2 Insular, posterior", {1: "Insular, anterior", 2: "Insular, posterior"}),
        ("1,Insular,120,18,131\n2,Frontal,1,2,3", {1: "Insular", 2: "Frontal"}),
        ("1 0.47059 0.07059 0.52549 Area 44\n2 0.1 0.2 0.3 Area 45", {1: "Area 44", 2: "Area 45"}),
        ('1 255 0 0 1 1 1 "Label 1"\n2 0 255 0 1 1 1 "Label 2"', {1: "Label 1", 2: "Label 2"}),
        ("# No. Label\n1\t7Networks_LH_Vis_1\t120\t18\t131\t0\n2\t7Networks_LH_Vis_2\t120\t18\t132\t0",
         {1: "7Networks_LH_Vis_1", 2: "7Networks_LH_Vis_2"}),
        ("1 Brodmann 1\n2 Brodmann 2", {1: "Brodmann 1", 2: "Brodmann 2"}),
    ],
)  # fmt: skip
def test_names_are_told_from_colours(tmp_path, lines, names):
    (tmp_path / "a.txt").write_text(lines)
    assert read_names(tmp_path / "a.txt") == names


@settings(max_examples=30, deadline=None)
@given(
    st.dictionaries(
        st.integers(1, 10**6), st.from_regex(r"[A-Z][a-z]{0,8}[_ ][A-Z]\w{0,8}", fullmatch=True), min_size=1
    )
)
def test_tables_come_back(tmp_path_factory, regions):
    folder = tmp_path_factory.mktemp("tables")
    (folder / "a.tsv").write_text("index\tname\n" + "".join(f"{label}\t{name}\n" for label, name in regions.items()))
    (folder / "a.txt").write_text("".join(f"{label}\t{name}\t1\t2\t3\t0\n" for label, name in regions.items()))
    assert read_names(folder / "a.tsv") == read_names(folder / "a.txt") == dict(sorted(regions.items()))


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([".tsv", ".csv", ".txt", ".xml"]), st.text(max_size=200))
def test_any_text_is_a_table_or_one_line(tmp_path_factory, ending, text):
    path = tmp_path_factory.mktemp("tables") / f"a{ending}"
    path.write_text(text, encoding="utf-8", errors="replace")
    with suppress(ConcordError):
        assert all(label > 0 and name for label, name in read_names(path).items())


# ------------------------------------------------------------------------------------------------ by name
def test_a_name_is_looked_for_in_local_folders(tmp_path, monkeypatch):
    for folder in ("own", "flow", "home/nilearn_data"):
        (tmp_path / folder).mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "flow"))
    monkeypatch.delenv("NILEARN_DATA", raising=False)
    monkeypatch.delenv("NILEARN_SHARED_DATA", raising=False)
    folders = local_folders([tmp_path / "own"])
    assert [folder.name for folder in folders] == ["own", "flow", "nilearn_data"]
    fine, coarse = (
        image(tmp_path / f"flow/tpl-MNI152NLin6Asym/tpl-MNI152NLin6Asym_res-0{n}_atlas-HOCPA_desc-th25_dseg.nii.gz")
        for n in (1, 2)
    )
    hcp = image(tmp_path / "home/nilearn_data/MMP_in_MNI_corr.nii.gz")
    assert find_atlas("Harvard-Oxford", folders) == (fine,) != (coarse,)
    assert find_atlas("Glasser", folders) == (hcp,)
    other = image(tmp_path / "own/tpl-MNI152NLin6Asym_res-01_atlas-HOCPA_desc-th50_dseg.nii.gz")
    assert find_atlas("Harvard-Oxford", folders) == (other,)  # the user's own folder comes first
    image(tmp_path / "own/tpl-MNI152NLin6Asym_res-01_atlas-HOCPA_desc-th25_dseg.nii.gz")
    with pytest.raises(DataError, match="2 atlases go by 'Harvard-Oxford': HOCPA-th25, HOCPA-th50"):
        find_atlas("Harvard-Oxford", folders)
    assert find_atlas("Harvard-Oxford th50", folders) == (other,)
    with pytest.raises(NoInput, match=r"no atlas 'Schaefer2018' lies in .*own, .*flow, .*nilearn_data"):
        find_atlas("Schaefer2018", folders)
