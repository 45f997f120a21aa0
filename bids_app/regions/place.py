"""Where an atlas's labels fall on targets: the label of the nearest voxel, of the same vertex, or near an electrode.

Labels are never interpolated: a voxel's region is that of the atlas's voxel that its centre lies in (nearest
neighbour). An electrode's is that of the nearest labelled voxel's centre, up to `FURTHEST_MM` away.
"""

from __future__ import annotations

import numpy as np

from bids_app.records import Array, TargetKind, Targets
from bids_app.records.regions.atlases import Atlas, GreyordinateLabels, Placed, SurfaceLabels, VolumeLabels
from bids_app.records.regions.spaces import are_near, is_standard

FURTHEST_MM = 5.0  # from an electrode to the nearest label; beyond it an electrode has no region
MESHES = (642, 2562, 10242, 40962, 163842)  # vertices of fsaverage3 … fsaverage: the first ones of each finer mesh
SIDES = ("CORTEX_LEFT", "CORTEX_RIGHT")
TAKES: dict[TargetKind, tuple[type, ...]] = {
    "volume": (VolumeLabels,),
    "electrodes": (VolumeLabels,),
    "surface": (SurfaceLabels, GreyordinateLabels),
    "greyordinates": (GreyordinateLabels, SurfaceLabels),
    "parcels": (),
    "array": (),
}
NEEDED: dict[TargetKind, str] = {
    "volume": "voxels need a label image (.nii.gz)",
    "electrodes": "electrodes need a label image (.nii.gz)",
    "surface": "vertices need GIFTI labels (.label.gii), .annot or CIFTI labels (.dlabel.nii)",
    "greyordinates": "greyordinates need CIFTI labels (.dlabel.nii), .annot or GIFTI labels (.label.gii)",
    "parcels": "parcels are regions already, and their places are not known",
    "array": "columns of an array have no place",
}


def why_not(atlas: Atlas, kind: TargetKind, space: str) -> str:
    """Why an atlas cannot be laid on targets of a kind and space, by what it states; empty where it may be.

    Parameters
    ----------
    atlas : labels of places.
    kind, space : of the targets.
    """
    if not isinstance(atlas.labels, TAKES[kind]):
        return NEEDED[kind]
    if atlas.space == space or (atlas.space and are_near(atlas.space, space)):
        return ""
    if atlas.space:
        return f"the atlas is in {atlas.space}, the results are in {space}"
    if is_standard(space) or atlas.of_participant:
        return ""
    return f"the results are in {space}, and the atlas's name states no space (space- or tpl-)"


def note_on(atlas: Atlas, kind: TargetKind, space: str) -> str:
    """What must be said where an atlas is laid on targets of another space than its own; empty where it is the same.

    Parameters
    ----------
    atlas, kind, space : as of `why_not`.
    """
    if atlas.space == space:
        return ""
    if not atlas.space:
        return f"{atlas.name}: its name states no space; it is taken to be in {space}"
    if kind == "surface":
        return ""  # meshes of one sphere: vertices are the same
    return f"{atlas.name}: it is in {atlas.space}, results in {space}: borders may be some millimetres off"


def place(atlas: Atlas, targets: Targets) -> Placed:
    """The label of each target.

    Parameters
    ----------
    atlas : which `why_not` has nothing against.
    targets : of a unit.

    Returns
    -------
    Labels (n_targets,), 0 where there is none.

    Raises
    ------
    ValueError : in one line, where the meshes are not the same.
    """
    labels = atlas.labels
    if isinstance(labels, VolumeLabels):
        if targets.kind == "electrodes":
            return _near_electrodes(labels, np.asarray(targets.xyz_mm, dtype=float))
        return Placed(label_at(labels, places_mm(targets)))
    if targets.kind == "surface":
        left, right = _on_meshes(labels, targets.shape[:2], atlas.name)
        index = np.asarray(targets.index)
        side, vertex = index[:, 0], index[:, 1]
        found = np.zeros(len(index), dtype=int)
        for number, one in enumerate((left, right)):
            found[side == number] = one[vertex[side == number]]
        return Placed(found)
    return Placed(_on_greyordinates(labels, targets, atlas.name))


def places_mm(targets: Targets) -> Array:
    """(n_targets, 3) x, y, z in mm of voxels, electrodes, and greyordinates that are voxels; NaN where unknown.

    Parameters
    ----------
    targets : of any kind.
    """
    places = np.full((len(targets.names), 3), np.nan)
    if targets.xyz_mm is not None:
        return np.asarray(targets.xyz_mm, dtype=float)
    if targets.affine is None or targets.kind not in ("volume", "greyordinates"):
        return places
    if targets.kind == "volume":
        at, voxels = np.arange(len(places)), np.asarray(targets.index, dtype=float)
    else:
        cells = [name.rpartition(":")[2].split(",") for name in targets.names]
        at = np.array([row for row, cell in enumerate(cells) if len(cell) == 3], dtype=int)
        voxels = np.array([cells[row] for row in at], dtype=float).reshape(-1, 3)
    affine = np.asarray(targets.affine, dtype=float)
    places[at] = voxels @ affine[:3, :3].T + affine[:3, 3]
    return places


def label_at(volume: VolumeLabels, places: Array) -> Array:
    """The label of the voxel that each place lies in.

    Parameters
    ----------
    volume : labels, and where they lie.
    places : (n, 3) mm.

    Returns
    -------
    (n,), 0 outside of the image and where a place is not finite.
    """
    to_voxel = np.linalg.inv(np.asarray(volume.affine, dtype=float))
    known = np.isfinite(places).all(axis=1)
    voxels = np.rint(places[known] @ to_voxel[:3, :3].T + to_voxel[:3, 3])
    within = ((voxels >= 0) & (voxels < volume.labels.shape)).all(axis=1)
    found = np.zeros(len(places), dtype=int)
    rows = np.flatnonzero(known)[within]
    found[rows] = volume.labels[tuple(voxels[within].astype(int).T)]
    return found


def _near_electrodes(volume: VolumeLabels, places: Array) -> Placed:
    """The label of the nearest labelled voxel's centre, up to `FURTHEST_MM` away."""
    from scipy.spatial import cKDTree

    labelled = np.argwhere(volume.labels > 0)
    affine = np.asarray(volume.affine, dtype=float)
    known = np.isfinite(places).all(axis=1)
    found, distance_mm = np.zeros(len(places), dtype=int), np.full(len(places), np.nan)
    if known.any():
        tree = cKDTree(labelled @ affine[:3, :3].T + affine[:3, 3])
        apart, nearest = tree.query(places[known])
        labels = volume.labels[tuple(labelled[nearest].T)]
        inside = label_at(volume, places[known])  # of an electrode within a labelled voxel: none is nearer
        distance_mm[known] = np.where(inside > 0, 0.0, apart)
        found[known] = np.where(inside > 0, inside, np.where(apart <= FURTHEST_MM, labels, 0))
    return Placed(found, distance_mm)


def _on_meshes(labels: SurfaceLabels | GreyordinateLabels, n_vertices: tuple[int, ...], name: str) -> list[Array]:
    """Labels of the vertices of both hemispheres of the targets' meshes. Raises ValueError."""
    if isinstance(labels, GreyordinateLabels):
        labels = _as_surfaces(labels)
    own = (len(labels.left), len(labels.right))
    coarser = own[0] == own[1] and {*own, *n_vertices} <= {*MESHES} and max(n_vertices) <= own[0]
    if own != tuple(n_vertices) and not coarser:
        meshes = " and ".join(map(str, own)), " and ".join(map(str, n_vertices))
        raise ValueError(f"{name} has {meshes[0]} vertices, the results have {meshes[1]}")
    return [one[:n] for one, n in zip((labels.left, labels.right), n_vertices, strict=True)]


def _as_surfaces(labels: GreyordinateLabels) -> SurfaceLabels:
    """Of both cortices; 0 at vertices that are no greyordinate."""
    sides = dict(zip(SIDES, (np.zeros(n, dtype=int) for n in labels.n_vertices), strict=True))
    for name, label in labels.labels.items():
        structure, _, vertex = name.partition(":")
        if structure in sides:
            sides[structure][int(vertex)] = label
    return SurfaceLabels(*sides.values())


def _on_greyordinates(labels: SurfaceLabels | GreyordinateLabels, targets: Targets, name: str) -> Array:
    """By the greyordinate's name. Raises ValueError."""
    if isinstance(labels, GreyordinateLabels):
        if (
            targets.affine is not None
            and labels.affine is not None
            and not np.allclose(targets.affine, labels.affine)
        ):
            raise ValueError(f"voxels of {name} lie on another grid than those of the results")
        for side, own, other in zip(("left", "right"), labels.n_vertices, targets.shape[:2], strict=False):
            if own and other and own != other:  # numbers of vertices mean nothing on another mesh
                raise ValueError(f"{name} has {own} vertices on the {side}, the results have {other}")
        return np.array([labels.labels.get(one, 0) for one in targets.names], dtype=int)
    sides = dict(zip(SIDES, _on_meshes(labels, targets.shape[:2], name), strict=True))
    parts = [one.partition(":") for one in targets.names]
    return np.array([sides[part][int(at)] if part in sides else 0 for part, _, at in parts], dtype=int)
