"""Which functions are parsers: each is in the table of `fuzz_parsers`, is called by one there, or says why not."""

import ast
from pathlib import Path

import bids_app

PACKAGE = Path(bids_app.__file__).parent
WITHIN = {  # what takes a path or a text, and is called on spoiled files by a parser of the table
    "dataset:whole recordings": (
        "dataset/confounds/censoring.py:framewise_displacement",
        "dataset/confounds/columns.py:chosen_columns",
        "dataset/confounds/columns.py:group_columns",
        "dataset/discovery/own_tables.py:own_tables",
        "dataset/discovery/roots.py:raw_name",
        "dataset/files/layout.py:sidecar",
        "dataset/files/names.py:parse_name",
        "dataset/responses/cifti.py:cifti_values",
        "dataset/responses/hdf5.py:array_values",
        "dataset/responses/parcels.py:parcel_values",
        "dataset/responses/readers.py:reader_of",
        "dataset/responses/volumes.py:volume_values",
        "dataset/signals/names.py:require_distinct",
        "dataset/signals/recording.py:counts_samples",
        "dataset/stimuli/events.py:file_rows",
        "dataset/stimuli/events.py:stimulus_id",
        "dataset/stimuli/load.py:load_stimulus",
        "dataset/stimuli/load.py:stimulus_label",
        "inputs/homes.py:require_inside",
        "inputs/homes.py:is_inside",
        "inputs/laid_out.py:laid_out",
        "inputs/laid_out.py:is_too_wide",
        "inputs/opening.py:reading",
        "inputs/opening.py:failing",
        "inputs/opening.py:open_unpacked",
        "inputs/opening.py:naming",
        "inputs/claims.py:require_claim",
    ),
    "dataset/atlases/read.py:read_atlas": (
        "dataset/atlases/names.py:named_regions",
        "dataset/atlases/names.py:table_of",
        "dataset/atlases/read.py:atlas_name",
        "dataset/atlases/read.py:hemispheres",
        "dataset/atlases/read.py:space_of",
    ),
    "inputs/hdf5.py:open_hdf5": ("inputs/hdf5.py:own_array", "inputs/hdf5.py:require_held"),
    "a data set whose OUT_DIR is spoiled": (
        "outputs/files/file_set.py:remove_set",
        "outputs/files/file_set.py:remove_unit",
        "outputs/files/file_set.py:remove_saved",
        "outputs/files/file_set.py:recover",
        "outputs/files/file_set.py:recover_all",
        "outputs/files/file_set.py:files_named",
        "outputs/files/names.py:summary_paths",
        "outputs/files/names.py:stems_of",
        "outputs/files/names.py:participants_of",
        "outputs/files/files.py:reading_back",
        "outputs/files/serialise.py:read_summary",
        "outputs/files/proof.py:prove_unit",
        "outputs/files/proof.py:require_files",
        "outputs/files/proof.py:read_unit_summary",
        "outputs/files/proof.py:require_group",
        "outputs/derivatives/saved/read.py:read_saved_blocks",
        "outputs/derivatives/saved/read.py:require_saved",
        "outputs/files/file_set.py:remove_regions",
        "outputs/files/proof.py:saved_of",
        "outputs/files/proof.py:whole_saved",
        "outputs/files/proof.py:whole_regions",
        "outputs/files/written_maps.py:maps_of_unit",
        "outputs/files/written_maps.py:maps_of_group",
    ),
    "a data set with a recipe": (
        "dataset/stimuli/sourced.py:data_set_path",
        "dataset/stimuli/sourced.py:source_path",
        "dataset/stimuli/sourced.py:source_annotation",
    ),
    "not fuzzed: folders as an analysis's `responses` names them": (
        "dataset/discovery/placed.py:placed_entries",
        "dataset/discovery/placed.py:placed_participants",
    ),
    "not fuzzed: MEF3, whose reader in C ends the process on damaged files": ("dataset/signals/mef.py:open_mef",),
    "writes": (
        "outputs/derivatives/saved/models.py:write_alphas",
        "outputs/derivatives/saved/models.py:write_blocks",
        "outputs/derivatives/saved/models.py:write_weights",
        "outputs/derivatives/saved/write.py:write_saved",
        "outputs/files/file_set.py:write_set",
        "outputs/files/files.py:write_bytes",
        "outputs/files/files.py:write_text",
        "outputs/files/files.py:text_bytes",
        "outputs/files/files.py:write_if_new",
        "outputs/files/names.py:lock_path",
        "outputs/files/names.py:summary_path",
        "features/store.py:write_features",
        "features/store.py:write_h5",
    ),
}
ROOMS = (
    "dataset",
    "inputs",
    "settings",
    "outputs/files",
    "outputs/derivatives/saved",
    "features/precomputed.py",
    "features/store.py",
    "features/lexical/vectors.py",
)


def public_parsers():
    """Every public function of the rooms that read, one of whose parameters is a path, or a text as such."""
    for room in ROOMS:
        place = PACKAGE / room
        for path in [place] if place.suffix else sorted(place.rglob("*.py")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if (
                    isinstance(node, ast.FunctionDef)
                    and not node.name.startswith("_")
                    and any(map(_is_content, node.args.args))
                ):
                    yield f"{path.relative_to(PACKAGE)}:{node.name}"


def _is_content(argument):
    kind = ast.unparse(argument.annotation) if argument.annotation else ""
    return kind in ("Path", "Path | None") or (argument.arg == "text" and kind == "str")
