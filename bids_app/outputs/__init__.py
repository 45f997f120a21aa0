"""Records → out_dir: derivatives, figures, reports. Two runs of one analysis write the same bytes."""

from bids_app.outputs.derivatives.data_set import (
    DataSetFacts,
    folders_of_results,
    holds_results,
    prepare,
    require_own,
    write_plan,
)
from bids_app.outputs.derivatives.group.write import write_group
from bids_app.outputs.derivatives.read_unit import read_unit, read_units
from bids_app.outputs.derivatives.unit import write_mean_response, write_unit
from bids_app.outputs.files.names import participants_of, summary_path
from bids_app.outputs.report.group.page import write_group_report
from bids_app.outputs.report.participant import write_participant_report

__all__ = [
    "DataSetFacts",
    "folders_of_results",
    "holds_results",
    "participants_of",
    "prepare",
    "read_unit",
    "read_units",
    "require_own",
    "summary_path",
    "write_group",
    "write_group_report",
    "write_mean_response",
    "write_participant_report",
    "write_plan",
    "write_unit",
]
