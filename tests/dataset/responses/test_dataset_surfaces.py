"""Which dimension of a GIFTI file is time: by the number that fits."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from bids_trees import write_tsv

from bids_app.dataset import load_targets
from bids_app.dataset.responses.load import count_samples
from bids_app.dataset.responses.surfaces import surface_values
from bids_app.errors import DataError
from bids_app.records import Recording

LEFT, RIGHT, TIMES = 9, 8, 5


def recording(
    folder: Path, shapes: list[tuple[int, int]], stored: str, space: str, n_confounds: int = 0
) -> Recording:
    """Values of (n_times, n_vertices) are 100 × time + vertex; `stored`: 'list', 'tv' or 'vt'."""
    paths = []
    for side, (n_times, n_vertices) in zip("LR", shapes, strict=True):
        values = (100.0 * np.arange(n_times)[:, None] + np.arange(n_vertices)).astype(np.float32)
        arrays = {"list": list(values), "list of vertices": list(values.T), "tv": [values], "vt": [values.T]}[stored]
        made = [nibabel.gifti.GiftiDataArray(array) for array in arrays]
        paths.append(folder / f"hemi-{side}.func.gii")
        nibabel.save(nibabel.gifti.GiftiImage(darrays=made), paths[-1])
    beside = {"confounds": write_tsv(folder / "c.tsv", {"x": range(n_confounds)})} if n_confounds else {}
    return Recording("01", "fmri", "surface", space, {}, tuple(paths), 0.5, 0.0, (), companions=beside)


@pytest.mark.parametrize("stored", ["list", "tv", "vt"])
@pytest.mark.parametrize(
    ("shapes", "space", "n_confounds"),
    [
        ([(TIMES, 642), (TIMES, 642)], "fsaverage3", 0),  # the mesh's number
        ([(TIMES, 642), (TIMES, 642)], "mine", 0),  # that of any mesh
        ([(TIMES, LEFT), (TIMES, RIGHT)], "fsnative", 0),  # hemispheres differ in vertices, not in samples
        ([(TIMES, LEFT), (TIMES, LEFT)], "fsnative", TIMES),  # rows of the confounds
        ([(700, 642), (700, 642)], "fsaverage3", 700),
    ],
)
def test_time_is_the_dimension_that_fits(
    tmp_path: Path, stored: str, shapes: list[tuple[int, int]], space: str, n_confounds: int
) -> None:
    made = recording(tmp_path, shapes, stored, space, n_confounds)
    targets = load_targets(made)
    assert targets.shape == (shapes[0][1], shapes[1][1])
    assert count_samples(made) == shapes[0][0]
    values = surface_values(made, targets)
    assert values[3, 2] == 302.0
    assert values[4, shapes[0][1] + 1] == 401.0


def test_a_list_of_vertices_is_turned_where_the_mesh_says_so(tmp_path: Path) -> None:
    made = recording(tmp_path, [(TIMES, 642), (TIMES, 642)], "list of vertices", "fsaverage3")
    assert count_samples(made) == TIMES
    assert surface_values(made, load_targets(made))[3, 2] == 302.0


@pytest.mark.parametrize(
    ("shapes", "space", "n_confounds"),
    [
        ([(TIMES, LEFT), (TIMES, LEFT)], "fsnative", 0),  # nothing fits
        ([(642, 642), (642, 642)], "fsaverage3", 642),  # both do
        ([(642, 700), (642, 700)], "fsaverage3", 642),  # the mesh says one thing, the confounds another
    ],
)
def test_what_is_ambiguous_is_refused(
    tmp_path: Path, shapes: list[tuple[int, int]], space: str, n_confounds: int
) -> None:
    made = recording(tmp_path, shapes, "tv", space, n_confounds)
    for look in (load_targets, count_samples):
        with pytest.raises(DataError, match="nothing says which dimension is time"):
            look(made)
