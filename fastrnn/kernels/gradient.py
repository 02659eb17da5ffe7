"""The gradients of weights and inputs: products with the gradients of a layer's gates.

For packed rows s, d_weight += sum over s of input(s) d_gates(s)^T.  Rows are added in their order, whatever the
number of threads: they share out the columns of a weight's gradient.  An input's gradient is no sum over rows; there
they share the rows.
"""

from fastrnn.kernels.caching import njit
from fastrnn.kernels.tiles import MAX_WIDTH, product, tile_rows, transposed_product
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, load_some, store, store_some

CHUNK = 192  # rows between one pass over the weights' gradients and the next


@njit(**OPTIONS)
def block_size(rows, count):
    """Elements of one block of `gather_rows`, with room for the vector that runs over its end."""
    return CHUNK * rows + (rows + count - 1) // count * count


@njit(**OPTIONS)
def gather_rows(blocks, b0, a, picked, first, n):
    """Copy n rows of a, those `picked` from its element `first` on, or from row `first` on if it has none.

    They go to blocks of as many columns as a tile has rows.  A block's columns are contiguous, row after row: a tile
    then reads them one after the other.
    """
    M, count = a.shape[1], lanes(a)
    rows = tile_rows(M)
    size = block_size(rows, count)
    for k in range(n):
        row = picked[first + k] if picked.size else first + k
        source, target = row * M, b0 + k * rows
        for m in range(0, M, rows):
            # Whole vectors are quicker than `rows` elements; the next row, or the room, takes what is too much.
            for j in range(0, rows, count):
                value = load_some(a, source + m + j, a.size - source - m - j)
                store(blocks, target + j, value)
            target += size


@njit(**OPTIONS)
def copy_columns(panels, p0, d_bias, d_gates, first, n, low, high):
    """Copy n rows of d_gates, columns low to high, to panels of MAX_WIDTH vectors; add the rows to d_bias."""
    width = d_gates.shape[1]
    count = lanes(d_gates)
    panel_columns = MAX_WIDTH * count
    for column in range(low, high, count):
        panel, within = (column - low) // panel_columns, (column - low) % panel_columns
        target = p0 + panel * CHUNK * panel_columns + within
        total = load(d_bias, column)
        for k in range(n):
            value = load(d_gates, (first + k) * width + column)
            store(panels, target + k * panel_columns, value)
            total = total + value
        store(d_bias, column, total)


@njit(**OPTIONS)
def add_outer(d_weight, pieces, buffer, left, rows_a_tile, right, n, low, high):
    """d_weight (M, N) += inputs^T times the panels of the columns low to high.

    Each of `pieces` (., 3) is a run of d_gates' columns, from and to, and d_weight's column where it goes.
    """
    M, N = d_weight.shape
    count = lanes(d_weight)
    panel_columns = MAX_WIDTH * count
    for column in range(low, high, panel_columns):
        for piece in range(pieces.shape[0]):
            start = max(column, pieces[piece, 0])
            stop = min(min(column + panel_columns, high), pieces[piece, 1])
            if start < stop:
                panel = right + (column - low) * CHUNK + start - column
                target = start - pieces[piece, 0] + pieces[piece, 2]
                transposed_product(
                    d_weight, target, N, buffer, left, rows_a_tile, block_size(rows_a_tile, count),
                    buffer, panel, panel_columns, M, (stop - start) // count, n)  # fmt: skip


def scratch_size(I, H, width, count):
    """Elements that `gradient` works in, for d_gates (S, width) and vectors of `count` elements."""
    left = max(_left_size.py_func(M, count) for M in (I, H))
    return left + CHUNK * -(-width // (MAX_WIDTH * count)) * MAX_WIDTH * count


@njit(**OPTIONS)
def _left_size(M, count):
    """Elements of all blocks of M columns, in whole vectors."""
    rows = tile_rows(M)
    size = (M + rows - 1) // rows * block_size(rows, count)
    return (size + count - 1) // count * count


@njit(**OPTIONS)
def gradient(d_bias, d_ih, d_hh, ih_pieces, hh_pieces, d_gates, x, h, previous, nowhere, scratch, parts, task):
    """One of so many parts of the columns of d_gates (S, width).

    Adds to d_bias (width,), to d_ih (I, N) and to d_hh (H, N) as `ih_pieces` and `hh_pieces` say; x is (S, I),
    and h (., H) is read at `previous` (S,); there may be none of it, with H = 0.  nowhere (0,) stands for no choice of
    rows; scratch (parts, `scratch_size`) is overwritten.
    """
    I, H, width = x.shape[1], h.shape[1], d_gates.shape[1]
    count = lanes(d_gates)
    panel = MAX_WIDTH * count
    panels = (width + panel - 1) // panel
    low, high = panels * task // parts * panel, min(panels * (task + 1) // parts * panel, width)
    left_size = max(_left_size(I, count), _left_size(H, count))
    left = task * scratch.shape[1]
    right = left + left_size
    for s in range(0, d_gates.shape[0], CHUNK):
        n = min(CHUNK, d_gates.shape[0] - s)
        copy_columns(scratch, right, d_bias, d_gates, s, n, low, high)
        gather_rows(scratch, left, x, nowhere, s, n)
        add_outer(d_ih, ih_pieces, scratch, left, tile_rows(I), right, n, low, high)
        if H > 0:
            gather_rows(scratch, left, h, previous, s, n)
            add_outer(d_hh, hh_pieces, scratch, left, tile_rows(H), right, n, low, high)


@njit(**OPTIONS)
def outer(d_weight, d_sums, inputs, picked, scratch, parts, task):
    """One of so many parts of the columns of d_sums (S, N): d_weight (M, N) += inputs^T d_sums, of no other gradients.

    inputs (., M) are read at `picked` (S,), or in their order if that is empty; d_sums where they are: to copy them
    pays where two weights share them.  scratch (parts, `scratch_size`) is overwritten.
    """
    (M, N), count = d_weight.shape, lanes(d_weight)
    panel, rows = MAX_WIDTH * count, tile_rows(M)
    panels, left = (N + panel - 1) // panel, task * scratch.shape[1]
    low, high = panels * task // parts * panel, min(panels * (task + 1) // parts * panel, N)
    for s in range(0, d_sums.shape[0], CHUNK):
        n = min(CHUNK, d_sums.shape[0] - s)
        gather_rows(scratch, left, inputs, picked, s, n)
        for column in range(low, high, panel):
            transposed_product(
                d_weight, column, N, scratch, left, rows, block_size(rows, count), d_sums, s * N + column, N, M,
                (min(column + panel, high) - column) // count, n)  # fmt: skip


@njit(**OPTIONS)
def add_product(c, a, panels, n_k, parts, task):
    """C (S, n) += the first n_k columns of A (S, >= n_k) times packed B (n_k, n), n in whole vectors.

    One of so many parts of the rows.
    """
    (S, n), width = c.shape, a.shape[1]
    first, end = S * task // parts, S * (task + 1) // parts
    product(at(c, first * n), n, at(a, first * width), width, at(panels, 0), end - first, n // lanes(c), n_k)


@njit(**OPTIONS)
def fold(out, n_groups, group, sums, start, stride):
    """out (n_groups * group,) += the places' sums (places, .), of which group k begins at start + k stride."""
    for k in range(n_groups):
        target, source = k * group, start + k * stride
        for j in range(0, group, lanes(out)):
            n = group - j
            total = load_some(sums, source + j, n)
            for place in range(1, sums.shape[0]):
                total = total + load_some(sums, place * sums.shape[1] + source + j, n)
            store_some(out, target + j, load_some(out, target + j, n) + total, n)
