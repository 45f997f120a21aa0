"""`models:` in place of a feature's `model:`: one analysis each, alike in all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bids_app import features
from bids_app.errors import NoInput, UsageError
from bids_app.records import FeatureSpec
from bids_app.settings.load import analysis_content
from bids_app.settings.run_options import ChosenModel

PATTERN = "*?["  # a name with any of these stands for folders of models
KEY = "models"


def chosen_models(preset_or_file: str, model_dir: Path | None) -> tuple[ChosenModel, ...]:
    """The models that an analysis is to be made with one by one, in order; none where no feature names several.

    Parameters
    ----------
    preset_or_file : names the analysis.
    model_dir : the folder of models, in which patterns are looked for.

    Raises
    ------
    UsageError : more than one feature names several models, or one cannot; two have one label.
    NoInput : a pattern matches nothing, or there is no such analysis.
    """
    spaces = analysis_content(preset_or_file).get("features")
    named = spaces if isinstance(spaces, dict) else {}
    several = {name: one for name, one in named.items() if isinstance(one, dict) and KEY in one}
    if not several:
        return ()
    name, settings = next(iter(several.items()))
    if len(several) > 1:
        others = " and ".join(f"'{other}'" for other in several)
        raise UsageError(f"{others} name several models each", preset_or_file, f"'{KEY}' is for one feature")
    where = f"feature '{name}'"
    _require_model(name, settings)
    models = [found for entry in _entries(settings[KEY], where) for found in _matching(entry, model_dir, where)]
    chosen = tuple(ChosenModel(name, model) for model in dict.fromkeys(models))
    labels: dict[str, str] = {}
    for one in chosen:
        other = labels.setdefault(one.label.casefold(), one.model)
        if not one.label or other != one.model:
            what = f"'{other}' and '{one.model}' would both be written to OUT_DIR/{one.label}"
            after = " after its last '/'" if "/" in one.model else ""
            raise UsageError(what if one.label else f"'{one.model}' has no letter or digit{after}", where)
    return chosen


def _require_model(name: str, settings: Mapping[str, Any]) -> None:
    """Raises UsageError where the feature has no model, or says more of one than several can have. Where no kind is
    given, the check of the whole analysis says so."""
    where = f"feature '{name}'"
    if "kind" in settings and "model" not in features.family_of(FeatureSpec(name, str(settings["kind"]))).options:
        raise UsageError(f"'{KEY}' is for features of a model", where)
    for other in ("model", "revision"):
        if settings.get(other) is not None:
            raise UsageError(f"give '{KEY}' or '{other}', not both", where)


def _entries(given: Any, where: str) -> Sequence[str]:
    entries = [given] if isinstance(given, str) else given
    if not isinstance(entries, list) or not entries or not all(isinstance(one, str) and one for one in entries):
        raise UsageError(f"'{KEY}' must be a list of names or patterns, not {given!r}", where)
    return entries


def _matching(entry: str, model_dir: Path | None, where: str) -> list[str]:
    """The model of that name, or all folders of models that a pattern matches, sorted. Raises NoInput."""
    if not set(entry) & set(PATTERN):
        return [entry]
    if model_dir is None:
        raise NoInput(f"'{entry}' is a pattern, and no folder of models was given", where, "name it with --model-dir")
    folders = [path.parent for depth in ("*", "*/*") for path in model_dir.glob(f"{depth}/config.json")]
    names = [folder.relative_to(model_dir).as_posix() for folder in folders]
    found = sorted(name for name in names if fnmatchcase(name, entry))
    if not found:
        raise NoInput(f"no model in {model_dir} is called '{entry}'", where, f"there are {', '.join(sorted(names))}")
    return found
