"""What a report shows of design and folds: what each outer fold makes of each recording."""

from __future__ import annotations

from collections.abc import Sequence

from bids_app.outputs.figures.charts import folds_chart
from bids_app.outputs.report.drawing import Drawing
from bids_app.outputs.wording.phrases import count_of
from bids_app.records import FoldAudit, UnitSummary, WrittenUnit

MOST_FOLDS = 40  # drawn; all stand in the leakage audit


def folds_drawing(unit: WrittenUnit) -> Drawing | None:
    """Outer folds by recording; None where the unit does not say them.

    Parameters
    ----------
    unit : as read back.
    """
    summary = unit.summary
    folds, labels = summary.folds[:MOST_FOLDS], [one.label for one in summary.recordings]
    if not folds or not labels:
        return None
    rows = {
        f"fold {one.fold}: {one.n_test} test, {one.n_train} training": [_part(one, label) for label in labels]
        for one in folds
    }
    split = sum("both" in parts for parts in rows.values())
    content = folds_chart(short_names(labels), rows)
    alt = f"{count_of(len(folds), 'outer fold')} by {count_of(len(labels), 'recording')}: tested or trained on"
    return Drawing("folds", content, alt, _caption(summary, split))


def _part(fold: FoldAudit, label: str) -> str:
    """What a fold makes of a recording; a label that is followed by times is of a part of it."""
    tested, trained = (
        any(one == label or one.startswith(f"{label} [") for one in named) for named in (fold.test, fold.train)
    )
    return "both" if tested and trained else "test" if tested else "training" if trained else ""


def short_names(labels: Sequence[str]) -> list[str]:
    """Of each label what others do not have: `run-1`; its number where nothing is its own.

    Parameters
    ----------
    labels : of recordings.
    """
    pieces = [label.split("_") for label in labels]
    common = set.intersection(*map(set, pieces))
    names = ["_".join(piece for piece in own if piece not in common) for own in pieces]
    return [name or str(number) for number, name in enumerate(names, 1)]


def _caption(summary: UnitSummary, split: int) -> str:
    spec, design = summary.provenance.analysis.fit, summary.provenance.design
    how = spec.outer.replace("_", " ") if isinstance(spec.outer, str) else "parts of the time"
    n_inner = sorted({one.n_inner for one in summary.folds})
    inner = f"{n_inner[0]}" if len(n_inner) == 1 else f"{n_inner[0]} to {n_inner[-1]}"
    n_purged = sum(one.n_purged for one in summary.folds)
    delays_s = design.spec.delays_s
    delayed = (
        "one row a word"
        if design.epoch is not None
        else f"features delayed by {', '.join(f'{delay:g}' for delay in delays_s[:12])}"
        f"{', …' if len(delays_s) > 12 else ''} s"
    )
    more = f" The first {MOST_FOLDS} are drawn." if len(summary.folds) > MOST_FOLDS else ""
    halves = " A field of both colours is a recording that a fold splits in time." if split else ""
    purged = (
        f"{n_purged} samples near test samples are in neither, all folds together"
        if n_purged
        else "no sample had to be left out near test samples"
    )
    return (
        f"{count_of(len(summary.folds), 'outer fold')} ({how}), {delayed}: each fold's "
        f"samples are predicted by models of the others. Penalties are chosen in {inner} inner folds of the training "
        f"samples; {purged}.{halves}{more} Spans and what each stage was fitted on are in the leakage audit."
    )
