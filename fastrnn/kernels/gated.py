"""The loops over time that LSTM and GRU share.

Arrays and equations are those of `lstm.py` and `gru.py`.  A GRU has None for c and d_c; that is a type to Numba, which
compiles the branch taken only.
"""

import numpy as np

from fastrnn.kernels import gru, lstm
from fastrnn.kernels.caching import njit
from fastrnn.kernels.steps import HOISTED_STEPS, hoist, is_cut, next_chunk, row_before
from fastrnn.kernels.tiles import MAX_WIDTH, product, scratch, tile_rows
from fastrnn.kernels.vectors import OPTIONS, at, lanes

GATES, THREE = np.intp(4), np.intp(3)  # no literals, for which the products would be compiled again
_lstm_tile, _lstm_states, _lstm_gradients = lstm.tile, lstm.new_states, lstm.gate_gradients
_gru_tile, _gru_states, _gru_gradients = gru.tile, gru.new_states, gru.gate_gradients


@njit(**OPTIONS)
def _units(h, c, gates, x, panel, start, is_hoisted, sizes, d, old, row, n, unit, keep):
    """One vector of units, from number `unit` on, in n rows; at `start` is the bias or what `hoist` made of it.

    h, gates and x point to the first row of direction d; `old` and `row` count rows from there.
    `sizes` are B, I, H and P.
    """
    B, I, H, P = sizes
    L, n_units, G = lanes(h), H - unit, THREE if c is None else GATES
    start_stride, n_x = (4 * L, 0) if is_hoisted else (0, I)
    w_x, w_h = at(panel, 4 * L), at(panel, (4 + G * I) * L)
    sums = scratch(h)
    rows_a_tile = tile_rows(n)
    k = 0
    while k < n:
        rows = min(rows_a_tile, n - k)
        begin, x_k, h_old = at(start, k * start_stride), at(x, (row + k) * I), at(h, (old + k) * H)
        h_new, kept = at(h, (B + row + k) * H + unit), at(gates, (row + k) * 4 * P + unit)
        if c is None:
            _gru_tile(4, rows, sums, begin, start_stride, x_k, I, n_x, w_x, h_old, H, H, w_h)
            _gru_states(h_new, at(h_old, unit), kept, sums, rows, n_units, H, P, keep)
        else:
            _lstm_tile(4, rows, sums, begin, start_stride, x_k, I, n_x, w_x, h_old, H, H, w_h)
            first = d * c.shape[1] + k
            c_old = at(c, (first + (old if keep else 0)) * P + unit)
            c_new = at(c, (first + (B + row if keep else 0)) * P + unit)
            _lstm_states(h_new, c_new, c_old, kept, sums, rows, n_units, H, P, keep)
        k += rows


@njit(**OPTIONS)
def forward(h, c, gates, x, panels, hoisted, starts, counts, keep, d):
    """Run direction d; hoisted (rows, 4 P) is scratch."""
    S, I = x.shape[1:]
    H, L = h.shape[2], lanes(h)
    B, T = h.shape[1] - S, counts.size
    blocks, size = panels.shape[1:]
    P, room = blocks * L, hoisted.shape[0]
    h_d, gates_d = at(h, d * (B + S) * H), at(gates, d * S * 4 * P)
    x_d, panels_d = at(x, d * S * I), at(panels, d * blocks * size)
    input_gates = THREE if c is None else GATES
    stop, rows, is_hoisted, hoisted_row = 0, 0, False, 0
    for t in range(T):
        n, row = counts[t], starts[t]
        if t == stop:
            stop, rows, is_hoisted = next_chunk(counts, t, room)
            hoisted_row = 0
            if is_hoisted:
                for p in range(blocks):
                    target, panel = at(hoisted, p * room * 4 * L), at(panels_d, p * size)
                    hoist(target, GATES, input_gates, at(x_d, row * I), I, panel, rows)
        old = row_before(starts, t, B)
        for p in range(blocks):
            panel = at(panels_d, p * size)
            start = at(hoisted, (p * room + hoisted_row) * 4 * L) if is_hoisted else panel
            _units(h_d, c, gates_d, x_d, panel, start, is_hoisted, (B, I, H, P), d, old, row, n, p * L, keep)
        hoisted_row += n


@njit(**OPTIONS)
def forward_block(h, c, gates, x, panels, hoisted, starts, counts, keep, task, t):
    """Step t of one vector of units, number `task` of all directions'.

    Threads that share units read a part of the weights each.  hoisted (D P / lanes HOISTED_STEPS, B, 4 lanes) is filled
    here, at the first of each HOISTED_STEPS steps.
    """
    blocks, size = panels.shape[1:]
    d, p = task // blocks, task % blocks
    S, I = x.shape[1:]
    H, L = h.shape[2], lanes(h)
    B, P = h.shape[1] - S, blocks * L
    h_d, gates_d = at(h, d * (B + S) * H), at(gates, d * S * 4 * P)
    x_d, panel = at(x, d * S * I), at(panels, task * size)
    n, row, room = counts[t], starts[t], task * HOISTED_STEPS * hoisted.shape[1]
    first = t - t % HOISTED_STEPS
    if t == first:
        last = min(t + HOISTED_STEPS, counts.size) - 1
        rows, input_gates = starts[last] + counts[last] - row, THREE if c is None else GATES
        hoist(at(hoisted, room * 4 * L), GATES, input_gates, at(x_d, row * I), I, panel, rows)
    old, start = row_before(starts, t, B), at(hoisted, (room + row - starts[first]) * 4 * L)
    _units(h_d, c, gates_d, x_d, panel, start, True, (B, I, H, P), d, old, row, n, p * L, keep)


@njit(**OPTIONS)
def backward(d_h, d_c, gates, d_out, h, c, hh_panels, starts, counts, bptt_steps, d):
    """Direction d, last step first.

    Turns gates into their gradients, and d_h and d_c (D, B, P) from the final into the initial states' gradients.
    d_out (D, S, >= H) is the gradient of each row's h; hh_panels (D, .) are W_hh, (4P, H) or a GRU's (3P, H), packed
    for `product`; a gradient stops at each multiple of `bptt_steps` steps, 0 for none.
    """
    for step in range(counts.size + 1):
        _back(d_h, d_c, gates, d_out, h, c, hh_panels, starts, counts, bptt_steps, d, np.intp(0), d_h.shape[2], step)


@njit(**OPTIONS)
def backward_block(d_h, d_c, gates, d_out, h, c, hh_panels, starts, counts, bptt_steps, task, step):
    """As `backward`: one of T + 1 steps of the units of one panel, number `task` of all directions'."""
    P, units = d_h.shape[2], MAX_WIDTH * lanes(h)
    panels = (P + units - 1) // units
    d, low = task // panels, task % panels * units
    high = min(low + units, P)
    _back(d_h, d_c, gates, d_out, h, c, hh_panels, starts, counts, bptt_steps, d, low, high, step)


@njit(**OPTIONS)
def _back(d_h, d_c, gates, d_out, h, c, hh_panels, starts, counts, bptt_steps, d, low, high, step):
    """One of T + 1 steps of direction d's units low to high.

    First the product with the last step's gradients, which are those of all units; then this step's, of gates, and of
    the states before but for the product.
    """
    S, width = d_out.shape[1:]
    H, (B, P) = h.shape[2], d_h.shape[1:]
    n_k, t, place = (THREE if c is None else GATES) * P, counts.size - 1 - step, d * B * P
    if step > 0 and not is_cut(t + 1, bptt_steps):  # of a GRU's gates the first has no part in the product
        d_gates, w_hh = at(gates, (d * S + starts[t + 1] + 1) * 4 * P - n_k), d * hh_panels.shape[1] + n_k * low
        n_vectors = (high - low) // lanes(h)
        product(at(d_h, place + low), P, d_gates, 4 * P, at(hh_panels, w_hh), counts[t + 1], n_vectors, n_k)
    if t >= 0:
        n, row, old, cut = counts[t], starts[t], row_before(starts, t, B), is_cut(t, bptt_steps)
        d_gates, d_row = at(gates, (d * S + row) * 4 * P), at(d_out, (d * S + row) * width)
        if c is None:
            h_old = at(h, (d * (B + S) + old) * H)
            _gru_gradients(at(d_h, place), d_gates, d_row, h_old, n, low, high, H, P, width, cut)
        else:
            c_d, of_c = at(c, d * (B + S) * P), at(d_c, place)
            c_new, c_old = at(c_d, (B + row) * P), at(c_d, old * P)
            _lstm_gradients(at(d_h, place), of_c, d_gates, d_row, c_new, c_old, n, low, high, H, P, width, cut)
