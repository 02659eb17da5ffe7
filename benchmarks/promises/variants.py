"""What do peepholes cost in a training pass, beside the plain layer?

    python -m benchmarks.promises.variants [--repeats 7] [--only peephole] [--json FILE]

Forward and backward of one layer over the peers' grid up to 512 units, one thread, side by side with the plain LSTM or
GRU and alternating, medians.  Fails where a variant costs more than its bound.
"""

from __future__ import annotations

import argparse
from functools import partial

import numpy as np

from benchmarks.measuring.measure import Contender, alternate, medians
from benchmarks.measuring.report import markdown_table, milliseconds, significant, write_json
from benchmarks.peers.sections import GRID
from fastrnn import threads
from fastrnn.layers import LSTM

VARIANTS = {  # the plain layer, the variant, and how many times its time at most
    "peephole": (LSTM, lambda H: partial(LSTM, peephole=True), 1.15)
}
SIZES = [sizes for sizes in GRID if sizes[3] <= 512]


def training(name, make, B, T, I, H):
    """Return the contender that makes a pass."""
    rng = np.random.default_rng(0)
    layer, x = make(I, H, random_state=0), rng.standard_normal((T, B, I)).astype(np.float32)
    d_output = np.ones_like(layer(x)[0])

    def run():
        with threads.limit(1):
            layer(x)
            layer.backward(d_output)

    return Contender(name, run)


def measure(name, sizes, repeats):
    """Return the row of a variant at a size."""
    plain, make, most = VARIANTS[name]
    contenders = [training("plain", plain, *sizes), training("variant", make(sizes[3]), *sizes)]
    seconds = medians(alternate(contenders, repeats))
    ratio = seconds["variant"] / seconds["plain"]
    return {"layer": name, "sizes": sizes, **seconds, "ratio": ratio, "most": most, "passed": bool(ratio <= most)}


def main(arguments=None):
    """Measure all pairs; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.variants")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--only", choices=VARIANTS, nargs="+", default=[*VARIANTS])
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    rows = [measure(name, sizes, options.repeats) for name in options.only for sizes in SIZES]
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
