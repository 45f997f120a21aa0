"""What is installed is what git has: `make dist-test` looks into the wheel itself."""

import subprocess
import tomllib
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PATTERNS = PROJECT["tool"]["setuptools"]["package-data"]["bids_app"]


def tracked():
    done = subprocess.run(["git", "ls-files", "bids_app"], cwd=ROOT, capture_output=True, text=True, check=False)
    return [PurePosixPath(line).relative_to("bids_app") for line in done.stdout.splitlines()]


def test_every_file_of_data_is_packed_and_every_pattern_packs_one():
    data = [path for path in tracked() if path.suffix != ".py"]
    assert data
    assert [path for path in data if not any(path.match(pattern) for pattern in PATTERNS)] == []
    assert [pattern for pattern in PATTERNS if not any(path.match(pattern) for path in data)] == []


def test_every_folder_of_code_is_a_package():
    folders = {path.parent for path in tracked() if path.suffix == ".py"}
    assert [folder for folder in folders if not (ROOT / "bids_app" / folder / "__init__.py").exists()] == []


def test_the_pythons_that_are_named_are_those_that_are_tried():
    named = [line.split(" :: ")[-1] for line in PROJECT["project"]["classifiers"] if "Python :: 3." in line]
    script = (ROOT / "scripts/dist_test").read_text()
    assert "VERSIONS = ({})".format(", ".join(f'"{version}"' for version in named)) in script
