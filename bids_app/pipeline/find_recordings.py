"""The first stage: which recordings there are."""

from __future__ import annotations

from bids_app import dataset
from bids_app.errors import NoInput
from bids_app.pipeline.job.job import Notify
from bids_app.records import Found
from bids_app.settings.run_options import RunOptions


def find_recordings(options: RunOptions, notify: Notify) -> Found:
    """Recordings; without derivatives `group` alone still goes on from what out_dir holds. Raises NoInput."""
    try:
        recordings = dataset.find_recordings(options.query)
    except NoInput:
        if options.levels != ("group",) or not options.bids_dir.is_dir():
            raise
        notify("no derivatives: the group level uses the results in OUT_DIR alone")
        return Found((), (), (), {"raw": options.bids_dir})
    for warning in recordings.warnings:
        notify(f"warning: {warning}")
    return recordings
