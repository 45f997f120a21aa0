"""Files are spoiled: a spoiling is plain data, drawn by hypothesis, written into finds, and done again from these."""

import gzip
import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from fuzz_headers import edit, h5_array, h5_attribute, nifti_field, npy_array, put, wav_field


class Spoiling(NamedTuple):
    """What is done to one file: `where` is its path within the folder that is spoiled."""

    where: str
    how: str
    details: tuple[Any, ...] = ()

    @classmethod
    def of(cls, plain):
        return cls(plain[0], plain[1], tuple(plain[2]))


def spoil(root, spoilings):
    """Each in turn; one that a file does not allow (any more) does nothing, and nothing is written through a link."""
    for one in spoilings:
        path = root / one.where
        with suppress(Exception):
            if not path.parent.resolve().is_relative_to(root.resolve()):
                continue  # a folder on the way has become a link
            if path.is_symlink() and one.how not in KINDS_OF_PLACE - {"forbidden"}:
                continue
            if not path.is_symlink() and path.is_dir() and one.how not in KINDS_OF_PLACE:
                continue
            if one.how in KINDS_OF_PLACE or path.is_file():
                HOW[one.how](path, *one.details)


# ------------------------------------------------------------------------------------------------ any file
def flip(path, spots, inner):
    def change(raw):
        for share, byte, near in spots:
            at = int(share * min(len(raw), 600 if near else len(raw)))
            raw = put(raw, at, bytes([byte])) if raw else raw
        return raw

    edit(path, change) if inner else path.write_bytes(change(path.read_bytes()))


def cut(path, share, inner):
    def change(raw):
        return raw[: int(share * len(raw))]

    edit(path, change) if inner else path.write_bytes(change(path.read_bytes()))


def splice(path, start, length, to):
    def change(raw):
        part = raw[int(start * len(raw)) :][: int(length * len(raw))]
        return raw[: int(to * len(raw))] + part + raw[int(to * len(raw)) :]

    edit(path, change)


def bomb(path, megabytes):
    """A compressed file that goes on with zeros where it would end."""
    raw = path.read_bytes()
    zeros = bytes(megabytes * 2**20)
    path.write_bytes(raw + gzip.compress(zeros, 1) if path.name.endswith(".gz") else gzip.compress(zeros, 1))


def replaced(path, content):
    path.write_bytes(content.encode("latin-1"))


def encoded(path, name):
    text = path.read_bytes().decode("utf-8", "replace")
    ways = {
        "utf-16": lambda: text.encode("utf-16"),
        "bom": lambda: b"\xef\xbb\xbf" + text.encode(),
        "crlf": lambda: text.replace("\n", "\r\n").encode(),
        "cr": lambda: text.replace("\n", "\r").encode(),
        "latin-1": lambda: (text + "é").encode("latin-1", "replace"),
        "nul": lambda: text.replace("\n", "\x00\n").encode(),
        "spaces": lambda: text.replace("\t", "  ").encode(),
        "commas": lambda: text.replace("\t", ",").encode(),
    }
    path.write_bytes(ways[name]())


def _gone(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def absent(path):
    _gone(path)


def as_folder(path):
    _gone(path)
    path.mkdir()


def as_link(path, to):
    _gone(path)
    path.symlink_to(path.name if to == "itself" else to)


def as_pipe(path):
    _gone(path)
    os.mkfifo(path)


def forbidden(path):
    path.chmod(0)


def renamed(path, name):
    with suppress(OSError, ValueError):
        path.rename(path.with_name(name))


def again(path, name):
    """The same content under a second name."""
    with suppress(OSError, ValueError):
        if not path.with_name(name).is_symlink():
            shutil.copy(path, path.with_name(name))


# ------------------------------------------------------------------------------------------------ tables
def _rows(path):
    return [line.split("\t") for line in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()]


def _write(path, rows):
    path.write_bytes("".join("\t".join(row) + "\n" for row in rows).encode("utf-8", "surrogatepass"))


def cell(path, row, column, value):
    rows = _rows(path)
    rows[row % len(rows)][column % len(rows[row % len(rows)])] = value
    _write(path, rows)


def column(path, at, value):
    rows = _rows(path)
    for row in rows[1:]:
        row[at % len(row)] = value
    _write(path, rows)


def header(path, at, value):
    rows = _rows(path)
    rows[0][at % len(rows[0])] = value
    _write(path, rows)


def without_column(path, at):
    _write(path, [[one for place, one in enumerate(row) if place != at % len(row)] for row in _rows(path)])


def column_twice(path, at, other):
    rows = _rows(path)
    _write(
        path,
        [
            [*row, (rows[0] if place == 0 else row)[(at if place == 0 else other) % len(row)]]
            for place, row in enumerate(rows)
        ],
    )


def ragged(path, at, more):
    rows = _rows(path)
    row = rows[at % len(rows)]
    rows[at % len(rows)] = [*row, *["x"] * more] if more > 0 else row[:more]
    _write(path, rows)


def rows_kept(path, many):
    _write(path, _rows(path)[:many])


def row_again(path, at, times):
    rows = _rows(path)
    _write(path, [*rows, *[rows[at % len(rows)]] * times])


def backwards(path):
    rows = _rows(path)
    _write(path, [rows[0], *rows[:0:-1]])


# ------------------------------------------------------------------------------------------------ texts of any syntax
TOKEN = re.compile(rb'[^\s,=:"<>\[\]{}]+')


def token(path, share, value):
    """One number or word of a text gives way to another; of XML, YAML, TextGrid, headers, and JSON."""

    def change(raw):
        found = list(TOKEN.finditer(raw))
        at = found[int(share * len(found))]
        return raw[: at.start()] + value.encode("utf-8", "surrogatepass") + raw[at.end() :]

    edit(path, change)


def key(path, at, text):
    """One value of a JSON file, wherever in it, gives way to a text of JSON."""
    content = json.loads(path.read_text())
    spots = list(_spots(content))
    inside, name = spots[at % len(spots)]
    inside[name] = "@here@"
    path.write_text(json.dumps(content).replace('"@here@"', text, 1))


def _spots(content):
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, value in list(pairs):
        yield content, name
        if isinstance(value, dict | list):
            yield from _spots(value)


def added_key(path, name, text):
    content = path.read_text().rstrip().removesuffix("}")
    path.write_text(f"{content}, {json.dumps(name)}: {text}}}")


HOW = {
    one.__name__: one
    for one in (
        flip,
        cut,
        splice,
        bomb,
        replaced,
        encoded,
        absent,
        as_folder,
        as_link,
        as_pipe,
        forbidden,
        renamed,
        again,
        cell,
        column,
        header,
        without_column,
        column_twice,
        ragged,
        rows_kept,
        row_again,
        backwards,
        token,
        key,
        added_key,
        nifti_field,
        wav_field,
        npy_array,
        h5_array,
        h5_attribute,
    )
}
KINDS_OF_PLACE = {"absent", "as_folder", "as_link", "as_pipe", "forbidden", "renamed"}
LINKS = ("itself", "nowhere", "/dev/zero", "/etc/passwd", "../beside", "..", "/proc/self/mem")


def files_of(folder):
    """Names of the files below a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())
