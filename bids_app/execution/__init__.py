"""Units of work, their status, what is done already, and the log."""

from bids_app.boundary import reason_of
from bids_app.execution.log import RunLog, open_log
from bids_app.execution.plan import Unit, plan_units
from bids_app.execution.resume import NUMBERS, key_without_inputs, unit_key, what_changed
from bids_app.execution.stages import FEATURES, FILES, FIT, PREPARED, RESPONSES, Stages, State
from bids_app.execution.status import NOT_DONE, Book, Status, StatusBook, StatusRow, peak_mb

__all__ = [
    "FEATURES",
    "FILES",
    "FIT",
    "NOT_DONE",
    "NUMBERS",
    "PREPARED",
    "RESPONSES",
    "Book",
    "RunLog",
    "Stages",
    "State",
    "Status",
    "StatusBook",
    "StatusRow",
    "Unit",
    "key_without_inputs",
    "open_log",
    "peak_mb",
    "plan_units",
    "reason_of",
    "unit_key",
    "what_changed",
]
