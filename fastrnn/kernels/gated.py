"""The loops over time that LSTM and GRU share.

Arrays and equations are those of `lstm.py` and `gru.py`.  A GRU has None for c and d_c; that is a type to Numba, which
compiles the branch taken only.
"""

import numpy as np

from fastrnn.kernels import gru, lstm
from fastrnn.kernels.caching import njit
from fastrnn.kernels.steps import HOISTED_STEPS, SECOND_LEVEL, hoist, is_cut, next_chunk, row_before
from fastrnn.kernels.tiles import MAX_WIDTH, product
from fastrnn.kernels.vectors import OPTIONS, at, lanes

GATES, THREE = np.intp(4), np.intp(3)  # no literals, for which the products would be compiled again
_lstm_units, _gru_units = lstm.units, gru.units
_lstm_gradients, _gru_gradients = lstm.gate_gradients, gru.gate_gradients


@njit(**OPTIONS)
def _units(h, c, gates, x, panel, start, is_hoisted, sizes, d, old, row, n, unit, keep):
    """One vector of units, from number `unit` on, in n rows; h, gates and x point to the first row of direction d."""
    if c is None:
        _gru_units(h, gates, x, panel, start, is_hoisted, sizes, old, row, n, unit, keep)
    else:
        c_d = at(c, d * c.shape[1] * c.shape[2])
        _lstm_units(h, c_d, gates, x, panel, start, is_hoisted, sizes, old, row, n, unit, keep)


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
    streamed = blocks * size * h.itemsize > SECOND_LEVEL
    input_gates = THREE if c is None else GATES
    stop, rows, is_hoisted, hoisted_row = 0, 0, False, 0
    for t in range(T):
        n, row = counts[t], starts[t]
        if t == stop:
            stop, rows, is_hoisted = next_chunk(counts, t, streamed, room)
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

    Threads that share units read a part of the weights each.  hoisted (D P / lanes, rows, 4 lanes) is filled here, at
    the first of each HOISTED_STEPS steps.
    """
    blocks, size = panels.shape[1:]
    d, p = task // blocks, task % blocks
    S, I = x.shape[1:]
    H, L = h.shape[2], lanes(h)
    B, P = h.shape[1] - S, blocks * L
    h_d, gates_d = at(h, d * (B + S) * H), at(gates, d * S * 4 * P)
    x_d, panel = at(x, d * S * I), at(panels, task * size)
    n, row, room = counts[t], starts[t], task * hoisted.shape[1]
    first = t - t % HOISTED_STEPS
    if t == first:
        last = min(t + HOISTED_STEPS, counts.size) - 1
        rows, input_gates = starts[last] + counts[last] - row, THREE if c is None else GATES
        hoist(at(hoisted, room * 4 * L), GATES, input_gates, at(x_d, row * I), I, panel, rows)
    old, start = row_before(starts, t, B), at(hoisted, (room + row - starts[first]) * 4 * L)
    _units(h_d, c, gates_d, x_d, panel, start, True, (B, I, H, P), d, old, row, n, p * L, keep)


@njit(**OPTIONS)
def _d_gates(d_h, d_c, gates, d_out, h, c, d, row, old, n, low, high, width, cut):
    """The units low to high of n rows of direction d's step from `row` on, which follow `old` among h and c.

    Turns gates into their gradients, and d_h and d_c into those of the step before but for the product.
    """
    H, (B, P) = h.shape[2], d_h.shape[1:]
    S, place = gates.shape[1], d * B * P
    d_gates, d_row = at(gates, (d * S + row) * 4 * P), at(d_out, (d * S + row) * width)
    if c is None:
        h_old = at(h, (d * (B + S) + old) * H)
        _gru_gradients(at(d_h, place), d_gates, d_row, h_old, n, low, high, H, P, width, cut)
    else:
        c_new, c_old = at(c, (d * (B + S) + B + row) * P), at(c, (d * (B + S) + old) * P)
        _lstm_gradients(at(d_h, place), at(d_c, place), d_gates, d_row, c_new, c_old, n, low, high, H, P, width, cut)


@njit(**OPTIONS)
def backward(d_h, d_c, gates, d_out, h, c, hh_panels, starts, counts, bptt_steps, d):
    """Direction d, last step first.

    Turns gates into their gradients, and d_h and d_c (D, B, P) from the final into the initial states' gradients.
    d_out (D, S, >= H) is the gradient of each row's h; hh_panels (D, .) are W_hh, (4P, H) or a GRU's (3P, H), packed
    for `product`; a gradient stops at each multiple of `bptt_steps` steps, 0 for none.
    """
    S, width = d_out.shape[1:]
    B, P = d_h.shape[1:]
    n_k = (THREE if c is None else GATES) * P
    d_state, w_hh = at(d_h, d * B * P), at(hh_panels, d * hh_panels.shape[1])
    for t in range(counts.size - 1, -1, -1):
        n, row = counts[t], starts[t]
        old, cut = row_before(starts, t, B), is_cut(t, bptt_steps)
        _d_gates(d_h, d_c, gates, d_out, h, c, d, row, old, n, 0, P, width, cut)
        if not cut:  # of a GRU's gates the first has no part in the product
            d_gates = at(gates, (d * S + row + 1) * 4 * P - n_k)
            product(d_state, P, d_gates, 4 * P, w_hh, n, P // lanes(h), n_k)


@njit(**OPTIONS)
def backward_block(d_h, d_c, gates, d_out, h, c, hh_panels, starts, counts, bptt_steps, task, step):
    """As `backward`: one of T + 1 steps of the units of one panel, number `task` of all directions'.

    First the product with the last step's gradients, which are those of all units, then this step's.
    """
    S, width = d_out.shape[1:]
    B, P = d_h.shape[1:]
    T, L = counts.size, lanes(h)
    panels = (P + MAX_WIDTH * L - 1) // (MAX_WIDTH * L)
    d, low = task // panels, task % panels * MAX_WIDTH * L
    high = min(low + MAX_WIDTH * L, P)
    n_k = (THREE if c is None else GATES) * P
    t, w_hh = T - 1 - step, at(hh_panels, d * hh_panels.shape[1] + n_k * low)
    if step > 0 and not is_cut(t + 1, bptt_steps):
        d_gates = at(gates, (d * S + starts[t + 1] + 1) * 4 * P - n_k)
        product(at(d_h, d * B * P + low), P, d_gates, 4 * P, w_hh, counts[t + 1], (high - low) // L, n_k)
    if t >= 0:
        old, cut = row_before(starts, t, B), is_cut(t, bptt_steps)
        _d_gates(d_h, d_c, gates, d_out, h, c, d, starts[t], old, counts[t], low, high, width, cut)
