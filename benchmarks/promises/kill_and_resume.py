"""Does a fit that is killed at any moment end, resumed, with the weights of one that was not?

    python -m benchmarks.promises.kill_and_resume [--n 20] [--seed 0]

A process trains with a `Checkpoint` after every epoch and is killed (SIGKILL) at a random moment; another one resumes,
and is killed in turn, until one comes to the end. Its weights, losses and scores must be those of a fit in one go, to
the last bit. Each round is of another solver, schedule and estimator.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.utils import check_random_state

import fastrnn
from fastrnn.datasets import load_japanese_vowels
from fastrnn.training import Checkpoint

EPOCHS = 40
ROUNDS = [
    ("classifier", {"early_stopping": True, "learning_rate": "plateau", "dropout": 0.2, "n_iter_no_change": 30}),
    ("classifier", {"solver": "sgd", "learning_rate": "cosine", "learning_rate_init": 0.05}),
    ("classifier", {"solver": "rmsprop", "learning_rate": "warmup", "random_state": None}),
    ("generator", {"stateful": True, "bptt_steps": 8, "dropout": 0.1}),
    ("generator", {"solver": "adamw", "alpha": 0.01, "early_stopping": True}),
]


def problem(k):
    """An estimator, its data, as round k has them."""
    kind, options = ROUNDS[k % len(ROUNDS)]
    options = {"hidden_size": 24, "max_iter": EPOCHS, "random_state": 0, "n_jobs": 1, **options}
    if kind == "classifier":
        return fastrnn.SequenceClassifier(**options), load_japanese_vowels(split="train")
    rng = np.random.default_rng(0)
    return fastrnn.SequenceGenerator(**options), ([rng.integers(0, 9, n) for n in rng.integers(5, 30, 200)], None)


def train(k, folder, name, resumes):
    """Fit round k, with a checkpoint after every epoch, and save the end."""
    estimator, (X, y) = problem(k)
    path = folder / f"{name}.run"
    # What random_state=None draws from: alike for fits in one go, and of no account to a resumed one.
    check_random_state(None).seed(time.time_ns() % 2**32 if resumes else k)
    estimator.set_params(callbacks=[Checkpoint(path)])
    (folder / f"{name}.begun").touch()
    estimator.fit(X, y, **({"resume_from": path} if resumes else {}))
    fastrnn.save(estimator, folder / f"{name}.end")


def started(k, folder, name, resumes):
    command = [
        sys.executable,
        "-m",
        "benchmarks.promises.kill_and_resume",
        "--child",
        str(k),
        str(folder),
        name,
        str(int(resumes)),
    ]
    (folder / f"{name}.begun").unlink(missing_ok=True)
    process = subprocess.Popen(command)
    while process.poll() is None and not (folder / f"{name}.begun").exists():
        time.sleep(0.001)
    return process


def killed(k, folder, seconds, rng):
    """Kill round k at random moments of a fit that takes so many seconds; returns how often it was."""
    n_kills = 0
    while not (folder / "killed.end").exists():
        process = started(k, folder, "killed", (folder / "killed.run").exists())
        time.sleep(rng.uniform(0, seconds))
        if n_kills < 3 and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            n_kills += 1
        if process.wait() not in (0, -signal.SIGKILL):
            sys.exit(f"round {k}: the fit failed")
    return n_kills


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--n", type=int, default=20, help="kills, at least")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        k, folder, name, resumes = arguments.child
        return train(int(k), Path(folder), name, bool(int(resumes)))
    rng, n_kills, k = random.Random(arguments.seed), 0, 0
    while n_kills < arguments.n:
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            process = started(k, folder, "whole", False)
            began = time.perf_counter()
            process.wait()
            seconds = time.perf_counter() - began
            n = killed(k, folder, 0.8 * seconds, rng)
            whole, resumed = (fastrnn.load(folder / f"{name}.end") for name in ("whole", "killed"))
            same = whole.network_.theta.tobytes() == resumed.network_.theta.tobytes()
            same &= whole.loss_curve_ == resumed.loss_curve_ and whole.validation_scores_ == resumed.validation_scores_
            left = sum(path.suffix == ".tmp" for path in folder.iterdir())
            bits, (kind, options) = "same" if same else "OTHER", ROUNDS[k % len(ROUNDS)]
            print(f"round {k}: {kind} {options}: {n} kills, {resumed.n_iter_} epochs, {bits} bits", end=", ")
            print(f"{left} unfinished files left", flush=True)
            if not same:
                sys.exit(1)
        n_kills, k = n_kills + n, k + 1
    print(f"{n_kills} kills, all resumed to the same bits")


if __name__ == "__main__":
    main()
