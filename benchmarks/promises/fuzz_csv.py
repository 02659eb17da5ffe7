"""Is what the command line reads of CSV files what was written?

    python -m benchmarks.promises.fuzz_csv [--n 2000] [--seed 0]

Files are generated as tests/csv_files.py says: separators, decimal marks, quotes, blank lines, encodings, words for
missing numbers, dates of many kinds; four of ten with a fault in one line.  Each must be read as it was written, number
by number, or refused in one line that names the fault's; a file without a fault may be refused only where its numbers
or dates can be read in two ways, which the last column counts.  Anything else is printed, and ends the script with 1.
"""

import argparse
import sys
import tempfile
import traceback
from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.measuring.report import markdown_table

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import csv_files


def run(n, seed, path):
    counts, failures = defaultdict(Counter), 0
    for k in range(n):
        file = csv_files.generated([seed, k])
        try:
            answer = csv_files.outcome(file, path)
        except Exception:
            answer, failures = "wrong", failures + 1
            print(f"file {k} {file.kind} {file.options}\n{traceback.format_exc(limit=-2)}", file=sys.stderr)
        for what, value in [("all", ""), *file.kind.items()]:
            counts[f"{what} {value!r}" if what != "all" else what][answer] += 1
    return counts, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        counts, failures = run(arguments.n, arguments.seed, Path(folder) / "data.csv")
    answers = ["read", "named", "asked", "wrong"]
    print(markdown_table(["files", *answers], [[kind, *(counts[kind][a] for a in answers)] for kind in sorted(counts)]))
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
