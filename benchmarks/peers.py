"""fastrnn against PyTorch and ONNX Runtime, in one run, alternating.

    python -m benchmarks.peers [--only infer,train,ragged,models,ragged-models,step,fit,forecast] [--cells lstm,gru,rnn]
                               [--repeats 5] [--threads 2] [--json FILE] [--markdown FILE]

Each library works in a process of its own, in turn. All get the same weights and the same batch,
and must agree before they are timed. A ratio is the fastest peer's time over fastrnn's, both
medians of the repeats. A row during which other processes kept a core busy is timed again, and
marked where that did not help: it says little, the peers' part of it least.

infer   one layer forward: ``eval()``, ``inference_mode``, an ONNX model of one node
train   forward and backward from the last step's output; the parameters' gradients, no optimiser
ragged  the same on lengths uniform in [T/4, T]; PyTorch packed, and padded with a gather
models  a training step of a tagger, a generator and an encoder-decoder with attention, from stored
        sequences to gradients, no optimiser; ragged-models likewise (`benchmarks.networks`)
step    one step of one sequence, states carried along, median and 99th percentile (`benchmarks.steps`)
fit     JapaneseVowels, bidirectional GRU of 64, 60 epochs; PyTorch with packed sequences
forecast  a forecaster's fit on 64 series of 400 steps, ten epochs (`benchmarks.forecast_fit`)
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks import machine, whole_fit
from benchmarks.contenders import LIBRARIES, Case, ragged_lengths
from benchmarks.forecast_fit import ForecastCase
from benchmarks.measure import BLOCK_SECONDS, alternate, check_agreement, geometric_mean, medians
from benchmarks.networks import NetworkCase
from benchmarks.report import markdown_table, milliseconds, significant, write_json
from benchmarks.steps import StepCase
from benchmarks.workers import installed

OURS = "fastrnn"
CELLS = ("lstm", "gru", "rnn")
GRID = (  # B, T, I, H
    (1, 50, 8, 32),
    (1, 100, 64, 64),
    (16, 50, 16, 32),
    (32, 100, 8, 32),
    (32, 50, 32, 64),
    (64, 50, 64, 128),
    (64, 25, 256, 256),
    (64, 25, 512, 512),
    (32, 25, 1024, 1024),
)
RAGGED = (
    ("lstm", 16, 29, 12, 32),
    ("lstm", 32, 100, 8, 64),
    ("lstm", 64, 100, 32, 128),
    ("gru", 32, 100, 8, 64),
    ("gru", 64, 100, 32, 128),
)
MODELS = ("tagger", "generator", "seq2seq")
STEP_SIZES = ((8, 32), (64, 128))  # I, H
MODEL_SECTIONS = ("models", "ragged-models", "forecast")
MODEL_CELLS = ("lstm", "gru")
MODEL_SIZES = (32, 64)
TOLERANCE = 1e-4
STEP_SECONDS = 0.3
# A row is disturbed if other processes kept more than so many cores busy while it was timed.
ELSEWHERE = 0.1
TRIES = 2
# What is asked of a cell: (geometric mean of the ratios, least ratio).
TARGETS = {
    "infer": {"lstm": (1.3, 0.97), "gru": (1.6, 0.97), "rnn": (2.0, 0.97)},
    "train": {"lstm": (2.5, 1.1), "gru": (6.0, 1.3), "rnn": (6.0, 1.3)},
    "ragged": {"lstm": (3.0, 3.0), "gru": (3.0, 3.0)},
    "models": {"lstm": (1.8, 1.8), "gru": (4.0, 4.0)},
    "ragged-models": {"lstm": (3.0, 3.0), "gru": (4.0, 4.0)},
    "step": dict.fromkeys(CELLS, (0.0, 2.0)),
    "fit": {"gru": (10.0, 10.0)},
    "forecast": {"lstm": (1.8, 1.8), "gru": (5.0, 5.0)},
}
TITLES = {
    "infer": "Inference, one layer",
    "train": "Training pass, one layer",
    "ragged": "Training pass, ragged batch (lengths uniform in [T/4, T])",
    "models": "Training step, whole network",
    "ragged-models": "Training step, whole network, ragged batch (lengths uniform in [T/4, T])",
    "step": "A step of one sequence, answered",
    "fit": "A whole fit: JapaneseVowels, bidirectional GRU of 64, 60 epochs",
    "forecast": "A forecaster's fit: 64 series of 400 steps, ten epochs",
}


def least_ratio(section, cell, H):
    """Return the ratio asked of a single point."""
    if section == "step" and H > 32:
        return 1.25
    return 0.95 if section == "infer" and H > 256 else TARGETS[section][cell][1]


def cases(section, cells):
    """Return the cases of a section: the grid for each cell, or the ragged rows."""
    if section == "ragged":
        rows = (row for row in RAGGED if row[0] in cells)
        return [Case(*row, ragged=ragged_lengths(B=row[1], T=row[2])) for row in rows]
    return [Case(cell, *sizes) for cell in cells for sizes in GRID]


def network_cases(section, cells):
    """Return the cases of a section of whole networks."""
    if section == "forecast":
        return [ForecastCase.of(cell, H) for cell in MODEL_CELLS if cell in cells for H in MODEL_SIZES]
    return [
        NetworkCase(model, cell, H, ragged=section == "ragged-models")
        for cell in MODEL_CELLS
        if cell in cells
        for model in MODELS
        for H in MODEL_SIZES
    ]


def layer_row(section, case, workers, repeats, facts):
    """Check and time one case; return its row."""
    build = "inference" if section == "infer" else "training"
    contenders = [contender for worker in workers for contender in worker.contenders(build, case)]
    check_agreement(contenders, TOLERANCE)
    row = {"cell": case.cell, "B": case.B, "T": case.T, "I": case.I, "H": case.H}
    row |= timing(contenders, workers, repeats)
    return row | floors(section, case, row["seconds"].get(OURS), facts)


def network_row(section, case, workers, repeats):
    """Check and time one network; return its row."""
    build, block_seconds = ("forecast", 0) if section == "forecast" else ("network", BLOCK_SECONDS)
    contenders = [c for worker in workers for c in worker.contenders(build, case)]
    check_agreement(contenders, TOLERANCE)
    row = {"model": case.model, "cell": case.cell, "B": case.B, "T": case.T, "H": case.H}
    return row | timing(contenders, workers, repeats, block_seconds=block_seconds)


def step_rows(cells, workers, repeats):
    """Return the rows of single steps; a ratio is that of the worse of median and 99th percentile."""
    rows = []
    for case in (StepCase(cell, *sizes) for cell in cells for sizes in STEP_SIZES):
        contenders = [c for worker in workers for c in worker.contenders("step", case)]
        check_agreement([c for c in contenders if "only" not in c.name], TOLERANCE)
        elsewhere, figures = machine.Elsewhere(workers), {c.name: [] for c in contenders}
        for _ in range(repeats):
            for c in contenders:
                figures[c.name].append(c.percentiles(STEP_SECONDS))
        middle = {name: np.median(pairs, axis=0) for name, pairs in figures.items()}
        peers = [pair for name, pair in middle.items() if name != OURS]
        ratios = np.min(peers, axis=0) / middle[OURS] if peers else [None, None]
        rows.append({
            "cell": case.cell, "I": case.I, "H": case.H, "ratio": min(ratios), "ratios": list(ratios),
            "seconds": {name: list(pair) for name, pair in middle.items()},
            "repeats": figures, "cores_busy_elsewhere": elsewhere.cores(),
        })  # fmt: skip
        print("step", case.cell, (case.I, case.H), ratio_text(rows[-1]), file=sys.stderr, flush=True)
    return rows


def timing(contenders, workers, repeats, **options):
    """Time contenders, and up to `TRIES` times again if disturbed; return the quietest try."""
    rows = []
    while not rows or (disturbed(rows[-1]) and len(rows) <= TRIES):
        rows.append(timing_once(contenders, workers, repeats, **options))
    return min(rows, key=lambda row: row["cores_busy_elsewhere"] or 0)


def timing_once(contenders, workers, repeats, **options):
    """Time contenders; return medians, the repeats behind them, and the ratio to the best peer."""
    elsewhere = machine.Elsewhere(workers)
    seconds = alternate(contenders, repeats, **options)
    middle = medians(seconds)
    peers = [value for name, value in middle.items() if name != OURS]
    ratio = min(peers) / middle[OURS] if peers and OURS in middle else None
    row = {"seconds": middle, "repeats": seconds, "ratio": ratio}
    return row | {"cores_busy_elsewhere": elsewhere.cores()}


def floors(section, case, seconds, facts):
    """Return the floor and the fraction of it reached, at 0.27 ns and at this machine's tanh."""
    sizes = (case.cell, case.rows, case.I, case.H)
    training = section != "infer"
    # One sequence's steps are one core's, but its weights' gradients can be shared.
    cores = facts["threads"] if training else min(facts["threads"], case.B)
    common = {"training": training, "cores": cores}
    floor = machine.floor_seconds(*sizes, **common, peak=facts["peak_gflops"] * 1e9)
    peak = facts["peak_gflops" if cores == 1 else "peak_together_gflops"] * 1e9
    here = machine.floor_seconds(*sizes, **common, peak=peak, activation_ns=facts["tanh_ns"])
    return {
        "floor": floor,
        "floor_here": here,
        "of_floor": seconds and floor / seconds,
        "of_floor_here": seconds and here / seconds,
    }


def fit_rows(workers, repeats):
    """Time the whole fit; the row carries each library's mean accuracy on the test part."""
    try:
        split = whole_fit.Split.japanese_vowels()
    except ImportError as error:
        print(f"fit skipped, its data come with fastrnn: {error}", file=sys.stderr)
        return []
    contenders = [c for worker in workers for c in worker.contenders("whole_fit", split)]
    row = {"cell": "gru", "H": whole_fit.HIDDEN}
    row |= timing_once(contenders, workers, repeats, block_seconds=0)
    return [row | {"accuracy": {c.name: float(c.result()["accuracy"]) for c in contenders}}]


def run_section(section, cells, workers, repeats, facts):
    """Return the rows of a section, announcing each as it is done."""
    if section == "fit":
        return fit_rows(workers, repeats)
    if section in MODEL_SECTIONS:
        return network_rows(section, cells, workers, repeats)
    if section == "step":
        return step_rows(cells, workers, repeats)
    rows = []
    for case in cases(section, cells):
        rows.append(layer_row(section, case, workers, repeats, facts))
        sizes = case.B, case.T, case.I, case.H
        print(section, case.cell, sizes, ratio_text(rows[-1]), file=sys.stderr, flush=True)
    return rows


def network_rows(section, cells, workers, repeats):
    """Return the rows of a section of whole networks, announcing each as it is done."""
    rows = []
    for case in network_cases(section, cells):
        rows.append(network_row(section, case, workers, repeats))
        sizes = case.model, case.cell, case.H
        print(section, *sizes, ratio_text(rows[-1]), file=sys.stderr, flush=True)
    return rows


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


def ratio_text(row):
    """Return a row's ratio, marked where other processes were in the way."""
    return significant(row["ratio"]) + (" (disturbed)" if disturbed(row) else "")


def disturbed(row):
    """Say whether other processes were in the way while the row was timed."""
    return (row["cores_busy_elsewhere"] or 0) > ELSEWHERE


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
        f"Python {facts['python']}, {versions}; medians of {repeats}.\n"
        f"FMA peak of a core {facts['peak_gflops']:.0f} GFLOP/s, of one among {facts['threads']} busy ones "
        f"{facts['peak_together_gflops']:.0f}; a tanh {facts['tanh_ns']:.2f} ns. "
        f"Floor = multiply-adds / peak + activations at {machine.ACTIVATION_NS} ns; "
        f"'here' = at the tanh and, for two threads, the peak that this machine has.\n"
    )


def parse(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__.split("\n")[0])
    parser.add_argument("--only", default=",".join(TITLES), help="sections, by commas (default: all)")
    parser.add_argument("--cells", default=",".join(CELLS), help="cells, by commas (default: all)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--markdown", metavar="FILE")
    options = parser.parse_args(arguments)
    options.only, options.cells = options.only.split(","), options.cells.split(",")
    for name, known in [("only", TITLES), ("cells", CELLS)]:
        if unknown := set(getattr(options, name)) - set(known):
            parser.error(f"--{name}: unknown {', '.join(sorted(unknown))}; choose from {', '.join(known)}")
    return options


def main(arguments=None):
    """Run the sections asked for; print and write their tables."""
    options = parse(arguments)
    workers, missing = installed(LIBRARIES, options.threads)
    for sentence in missing:
        print(sentence, file=sys.stderr)
    facts = machine.facts(options.threads)
    sections = {
        section: run_section(section, options.cells, workers, options.repeats, facts)
        for section in TITLES
        if section in options.only
    }
    parts = [machine_markdown(facts, options.repeats), *(f"{sentence}\n" for sentence in missing)]
    parts += [section_markdown(section, rows) for section, rows in sections.items() if rows]
    text = "\n".join(parts)
    print(text)
    if options.markdown:
        Path(options.markdown).write_text(text, encoding="utf-8")
    summaries = {section: summary(section, rows) for section, rows in sections.items()}
    write_json(options.json, {"machine": facts, "missing": missing, "sections": sections, "summary": summaries})


if __name__ == "__main__":
    main()
