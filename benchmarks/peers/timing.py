"""Time contenders side by side, again where other processes were in the way; how near the floor they come."""

from __future__ import annotations

from benchmarks.measuring import machine
from benchmarks.measuring.measure import alternate, best

OURS = "fastrnn"
# A row is disturbed if other processes kept more than so many cores busy while it was timed.
ELSEWHERE = 0.1
TRIES = 2


def timing(contenders, workers, repeats, **options):
    """Time contenders, and up to `TRIES` times again if disturbed; return the quietest try."""
    rows = []
    while not rows or (disturbed(rows[-1]) and len(rows) <= TRIES):
        rows.append(timing_once(contenders, workers, repeats, **options))
    return min(rows, key=lambda row: row["cores_busy_elsewhere"] or 0)


def timing_once(contenders, workers, repeats, **options):
    """Time contenders; return each one's best block, all blocks, and the ratio to the best peer."""
    elsewhere = machine.Elsewhere(workers)
    seconds = alternate(contenders, repeats, **options)
    least = best(seconds)
    peers = [value for name, value in least.items() if name != OURS]
    ratio = min(peers) / least[OURS] if peers and OURS in least else None
    row = {"seconds": least, "repeats": seconds, "ratio": ratio}
    return row | {"cores_busy_elsewhere": elsewhere.cores()}


def floors(section, case, seconds, facts):
    """Return the floor and the fraction of it reached, at 0.27 ns and at this machine's tanh."""
    sizes = (case.cell, case.rows, case.I, case.H)
    training = section != "infer"
    # One sequence's steps are one core's, but its weights' gradients can be shared.
    cores = facts["threads"] if training else min(facts["threads"], case.B)
    common = {"training": training, "cores": cores}
    floor = machine.floor_seconds(*sizes, **common, peak=facts["peak_gflops"] * 1e9)
    peak = facts["peak_gflops" if cores == 1 else "peak_together_gflops"] * 1e9
    here = machine.floor_seconds(*sizes, **common, peak=peak, activation_ns=facts["tanh_ns"])
    return {
        "floor": floor,
        "floor_here": here,
        "of_floor": seconds and floor / seconds,
        "of_floor_here": seconds and here / seconds,
    }


def disturbed(row):
    """Say whether other processes were in the way while the row was timed."""
    return (row["cores_busy_elsewhere"] or 0) > ELSEWHERE
