"""One atlas, or one mask, from its file: a label image, GIFTI labels of both hemispheres, or CIFTI labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from bids_app.dataset.atlases.annot import read_annot
from bids_app.dataset.atlases.names import (
    ATLAS_KEYS,
    IMAGES,
    named_regions,
    names_within,
    read_names,
    stem_of_file,
    table_of,
)
from bids_app.dataset.responses.cifti import CORTEX, greyordinate_names
from bids_app.dataset.responses.gifti import read_arrays, read_labels
from bids_app.errors import DataError, NoInput
from bids_app.inputs.homes import named
from bids_app.inputs.nifti import open_nifti
from bids_app.inputs.opening import open_input, reading
from bids_app.records import Array
from bids_app.records.entities import entities_of
from bids_app.records.regions.atlases import LOCALISER, Atlas, GreyordinateLabels, SurfaceLabels, VolumeLabels

SURFACES, ANNOTATIONS = (".label.gii.gz", ".label.gii", ".gii.gz", ".gii"), (".annot",)
GREYORDINATES = (".dlabel.nii", ".dscalar.nii")
HEMISPHERES = (
    ("hemi-L", "hemi-R"), (".L.", ".R."), (".lh.", ".rh."), ("lh.", "rh."), ("_L_", "_R_"), ("_L.", "_R."),
    ("_lh", "_rh"),
)  # fmt: skip
# What states a space in names that are none of BIDS: FSL's template, and HCP's mesh.
SPACES = {"FSLMNI152": "MNI152NLin6Asym", "HarvardOxford": "MNI152NLin6Asym", "fs_LR": "fsLR",
          "MNI152NLin6Asym": "MNI152NLin6Asym", "MNI152NLin2009cAsym": "MNI152NLin2009cAsym"}  # fmt: skip
EXPECTED = "a label image (.nii.gz), GIFTI labels (.label.gii), .annot or CIFTI labels (.dlabel.nii) is expected"
MOST_LABEL = 2**31


def read_atlas(path: Path) -> Atlas:
    """An atlas with the names of its regions.

    Parameters
    ----------
    path : of its file; of a GIFTI or an .annot that of one hemisphere, whose other one lies beside it.

    Raises
    ------
    DataError : it is damaged, holds no labels, or nothing names them.
    NoInput : the file, that of the other hemisphere, or the table of names is not there.
    """
    _require_file(path)
    with _named(path):
        return _read(path)


def _named(path: Path) -> AbstractContextManager[None]:
    """The user named the file, and so where it leads; of FSL's atlases the table is a folder up."""
    return named((path.parent, path.parent.parent, path.resolve().parent))


def _read(path: Path) -> Atlas:
    if path.name.endswith(GREYORDINATES):
        return _greyordinates(path)
    if path.name.endswith((*SURFACES, *ANNOTATIONS)):
        return _surfaces(path)
    if not path.name.endswith(IMAGES):
        raise DataError("no atlas", path, EXPECTED)
    volume = _volume(path)
    table = table_of(path)
    if table is not None:
        return _checked(path, (path, table), read_names(table), volume, np.unique(volume.labels))
    within = names_within(path)
    if within:
        return _checked(path, (path,), named_regions(within, path), volume, np.unique(volume.labels))
    hint = f"put {stem_of_file(path.name)}.tsv beside it, with the columns index and name"
    raise NoInput("no table names the labels of the atlas", path, hint)


def read_mask(path: Path, name: str, participant: str) -> Atlas:
    """A participant's own mask as an atlas of one region: whatever is not zero.

    Parameters
    ----------
    path : of a mask; of a GIFTI that of one hemisphere.
    name : of the region.
    participant : label, without `sub-`.

    Raises
    ------
    DataError : it is damaged, or empty.
    NoInput : the file is not there.
    """
    _require_file(path)
    with _named(path):
        return _read_mask(path, name, participant)


def _read_mask(path: Path, name: str, participant: str) -> Atlas:
    labels: VolumeLabels | SurfaceLabels | GreyordinateLabels
    paths: tuple[Path, ...] = (path,)
    if path.name.endswith(GREYORDINATES):
        names, values, affine, n_vertices = _dense(path)
        chosen = {one: 1 for one, value in zip(names, values, strict=True) if value}
        labels, n_inside = GreyordinateLabels(chosen, affine, n_vertices), len(chosen)
    elif path.name.endswith(SURFACES):
        paths = hemispheres(path)
        left, right = (_inside(_one_array(one)) for one in paths)
        labels, n_inside = SurfaceLabels(left, right), int(left.sum() + right.sum())
    elif path.name.endswith(IMAGES):
        values, affine = _image(path)
        labels = VolumeLabels(_inside(values), affine)
        n_inside = int(labels.labels.sum())
    else:
        raise DataError("no mask", path, "a .nii.gz, .gii or .dscalar.nii is expected")
    if not n_inside:
        raise DataError("the mask is empty", path)
    return Atlas(LOCALISER, space_of(path), {1: name}, labels, str(path), _sha256(paths), of_participant=participant)


def _inside(values: Array) -> Array:
    return np.asarray(np.nan_to_num(values) != 0, dtype=np.int32)


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise NoInput("the file is not there", path)


def atlas_name(path: Path) -> str:
    """What tables call an atlas: `atlas-` (or `seg-`) and `desc-` of a name of BIDS, else its file's stem.

    Parameters
    ----------
    path : of its file.
    """
    stem = _without_side(path.name) if path.name.endswith((*SURFACES, *ANNOTATIONS)) else path.name
    for ending in (*GREYORDINATES, *SURFACES, *ANNOTATIONS, *IMAGES):
        stem = stem.removesuffix(ending)
    entities = entities_of(stem)
    own = [entities[key] for key in (*ATLAS_KEYS, "desc") if key in entities]
    if own and {"tpl", "space", "atlas", "atl"} & {*entities}:
        return "-".join(own).strip("-")
    return stem.strip("._-")


def _without_side(name: str) -> str:
    """A file's name without what says which hemisphere it is of: both files of an atlas have one name."""
    side = next((one for pair in HEMISPHERES for one in pair if one in name), "")
    return name.replace(side, side[-1] if side[-1:] in "._" else "") if side else name


def space_of(path: Path) -> str:
    """The space that a file's name states: `space-` or `tpl-`, or what stands for one in names of FSL, nilearn and
    HCP; empty where it states none.

    Parameters
    ----------
    path : of the file.
    """
    entities = entities_of(path.name.split(".")[0])
    stated = entities.get("space") or entities.get("tpl")
    if stated:
        return stated
    return next((space for mark, space in SPACES.items() if mark in path.name), "")


def hemispheres(path: Path) -> tuple[Path, Path]:
    """The files of the left and of the right hemisphere, by the name of one.

    Parameters
    ----------
    path : of either.

    Raises
    ------
    NoInput : its name says no hemisphere, or the other one is not there.
    """
    for left, right in HEMISPHERES:
        for own, other in ((left, right), (right, left)):
            if own in path.name:
                partner = path.with_name(path.name.replace(own, other))
                _require_file(partner)
                return (path, partner) if own == left else (partner, path)
    hint = "name both files alike, but for hemi-L and hemi-R"
    raise NoInput("its name says no hemisphere, and labels of both are needed", path, hint)


def _sha256(paths: tuple[Path, ...]) -> str:
    """Of the files' contents, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with open_input(path) as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _checked(
    path: Path,
    paths: tuple[Path, ...],
    regions: Mapping[int, str],
    labels: VolumeLabels | SurfaceLabels | GreyordinateLabels,
    there: Array,
    unnamed: Sequence[str] | None = None,
) -> Atlas:
    """An atlas of the regions that its labels have; those without a name are told of, unless a caller knows them.
    Raises DataError where none has a name."""
    if unnamed is None:
        unnamed = [*map(str, sorted({*there.tolist()} - {0} - {*regions}))]
    kept = {label: name for label, name in regions.items() if label in {*there.tolist()}}
    if not kept:
        raise DataError(
            f"none of {len(there)} labels of the atlas has a name", path, "is the table of another atlas?"
        )
    name = atlas_name(path)
    numbers = f"{', '.join(unnamed[:5])}{' …' if len(unnamed) > 5 else ''}"
    notes = (f"{name}: {len(unnamed)} labels have no name and are left out: {numbers}",) if unnamed else ()
    return Atlas(name, space_of(path), _told_apart(kept), labels, str(path), _sha256(paths), notes)


def _told_apart(regions: Mapping[int, str]) -> dict[int, str]:
    """Names of several labels with the label's number."""
    names = [*regions.values()]
    return {label: f"{name} ({label})" if names.count(name) > 1 else name for label, name in regions.items()}


# ------------------------------------------------------------------------------------------------ volumes
def _image(path: Path) -> tuple[Array, Array]:
    """Values (n_i, n_j, n_k) of an image of one volume, and its affine. Raises DataError."""
    image = open_nifti(path)
    shape = tuple(image.shape)
    if len(shape) < 3 or any(size != 1 for size in shape[3:]):
        hint = "take its image of the likeliest region (FSL's maxprob)" if len(shape) == 4 else ""
        raise DataError(f"one volume is expected, and the image is of {' × '.join(map(str, shape))}", path, hint)
    with reading(path):
        values = np.asarray(image.dataobj).reshape(shape[:3])
        affine = np.asarray(image.affine, dtype=float)
    if not np.isfinite(affine).all() or abs(np.linalg.det(affine[:3, :3])) < 1e-9:
        raise DataError("the image does not say where its voxels lie", path)
    return values, affine


def _volume(path: Path) -> VolumeLabels:
    values, affine = _image(path)
    labels = _whole_labels(values, path)
    _require_labels(labels, path)
    return VolumeLabels(labels, affine)


def _whole_labels(values: Array, path: Path) -> Array:
    """As whole numbers; what is below 0 is no region. Raises DataError."""
    values = np.nan_to_num(np.asarray(values, dtype=float))
    if not values.size or (values != np.rint(values)).any() or np.abs(values).max() >= MOST_LABEL:
        raise DataError("its values are no labels: whole numbers are expected", path, EXPECTED)
    return np.maximum(values, 0).astype(np.int32)


def _require_labels(labels: Array, path: Path) -> None:
    if not labels.any():
        raise DataError("the atlas has no label", path)


# ------------------------------------------------------------------------------------------------ surfaces
def _one_array(path: Path) -> Array:
    """Values (n_vertices,) of a GIFTI of one array. Raises DataError."""
    with reading(path):
        arrays = read_arrays(path)
    if len(arrays) != 1 or arrays[0].ndim != 1:
        raise DataError("one array with a value a vertex is expected", path)
    return arrays[0]


def _labels_and_names(path: Path) -> tuple[Array, dict[int, str]]:
    """Of a GIFTI of one hemisphere. Raises DataError."""
    labels = _whole_labels(_one_array(path), path)
    with reading(path):
        return labels, read_labels(path)


def _surfaces(path: Path) -> Atlas:
    """Labels of both hemispheres, numbered anew: one number may mean different regions in the two."""
    paths = hemispheres(path)
    annotated = path.name.endswith(ANNOTATIONS)
    both_sides = [read_annot(one) if annotated else _labels_and_names(one) for one in paths]
    values = [labels for labels, _ in both_sides]
    _require_labels(np.concatenate(values), path)
    names, unnamed = list[Mapping[int, str]](), list[str]()
    for one, (labels, table), side in zip(paths, both_sides, ("left", "right"), strict=True):
        names.append(named_regions(table, one) if labels.any() else {})
        unnamed += [f"{side} {label}" for label in sorted({*labels.ravel().tolist()} - {0} - {*table})]
    both = {*names[0].values()} & {*names[1].values()}
    regions: dict[int, str] = {}
    numbered = []
    for side, labels, own in zip(("left", "right"), values, names, strict=True):
        found = np.zeros(labels.shape, dtype=np.int32)
        for label, name in own.items():
            regions[len(regions) + 1] = f"{side} {name}" if both else name
            found[labels == label] = len(regions)
        numbered.append(found)
    surfaces = SurfaceLabels(*numbered)
    return _checked(path, paths, regions, surfaces, np.unique(np.concatenate(numbered)), unnamed)


# ------------------------------------------------------------------------------------------------ greyordinates
def _dense(path: Path) -> tuple[tuple[str, ...], Array, Array | None, tuple[int, int]]:
    """Names of greyordinates, the first map's values, the affine of voxels, vertices of both meshes."""
    from nibabel import cifti2

    image = open_nifti(path)
    with reading(path):
        axis = image.header.get_axis(1) if isinstance(image, cifti2.Cifti2Image) else None
        if not isinstance(axis, cifti2.BrainModelAxis) or image.shape[1] != len(axis):
            raise DataError("no CIFTI-2 file of greyordinates", path, EXPECTED)
        values = np.asarray(image.dataobj[:1]).reshape(-1)
        affine = None if axis.volume_shape is None else np.asarray(axis.affine, dtype=float)
        n_left, n_right = (int(axis.nvertices.get(side, 0)) for side in CORTEX)
    return greyordinate_names(axis), values, affine, (n_left, n_right)


def _greyordinates(path: Path) -> Atlas:
    from nibabel import cifti2

    names, values, affine, n_vertices = _dense(path)
    with reading(path):
        axis = open_nifti(path).header.get_axis(0)
        if not isinstance(axis, cifti2.LabelAxis):
            raise DataError("its maps are no labels", path, "a .dlabel.nii is expected")
        table = {int(label): str(name) for label, (name, _) in axis.label[0].items()}
    whole = _whole_labels(values, path)
    _require_labels(whole, path)
    chosen = {one: int(label) for one, label in zip(names, whole.tolist(), strict=True) if label}
    labels = GreyordinateLabels(chosen, affine, n_vertices)
    return _checked(path, (path,), named_regions(table, path), labels, np.unique(whole))
