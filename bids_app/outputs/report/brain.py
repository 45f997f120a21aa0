"""The interactive brain of a unit or group, in a page of its own beside the figures."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from bids_app.outputs.figures.brain_page import brain_page
from bids_app.outputs.files import names
from bids_app.outputs.files.files import write_text
from bids_app.records import Array, Targets
from bids_app.records.regions.spaces import is_standard

NEAR_ZERO = "Values within 5 % of the scale around 0 have no colour, as where there is no value."
WHERE = {
    "volume": f"Each voxel stands where it was measured. {NEAR_ZERO}",
    "electrodes": "A ball is an electrode, a white one has R² near 0. Nothing is thresholded.",
    "surface": "A dot is a vertex of fsaverage5's pial surface, which lies within some millimetres of the MNI brain. "
    f"{NEAR_ZERO}",
}


def save_brain(out_dir: Path, stem: str, targets: Targets, full: Array, page: PurePosixPath) -> str | None:
    """Write it, where targets have a place in the MNI brain.

    Parameters
    ----------
    out_dir : where results lie.
    stem : of the unit or group.
    targets : of the map.
    full : (n_targets,) R² of the full model, NaN where there is none.
    page : the report that links to it.

    Returns
    -------
    Its path relative to OUT_DIR; None where there is none.

    Raises
    ------
    CannotCreate : where it cannot be written.
    """
    if targets.kind not in WHERE or (targets.kind != "surface" and not is_standard(targets.space)):
        return None
    words = (
        "Held-out R² of the full model, on slices through the MNI brain: click to move through it. "
        f"{WHERE[targets.kind]}"
    )
    file = names.brain_file(stem)
    text = brain_page(targets, full, f"{stem}: R² of the full model", words, f"../../{page}")
    if text is None:
        return None
    write_text(out_dir / file, text)
    return str(file)
