"""Programs as they are built: the calls of a pass, and where their arguments are.

A `Program` is built once for a network.  What its kernels read and fill are operands: arrays that stay where they are
(`fixed`), that each pass gives anew (`given`), in the memory of the thread that works on a shard (`room`), or sums over
the shards of a place (`sums`).  Its calls come in stages: "before" and "after" are made once a pass, "forward" and
"backward" for each shard.  `fastrnn.kernels.program` has the code that makes them.
"""

import threading
from collections import namedtuple
from ctypes import addressof, c_char
from functools import cache, cached_property, partial
from math import prod

import numpy as np

from fastrnn import threads
from fastrnn.kernels import program as kernel
from fastrnn.kernels.caching import Later, types
from fastrnn.kernels.vectors import CACHE_LINE

numpy_support = Later("numba.np.numpy_support")
MOST_SHARERS = 16
"""Threads, at most, that `SHARERS`, an argument of shared calls, counts."""
PLACES = 16
"""Places, at most, to whose sums the shards of a pass add."""
SUMS = ("sums of float32", 4), ("sums of float64", 8)
"""Names of what `Program.placed` tells where sums lie, and the bytes of each."""
MOMENT = 2**28
"""Multiply-adds that a thread does in some milliseconds, in which no handler of signals is heard."""
KEPT = 2**28
"""Bytes of memory, at most, that a thread keeps for its next pass."""


class Size(int):
    """A word of the frame that holds a shard's size."""


class Operand(namedtuple("Operand", "kind, first, n_words, shape", defaults=((),))):
    """An argument: its Numba type, and its words in the frame; of an array also its shape, as it was asked for."""

    @cached_property
    def dtype(self):
        return np.dtype(self.kind.dtype.name)


NOTHING = Operand(None, kernel.NONE, 1)
B, FIRST, S, T, BEFORE, B_AND_S = map(Size, (kernel.B, kernel.FIRST, kernel.S, kernel.T, kernel.BEFORE, kernel.B_AND_S))
B_OTHER, FIRST_OTHER, S_OTHER = map(Size, (kernel.B_OTHER, kernel.FIRST_OTHER, kernel.S_OTHER))
T_OTHER, BEFORE_OTHER, B_AND_S_OTHER = map(Size, (kernel.T_OTHER, kernel.BEFORE_OTHER, kernel.B_AND_S_OTHER))
PAIRS, SHARERS = Size(kernel.PAIRS), Size(kernel.SHARERS)
STAGES = "before", "forward", "backward", "inputs", "after"
"""In which calls are made; "inputs" has those of a way back to the input that is not always wanted."""


class Program:
    """Calls, and what they are of.

    Parameters
    ----------
    dtype : {"float32", "float64"}
        Of arrays that are made without another one.
    is_shared, is_whole : bool
        What `Stack.sharing` says of batches. Whole shards have their sums in one place.
    """

    def __init__(self, dtype, is_shared=False, is_whole=None):
        self.dtype, self.is_shared = np.dtype(dtype), is_shared
        self.is_whole = is_shared if is_whole is None else is_whole
        self._frame, self._buffers, self._derived, self._numbers = [0] * kernel.N_FIXED, [], [], {}
        self._calls = {stage: [] for stage in STAGES}
        self.names, self.batch_rooms, self._kept, self._codes = {}, [], [], {}
        self.sums_bytes, self.n_places = 0, 1 if self.is_whole else PLACES

    # ----------------------------------------------------------------------------------------------- operands

    def at_most(self, size, bound, more=0):
        """The size of a shard, or an integer, and so much more, or `bound` if that is less."""
        word = Size(self._words([0]))
        self._derived += [word, self._operand(size).first, more, bound]
        return word

    def fixed(self, array):
        """A C-contiguous array that stays where it is."""
        operand = self._array(array.dtype, array.shape)
        self._frame[operand.first : operand.first + operand.n_words] = _words_of(array)
        self._kept.append(array)
        return operand

    def given(self, name, dtype=np.int64, n_axes=0):
        """An array that each pass gives under this name, or an integer."""
        if name not in self.names:
            self.names[name] = self._array(dtype, (0,) * n_axes) if n_axes else self._integer(0)
        return self.names[name]

    def room(self, *shape, dtype=None):
        """Memory of the thread that works on the shard; sizes are integers, or a `Size`."""
        return self._buffer(shape, dtype, kernel.OF_ARENA)

    def sums(self, *shape, dtype=None):
        """Zeros at the beginning of each place's first shard; `placed` has them all."""
        dtype = np.dtype(dtype or self.dtype)
        start = self.sums_bytes
        self.sums_bytes += -(-prod(shape) * dtype.itemsize // CACHE_LINE) * CACHE_LINE
        return self._buffer(shape, dtype, kernel.OF_SUMS, n_bytes=start)

    def placed(self, operand):
        """After the shards: the sums of all places, as the kernels `fold` and so on read them; and where one begins."""
        start = next(record[5] for record in self._buffers if record[0] == operand.first)
        return self.given(f"sums of {operand.dtype}", operand.dtype, 2), start // operand.dtype.itemsize

    def of_batch(self, *width, is_other=False, dtype=None):
        """Rows for all steps of a batch, or numbers without a width: what is the shard's of them, and all together.

        The latter are of the stage "after"; not all rows are used: "n_steps", or "n_other_steps", are.
        """
        every = self._array(dtype or self.dtype, (0, *width))
        self.batch_rooms.append((every, is_other))
        before, size = (BEFORE_OTHER, S_OTHER) if is_other else (BEFORE, S)
        return self.part(every, (size, *width), before, prod(width)), every

    def part(self, array, shape, size=0, elements=0):
        """An array in the memory of another one, so many elements times a size behind its beginning."""
        n_bytes = elements * array.dtype.itemsize
        return self._buffer(shape, array.dtype, kernel.OF_ANOTHER, array.first, self._operand(size).first, n_bytes)

    def _words(self, values):
        first = len(self._frame)
        self._frame += values
        return first

    def _integer(self, value):
        return Operand(types.intp, self._words([int(value)]), 1)

    def _array(self, dtype, shape):
        dtype, n = np.dtype(dtype), len(shape)
        first = self._words([0, 0, 0, dtype.itemsize, 0, *[0 if isinstance(s, Size) else s for s in shape], *[0] * n])
        return Operand(_kind(dtype, n), first, 5 + 2 * n, tuple(shape))

    def _buffer(self, shape, dtype, whence, other=0, size=0, n_bytes=0):
        operand = self._array(dtype or self.dtype, shape)
        axes = [int(s) if isinstance(s, Size) else 0 for s in shape]
        axes += [0] * (kernel.MAX_AXES - len(axes))
        self._buffers.append([operand.first, len(shape), whence, other, int(size), n_bytes, *axes])
        return operand

    # -------------------------------------------------------------------------------------------------- calls

    def call(self, function, *arguments, stage="forward"):
        """Add a call of a kernel; arguments are operands, arrays that are fixed, integers, or None."""
        self._calls[stage].append((function, [self._operand(argument) for argument in arguments], (0, 0)))

    def share(self, function, *arguments, tasks, steps=None, stage="forward"):
        """Add a call that threads may share: the kernel's last argument is the task, or the last two task and step.

        The tasks of a step may be done at once.
        """
        sharing = self._operand(tasks).first, 0 if steps is None else self._operand(steps).first
        self._calls[stage].append((function, [self._operand(argument) for argument in arguments], sharing))

    def _operand(self, argument):
        if argument is None:
            return NOTHING
        if isinstance(argument, Operand):
            return argument
        if isinstance(argument, np.ndarray):
            return self.fixed(argument)
        if isinstance(argument, Size):
            return Operand(types.intp, int(argument), 1)
        if argument not in self._numbers:
            self._numbers[argument] = self._integer(argument)
        return self._numbers[argument]

    # --------------------------------------------------------------------------------------------------- passes

    @cached_property
    def arrays(self):
        """The frame, buffers and derived sizes that a job reads."""
        return tuple(np.array(part, np.int64).ravel() for part in (self._frame, self._buffers, self._derived))

    def code(self, *stages):
        """The records of the calls of some stages, and their number; kernels are compiled now."""
        if stages not in self._codes:
            # The first that is there stays: a pass of another thread may have its address already.
            self._codes.setdefault(stages, _code(sum((self._calls[stage] for stage in stages), [])))
        return self._codes[stages]

    def prepare(self):
        """Make the calls of "before", of which all arguments are fixed."""
        (frame, *_), (code, n) = self.arrays, self.code("before")
        if n and kernel.run_once(code.ctypes.data, n, frame.ctypes.data, 0):
            raise MemoryError("there is no memory to pack weights in")


@cache
def _kind(dtype, n_axes):
    return types.Array(numpy_support.from_dtype(dtype), n_axes, "C")


def _code(calls):
    """Calls as `fastrnn.kernels.program` reads them, and their number."""
    kernels = []
    for function, operands, sharing in calls:
        counters = sum(word > 0 for word in sharing)
        kinds = [operand.kind or types.none for operand in operands] + [types.intp] * counters
        kernels.append((function, tuple(kinds)))
    code = []
    for address, (_, operands, sharing) in zip(kernel.addresses(kernels), calls, strict=True):
        groups = [(operand.first, operand.n_words) for operand in operands]
        assert sum(n for _, n in groups) + 2 <= kernel.MOST_WORDS, "a call has more words than there is room for"
        code += [address, *sharing, len(groups), *sum(groups, ())]
    return np.array(code, np.int64), len(calls)


def _words_of(array):
    """The words of a C-contiguous array."""
    assert array.flags.c_contiguous, "operands are contiguous"
    return 0, 0, array.size, array.itemsize, array.ctypes.data, *array.shape, *array.strides


def _address(array):
    """Where the elements of a C-contiguous array begin; three times as quick as `array.ctypes.data`."""
    try:
        return addressof(c_char.from_buffer(array))
    except (TypeError, ValueError):  # it is read-only, or has no elements
        return array.ctypes.data


class Pass:
    """A program with what it reads, to be run over shards again and again.

    Parameters
    ----------
    program : Program
    shards : fastrnn.packing.Shards
    work_a_step : int
        Multiply-adds of a sequence's step, by which is decided whether threads are worth waking.
    stages : tuple of str
        What is done for each shard.
    is_kept : bool
        Whether what is computed for each shard stays, for another stage to read.
    given : dict
        What the program was promised by name: arrays, or integers.
    """

    def __init__(self, program, shards, work_a_step, stages=("forward",), is_kept=False, **given):
        self.program, self._work, self._is_kept = program, work_a_step, is_kept
        (frame, *arrays), self._counters = program.arrays, np.zeros(2, np.int64)
        self._frame = frame.copy()
        self._rooms, self._held, self._shapes, self._taken, self._stages = {}, {}, {}, {}, None
        self._room = None  # an address, the bytes from there on, and the array that has them
        self._job = np.zeros(kernel.N_FIELDS, np.int64)
        job, self._address = self._job, self._job.ctypes.data
        self._frame_address = job[kernel.FRAME] = self._frame.ctypes.data
        job[kernel.N_WORDS], job[kernel.IS_KEPT] = frame.size, is_kept
        for k, array, size in ((kernel.BUFFERS, arrays[0], kernel.BUFFER_SIZE), (kernel.DERIVED, arrays[1], 4)):
            job[k], job[k + 1] = array.ctypes.data, array.size // size
        job[kernel.NEXT], job[kernel.FAILED] = self._counters.ctypes.data, self._counters[1:].ctypes.data
        job[kernel.BEGIN : kernel.RUN + 1] = kernel.parts()
        self.take(*stages)
        self.go_over(shards, **given)

    def go_over(self, shards, **given):
        """Take these shards from now on; of a pass that is not kept."""
        self._shards, self._span, self._used = shards, None, None
        self.give(**given)
        for operand, is_other in self.program.batch_rooms:
            n_rows = shards.most_steps(is_other)
            if len(self._rooms.get(operand.first, ())) < n_rows:
                self._rooms[operand.first] = self._set(operand, np.empty((n_rows, *operand.shape[1:]), operand.dtype))
        self._measure()

    def take(self, *stages):
        """Make the calls of these stages from now on.

        What comes before all shards is made where they begin, and what comes after where sums are complete.
        """
        if stages == self._stages:
            return
        if stages not in self._taken:
            begins, ends = "forward" in stages, "backward" in stages or not self._is_kept
            wanted = {"before": begins, "after": ends}
            codes = {stage: self.program.code(stage) for stage, is_wanted in wanted.items() if is_wanted}
            once = {stage: (code.ctypes.data, n, self._frame_address, 0) for stage, (code, n) in codes.items() if n}
            code, n = self.program.code(*stages)
            self._taken[stages] = (code.ctypes.data, n), self.program.sums_bytes if ends else 0, once
        self._job[kernel.CODE : kernel.N_CALLS + 1], self._job[kernel.SUMS_BYTES], self._once = self._taken[stages]
        self._stages = stages

    def give(self, **given):
        """Arrays, or integers, to read from now on."""
        names, held = self.program.names, self._held
        for name, value in given.items():
            if name in names and held.get(name) is not value:
                held[name] = self._set(names[name], value)

    def _set(self, operand, value):
        """Put it in the frame; returns what must stay where it is."""
        first = operand.first
        if operand.n_words == 1:
            self._frame[first] = value
            return None
        array = np.ascontiguousarray(value, operand.dtype)
        if self._shapes.get(first) == array.shape:  # in a loop: half of what a small pass costs, otherwise
            self._frame[first + 4] = _address(array)
            return array
        assert array.ndim == operand.kind.ndim, f"an array of {operand.kind.ndim} axes is expected, not {array.ndim}"
        self._frame[first : first + operand.n_words] = _words_of(array)
        self._shapes[first] = array.shape
        return array

    def lend(self, **given):
        """As `give`: contiguous arrays of the right dtype, which the caller keeps until it lends others."""
        names, held, shapes, frame = self.program.names, self._held, self._shapes, self._frame
        for name, array in given.items():
            operand, held[name] = names[name], None
            if shapes.get(operand.first) == array.shape:
                frame[operand.first + 4] = _address(array)
            else:
                assert array.flags.c_contiguous and array.dtype == operand.dtype, "what is lent is read where it is"
                self._set(operand, array)

    def _measure(self):
        """How much memory the largest of the shards takes."""
        job, scratch = self._job, np.empty(self._frame.size, np.int64)
        job[kernel.FRAMES], job[kernel.SHARDS] = scratch.ctypes.data, self._shards.address
        job[kernel.N_SHARDS] = len(self._shards)
        job[kernel.ARENA_BYTES] = self._arena_bytes = kernel.begin(self._address, 0, 0, 0, len(self._shards))

    def run(self, first=0, last=None, is_prepared=False, row=None):
        """Make the program's calls, for the shards from `first` to `last`.

        What comes before the shards is left out if it `is_prepared`: nothing it reads has changed.  Or of a `row` of
        batches: the first one's number, a `Standing`, and the first arguments of `fastrnn.kernels.program.in_a_row`.
        """
        if row is None and self._span != (first, last):
            self._take_shards(first, len(self._shards) if last is None else last)
            self._span = first, last
        if self._room is None:
            self._room, _local.room = getattr(_local, "room", None), None
        if row is not None:
            self._in_a_row(*row)
        else:
            if not is_prepared and "before" in self._once:
                self._counters[1] = kernel.run_once(*self._once["before"])
            threads.run(self._work_at_once, self._do, self._do)
            if "after" in self._once:
                self._counters[1] |= kernel.run_once(*self._once["after"])
        if self._room[1] <= KEPT:
            self._room, _local.room = None, self._room
        if self._counters[1]:
            self._counters[1] = 0
            raise MemoryError("there is no memory for what a kernel needs to work in")

    def fits_in_a_row(self, k, more):
        """How many batches from k on are made in a moment, by as many threads as the first; 0 if these share shards.

        Each is followed by so many multiply-adds `more`, and no more threads work on one than it has places.
        """
        firsts, work, n, n_threads = self._shards.firsts, 0, 0, 0
        while not self.program.is_shared and k + n < len(firsts) - 1 and work <= MOMENT:
            first, last = firsts[k + n : k + n + 2]
            own = self._work * self._shards.count_steps(first, last)
            if (found := threads.available(own)) != n_threads and n:
                break
            work, n, n_threads = work + own // min(found, last - first, PLACES) + more, n + 1, found
        return n

    def _in_a_row(self, k, sweep, told):
        """Run over batches from k on, each followed by a sweep (`Standing`), as `told` say."""
        firsts = np.array(self._shards.firsts[k : k + len(told[0]) + 1])
        self._take_shards(*firsts[np.diff(firsts).argmax() :][:2].tolist())
        self._span, (places, calls) = None, self._row

        def run(n_threads=1):
            self._use(n_threads)
            calls[1] = kernel.call_of_job(self._address, n_threads)
            calls[3, 1:] = *sweep.call, kernel.sharers(n_threads if sweep.is_shared else 1), 0
            kernel.in_a_row(*told, self._address, self._shards.address, firsts, places, calls)

        threads.run(self._work_at_once, run, run)

    @cached_property
    def _row(self):
        """The last two arguments of `in_a_row`."""
        names, known = self.program.names, [(name, self.program.sums_bytes // size) for name, size in SUMS]
        known += ("n_steps", S), ("n_other_steps", S_OTHER), ("key", 0)
        calls = [[self._job[kernel.RUN], *self._once.get(stage, (0,) * 4), 0] for stage in ("before", "", "after", "")]
        return np.array([(names[name].first if name in names else 0, n) for name, n in known]), np.array(calls)

    def _take_shards(self, first, last):
        shards, job = self._shards, self._job
        self._n_places, n_steps = min(last - first, self.program.n_places), shards.count_steps(first, last)
        if self.program.batch_rooms:
            self.give(n_steps=n_steps, n_other_steps=shards.count_steps(first, last, True))
        job[kernel.SHARDS] = shards.address + first * 8 * kernel.SHARD_WORDS
        job[kernel.N_SHARDS], job[kernel.N_PLACES] = last - first, self._n_places
        self._work_at_once, self._used = self._work * n_steps, None

    def _do(self, n_threads=1):
        """The job: of the shards' places threads do some each, or they share the calls."""
        self._use(n_threads)
        if self.program.is_shared or n_threads == 1:
            kernel.entry(kernel.work, 3)(self._address, 0, 0)
        else:
            kernel.loop(*kernel.call_of_job(self._address, n_threads)[1:])

    def _use(self, n_threads):
        """Let each thread have its frame and arena, and each place its sums."""
        n_bytes, self._counters[0] = self.program.sums_bytes, 0  # of whichever stages, so that it stays
        frames = -(-8 * self._frame.size * n_threads // CACHE_LINE) * CACHE_LINE
        n_arenas = 0 if self._is_kept else 1 if self.program.is_shared else n_threads
        sums = n_bytes * self._n_places
        start = self._reserve(frames + sums + self._arena_bytes * n_arenas)
        if self._used == (start, n_threads):
            return
        self._used, job = None, self._job
        self._frame[kernel.SHARERS] = min(n_threads, MOST_SHARERS)
        job[kernel.TOGETHER] = kernel.sharers(n_threads if self.program.is_shared else 1)
        job[kernel.FRAMES], job[kernel.SUMS] = start, start + frames
        job[kernel.ARENA] = self._kept_start if self._is_kept else start + frames + sums
        for name, dtype in SUMS:
            if name in self.program.names:
                operand, n = self.program.names[name], n_bytes // dtype
                group = 0, 0, self._n_places * n, dtype, start + frames, self._n_places, n, n_bytes, dtype
                self._frame[operand.first : operand.first + operand.n_words] = group
        self._used = start, n_threads

    def _reserve(self, n_bytes):
        """The address of so many bytes."""
        if self._room is None or self._room[1] < n_bytes:
            memory = np.empty(n_bytes + CACHE_LINE, np.uint8)
            self._room = -(-memory.ctypes.data // CACHE_LINE) * CACHE_LINE, n_bytes, memory
        return self._room[0]

    @property
    def kept_bytes(self):
        """What the shards take of a pass that is kept."""
        return self._arena_bytes * len(self._shards)

    @cached_property
    def _kept_start(self):
        self._own = np.empty(self.kept_bytes + CACHE_LINE, np.uint8)
        return -(-self._own.ctypes.data // CACHE_LINE) * CACHE_LINE

    def array(self, operand, shard=0):
        """What a kept pass has left in an operand of one shard: a window on its memory, until the next run."""
        frame = self.frame(shard)
        start, shape = operand.first + 4, frame[operand.first + 5 :][: len(operand.shape)]
        return np.ndarray(shape, operand.dtype, self._own, int(frame[start]) - self._own.ctypes.data)

    def frame(self, shard=0):
        """The words of one shard of a kept pass, as its calls read them."""
        frame, job = np.empty(self._frame.size, np.int64), self._job
        places = frame.ctypes.data, self._shards.address, self._kept_start
        job[kernel.FRAMES], job[kernel.SHARDS], job[kernel.ARENA] = places
        self._span = self._used = None
        kernel.begin(self._address, 0, 0, shard, shard + 1)
        return frame


class _OneShard:
    """Of a program whose sizes are all integers: what a `Pass` asks shards for."""

    address = (_sizes := np.zeros((1, kernel.SHARD_WORDS), np.int64)).ctypes.data

    def __len__(self):
        return 1


class Standing:
    """A program whose sizes are all integers, laid out once in memory of its own.

    Parameters
    ----------
    work : int
        Multiply-adds, of which more than `threads.SMALL` let threads share what can be shared.

    Attributes
    ----------
    run : callable
        Makes the calls of "forward"; returns whether one has raised, after which the others may not have been made.
    """

    def __init__(self, program, work=0, **given):
        self._pass = Pass(program, _OneShard(), 0, is_kept=True, **given)
        self._frame, (code, n) = self._pass.frame(), program.code("forward")
        self.call = job = code.ctypes.data, n, self._frame.ctypes.data
        self.run, self.work = partial(kernel.entry(kernel.run_once, 4), *job, 0), work
        self.is_shared = work > threads.SMALL
        if self.is_shared:
            self.run = partial(threads.run, work, partial(kernel.run_together, *job), self.run)


_local = threading.local()
"""Of each thread of Python's `room`, the memory that passes work in, or their own if it is more than `KEPT`.

While a pass has it, the thread has none: a signal's handler may run another pass before what this one has left is read.
"""
