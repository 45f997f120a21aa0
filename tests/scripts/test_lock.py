"""The container's lock: within pyproject's ranges, without a gap, by hashes, and of no place in particular."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TEXTS = {path.name: path.read_text() for path in (ROOT / "lock").glob("*.txt")}
PIN = re.compile(r"^([a-z0-9-]+)==([\w.]+)((?: \\\n +--hash=sha256:[0-9a-f]{64})+)$", re.MULTILINE)
EXTRAS = ("nwb", "mef")
LINUX = {
    "python_version": "3.11",
    "python_full_version": "3.11.9",
    "sys_platform": "linux",
    "platform_system": "Linux",
}


def pins(name):
    return {package: Version(version) for package, version, _ in PIN.findall(TEXTS[name])}


LOCKED = pins("base.txt") | pins("cuda.txt")


def wanted(texts, extras=("",)):
    """Requirements that hold on Linux, with one of the extras."""
    found = map(Requirement, texts)
    return [one for one in found if not one.marker or any(one.marker.evaluate({**LINUX, "extra": e}) for e in extras)]


def own():
    optional = PROJECT["project"]["optional-dependencies"]
    return wanted([*PROJECT["project"]["dependencies"], *(text for extra in EXTRAS for text in optional[extra])])


def test_it_is_of_the_extras_that_the_script_names():
    assert f"EXTRAS = {EXTRAS}".replace("'", '"') in (ROOT / "scripts/lock").read_text()


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_every_line_is_a_pin_its_hashes_or_a_comment(name):
    rest = PIN.sub("", TEXTS[name])
    assert not re.sub(r"^ *#.*$", "", rest, flags=re.MULTILINE).strip()
    assert "://" not in TEXTS[name]


@pytest.mark.parametrize("one", own(), ids=lambda one: one.name)
def test_what_the_project_needs_is_in_its_range(one):
    assert one.specifier.contains(LOCKED[canonicalize_name(one.name)], prereleases=True)


def test_what_they_need_in_turn_is_there():
    """By what is installed here in the same version; `pip check` says so of all when the image is built."""
    todo, seen, compared = own(), set(), 0
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        assert name in LOCKED, f"{name} is not in the lock: scripts/lock"
        if (name, *sorted(one.extras)) in seen:
            continue
        seen.add((name, *sorted(one.extras)))
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        if Version(found.version.partition("+")[0]) != LOCKED[name]:
            continue
        for needed in wanted(found.requires or (), ("", *one.extras)):
            version = LOCKED.get(canonicalize_name(needed.name))
            assert version is None or needed.specifier.contains(version, prereleases=True), f"{name}: {needed}"
            todo.append(needed)
            compared += 1
    assert compared


def test_torch_is_the_one_that_is_tested_and_stands_alone():
    constraints = dict(re.findall(r"^(\S+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    assert LOCKED["torch"] == Version(constraints["torch"])
    assert "torch" in pins("cuda.txt")
    assert not [name for name in pins("base.txt") if re.match("torch|triton|nvidia|cuda", name)]


def test_what_makes_wheels_is_what_the_project_asks_for():
    made = pins("build.txt")
    for one in map(Requirement, PROJECT["build-system"]["requires"]):
        assert one.specifier.contains(made.pop(one.name))
    assert not made
