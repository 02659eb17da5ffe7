"""Does a fit stay within the memory it may take, and does a stream take none from step to step?

    python -m benchmarks.memory [--json FILE]

Peak memory of a fit over that of a tiny fit in the same process (which has compiled everything),
each case in a process of its own, against

    data + 1.5 (stash of one batch + 8 parameters) + 30 MiB

in float32. Data are the packed inputs. The stash of a batch of S rows is, over layers and
directions, S (k H + I) numbers, I the layer's own inputs: k = 6 for the LSTM (four gates, c, h),
5 for the GRU (three gates, the hidden part of n, h), 2 for the plain RNN (h, pre-activation).
A batch that is large holds no stash of its own, but that of the shards in flight: its row has a bound beside the
formula.
A stream may grow by 1 MiB in a million steps. Needs Linux, where a process can reset its peak. Fails where one takes
more.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks.measuring.machine import GATES
from benchmarks.measuring.peak import peak, reset_peak
from benchmarks.measuring.report import markdown_table, write_json
from benchmarks.measuring.workers import fresh

STASH = {"lstm": 6, "gru": 5, "rnn": 2}
ITEM = np.dtype(np.float32).itemsize
MIB = 2**20
CLASSES = 5


@dataclass(frozen=True)
class Case:
    """A network and ``n`` sequences of lengths uniform in [T/4, T], or all of T steps where they are not ragged."""

    cell: str
    n: int
    T: int
    I: int
    H: int
    batch_size: int
    num_layers: int = 1
    bidirectional: bool = False
    ragged: bool = True
    most_mib: int | None = None
    """What a fit may take, whatever the formula allows."""

    @property
    def name(self):
        """Name the case in a table."""
        directions = ", bidirectional" if self.bidirectional else ""
        return (
            f"{self.cell} {self.num_layers} x {self.H}{directions}; "
            f"{self.n} x {self.T} x {self.I}{'' if self.ragged else ', all as long'}, batches of {self.batch_size}"
        )

    @property
    def lengths(self):
        """(n,) steps of each sequence."""
        shortest = self.T // 4 if self.ragged else self.T
        return np.random.default_rng(0).integers(shortest, self.T, self.n, endpoint=True)

    @property
    def inputs(self):
        """Inputs of each layer and direction."""
        directions = 1 + self.bidirectional
        layers = [self.I] + [directions * self.H] * (self.num_layers - 1)
        return [inputs for inputs in layers for _ in range(directions)]

    @property
    def parameters(self):
        """Number of parameters, the head's included."""
        layers = sum(GATES[self.cell] * self.H * (I + self.H + 2) for I in self.inputs)
        return layers + CLASSES * ((1 + self.bidirectional) * self.H + 1)

    @property
    def stash(self):
        """Numbers that backward needs of the batch with the longest sequences."""
        rows = int(np.sort(self.lengths)[-self.batch_size :].sum())
        return sum(rows * (STASH[self.cell] * self.H + I) for I in self.inputs)

    @property
    def allowed(self):
        """Bytes that a fit may take."""
        data = int(self.lengths.sum()) * self.I
        by_formula = ITEM * (data + 1.5 * (self.stash + 8 * self.parameters)) + 30 * MIB
        return by_formula if self.most_mib is None else min(by_formula, self.most_mib * MIB)


@dataclass(frozen=True)
class StreamCase:
    """Steps of a stream, of which some warm up."""

    cell: str
    steps: int = 1_000_000
    warm: int = 10_000
    allowed: int = MIB

    @property
    def name(self):
        """Name the case in a table."""
        return f"{self.cell} stream, {self.steps} steps"


CASES = (
    Case("gru", 270, 26, 12, 64, batch_size=32, bidirectional=True),
    Case("lstm", 20_000, 60, 12, 32, batch_size=64),
    Case("lstm", 512, 200, 32, 128, batch_size=64),
    Case("gru", 512, 200, 32, 128, batch_size=64, num_layers=2, bidirectional=True),
    Case("rnn", 1024, 200, 8, 128, batch_size=256),
    Case("lstm", 128, 100, 64, 512, batch_size=64),
    Case("lstm", 1024, 200, 16, 128, batch_size=1024, ragged=False, most_mib=250),
    StreamCase("lstm"),
    StreamCase("gru"),
)


def make_data(case):
    """Return sequences of noise with labels."""
    rng = np.random.default_rng(1)
    X = [rng.standard_normal((length, case.I), dtype=np.float32) for length in case.lengths]
    return X, np.arange(case.n) % CLASSES


def extra_peak(case):
    """Bytes by which a fit's peak exceeds a tiny fit's, in this process."""
    X, y = make_data(case)
    tiny = [x[:2] for x in X[: 2 * CLASSES]]
    fit(case, tiny, y[: len(tiny)])
    peaks = []
    for part in (tiny, X):
        reset_peak()
        fit(case, part, y[: len(part)])
        peaks.append(peak())
    return peaks[1] - peaks[0]


def fit(case, X, y):
    """Fit two epochs."""
    from fastrnn import SequenceClassifier

    SequenceClassifier(
        cell=case.cell,
        hidden_size=case.H,
        num_layers=case.num_layers,
        bidirectional=case.bidirectional,
        batch_size=case.batch_size,
        max_iter=2,
        patch_length=1,
        early_stopping=False,
        random_state=0,
    ).fit(X, y)


def grown(case):
    """Bytes by which the process's peak grows while a stream steps."""
    from fastrnn import SequenceClassifier

    x = np.zeros((10, 8), np.float32)
    stream = (
        SequenceClassifier(cell=case.cell, bidirectional=False, max_iter=1, patch_length=1)
        .fit([x] * 10, [0, 1] * 5)
        .stream()
    )
    for k in range(case.warm + case.steps):
        if k == case.warm:
            reset_peak()
            before = peak()
        stream.step(x[0])
    return peak() - before


def measure(case):
    """Return the row of a case, measured in a fresh process."""
    used = fresh(grown if isinstance(case, StreamCase) else extra_peak, case)
    return asdict(case) | {
        "name": case.name,
        "used_mib": used / MIB,
        "allowed_mib": case.allowed / MIB,
        "passed": used <= case.allowed,
    }


def table(rows):
    """Return the rows as a Markdown table."""
    lines = [
        [row["name"], f"{row['used_mib']:.1f}", f"{row['allowed_mib']:.0f}", "yes" if row["passed"] else "NO"]
        for row in rows
    ]
    return markdown_table(["what", "MiB", "allowed", "passed"], lines)


def main(arguments=None):
    """Measure all cases; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    rows = [measure(case) for case in CASES]
    print(table(rows))
    write_json(options.json, rows)
    if not all(row["passed"] for row in rows):
        raise SystemExit("a fit, or a stream, takes more memory than it may")


if __name__ == "__main__":
    main()
