"""The sLSTM: Beck et al. 2024, "xLSTM: Extended long short-term memory", arXiv:2405.04517, section 2.2.

    a_i, a_f, a_z, a_o = W x + b + R h                l  = log sigmoid(a_f) + m
    i = exp(a_i - m')                                 m' = max(a_i, l), or a_i where n = 0
    f = min(exp(l - m'), 1)                           c' = f * c + i * z
    z = tanh(a_z)                                     n' = f * n + i
    o = sigmoid(a_o)                                  h' = o * c' / n'

m keeps exp within its range: what is remembered is exp(m) c and exp(m) n.  So i or f is 1.  Units are in heads, and
read the old h of their own head only.  Heads lie together in *groups* of whole vectors of units (or all H units are one
group); a product is that of a group, with zeros for other heads.  The gate before the nonlinearity is that of the
package xlstm, `slstm_forward_pointwise`.

Arrays of D directions, for B sequences packed into S rows (`fastrnn.kernels.packing`):
    h          (D, B + S, H)   the B initial states, then the state after each row
    c, n, m    (D, B + S, P)   likewise if kept for backward, else (D, B, P), in place; P is H padded to whole vectors
    gates      (D, S, 4 P)     f, or where f = 1 -i; sigmoid(-a_f); z; o.  Backward leaves the gradients of a_i, a_f,
                               a_z and a_o there
    x          (D, S, I)
    panels     (D, P / lanes, .) for each vector of units: bias, W^T and its group's R^T with the four gates side by
                               side, that of o halved: sigmoid(a) = (1 + tanh(a / 2)) / 2
    hh_panels  (D, 4 P rows)   for each panel of h its group's R, as `pack_back` has it
    starts, counts (T,)        for each step the packed row of its first sequence, and how many sequences are alive
"""

import numpy as np

from fastrnn.kernels.activations import exp, log1p_of_fraction, tanh
from fastrnn.kernels.caching import njit
from fastrnn.kernels.gradient import CHUNK, IN_ORDER, add_outer, columns_of, fold, panels_of
from fastrnn.kernels.steps import HOISTED_STEPS, hoist, is_cut, next_chunk, row_before
from fastrnn.kernels.tiles import MAX_WIDTH, gate_tile, pack_bias, pack_gates, panel_product, scratch, tile_rows
from fastrnn.kernels.vectors import (
    OPTIONS,
    at,
    choose,
    lanes,
    load,
    load_some,
    load_wide,
    maximum,
    minimum,
    split,
    store,
    store_some,
    zeros,
)
from fastrnn.kernels.vectors import step as is_positive

GATES = np.intp(4)
ORDER = np.arange(4)
FACTORS = np.array([1.0, 1.0, 1.0, 0.5])
_tile = gate_tile((4,))


@njit(**OPTIONS)
def pack(panels, weight_ih, weight_hh, bias):
    """One direction's panels (P / lanes, 4 lanes (1 + I + units of a group)) from its weights.

    The bias is (4H,); weight_ih (I, 4H) and weight_hh (units of a head, 4H) are transposed.
    """
    I, (head, N), L, size = weight_ih.shape[0], weight_hh.shape, lanes(panels), panels.shape[1]
    H, row = N // GATES, GATES * L
    group = size // row - 1 - I
    for gate in range(4):
        pack_bias(panels, gate * L, bias, gate * H, None, H, FACTORS[gate])
    pack_gates(panels, row, weight_ih, H, ORDER, FACTORS)
    panels[:, (1 + I) * row :] = 0
    for gate in range(4):
        for unit in range(H):
            first = unit // head * head % group
            target = unit // L * size + (1 + I + first) * row + gate * L + unit % L
            panel = at(panels, target)
            for k in range(head):
                panel[k * row] = weight_hh[k, gate * H + unit] * FACTORS[gate]


@njit(**OPTIONS)
def panel_vectors(n):
    """Vectors in each panel of `pack_back`, if a group has n."""
    return 4 if n % 4 == 0 else (2 if n % 2 == 0 else 1)


@njit(**OPTIONS)
def pack_back(panels, weight_hh, rows):
    """One direction's weights (units of a head, 4H), transposed, for the product with gradients: panels (4 rows P,).

    A panel of h has gate by gate a row for each unit of its group, so many rows.
    """
    (head, N), L = weight_hh.shape, lanes(panels)
    H, width = N // GATES, panel_vectors(rows // L) * L
    panels[:] = 0
    for gate in range(4):
        for unit in range(H):
            first = unit // head * head
            for k in range(head):
                panel, lane = (first + k) // width, (first + k) % width
                row = GATES * panel * rows + gate * rows + unit % rows
                panels[row * width + lane] = weight_hh[k, gate * H + unit]


@njit(**OPTIONS)
def new_states(h, c, n, m, c_old, n_old, m_old, gates, sums, rows, n_units, H, P, keep):
    """One vector of units in so many rows, from the sums of their gates; pointers to what it has in the first row."""
    L = lanes(h)
    for q in range(rows):  # apart, so that the CPU works on several rows at a time
        a_f = load(sums, (4 * q + 1) * L)
        e = exp(maximum(a_f, a_f * -1.0) * -1.0)
        store(sums, (4 * q + 1) * L, minimum(a_f, 0.0) - log1p_of_fraction(e))
        if keep:
            store(gates, (4 * q + 1) * P, choose(a_f, e, e * 0.0 + 1.0) / (e + 1.0))
    for q in range(rows):
        a_i, l = load(sums, 4 * q * L), load(m_old, q * P) + load(sums, (4 * q + 1) * L)
        z, t_o = split(tanh(load_wide(sums, (4 * q + 2) * L, 2)))
        o = t_o * 0.5 + 0.5
        n_before = load(n_old, q * P)
        is_first = 1.0 - is_positive(maximum(n_before, n_before * -1.0))
        ahead = a_i - l
        smaller = exp(maximum(ahead, ahead * -1.0) * -1.0)
        is_input = is_positive(ahead) + is_first
        one = smaller * 0.0 + 1.0
        f = choose(ahead, smaller, one)
        i = choose(is_input, one, smaller)
        n_new = f * n_before + i
        c_new = f * load(c_old, q * P) + i * z
        store(m, q * P, choose(is_input, a_i, l))
        store(n, q * P, n_new)
        store(c, q * P, c_new)
        store_some(h, q * H, o * c_new / n_new, n_units)
        if keep:
            kept = q * 4 * P
            store(gates, kept, choose(is_input, f, i * -1.0))
            store(gates, kept + 2 * P, z)
            store(gates, kept + 3 * P, o)


@njit(**OPTIONS)
def _units(h, c, n, m, gates, x, panel, start, is_hoisted, sizes, first, old, row, rows, unit, keep):
    """One vector of units, from number `unit` on, in so many rows; at `start` is the bias or what `hoist` made of it.

    All arrays are pointers to the first row of a direction; `old` and `row` count rows from there.  `sizes` are B, I,
    H, P and those of the group, which begins at unit `first`.
    """
    B, I, H, P, group = sizes
    L = lanes(h)
    start_stride, n_x = (4 * L, 0) if is_hoisted else (0, I)
    w_x, w_h, of_gates = at(panel, 4 * L), at(panel, 4 * (1 + I) * L), at(gates, row * 4 * P + unit)
    sums = scratch(h)
    rows_a_tile = tile_rows(rows)
    k = 0
    while k < rows:
        some = min(rows_a_tile, rows - k)
        before, new = (old + k, B + row + k) if keep else (k, k)
        h_old, h_new = at(h, (old + k) * H + first), at(h, (B + row + k) * H + unit)
        _tile(4, some, sums, at(start, k * start_stride), start_stride, at(x, (row + k) * I), I, n_x, w_x, h_old, H,
              group, w_h)  # fmt: skip
        b, a = before * P + unit, new * P + unit
        new_states(h_new, at(c, a), at(n, a), at(m, a), at(c, b), at(n, b), at(m, b), at(of_gates, k * 4 * P), sums,
                   some, H - unit, H, P, keep)  # fmt: skip
        k += some


@njit(**OPTIONS)
def forward(h, c, n, m, gates, x, panels, hoisted, starts, counts, keep, d):
    """Run direction d; hoisted (rows, 4 P) is scratch."""
    S, I = x.shape[1:]
    H, L = h.shape[2], lanes(h)
    B, T = h.shape[1] - S, counts.size
    blocks, size = panels.shape[1:]
    P, room, group = blocks * L, hoisted.shape[0], size // (4 * L) - 1 - I
    sizes = B, I, H, P, group
    of_state, of_row = d * c.shape[1] * P, d * S
    h_d, c_d, n_d, m_d = at(h, d * (B + S) * H), at(c, of_state), at(n, of_state), at(m, of_state)
    gates_d, x_d, panels_d = at(gates, of_row * 4 * P), at(x, of_row * I), at(panels, d * blocks * size)
    stop, rows, is_hoisted, hoisted_row = 0, 0, False, 0
    for t in range(T):
        count, row = counts[t], starts[t]
        if t == stop:
            stop, rows, is_hoisted = next_chunk(counts, t, room)
            hoisted_row = 0
            if is_hoisted:
                for p in range(blocks):
                    target, panel = at(hoisted, p * room * 4 * L), at(panels_d, p * size)
                    hoist(target, GATES, GATES, at(x_d, row * I), I, panel, rows)
        old = row_before(starts, t, B)
        for p in range(blocks):
            panel = at(panels_d, p * size)
            start = at(hoisted, (p * room + hoisted_row) * 4 * L) if is_hoisted else panel
            first = p * L // group * group
            _units(
                h_d, c_d, n_d, m_d, gates_d, x_d, panel, start, is_hoisted, sizes, first, old, row, count, p * L, keep
            )
        hoisted_row += count


@njit(**OPTIONS)
def forward_block(h, c, n, m, gates, x, panels, hoisted, starts, counts, keep, task, t):
    """Step t of one vector of units, number `task` of all directions'.

    Threads that share units read a part of the weights each.  hoisted (D P / lanes HOISTED_STEPS, B, 4 lanes) is filled
    here, at the first of each HOISTED_STEPS steps.
    """
    blocks, size = panels.shape[1:]
    d, p = task // blocks, task % blocks
    S, I = x.shape[1:]
    H, L = h.shape[2], lanes(h)
    B, P, group = h.shape[1] - S, blocks * L, size // (4 * L) - 1 - I
    of_state, of_row = d * c.shape[1] * P, d * S
    h_d, c_d, n_d, m_d = at(h, d * (B + S) * H), at(c, of_state), at(n, of_state), at(m, of_state)
    gates_d, x_d, panel = at(gates, of_row * 4 * P), at(x, of_row * I), at(panels, task * size)
    count, row, room = counts[t], starts[t], task * HOISTED_STEPS * hoisted.shape[1]
    chunk = t - t % HOISTED_STEPS
    if t == chunk:
        last = min(t + HOISTED_STEPS, counts.size) - 1
        hoist(at(hoisted, room * 4 * L), GATES, GATES, at(x_d, row * I), I, panel, starts[last] + counts[last] - row)
    old, start = row_before(starts, t, B), at(hoisted, (room + row - starts[chunk]) * 4 * L)
    sizes, first = (B, I, H, P, group), p * L // group * group
    _units(h_d, c_d, n_d, m_d, gates_d, x_d, panel, start, True, sizes, first, old, row, count, p * L, keep)


@njit(**OPTIONS)
def backward(d_h, d_c, d_n, d_m, gates, d_out, h, c, n, hh_panels, starts, counts, bptt_steps, d):
    """Direction d, last step first.

    Turns gates into their gradients, and d_h, d_c, d_n and d_m (D, B, P) from the final into the initial states'
    gradients.  d_out (D, S, >= H) is the gradient of each row's h; a gradient stops at each multiple of `bptt_steps`
    steps, 0 for none.
    """
    L, P = lanes(h), d_h.shape[2]
    panels = P // (panel_vectors(hh_panels.shape[1] // (4 * P * L)) * L)
    for step in range(counts.size + 1):
        for p in range(panels):
            task = d * panels + p
            backward_block(d_h, d_c, d_n, d_m, gates, d_out, h, c, n, hh_panels, starts, counts, bptt_steps, task, step)


@njit(**OPTIONS)
def backward_block(d_h, d_c, d_n, d_m, gates, d_out, h, c, n, hh_panels, starts, counts, bptt_steps, task, step):
    """As `backward`: one of T + 1 steps of the units of one panel, number `task` of all directions'.

    First the product with the last step's gradients, which are those of the panel's group; then this step's, of gates,
    and of the states before but for the product.
    """
    (B, P), L, H, (S, wide) = d_h.shape[1:], lanes(h), h.shape[2], d_out.shape[1:]
    n_k = hh_panels.shape[1] // (4 * P)
    width = panel_vectors(n_k // L)
    d, low = task // (P // (width * L)), task % (P // (width * L)) * width * L
    t, place, group_start = counts.size - 1 - step, d * B * P, low // n_k * n_k
    if step > 0 and not is_cut(t + 1, bptt_steps):
        row = (d * S + starts[t + 1]) * 4 * P + group_start
        panel = d * hh_panels.shape[1] + 4 * n_k * low
        for gate in range(4):
            w_hh = at(hh_panels, panel + gate * n_k * width * L)
            panel_product(width, at(d_h, place + low), P, at(gates, row + gate * P), 4 * P, w_hh, counts[t + 1], n_k)
    if t >= 0:
        rows, row, old, cut = counts[t], starts[t], row_before(starts, t, B), is_cut(t, bptt_steps)
        of_state, new = d * (B + S) * P, (d * (B + S) + B + row)
        gate_gradients(
            at(d_h, place), at(d_c, place), at(d_n, place), at(d_m, place), at(gates, (d * S + row) * 4 * P),
            at(d_out, (d * S + row) * wide), at(h, new * H), at(n, new * P), at(c, of_state + old * P),
            at(n, of_state + old * P), rows, low, low + width * L, H, P, wide, cut)  # fmt: skip


@njit(**OPTIONS)
def gate_gradients(d_h, d_c, d_n, d_m, gates, d_out, h, n, c_old, n_old, rows, low, high, H, P, wide, cut):
    """The units low to high of so many rows of one step; pointers to the first row.

    Turns gates into their gradients, and d_c, d_n and d_m into those of the step before; clears d_h, whose next value
    is a product.
    """
    L, zero = lanes(n), zeros(n)
    for q in range(rows):
        for unit in range(low, high, L):
            at_unit, at_gate = q * P + unit, q * 4 * P + unit
            kept, z, o = load(gates, at_gate), load(gates, at_gate + 2 * P), load(gates, at_gate + 3 * P)
            n_before, c_before = load(n_old, at_unit), load(c_old, at_unit)
            one = zero + 1.0
            f, i = choose(kept, kept, one), choose(kept, one, kept * -1.0)
            dh = load(d_h, at_unit) + load_some(d_out, q * wide + unit, H - unit)
            h_new, of_ratio = load_some(h, q * H + unit, H - unit), dh / load(n, at_unit)
            dc, dn = load(d_c, at_unit) + of_ratio * o, load(d_n, at_unit) - of_ratio * h_new
            dm = load(d_m, at_unit)
            # Of the two exponents, the larger one minus m' is 0.
            smaller = choose(kept, (dc * c_before + dn * n_before) * f, (dc * z + dn) * i)
            is_open = is_positive(1.0 - kept) + is_positive(maximum(n_before, n_before * -1.0))  # f is no minimum
            smaller = choose(is_open, smaller, zero)
            of_l = choose(kept, smaller, dm - smaller)
            store(gates, at_gate, dm - of_l)
            store(gates, at_gate + P, of_l * load(gates, at_gate + P))
            store(gates, at_gate + 2 * P, dc * i * (1.0 - z * z))
            store(gates, at_gate + 3 * P, dh * h_new * (1.0 - o))
            store(d_c, at_unit, zero if cut else dc * f)
            store(d_n, at_unit, zero if cut else dn * f)
            store(d_m, at_unit, zero if cut else of_l)
            store(d_h, at_unit, zero)


@njit(**OPTIONS)
def pick(picked, previous, n_groups):
    """picked (S,) = where the first group of the rows `previous` (S,) of h is, if each group is a row."""
    for s in range(previous.size):
        picked[s] = previous[s] * n_groups


@njit(**OPTIONS)
def gradient(d_bias, d_ih, d_hh, pieces, d_gates, x, h, picked, scratch, parts, task):
    """As `fastrnn.kernels.gradient.gradient`, with d_hh (H, 4 rows) for units of the same group.

    `pieces` (1 + groups, 4, 3) say where the gates' columns go in d_ih, and in each group's rows of d_hh.
    """
    I, H, n_groups = x.shape[1], h.shape[1], pieces.shape[0] - 1
    group, (low, high) = H // n_groups, columns_of(d_gates.shape[1], MAX_WIDTH * lanes(d_gates), parts, task)
    for s in range(0, d_gates.shape[0], CHUNK):
        n = min(CHUNK, d_gates.shape[0] - s)
        read, stride = panels_of(d_bias, d_gates, s, n, low, high, scratch, task)
        add_outer(d_ih, pieces[0], at(x, s * I), I, at(IN_ORDER, 0), read, stride, n, low, high)
        for g in range(n_groups):
            rows = d_hh[g * group : (g + 1) * group]
            add_outer(rows, pieces[1 + g], at(h, g * group), group, at(picked, s), read, stride, n, low, high)


@njit(**OPTIONS)
def fold_heads(out, sums, start, rows):
    """out (units of a head, 4H) += the places' sums (places, .), of which d_hh (H, 4 rows) begins at `start`."""
    (head, N), flat = out.shape, out.reshape(out.size)
    for first in range(0, N, head):
        gate, unit = first // (N // GATES), first % (N // GATES)
        for k in range(head):
            source = start + ((unit + k) * GATES + gate) * rows + unit % rows
            fold(flat[k * N + first : k * N + first + head], 1, head, sums, source, 0)
