"""What a million series cost, on a Dask cluster in this process: 100 steps each, one epoch, and 12 steps of forecasts.

    python -m benchmarks.promises.million_series [--n 1000000] [--dtype float64] [--threads 2] [--json FILE]

time      seconds of fit and forecast, in all
speed     series a second over those of a plain `SequenceForecaster` on 10,000 of the same series, by the sum of both
memory    the process's peak, above what it has once everything is compiled, over the data's own, in their dtype, held
          by the workers as arrays of 10,000 series; the forecasts of all are in it

Each in a process of its own. Needs Linux, as `benchmarks.memory`. Fails where a figure is beyond what is asked.
"""

from __future__ import annotations

import argparse
import time

import numba
import numpy as np

from benchmarks.measuring.peak import peak, reset_peak
from benchmarks.measuring.report import markdown_table, significant, write_json
from benchmarks.measuring.workers import fresh
from fastrnn import SequenceForecaster

STEPS, HORIZON, SEASON = 100, 12, 12
FEW = 10_000
"""Series of the fit that is compared with, and of a partition."""
SPEED, MEMORY = 0.85, 2.2


def sales(n, seed):
    """Return n series (n, STEPS) with a season and a level that wanders."""
    rng, t = np.random.default_rng(seed), np.arange(STEPS)
    out = rng.standard_normal((n, STEPS))
    np.cumsum(out, axis=1, out=out)
    out *= 0.3
    out += 50 + 10 * rng.standard_normal((n, 1))
    out += rng.uniform(1, 5, (n, 1)) * np.sin(2 * np.pi * (t + rng.uniform(0, SEASON, (n, 1))) / SEASON)
    return out


def plain(n, threads):
    """Seconds of fit and forecast in one process."""
    numba.set_num_threads(threads)
    SequenceForecaster(horizon=HORIZON, max_iter=1, random_state=0).fit([*sales(64, 0)]).predict()
    series = [*sales(n, 0)]
    start = time.perf_counter()
    forecaster = SequenceForecaster(horizon=HORIZON, max_iter=1, random_state=0).fit(series)
    fitted = time.perf_counter()
    forecaster.predict()
    return fitted - start, time.perf_counter() - fitted


def on_dask(n, dtype, threads):
    """Seconds of fit and forecast in partitions, and the peak memory in bytes over the data's."""
    from distributed import Client

    from fastrnn.dask import DaskSequenceForecaster

    numba.set_num_threads(threads)
    options = {"processes": False, "n_workers": 1, "threads_per_worker": threads, "dashboard_address": ":0"}
    with Client(**options) as client:
        forecaster = DaskSequenceForecaster(
            horizon=HORIZON, max_iter=1, random_state=0, rounds="local", local_steps=FEW, partitions_at_once=threads
        )

        def forecast(sizes):
            series = [client.submit(stored, size, seed, dtype, pure=False) for seed, size in enumerate(sizes)]
            client.gather([client.submit(len, part) for part in series])
            start = time.perf_counter()
            forecaster.fit(series)
            fitted = time.perf_counter()
            found = client.gather(forecaster.predict())
            return fitted - start, time.perf_counter() - fitted, sum(map(len, found))

        forecast([64] * 2 * threads)
        reset_peak()
        before = peak()
        fit, predict, count = forecast([FEW] * (n // FEW))
        assert count == n
        return fit, predict, (peak() - before) / (n * STEPS * np.dtype(dtype).itemsize)


def stored(n, seed, dtype):
    """Return such series as a worker holds them."""
    return sales(n, seed).astype(dtype)


def row(what, figure, asked=None, passed=True):
    """Return what is reported."""
    return {"what": what, "figure": figure, "asked": asked, "passed": bool(passed)}


def main(arguments=None):
    """Measure; print and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.promises.million_series")
    parser.add_argument("--n", type=int, default=1_000_000)
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float64")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args(arguments)
    few = sum(fresh(plain, FEW, options.threads)) / FEW
    fit, predict, memory = fresh(on_dask, options.n, options.dtype, options.threads)
    speed = few / ((fit + predict) / options.n)
    rows = [
        row(f"one epoch of {options.n} series, s", fit),
        row(f"their forecasts, {HORIZON} steps, s", predict),
        row(f"speed a series over that of {FEW} plain ones, at least", speed, SPEED, speed >= SPEED),
        row("peak memory / data, at most", memory, MEMORY, memory <= MEMORY),
    ]
    lines = [
        [r["what"], significant(r["figure"]), significant(r["asked"]), "yes" if r["passed"] else "NO"] for r in rows
    ]
    print(markdown_table(["what", "figure", "asked", "passed"], lines))
    write_json(options.json, rows)
    if not all(r["passed"] for r in rows):
        raise SystemExit("many series cost more than they may")


if __name__ == "__main__":
    main()
