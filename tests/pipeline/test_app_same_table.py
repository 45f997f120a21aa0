"""Recordings of electrodes that differ in `space-` alone: their tables would have one name."""

import shutil

import pytest
from tiny_ieeg import make_study

from bids_app.cli.concord import main


@pytest.mark.parametrize("more", [["--dry-run"], []])
def test_two_spaces_of_one_recording_are_refused_and_one_can_be_chosen(more, tmp_path, capsys):
    bids, analysis = make_study(tmp_path)
    folder = bids / "derivatives/hga/sub-01/ieeg"
    for path in list(folder.glob("*_ieeg.fif")):
        for space in ("ACPC", "MNI152Lin"):
            shutil.copy(path, path.with_name(path.name.replace("_desc-", f"_space-{space}_desc-")))
        path.unlink()
    given = [str(bids), str(tmp_path / "out"), "participant", "--analysis", str(analysis), *more]
    assert main(given) == 64
    said = capsys.readouterr().err
    assert "would both be written as sub-01_task-story_desc-partition_channels.tsv" in said
    assert "--bids-filter-file" in said
    assert not list((tmp_path / "out").rglob("*.tsv"))
    (tmp_path / "filter.json").write_text('{"ieeg": {"space": "ACPC"}}')
    assert main([*given, "--dry-run", "--bids-filter-file", str(tmp_path / "filter.json")]) == 0
