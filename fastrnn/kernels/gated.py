"""The loops over time that LSTM and GRU share.

Arrays and equations are those of `lstm.py` and `gru.py`.  A GRU has None for c and d_c; that is a type to Numba, which
compiles the branch taken only.

Where states fade between steps (Che et al. 2018, Scientific Reports 8:6085), a step goes on from gamma * h in place of
h, and likewise from gamma * c:
    gamma  (D, S, P)         each row's factors; backward leaves the gradients of what max(0, .) is taken of, where
                             gamma = exp(-max(0, .)), there
    h_old  (D, S, H)         gamma * h of the step before, for each row
    c_old  (D, S, P)         likewise
Of an LSTM with peepholes (`lstm.pack_with_peepholes`)
    peepholes                is the panels, whose last three vectors they are
These are None elsewhere.
"""

import numpy as np

from fastrnn.kernels import gru, lstm
from fastrnn.kernels.caching import njit
from fastrnn.kernels.steps import HOISTED_STEPS, hoist, is_cut, next_chunk, row_before
from fastrnn.kernels.tiles import MAX_WIDTH, product, scratch, tile_rows
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, load_some, store, store_some, zeros
from fastrnn.kernels.vectors import step as is_positive

GATES, THREE = np.intp(4), np.intp(3)  # no literals, for which the products would be compiled again
_lstm_tile, _lstm_states, _lstm_gradients = lstm.tile, lstm.new_states, lstm.gate_gradients
_gru_tile, _gru_states, _gru_gradients = gru.tile, gru.new_states, gru.gate_gradients


@njit(**OPTIONS)
def units(h, c, gates, x, h_old, c_old, peepholes, masked, panel, start, is_hoisted, sizes, d, old, row, n, unit, keep):
    """One vector of units, from number `unit` on, in n rows; at `start` is the bias or what `hoist` made of it.

    h, gates and x point to the first row of direction d; `old` and `row` count rows from there.
    `sizes` are B, I, H and P.  Where `masked` (D, S, H) is not None, products read it in place of h.
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
        begin, x_k = at(start, k * start_stride), at(x, (row + k) * I)
        before = at(h, (old + k) * H) if h_old is None else at(h_old, (d * h_old.shape[1] + row + k) * H)
        read = before if masked is None else at(masked, (d * masked.shape[1] + row + k) * H)
        h_new, kept = at(h, (B + row + k) * H + unit), at(gates, (row + k) * 4 * P + unit)
        if c is None:
            _gru_tile(4, rows, sums, begin, start_stride, x_k, I, n_x, w_x, read, H, H, w_h)
            _gru_states(h_new, at(before, unit), kept, sums, rows, n_units, H, P, keep)
        else:
            _lstm_tile(4, rows, sums, begin, start_stride, x_k, I, n_x, w_x, read, H, H, w_h)
            first = d * c.shape[1] + k
            if c_old is None:
                c_before = at(c, (first + (old if keep else 0)) * P + unit)
            else:
                c_before = at(c_old, (d * c_old.shape[1] + row + k) * P + unit)
            c_new = at(c, (first + (B + row if keep else 0)) * P + unit)
            _lstm_states(h_new, c_new, c_before, kept, sums, peepholes, d, unit, rows, n_units, H, P, keep)
        k += rows


@njit(**OPTIONS)
def fade(h_old, c_old, h, c, gamma, starts, counts, keep, t, d, low, high):
    """What step t, if there is one, goes on from: gamma times the states before, of units low to high, direction d."""
    if t < counts.size:
        L, H, P = lanes(h), h.shape[2], gamma.shape[2]
        B, S = h.shape[1] - gamma.shape[1], gamma.shape[1]
        old, row = row_before(starts, t, B), starts[t]
        for q in range(counts[t]):
            at_h, at_old, at_row = (d * h.shape[1] + old + q) * H, (d * S + row + q) * H, (d * S + row + q) * P
            for unit in range(low, high, L):
                factor, n_units = load(gamma, at_row + unit), H - unit
                store_some(h_old, at_old + unit, load_some(h, at_h + unit, n_units) * factor, n_units)
                if c is not None:
                    at_c = (d * c.shape[1] + q + (old if keep else 0)) * P + unit
                    store(c_old, at_row + unit, load(c, at_c) * factor)


@njit(**OPTIONS)
def forward(h, c, gates, x, gamma, h_old, c_old, peepholes, panels, hoisted, starts, counts, keep, d):
    """Run direction d; hoisted (rows, 4 P) is scratch.

    Of what fades, h_old and c_old have what the first step goes on from.
    """
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
        for k in range(blocks):
            p = k if t % 2 == 0 else blocks - 1 - k  # first what was read last, which is the nearest in the caches
            panel = at(panels_d, p * size)
            start = at(hoisted, (p * room + hoisted_row) * 4 * L) if is_hoisted else panel
            sizes = B, I, H, P
            units(h_d, c, gates_d, x_d, h_old, c_old, peepholes, None, panel, start, is_hoisted, sizes, d, old, row, n,
                  p * L, keep)  # fmt: skip
        hoisted_row += n
        if gamma is not None:
            fade(h_old, c_old, h, c, gamma, starts, counts, keep, t + 1, d, np.intp(0), P)


@njit(**OPTIONS)
def forward_block(h, c, gates, x, gamma, h_old, c_old, peepholes, panels, hoisted, starts, counts, keep, task, t):
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
    sizes = B, I, H, P
    units(h_d, c, gates_d, x_d, h_old, c_old, peepholes, None, panel, start, True, sizes, d, old, row, n, p * L, keep)
    if gamma is not None:
        fade(h_old, c_old, h, c, gamma, starts, counts, keep, t + 1, d, p * L, p * L + L)


@njit(**OPTIONS)
def backward(d_h, d_c, gates, d_out, h, c, gamma, h_old, c_old, peepholes, hh_panels, starts, counts, bptt_steps, d):
    """Direction d, last step first.

    Turns gates into their gradients, and d_h and d_c (D, B, P) from the final into the initial states' gradients.
    d_out (D, S, >= H) is the gradient of each row's h; hh_panels (D, .) are W_hh, (4P, H) or a GRU's (3P, H), packed
    for `product`; a gradient stops at each multiple of `bptt_steps` steps, 0 for none.
    """
    low, high = np.intp(0), d_h.shape[2]
    for step in range(counts.size + 1):
        _back(d_h, d_c, gates, d_out, h, c, gamma, h_old, c_old, peepholes, hh_panels, starts, counts, bptt_steps, d,
              low, high, step)  # fmt: skip


@njit(**OPTIONS)
def backward_block(
    d_h, d_c, gates, d_out, h, c, gamma, h_old, c_old, peepholes, hh_panels, starts, counts, bptt_steps, task, step
):
    """As `backward`: one of T + 1 steps of the units of one panel, number `task` of all directions'."""
    P, units = d_h.shape[2], MAX_WIDTH * lanes(h)
    panels = (P + units - 1) // units
    d, low = task // panels, task % panels * units
    high = min(low + units, P)
    _back(d_h, d_c, gates, d_out, h, c, gamma, h_old, c_old, peepholes, hh_panels, starts, counts, bptt_steps, d,
          low, high, step)  # fmt: skip


@njit(**OPTIONS)
def _back(d_h, d_c, gates, d_out, h, c, gamma, h_old, c_old, peepholes, hh_panels, starts, counts, bptt_steps, d, low,
          high, step):  # fmt: skip
    """One of T + 1 steps of direction d's units low to high.

    First the product with the last step's gradients, which are those of all units; then this step's, of gates, and of
    the states before but for the product.
    """
    S, width = d_out.shape[1:]
    H, (B, P) = h.shape[2], d_h.shape[1:]
    n_k, t, place = (THREE if c is None else GATES) * P, counts.size - 1 - step, d * B * P
    # What fades has gradients of its own at a cut.
    if step > 0 and (gamma is not None or not is_cut(t + 1, bptt_steps)):
        # Of a GRU's gates the first has no part in the product.
        d_gates, w_hh = at(gates, (d * S + starts[t + 1] + 1) * 4 * P - n_k), d * hh_panels.shape[1] + n_k * low
        n_vectors = (high - low) // lanes(h)
        product(at(d_h, place + low), P, d_gates, 4 * P, at(hh_panels, w_hh), counts[t + 1], n_vectors, n_k)
        if gamma is not None:
            _fade_back(d_h, d_c, h, c, gamma, starts, counts, is_cut(t + 1, bptt_steps), t + 1, d, low, high)
    if t >= 0:
        n, row, old, cut = counts[t], starts[t], row_before(starts, t, B), is_cut(t, bptt_steps) and gamma is None
        d_gates, d_row = at(gates, (d * S + row) * 4 * P), at(d_out, (d * S + row) * width)
        if c is None:
            before = at(h, (d * (B + S) + old) * H) if h_old is None else at(h_old, (d * S + row) * H)
            _gru_gradients(at(d_h, place), d_gates, d_row, before, n, low, high, H, P, width, cut)
        else:
            c_d, of_c = at(c, d * (B + S) * P), at(d_c, place)
            c_new, before = at(c_d, (B + row) * P), at(c_d, old * P) if c_old is None else at(c_old, (d * S + row) * P)
            _lstm_gradients(at(d_h, place), of_c, d_gates, d_row, c_new, before, peepholes, d, n, low, high, H, P,
                            width, cut)  # fmt: skip


@njit(**OPTIONS)
def _fade_back(d_h, d_c, h, c, gamma, starts, counts, cut, t, d, low, high):
    """The way back through `fade`: d_h and d_c, from the gradients of what step t goes on from to those before it."""
    L, H, (B, P), S = lanes(h), h.shape[2], d_h.shape[1:], gamma.shape[1]
    old, zero = row_before(starts, t, B), zeros(h)
    for q in range(counts[t]):
        at_state, at_row = (d * B + q) * P, (d * S + starts[t] + q) * P
        at_old = d * (B + S) + old + q
        for unit in range(low, high, L):
            factor, dh = load(gamma, at_row + unit), load(d_h, at_state + unit)
            d_gamma = dh * load_some(h, at_old * H + unit, H - unit)
            store(d_h, at_state + unit, zero if cut else dh * factor)
            if c is not None:
                dc = load(d_c, at_state + unit)
                d_gamma = d_gamma + dc * load(c, at_old * P + unit)
                store(d_c, at_state + unit, zero if cut else dc * factor)
            store(gamma, at_row + unit, d_gamma * factor * is_positive(1.0 - factor) * -1.0)
