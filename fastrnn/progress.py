"""Progress bars that nobody has to be able to see: what is written where nothing can be written is lost."""

import sys
from contextlib import suppress
from threading import get_ident
from weakref import WeakValueDictionary

from tqdm import tqdm

from fastrnn.kernels import on_compiling


class Quiet:
    """A stream that raises nothing: None, closed, broken, or without some of the methods a file has.

    >>> print("lost", file=Quiet(None), flush=True)
    """

    def __init__(self, stream):
        self._stream = stream

    def write(self, text):
        with suppress(Exception):
            self._stream.write(text)

    def flush(self):
        with suppress(Exception):
            self._stream.flush()

    def __getattr__(self, name):
        try:
            return getattr(self._stream, name)
        except Exception:
            raise AttributeError(name) from None


class Bar(tqdm):
    """How far a training is, on stderr; while it waits for kernels to be compiled, that word.

    `shows` is an estimator's `verbose`: from 2 on there is a line for each step, and no bar.
    """

    def __init__(self, shows, total, unit, initial=0):
        known = {"total": total, "unit": unit, "initial": initial}
        self._log, self._unit = Quiet(sys.stderr) if shows > 1 else None, unit
        super().__init__(file=Quiet(sys.stderr), disable=shows != 1, dynamic_ncols=True, **known)
        _bars[get_ident()] = self

    def advance(self, **numbers):
        """One more, and what it came to."""
        texts = {name: f"{number:.4g}" for name, number in numbers.items()}
        if self._log is not None:
            self.n += 1
            parts = f"{self._unit} {self.n}/{self.total}", *map("=".join, texts.items())
            print(*parts, sep=", ", file=self._log, flush=True)
        self.set_description(refresh=False)
        self.set_postfix(refresh=False, **texts)
        self.update()


_bars = WeakValueDictionary()
"""The last one of each thread."""


def _shown():
    bar = _bars.get(get_ident())
    return bar if bar is not None and not bar.disable else None


def note(**numbers):
    """Show how far this thread's training is within an epoch."""
    if (bar := _shown()) is not None:
        bar.set_postfix(numbers)


@on_compiling.append
def _tell():
    if (bar := _shown()) is not None and not bar.desc:
        bar.set_description("compiling")
