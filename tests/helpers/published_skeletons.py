"""Skeletons of published data sets: their real text files, and the names of all others, which tests fill."""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(os.environ.get("CONCORD_PUBLISHED", Path(__file__).parents[3] / "shared/data/published"))


def copy_skeleton(accession, target, people=None):
    """A writable copy with every annexed file as an empty one; only some `people` (labels with `sub-`), or all."""
    source = ROOT / accession
    if not source.is_dir():
        pytest.skip(f"no skeleton of {accession} in {ROOT}")
    for path in _files(source):
        if path.split("/")[0] in ("TREE.tsv",) or not _of(path, people):
            continue
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        if (source / path).is_file():
            shutil.copyfile(source / path, target / path)
        else:
            (target / path).touch()
    return target


def _files(source):
    """All files of the skeleton, and those that TREE.tsv names."""
    listed = (line.split("\t")[0] for line in (source / "TREE.tsv").read_text(encoding="utf-8").splitlines()[1:])
    there = (path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    return sorted({*listed, *there})


def _of(path, people):
    named = [part for part in path.split("/") if part.startswith("sub-") and "_" not in part]
    return people is None or not named or named[0] in people
