"""Presets and YAML files → Analysis, in one line where they are wrong; the resolved analysis as text and hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from bids_app.errors import NoInput, UsageError, did_you_mean
from bids_app.inputs.opening import read_named
from bids_app.pointers import require_content
from bids_app.settings.analysis import Analysis
from bids_app.settings.run_options import ChosenModel
from bids_app.settings.sections import GroupSettings

RENAMED_KEYS = {"floor": "baseline"}  # former name → today's


class _Loader(yaml.SafeLoader):
    """YAML without duplicate keys, of which the standard loader keeps the last in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping of the file, each of whose keys stands once.

        Parameters
        ----------
        node : the mapping as parsed.
        deep : whether what it holds is constructed at once.

        Raises
        ------
        yaml.constructor.ConstructorError : where a key stands twice.
        """
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key '{key}' stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


def preset_names() -> tuple[str, ...]:
    """Names of the analyses that ship, sorted."""
    folder = resources.files("bids_app") / "presets"
    return tuple(sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".yaml")))


def preset_text(name: str) -> str:
    """The YAML of a preset, comments included."""
    return (resources.files("bids_app") / "presets" / f"{name}.yaml").read_text(encoding="utf-8")


def as_yaml(resolved: Mapping[str, Any]) -> str:
    """A resolved analysis as YAML that `load_analysis` reads back to the same."""
    return str(yaml.safe_dump(dict(resolved), sort_keys=False, allow_unicode=True, default_flow_style=None))


def load_analysis(preset_or_file: str, model: ChosenModel | None = None) -> tuple[Analysis, Path | None]:
    """A preset by name, or a YAML file; returns the analysis and the file's folder (None for a preset).

    Parameters
    ----------
    preset_or_file : names it.
    model : of those that a feature names with `models`.

    Raises
    ------
    NoInput : neither exists.
    UsageError : in one line, the content is wrong.
    """
    content = analysis_content(preset_or_file)
    if model is not None:
        own = {key: value for key, value in content["features"][model.feature].items() if key != "models"}
        spaces = {**content["features"], model.feature: {**own, "model": model.model}}
        content = {**content, "features": spaces}
    folder = None if preset_or_file in preset_names() else Path(preset_or_file).resolve().parent
    return _validated(content, preset_or_file), folder


def analysis_content(preset_or_file: str) -> dict[str, Any]:
    """What a preset or file holds, not yet checked.

    Parameters
    ----------
    preset_or_file : names it.

    Raises
    ------
    NoInput : there is no such analysis.
    UsageError : it is no mapping.
    """
    return read_yaml(_text(preset_or_file), preset_or_file, "the analysis")


def _text(preset_or_file: str) -> str:
    if preset_or_file in preset_names():
        return preset_text(preset_or_file)
    path = Path(preset_or_file)
    require_content(path, NoInput)
    try:
        return read_named(path).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        advice = did_you_mean(preset_or_file, preset_names())
        presets = f"give a YAML file or one of {', '.join(preset_names())}"
        raise NoInput("no such analysis", preset_or_file, "; ".join(filter(None, (presets, advice)))) from None


def parse_analysis(text: str, where: str) -> Analysis:
    """YAML text → Analysis.

    Parameters
    ----------
    text : of the file.
    where : names it in errors.

    Raises
    ------
    UsageError : in one line, where the content is wrong; misspelt keys get "did you mean".
    """
    return _validated(read_yaml(text, where, "the analysis"), where)


def _validated(content: Mapping[str, Any], where: str) -> Analysis:
    try:
        return Analysis.model_validate(content)
    except ValidationError as error:
        raise UsageError(one_line(error, Analysis, "the analysis"), where) from None


def read_yaml(text: str, where: str, what: str) -> dict[str, Any]:
    """The mapping that a YAML text is.

    Parameters
    ----------
    text : of the file.
    where : names it in errors.
    what : it should be, such as 'the analysis'.

    Raises
    ------
    UsageError : it is none, or a key stands twice.
    """
    try:
        content = yaml.load(text, _Loader)  # noqa: S506  (a SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UsageError(f"{what} is not valid YAML: {error}", where) from None
    if not isinstance(content, dict):
        raise UsageError(f"{what} is not a mapping of keys to values", where)
    return content


def one_line(error: ValidationError, model: type[BaseModel], what: str) -> str:
    """The first thing that is wrong, and how many more are.

    Parameters
    ----------
    error : of validation.
    model : that the content was to be; its keys are what a misspelt one may have meant.
    what : the content is, such as 'the analysis'.
    """
    errors = error.errors()  # a misspelt key may also be a missing one
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    place = ".".join(str(part) for part in first["loc"] if part not in _TAGS)
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        advice = did_you_mean(str(first["loc"][-1]), _keys_at(model, first["loc"]), RENAMED_KEYS)
        return f"unknown key '{place}' in {what}{'; ' + advice if advice else ''}{more}"
    message = first["msg"].removeprefix("Value error, ")
    return f"{place + ': ' if place else ''}{message}{more}"


_TAGS = ("seconds", "event")  # branches of a union, which nobody writes


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys of the section that a place lies in; where one has several types, those of all of them."""
    models = [model]
    for part in loc[:-1]:
        if not isinstance(part, int) and part not in _TAGS:
            named = [one.model_fields[part].annotation for one in models if part in one.model_fields]
            models = [inner for annotation in named for inner in _models_in(annotation)] or models
    return tuple(key for one in models for key in one.model_fields)


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    """Sections that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for one in get_args(annotation) for model in _models_in(one)]


def analysis_hash(resolved: Mapping[str, Any]) -> str:
    """First 16 hex digits of the SHA-256 of the resolved analysis, as canonical JSON. What the group level alone asks
    for counts as its default: it may change when participants are done."""
    hashed = {**resolved, "group": GroupSettings().model_dump(mode="json")}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()[:16]
