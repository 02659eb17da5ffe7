"""How much faster is the sLSTM than the package xlstm on the CPU, and what does it cost beside our LSTM?

    python -m benchmarks.promises.slstm [--threads 2] [--repeats 7] [--ours] [--json FILE]

A training pass of one layer, float32: the states of all steps, and all gradients from that of the outputs; four heads.
Beside xlstm (`pip install --no-deps xlstm`, backend "vanilla", which is what it has for CPUs), in a process of its own:
32 sequences of 100 steps, 32 units. xlstm begins from the gates' inputs, ours from x; xlstm has one thread or as many
as ours, whichever is quicker. Beside our LSTM: eight sizes, in one process, alternating. Medians of blocks of calls.
Fails where ours is less than 100 times faster than xlstm, where outputs or the recurrent weights' gradients are further
than 1e-4 from xlstm's, or where it costs more than 1.5 times as much as our LSTM. `--ours` leaves xlstm out.
"""

from __future__ import annotations

import argparse

import numpy as np

from benchmarks.measuring.measure import Contender, alternate, medians
from benchmarks.measuring.report import markdown_table, milliseconds, significant, write_json
from benchmarks.measuring.workers import Worker

LEAST, MOST, TOLERANCE, HEADS = 100.0, 1.5, 1e-4, 4
B, T, I, H = 32, 100, 8, 32
SIZES = [(1, 50, 8, 32), (1, 100, 64, 64), (16, 50, 16, 32), (32, 100, 8, 32), (32, 50, 32, 64), (64, 50, 64, 128),
         (64, 25, 256, 256), (64, 25, 512, 512)]  # fmt: skip
"""B, T, I, H."""


def arrays():
    """Return x (T, B, I), the gradient of the outputs, and weights by name."""
    rng = np.random.default_rng(0)
    shapes = {"weight_ih_l0": (4 * H, I), "weight_hh_l0": (4 * H, H // HEADS), "bias_ih_l0": (4 * H,)}
    weights = {name: rng.uniform(-0.3, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}
    return *(rng.standard_normal((T, B, n)).astype(np.float32) for n in (I, H)), weights


class Ours:
    """fastrnn's layers."""

    name = "fastrnn"

    def __init__(self, threads):
        import fastrnn.threads

        self._limit = fastrnn.threads.limit(threads)
        self._limit.__enter__()

    def slstm(self, _):
        """Return the contender for xlstm's size."""
        from fastrnn.layers import SLSTM

        x, d_output, weights = arrays()
        layer = SLSTM(I, H, num_heads=HEADS)
        layer.load_state_dict(weights)

        def run():
            layer.zero_grad()
            output, _ = layer(x)
            layer.backward(d_output)
            return output

        def result():
            return {"output": run(), "d_weight_hh": layer.grads["weight_hh_l0"].copy()}

        return [Contender(self.name, run, result)]

    def beside_lstm(self, size):
        """Return the contenders of a size: our LSTM, and the sLSTM."""
        from fastrnn.layers import LSTM, SLSTM

        (n, steps, inputs, units), rng = size, np.random.default_rng(0)
        x = rng.standard_normal((steps, n, inputs)).astype(np.float32)
        d_output = rng.standard_normal((steps, n, units)).astype(np.float32)

        def contender(make):
            layer = make(inputs, units, random_state=0)

            def run():
                layer.zero_grad()
                layer(x)
                layer.backward(d_output)

            return Contender(make.__name__, run)

        return [contender(LSTM), contender(SLSTM)]


class Theirs:
    """xlstm's cell, and PyTorch's automatic gradients."""

    name = "xlstm"

    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)

    def slstm(self, _):
        """Return the contender."""
        import torch
        from xlstm.blocks.slstm.cell import sLSTMCell, sLSTMCellConfig

        x, d_output, weights = arrays()
        kinds = ("", "_b", "_r", "_w", "_g", "_s", "_a")
        options = {f"dtype{kind}": "float32" for kind in kinds}
        cell = sLSTMCell(sLSTMCellConfig(hidden_size=H, num_heads=HEADS, backend="vanilla", **options))
        blocks = weights["weight_hh_l0"].reshape(4, HEADS, H // HEADS, H // HEADS).swapaxes(0, 1)
        with torch.no_grad():
            cell._recurrent_kernel_.copy_(torch.tensor(blocks.reshape(HEADS, H, H // HEADS)))
            cell._bias_.copy_(torch.tensor(weights["bias_ih_l0"]))
        gates = (x @ weights["weight_ih_l0"].T).swapaxes(0, 1).copy()
        gates, d_rows = torch.tensor(gates, requires_grad=True), torch.tensor(d_output)

        def run():
            cell.zero_grad()
            gates.grad = None
            rows, _ = cell(gates)  # (B, heads, T, H / heads)
            rows = rows.permute(2, 0, 1, 3).reshape(T, B, H)
            rows.backward(d_rows)
            return rows

        def result():
            rows = run().detach().numpy()
            gradient = cell._recurrent_kernel_.grad.reshape(HEADS, 4, H // HEADS, H // HEADS).transpose(0, 1)
            return {"output": rows, "d_weight_hh": gradient.reshape(4 * H, H // HEADS).numpy()}

        return [Contender(self.name, run, result)]


def beside_xlstm(threads, repeats):
    """Return the row of both libraries."""
    ours, *theirs = (
        Worker(library, n).contenders("slstm", None)[0]
        for library, n in ((Ours, threads), *((Theirs, n) for n in sorted({1, threads})))
    )
    (a, b), apart = (ours.result(), theirs[0].result()), 0.0
    for name in a:
        apart = max(apart, np.abs(a[name] - b[name]).max() / max(1.0, np.abs(b[name]).max()))
    found = [medians(alternate([ours, other], repeats)) for other in theirs]
    seconds = min(found, key=lambda seconds: seconds[Theirs.name])
    ratio = seconds[Theirs.name] / seconds[Ours.name]
    passed = bool(ratio >= LEAST and apart <= TOLERANCE)
    return {**seconds, "ratio": ratio, "apart": float(apart), "passed": passed}


def beside_lstm(size, threads, repeats):
    """Return the row of a size."""
    contenders = Worker(Ours, threads).contenders("beside_lstm", size)
    seconds = medians(alternate(contenders, repeats))
    ratio = seconds["SLSTM"] / seconds["LSTM"]
    return {"size": size, **seconds, "ratio": ratio, "passed": bool(ratio <= MOST)}


def main(arguments=None):
    """Measure, print, and say whether the bounds hold."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--repeats", type=int, default=7)
    options.add_argument("--ours", action="store_true")
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args(arguments)
    rows = []
    if not options.ours:
        row = beside_xlstm(options.threads, options.repeats)
        cells = [*(milliseconds(row[name]) for name in (Ours.name, Theirs.name)), f"{row['ratio']:.0f}"]
        header = [f"{Ours.name} ms", f"{Theirs.name} ms", f"times faster (at least {LEAST:g})", "apart"]
        print(markdown_table(header, [[*cells, f"{row['apart']:.1e}"]]))
        rows.append(row)
    beside = [beside_lstm(size, options.threads, options.repeats) for size in SIZES]
    cells = [
        [", ".join(map(str, row["size"])), milliseconds(row["LSTM"]), milliseconds(row["SLSTM"]),
         significant(row["ratio"]), "yes" if row["passed"] else "NO"]
        for row in beside
    ]  # fmt: skip
    print(markdown_table(["B, T, I, H", "LSTM ms", "SLSTM ms", "ratio", f"at most {MOST:g}"], cells))
    write_json(options.json, rows + beside)
    if not all(row["passed"] for row in rows + beside):
        raise SystemExit("the sLSTM is too slow, or not xlstm's")


if __name__ == "__main__":
    main()
