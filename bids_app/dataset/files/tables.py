"""Tables of words and phones under the usual column names."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bids_app.dataset.files.alphabets import PHONES_SHARE, are_phones, phone_share
from bids_app.dataset.files.intervals import MISSING, Annotation, Row, only_words, spoken, tidy
from bids_app.errors import DataError
from bids_app.inputs.opening import TABLE, Kind, naming, read_bytes
from bids_app.marks import What
from bids_app.records import Intervals

WORD_KINDS = {"word", "words"}
PHONE_KINDS = {"phone", "phones", "phoneme", "phonemes"}

WORD_TEXT = ("word", "words", "text", "token", "orthography", "label", "value", "stim", "item", "transcript")
PHONE_TEXT = ("phone", "phones", "phoneme", "phonemes")
SEGMENT = ("segment", "segments", "ipa", "sampa", "arpabet")  # phones, or the number of a passage, or a word's sounds
START = ("start", "onset", "begin", "starttime", "onsettime", "begintime", "starts", "onsets", "tmin", "xmin", "from")
END = ("end", "offset", "stop", "endtime", "offsettime", "stoptime", "ends", "offsets", "tmax", "xmax", "to")
DURATION = ("duration", "dur", "durations", "length")
KIND = ("trialtype", "type", "tier", "tiername", "level", "kind")


@dataclass(frozen=True)
class Table:
    """Cells as text; `columns` in lower case without what is not a letter, digit or underscore.

    Parameters
    ----------
    columns : (n_columns,) names.
    rows : (n_rows,) cells of each; a row may be short.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def column(self, name: str) -> list[str]:
        """A column's cells, stripped; empty text where there is no such column."""
        if name not in self.columns:
            return [""] * len(self.rows)
        at = self.columns.index(name)
        return [row[at].strip() if at < len(row) else "" for row in self.rows]

    def first(self, names: Iterable[str]) -> str | None:
        """The column that goes by one of these names, in their order; underscores do not count."""
        plain = {column.replace("_", ""): column for column in reversed(self.columns)}
        return next((plain[name] for name in names if name in plain), None)

    def text(self, names: Iterable[str]) -> str | None:
        """The first of these columns that holds more than numbers, such as ids; else the first of them."""
        there = [column for name in names if (column := self.first((name,)))]
        texts = [column for column in there if not _are_numbers(self.column(column))]
        return next(iter(texts or there), None)


def decode(path: Path, kind: Kind = TABLE) -> str:
    """A text file in UTF-8 or UTF-16, byte order marks removed.

    Parameters
    ----------
    path : of the file.
    kind : which says how large it may be.

    Raises
    ------
    DataError : it cannot be opened, or is no such text.
    """
    content = read_bytes(path, kind)
    utf16 = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"text cannot be read ({error})", path, "save it as UTF-8") from error


def read_table(path: Path, headless: bool = False) -> Table:
    """A table: tab-separated for .tsv, else separated by what its first line has most of.

    Parameters
    ----------
    path : of the file.
    headless : whether it may lack a header, as an aligner's may; tables of BIDS always have one.

    Raises
    ------
    DataError : it cannot be read.
    """
    with naming(path):
        return parse_table(decode(path), "\t" if path.suffix.lower() == ".tsv" else None, headless)


def parse_table(text: str, delimiter: str | None = None, headless: bool = True) -> Table:
    """Lines → cells. Quotes around a cell are removed; in a .tsv a lone quote is text, as the word `"` is.

    Parameters
    ----------
    text : of a file.
    delimiter : between cells; None: what the first line has most of.
    headless : whether there may be no header: see `_headless`.

    Raises
    ------
    DataError : the table is broken.
    """
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    if not lines:
        return Table((), ())
    if delimiter is None:
        delimiter = max("\t,;", key=lines[0].count)
        delimiter = delimiter if delimiter in lines[0] else " "
    split = _split_quoted if delimiter in ",;" else _split_plain
    header, *rows = split(lines, delimiter)
    columns = tuple(re.sub(r"[^0-9a-z_]", "", name.strip().lower()) for name in header)
    if headless and _headless(header):
        return Table(_guessed(header), (tuple(header), *(tuple(row) for row in rows)))
    return Table(columns, tuple(tuple(row) for row in rows))


def _split_quoted(lines: list[str], delimiter: str) -> list[list[str]]:
    """Line by line, so that a quote left open costs its own line only."""
    try:
        return [next(csv.reader([line], delimiter=delimiter, skipinitialspace=True)) for line in lines]
    except csv.Error as error:
        raise DataError(f"table cannot be read ({error})") from error


def _split_plain(lines: list[str], delimiter: str) -> list[list[str]]:
    parts = (line.split() if delimiter == " " else line.split(delimiter) for line in lines)
    return [[_unquoted(cell) for cell in cells] for cells in parts]


def _unquoted(cell: str) -> str:
    quoted = len(cell) > 2 and cell[0] == cell[-1] == '"'
    return cell[1:-1].replace('""', '"') if quoted else cell


def _headless(header: list[str]) -> bool:
    """Gentle's align.csv has no header: its first line has two numbers and a text already, and no name of a column
    of times."""
    numeric = [math.isfinite(number(cell)) for cell in header]
    plain = {re.sub(r"[^0-9a-z]", "", cell.lower()) for cell in header}
    return sum(numeric) >= 2 and not all(numeric) and not plain & {*START, *DURATION}


def _guessed(header: list[str]) -> tuple[str, ...]:
    names = {True: iter(("start", "end")), False: iter(("word",))}
    return tuple(next(names[math.isfinite(number(cell))], f"column{at}") for at, cell in enumerate(header))


def number(cell: str) -> float:
    """A cell as a number; NaN where it is none."""
    try:
        return float(cell.strip().replace(",", "."))
    except ValueError:
        return math.nan


def _are_numbers(cells: list[str]) -> bool:
    filled = [cell for cell in cells if cell.lower() not in MISSING]
    return bool(filled) and all(math.isfinite(number(cell)) for cell in filled)


def annotation_of(table: Table, named: What | None = None) -> Annotation:
    """Words and phones of a table; None for what it has not.

    A column of kinds ('word', 'phone') splits the rows. Else they are phones where a column of phones has one in each
    row, or the file's name says so, or all labels are phones by their letters; else words.

    Parameters
    ----------
    table : with a header.
    named : what the file's name says that its labels are; None where it says nothing.

    Raises
    ------
    DataError : it has no columns of texts and times.
    """
    kinds = table.column(table.first(KIND) or "")
    words, phones = rows_of(table, kinds, WORD_KINDS), rows_of(table, kinds, PHONE_KINDS)
    if words or phones:
        return Annotation(word_rows(words) if words else None, phone_rows(phones) if phones else None)
    if _of_phones(table, named):
        return Annotation(None, phone_rows(table))
    return only_words(word_rows(table))


def _of_phones(table: Table, named: What | None) -> bool:
    """Whether each row is a phone."""
    column, other = table.first(PHONE_TEXT), table.first(SEGMENT)
    if column is not None:  # beside words it may hold a word's phones, or their number
        return phone_share(spoken(table.column(column))) >= (PHONES_SHARE if table.first(("word", "words")) else 0.5)
    text = table.text(WORD_TEXT)
    if text is None and other is not None:
        return phone_share(spoken(table.column(other))) >= PHONES_SHARE
    return named == "phones" or (named is None and text is not None and are_phones(spoken(table.column(text))))


def rows_of(table: Table, kinds: list[str], wanted: set[str]) -> Table | None:
    """The rows of some kinds; None where there are none.

    Parameters
    ----------
    table : all rows.
    kinds : the kind of each.
    wanted : kinds, in small letters.
    """
    rows = tuple(row for row, kind in zip(table.rows, kinds, strict=True) if kind.lower() in wanted)
    return Table(table.columns, rows) if rows else None


def word_rows(table: Table, instants: bool = False) -> Intervals:
    """A table of words.

    Parameters
    ----------
    table : with columns of texts and times.
    instants : whether times are on a recording's clock, where onsets may be negative and durations n/a.
    """
    return tidy(_timed(table, WORD_TEXT + PHONE_TEXT + SEGMENT, instants), "words", -math.inf if instants else 0.0)


def phone_rows(table: Table, instants: bool = False) -> Intervals:
    """A table of phones; see `word_rows`.

    Parameters
    ----------
    table : with columns of texts and times.
    instants : as of `word_rows`.
    """
    return tidy(_timed(table, PHONE_TEXT + WORD_TEXT + SEGMENT, instants), "phones", -math.inf if instants else 0.0)


def _timed(table: Table, text: tuple[str, ...], instants: bool) -> list[Row]:
    """(start, end, text) of every row, NaN where a time is none. Raises DataError where a column is missing."""
    named = table.text(text)
    start, end, duration = (table.first(names) for names in (START, END, DURATION))
    if named is None or start is None or (end is None and duration is None):
        columns = ", ".join(name for name in table.columns if name) or "none"
        raise DataError(f"no columns of words and times among: {columns}", "", "name them word, start, end")
    starts, last = ([number(cell) for cell in table.column(name)] for name in (start, end or duration or ""))
    if end is None:
        spans = [0.0 if instants and math.isnan(span) else span for span in last]
        last = [onset + span for onset, span in zip(starts, spans, strict=True)]
    return list(zip(starts, last, table.column(named), strict=True))
