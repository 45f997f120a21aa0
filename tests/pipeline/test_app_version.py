"""The version is said, and enters no key: results of another version are used as long as numbers are the same."""

import sys
from pathlib import Path

import pytest
from quick_study import concord, make_quick_study, quick_runs, rows, stem
from written_maps import sidecar_of

import bids_app

PACKAGE = Path(bids_app.__file__).parent
# where it is said, or compared between processes of one run; no key or hash is made here
SAYS = {
    "__init__.py",
    "cli/concord.py",
    "cli/concord_tools.py",
    "pipeline/cluster/opening.py",
    "pipeline/group_level.py",
    "pipeline/run.py",
    "pipeline/unit/provenance.py",
}


def test_it_is_known_to_those_alone_who_say_it():
    found = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if "__version__" in path.read_text()
    }
    assert found == SAYS


@pytest.fixture
def later_version(monkeypatch):
    def release():
        for name, module in list(sys.modules.items()):
            if name.partition(".")[0] == "bids_app" and hasattr(module, "__version__"):
                monkeypatch.setattr(module, "__version__", "99.0.0")

    return release


@pytest.mark.long
def test_a_later_version_uses_results_and_features_and_says_who_it_is(tmp_path, later_version, capsys):
    study = make_quick_study(tmp_path, ("01",), (1, 2, 3))
    with quick_runs():
        assert concord(study, "participant") == 0
        kept = [*(study / "out/stimuli").rglob("*.h5"), *(study / "out/sub-01").rglob("*.nii.gz")]
        before = {path: path.stat().st_mtime_ns for path in (*kept, study / "out/analysis.yaml")}
        assert kept
        later_version()
        assert concord(study, "participant") == 0
        assert rows(study)[stem("01")]["status"] == "reused"
        assert {path: path.stat().st_mtime_ns for path in kept} == {path: before[path] for path in kept}
        (study / "out/new").mkdir()
        assert concord(study, "participant", out="out/new") == 0
    fresh = next((study / "out/new/sub-01").rglob("*desc-full_statmap.nii.gz"))
    assert sidecar_of(fresh)["SoftwareVersions"]["concord"] == "99.0.0"
    assert (study / "out/new/analysis.yaml").read_bytes() == (study / "out/analysis.yaml").read_bytes()
