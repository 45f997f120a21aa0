"""What is installed is what git has: `make dist-test` looks into the wheel itself."""

import re
import subprocess
import sys
import tomllib
from email import message_from_bytes
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION = PROJECT["project"]["version"]
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


@pytest.fixture(scope="module")
def metadata(tmp_path_factory):
    """What PyPI would be told, after the release recipe's own commands."""
    folder = tmp_path_factory.mktemp("release")
    for name in ("README.md", "LICENSE", "pyproject.toml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace("OWNER", "someone"), encoding="utf-8")
    recipe = re.findall(r"^ +(sed .*)$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(recipe) == 2
    for command in recipe:
        filled = command.replace("OWNER", "someone").replace("<version>", VERSION)
        subprocess.run(["sh", "-c", filled], cwd=folder, check=True)
    build = "from setuptools import build_meta; print(build_meta.prepare_metadata_for_build_wheel('.'))"
    done = subprocess.run([sys.executable, "-c", build], cwd=folder, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return message_from_bytes(next(folder.glob("*.dist-info/METADATA")).read_bytes())


def test_links_and_pictures_on_pypi_are_those_of_the_release(metadata):
    page = metadata.get_payload()
    release = f"someone/bids-concord/v{VERSION}"
    places = re.findall(r"(!?)\[[^]]*\]\(([^)]+)\)", page)
    assert [place for _, place in places if not place.startswith("https://")] == []
    pictures = [place for mark, place in places if mark]
    ours = [place for mark, place in places if not mark and "someone/" in place]
    assert pictures
    assert all(place.startswith(f"https://raw.githubusercontent.com/{release}/") for place in pictures)
    files = [place.partition("#")[0].partition(f"v{VERSION}/")[2] for place in (*pictures, *ours)]
    assert [file for file in files if not (ROOT / file).is_file()] == []
    assert len(files) > 20
    assert not re.search(r"(?:src|href)=", page)  # what is written as HTML, the recipe leaves


def test_addresses_on_pypi_name_the_owner(metadata):
    addresses = metadata.get_all("Project-URL")
    assert len(addresses) == 4
    assert all("https://github.com/someone/bids-concord" in address for address in addresses)
