"""The sections' rows and summaries in Markdown."""

from __future__ import annotations

from collections import defaultdict

from benchmarks.measuring import machine
from benchmarks.measuring.measure import geometric_mean
from benchmarks.measuring.report import markdown_table, milliseconds, significant
from benchmarks.peers.sections import MODEL_SECTIONS, TITLES, ratio_text
from benchmarks.peers.targets import TARGETS, least_ratio
from benchmarks.peers.timing import disturbed


def section_markdown(section, rows):
    """Return a section as Markdown: its rows, then its summary."""
    if section == "fit":
        table = fit_table(rows)
    elif section == "step":
        table = step_table(rows)
    elif section in MODEL_SECTIONS:
        table = network_table(section, rows)
    else:
        table = layer_table(section, rows)
    cells = summary(section, rows)
    tables = [table, summary_table(section, cells)] if cells and section != "step" else [table]
    return "\n\n".join([f"## {TITLES[section]}", *tables]) + "\n"


def layer_table(section, rows):
    """Milliseconds, ratio and fractions of the floor, a line a case."""
    names = contender_names(rows)
    columns = ["cell", "B, T, I, H", *(f"{name} ms" for name in names)]
    columns += ["ratio", "asked", "of floor", "of floor here"]
    lines = []
    for row in rows:
        sizes = f"{row['B']}, {row['T']}, {row['I']}, {row['H']}"
        times = [milliseconds(row["seconds"].get(name)) for name in names]
        asked = significant(least_ratio(section, row["cell"], row["H"]))
        reached = [percent(row["of_floor"]), percent(row["of_floor_here"])]
        lines.append([row["cell"], sizes, *times, ratio_text(row), asked, *reached])
    return markdown_table(columns, lines)


def network_table(section, rows):
    """Milliseconds and ratio, a line a network."""
    names = contender_names(rows)
    columns = ["model", "cell", "B, T, H", *(f"{name} ms" for name in names), "ratio", "asked"]
    lines = []
    for row in rows:
        times = [milliseconds(row["seconds"].get(name)) for name in names]
        asked = significant(least_ratio(section, row["cell"], row["H"]))
        sizes = f"{row['B']}, {row['T']}, {row['H']}"
        lines.append([row["model"], row["cell"], sizes, *times, ratio_text(row), asked])
    return markdown_table(columns, lines)


def step_table(rows):
    """Microseconds, median and 99th percentile, and their ratios, a line a case."""
    names = contender_names(rows)
    columns = ["cell", "I, H", *(f"{name} us" for name in names), "ratio", "asked"]
    lines = []
    for row in rows:
        pairs = [row["seconds"].get(name, [None, None]) for name in names]
        times = [", ".join("-" if s is None else significant(1e6 * s) for s in pair) for pair in pairs]
        ratios = ", ".join(map(significant, row["ratios"])) + (" (disturbed)" if disturbed(row) else "")
        asked = significant(least_ratio("step", row["cell"], row["H"]))
        lines.append([row["cell"], f"{row['I']}, {row['H']}", *times, ratios, asked])
    return "Median and 99th percentile.\n\n" + markdown_table(columns, lines)


def fit_table(rows):
    """Seconds and accuracy, a line a library."""
    lines = [
        [name, significant(seconds), significant(row["accuracy"][name]), ratio_text(row)]
        for row in rows
        for name, seconds in row["seconds"].items()
    ]
    return markdown_table(["library", "s a fit", "mean test accuracy", "ratio"], lines)


def contender_names(rows):
    """Return the contenders' names in the order in which they first appear."""
    return list(dict.fromkeys(name for row in rows for name in row["seconds"]))


def percent(fraction):
    """Return a fraction as whole per cent, or a dash."""
    return "-" if fraction is None else f"{100 * fraction:.0f} %"


def summary(section, rows):
    """Return geometric mean, least ratio and whether both suffice, for each cell."""
    by_cell = defaultdict(list)
    for row in rows:
        if row["ratio"] is not None:
            by_cell[row["cell"]].append(row)
    return {cell: cell_summary(section, cell, rows) for cell, rows in by_cell.items()}


def cell_summary(section, cell, rows):
    """Summarise the rows of one cell against what is asked of it."""
    ratios = [row["ratio"] for row in rows]
    mean, asked_mean = geometric_mean(ratios), TARGETS[section][cell][0]
    short = [row for row in rows if row["ratio"] < least_ratio(section, cell, row["H"])]
    return {
        "geometric_mean": mean,
        "asked_mean": asked_mean,
        "minimum": min(ratios),
        "asked_minimum": TARGETS[section][cell][1],
        "points_short": len(short),
        "points_disturbed": sum(map(disturbed, rows)),
        "met": mean >= asked_mean and not short,
    }


def summary_table(section, cells):
    """Return the summary as Markdown."""
    lines = [
        [
            cell,
            significant(s["geometric_mean"]),
            significant(s["asked_mean"]),
            significant(s["minimum"]),
            significant(s["asked_minimum"]) + (" (0.95 above H = 256)" if section == "infer" else ""),
            met_text(s),
        ]
        for cell, s in cells.items()
    ]
    return markdown_table(["cell", "geometric mean", "asked", "minimum", "asked", "met"], lines)


def met_text(summary):
    """Say whether a cell's ratios suffice, and what stands in the way."""
    short = []
    if summary["geometric_mean"] < summary["asked_mean"]:
        short.append("mean")
    if summary["points_short"]:
        short.append(f"{summary['points_short']} points")
    text = f"no ({', '.join(short)} short)" if short else "yes"
    count = summary["points_disturbed"]
    return f"{text}; {count} disturbed" if count else text


def machine_markdown(facts, repeats):
    """Say where and with what the figures were taken."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items() if version)
    return (
        f"{facts['cpu']}, {facts['cores']} cores, {facts['threads']} threads; "
        f"Python {facts['python']}, {versions}; best of {repeats} blocks.\n"
        f"FMA peak of a core {facts['peak_gflops']:.0f} GFLOP/s, of one among {facts['threads']} busy ones "
        f"{facts['peak_together_gflops']:.0f}; a tanh {facts['tanh_ns']:.2f} ns. "
        f"Floor = multiply-adds / peak + activations at {machine.ACTIVATION_NS} ns; "
        f"'here' = at the tanh and, for two threads, the peak that this machine has.\n"
    )
