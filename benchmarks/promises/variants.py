"""What do peepholes, normalised layers and projections (to half of the units) cost in training, beside the plain layer?

    python -m benchmarks.promises.variants [--seconds 3] [--threads 1] [--only lstm_peephole] [--json FILE]

Forward and backward of one layer over the peers' grid up to 512 units, in turn with the plain LSTM or GRU: the least
time of each, to which a busy machine adds nothing.  Fails where a variant costs more than its bound.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from benchmarks.measuring.report import markdown_table, milliseconds, significant, write_json
from benchmarks.peers.sections import GRID
from fastrnn import threads
from fastrnn.layers import GRU, LSTM

VARIANTS = {  # the plain layer, the options of a variant with H units, and how many times its time at most
    "lstm_peephole": (LSTM, lambda H: {"peephole": True}, 1.15),
    "lstm_layer_norm": (LSTM, lambda H: {"layer_norm": True}, 1.4),
    "gru_layer_norm": (GRU, lambda H: {"layer_norm": True}, 1.4),
    "lstm_projection": (LSTM, lambda H: {"proj_size": H // 2}, 1.15),
}
SIZES = [sizes for sizes in GRID if sizes[3] <= 512]


def training(make, options, n_threads, B, T, I, H):
    """Return what makes a pass."""
    rng = np.random.default_rng(0)
    layer, x = make(I, H, random_state=0, **options), rng.standard_normal((T, B, I)).astype(np.float32)
    d_output = np.ones_like(layer(x)[0])

    def run():
        with threads.limit(n_threads):
            layer(x)
            layer.backward(d_output)

    return run


def fastest(calls, seconds):
    """Return the least seconds of each call, made in turn; the first is for compiling."""
    for call in calls:
        call()
    found, end = [float("inf")] * len(calls), time.perf_counter() + seconds
    while time.perf_counter() < end:
        for k, call in enumerate(calls):
            start = time.perf_counter()
            call()
            found[k] = min(found[k], time.perf_counter() - start)
    return found


def measure(name, sizes, n_threads, seconds):
    """Return the row of a variant at a size."""
    make, options, most = VARIANTS[name]
    calls = [training(make, own, n_threads, *sizes) for own in ({}, options(sizes[3]))]
    plain, variant = fastest(calls, seconds)
    ratio = variant / plain
    found = {"plain": plain, "variant": variant, "ratio": ratio, "most": most, "passed": bool(ratio <= most)}
    return {"layer": name, "sizes": sizes, "threads": n_threads, **found}


def main(arguments=None):
    """Measure all pairs; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.variants")
    parser.add_argument("--seconds", type=float, default=3, help="for each row")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=VARIANTS, nargs="+", default=[*VARIANTS])
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    rows = [measure(name, sizes, options.threads, options.seconds) for name in options.only for sizes in SIZES]
    cells = [
        [row["layer"], ", ".join(map(str, row["sizes"])), milliseconds(row["plain"]), milliseconds(row["variant"]),
         significant(row["ratio"]), row["most"], "yes" if row["passed"] else "NO"]
        for row in rows
    ]  # fmt: skip
    print(markdown_table(["layer", "B, T, I, H", "plain ms", "variant ms", "ratio", "at most", "holds"], cells))
    write_json(options.json, rows)
    if not all(row["passed"] for row in rows):
        raise SystemExit("a variant costs more than its bound")


if __name__ == "__main__":
    main()
