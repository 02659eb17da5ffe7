"""Programs: the calls that take a shard through a whole pass, made by compiled code.

A program is a list of kernels, each with the places of its arguments in a *frame*: an array of 64-bit words, in which
an integer is one word, and an array of n axes the 5 + 2 n words that Numba hands over for it: two for its owner
(nobody), its elements, its bytes an element, its address, its shape and its strides.  All words of a frame are known
when the program is built, but the sizes of a shard, and the addresses and shapes that go by them: `lay_out` fills these
in.  As all arguments are words, one piece of code calls any kernel.

Threads take places: a place is a fixed part of a pass's shards, which one thread takes one after the other, adding to
sums of their own.  So the sums, and what is made of them in the order of places, have the same bits for any number of
threads.

A `job` is an array of words, of which the constants in capitals say what is where.
"""

from functools import cache

import numpy as np
from llvmlite import ir

from fastrnn.kernels.caching import cgutils, njit, numba, types
from fastrnn.kernels.cpu import INT, INT32
from fastrnn.kernels.subnormals import flush, restore
from fastrnn.kernels.vectors import CACHE_LINE, OPTIONS, instruction

# The first words of each frame: None, and a shard's sizes, as `fastrnn.packing.Shards` have them.
NONE, B, FIRST, S, T, BEFORE, B_OTHER, FIRST_OTHER, S_OTHER, T_OTHER, BEFORE_OTHER, PAIRS = range(12)
B_AND_S, B_AND_S_OTHER, PLACE, SHARERS, N_FIXED = range(12, 17)
SHARD_WORDS = 11
"""B sequences, and the first one's place in the order; steps in all, of the longest, and of the batch's shards before;
likewise for a second packing, of the same sequences or of a tagger's words; and, of the same sequences, the sum of
their steps times steps of the other."""

# What a job holds.
(
    CODE, N_CALLS, FRAME, N_WORDS, BUFFERS, N_BUFFERS, DERIVED, N_DERIVED, SHARDS, N_SHARDS, N_PLACES, ARENA, BEGIN,
    RUN, ARENA_BYTES, SUMS, SUMS_BYTES, FRAMES, IS_KEPT, NEXT, FAILED, TOGETHER, N_FIELDS) = range(23)  # fmt: skip

# Where a buffer's memory comes from.
OF_ARENA, OF_SUMS, OF_ANOTHER = range(3)
BUFFER_WORDS = 6
"""Of a buffer's record: its first word in the frame, its axes, whence its memory comes; of another's the first word,
and the size and the bytes whose product says how far in; of sums the bytes alone.  Then for each axis (3 at most) the
word of its size, 0 if it is constant."""
MAX_AXES = 3
BUFFER_SIZE = BUFFER_WORDS + MAX_AXES

MOST_WORDS = 256
"""Of all arguments of a kernel."""


@instruction(lambda address: types.CPointer(types.int64))
def words(context, builder, sig, address):
    """A pointer to the words at an address."""
    return builder.inttoptr(address, INT.as_pointer())


@instruction(lambda pointer: types.intp)
def _address_of(context, builder, sig, pointer):
    return builder.ptrtoint(pointer, INT)


@instruction(lambda pointer, n: pointer)
def _after(context, builder, sig, pointer, n):
    return builder.gep(pointer, [n])


@instruction(lambda like: like)
def _room_for_words(context, builder, sig, like):
    """A pointer to `MOST_WORDS` words on the stack."""
    with builder.goto_entry_block():
        return builder.alloca(INT, INT32(MOST_WORDS))


@instruction(lambda *kinds: types.boolean)
def _call(context, builder, sig, address, arguments, n):
    """Call a kernel with n words; whether it raised, which can only be a MemoryError.

    A few words more than a kernel reads do no harm: it is the caller that puts them away.
    """
    failed, nothing = cgutils.alloca_once(builder, INT32), cgutils.alloca_once(builder, INT)
    pointer = ir.IntType(8).as_pointer()
    done = builder.append_basic_block("called")
    for size in (16, 32, 64, 96, 128, MOST_WORDS):
        fits = builder.icmp_signed("<=", n, INT(size))
        here, larger = builder.append_basic_block(f"words.{size}"), builder.append_basic_block("more")
        builder.cbranch(fits, here, larger)
        builder.position_at_end(here)
        form = ir.FunctionType(INT32, [pointer, pointer, *[INT] * size])
        given = [builder.load(builder.gep(arguments, [INT(k)])) for k in range(size)]
        aside = builder.bitcast(nothing, pointer)
        builder.store(builder.call(builder.inttoptr(address, form.as_pointer()), [aside, aside, *given]), failed)
        builder.branch(done)
        builder.position_at_end(larger)
    builder.branch(done)
    builder.position_at_end(done)
    return _raised(builder, builder.load(failed))


def _raised(builder, code):
    return builder.or_(builder.icmp_signed("==", code, INT32(-1)), builder.icmp_signed(">", code, INT32(0)))


@instruction(lambda *kinds: types.boolean)
def _call_of_five(context, builder, sig, kernel, a, b, c, d, e):
    """Call a kernel of five integers at most; whether it raised, or has returned True."""
    pointer, said = ir.IntType(8).as_pointer(), cgutils.alloca_once_value(builder, INT(0))
    form, aside = ir.FunctionType(INT32, [pointer, pointer, *[INT] * 5]), builder.bitcast(said, pointer)
    code = builder.call(builder.inttoptr(kernel, form.as_pointer()), [aside, aside, a, b, c, d, e])
    return builder.or_(_raised(builder, code), builder.trunc(builder.load(said), ir.IntType(1)))


@instruction(lambda counter: types.intp)
def _take_next(context, builder, sig, counter):
    """The integer that a pointer leads to, which is one more for the next thread."""
    return builder.atomic_rmw("add", counter, INT(1), "monotonic")


# --------------------------------------------------------------------------------------------------- frames


@njit(**OPTIONS)
def lay_out(frame, derived, n_derived, buffers, n_buffers, arena, sums):
    """Fill in what goes by a shard's sizes; returns the bytes that its buffers take of the arena."""
    frame[B_AND_S], frame[B_AND_S_OTHER] = frame[B] + frame[S], frame[B_OTHER] + frame[S_OTHER]
    for k in range(n_derived):
        word, size, more, bound = derived[4 * k], derived[4 * k + 1], derived[4 * k + 2], derived[4 * k + 3]
        frame[word] = min(frame[size] + more, bound)
    used = 0
    for record in range(0, n_buffers * BUFFER_SIZE, BUFFER_SIZE):
        word, n_axes, whence = buffers[record], buffers[record + 1], buffers[record + 2]
        n, itemsize = 1, frame[word + 3]
        for axis in range(n_axes - 1, -1, -1):
            size = buffers[record + BUFFER_WORDS + axis]
            if size:
                frame[word + 5 + axis] = frame[size]
            frame[word + 5 + n_axes + axis] = n * itemsize
            n *= frame[word + 5 + axis]
        frame[word + 2] = n
        if whence == OF_ARENA:
            frame[word + 4] = arena + used
            used += (n * itemsize + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE
        elif whence == OF_SUMS:
            frame[word + 4] = sums + buffers[record + 5]
        else:
            frame[word + 4] = frame[buffers[record + 3] + 4] + frame[buffers[record + 4]] * buffers[record + 5]
    return used


@njit(**OPTIONS)
def _collect(arguments, code, frame):
    """Copy the words of one call; returns how many, and how long its record is.

    A record is the kernel's address, the words with the tasks and the steps that threads share it by, or 0, and the
    number of groups of words; then of each group the first word and their number.
    """
    n, n_groups = 0, code[3]
    for group in range(n_groups):
        first, count = code[4 + 2 * group], code[5 + 2 * group]
        for k in range(first, first + count):
            arguments[n] = frame[k]
            n += 1
    return n, 4 + 2 * n_groups


@njit(**OPTIONS)
def run_once(code, n_calls, frame, together):
    """Make the calls of a program, which lie at an address, with a frame at another; whether one failed.

    Threads share those that can be shared where `together`, another address, is not 0 but that of `sharers`.
    """
    code, frame, mode = words(code), words(frame), flush()
    arguments, data = _room_for_words(frame), _room_for_words(frame)
    for _ in range(n_calls):
        n, size = _collect(arguments, code, frame)
        # A call that is nobody's to share is one task, and does not read its number.
        n_tasks, n_steps = frame[code[1]] if code[1] else 1, frame[code[2]] if code[2] else 1
        if together and code[1]:
            kernel, each, n_threads = words(together)[0], words(together)[1], words(together)[2]
            data[0], data[1], data[2], data[3] = _address_of(code), _address_of(frame), _address_of(_after(data, 3)), 0
            if _call_of_five(kernel, each, _address_of(data), n_threads, n_steps, n_tasks) or data[3]:
                restore(mode)
                return True
        else:
            for step in range(n_steps):
                for task in range(n_tasks):
                    arguments[n], arguments[n + 1] = task, step
                    if _call(code[0], arguments, n + 2):
                        restore(mode)
                        return True
        code = _after(code, size)
    restore(mode)
    return False


@njit(**OPTIONS)
def share(data, task, step):
    """One task of one call that threads share: the task and the step are its last arguments."""
    given, mode = words(data), flush()
    code, arguments = words(given[0]), _room_for_words(given)
    n, _ = _collect(arguments, code, words(given[1]))
    arguments[n], arguments[n + 1] = task, step
    if _call(code[0], arguments, n + 2):
        words(given[2])[0] = 1
    restore(mode)


@njit(**OPTIONS)
def begin(address, worker, place, first, end):
    """Lay out a frame for a shard as large in every way as any from `first` to `end`.

    Returns what it takes of the arena.  Where what is computed is kept, it lies where an earlier pass has left it.
    """
    job = words(address)
    n = job[N_WORDS]
    frame, template, table = words(job[FRAMES] + 8 * n * worker), words(job[FRAME]), words(job[SHARDS])
    for k in range(n):
        frame[k] = template[k]
    for shard in range(first, end):
        for k in range(SHARD_WORDS):
            frame[1 + k] = max(frame[1 + k], table[shard * SHARD_WORDS + k])
    frame[PLACE] = place
    arena = job[ARENA] + (first if job[IS_KEPT] else worker) * job[ARENA_BYTES]
    sums = job[SUMS] + place * job[SUMS_BYTES]
    derived, buffers = words(job[DERIVED]), words(job[BUFFERS])
    return lay_out(frame, derived, job[N_DERIVED], buffers, job[N_BUFFERS], arena, sums)


@njit(**OPTIONS)
def work(address, worker, step):
    """What one thread does of a job: take places, until there are none."""
    job = words(address)
    frame, place = job[FRAMES] + 8 * job[N_WORDS] * worker, _take_next(words(job[NEXT]))
    while place < job[N_PLACES]:
        sums = words(job[SUMS] + place * job[SUMS_BYTES])
        for k in range(job[SUMS_BYTES] // 8):
            sums[k] = 0
        for shard in range(place, job[N_SHARDS], job[N_PLACES]):
            # By their addresses: within this function both would be compiled once more.
            _call_of_five(job[BEGIN], address, worker, place, shard, shard + 1)
            if _call_of_five(job[RUN], job[CODE], job[N_CALLS], frame, job[TOGETHER], 0):
                words(job[FAILED])[0] = 1
        place = _take_next(words(job[NEXT]))


@njit(**OPTIONS)
def in_a_row(told, gradient, loss, factor, factors, keys, numbers, rules, address, table, firsts, places, calls):
    """Steps of a training one after the other, each in turn of one thread or of several.

    Step k is of the shards from firsts[k] on, whose sizes lie at the address `table`, with factors[k] and keys[k], and
    a sweep told the numbers rules[k]; told[k] gets its loss, and the last of `numbers` after the sweep.  A job lies at
    `address`.

    places (5, 2)  words of the frame, or 0 for nothing: twice of what says where sums lie, with how many a place has;
                   then twice of a batch's sizes, with the size of a shard that it is the sum of; then of the key
    calls (4, 6)   of what comes before the shards, of these, of what comes after, and of the sweep: where a kernel is,
                   and five integers to call it with
    """
    job = words(address)
    frame, most = words(job[FRAME]), job[N_PLACES]
    for k in range(len(rules)):
        n, words(job[NEXT])[0], factor[0] = firsts[k + 1] - firsts[k], 0, factors[k]
        job[SHARDS], job[N_SHARDS], job[N_PLACES] = table + 8 * SHARD_WORDS * firsts[k], n, min(n, most)
        for row in range(4):
            word, number = places[row]
            if word and row < 2:
                frame[word + 2], frame[word + 5] = job[N_PLACES] * number, job[N_PLACES]
            elif word:
                frame[word] = 0
                for shard in range(n):
                    frame[word] += words(job[SHARDS])[shard * SHARD_WORDS + number - 1]
        if places[4, 0]:
            frame[places[4, 0]] = keys[k]
        for j in range(rules.shape[1]):
            numbers[j] = rules[k, j]
        for j in range(gradient.size):
            gradient[j] = 0
        for c in range(4):
            if _call_of_five(calls[c, 0], calls[c, 1], calls[c, 2], calls[c, 3], calls[c, 4], calls[c, 5]):
                words(job[FAILED])[0] = 1
        told[k, 0], told[k, 1] = loss[0], numbers[numbers.size - 1]


# ------------------------------------------------------------------------------------------------- the parallel loop


@njit(**OPTIONS, parallel=True)
def loop(kernel, data, n_threads, n_steps, n_tasks):
    """Call a kernel (data, task, step), an address, for each task in any order, one step after the other."""
    # Set and restored in here, where no signal handler of Python's can come between and leave it behind.
    before = _get_threads()
    _set_threads(min(before, n_threads))
    for step in range(n_steps):
        for task in numba.prange(n_tasks):
            _call_of_five(kernel, data, task, step, 0, 0)
    _set_threads(before)


@instruction(lambda: types.int32)
def _get_threads(context, builder, sig):
    """`numba.get_num_threads`, which brings a pointer along that no cache keeps."""
    form = ir.FunctionType(INT, [])  # as Numba declares it, though it is an int of C
    count = builder.call(cgutils.get_or_insert_function(builder.module, form, "get_num_threads"), [])
    return builder.trunc(count, INT32)


@instruction()
def _set_threads(context, builder, sig, n):
    """Likewise `numba.set_num_threads`, of an intp."""
    form = ir.FunctionType(ir.VoidType(), [INT32])
    count = builder.trunc(n, INT32)
    builder.call(cgutils.get_or_insert_function(builder.module, form, "set_num_threads"), [count])


@cache
def _team(kernel):
    """Where `loop` is, and `work` or `share`, which it calls; the linker knows what both need from then on.

    Once, as Numba takes locks that a signal may leave behind.
    """
    numba.get_num_threads()
    return addresses([(loop, (types.intp,) * 5), (kernel, (types.intp,) * 3)])


@cache
def parts():
    """Where `begin` and `run_once` are, which `work` needs."""
    return addresses([(begin, (types.intp,) * 5), (run_once, (types.intp,) * 4)])


def call_of_job(address, n_threads):
    """Where a kernel is that does a job, and the five integers to call it with."""
    if n_threads == 1:
        return *addresses([(work, (types.intp,) * 3)]), address, 0, 0, 0, 0
    return *_team(work), address, n_threads, 1, n_threads


@cache
def _sharers(n_threads):
    return np.array([*_team(share), n_threads])


def sharers(n_threads):
    """Where it says how `run_once` lets threads share calls: `loop` and `share`, and how many these are; 0 for one."""
    return _sharers(n_threads).ctypes.data if n_threads > 1 else 0


def run_together(code, n_calls, frame, n_threads):
    """`run_once`, of which so many threads share those that can be shared."""
    return run_once(code, n_calls, frame, sharers(n_threads))


@cache
def entry(kernel, n):
    """A kernel of n integers as Python calls it, who must give so many: .1 us a call, where a `Kernel` takes .3."""
    integers = (types.intp,) * n
    kernel.dispatcher.compile(integers)
    return kernel.dispatcher.overloads[integers].entry_point


@cache
def _address(kernel, kinds):
    kernel.dispatcher.compile(kinds)
    compiled = kernel.dispatcher.overloads[kinds]
    return compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name)


def addresses(kernels):
    """Where the code of kernels for arguments of some Numba types lies, of pairs of both; compiled where it is not."""
    return [_address(*pair) for pair in kernels]
