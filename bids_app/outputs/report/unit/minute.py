"""What a report shows of one minute: whether what was heard and what was recorded lie on one clock."""

from __future__ import annotations

from pathlib import Path

from bids_app.outputs.derivatives.minute import read_minute
from bids_app.outputs.figures.minute import minute_chart
from bids_app.outputs.report.drawing import Drawing
from bids_app.outputs.wording.phrases import noun_of, number
from bids_app.records import Minute, WrittenUnit


def minute_drawing(out_dir: Path, unit: WrittenUnit) -> Drawing | None:
    """The picture; None where the unit has no minute.

    Parameters
    ----------
    out_dir : where results lie.
    unit : as read back.
    """
    minute = read_minute(out_dir, unit.summary)
    if minute is None:
        return None
    unit_of_response = "SD" if unit.summary.provenance.response.spec.standardize == "run" else ""
    return Drawing("minute", minute_chart(minute, unit_of_response), _alt(minute), _caption(minute, unit))


def _alt(minute: Minute) -> str:
    rows = [course.name for course in minute.courses if course.kind == "feature"]
    return f"Stimulus, words, envelope, {', '.join(rows)} and the response of {minute.target} over one minute"


def _caption(minute: Minute, unit: WrittenUnit) -> str:
    scale = "" if unit.summary.provenance.response.spec.standardize != "run" else ", in standard deviations (SD)"
    own = "its mean in each word's window" if minute.courses[-1].is_events else "as it was fitted"
    kind, delays_s = noun_of(unit.targets.kind), unit.summary.profile.delays_s
    later = (
        f" The model looks for it {delays_s[0]:g} to {delays_s[-1]:g} s after a feature." if len(delays_s) > 1 else ""
    )
    return (
        f"Alignment of {minute.recording}: what was heard and what was recorded from {number(minute.from_s, 1)} to "
        f"{number(minute.to_s, 1)} s of it. Of each feature space the first dimension, at the instant at which it is "
        f"available. The response is of {kind} {minute.target}, which the full model predicts best: {own}{scale}."
        f"{later} Each row is drawn in its own range, which stands at the right; of the words those for which there "
        "is room."
    )
