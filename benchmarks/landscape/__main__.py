"""fastrnn beside its peers at sizes that are drawn at random.

    python -m benchmarks.landscape [--n 200] [--seed 1] [--ours] [--repeats 3] [--threads 2]
                                   [--json FILE] [--picture FILE.png] [--from FILE ...]

Sizes are log-uniform: B 1 to 256, T 5 to 300, I 1 to 256, H 4 to 600; inference and training pass, equal and ragged
lengths, and the three cells go round.  What is timed, and what counts as a ratio, is as `benchmarks.peers` has it;
ragged batches are uniform in [T/4, T], PyTorch takes them packed and padded, the runtimes with their lengths.  A size
whose pass would last about a second is drawn again.  Prints quantiles of the ratios by cell and kind, the worst rows,
and how near the floor of `benchmarks/measuring/machine.py` they come.

Then each size of 48 hidden units or more is timed beside a neighbour, the same but for one size larger by less than a
tenth, of ours alone: the time an operation may differ by 1.4.  Fails where it does, or where libraries disagree.

``--ours`` leaves the peers out.  ``--from`` measures nothing and shows what runs before have written with ``--json``,
together if they are several; that is how another environment draws the picture.  200 sizes take some ten minutes
on a quiet machine; disturbed rows are timed again.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from benchmarks.landscape import rows as measured
from benchmarks.landscape.sizes import draw
from benchmarks.landscape.tables import neighbours_table, summary, summary_table, timed, worst_table
from benchmarks.measuring import machine
from benchmarks.measuring.report import write_json
from benchmarks.measuring.workers import Worker, installed
from benchmarks.peers.libraries import LIBRARIES, FastRNN
from benchmarks.peers.tables import machine_markdown


def parse(arguments=None):
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.landscape", description=__doc__.split("\n")[0])
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--ours", action="store_true", help="without peers")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--picture", metavar="FILE")
    parser.add_argument("--from", dest="files", metavar="FILE", nargs="+", help="show these runs, and measure nothing")
    return parser.parse_args(arguments)


def measure(options):
    """Return what a run has found."""
    workers, missing = installed((FastRNN,) if options.ours else LIBRARIES, options.threads)
    facts, drawn = machine.facts(options.threads), draw(options.n, options.seed)
    rows = measured.measure(drawn, workers, options.repeats, facts)
    alone = Worker(measured.Neighbours, options.threads)
    pairs = measured.compare(drawn, options.seed, alone, options.repeats)
    return {"machine": facts, "missing": missing, "repeats": options.repeats, "rows": rows, "neighbours": pairs}


def joined(files):
    """Return what several runs have found."""
    first, *others = (json.loads(Path(file).read_text(encoding="utf-8")) for file in files)
    for other in others:
        for key in ("rows", "neighbours"):
            first[key] += other[key]
    return first


def text(found):
    """Return what is printed."""
    parts = [machine_markdown(found["machine"], found["repeats"]), *(f"{line}\n" for line in found["missing"])]
    if timed(found["rows"]):
        parts.append(summary_table(found["rows"]) + "\n")
    parts.append(f"The worst\n\n{worst_table(found['rows'])}\n")
    if pairs := found["neighbours"]:
        count = sum(not pair["passed"] for pair in pairs)
        parts.append(f"Of {len(pairs)} pairs of neighbours {count} differ too much\n\n{neighbours_table(pairs)}")
    return "\n".join(parts)


def main(arguments=None):
    """Measure, or read; print, write, draw, and fail where neighbours differ or results do."""
    options = parse(arguments)
    if options.picture:  # an import that fails should fail now
        from benchmarks.landscape.picture import draw as draw_picture
    found = joined(options.files) if options.files else measure(options)
    print(text(found))
    write_json(options.json, found | {"summary": summary(found["rows"])})
    if options.picture and (rows := timed(found["rows"])):
        draw_picture(rows, found["machine"], options.picture)
    wrong = [f"{measured.name(row)}: {row['differs']}" for row in found["rows"] if "differs" in row]
    wrong += [f"{measured.name(pair)}, {pair['changed']}" for pair in found["neighbours"] if not pair["passed"]]
    if wrong:
        sys.exit(f"results or neighbours differ: {'; '.join(wrong)}")


if __name__ == "__main__":
    main()
