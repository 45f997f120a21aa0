"""Records → out_dir: derivatives, figures, reports. Two runs of one analysis write the same bytes."""

from bids_app.outputs.group_files import write_group
from bids_app.outputs.group_report import write_group_report
from bids_app.outputs.names import people_of, summary_path
from bids_app.outputs.prepare import prepare, write_plan
from bids_app.outputs.report import write_participant_report
from bids_app.outputs.unit import read_unit, read_units, write_mean_response, write_unit

__all__ = [
    "people_of",
    "prepare",
    "read_unit",
    "read_units",
    "summary_path",
    "write_group",
    "write_group_report",
    "write_mean_response",
    "write_participant_report",
    "write_plan",
    "write_unit",
]
