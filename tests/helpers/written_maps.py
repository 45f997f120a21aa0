"""Maps of an OUT_DIR as anybody would open them: by names, JSON that BIDS has them inherit, and nibabel."""

import json

import nibabel
import numpy as np


def sidecar_of(path):
    """What all JSON files say that apply to a map, the nearest last; of several in a folder, as of parcels and of the
    greyordinates that they are made of, the one with most of its name."""
    parts, found = set(path.name.split(".")[0].split("_")), []
    out_dir = next(folder for folder in path.parents if (folder / "logs").is_dir())
    for folder in (path.parent, *path.parent.parents):
        here = [one for one in folder.glob("*_statmap.json") if set(one.name.split(".")[0].split("_")) <= parts]
        lengths = [len(one.name.split("_")) for one in here]
        assert len(set(lengths)) == len(lengths), here
        found += sorted(here, key=lambda one: len(one.name.split("_")))[-1:]
        if folder == out_dir:
            break
    return {key: value for one in reversed(found) for key, value in json.loads(one.read_text("utf-8")).items()}


def file_of(folder, component, stat, ending=".nii.gz", hemi=""):
    """The file that a number lies in, and the number of its map there (None: it is the only one)."""
    side = f"*_hemi-{hemi}" if hemi else ""
    single = list(folder.glob(f"{side}*_stat-{stat}_desc-{component}_statmap{ending}"))
    if single:
        (path,) = single
        assert component in [one["Name"] for one in sidecar_of(path)["SingleMaps"]]
        return path, None
    (path,) = folder.glob(f"{side}*_stat-{stat}_statmap{ending}")
    return path, [one["Name"] for one in sidecar_of(path)["Components"]].index(component)


def map_of(folder, component, stat, hemi=""):
    """Values of a NIfTI's map, or of a hemisphere's."""
    if not hemi:
        path, number = file_of(folder, component, stat)
        values = np.asarray(nibabel.load(path).dataobj)
        return values if number is None else values[..., number]
    path, number = file_of(folder, component, stat, ".func.gii", hemi)
    array = nibabel.load(path).darrays[number or 0]
    assert array.meta["Name"] == component
    return np.asarray(array.data)


def definition_of(folder, component, stat, ending=".nii.gz", hemi=""):
    """What a map is, in words."""
    path, _ = file_of(folder, component, stat, ending, hemi)
    said = sidecar_of(path)
    (words,) = [
        one["Definition"]
        for key in ("SingleMaps", "Components")
        for one in said.get(key, ())
        if one["Name"] == component
    ]
    return words
