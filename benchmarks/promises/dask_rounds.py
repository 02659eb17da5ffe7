"""Are the bits of a fit on Dask those of one machine, what does a killed worker cost, and what does a second one win?

    python -m benchmarks.promises.dask_rounds --only bits,kills,speed,cost
    python -m benchmarks.promises.dask_rounds --only local --data DIR

bits: each estimator on clusters of one, two and four workers, and in one process: the same weights.  kills: in each of
`KILLS` fits a worker is killed (SIGKILL) at a random moment; all fits must end, with the same weights.  speed: an epoch
of an LSTM of 64 units, batches of 2,048 sequences, by one and by two workers of one thread each, in turn: two are 1.75
times as fast at least.  cost: what a round takes beside computing, from which docs has the efficiency of more workers.
local: rounds="local" with four partitions, of SNIPS' intents and the tags of UD_English-EWT: no further than .01 from
synchronous rounds.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import statistics
import sys
import threading
import time
from contextlib import contextmanager

import dask
import distributed
import numpy as np

from benchmarks.measuring.machine import cpu_name
from benchmarks.measuring.report import markdown_table
from benchmarks.quality.corpora import read_ewt, read_snips
from fastrnn.dask import DaskSequenceClassifier, DaskSequenceForecaster, DaskSequenceRegressor, DaskSequenceTagger
from fastrnn.dask.rounds import Crew
from fastrnn.datasets import load_japanese_vowels
from fastrnn.preprocessing import Tokenizer

KILLS, FASTER, NEAR = 20, 1.75, 0.01
QUICK = {"hidden_size": 16, "max_iter": 12, "random_state": 0}


@contextmanager
def cluster(n_workers, processes=True):
    """A client of so many workers of one thread each, and their cluster."""
    options = {"n_workers": n_workers, "threads_per_worker": 1, "processes": processes, "dashboard_address": ":0"}
    with distributed.LocalCluster(**options) as workers, distributed.Client(workers) as client:
        yield client, workers


def parts(items, n):
    """Delayed partitions, which Dask can make again."""
    return [dask.delayed(list)([items[k] for k in part]) for part in np.array_split(np.arange(len(items)), n)]


def cases():
    """An estimator and its data, by name."""
    X, y = load_japanese_vowels(split="train")
    labels = [np.sign(x[:, 0]).astype(int) for x in X]
    return {
        "classifier (GRU)": (DaskSequenceClassifier(**QUICK), X, y),
        "tagger (CRF)": (DaskSequenceTagger(crf=True, **QUICK), X, labels),
        "regressor": (DaskSequenceRegressor(**QUICK), X, [x.mean() for x in X]),
        "forecaster": (DaskSequenceForecaster(horizon=6, **QUICK), seasons(40), None),
    }


def seasons(n):
    """Monthly series with seasons of their own."""
    rng = np.random.default_rng(1)
    waves = np.sin(2 * np.pi * np.arange(72) / 12)
    return [rng.uniform(5, 9) + rng.uniform(1, 3) * waves + 0.1 * rng.standard_normal(72) for _ in range(n)]


def check_bits():
    """Whether all clusters agree."""
    found = {}
    for n, processes in ((1, False), (1, True), (2, True), (4, True)):
        with cluster(n, processes):
            for name, (estimator, X, y) in cases().items():
                targets = [] if y is None else [parts(y, 4)]
                found.setdefault(name, []).append(estimator.fit(parts(X, 4), *targets).network_.theta.tobytes())
    for name, thetas in found.items():
        print(f"{name}: {len(set(thetas))} result(s) of in-process, 1, 2 and 4 workers")
    return all(len(set(thetas)) == 1 for thetas in found.values())


def check_kills():
    """Whether all fits end alike."""
    X, y = load_japanese_vowels(split="train")
    thetas, rng, seconds = [], random.Random(0), None
    for _ in range(1 + KILLS):
        with cluster(2) as (_, workers):
            victim = rng.choice([nanny.pid for nanny in workers.workers.values()])
            if seconds is not None:
                threading.Timer(rng.uniform(0.05, 0.8 * seconds), os.kill, (victim, signal.SIGKILL)).start()
            start = time.perf_counter()
            try:
                model = DaskSequenceClassifier(timeout=120, **QUICK).fit(parts(X, 4), parts(y, 4))
                thetas.append(model.network_.theta.tobytes())
            except (RuntimeError, TimeoutError) as error:
                print(f"a fit has failed: {error}")
            seconds = seconds or time.perf_counter() - start
    alike = thetas.count(thetas[0]) - 1
    print(f"{alike} of {KILLS} fits, in each of which a worker was killed, ended with the same bits")
    return alike == KILLS


def measure_speed():
    """Whether a second worker pays."""
    rng = np.random.default_rng(0)
    X, seconds = [rng.standard_normal((100, 8), np.float32) for _ in range(4 * 2048)], {1: [], 2: []}
    y = [int(x[:, 0].sum() > 0) for x in X]
    estimator = DaskSequenceClassifier(cell="lstm", bidirectional=False, batch_size=2048, max_iter=5, random_state=0)
    for _ in range(3):
        for n in seconds:
            with cluster(n) as (client, _):
                data = [client.persist(part) for part in (parts(X, 2), parts(y, 2))]
                epochs = []
                estimator.set_params(callbacks=[lambda progress, epochs=epochs: epochs.append(time.perf_counter())])
                estimator.fit(*data)
                seconds[n].append(min(np.diff(epochs)))
    ratio = statistics.median(seconds[1]) / statistics.median(seconds[2])
    print(f"epoch of 8,192 sequences x 100 steps: {seconds}; two workers are {ratio:.2f} times as fast ({cpu_name()})")
    return ratio >= FASTER


def added(vectors):
    """As large an answer as a gradient."""
    return vectors[0] + 1


def measure_cost():
    """What a round costs beside computing."""
    rows = []
    for n_weights in (10**4, 10**5, 10**6):
        with cluster(2) as (client, _):
            crew, theta, times = Crew(client, [()] * 4, 60), np.zeros(n_weights, np.float32), []
            for _ in range(30):
                start = time.perf_counter()
                weights = crew.copies(theta)
                crew.answers({p: crew.submit(added, weights) for p in range(4)})
                times.append(time.perf_counter() - start)
        rows.append([f"{n_weights:,}", f"{1e3 * statistics.median(times):.1f}", f"{4 * n_weights * 5:,}"])
    print(markdown_table(["weights", "a round of four partitions, ms", "bytes"], rows))
    return True


def check_local(data):
    """Whether local rounds learn as much."""
    intents, tags = read_snips(data, intents=True), read_ewt(data)
    right = True
    for name, kind, split in (("intents", DaskSequenceClassifier, intents), ("tags", DaskSequenceTagger, tags)):
        (X, y), (X_test, y_test) = ([getattr(split, f"{of}_{part}") for of in "Xy"] for part in ("train", "test"))
        tokenizer, scores = Tokenizer().fit(X), {}
        with cluster(2):
            order = np.random.RandomState(0).permutation(len(X))
            words = [[X[k] for k in part] for part in np.array_split(order, 4)]
            data = [dask.delayed(tokenizer.transform)(part) for part in words], parts([y[k] for k in order], 4)
            for rounds in ("synchronous", "local"):
                model = kind(rounds=rounds, random_state=0, max_iter=12).fit(*data)
                scores[rounds] = model.to_local().score(tokenizer.transform(X_test), y_test)
        print(f"{name}: {scores}")
        right &= scores["local"] >= scores["synchronous"] - NEAR
    return right


def main():
    """Measure, print, and say whether all bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="bits,kills,speed,cost", help="parts, with commas")
    parser.add_argument("--data", help="the folder of SNIPS and UD_English-EWT, for local")
    options = parser.parse_args()
    checks = {"bits": check_bits, "kills": check_kills, "speed": measure_speed, "cost": measure_cost}
    checks["local"] = lambda: check_local(options.data)
    held = [checks[part]() for part in options.only.split(",")]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
