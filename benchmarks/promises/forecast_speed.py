"""What a forecaster's predictions, backtests and many series cost.

    python -m benchmarks.promises.forecast_speed [--repeats 7] [--threads 2] [--json FILE]

predict   one series after save and load, in milliseconds: 120 months with season 12; 700 hours with season 24
backtest  200 cut-offs of one series, without refitting, over a prediction for 200 series of the same lengths; in turn
epoch     microseconds a series of one epoch's fit on 1,000, 10,000 and 100,000 series of 200 steps; and the fit's peak
          memory over its data's, each in a process of its own. Needs Linux, as `benchmarks.memory`.

Fails where a figure is above what is asked; of epochs the time of the most series over that of a tenth as many.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numba
import numpy as np

import fastrnn
from benchmarks.measuring.measure import Contender, alternate, medians
from benchmarks.measuring.peak import peak, reset_peak
from benchmarks.measuring.report import markdown_table, significant, write_json
from benchmarks.measuring.workers import fresh
from fastrnn import SequenceForecaster

CUTOFFS = 200
MANY, STEPS = (1_000, 10_000, 100_000), 200
PREDICTION_MS, BACKTEST, GROWTH, MEMORY = 1.0, 3.0, 1.25, 10.0


def waves(n, steps, season):
    """Return n series with a season."""
    rng, t = np.random.default_rng(0), np.arange(steps)
    angles = 2 * np.pi * (t + rng.integers(season, size=(n, 1))) / season
    return list(100 + 20 * np.sin(angles) + rng.standard_normal((n, steps)))


def fitted(series, season, **settings):
    """Return a forecaster after one epoch."""
    return SequenceForecaster(season=season, max_iter=1, random_state=0, **settings).fit(series)


def prediction(steps, season, repeats):
    """Milliseconds of a prediction by a model that was saved and loaded."""
    with tempfile.TemporaryDirectory() as folder:
        fastrnn.save(fitted(waves(1, steps, season)[0], season), Path(folder) / "model")
        model = fastrnn.load(Path(folder) / "model")
    # A served model is warm: the first few calls of a process take half as long again.
    found = medians(alternate([Contender("predict", model.predict)], 15 * repeats))["predict"]
    return row(f"prediction of one series of {steps} steps, ms", 1e3 * found, PREDICTION_MS)


def backtest(repeats):
    """The time of a backtest over that of a prediction for as many series."""
    first, horizon = 1000, 24
    y = waves(1, first + CUTOFFS + horizon - 1, 24)[0]
    model, series = fitted(y[:first], 24, horizon=horizon), [y[: first + k] for k in range(CUTOFFS)]
    if not np.array_equal(model.backtest(y).forecasts, model.predict(history=series)):
        raise ValueError("backtest and prediction differ")
    calls = (
        Contender("backtest", lambda: model.backtest(y)),
        Contender("predict", lambda: model.predict(history=series)),
    )
    found = medians(alternate(calls, repeats))
    return row(f"backtest of {CUTOFFS} cut-offs / prediction", found["backtest"] / found["predict"], BACKTEST)


def epoch(n, threads):
    """Seconds a series of a fit, and its peak memory in bytes over the data's, in this process."""
    numba.set_num_threads(threads)
    fitted(waves(64, STEPS, 24), 24, horizon=24)
    series = waves(n, STEPS, 24)
    reset_peak()
    before, start = peak(), time.perf_counter()
    fitted(series, 24, horizon=24)
    return (time.perf_counter() - start) / n, (peak() - before) / (n * STEPS * series[0].itemsize)


def epochs(threads):
    """The rows of all numbers of series."""
    rows, previous = [], None
    for n in MANY:
        seconds, memory = fresh(epoch, n, threads)
        what = f"an epoch of {n} series of {STEPS} steps"
        rows.append(row(f"{what}, us a series", 1e6 * seconds, previous and 1e6 * GROWTH * previous))
        rows.append(row(f"{what}, peak memory / data", memory, MEMORY if n == MANY[-1] else None))
        previous = seconds
    return rows


def row(what, figure, asked):
    """Return what is reported."""
    return {"what": what, "figure": figure, "asked": asked, "passed": asked is None or figure <= asked}


def table(rows):
    """Return the rows as a Markdown table."""
    lines = [
        [r["what"], significant(r["figure"]), significant(r["asked"]), "yes" if r["passed"] else "NO"] for r in rows
    ]
    return markdown_table(["what", "figure", "at most", "passed"], lines)


def main(arguments=None):
    """Measure; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.forecast_speed")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    numba.set_num_threads(options.threads)
    rows = [prediction(120, 12, options.repeats), prediction(700, 24, options.repeats), backtest(options.repeats)]
    rows += epochs(options.threads)
    print(table(rows))
    write_json(options.json, rows)
    if not all(row["passed"] for row in rows):
        raise SystemExit("a forecaster takes more than it may")


if __name__ == "__main__":
    main()
