"""A text file as columns of text, each row with the line of the file that it begins on."""

import codecs
import csv
import gzip
import re
import sys
import zlib
from collections import namedtuple
from contextlib import suppress
from difflib import get_close_matches
from io import StringIO
from itertools import islice
from pathlib import Path

from fastrnn.wording import counted, optional

pd = optional("pandas", "reading a file takes pandas")

SEPARATORS = ",;\t|"
"""That are tried."""
HEADER_WITHIN = 30
"""Rows; titles may stand above the header."""
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
FOREIGN = {b"PK\x03\x04": "an Excel workbook or another zip archive", b"\xd0\xcf\x11\xe0": "an Excel workbook",
           b"PAR1": "a Parquet file", b"%PDF": "a PDF file"}  # fmt: skip
OTHERS = "pass another --encoding, such as cp1252 (exports of Windows programs) or utf-16-le"
COMMAS = '; if commas are decimal marks, pass --decimal ",", and separate columns by ";"'
Table = namedtuple("Table", "name, text, header, separator, encoding")
"""What was read of a file.

Attributes
----------
name : str
    What messages call the file.
text : DataFrame of str
    The columns that were asked for; its index has the lines of the file, from 1, that the rows begin on.
header : int
    Its line.
separator, encoding : str
"""


def read_table(path, names, *, separator=None, decimal=None, encoding=None):
    """The columns `names` of a file, or of standard input for "-".

    Parameters
    ----------
    path : str
    names : list of str
        Different ones.
    separator : str, optional
        One character; by default that which makes a row of these names.
    decimal : str, optional
        A mark that rather separates no columns.
    encoding : str, optional
        By default as a mark at the file's beginning says, or UTF-8.

    Raises
    ------
    ValueError
        If it is no such table; the message names the line, if one is at fault.
    OSError
        If it cannot be opened.
    """
    name = "standard input" if path == "-" else path
    text, encoding = _decoded(_bytes(path), name, encoding)
    if not text.strip():
        raise ValueError(f"{name} is empty: it needs a line with the columns' names, and a line a step")
    separator, header, labels = _header(text, names, separator or SEPARATORS, decimal, name)
    rows = _rows(text, separator, header, labels)
    if not rows:
        raise ValueError(f"{name} has no rows below its header")
    columns = {column: [row[labels.index(column)] for row in rows.values()] for column in names}
    return Table(name, pd.DataFrame(columns, [*rows], dtype=object), header, separator, encoding)


def refuse(wrong, text, what):
    """An error that names the first line whose text in a column, a Series, is wrong, if there is any."""
    for line in wrong.index[wrong]:
        raise ValueError(f"line {line}: {text.name} is {text[line]!r}, {what}")


# ------------------------------------------------------------------------------------------ text


def _bytes(path):
    if path == "-" and sys.stdin is None:
        raise ValueError("there is no standard input: name a file")
    data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    try:
        return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is a damaged gzip file: {error}") from None


def _decoded(data, name, encoding):
    """The text, and its encoding."""
    for magic, what in FOREIGN.items():
        if data.startswith(magic):
            raise ValueError(f"{name} is no CSV file but {what}: save the table as CSV")
    marked = next((its for mark, its in MARKS.items() if data.startswith(mark)), "utf-8")
    encoding = encoding or marked
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = len(re.split(b"\r\n|\r|\n", data[: error.start]))
        raise ValueError(f"line {line}: {name} is not in {encoding}: {OTHERS}") from None
    except (LookupError, UnicodeError):
        raise ValueError(f"--encoding {encoding} is not known: {OTHERS}") from None
    if "\0" in text:
        raise ValueError(f"{name} is no text in {encoding}: save it as CSV, or {OTHERS}")
    return text, encoding


# ------------------------------------------------------------------------------------------ rows


def _records(text, separator):
    """The line that each row begins on, and its fields; blank lines have none."""
    reader, line = csv.reader(StringIO(text, newline=""), delimiter=separator, skipinitialspace=True, strict=True), 1
    try:
        for row in reader:
            fields = [field.strip() for field in row]
            yield line, [] if fields == [""] else fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {line}: the quotation marks do not match: {error}") from None


def _header(text, names, separators, decimal, name):
    """The separator, and line and fields of the first row that has all names, if only titles stand above it."""
    tops, found = {separator: _top(text, separator) for separator in separators}, []
    for separator, rows in tops.items():
        widths = [sum(map(bool, fields)) for _, fields in rows]
        k = next((k for k, (_, fields) in enumerate(rows) if {*names} <= {*fields}), None)
        if k is not None and widths[k] > max(widths[:k], default=0):
            # Of a single column the separator is what the rows below seem to have, but no decimal mark.
            rank = len(rows[k][1]), separator != decimal, max(len(fields) for _, fields in rows)
            found.append((rank, separator, *rows[k]))
    if not found:
        raise ValueError(_no_column(list(filter(None, tops.values())), names, name))
    _, separator, line, labels = max(found, key=lambda row: row[0])
    for column in names:
        if labels.count(column) > 1:
            raise ValueError(f"line {line}: {labels.count(column)} columns are named {column!r}: rename all but one")
    return separator, line, labels


def _top(text, separator):
    """The first rows, as far as they can be read with a separator that may be another."""
    rows = []
    with suppress(ValueError):
        rows.extend(islice(_records(text, separator), HEADER_WITHIN))
    return [(line, fields) for line, fields in rows if fields]


def _no_column(tops, names, name):
    """What to say if no row has the names; `tops` are the first rows as separators have them."""
    if not tops:
        return f"{name} is no table: the quotation marks of its first lines do not match"
    separated = [next((row for row in top if len(row[1]) > 1), top[0]) for top in tops]
    line, labels = max(separated, key=lambda row: (len(row[1]), -row[0]))
    missing, text = next(column for column in names if column not in labels), ", ".join(labels)
    if not re.search(r"[^\W\d]", text):
        return f"{name} has no header: write the columns' names above line {line}, {text:.60}"
    known = {label.lower(): label for label in labels}
    near = "".join(f" (is it {known[label]!r}?)" for label in get_close_matches(missing.lower(), known, 1))
    return f"{name} has no column {missing!r}{near}; it has: {text:.400}"


def _rows(text, separator, header, labels):
    """The fields of the rows below the header, by the lines that they begin on."""
    width = max(k for k, label in enumerate(labels, 1) if label)
    rows, n_fields = {}, None
    for line, fields in _records(text, separator):
        if line <= header or (not fields and width > 1):
            continue
        if any(fields):
            # More fields than names must be empty, and as many in all rows: separators at the end of each line.
            n_fields = n_fields or len(fields)
            if len(fields) < width or any(fields[width:]) or len(fields) != n_fields:
                expected = f"the header (line {header}) has {counted(width, 'name')}"
                if len(fields) >= width and not any(fields[width:]):
                    expected = f"the rows above have {n_fields}"
                mark = "tab" if separator == "\t" else repr(separator)
                advice = f"quote fields that hold {mark}, or correct the line" + COMMAS * (separator == ",")
                what = f"line {line} has {counted(len(fields), 'field')}, but {expected}, separated by {mark}"
                raise ValueError(f"{what}: {advice}")
        rows[line] = (fields or [""]) + [""] * width
    while rows and not any(rows[max(rows)]):
        rows.pop(max(rows))
    return rows
