"""Is a chain of labels exact where its scores are extreme?

    python -m benchmarks.promises.extreme_chains [--n 5000] [--seed 0]

Random chains in float32, of scales from 1 to 1e4 and with scores of -1e4 that forbid, against sums over all sequences
of labels where these are few, else against sums of logarithms, in float64; see tests/chains.py. Largest errors by
scale, of log Z, loss and the best labels' score relative to it (or 1). Fails where one is above 1e-5, or not a number.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np

from benchmarks.measuring.report import markdown_table

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import chains

TOLERANCE = 1e-5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    worst, count, bad = defaultdict(lambda: defaultdict(float)), defaultdict(int), defaultdict(int)
    for k in range(arguments.n):
        rng = np.random.default_rng([arguments.seed, k])
        scale = 10 ** rng.uniform(0, 4)
        decade = int(np.log10(scale))
        found = chains.errors(rng, scale)
        count[decade] += 1
        bad[decade] += max(found.values()) > TOLERANCE
        for name, error in found.items():
            worst[decade][name] = max(worst[decade][name], error)
    names = list(found)
    rows = [
        [f"1e{d} to 1e{d + 1}", str(count[d]), *(f"{worst[d][name]:.1e}" for name in names), str(bad[d])]
        for d in sorted(worst)
    ]
    print(markdown_table(["scale", "chains", *names, "wrong"], rows))
    if any(bad.values()):
        sys.exit(f"{sum(bad.values())} of {arguments.n} chains are wrong by more than {TOLERANCE}")


if __name__ == "__main__":
    main()
