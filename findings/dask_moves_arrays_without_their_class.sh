#!/usr/bin/env bash
# distributed 2026.8.0 with NumPy 2.4.  A subclass of numpy.ndarray may carry more than numbers, such as units, or what
# the numbers stand for; pickle and copy keep the class and what it has, as the subclass says in `__reduce__`.  One
# expects that of an array in a list, too, when a cluster moves it from one process to another.  What happens: the way in
# which distributed packs arrays is registered for numpy.ndarray and all subclasses (numpy.matrix and masked arrays have
# ways of their own), and holds the bytes, type and shape alone.  The array arrives as a plain one, without an error; and
# only if it was moved, so that the same program works or not as the scheduler places its tasks.  A subclass must be
# registered with `dask_serialize`; one that raises NotImplementedError there is pickled.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "distributed==2026.8.0" "numpy>=2.4,<2.5"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import pickle
from importlib.metadata import version

import numpy as np
from distributed.protocol import dask_serialize, deserialize, serialize


class Metres(np.ndarray):
    pass


def moved(array):
    """As between two workers."""
    return deserialize(*serialize(array))


lengths = np.arange(3.0).view(Metres)
pickled, before = type(pickle.loads(pickle.dumps(lengths))).__name__, type(moved(lengths)).__name__
in_a_list = type(moved([lengths])[0]).__name__


def leave(array, context=None):
    raise NotImplementedError


dask_serialize.register(Metres, leave)
after = type(moved(lengths)).__name__
print(f"distributed {version('distributed')}, NumPy {version('numpy')}")
print(f"an array of the class Metres comes out of pickle as {pickled}, and out of distributed's serialize as {before}")
print(f"one in a list comes out of it as {in_a_list}")
print(f"with a way for the class that raises NotImplementedError, which leaves it to pickle: {after}")
raise SystemExit((pickled, before, after) != ("Metres", "ndarray", "Metres"))
PYTHON
