"""A study that several modules break, each copy in its own way; modules with their own study call it the same."""

import shutil

import pytest
from quick_study import concord, make_quick_study, plain_brains


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    """A quick study that went the whole line."""
    root = make_quick_study(tmp_path_factory.mktemp("quick"))
    with plain_brains():
        assert concord(root, "participant", "group") == 0
        yield root


@pytest.fixture
def study(pristine, tmp_path):
    """A copy of it, to break."""
    shutil.copytree(pristine, tmp_path / "study")
    return tmp_path / "study"
