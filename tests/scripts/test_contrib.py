"""Configurations for others' pipelines say what the project says, and ask for what the command line has.

That BABS and Nipoppy take them: test_hosts.py.
"""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bidsschematools.schema import load_schema

from bids_app import __version__
from bids_app.cli.concord import parse_arguments

CONTRIB = Path(__file__).parents[2] / "contrib"
BABS = yaml.safe_load((CONTRIB / "babs/concord.yaml").read_text())
NIPOPPY = CONTRIB / "nipoppy"
PIPELINE = json.loads((NIPOPPY / "config.json").read_text())
# of entries in data/tools/apps.yml of the BIDS website, from the template at its head
FIELDS = {"gh", "dh", "description", "status", "ds_type", "datatype", "ci", "branch", "workflow"}
CI = {"gh", "travis", "circleci", "none"}


def test_versions_are_the_projects():
    assert PIPELINE["VERSION"] == __version__
    assert BABS["zip_foldernames"] == {"concord": __version__.replace(".", "-")}
    assert (
        f"--container_name bids-concord-{__version__.replace('.', '-')} "
        in (CONTRIB / "babs/concord.yaml").read_text()
    )


def test_nipoppys_descriptor_is_the_one_there_is():
    made = "scripts/boutiques | tee contrib/boutiques.json > contrib/nipoppy/descriptor.json"
    assert (NIPOPPY / "descriptor.json").read_bytes() == (CONTRIB / "boutiques.json").read_bytes(), made


@pytest.mark.parametrize("step", PIPELINE["STEPS"], ids=lambda step: step["NAME"])
def test_nipoppys_invocations_are_of_the_descriptor(step):
    bosh = Path(sys.executable).with_name("bosh")
    command = [bosh, "invocation", "-i", NIPOPPY / step["INVOCATION_FILE"], NIPOPPY / step["DESCRIPTOR_FILE"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    asked = json.loads((NIPOPPY / step["INVOCATION_FILE"]).read_text())
    assert asked["levels"] == [step["NAME"]]
    assert ("participant_label" in asked) == (step["ANALYSIS_LEVEL"] == "participant")


def test_babs_options_are_options(tmp_path, monkeypatch):
    (tmp_path / "bids").mkdir()
    monkeypatch.chdir(tmp_path)
    options = {**BABS["bids_app_args"]}
    assert options.pop("$SUBJECT_SELECTION_FLAG") == "--participant-label"
    words = [word for flag, value in options.items() for word in (flag, *shlex.split(value))]
    parsed = parse_arguments(["bids", "outputs/concord", "participant", *words, "--participant-label", "sub-01"])
    assert parsed.query.participants == ("01",)
    assert list(parsed.query.derivatives) == ["fmriprep"]
    assert parsed.models.offline
    assert str(parsed.threads) == BABS["cluster_resources"]["number_of_cpus"]


def test_the_entry_for_the_registry_has_its_fields():
    (entry,) = yaml.safe_load((CONTRIB / "bids-apps.yml").read_text())
    assert {"gh", "dh", "description", "status", "ds_type", "datatype"} <= set(entry) <= FIELDS
    assert entry["status"] == "active"
    assert entry["ci"] in CI
    assert set(entry["ds_type"]) <= {"raw", "derivative"}
    assert set(entry["datatype"]) <= set(load_schema().objects.datatypes)
    for name in ("gh", "dh"):
        owner, _, repository = entry[name].partition("/")
        assert owner
        assert repository == "bids-concord"
