"""BIDS entities in file names: their order, those of a unit's stem, and those that an analysis may pool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

# The order of entities in the BIDS specification; `stat`, which it lacks, stands before `desc` as nilearn writes it.
ENTITY_ORDER = (
    "tpl", "sub", "ses", "task", "acq", "ce", "rec", "dir", "run", "echo", "hemi", "space", "cohort", "atlas", "seg",
    "res", "den", "stat", "desc",
)  # fmt: skip
STEM_ENTITIES = tuple(key for key in ENTITY_ORDER if key not in ("tpl", "hemi", "stat", "desc"))
LABEL = re.compile(r"[0-9A-Za-z]+")  # what an entity's value is, in BIDS
POOLABLE: Mapping[str, str] = MappingProxyType({"session": "ses", "task": "task", "run": "run"})


def entities_of(stem: str) -> dict[str, str]:
    """`sub-01_task-story` → {'sub': '01', 'task': 'story'}."""
    return dict(part.split("-", 1) for part in stem.split("_") if "-" in part)


def without_participant(label: str) -> str:
    """`sub-01_task-story_run-1` → `task-story_run-1`."""
    return "_".join(part for part in label.split("_") if not part.startswith("sub-"))


def stem_of(entities: Mapping[str, str], suffix: str = "") -> str:
    """Entities in BIDS order, unknown ones before `stat` and `desc`, joined to a file's stem.

    Parameters
    ----------
    entities : name → value.
    suffix : what ends the stem; empty for none.
    """
    rank = {key: number for number, key in enumerate(ENTITY_ORDER)}
    keys = sorted(entities, key=lambda key: rank.get(key, rank["den"]))
    return "_".join([f"{key}-{entities[key]}" for key in keys] + ([suffix] if suffix else []))


def recording_label(file_name: str, entities: Mapping[str, str]) -> str:
    """What a recording is called: its file's name without extension, or its entities where that is no name of BIDS,
    since files of two participants may then have one name.

    Parameters
    ----------
    file_name : of its first file.
    entities : name → value.
    """
    stem = file_name.split(".")[0]
    return stem if stem.startswith("sub-") else stem_of(entities)
