"""The first stage: which recordings there are."""

from __future__ import annotations

from bids_app import dataset
from bids_app.errors import NoInput
from bids_app.pipeline.job.job import Notify
from bids_app.records import FoundRecordings
from bids_app.settings.run_options import RunOptions


def find_recordings(options: RunOptions, notify: Notify) -> FoundRecordings:
    """Recordings that the options ask for.

    Parameters
    ----------
    options : the command line, resolved.
    notify : takes one line at a time.

    Returns
    -------
    Usable recordings and those that are not. Without derivatives there are none, and `group` alone still goes on from
    what OUT_DIR holds, unless the command line names some.

    Raises
    ------
    NoInput, NotBids, NothingMatched : where there is nothing to go on from.
    """
    try:
        recordings = dataset.find_recordings(options.query)
    except NoInput:
        if options.levels != ("group",) or not options.bids_dir.is_dir() or options.query.derivatives:
            raise
        notify("no derivatives: the group level uses the results in OUT_DIR alone")
        return FoundRecordings((), (), (), {"raw": options.bids_dir})
    for warning in recordings.warnings:
        notify(f"warning: {warning}")
    return recordings
