"""Register tiles: matrix products whose sums stay in registers.

A tile computes a few rows of C += A B: for each k, one row of B is loaded, and each element of A's column is
broadcast and multiplied into one row of sums.  The order of additions is that of k; narrow tiles add even and odd k
apart, as one sum would wait for each addition.  It does not hang on the number of rows, so a row's result does not
depend on its neighbours.
After Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", ACM TOMS 34(3), 2008.

B is read from *panels*: blocks of up to four vectors of columns, each block contiguous, row after row.
"""

from llvmlite import ir

from fastrnn.kernels import vectors as vec
from fastrnn.kernels.caching import cgutils, njit, types
from fastrnn.kernels.cpu import FUSE, INT, INT32, N_REGISTERS
from fastrnn.kernels.vectors import OPTIONS, at, instruction, lanes, load, load_some, registers, store

MAX_WIDTH = 4  # vectors in a row of sums
MAX_ROWS = 6 if N_REGISTERS == 32 else 3  # 6 x 4 sums, 4 of B, 1 of A: 29 registers


@instruction(lambda array: types.CPointer(array.dtype))
def scratch(context, builder, sig, array):
    """A pointer to MAX_ROWS x MAX_WIDTH vectors on the stack, on a cache line."""
    element = sig.return_type.dtype
    with builder.goto_entry_block():
        place = builder.alloca(registers.llvm_vector(registers.Vector(element)), INT32(MAX_ROWS * MAX_WIDTH))
    place.align = vec.CACHE_LINE
    return builder.bitcast(place, context.get_value_type(element).as_pointer())


class _Sums:
    """`rows` x `width` registers of sums, twice in narrow tiles, while the code of one tile is written."""

    def __init__(self, builder, dtype, rows, width):
        self.builder = builder
        self.kind = registers.llvm_vector(registers.Vector(dtype))
        self.count = self.kind.count
        chains = range(2 if 2 * width <= MAX_WIDTH else 1)
        self.registers, *self.others = (
            [[cgutils.alloca_once(builder, self.kind) for _ in range(width)] for _ in range(rows)] for _ in chains
        )

    def _vector_at(self, pointer, v):
        return self.builder.gep(pointer, [INT(v * self.count)])

    def _places(self, pointer, stride):
        """The registers, each with where it is read from or written to."""
        starts = _row_starts(self.builder, pointer, stride, len(self.registers))
        for row, start in zip(self.registers, starts, strict=True):
            for v, register in enumerate(row):
                yield register, self._vector_at(start, v)

    def clear(self):
        for rows in (self.registers, *self.others):
            for register in sum(rows, []):
                self.builder.store(ir.Constant(self.kind, [0.0] * self.count), register)

    def read(self, pointer, stride):
        self.clear()
        for register, place in self._places(pointer, stride):
            self.builder.store(vec.llvm_load(self.builder, place, self.kind), register)

    def write(self, pointer, stride):
        others = [sum(rows, []) for rows in self.others]
        for k, (register, place) in enumerate(self._places(pointer, stride)):
            total = self.builder.load(register)
            for other in others:
                total = self.builder.fadd(total, self.builder.load(other[k]))
            vec.llvm_store(self.builder, total, place)

    def add_products(self, steps, columns, a_of, b, b_stride):
        """Add sum over k of a(row, k) times B's row k to the sums of `columns` (a range).

        `a_of(k)` gives a pointer to each row's element.
        """
        chains, builder = (self.registers, *self.others), self.builder
        n = INT(len(chains))
        with cgutils.for_range(builder, builder.udiv(steps, n), intp=INT) as loop:
            first = builder.mul(loop.index, n)
            for j, rows in enumerate(chains):
                self._add_product(rows, builder.add(first, INT(j)), columns, a_of, b, b_stride)
        if self.others:
            with builder.if_then(builder.trunc(steps, ir.IntType(1))):
                self._add_product(self.registers, builder.sub(steps, INT(1)), columns, a_of, b, b_stride)

    def _add_product(self, rows, k, columns, a_of, b, b_stride):
        builder = self.builder
        b_row = builder.gep(b, [builder.mul(k, b_stride)])
        loaded = [vec.llvm_load(builder, self._vector_at(b_row, v), self.kind) for v in range(len(columns))]
        for row, pointer in zip(rows, a_of(k), strict=True):
            factor = registers.llvm_splat(builder, builder.load(pointer), self.kind)
            for vector, column in zip(loaded, columns, strict=True):
                product = builder.fmul(factor, vector, flags=FUSE)
                total = builder.fadd(builder.load(row[column]), product, flags=FUSE)
                builder.store(total, row[column])


def _cases(builder, value, choices):
    """Each of the choices, while the code for an integer that equals it is written."""
    done = builder.append_basic_block("done")
    switch = builder.switch(value, done)
    for n in choices:
        block = builder.append_basic_block(f"choice.{n}")
        switch.add_case(ir.Constant(value.type, n), block)
        builder.position_at_end(block)
        yield n
        builder.branch(done)
    builder.position_at_end(done)


def _tiles(builder, dtype, width, widths, rows):
    """The sums of a tile of each size, of so many vectors, one of the widths, and 1 to MAX_ROWS rows, likewise."""
    for w in _cases(builder, width, widths):
        for n in _cases(builder, rows, range(1, MAX_ROWS + 1)):
            yield _Sums(builder, dtype, n, w), n, w


def _row_starts(builder, pointer, stride, n):
    return [builder.gep(pointer, [builder.mul(stride, INT(r))]) for r in range(n)]


def _of_rows(builder, a, stride, n):
    """For `_Sums.add_products`: where element k of each of n rows is."""
    starts = _row_starts(builder, a, stride, n)
    return lambda k: [builder.gep(start, [k]) for start in starts]


def _of_columns(builder, a, stride, picked, n):
    """Likewise of n columns of the rows `picked`."""

    def places(k):
        row = builder.load(builder.gep(picked, [k]))
        start = builder.gep(a, [builder.mul(row, stride)])
        return [builder.gep(start, [INT(r)]) for r in range(n)]

    return places


def gate_tile(widths, first=range(MAX_WIDTH), second=range(MAX_WIDTH)):
    """A tile for the gates of one block of units, from the input and then from the hidden state.

    Its sums (rows, `width` vectors, one of `widths`) start from `start`; x (rows, I) times a panel is added to the
    columns `first`, then h (rows, H) times a panel to the columns `second`, those of them that there are.
    """

    @instruction()
    def tile(context, builder, sig, width, rows, sums, start, start_stride, x, x_stride, n_x, w_x, h, h_stride, n_h,
        w_h):  # fmt: skip
        products = (x, x_stride, n_x, w_x, first), (h, h_stride, n_h, w_h, second)
        for tile, n, w in _tiles(builder, sig.args[2].dtype, width, widths, rows):
            tile.read(start, start_stride)
            for a, stride, n_k, panel, columns in products:
                line = INT(len(columns[:w]) * tile.count)
                tile.add_products(n_k, columns[:w], _of_rows(builder, a, stride, n), panel, line)
            tile.write(sums, INT(w * tile.count))

    return tile


def _product_tile(widths, adds=True):
    """A tile of C (rows, `width` vectors) += A B for a panel B; or, if it does not add, C = A B."""

    @instruction()
    def tile(context, builder, sig, width, rows, c, c_stride, a, a_stride, n_k, panel):
        for tile, n, w in _tiles(builder, sig.args[2].dtype, width, widths, rows):
            if adds:
                tile.read(c, c_stride)
            else:
                tile.clear()
            # A panel's stride is its width: known here, it is no multiplication at run time.
            tile.add_products(n_k, range(w), _of_rows(builder, a, a_stride, n), panel, INT(w * tile.count))
            tile.write(c, c_stride)

    return tile


_product, _new_product = _product_tile((4, 3, 2, 1)), _product_tile((4, 2, 1), adds=False)


@instruction()
def _transposed(context, builder, sig, width, rows, c, c_stride, a, a_stride, picked, n_k, b, b_stride):
    """A tile of C (rows, `width` vectors) += A^T B: of A the rows `picked`, of B rows `b_stride` apart."""
    for tile, n, w in _tiles(builder, sig.args[2].dtype, width, (4, 2, 1), rows):
        tile.read(c, c_stride)
        tile.add_products(n_k, range(w), _of_columns(builder, a, a_stride, picked, n), b, b_stride)
        tile.write(c, c_stride)


# ------------------------------------------------------------------------------------------------ matrix products


@njit(**OPTIONS)
def tile_rows(n):
    """Rows of each tile when `n` rows are shared out evenly: 8 are 4 + 4, not 6 + 2."""
    tiles = (n + MAX_ROWS - 1) // MAX_ROWS
    rows = MAX_ROWS
    while rows > 1 and (rows - 1) * tiles >= n:  # a division takes longer, and this is called for each block
        rows -= 1
    return rows


@njit(**OPTIONS)
def panel_width(n_vectors):
    """Vectors in the next panel when `n_vectors` are left: 4, 2 or 1."""
    return 4 if n_vectors >= 4 else (2 if n_vectors >= 2 else 1)


@njit(**OPTIONS)
def pack_gates(panels, offset, weight, H, order, factors):
    """Put the gates of each block of units side by side: a row a row of weight^T (K, G H), a vector a gate.

    panels (blocks, size) is filled from `offset` of each block; `order` says which gate comes first, `factors` what
    each is multiplied with.
    """
    count = lanes(panels)
    width = len(order) * count
    K, N = weight.shape
    # A few rows at a time: both sides are then read and written in runs.
    for k0 in range(0, K, 16):
        for block in range(panels.shape[0]):
            units = H - block * count
            for k in range(k0, min(k0 + 16, K)):
                target = block * panels.shape[1] + offset + k * width
                for slot in range(len(order)):
                    gate = load_some(weight, k * N + order[slot] * H + block * count, units)
                    store(panels, target + slot * count, gate * factors[slot])


@njit(**OPTIONS)
def pack_bias(panels, offset, bias, start, other, H, factor):
    """Put (bias + other) factor of one gate, H elements from `start` on, at `offset` of each block; or just bias."""
    count = lanes(panels)
    for block in range(panels.shape[0]):
        first, units = start + block * count, H - block * count
        total = load_some(bias, first, units)
        if other is not None:
            total = total + load_some(other, first, units)
        store(panels, block * panels.shape[1] + offset, total * factor)


@njit(**OPTIONS)
def pack_panels(panels, depth, first, weight, start, N):
    """Put N columns of weight^T (K, .), from `start` on, into rows first to first + K of B (depth, padded N).

    B is packed in panels, for `product`.
    """
    count = lanes(panels)
    K, row = weight.shape
    n_vectors = (N + count - 1) // count
    v = 0
    while v < n_vectors:
        width = panel_width(n_vectors - v)
        for k in range(K):
            target = depth * v * count + (first + k) * width * count
            for j in range(width):
                column = (v + j) * count
                store(panels, target + j * count, load_some(weight, k * row + start + column, N - column))
        v += width


@njit(**OPTIONS)
def pack_columns(panels, start, weight, K, G, H):
    """Put weight^T (K, G H), at a pointer, from `start` on, each gate in whole vectors, as `product` reads them."""
    L, v = lanes(panels), 0
    blocks = (H + L - 1) // L
    while v < G * blocks:
        width = panel_width(G * blocks - v)
        for k in range(K):
            for j in range(v, v + width):
                gate, unit = j // blocks, j % blocks * L
                value = load_some(weight, (k * G + gate) * H + unit, H - unit)
                store(panels, start + (K * v + k * width + j - v) * L, value)
        v += width
    return start + K * G * blocks * L


@instruction()
def transpose(context, builder, sig, square):
    """Transpose a square of one vector's lanes, rows one after the other at a pointer, in place."""
    kind = registers.llvm_vector(registers.Vector(sig.args[0].dtype))
    places = [builder.gep(square, [INT(r * kind.count)]) for r in range(kind.count)]
    rows = [vec.llvm_load(builder, place, kind) for place in places]
    # Blocks off the diagonal change places, halves first, single elements last.
    distance = kind.count // 2
    while distance > 0:
        for r in range(kind.count):
            if not r & distance:
                rows[r], rows[r + distance] = _swapped(builder, rows[r], rows[r + distance], distance)
        distance //= 2
    for row, place in zip(rows, places, strict=True):
        vec.llvm_store(builder, row, place)


def _swapped(builder, upper, lower, distance):
    """Two rows after the upper's second half of each 2 * `distance` lanes and the lower's first changed places."""
    n = upper.type.count
    lanes_of_upper = [k if not k & distance else n + k - distance for k in range(n)]
    lanes_of_lower = [k + distance if not k & distance else n + k for k in range(n)]
    masks = (ir.Constant(ir.VectorType(INT32, n), picked) for picked in (lanes_of_upper, lanes_of_lower))
    return [builder.shuffle_vector(upper, lower, mask) for mask in masks]


@njit(**OPTIONS)
def pack_transposed(panels, weight, H, order):
    """Panels of B (gates x padded units, J) for `product`, from weight^T (J, G H).

    B's row of gate g, unit u, is weight^T's column.
    """
    count = lanes(panels)
    P = (H + count - 1) // count * count
    n, N = weight.shape
    n_k, n_vectors = len(order) * P, (n + count - 1) // count
    square = scratch(panels)
    v = 0
    while v < n_vectors:
        width = panel_width(n_vectors - v)
        for j in range(v, v + width):
            for slot in range(len(order)):
                for u in range(0, P, count):
                    for row in range(j * count, (j + 1) * count):
                        units = H - u if row < n else 0
                        source = min(row, n - 1) * N + order[slot] * H + u
                        store(square, (row - j * count) * count, load_some(weight, source, units))
                    transpose(square)
                    target = (n_k * v + (slot * P + u) * width + j - v) * count
                    for k in range(count):
                        store(panels, target + k * width * count, load(square, k * count))
        v += width


DEPTH = 512
"""Rows of a panel, 128 KiB at most, that all tiles of rows use before the next ones."""


@njit(**OPTIONS)
def product(c, c_stride, a, a_stride, panels, n_rows, n_vectors, n_k):
    """C (n_rows, n_vectors vectors) += A (n_rows, n_k) times packed B; pointers."""
    count = lanes(c)
    v = 0
    while v < n_vectors:
        width = panel_width(n_vectors - v)
        for k in range(0, n_k, DEPTH):
            panel = at(panels, (n_k * v + k * width) * count)
            panel_product(width, at(c, v * count), c_stride, at(a, k), a_stride, panel, n_rows, min(DEPTH, n_k - k))
        v += width


@njit(**OPTIONS)
def new_product(c, c_stride, a, a_stride, panels, n_rows, n_vectors, n_k):
    """C = A times packed B, as `product` adds it."""
    count, v, rows_a_tile = lanes(c), 0, tile_rows(n_rows)
    while v < n_vectors:
        width = panel_width(n_vectors - v)
        panel = at(panels, n_k * v * count)
        for r in range(0, n_rows, rows_a_tile):
            rows, out = min(rows_a_tile, n_rows - r), at(c, r * c_stride + v * count)
            _new_product(width, rows, out, c_stride, at(a, r * a_stride), a_stride, n_k, panel)
        v += width


@njit(**OPTIONS)
def panel_product(width, c, c_stride, a, a_stride, panel, n_rows, n_k):
    """C (n_rows, `width` vectors) += A (n_rows, n_k) times one panel; pointers."""
    rows_a_tile = tile_rows(n_rows)
    r = 0
    while r < n_rows:
        rows = min(rows_a_tile, n_rows - r)
        out, left = at(c, r * c_stride), at(a, r * a_stride)
        _product(width, rows, out, c_stride, left, a_stride, n_k, panel)
        r += rows


@njit(**OPTIONS)
def transposed_product(c, c_stride, a, a_stride, picked, b, b_stride, n_rows, n_vectors, n_k):
    """C (n_rows, n_vectors vectors) += A^T B for n_k rows of A (., n_rows), those `picked`, and of B; pointers."""
    count, rows_a_tile = lanes(c), tile_rows(n_rows)
    v = 0
    while v < n_vectors:
        width, r = panel_width(n_vectors - v), 0
        while r < n_rows:
            rows, out = min(rows_a_tile, n_rows - r), at(c, r * c_stride + v * count)
            _transposed(width, rows, out, c_stride, at(a, r), a_stride, picked, n_k, at(b, v * count), b_stride)
            r += rows
        v += width
