"""Tell what is installed and on which machine, for a report of a bug."""

import platform
import re
import sys
from importlib.metadata import distributions

from llvmlite.binding import get_host_cpu_name

from fastrnn.kernels.caching import numba
from fastrnn.kernels.cpu import VECTOR_BYTES
from fastrnn.kernels.rows import clear

VERSION = next((installed.version for installed in distributions(name="fastrnn")), "unknown")
"""Of the library, as it is installed; a checkout that is only on the path has none."""


def show_versions() -> None:
    """Print what a report of a bug needs: versions, the CPU, threads, and where compiled kernels are kept.

    The CPU is the one that kernels are compiled for, with the width of its vectors. Threads and their layer are
    Numba's. Dependencies and optional libraries are listed if they are installed.

    Examples
    --------
    >>> import fastrnn
    >>> fastrnn.show_versions()
            Python: 3...
      executable: ...
         machine: ...
             CPU: ...
         threads: ...
         kernels: ...
         fastrnn: ...
    """
    cpu = f"{numba.config.CPU_NAME or get_host_cpu_name()}, vectors of {8 * VECTOR_BYTES} bits"
    facts = {"Python": sys.version, "executable": sys.executable, "machine": platform.platform(), "CPU": cpu,
        # Asking how many threads there are starts them, and so chooses their layer.
        "threads": f"{numba.get_num_threads()}, of the layer {numba.threading_layer()}",
        "kernels": clear.dispatcher.stats.cache_path}  # fmt: skip
    lines = (line for own in distributions(name="fastrnn") for line in ["fastrnn", *(own.requires or ())])
    for name in dict.fromkeys(re.match(r"[\w-]+", line)[0] for line in lines):
        facts.update((name, one.version) for one in reversed([*distributions(name=name)]))
    print(*(f"{name:>14}: {' '.join(str(fact).split())}" for name, fact in facts.items()), sep="\n")
