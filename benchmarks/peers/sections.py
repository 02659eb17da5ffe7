"""The sections: their cases, each checked and timed; a row a case."""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.measuring import machine
from benchmarks.measuring.measure import BLOCK_SECONDS, check_agreement
from benchmarks.measuring.report import significant
from benchmarks.peers import whole_fit
from benchmarks.peers.cases import Case, ragged_lengths
from benchmarks.peers.forecast_fit import ForecastCase
from benchmarks.peers.networks import NetworkCase
from benchmarks.peers.steps import StepCase
from benchmarks.peers.timing import OURS, disturbed, floors, timing, timing_once

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
BUILDS = {"infer": "inference", "train": "training", "ragged": "training"}
"""What makes a library's contenders of a layer's case."""
TOLERANCE = 1e-4
STEP_SECONDS = 0.3
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
    contenders = [contender for worker in workers for contender in worker.contenders(BUILDS[section], case)]
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


def ratio_text(row):
    """Return a row's ratio, marked where other processes were in the way."""
    return significant(row["ratio"]) + (" (disturbed)" if disturbed(row) else "")
