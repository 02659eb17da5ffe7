"""Do forecasts have the dates that pandas' own continuation of the index has?

    python -m benchmarks.promises.fuzz_calendars [--n 3000] [--seed 0]

Series, wide frames, lists and long frames are drawn at random, as tests/calendars.py says: offsets, time zones, phases,
holes, lengths, integers and periods. Each is fitted, forecast, saved, loaded and updated. The dates must be those of
`pandas.date_range`, or the input be refused by an error of the library's own before any training; anything else is
printed, and ends the script with 1.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import warnings
from collections import Counter, defaultdict
from pathlib import Path

from benchmarks.measuring.report import markdown_table

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))
import calendars


def kind_of(answer):
    """A refusal without its numbers."""
    return re.sub(r"\d[\d:. +-]*", "#", answer.partition(": ")[2])[:90] if answer.startswith("refused") else answer


def run(n, seed, folder):
    counts, refusals, wrong = defaultdict(Counter), defaultdict(list), 0
    for k in range(n):
        given = calendars.drawn([seed, k])
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            answer = calendars.outcome(given, folder)
        verdict = answer.split(":")[0]
        freq = "told" if given.is_told else "shown" if given.is_shown else "unknown"
        for row in ("all", given.container, f"holes {given.holes}", f"freq {freq}", given.freq):
            counts[row][verdict] += 1
        if verdict == "WRONG":
            wrong += 1
            print(f"[{seed}, {k}] {given.freq} {given.zone} {given.container} {given.holes} {given.is_told}: {answer}")
        if verdict == "refused":
            what = given.holes if given.is_told or given.is_shown else "untold"
            refusals[what, kind_of(answer)].append((k, given.freq, given.zone))
    return counts, refusals, wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    counts, refusals, wrong = run(arguments.n, arguments.seed, Path(tempfile.mkdtemp()))
    verdicts = ["right", "as inferred", "refused", "WRONG"]
    print(markdown_table(["inputs", *verdicts], [[row, *(str(of[v]) for v in verdicts)] for row, of in counts.items()]))
    rows = [[holes, text, str(len(cases)), str(cases[:3])] for (holes, text), cases in sorted(refusals.items())]
    print(markdown_table(["holes", "refused", "n", "such as"], rows))
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
