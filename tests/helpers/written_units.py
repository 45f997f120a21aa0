"""Units read back from OUT_DIR by whose they are."""

from bids_app.outputs import read_unit, stems_of, summary_path


def read_units(out_dir, participants):
    """All units of some participants that are there, sorted by participant and stem."""
    stems = [stem for label in sorted(set(participants)) for stem in stems_of(out_dir, label)]
    return tuple(read_unit(summary_path(out_dir, stem)) for stem in stems)
