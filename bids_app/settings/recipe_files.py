"""Recipes that ship, YAML files of recipes and their tables → RecipeSettings, in one line where they are wrong."""

from __future__ import annotations

import csv
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bids_app.errors import NoInput, UsageError, did_you_mean
from bids_app.inputs.opening import read_named
from bids_app.records import RECIPE_ENTITIES
from bids_app.settings.load import one_line, read_yaml
from bids_app.settings.recipe import RecipeSettings

WHAT = "the recipe"
FORMER_NAMES = {"participant_id": "sub", "session_id": "ses", "subject": "sub", "session": "ses"}


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that ship, sorted."""
    folder = resources.files("bids_app") / "recipes"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def recipe_text(name: str) -> str:
    """The YAML of a recipe that ships, comments included."""
    return (resources.files("bids_app") / "recipes" / f"{name}.yaml").read_text(encoding="utf-8")


def load_recipe(name_or_file: str, table: Path | None = None) -> RecipeSettings:
    """A recipe by name, or of a YAML file.

    Parameters
    ----------
    name_or_file : a recipe that ships, or a path.
    table : a file whose rows come after those of the recipe's own table.

    Raises
    ------
    NoInput : neither exists.
    UsageError : in one line, where the content is wrong.
    """
    content = _content(name_or_file)
    rows = [*content.pop("table", ()), *(read_rows(table) if table else ())]
    try:
        return RecipeSettings.model_validate(content | ({"table": rows} if rows else {}))
    except ValidationError as error:
        raise UsageError(one_line(error, RecipeSettings, WHAT), name_or_file) from None


def _content(name_or_file: str) -> dict[str, Any]:
    """What the file says, over what it extends: its rules before, its rows of a table after."""
    if name_or_file in recipe_names():
        return read_yaml(recipe_text(name_or_file), name_or_file, WHAT)
    path = Path(name_or_file)
    try:
        own = read_yaml(read_named(path).decode("utf-8-sig"), name_or_file, WHAT)
    except (OSError, UnicodeDecodeError):
        advice = did_you_mean(name_or_file, recipe_names())
        shipped = f"give a YAML file or one of {', '.join(recipe_names())}"
        raise NoInput("no such recipe", name_or_file, "; ".join(filter(None, (shipped, advice)))) from None
    own["table"] = _rows_of(own.get("table", []), path)
    if "extends" not in own:
        return own
    base = str(own.pop("extends"))
    if base not in recipe_names():
        advice = did_you_mean(base, recipe_names())
        raise UsageError(
            f"the recipe extends '{base}', which does not ship", path, advice or "see concord-tools recipes"
        )
    extended = _content(base)
    joined = {key: [*_listed(own, key, path), *extended.get(key, ())] for key in ("stimuli",)}
    return extended | own | joined | {"table": [*extended.get("table", ()), *own["table"]]}


def _listed(content: dict[str, Any], key: str, path: Path) -> list[Any]:
    value = content.get(key, [])
    if not isinstance(value, list):
        raise UsageError(f"{key} of the recipe is not a list", path, f"write `{key}:` and a `-` before each")
    return value


def _rows_of(table: Any, path: Path) -> list[dict[str, Any]]:
    """Rows given in place, or those of the file that is named, relative to the recipe."""
    if isinstance(table, str):
        return list(read_rows(path.parent / table))
    if not isinstance(table, list) or not all(isinstance(row, dict) for row in table):
        raise UsageError(
            "table of the recipe is neither a file nor a list of rows", path, "such as - {run: 1, onset: 0}"
        )
    return [_row(row) for row in table]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a table with a header: tab-separated for .tsv, else by commas; empty cells and n/a say nothing.

    Raises NoInput where it is not there and UsageError where it is no table.
    """
    try:
        text = read_named(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise NoInput(
            "the recipe's table cannot be read", path, "a TSV or CSV file with a header, in UTF-8"
        ) from None
    lines = [line for line in text.splitlines() if line.strip()]
    delimiter = "\t" if path.suffix.lower() == ".tsv" or "\t" in (lines or [""])[0] else ","
    header, *rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter)] or [[]]
    if not header or not rows:
        raise UsageError("the recipe's table has no rows under a header", path, "such as: run, onset")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise UsageError(
                f"line {number} of the recipe's table has {len(row)} cells, its header {len(header)}", path
            )
    return [_row(dict(zip(header, row, strict=True))) for row in rows]


def _row(cells: dict[str, Any]) -> dict[str, Any]:
    """Short keys of entities, labels without their prefix, and only what says something."""
    named = {FORMER_NAMES.get(str(column), str(column)): cell for column, cell in cells.items()}
    said = {column: cell for column, cell in named.items() if str(cell).strip().lower() not in ("", "n/a")}
    return {
        column: str(cell).removeprefix(f"{column}-") if column in RECIPE_ENTITIES else cell
        for column, cell in said.items()
    }
