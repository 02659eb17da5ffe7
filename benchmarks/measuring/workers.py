"""Each library in a process of its own, so that none spoils another's threads.

Numba's OpenMP layer enables nested parallelism for the process; beside it in one process PyTorch
was seen to run eight times slower than alone.
"""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks.measuring.measure import Contender


class Worker:
    """A library that lives in a fresh process and works only when it is asked to.

    Parameters
    ----------
    library : type
        Such as those of `benchmarks.peers.libraries`; made with the number of threads in that process.
    threads : int
        What the library may use.

    Raises
    ------
    ImportError
        If the library does not import there.
    """

    def __init__(self, library, threads):
        self.name = library.name
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        context.Process(target=_serve, args=(theirs, library, threads), daemon=True).start()
        self._receive()

    def contenders(self, build, case):
        """Have the library's method ``build``, if it has one, make contenders of ``case`` in place of the last."""
        return [RemoteContender(self, name) for name in self.ask("prepare", build, case)]

    def cpu_seconds(self):
        """CPU time of the process so far."""
        return self.ask("cpu_seconds")

    def ask(self, request, *arguments):
        """Return the answer to a request, or raise what was raised there."""
        self._pipe.send((request, *arguments))
        return self._receive()

    def _receive(self):
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


class RemoteContender:
    """A `Contender` in a worker."""

    def __init__(self, worker, name):
        self.name = name
        self._worker = worker

    def block(self, seconds):
        """Time a block of calls there."""
        return self._worker.ask("block", self.name, seconds)

    def percentiles(self, seconds):
        """Time a block of calls there."""
        return self._worker.ask("percentiles", self.name, seconds)

    def result(self):
        """Fetch the arrays on which all must agree."""
        return self._worker.ask("result", self.name)


def _serve(pipe, library, threads):
    try:
        desk = _Desk(library(threads))
    except Exception as error:  # told to whoever waits for the answer
        pipe.send(error)
        return
    pipe.send(None)
    while True:
        try:
            request, *arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(getattr(desk, request)(*arguments))
        except Exception as error:  # told to whoever waits for the answer
            pipe.send(error)


class _Desk:
    """Answers requests in the worker."""

    def __init__(self, library):
        self._library = library
        self._contenders: dict[str, Contender] = {}

    def prepare(self, build, case):
        contenders = getattr(self._library, build, lambda _: [])(case)
        self._contenders = {contender.name: contender for contender in contenders}
        return list(self._contenders)

    def block(self, name, seconds):
        return self._contenders[name].block(seconds)

    def percentiles(self, name, seconds):
        return self._contenders[name].percentiles(seconds)

    def result(self, name):
        return self._contenders[name].result()

    @staticmethod
    def cpu_seconds():
        return time.process_time()


def fresh(function, *arguments):
    """Return what a function of a module returns in a process that does nothing else."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def installed(libraries, threads):
    """Return a worker for each library that imports, and a sentence for each that does not."""
    workers, missing = [], []
    for library in libraries:
        try:
            workers.append(Worker(library, threads))
        except ImportError as error:
            missing.append(f"{library.name} skipped: {error}")
    return workers, missing
