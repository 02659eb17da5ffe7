"""How many times faster than a GRU do MinGRU, MinLSTM and SRU train, and what of that is their inputs' products?

    python -m benchmarks.promises.minimal [--repeats 5] [--threads 1] [--json FILE]

Forward and backward of a layer, to the parameters' gradients, as in the training section of `benchmarks.peers`: at its
sizes, and for 64 numbers a step, 128 units and 32 sequences of 100 steps.  Alternating, and of each the best repeat, a
repeat being the median call of a block.  The floor is the time of the multiply-adds of their inputs' products alone, at
the measured peak: no code that makes them reaches it.  Fails where MinGRU at those last sizes is not 2.5 times as fast
as the GRU.
"""

from __future__ import annotations

import argparse

from benchmarks.measuring.machine import fma_peak
from benchmarks.measuring.measure import Contender, alternate, best
from benchmarks.measuring.report import markdown_table, milliseconds, significant, write_json
from benchmarks.peers.cases import Case
from benchmarks.peers.sections import GRID
from fastrnn import threads
from fastrnn.layers import GRU, LSTM, SRU, MinGRU, MinLSTM

LEAST, DECIDES = 2.5, (32, 100, 64, 128)
LAYERS = {"GRU": GRU, "LSTM": LSTM, "MinGRU": MinGRU, "MinLSTM": MinLSTM, "SRU": SRU}
GATES = {"MinGRU": 2, "MinLSTM": 3, "SRU": 3}


def training(name, case):
    """Return the contender that trains a layer."""
    layer = LAYERS[name](case.I, case.H, random_state=0)

    def step():
        layer.zero_grad()
        layer(case.x)
        layer.backward(case.d_output, input_grad=False)

    return Contender(name, step)


def floor(name, case, peak, cores):
    """Return the seconds of the products of x with the weights, and of their gradients."""
    gates = GATES[name] + (name == "SRU" and case.I != case.H)
    return 2 * 2 * case.rows * gates * case.H * case.I / peak / cores


def measure(sizes, repeats, n_threads, peak):
    """Return the row of a grid's sizes (B, T, I, H)."""
    case = Case("gru", *sizes)
    with threads.limit(n_threads):
        seconds = best(alternate([training(name, case) for name in LAYERS], repeats))
    ratios = {name: seconds["GRU"] / seconds[name] for name in LAYERS}
    floors = {name: floor(name, case, peak, n_threads) for name in GATES}
    return {"sizes": sizes, "threads": n_threads, "seconds": seconds, "ratios": ratios, "floors": floors}


def cells(row):
    """Return a row of the table."""
    times = [milliseconds(seconds) for seconds in row["seconds"].values()]
    shares = [significant(row["floors"][name] / row["seconds"][name], 2) for name in GATES]
    return [", ".join(map(str, row["sizes"])), *times, *(significant(row["ratios"][name]) for name in GATES), *shares]


def main(arguments=None):
    """Measure all sizes; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.minimal")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    peak = fma_peak(options.threads)
    rows = [measure(sizes, options.repeats, options.threads, peak) for sizes in (*GRID, DECIDES)]
    columns = [f"{name} ms" for name in LAYERS] + [f"GRU / {name}" for name in GATES]
    columns += [f"floor / {name}" for name in GATES]
    print(f"{options.threads} threads, each {peak / 1e9:.0f} GFLOP/s at best")
    print(markdown_table(["B, T, I, H", *columns], [cells(row) for row in rows]))
    write_json(options.json, rows)
    if rows[-1]["ratios"]["MinGRU"] < LEAST:
        raise SystemExit(f"MinGRU at {DECIDES} is less than {LEAST} times as fast as the GRU")


if __name__ == "__main__":
    main()
