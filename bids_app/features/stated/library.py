"""Tables of the installed transformers, read off its source: importing them would import torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

FILES = (
    "auto_mappings.py",
    "configuration_auto.py",
    "modeling_auto.py",
    "feature_extraction_auto.py",
)  # of its folder models/auto
NOTHING: Mapping[str, str] = MappingProxyType({})


def table(name: str) -> Mapping[str, str]:
    """A table of transformers by kind of model, such as MODEL_FOR_CAUSAL_LM_MAPPING_NAMES: type → name of a class.

    Parameters
    ----------
    name : of the table.

    Returns
    -------
    Its entries; none where it is not found, so that nothing can be said by it.
    """
    return _tables().get(name, NOTHING)


@lru_cache(maxsize=1)
def _tables() -> Mapping[str, Mapping[str, str]]:
    """All tables of those files by name, with what is added to them later on."""
    found: dict[str, dict[str, str]] = {}
    for tree in _trees():
        for node in tree.body:
            name = _named(node)
            if name.endswith("MAPPING_NAMES"):
                others = [found[one.id] for one in ast.walk(node) if isinstance(one, ast.Name) and one.id in found]
                found[name] = {key: value for each in (*others, dict(_pairs(node))) for key, value in each.items()}
    return MappingProxyType(found)


def _trees() -> Iterator[ast.Module]:
    spec = find_spec("transformers")
    folder = Path(spec.origin).parent / "models" / "auto" if spec and spec.origin else None
    for file in FILES if folder else ():
        try:
            yield ast.parse((folder or Path()).joinpath(file).read_text(encoding="utf-8"))
        except (OSError, ValueError, SyntaxError):  # of another version, which has it elsewhere
            continue


def _named(node: ast.stmt) -> str:
    """The table that a statement makes, or adds to."""
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return node.target.id
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        return ast.unparse(node.value.func.value)
    return ""


def _pairs(node: ast.stmt) -> Iterator[tuple[str, str]]:
    """Texts that stand for each other in it: of tuples, of dictionaries, and of calls with keywords."""
    for part in ast.walk(node):
        pairs: list[tuple[ast.expr | None, ast.expr]] = []
        if isinstance(part, ast.Tuple) and len(part.elts) == 2:
            pairs = [(part.elts[0], part.elts[1])]
        elif isinstance(part, ast.Dict):
            pairs = list(zip(part.keys, part.values, strict=True))
        for key, value in pairs:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value.value if isinstance(value, ast.Constant) else ast.unparse(value)  # type: ignore[misc]
