"""What an fMRI recording's account holds of its mask and confounds: the mask's grid, columns asked for, censoring."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bids_app.dataset.confounds.censoring import censored, framewise_displacement
from bids_app.dataset.confounds.columns import NEEDED, STRATEGIES, groups_of, matching, no_such_column
from bids_app.dataset.confounds.tables import MAIN, column_names, read_confounds, tables_of
from bids_app.dataset.responses.dropped import placement_of
from bids_app.dataset.responses.volumes import mask_offset
from bids_app.errors import DataError
from bids_app.records import (
    MOST_OFFSET,
    UNTOLD_OFFSET,
    Alignment,
    AlignmentLine,
    DroppedSamples,
    Recording,
    ResponseSpec,
)

MUCH_MM = 0.5  # of framewise displacement (Power et al. 2012)
NO_HEAD_MM = 1000.0  # such numbers are not of a head


def with_companions(alignment: Alignment, recording: Recording, spec: ResponseSpec) -> Alignment:
    """An account with what its mask and tables of confounds say; no response is read.

    Parameters
    ----------
    alignment : of the recording's clock and playings; where it refuses already, it stays as it is.
    recording : fMRI.
    spec : confounds and the limit of framewise displacement that the analysis asks for.
    """
    if alignment.of("refusal"):
        return alignment
    try:
        texts = [*_about_mask(recording), *_columns_are_there(recording, spec)]
        lines = [AlignmentLine("warning", "files", text) for text in texts]
        dropped, about = _censoring(alignment, recording, spec)
    except DataError as error:
        return replace(alignment, lines=(*alignment.lines, AlignmentLine("refusal", "files", str(error))))
    return replace(alignment, dropped=dropped, lines=(*alignment.lines, *lines, *about, *_motion(recording)))


def _about_mask(recording: Recording) -> Iterator[str]:
    """By headers. Raises DataError where the mask lies on another grid than its image."""
    offset = mask_offset(recording)
    if offset is None or offset <= UNTOLD_OFFSET:
        return
    if offset > MOST_OFFSET:
        raise DataError("the mask does not lie on the grid of its image", recording.companions["mask"], "resample it")
    yield f"the mask's affine is {offset:.2g} voxels off the image's: taken for rounding"


def _motion(recording: Recording) -> Iterator[AlignmentLine]:
    """How much the head moved, where a table that can be read says it."""
    path = recording.companions.get(MAIN)
    if path is None:
        return
    try:
        with np.errstate(invalid="ignore", over="ignore"):  # a table may hold anything
            moved_mm = framewise_displacement(read_confounds(path), path)[1:]  # of the first sample nothing is known
    except DataError:
        return
    if len(moved_mm) and moved_mm.max() < NO_HEAD_MM:
        yield AlignmentLine(
            "fine",
            "head motion",
            f"framewise displacement {moved_mm.mean():.2f} mm on average, {moved_mm.max():.2f} mm at most; "
            f"{int((moved_mm > MUCH_MM).sum())} of {len(moved_mm)} above {MUCH_MM:g} mm",
        )


def _columns_are_there(recording: Recording, spec: ResponseSpec) -> Iterator[str]:
    """By the tables' first lines. Raises DataError where a column is not there."""
    items, main = groups_of(spec.confounds), recording.companions.get(MAIN)
    if not items:
        return
    names = {path: column_names(path) for path in tables_of(recording.companions).values()}
    groups = [item for item in items if item in STRATEGIES]
    if groups and main is None:
        yield f"no confounds file: '{'+'.join(groups)}' is not regressed out"
    for group in groups if main is not None else ():
        there = names.get(main, []) if main is not None else []
        found = [any(matching(name.replace("_00", "_*"), there)) for name in NEEDED[group]]
        if not all(found):
            missing = [name for name, is_there in zip(NEEDED[group], found, strict=True) if not is_there]
            raise DataError(f"confounds '{group}' need columns {', '.join(missing)}", main, "choose other confounds")
    every = [name for there in names.values() for name in there]
    for item in items:
        if item not in STRATEGIES and not matching(item, every):
            raise no_such_column(item, every, next(iter(names), recording.label))


def _censoring(
    alignment: Alignment, recording: Recording, spec: ResponseSpec
) -> tuple[DroppedSamples | None, list[AlignmentLine]]:
    """Raises DataError where too little would be left."""
    n_rows = next((one.n_samples for one in alignment.extents if one.source == "derivative"), None)
    if spec.censor_fd_mm is None or n_rows is None:
        return alignment.dropped, []
    placed = placement_of(recording, n_rows)
    moved = censored(recording.companions, placed.rows, placed.n_scan, spec)
    dropped = alignment.dropped or DroppedSamples(placed.n_scan, 0, 0, "")
    before, after = spec.censor_neighbours
    beside = f" (with {before} before and {after} after each)" if before or after else ""
    count = f"{int(moved.sum())} of {placed.n_scan} samples{beside}"
    text = f"{count} are censored: framewise displacement above {spec.censor_fd_mm:g} mm"
    n_censored = int((moved | placed.censored).sum())
    return replace(dropped, n_censored=n_censored), [AlignmentLine("fine", "dropped samples", text)]
