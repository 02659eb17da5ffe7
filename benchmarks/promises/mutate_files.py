"""Do damaged and lying model files do no harm?

    python -m benchmarks.promises.mutate_files [--n 20000] [--seed 0]

Files of every kind of model are changed at random, as tests/mutations.py says, and loaded. Each must be refused by
`fastrnn.StorageError`, or be a model that predicts; within a second, and with no more memory than ten times the file's
size and a little to spare. Anything else ends the script with the error and leaves the file behind.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from benchmarks.measuring.report import markdown_table

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import mutations

SECONDS, TIMES = 1.0, 10
MEMORY = 6 * 2**30


def run(n, seed, folder):
    files = mutations.make_files(folder)
    good = {name: path.read_bytes() for name, (path, _) in files.items()}
    others = [mutations.taken_apart(data) for data in good.values()]
    rng, bad = np.random.default_rng(seed), folder / "mutated.safetensors"
    counts, slowest, largest = defaultdict(Counter), Counter(), Counter()
    for path, X in files.values():  # compile, and fill the caches
        mutations.outcome(path, X)
    for k in range(n):
        name = list(files)[k % len(files)]
        data, change = mutations.mutated(good[name], rng, others)
        bad.write_bytes(data)
        answer, seconds, peak = mutations.outcome(bad, files[name][1])
        if seconds > SECONDS or peak > TIMES * len(data) + mutations.SPARE:
            sys.exit(f"{name}, {change}: {seconds:.2f} s, {peak} bytes for a file of {len(data)}: {bad}")
        counts[name][answer] += 1
        counts[change][answer] += 1
        slowest[name] = max(slowest[name], seconds)
        largest[name] = max(largest[name], peak / len(data) if len(data) > 5000 else 0)
        if (k + 1) % 2000 == 0:
            print(f"{k + 1} files", file=sys.stderr, flush=True)
    return good, counts, slowest, largest


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))  # rather an error here than a machine that hangs
    good, counts, slowest, largest = run(arguments.n, arguments.seed, folder)
    answers = ["refused", "used", "used, with an error", "long"]
    rows = [
        [name, str(len(good.get(name, b"")) or ""), *(str(of[answer]) for answer in answers),
         f"{1e3 * slowest[name]:.0f}", f"{largest[name]:.1f}"]
        for name, of in counts.items()
    ]  # fmt: skip
    print(markdown_table(["file or change", "bytes", *answers, "most ms", "most memory / size"], rows))


if __name__ == "__main__":
    main()
