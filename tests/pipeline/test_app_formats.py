"""CIFTI and HDF5 through the whole line: what was planted is found where it was, in participants and over them."""

import h5py
import nibabel as nib
import numpy as np
import pytest
import tiny_study
from cifti_files import dense_axis, parcel_axis, write_series
from nibabel import cifti2

from bids_app.cli.concord import main

DENSE = dense_axis(20, 16)


def as_series(path, values):
    write_series(path.with_name(path.name.replace("_desc-preproc_bold.nii.gz", "_bold.dtseries.nii")), DENSE, values)


def as_array(path, values):
    with h5py.File(path.with_name(path.name.replace("_desc-preproc_bold.nii.gz", "_bold.h5")), "w") as file:
        file["data"] = values.astype(np.float64)


def as_parcels(path, values):
    name = path.name.replace("_desc-preproc_bold.nii.gz", "_seg-Three_stat-mean_timeseries.ptseries.nii")
    means = np.column_stack([values[:, :12].mean(axis=1), values[:, 12:24].mean(axis=1), values[:, 24:].mean(axis=1)])
    write_series(path.with_name(name), parcel_axis(), means)


def rsquared(bids, out, kind):
    """Of one person and of the group: (n_columns,) of the full model."""
    if kind is as_array:
        files = "sub-01/func/*_desc-partition_encoding.h5", "group/*_desc-partition_encoding.h5"
        found = []
        for pattern, name in zip(files, ("full_rsquared", "full_rsquared_mean"), strict=True):
            with h5py.File(next(out.glob(pattern))) as file:
                found.append(file[name][:])
        return found
    places = ("tpl-*", "*.dscalar.nii") if kind is as_series else ("group", "*.pscalar.nii")
    own = next(out.glob(f"sub-01/func/*_stat-rsquared_desc-full_statmap{places[1][1:]}"))
    joined = next(out.glob(f"{places[0]}/*_stat-rsquared_desc-full_statmap{places[1][1:]}"))
    images = [nib.load(path) for path in (own, joined)]
    axis = DENSE if kind is as_series else parcel_axis()
    assert all(isinstance(image, cifti2.Cifti2Image) and image.header.get_axis(1) == axis for image in images)
    return [np.asarray(image.dataobj)[0] for image in images]


@pytest.mark.long
@pytest.mark.parametrize(("kind", "n_planted"), [(as_series, 24), (as_array, 24), (as_parcels, 2)])
def test_planted_columns_are_found(tmp_path, kind, n_planted):
    bids, analysis = tiny_study.make_study(tmp_path, runs=(1, 2, 3))
    for path in sorted(bids.rglob("*_desc-preproc_bold.nii.gz")):
        kind(path, np.asarray(nib.load(path).dataobj).reshape(40, -1).T)
        path.unlink()
    for path in bids.rglob("*_desc-preproc_bold.json"):
        suffix = "_seg-Three_stat-mean_timeseries" if kind is as_parcels else "_bold"
        path.rename(path.with_name(path.name.replace("_desc-preproc_bold", suffix)))
    for path in bids.rglob("*_mask.nii.gz"):
        path.unlink()
    text = analysis.read_text() + "inference: {permutations: 31, block_s: {fmri: 40}}\n"
    analysis.write_text(text)
    out = tmp_path / "out"
    assert main([str(bids), str(out), "participant", "group", "--analysis", str(analysis)]) == 0
    for values in rsquared(bids, out, kind):
        assert values[:n_planted].min() > max(0.02, values[n_planted:].max())
    assert list((out / "group").glob("*_desc-meanResponse_encoding.*"))
    assert (out / "sub-01.html").is_file()
    assert (out / "group.html").is_file()
