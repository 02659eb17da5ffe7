"""The picture of the documentation, and that of README: how many times faster than the fastest peer.

    python -m benchmarks.peers.plot FILE [--output docs/speed.svg]

FILE is what ``python -m benchmarks.peers --json FILE`` wrote. A dot is a size of the grid, a bar
the geometric mean of a cell. What is printed is README's: text, for a page that may show no files. Needs matplotlib.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.measuring.measure import geometric_mean
from benchmarks.peers.timing import disturbed

CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
SECTIONS = {
    "infer": "inference",
    "train": "training pass",
    "ragged": "training pass,\nragged lengths",
    "fit": "whole fit",
}
BAR, DOT, INK = "#9ecae1", "#08519c", "#333333"
# The same input gives the same file, and letters stay letters.
STYLE = {"svg.hashsalt": "fastrnn", "svg.fonttype": "none", "font.size": 10, "text.color": INK}


def bars(sections):
    """Return (section, cell, ratios) of each bar, in the order of the page."""
    found = []
    for section in SECTIONS:
        for cell in CELLS:
            rows = [row for row in sections.get(section, []) if row["cell"] == cell]
            if ratios := [row["ratio"] for row in rows if row["ratio"] is not None]:
                found.append((section, cell, ratios))
    return found


def as_text(rows):
    """Bars made of letters, four for each time faster, of (section, cell, mean, least)."""
    most = 1 + int(max(mean for *_, mean, _ in rows))
    lines, before = [f"{'':36}   1x" + "".join(f"{x:>3}x" for x in range(2, most + 1))], None
    for section, cell, mean, least in rows:
        bar = "█" * int(4 * mean) + ["", "▎", "▌", "▊"][int(16 * mean) % 4]
        title = section.replace("\n", " ") if section != before else ""
        lines.append(f"{title:<30}{cell:<6}{bar:<{4 * most + 1}}{mean:.2f}, least {least:.2f}")
        before = section
    return "\n".join(lines)


def versions_text(facts):
    """Say where, and against which versions, the figures were taken."""
    peers = {"torch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
    versions = [f"{peers[k]} {v}" for k, v in facts["versions"].items() if k in peers and v]
    return f"{facts['cpu']}, {facts['threads']} threads; {', '.join(versions)}"


def draw(content):
    """Return the figure."""
    found = bars(content["sections"])
    figure, axes = pyplot.subplots(figsize=(7.5, 0.9 + 0.34 * len(found)), layout="constrained")
    for place, (_, _, ratios) in enumerate(found):
        mean = geometric_mean(ratios)
        axes.barh(place, mean - 1, left=1, height=0.62, color=BAR)
        axes.plot(ratios, [place] * len(ratios), "o", ms=3.5, mew=0, color=DOT, alpha=0.8)
        axes.annotate(
            f"{mean:.1f}x", (max(*ratios, mean), place), (6, 0),
            textcoords="offset points", va="center",
        )  # fmt: skip
    first = {section: place for place, (section, _, _) in reversed(list(enumerate(found)))}
    for section, place in first.items():
        axes.text(
            -0.1, place, SECTIONS[section], ha="right", va="center",
            transform=axes.get_yaxis_transform(), weight="bold",
        )  # fmt: skip
        if place:
            axes.axhline(place - 0.5, color="0.85", lw=0.8)
    finish(axes, found, versions_text(content["machine"]))
    return figure


def finish(axes, found, where):
    """Scales, labels, and the line at which nobody is faster."""
    axes.axvline(1, color=INK, lw=1)
    axes.set_xscale("log")
    axes.set_xticks([tick for tick in (0.5, 1, 2, 3, 5, 10, 20, 50) if tick >= axes.get_xlim()[0]])
    axes.set_xlim(right=1.25 * max(max(ratios) for *_, ratios in found))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}x"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(found)), [CELLS[cell] for _, cell, _ in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title("times faster than the fastest of the others", loc="left", size=11)
    axes.set_xlabel(f"bar: geometric mean; dot: one size\n{where}", size=8)


def main(arguments=None):
    """Read the figures, write the picture."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.plot")
    parser.add_argument("figures", metavar="FILE", type=Path)
    parser.add_argument("--output", metavar="FILE", type=Path, default=Path("docs/speed.svg"))
    options = parser.parse_args(arguments)
    content = json.loads(options.figures.read_text(encoding="utf-8"))
    if not bars(content["sections"]):
        raise SystemExit(f"{options.figures} holds no ratio: was no peer installed?")
    for section, rows in content["sections"].items():
        if count := sum(map(disturbed, rows)):
            print(f"{count} disturbed rows in {section}: run the peers again", file=sys.stderr)
    rows = bars(content["sections"])
    of_sizes = [row for row in rows if len(row[2]) > 1]  # a whole fit is one figure, which needs no bar
    print(as_text([(SECTIONS[part], CELLS[cell], geometric_mean(found), min(found)) for part, cell, found in of_sizes]))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with pyplot.rc_context(STYLE):
        draw(content).savefig(options.output, metadata={"Date": None})


if __name__ == "__main__":
    main()
