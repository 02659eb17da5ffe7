"""Does a fit on files stay within its memory, and train as fast as one from memory?

    python -m benchmarks.promises.larger_than_memory [--gb 0.5] [--folder DIR] [--json FILE]

Sequences of lengths uniform in [50, 150], 16 numbers a step in float32, two classes, in files of 16 MB: so many GB are
written to a new folder, which is deleted at the end.  A process of its own fits a classifier (LSTM, 64 hidden units,
batches of 256) to them for one epoch; another one does the same with the sequences of some files in memory.  Peak
memory is that of the process (VmHWM) over what it has after the imports and a tiny fit; its data may take no more than
1.5 GB (RLIMIT_DATA).  Speed is training steps a second in the epoch: what is read once before, to agree upon classes
and scales, is told beside it.  Fails where the peak is 1 GB or more, or the speed less than 0.8 of that from memory.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.measuring.peak import peak, reset_peak
from benchmarks.measuring.report import markdown_table, significant, write_json
from benchmarks.measuring.workers import fresh
from fastrnn.data import SequenceFiles

FEATURES, SHORTEST, LONGEST = 16, 50, 150
FILE_BYTES, GB = 16e6, 1e9
MOST, LIMIT, LEAST_SPEED = 1e9, 1_500_000_000, 0.8
FILES_IN_MEMORY = 32
"""Of the part that is read into memory, for comparison."""


def parts(n_bytes, seed=0):
    """Yield parts (X, y) of so many bytes together: noise, about a mean that the class decides."""
    rng = np.random.default_rng(seed)
    for _ in range(max(1, round(n_bytes / FILE_BYTES))):
        n = round(FILE_BYTES / (4 * FEATURES * (SHORTEST + LONGEST) / 2))
        lengths, y = rng.integers(SHORTEST, LONGEST, n, endpoint=True), rng.integers(0, 2, n)
        values = rng.standard_normal((lengths.sum(), FEATURES), np.float32)
        values[:, 0] += np.repeat(np.float32(0.2) * y, lengths)
        yield np.split(values, np.cumsum(lengths)[:-1]), y


def estimator(**options):
    """Return the model."""
    from fastrnn import SequenceClassifier

    known = {"cell": "lstm", "batch_size": 256, "max_iter": 1, "patch_length": 1, "random_state": 0}
    return SequenceClassifier(bidirectional=False, **known, **options)


def fit(X, y=None):
    """Return the seconds of a fit, steps a second of its epoch, and the peak over what there was before."""
    from fastrnn.training import Trainer

    tiny = next(parts(FILE_BYTES))
    estimator().fit(tiny[0][:512], tiny[1][:512])
    del tiny
    steps, seen = Trainer.steps, {}

    def timed(self, objective, batches, *rest):
        begin = time.perf_counter()
        found = steps(self, objective, batches, *rest)
        seen["speed"] = len(batches) / (time.perf_counter() - begin)
        return found

    Trainer.steps = timed
    reset_peak()
    before, begin = peak(), time.perf_counter()
    estimator().fit(X, y)
    return {**seen, "seconds": time.perf_counter() - begin, "peak": peak() - before}


def fit_files(folder):
    """Fit to a folder, in bounded memory."""
    resource.setrlimit(resource.RLIMIT_DATA, (LIMIT, LIMIT))
    return fit(SequenceFiles(folder))


def fit_memory(folder):
    """Fit to the sequences of some of its files."""
    files = SequenceFiles(folder)
    X, y = [], []
    for k in range(min(FILES_IN_MEMORY, len(files.paths))):
        some, labels, _ = files.read(k)
        X += [np.array(x) for x in some]
        y.append(labels)
    return fit(X, np.concatenate(y))


def measure(gb, place):
    """Write, fit, delete; return the row."""
    folder = Path(tempfile.mkdtemp(dir=place))
    try:
        begin = time.perf_counter()
        files = SequenceFiles.write(folder / "data", parts(gb * GB))
        written = time.perf_counter() - begin
        disk = sum(path.stat().st_size for path in files.paths)
        memory, found = fresh(fit_memory, folder / "data"), fresh(fit_files, folder / "data")
    finally:
        shutil.rmtree(folder)
    ratio = found["speed"] / memory["speed"]
    row = {"disk_gb": disk / GB, "files": len(files.paths), "write_seconds": written, "fit_seconds": found["seconds"]}
    row |= {"peak_mb": found["peak"] / 1e6, "speed": found["speed"], "memory_speed": memory["speed"], "ratio": ratio}
    return row | {"passed": found["peak"] < MOST and ratio >= LEAST_SPEED}


def table(row):
    """Return the row as a Markdown table."""
    columns = ["GB", "files", "writing s", "fit s", "peak MB", "steps/s", "from memory", "ratio", "passed"]
    cells = [value if isinstance(value, int) else significant(value) for value in [*row.values()][:-1]]
    return markdown_table(columns, [[*cells, "yes" if row["passed"] else "NO"]])


def main(arguments=None):
    """Measure; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.larger_than_memory")
    parser.add_argument("--gb", type=float, default=0.5)
    parser.add_argument("--folder", metavar="DIR", help="where the data go; else to the folder of temporary files")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    row = measure(options.gb, options.folder)
    print(table(row))
    write_json(options.json, row)
    if not row["passed"]:
        raise SystemExit("a fit on files takes 1 GB or more, or is slower than 0.8 of one from memory")


if __name__ == "__main__":
    main()
