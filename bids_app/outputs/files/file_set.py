"""Files that belong to one summary: written anew together, or taken away together, whenever the process is killed.

A summary stands only beside the files that it lists: it goes before the first of them changes, and comes last. While
it is away a list in OUT_DIR/logs names all that may be there, old and new, so that what is left of a process that was
killed can be taken away (`recover`). Who writes or recovers holds the lock of the owner (`lock_of`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

from bids_app.disk import held_elsewhere, locked, read_text, replacing
from bids_app.errors import Busy, CannotCreate, ReadWriteError
from bids_app.outputs.files import names
from bids_app.outputs.files.files import read_json, sha256_of, write_bytes, write_text
from bids_app.records import entities_of

Content = bytes | Callable[[Path], None]  # or what writes them to a path: of files too large for memory
File = tuple[PurePosixPath, Content]


def write_set(
    out_dir: Path, summary: PurePosixPath, files: Iterable[File], summarise: Callable[[Mapping[str, str]], str]
) -> tuple[Path, ...]:
    """Write a summary's files and at last the summary; files that it had before and has no more are removed.

    Parameters
    ----------
    out_dir : where they go.
    summary : its name.
    files : name and content of each, made one at a time.
    summarise : gives the summary's text from file → SHA-256.

    Returns
    -------
    The files written, the summary last.

    Raises
    ------
    CannotCreate : where one cannot be written.
    """
    journal, hashes = out_dir / names.journal_of(summary), dict[str, str]()
    before = _begin(out_dir, summary)
    try:
        with journal.open("a", encoding="utf-8") as listed:
            for file, content in files:
                listed.write(f"{file}\n")
                listed.flush()
                hashes[str(file)] = _write(out_dir / file, content)
        _remove(out_dir, before - {*hashes})
        write_text(out_dir / summary, summarise(hashes))
        journal.unlink(missing_ok=True)
    except OSError as error:
        raise CannotCreate("cannot write", error.filename or journal, error.strerror or "") from None
    return (*(out_dir / file for file in hashes), out_dir / summary)


def _write(path: Path, content: Content) -> str:
    """Write a file, atomically. Returns its SHA-256."""
    if isinstance(content, bytes):
        write_bytes(path, content)
        return hashlib.sha256(content).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as part:
        content(part)
    return sha256_of(path)


def remove_set(out_dir: Path, summary: PurePosixPath) -> None:
    """Remove a summary and its files, but for those that other summaries list too.

    Parameters
    ----------
    out_dir : where they are.
    summary : its name.

    Raises
    ------
    CannotCreate : where the disk refuses.
    """
    try:
        _remove(out_dir, _begin(out_dir, summary) - _of_others(out_dir, summary))
        (out_dir / names.journal_of(summary)).unlink(missing_ok=True)
    except OSError as error:
        raise CannotCreate("cannot remove", error.filename or summary, error.strerror or "") from None


def remove_unit(out_dir: Path, stem: str) -> None:
    """`remove_set` of a unit, of what was saved of its models, and of its regions.

    Parameters
    ----------
    out_dir : where results are.
    stem : of the unit.
    """
    remove_saved(out_dir, stem)
    remove_set(out_dir, names.summary_file(stem))


def remove_regions(out_dir: Path, stem: str) -> None:
    """`remove_set` of what regions were read off a unit, if any were.

    Parameters
    ----------
    out_dir : where results are.
    stem : of the unit.
    """
    _remove_if_there(out_dir, names.regions_file(stem))


def remove_saved(out_dir: Path, stem: str) -> None:
    """`remove_set` of what was saved of a unit's models, and of what regions were read off it, if anything was.

    Parameters
    ----------
    out_dir : where results are.
    stem : of the unit.
    """
    _remove_if_there(out_dir, names.saved_file(stem))
    remove_regions(out_dir, stem)


def _remove_if_there(out_dir: Path, summary: PurePosixPath) -> None:
    if (out_dir / summary).exists() or (out_dir / names.journal_of(summary)).exists():
        remove_set(out_dir, summary)


def recover(out_dir: Path, summary: PurePosixPath) -> None:
    """Take away what a process that was killed left of a summary's files; nothing where none was.

    Parameters
    ----------
    out_dir : where they are.
    summary : its name, or that of one that is gone.

    Raises
    ------
    CannotCreate : where the disk refuses.
    """
    journal = out_dir / names.journal_of(summary)
    if not journal.exists():
        return
    if not (out_dir / summary).exists():
        remove_set(out_dir, summary)
    else:  # killed between its last two steps: or before the first, and the list is the summary's own
        journal.unlink(missing_ok=True)


def recover_all(out_dir: Path) -> None:
    """`recover` for every summary, but for those that a living process is at, or one of another machine may be.

    Parameters
    ----------
    out_dir : where results are.

    Raises
    ------
    CannotCreate : where the disk refuses.
    """
    for journal in sorted((out_dir / names.LOGS).glob("*_files.txt")):
        summary = names.summary_of(journal.name)
        lock = names.lock_path(out_dir, entities_of(summary.name).get("sub"))
        if held_elsewhere(lock):
            continue
        with suppress(Busy), locked(lock, str, ends_s=0):
            recover(out_dir, summary)


def _begin(out_dir: Path, summary: PurePosixPath) -> set[str]:
    """List what there may be of a set, then take its summary away."""
    journal = out_dir / names.journal_of(summary)
    before = _listed(journal) | files_named(out_dir, summary)
    before = {file for file in before if names.may_be_of(file, summary)}
    write_text(journal, "".join(f"{file}\n" for file in sorted(before)))
    try:
        (out_dir / summary).unlink(missing_ok=True)
    except OSError as error:
        raise CannotCreate("cannot write", out_dir / summary, error.strerror or "") from None
    return before


def _listed(journal: Path) -> set[str]:
    try:
        *lines, _ = read_text(journal).split("\n")  # the last may be half a name
    except (OSError, ValueError):
        return set()
    return {line for line in lines if line}


def files_named(out_dir: Path, summary: PurePosixPath) -> set[str]:
    """The files that a summary of any format lists, as far as it is one of that name.

    Parameters
    ----------
    out_dir : where they are.
    summary : its name; it may be gone or broken.
    """
    try:
        content = read_json(out_dir / summary)
    except ReadWriteError:
        return set()
    files = content.get("files")
    stem = str(content.get("stem"))
    own = (names.summary_file(stem), names.saved_file(stem), names.regions_file(stem))
    is_own = summary in (names.GROUP_SUMMARY, *own)
    return {str(file) for file in files} if is_own and isinstance(files, dict | list) else set()


def _of_others(out_dir: Path, summary: PurePosixPath) -> set[str]:
    others = (names.LOGS / path.name for path in (out_dir / names.LOGS).glob("*_unit.json"))
    return {file for other in others if other != summary for file in files_named(out_dir, other)}


def _remove(out_dir: Path, files: Iterable[str]) -> None:
    """Remove files, and the folders that are empty then."""
    for file in sorted(files):
        path = out_dir / file
        if path.is_dir() and not path.is_symlink():
            continue
        path.unlink(missing_ok=True)
        with suppress(OSError):  # not empty
            for folder in [one for one in path.parents if out_dir in one.parents]:
                folder.rmdir()
