"""The landscape in Markdown: quantiles by cell and kind, the worst rows, neighbours that are too far apart."""

from __future__ import annotations

import numpy as np

from benchmarks.landscape.rows import name
from benchmarks.measuring.measure import geometric_mean
from benchmarks.measuring.report import markdown_table, milliseconds, significant
from benchmarks.peers.sections import CELLS, ratio_text
from benchmarks.peers.tables import contender_names, percent
from benchmarks.peers.timing import disturbed

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
WORST = 10
MEANS = {"train": {"lstm": 2.5, "gru": 8.0, "rnn": 8.0}, "infer": {}}
"""What is asked of the geometric mean of the ratios."""
FIFTH = {"train": 1.1, "infer": 0.95}
"""What is asked of their fifth percentile."""


def timed(rows):
    """Return the rows that have a ratio."""
    return [row for row in rows if row.get("ratio") is not None]


def groups(rows):
    """Return (section, label, rows) by cell, then by the kind of lengths."""
    found = []
    for section in ("infer", "train"):
        of_section = [row for row in rows if row["section"] == section]
        found += [(section, cell, [row for row in of_section if row["cell"] == cell]) for cell in CELLS]
        for label, is_ragged in (("equal", False), ("ragged", True)):
            found.append((section, label, [row for row in of_section if row["ragged"] == is_ragged]))
    return [group for group in found if group[2]]


def summary(rows):
    """Return figures for each group of rows."""
    found = []
    for section, label, group in groups(timed(rows)):
        ratios = [row["ratio"] for row in group]
        mean, asked = geometric_mean(ratios), MEANS[section].get(label)
        quantiles = np.quantile(ratios, QUANTILES).tolist()
        # What is asked is asked of cells; equal and ragged lengths only show where a shortfall comes from.
        met = (asked is None or mean >= asked) and quantiles[0] >= FIFTH[section] if label in CELLS else None
        floor = float(np.median([row["of_floor_here"] for row in group]))
        found.append({
            "section": section, "of": label, "rows": len(group), "disturbed": sum(map(disturbed, group)),
            "geometric_mean": mean, "asked_mean": asked, "quantiles": quantiles, "asked_fifth": FIFTH[section],
            "of_floor_here": floor, "met": met,
        })  # fmt: skip
    return found


def summary_table(rows):
    """Return the figures as Markdown."""
    columns = ["section", "of", "rows", "disturbed", "geometric mean", "asked"]
    columns += [f"{100 * q:.0f} %" for q in QUANTILES] + ["asked of 5 %", "of floor here, median", "met"]
    cells = [
        [
            s["section"], s["of"], s["rows"], s["disturbed"], significant(s["geometric_mean"]),
            significant(s["asked_mean"]), *map(significant, s["quantiles"]), significant(s["asked_fifth"]),
            percent(s["of_floor_here"]), {True: "yes", False: "NO", None: "-"}[s["met"]],
        ]
        for s in summary(rows)
    ]  # fmt: skip
    return markdown_table(columns, cells)


def worst_table(rows):
    """Return the rows with the least ratios as Markdown, or, without peers, those farthest from the floor."""
    key = "ratio" if timed(rows) else "of_floor_here"
    found = sorted((row for row in rows if row.get(key) is not None), key=lambda row: row[key])[:WORST]
    names = contender_names(found)
    cells = [
        [
            name(row),
            *(milliseconds(row["seconds"].get(n)) for n in names),
            ratio_text(row),
            percent(row["of_floor_here"]),
        ]
        for row in found
    ]
    return markdown_table(["B, T, I, H", *(f"{n} ms" for n in names), "ratio", "of floor here"], cells)


def neighbours_table(pairs):
    """Return the pairs that differ too much as Markdown, the most first, or the one that differs most."""
    by_width = sorted(pairs, key=lambda pair: -pair["apart"])
    found = [pair for pair in by_width if not pair["passed"]] or by_width[:1]
    cells = [[name(pair), f"{pair['changed']} {pair['to']}", significant(pair["apart"])] for pair in found]
    return markdown_table(["B, T, I, H", "neighbour", "times the time an operation"], cells)
