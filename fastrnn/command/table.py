"""A text file as columns of text, each row with the line of the file that it begins on."""

import codecs
import csv
import gzip
import os
import re
import sys
import zlib
from collections import namedtuple
from contextlib import suppress
from difflib import get_close_matches
from io import StringIO
from itertools import islice, pairwise
from pathlib import Path

from fastrnn.wording import optional

pd = optional("pandas", "reading a file takes pandas")

SEPARATORS = ",;\t|"
"""That are tried."""
HEADER_WITHIN = 30
"""Rows; titles may stand above the header."""
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
FOREIGN = {b"PK\x03\x04": "an Excel workbook or another zip archive: save the sheet as CSV",
           b"\xd0\xcf\x11\xe0": "an Excel workbook: save the sheet as CSV", b"PAR1": "a Parquet file: write it as CSV",
           b"%PDF": "a PDF file: ask for the table as CSV"}  # fmt: skip
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

    Examples
    --------
    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile() as file:
    ...     _ = file.write(b"day;sold\\n\\n1;5\\n2;7\\n")
    ...     file.flush()
    ...     table = read_table(file.name, ["sold"])
    >>> table.text["sold"].to_dict(), table.separator
    ({3: '5', 4: '7'}, ';')
    """
    name = "standard input" if path == "-" else path
    text, encoding = _decoded(_bytes(path), name, encoding)
    if not text.strip():
        raise ValueError(f"{name} is empty: it needs a line with the columns' names, and a line a step")
    separator, header, labels = _header(text, names, separator or SEPARATORS, decimal, name)
    rows, lines = _rows(text, separator, header, labels)
    if not rows:
        raise ValueError(f"{name} has no rows below its header")
    columns = {column: [row[labels.index(column)] for row in rows] for column in names}
    return Table(name, pd.DataFrame(columns, lines, dtype=object), header, separator, encoding)


def refuse(wrong, text, what):
    """An error that names the first line whose text in a column, a Series, is wrong, if there is any."""
    for line in wrong.index[wrong]:
        raise ValueError(f"line {line}: {text.name} is {text[line]!r}, {what}")


# ------------------------------------------------------------------------------------------ text


def _bytes(path):
    if path == "-":
        return sys.stdin.buffer.read()
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder: name a CSV file in it")
    try:
        data = Path(path).read_bytes()
        return gzip.decompress(data) if data.startswith(b"\x1f\x8b") else data
    except FileNotFoundError as error:
        others = {other.name: str(other) for other in Path(path).parent.glob("*")}
        raise FileNotFoundError(error.errno, error.strerror + _near(Path(path).name, others), path) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"{path} is a damaged gzip file: {error}") from None


def _decoded(data, name, encoding):
    """The text, and its encoding."""
    with suppress(LookupError):
        codecs.lookup(encoding or "utf-8")
        encoding = next((its for mark, its in MARKS.items() if data.startswith(mark)), encoding or "utf-8")
    for magic, what in FOREIGN.items():
        if data.startswith(magic):
            raise ValueError(f"{name} is no CSV file but {what}")
    no_text = f"{name} is no text, or in UTF-16: save it as CSV, or pass --encoding utf-16-le"
    try:
        text = data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = len(re.split(b"\r\n|\r|\n", data[: error.start]))
        advice = "pass another --encoding, such as cp1252 (exports of Windows programs)"
        raise ValueError(no_text if b"\0" in data else f"line {line}: {name} is not in {encoding}: {advice}") from None
    except (LookupError, UnicodeError):
        raise ValueError(f"--encoding {encoding} is not known: pass one such as utf-8, utf-16 or cp1252") from None
    if "\0" in text:
        raise ValueError(no_text)
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
    """The separator, and line and fields of the first row that has all names."""
    tops = {separator: _top(text, separator) for separator in separators}
    found = {separator: row for separator, top in tops.items() if (row := _first_with(names, top))}
    if not found:
        raise ValueError(_no_column(list(filter(None, tops.values())), names, name))
    # Of a single column the separator is what the rows below seem to have, but no decimal mark.
    widths = {mark: (len(row[1]), mark != decimal, max(len(x) for _, x in tops[mark])) for mark, row in found.items()}
    separator = max(widths, key=widths.get)
    line, labels = found[separator]
    for column in names:
        if labels.count(column) > 1:
            raise ValueError(f"line {line}: {labels.count(column)} columns are named {column!r}: rename all but one")
    return separator, line, labels


def _first_with(names, rows):
    """The first row that has all names, if only titles, of fewer fields, stand above it; or None."""
    widths = [sum(map(bool, fields)) for _, fields in rows]
    k = next((k for k, (_, fields) in enumerate(rows) if set(names) <= set(fields)), None)
    return None if k is None or widths[k] <= max(widths[:k], default=0) else rows[k]


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
    n_numbers = sum(label[:1].isdigit() or label[:1] in "+-." for label in labels)
    if 2 * n_numbers >= len(labels) and not set(names) & set(labels):
        return f"{name} has no header: write the columns' names above line {line}, {','.join(labels):.60}"
    missing = next(column for column in names if column not in labels)
    near = _near(missing.lower(), {label.lower(): label for label in labels})
    others = f" and {len(labels) - 20} more" * (len(labels) > 20)
    return f"{name} has no column {missing!r}{near}; it has: {', '.join(labels[:20])}{others}"


def _near(name, known):
    """What may be meant by a name, if one that is known is like it: what that one stands for."""
    return "".join(f" (is it {known[other]!r}?)" for other in get_close_matches(name, known, 1))


def _rows(text, separator, header, labels):
    """The fields of the rows below the header, and the lines that they begin on."""
    width = max(k for k, label in enumerate(labels, 1) if label)
    rows, lines, before = [], [], None
    for line, fields in _records(text, separator):
        if line <= header or (not fields and width > 1):
            continue
        if any(fields):
            # More fields than names must be empty, and as many in all rows: separators at the end of each line.
            before = before or len(fields)
            if len(fields) < width or any(fields[width:]) or len(fields) != before:
                raise ValueError(_ragged(line, fields, separator, header, labels[:width], before))
        rows.append(fields or [""])
        lines.append(line)
    kept = [k for k, row in enumerate(rows) if any(row)]
    is_alternating = width == 1 and all(bool(a[0]) != bool(b[0]) for a, b in pairwise(rows))
    if not is_alternating:  # as where blank lines stand between all others; else they are holes
        kept = range(kept[-1] + 1 if kept else 0)
    return [rows[k] + [""] * width for k in kept], [lines[k] for k in kept]


def _ragged(line, fields, separator, header, labels, before):
    """What to say of a row whose fields are not as many as the names."""
    mark = repr(separator) if separator != "\t" else "tab"
    n = f"{len(fields)} field{'s' * (len(fields) != 1)}"
    if len(fields) >= len(labels) and not any(fields[len(labels) :]):
        return f"line {line} has {n}, separated by {mark}, but the rows above have {before}: correct the line"
    names = f"{len(labels)} name{'s' * (len(labels) != 1)}"
    advice = f"quote fields that hold {mark}, or correct the line"
    if separator == "," and len(fields) > len(labels):
        rest = 'pass --decimal ","' if len(labels) == 1 else 'separate columns by ";" and pass --decimal ","'
        advice += f"; if commas are decimal marks, {rest}"
    return f"line {line} has {n}, but the header (line {header}) has {names}, separated by {mark}: {advice}"
