"""A checkout of fastrnn in a process of its own, with a cache of its own, and what it is timed at.

The benchmarks are this checkout's, the package is the other's: fastrnn is imported where it is used.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measuring.measure import Contender

LONG = 100_000
"""Sequences of a prediction."""


@dataclass(frozen=True)
class Checkout:
    """Where the package is, and where its kernels are kept; a library, as `Worker` wants one."""

    name: str
    folder: Path
    cache: str
    data: Path | None

    def __call__(self, threads):
        """Import the package, in the process that is to work; return what makes contenders of it."""
        os.environ["NUMBA_CACHE_DIR"] = self.cache
        sys.path.insert(0, str(self.folder))
        import numba

        import fastrnn

        if not Path(fastrnn.__file__).is_relative_to(self.folder):
            raise ImportError(f"{self.folder} is to be timed, but fastrnn was imported from {fastrnn.__file__}")
        numba.set_num_threads(threads)
        return Work(self.name, self.data)


class Work:
    """Contenders of one package, by the names of `WORK`."""

    def __init__(self, name, data):
        self._name, self._data = name, data

    def work(self, what):
        """Return what is timed."""
        make, *arguments = WORK[what]
        return [Contender(self._name, make(self, *arguments))]

    def vowels(self, hidden):
        """60 epochs on JapaneseVowels."""
        from benchmarks.peers.whole_fit import Split, fastrnn_fit

        split = Split.japanese_vowels()
        return lambda: fastrnn_fit(split.X_train, split.y_train, seed=0, hidden=hidden)

    def task(self, name):
        """The fit of a task of `benchmarks.quality`, from the strings or the series on."""
        from benchmarks.quality.forecasts import FORECASTS
        from benchmarks.quality.settings import SETTINGS
        from benchmarks.quality.tasks import TASKS, build

        task = next(task for task in TASKS + FORECASTS if task.name == name)
        split = task.read(self._data)
        return lambda: build(task, SETTINGS[name], seed=0).fit(split.X_train, split.y_train)

    def predictions(self, T):
        """Predictions for many sequences of T steps, as a list, in one thread."""
        from benchmarks.promises.predictions import INPUTS, make_model

        model, X = make_model(), list(np.random.default_rng(T).standard_normal((LONG, T, INPUTS)))
        return lambda: model.predict(X)

    def step(self):
        """A step of a stream."""
        from benchmarks.suite.steps import Stream

        stream = Stream()
        stream.setup("gru", (8, 32))
        return lambda: stream.time_step("gru", None)

    def learn_one(self):
        """A sample learned online."""
        from benchmarks.suite.steps import Online

        online = Online()
        online.setup("gru", "rtrl")
        return lambda: online.time_learn_one("gru", "rtrl")


WORK = {
    "JapaneseVowels, GRU 16": (Work.vowels, 16),
    "JapaneseVowels, GRU 64": (Work.vowels, 64),
    "EWT tagger": (Work.task, "EWT words"),
    "M4-Hourly forecaster": (Work.task, "M4-Hourly"),
    "predict 1 step": (Work.predictions, 1),
    "predict 5 steps": (Work.predictions, 5),
    "predict 20 steps": (Work.predictions, 20),
    "a stream's step": (Work.step,),
    "learn_one": (Work.learn_one,),
}
NEEDS_DATA = ("EWT tagger", "M4-Hourly forecaster")
SHORT = ("a stream's step", "learn_one")
"""Whose calls are timed by the block; the others last long enough alone."""
