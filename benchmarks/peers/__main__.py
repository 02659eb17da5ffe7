"""fastrnn against PyTorch, ONNX Runtime and OpenVINO, in one run, alternating.

    python -m benchmarks.peers [--only infer,train,ragged,models,ragged-models,step,fit,forecast] [--cells lstm,gru,rnn]
                               [--repeats 5] [--threads 2] [--json FILE] [--markdown FILE]

Each library works in a process of its own, in turn. All get the same weights and the same batch,
and must agree before they are timed. A ratio is the fastest peer's time over fastrnn's; the time of
each is its best repeat's, a repeat being the median call of a block. A row during which other
processes kept a core busy is timed again, and marked where that did not help: it says little, the
peers' part of it least.

infer   one layer forward: ``eval()``, ``inference_mode``, an ONNX model of one node in both runtimes
train   forward and backward from the last step's output; the parameters' gradients, no optimiser
ragged  the same on lengths uniform in [T/4, T]; PyTorch packed, and padded with a gather
models  a training step of a tagger, a generator and an encoder-decoder with attention, from stored
        sequences to gradients, no optimiser; ragged-models likewise (`benchmarks.peers.networks`)
step    one step of one sequence, states carried along, median and 99th percentile (`benchmarks.peers.steps`)
fit     JapaneseVowels, bidirectional GRU of 64, 60 epochs; PyTorch with packed sequences
forecast  a forecaster's fit on 64 series of 400 steps, ten epochs (`benchmarks.peers.forecast_fit`)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.measuring import machine
from benchmarks.measuring.report import write_json
from benchmarks.measuring.workers import installed
from benchmarks.peers.libraries import LIBRARIES
from benchmarks.peers.sections import CELLS, TITLES, run_section
from benchmarks.peers.tables import machine_markdown, section_markdown, summary


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
