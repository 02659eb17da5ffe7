"""Tables in Markdown, figures in JSON."""

from __future__ import annotations

import json
from pathlib import Path


def markdown_table(columns, rows):
    """Return rows of cells (strings or numbers) as a Markdown table, aligned in plain text too."""
    cells = [[str(cell) for cell in row] for row in (columns, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    lines = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def milliseconds(seconds):
    """Return seconds as milliseconds with three significant digits; a dash stands for None."""
    return "-" if seconds is None else significant(seconds * 1e3)


def significant(value, digits=3):
    """Return a number with ``digits`` significant digits, or all of its integer part."""
    if value is None:
        return "-"
    if abs(value) >= 10**digits:
        return f"{value:.0f}"
    return f"{value:#.{digits}g}".rstrip(".")


def write_json(path, content):
    """Write ``content`` as indented JSON, or nothing if ``path`` is None."""
    if path is not None:
        Path(path).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
