"""What files of atlases have that are in use, each made small: FreeSurfer's annotations, compressed GIFTI, tables of
SPM, MRIcron, Connectome Workbench and SUIT, and names within an image."""

import gzip
import shutil

import nibabel as nib
import numpy as np
import pytest
from nibabel.freesurfer.io import read_annot as nib_annot
from nibabel.freesurfer.io import write_annot
from test_dataset_atlases import image, label_gifti

from bids_app.dataset.atlases.annot import read_annot
from bids_app.dataset.atlases.find import find_atlas
from bids_app.dataset.atlases.names import read_names, table_of
from bids_app.dataset.atlases.read import atlas_name, read_atlas, space_of
from bids_app.errors import DataError, NoInput
from bids_app.records.regions.spaces import are_near

COLOURS = np.array([[25, 5, 25, 0, 0], [25, 100, 40, 0, 0], [125, 100, 160, 0, 0], [100, 25, 0, 0, 0]])
CALLED = ["unknown", "bankssts", "caudal middle", "cuneus"]


def annot(path, labels):
    """As FreeSurfer's own tools write it, by another library."""
    write_annot(path, np.array(labels), COLOURS.copy(), CALLED, fill_ctab=True)
    return path


def test_annotations_of_freesurfer(tmp_path):
    left, right = annot(tmp_path / "lh.own.annot", [0, 1, 3, 3]), annot(tmp_path / "rh.own.annot", [2, 0, 1, -1])
    expected = [[0, 1, 3, 3], [2, 0, 1, 0]]  # -1: no entry of the table
    for path, own in zip((left, right), expected, strict=True):
        labels, names = read_annot(path)
        assert names == dict(enumerate(CALLED, 1))
        assert [label - 1 if label else 0 for label in labels] == own
    for path in (left, right):
        atlas = read_atlas(path)
        names = [atlas.regions.get(label, "") for label in (*atlas.labels.left, *atlas.labels.right)]
        assert names == ["", "left bankssts", "left cuneus", "left cuneus", "right caudal middle", "",
                         "right bankssts", ""]  # fmt: skip
        assert atlas.name == "own"
    assert find_atlas("own", [tmp_path]) == (left,)


def test_transparency_is_no_part_of_a_colour(tmp_path):
    """Some programs write it into the table, or at the vertices, as nibabel does; nibabel reads these back."""
    colours, labels = COLOURS.copy(), np.array([0, 1, 2, 3, 3])
    colours[1:3, 3] = 255
    write_annot(tmp_path / "lh.own.annot", labels, colours, CALLED, fill_ctab=True)
    found, names = read_annot(tmp_path / "lh.own.annot")
    assert [names[label] for label in found] == [CALLED[label] for label in labels]
    assert (found - 1).tolist() == nib_annot(tmp_path / "lh.own.annot")[0].tolist()
    content = (tmp_path / "lh.own.annot").read_bytes()
    at = 4 + 8 * 1 + 4  # of the second vertex's value
    (tmp_path / "lh.own.annot").write_bytes(content[:at] + b"\x7f" + content[at + 1 :])
    assert read_annot(tmp_path / "lh.own.annot")[0].tolist() == found.tolist()


def test_colours_that_the_table_lacks_are_told_of(tmp_path):
    """A vertex without a colour (0) is no region and needs no word; another colour is one that is lost."""
    left = annot(tmp_path / "lh.own.annot", [1, 2, 3, -1])
    annot(tmp_path / "rh.own.annot", [1, 2, 3, -1])
    assert not read_atlas(left).notes
    content = left.read_bytes()
    at = 4 + 8 * 1 + 4  # of the second vertex's value
    left.write_bytes(content[:at] + (77).to_bytes(4, "big") + content[at + 4 :])
    labels, names = read_annot(left)
    assert (labels.tolist(), [*names]) == ([2, 5, 4, 0], [1, 2, 3, 4])
    atlas = read_atlas(left)
    assert atlas.notes == ("own: 1 labels have no name and are left out: left 5",)
    assert (atlas.labels.left > 0).tolist() == [True, False, True, False]


def test_annotations_of_the_first_layout(tmp_path):
    """Without numbers of the entries: written here as FreeSurfer's page describes it."""
    names = [name.encode() + b"\0" for name in CALLED]
    of = [int(red + green * 2**8 + blue * 2**16) for red, green, blue, *_ in COLOURS.tolist()]
    table = [1, len(CALLED), 4, b"own\0"]
    for name, colour in zip(names, COLOURS[:, :4].tolist(), strict=True):
        table += [len(name), name, *colour]
    content = [3, 0, of[1], 1, of[3], 2, of[1], *table]
    packed = [one if isinstance(one, bytes) else int(one).to_bytes(4, "big") for one in content]
    (tmp_path / "lh.own.annot").write_bytes(b"".join(packed))
    labels, found = read_annot(tmp_path / "lh.own.annot")
    assert (labels.tolist(), list(found.values())) == ([2, 4, 2], CALLED)
    (tmp_path / "lh.own.annot").write_bytes(b"".join(packed[:7]))
    with pytest.raises(DataError, match="no table names the labels"):
        read_annot(tmp_path / "lh.own.annot")


@pytest.mark.parametrize("change", ["cut", "beyond", "longer"])
def test_damaged_annotations_are_one_line(tmp_path, change):
    path = annot(tmp_path / "lh.own.annot", [0, 1, 3, 3])
    content = bytearray(path.read_bytes())
    if change == "beyond":
        content[4:8] = (-2).to_bytes(4, "big", signed=True)
    if change == "longer":
        content[:4] = (10**9).to_bytes(4, "big")
    path.write_bytes(content[: len(content) - 12] if change == "cut" else content)
    with pytest.raises(DataError) as refused:
        read_annot(path)
    assert "\n" not in str(refused.value)


def test_compressed_gifti_and_other_names_of_hemispheres(tmp_path):
    for left, right, name in (
        ("atlas-own-lh.label.gii", "atlas-own-rh.label.gii", "own"),
        ("AAL.32k.L.label.gii", "AAL.32k.R.label.gii", "AAL.32k"),
        ("lh.aparc.gii", "rh.aparc.gii", "aparc"),
        ("Cole_L.label.gii", "Cole_R.label.gii", "Cole"),
        ("ROI.32k.L.label.gii", "ROI.32k.R.label.gii", "ROI.32k"),
    ):
        for file, label in ((left, "A"), (right, "B")):
            label_gifti(tmp_path / file, [0, 5, 5], {0: "???", 5: label})
        assert {read_atlas(tmp_path / file).name for file in (left, right)} == {name}
        for file in (left, right):
            (tmp_path / f"{file}.gz").write_bytes(gzip.compress((tmp_path / file).read_bytes()))
            (tmp_path / file).unlink()
        packed = read_atlas(tmp_path / f"{right}.gz")
        assert (packed.name, [*packed.regions.values()]) == (name, ["A", "B"])
        assert packed.labels.left.tolist() == [0, 1, 1]
    (tmp_path / "lh.aparc.gii.gz").write_bytes(b"\x1f\x8b\x08\x00damaged")
    with pytest.raises(DataError):
        read_atlas(tmp_path / "lh.aparc.gii.gz")


SPM = """<?xml version="1.0" encoding="ISO-8859-1"?><atlas><header><name>own</name><type>Label</type></header>
<data><label><index>2001</index><name>Precentral_L</name></label>
<label><index>2002</index><short_name>PreCG</short_name><name>Précentral_R</name></label></data></atlas>"""
WORKBENCH = "HIP-rh\n1 171 243 85 255\nAMY, basal\n2 86 162 74 255\n"


@pytest.mark.parametrize(
    ("name", "text", "names"),
    [
        ("own.xml", SPM, {2001: "Precentral_L", 2002: "Précentral_R"}),
        ("own_label.txt", WORKBENCH, {1: "HIP-rh", 2: "AMY, basal"}),
        ("own.nii.txt", "1 Precentral_L 2001\r\n2 Precentral_R 2002\r\n", {1: "Precentral_L", 2: "Precentral_R"}),
        ("own.txt", "1 Area 44\n2 Area 45\n3 Insula\n", {1: "Area 44", 2: "Area 45", 3: "Insula"}),
        ("own.lut", "1 0.710 0.169 0.835 Net_1\n2 1.000 0.000 0.000 Net_2\n", {1: "Net_1", 2: "Net_2"}),
        ("own.csv", "id,label,hemisphere\n1,cuneus,L\n2,cuneus,R\n3,brainstem,B\n",
         {1: "L cuneus", 2: "R cuneus", 3: "brainstem"}),
    ],
)  # fmt: skip
def test_tables_as_they_are_found(tmp_path, name, text, names):
    labels = [0, *names]
    path = image(tmp_path / "own.nii.gz", [*labels, *[0] * 4][:4])
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert table_of(path) == tmp_path / name
    assert read_names(tmp_path / name) == names
    assert read_atlas(path).regions == names


def test_tables_belong_to_images_whose_names_have_dots_or_say_less(tmp_path):
    fine, coarse = image(tmp_path / "aparc.a2009s.nii.gz"), image(tmp_path / "aparc.nii.gz")
    (tmp_path / "aparc.tsv").write_text("index\tname\n1\tcoarse\n2\tother\n")
    assert read_atlas(coarse).regions[1] == "coarse"
    with pytest.raises(NoInput, match=r"put aparc\.a2009s\.tsv beside it"):
        read_atlas(fine)  # the table of the coarser one is not its own
    (tmp_path / "aparc.a2009s.tsv").write_text("index\tname\n1\tfine\n2\tother\n")
    assert read_atlas(fine).regions[1] == "fine"
    suit = image(tmp_path / "atl-Buckner7_space-MNI_dseg.nii.gz")
    (tmp_path / "atl-Buckner7.tsv").write_text("index\tname\n1\tone\n2\ttwo\n")
    (tmp_path / "atl-Buckner17.tsv").write_text("index\tname\n1\twrong\n2\ttwo\n")
    assert read_atlas(suit).regions == {1: "one", 2: "two"}
    assert (atlas_name(suit), space_of(suit)) == ("Buckner7", "MNI")
    assert are_near("MNI", "MNI152NLin2009cAsym")
    assert not are_near("MNI", "fsaverage5")
    assert not are_near("MNIPediatricAsym", "MNI152NLin6Asym")


def test_colours_alone_are_no_table_and_names_may_stand_within_the_image(tmp_path):
    """As MRIcron ships brodmann.nii.gz and its Harvard-Oxford."""
    path = image(tmp_path / "own.nii.gz")
    (tmp_path / "own.nii.lut").write_bytes(bytes(range(256)) * 3)
    with pytest.raises(NoInput, match=r"put own\.tsv beside it"):
        read_atlas(path)
    whole = gzip.decompress(path.read_bytes())
    text = b"0\tUnknown\n1\tFrontal Pole\n2\tInsular & other\n"
    text += b"\0" * (-len(text) % 16)
    content = bytearray(whole[:352] + text + whole[352:])
    content[108:112] = np.float32(352 + len(text)).tobytes()
    path.write_bytes(gzip.compress(bytes(content)))
    assert nib.load(path).get_fdata().ravel().tolist() == [0, 1, 2, 2]
    assert read_atlas(path).regions == {1: "Frontal Pole", 2: "Insular & other"}
    (tmp_path / "own.tsv").write_text("index\tname\n1\tA\n2\tB\n")
    assert read_atlas(path).regions == {1: "A", 2: "B"}  # a table beside it comes first
    shutil.copy(path, tmp_path / "alone.nii.gz")
    assert read_atlas(tmp_path / "alone.nii.gz").regions[1] == "Frontal Pole"


def test_extensions_of_another_kind_are_no_names(tmp_path):
    own = nib.Nifti1Image(np.array([0, 1, 2, 2], dtype=np.int16).reshape(2, 2, 1), np.eye(4))
    own.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"made\n1 by hand\n"))
    nib.save(own, tmp_path / "own.nii.gz")
    with pytest.raises(NoInput, match="no table names the labels"):
        read_atlas(tmp_path / "own.nii.gz")
