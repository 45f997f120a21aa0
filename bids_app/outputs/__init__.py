"""Records → out_dir: derivatives, figures, reports. Two runs of one analysis write the same bytes."""

from bids_app.outputs.compare.write import write_comparison
from bids_app.outputs.derivatives.data_set import (
    DataSetFacts,
    data_set_of,
    folders_of_results,
    holds_results,
    prepare,
    require_own,
    write_plan,
)
from bids_app.outputs.derivatives.group.write import Membership, write_group
from bids_app.outputs.derivatives.read_unit import open_unit, read_unit
from bids_app.outputs.derivatives.regions import read_lags, read_layers, read_regions, write_regions
from bids_app.outputs.derivatives.saved.read import read_saved_blocks
from bids_app.outputs.derivatives.unit import write_mean_response, write_unit
from bids_app.outputs.files.file_set import recover_all, remove_regions, remove_unit
from bids_app.outputs.files.names import lock_path, participants_of, stems_of, summary_path
from bids_app.outputs.files.proof import Proof, prove_unit, read_unit_summary, whole_saved
from bids_app.outputs.report.group.page import write_group_report, write_nobody_report
from bids_app.outputs.report.participant import stand_ins, write_participant_report
from bids_app.outputs.wording.answer.doubts import doubts

__all__ = [
    "DataSetFacts",
    "Membership",
    "Proof",
    "data_set_of",
    "doubts",
    "folders_of_results",
    "holds_results",
    "lock_path",
    "open_unit",
    "participants_of",
    "prepare",
    "prove_unit",
    "read_lags",
    "read_layers",
    "read_regions",
    "read_saved_blocks",
    "read_unit",
    "read_unit_summary",
    "recover_all",
    "remove_regions",
    "remove_unit",
    "require_own",
    "stand_ins",
    "stems_of",
    "summary_path",
    "whole_saved",
    "write_comparison",
    "write_group",
    "write_group_report",
    "write_mean_response",
    "write_nobody_report",
    "write_participant_report",
    "write_plan",
    "write_regions",
    "write_unit",
]
