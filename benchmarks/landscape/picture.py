"""The picture of the landscape: ratio over size. Needs matplotlib."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from benchmarks.peers.plot import versions_text

COLOURS = {"lstm": "#08519c", "gru": "#d94801", "rnn": "#238b45"}
SECTIONS = {"infer": "inference", "train": "training pass"}


def draw(rows, facts, path):
    """Write the picture of rows that have a ratio: a dot a size, hollow where lengths are ragged."""
    figure, both = pyplot.subplots(1, 2, figsize=(11, 4.5), sharex=True, layout="constrained")
    for axes, (section, text) in zip(both, SECTIONS.items(), strict=True):
        for cell, colour in COLOURS.items():
            for is_ragged in (False, True):
                kind = (section, cell, is_ragged)
                found = [row for row in rows if (row["section"], row["cell"], row["ragged"]) == kind]
                axes.scatter(
                    [row["operations"] / 2 for row in found], [row["ratio"] for row in found], s=16,
                    facecolors="none" if is_ragged else colour, edgecolors=colour,
                    label=f"{cell.upper()}, {'ragged' if is_ragged else 'equal'}",
                )  # fmt: skip
        axes.axhline(1, color="#333333", lw=1)
        axes.set(xscale="log", yscale="log", title=text, xlabel="multiply-adds of a pass")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}x"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.spines[["top", "right"]].set_visible(False)
    both[0].set_ylabel("times faster than the fastest peer")
    both[1].legend(fontsize=7)
    figure.suptitle(versions_text(facts), size=8)
    figure.savefig(path, dpi=150)
