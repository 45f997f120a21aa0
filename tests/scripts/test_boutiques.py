"""The Boutiques descriptor says what the parser says, and a command made by it is one that the parser takes."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from bids_app.cli.concord import build_parser, parse_arguments

ROOT = Path(__file__).parents[2]
DESCRIPTOR = ROOT / "contrib/boutiques.json"
BOSH = Path(sys.executable).with_name("bosh")


def simulated(folder, values):
    """The command line that Boutiques makes of values."""
    invocation = folder / "invocation.json"
    invocation.write_text(json.dumps(values))
    command = [BOSH, "exec", "simulate", "-i", invocation, DESCRIPTOR]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("concord ")]
    return shlex.split(line)[1:]


def test_it_is_the_parser_of_today():
    made = subprocess.run([sys.executable, ROOT / "scripts/boutiques"], capture_output=True, text=True, check=True)
    assert made.stdout == DESCRIPTOR.read_text(), "scripts/boutiques > contrib/boutiques.json"


def test_it_is_valid():
    done = subprocess.run([BOSH, "validate", DESCRIPTOR], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_option_is_in_it():
    known = {one.get("command-line-flag") for one in json.loads(DESCRIPTOR.read_text())["inputs"]}
    for action in build_parser()._actions:
        assert not action.option_strings or action.dest in ("help", "version") or action.option_strings[-1] in known


def test_a_command_that_it_makes_is_taken(tmp_path):
    (tmp_path / "bids").mkdir()
    values = {
        "bids_dir": str(tmp_path / "bids"),
        "out_dir": str(tmp_path / "out"),
        "levels": ["participant", "group"],
        "participant_label": ["01", "sub-02"],
        "space": ["fsaverage5"],
        "omp_nthreads": 3,
        "nprocs": 2,
        "save": ["weights", "alphas"],
        "offline": True,
        "modality": "fmri",
    }
    options = parse_arguments(simulated(tmp_path, values))
    assert options.levels == ("participant", "group")
    assert options.query.participants == ("01", "02")
    assert (options.threads, options.nprocs, options.save) == (3, 2, ("weights", "alphas"))
    assert options.models.offline


@pytest.mark.parametrize(
    "wrong", [{"levels": ["session"]}, {"nprocs": 0}, {"modality": "meg"}, {"nprocs": 2, "dask_scheduler": "a:1"}]
)
def test_what_the_parser_refuses_it_refuses(tmp_path, wrong):
    (tmp_path / "bids").mkdir()
    values = {"bids_dir": str(tmp_path / "bids"), "out_dir": "out", "levels": ["group"], **wrong}
    with pytest.raises(AssertionError):
        simulated(tmp_path, values)
