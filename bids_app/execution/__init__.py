"""Units of work, their status, what is done already, and the log."""

from bids_app.boundary import reason_of
from bids_app.execution.log import RunLog, open_log
from bids_app.execution.plan import Unit, plan_units
from bids_app.execution.resume import is_done, unit_key
from bids_app.execution.status import StatusBook, StatusRow, peak_mb

__all__ = [
    "RunLog",
    "StatusBook",
    "StatusRow",
    "Unit",
    "is_done",
    "open_log",
    "peak_mb",
    "plan_units",
    "reason_of",
    "unit_key",
]
