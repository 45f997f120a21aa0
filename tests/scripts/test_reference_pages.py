"""The reference pages say what the code says today, and say it of everything."""

import importlib.util
import re
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from bids_app.cli.concord import build_parser
from bids_app.features.registry import KINDS
from bids_app.settings.analysis import Analysis

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/reference"


def the_script():
    loader = SourceFileLoader("reference_pages", str(ROOT / "scripts/reference_pages"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("reference_pages", loader))
    loader.exec_module(module)
    return module


SCRIPT = the_script()
PAGES = SCRIPT.PAGES
LOADS_ALL = "python.md"  # scikit-learn and torch among it, which takes seconds


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name == LOADS_ALL else ()) for name in PAGES]
)
def test_they_are_of_today(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert PAGES[name]() == (FOLDER / name).read_text(encoding="utf-8"), "run scripts/reference_pages"


def test_there_are_no_others():
    assert {path.name for path in FOLDER.iterdir()} == set(PAGES)


def test_every_key_says_what_it_does():
    rows = re.findall(
        r"^\| `\w+` \|.*\| (.*) \|$", PAGES["analysis-file.md"]().partition("## Kinds")[0], re.MULTILINE
    )
    assert len(rows) > 40
    assert all(rows), "a key of the analysis file has no docstring below it"


def test_every_section_kind_and_option_is_there():
    page = PAGES["analysis-file.md"]()
    for name, field in Analysis.model_fields.items():
        assert f"| `{name}` |" in page or re.search(rf"^## `{name}\b", page, re.MULTILINE), (name, field)
    assert set(re.findall(r"^### `(\w+)`", page, re.MULTILINE)) == set(KINDS)
    options = {flag for action in build_parser()._actions for flag in action.option_strings}
    assert options <= set(re.findall(r"`(-[\w-]+)`", PAGES["concord.md"]()))


def test_docstrings_are_lists():
    def call(out_dir: "str", *, times: "int" = 2) -> "str":
        """What it does.

        Parameters
        ----------
        out_dir : where it lies, in a line
            and its rest.

        Returns
        -------
        str
            What comes back.

        Examples
        --------
        >>> call("out")  # doctest: +SKIP
        'out'
        """

    assert SCRIPT._signature(call) == "(out_dir: str, *, times: int = 2) -> str"
    assert SCRIPT._docstring(call).split("\n\n") == [
        "What it does.",
        "*Parameters*",
        "- `out_dir`: where it lies, in a line and its rest.",
        "*Returns*",
        "- `str`: What comes back.",
        "*Examples*",
        '```python\ncall("out")\n```',
    ]


def test_a_long_signature_has_a_parameter_a_line():
    text = "(X: Mapping[str, Any], *, delays_s: Sequence[float] = (0.0,), fit: str = 'a') -> pd.DataFrame"
    assert SCRIPT._over_lines(text).splitlines() == [
        "(",
        "    X: Mapping[str, Any],",
        "    *,",
        "    delays_s: Sequence[float] = (0.0,),",
        "    fit: str = 'a'",
        ") -> pd.DataFrame",
    ]
