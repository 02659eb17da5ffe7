"""What does an ensemble of 8 small models cost beside its fits one after the other, and is it better than one of them?

    python -m benchmarks.promises.ensemble [--repeats 7] [--json FILE]

`SequenceEnsemble` of 8 `SequenceClassifier` with a GRU of 16 units on Japanese vowels, n_jobs=2: each member on one of
two cores.  Beside it the same eight fits one after the other, each with two threads, in turn, each one's best call.
Whether threads wait for each other in a loop or asleep (OMP_WAIT_POLICY) makes much of what such small fits cost, so
both are measured, each in a process of its own.  Then accuracy and log loss on the test part, of the mean and of each
member.  Fails where the ensemble takes more than half of the time with sleeping threads, or is no better than its
members are on average.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

import numpy as np
from sklearn.base import clone
from sklearn.metrics import log_loss

from benchmarks.measuring.measure import Contender, alternate, best
from benchmarks.measuring.report import markdown_table, significant, write_json
from fastrnn import SequenceClassifier, SequenceEnsemble
from fastrnn.datasets import load_japanese_vowels

MEMBERS, CORES, MOST = 8, 2, 0.5
MODEL = SequenceClassifier(cell="gru", hidden_size=16)


def times(repeats):
    """Return the seconds of both ways."""
    X, y = load_japanese_vowels(split="train")
    ensemble = SequenceEnsemble(MODEL, MEMBERS, n_jobs=CORES, random_state=0).fit(X, y)
    alone = [clone(member).set_params(n_jobs=CORES) for member in ensemble.estimators_]
    ways = {"in turn": lambda: [member.fit(X, y) for member in alone], "ensemble": lambda: ensemble.fit(X, y)}
    contenders = [Contender(name, way) for name, way in ways.items()]
    return best(alternate(contenders, repeats, block_seconds=0))


def scores():
    """Return accuracy and log loss of the mean, and the mean of the members'."""
    X, y = load_japanese_vowels(split="test")
    ensemble = SequenceEnsemble(MODEL, MEMBERS, random_state=0).fit(*load_japanese_vowels(split="train"))
    models = [ensemble, *ensemble.estimators_]
    of_all = np.array([(model.score(X, y), log_loss(y, model.predict_proba(X))) for model in models])
    return {"ensemble": of_all[0].tolist(), "a member": of_all[1:].mean(axis=0).tolist()}


def main(arguments=None):
    """Measure, print, and say whether the bounds hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.ensemble")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--times", action="store_true", help="print the times of this process alone, as JSON")
    options = parser.parse_args(arguments)
    if options.times:
        print(json.dumps(times(options.repeats)))
        return
    rows = []
    for policy in ("passive", "active"):
        command = [sys.executable, "-m", "benchmarks.promises.ensemble", "--times", "--repeats", str(options.repeats)]
        environment = {**os.environ, "OMP_WAIT_POLICY": policy}
        found = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
        rows.append({"waiting": policy, **found, "ratio": found["ensemble"] / found["in turn"]})
    cells = [[row["waiting"], *(significant(row[key]) for key in ("in turn", "ensemble", "ratio"))] for row in rows]
    print(markdown_table(["threads wait", "in turn, s", "ensemble, s", "ratio"], cells))
    found = scores()
    cells = [[name, f"{accuracy:.4f}", f"{loss:.4f}"] for name, (accuracy, loss) in found.items()]
    print(markdown_table(["", "accuracy", "log loss"], cells))
    write_json(options.json, [*rows, found])
    (accuracy, loss), (of_one, loss_of_one) = found["ensemble"], found["a member"]
    if rows[0]["ratio"] > MOST or accuracy <= of_one or loss >= loss_of_one:
        raise SystemExit("an ensemble takes more than half of the time, or is no better than a member")


if __name__ == "__main__":
    main()
