"""How much faster is CTC, loss and gradient, than torch.nn.CTCLoss?

    python -m benchmarks.promises.ctc [--threads 2] [--repeats 15] [--json FILE]

32 sequences of 200 frames, 30 labels, 40 classes with the blank, float32: from scores before softmax to the loss and
their gradient, in a process of its own for each library, alternating; medians of blocks of calls. Fails where ours
is further than 1e-5 from PyTorch's in float64, or the ratio is below 5.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from benchmarks.measuring.measure import Contender, alternate, medians
from benchmarks.measuring.report import markdown_table, write_json
from benchmarks.measuring.workers import Worker

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

B, T, U, K = 32, 200, 30, 40
LEAST, TOLERANCE = 5.0, 1e-5


def data():
    """Return scores (B, T, K) and labels (B, U), of which the blank, the last class, is none."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((B, T, K)).astype(np.float32), rng.integers(0, K - 1, (B, U))


class Ours:
    """fastrnn's pass of the loss alone."""

    name = "fastrnn"

    def __init__(self, threads):
        from alignments import Loss

        import fastrnn.threads

        self._limit = fastrnn.threads.limit(threads)
        self._limit.__enter__()
        self._make = Loss

    def loss(self, _):
        """Return the contender."""
        scores, labels = data()
        loss = self._make(scores.reshape(B * T, K), list(labels), [T] * B)

        def result():
            value, gradient = loss()
            return {"loss": np.array([value]), "gradient": gradient.reshape(B, T, K).copy()}

        return [Contender(self.name, loss, result)]


class Torch:
    """The loss on log_softmax, and its gradient, by autograd."""

    name = "PyTorch"

    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)
        self._torch = torch

    def loss(self, _):
        """Return the contender."""
        torch, (scores, labels) = self._torch, data()
        scores = torch.tensor(scores.transpose(1, 0, 2).copy(), requires_grad=True)
        lengths, targets = torch.full((B,), T), torch.tensor(labels)
        loss = torch.nn.CTCLoss(blank=K - 1, reduction="sum")

        def backward(scores):
            scores.grad = None
            value = loss(scores.log_softmax(2), targets, lengths, torch.full((B,), U))
            value.backward()
            return value

        def result():
            exact = scores.detach().double().requires_grad_()  # its sums in float32 are wrong by 4e-4
            value = backward(exact)
            return {"loss": np.array([value.item()]), "gradient": exact.grad.numpy().transpose(1, 0, 2).copy()}

        return [Contender(self.name, lambda: backward(scores), result)]


def main(arguments=None):
    """Measure, print, and say whether the bound holds."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--repeats", type=int, default=15)
    options.add_argument("--json", metavar="FILE")
    options = options.parse_args(arguments)
    contenders = [Worker(library, options.threads).contenders("loss", None)[0] for library in (Ours, Torch)]
    ours, theirs = (contender.result() for contender in contenders)
    apart = max(np.abs(ours[name] - theirs[name]).max() / max(1.0, np.abs(theirs[name]).max()) for name in ours)
    seconds = medians(alternate(contenders, options.repeats))
    ratio = seconds[Torch.name] / seconds[Ours.name]
    row = {**seconds, "ratio": ratio, "apart": float(apart), "passed": bool(ratio >= LEAST and apart <= TOLERANCE)}
    cells = [*(f"{1e3 * seconds[name]:.2f} ms" for name in (Ours.name, Torch.name)), f"{ratio:.1f}", f"{apart:.1e}"]
    print(markdown_table([Ours.name, Torch.name, f"times faster (at least {LEAST:g})", "apart"], [cells]))
    write_json(options.json, [row])
    if not row["passed"]:
        raise SystemExit("CTC is too slow, or not PyTorch's")


if __name__ == "__main__":
    main()
