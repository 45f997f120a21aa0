"""What `import bids_app as concord` offers: these names, each documented, and nothing loaded before it is used."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bids_app as concord

ROOT = Path(__file__).parents[2]
NAMES = (
    "Alphas", "BandedRidgeCV", "ConcordError", "Features", "Predictions", "Results", "Unit", "Weights", "extract",
    "open", "partition",
)  # fmt: skip
CALLED = {  # what a user calls, with what it may raise
    "open": concord.open,
    "partition": concord.partition,
    "extract": concord.extract,
    **{f"BandedRidgeCV.{name}": getattr(concord.BandedRidgeCV, name) for name in ("fit", "predict", "score")},
    **{
        f"Results.{name}": getattr(concord.Results, name)
        for name in ("scores", "values", "map", "findings", "features", "predictions", "weights", "alphas")
    },
}
RAISES_NOTHING = {"Results.scores"}  # what was read when it was opened


def test_these_are_the_names():
    assert tuple(concord.__all__) == NAMES
    assert set(NAMES) <= set(dir(concord))


def test_the_page_names_them_all_and_no_other():
    page = (ROOT / "docs/python.md").read_text(encoding="utf-8")
    assert set(re.findall(r"concord\.(\w+)", page)) <= {*NAMES}
    assert all(f"`concord.{name}" in page for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_there_and_says_what_it_is(name):
    found = getattr(concord, name)
    assert found.__name__ == name
    assert len(inspect.getdoc(found).split()) > 3


def test_types_are_those_that_run():
    """What type checkers read is what `__getattr__` gives."""
    text = (ROOT / "bids_app/__init__.py").read_text(encoding="utf-8")
    checked = text.partition("if TYPE_CHECKING:")[2].partition("\n__version__")[0]
    for home, names in re.findall(r"from (bids_app\.[\w.]+) import ([\w, ]+)", checked):
        for name in names.strip().split(", "):
            assert concord._HOMES[name] == home
    assert set(re.findall(r"\b[A-Za-z]\w*\b", checked)) >= set(NAMES)


@pytest.mark.parametrize("name", CALLED)
def test_each_function_names_its_parameters_and_errors(name):
    function, text = CALLED[name], inspect.getdoc(CALLED[name])
    sections = re.split(r"\n(\w+)\n-+\n", text)
    said = dict(zip(sections[1::2], sections[2::2], strict=True))
    lines = re.findall(r"^([\w, ]+) :", said.get("Parameters", ""), re.MULTILINE)
    documented = {one for line in lines for one in line.split(", ")}
    assert documented == set(inspect.signature(function).parameters) - {"self"}
    assert ("Raises" in said) == (name not in RAISES_NOTHING)
    assert "Returns" in said or name in ("open", "BandedRidgeCV.score")


@pytest.mark.parametrize(
    "text",
    [inspect.getdoc(concord.partition), inspect.getdoc(concord.BandedRidgeCV), inspect.getdoc(concord.extract)],
)
def test_shapes_are_said(text):
    assert re.search(r"\(n_\w+, n_\w+\)", text)


@pytest.mark.parametrize("name", ["partition", "BandedRidgeCV"])
def test_docstrings_run(name):
    code = f"import doctest, bids_app; found = bids_app.{name}\n"
    code += "doctest.run_docstring_examples(found, {}, name='it', verbose=False)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        concord.nothing  # noqa: B018


@pytest.mark.parametrize("name", ["ConcordError", "Features"])
def test_light_names_stay_light(name):
    code = f"import sys, bids_app\nbids_app.{name}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "sklearn", "pandas", "scipy", "nibabel"} & {one.split(".")[0] for one in done.stdout.split()}
