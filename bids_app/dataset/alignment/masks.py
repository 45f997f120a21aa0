"""Whether a brain mask lies on the grid of its image, by their headers."""

from __future__ import annotations

from bids_app.dataset.responses.volumes import mask_offset
from bids_app.records import MOST_OFFSET, UNTOLD_OFFSET, AlignmentLine, Recording


def mask_lines(recording: Recording) -> list[AlignmentLine]:
    """A warning where a mask is off by rounding, a refusal where it is off by more.

    Raises
    ------
    DataError : a header cannot be read.
    """
    offset = mask_offset(recording)
    if offset is None or offset <= UNTOLD_OFFSET:
        return []
    if offset > MOST_OFFSET:
        return [AlignmentLine("refusal", "files", "the mask does not lie on the grid of its image: resample it")]
    text = f"the mask's affine is {offset:.2g} voxels off the image's: taken for rounding"
    return [AlignmentLine("warning", "files", text)]
