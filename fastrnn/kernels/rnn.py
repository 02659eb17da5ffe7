"""The plain recurrent network of Elman 1990.

    h' = f(W_ih x + b_ih + W_hh h + b_hh),    f tanh, relu or the sigmoid

Arrays of D directions, for B sequences packed into S rows (`fastrnn.kernels.packing`):
    h        (D, B + S, H)   the B initial states, then the state after each row
    x        (D, S, I)
    d_gates  (D, S, P)       gradients before the nonlinearity; P is H padded to whole vectors
    panels   (D, 1, .)       bias, W_ih^T and W_hh^T, packed for a tile (1 + I + H rows)
    starts, counts (T,)      for each step the packed row of its first sequence, and how many sequences are alive
"""

import numpy as np

from fastrnn.kernels.activations import activate, slope
from fastrnn.kernels.caching import njit
from fastrnn.kernels.steps import is_cut, row_before
from fastrnn.kernels.tiles import gate_tile, pack_panels, panel_width, product, scratch, tile_rows
from fastrnn.kernels.vectors import OPTIONS, at, lanes, load, load_some, store, store_some, zeros

ORDER = np.arange(1)
_tile = gate_tile((4, 2, 1))


@njit(**OPTIONS)
def pack(panels, weight_ih, weight_hh, bias_ih, bias_hh):
    """One direction's panels (G, P (1 + I + H)) of G gates, here one, as `layer` reads them.

    Biases are (G H,); weight_ih (I, G H) and weight_hh (H, G H) are transposed.
    """
    I, H = weight_ih.shape[0], weight_hh.shape[0]
    depth, bias = 1 + I + H, np.empty((1, bias_ih.size), panels.dtype)
    for unit in range(bias_ih.size):
        bias[0, unit] = bias_ih[unit] + bias_hh[unit]
    for gate in range(panels.shape[0]):
        pack_panels(panels[gate], depth, 0, bias, gate * H, H)
        pack_panels(panels[gate], depth, 1, weight_ih, gate * H, H)
        pack_panels(panels[gate], depth, 1 + I, weight_hh, gate * H, H)


@njit(**OPTIONS)
def _units(out, out_stride, h, h_stride, x, panel, width, n, I, H, n_units, nonlinearity):
    """f of the sums of one panel's units, `width` vectors, in n rows; pointers to the first row.

    Of the units that are padding too, `out` has `n_units`.
    """
    L = lanes(out)
    line = width * L
    w_x, w_h = at(panel, line), at(panel, (1 + I) * line)
    sums = scratch(out)
    rows_a_tile = tile_rows(n)
    r = 0
    while r < n:
        rows = min(rows_a_tile, n - r)
        x_r, h_r = at(x, r * I), at(h, r * h_stride)
        _tile(width, rows, sums, panel, 0, x_r, I, I, w_x, h_r, h_stride, H, w_h)
        for q in range(rows):
            for unit in range(0, line, L):
                value = activate(nonlinearity, load(sums, q * line + unit))
                store_some(out, (r + q) * out_stride + unit, value, n_units - unit)
        r += rows


@njit(**OPTIONS)
def layer(out, out_stride, h, h_stride, x, panels, n, I, H, n_units, nonlinearity):
    """out (n, n_units) = f(W_ih x + b + W_hh h) for n rows of x (n, I) and h (n, H); pointers.

    Units from H on, the padding, are f(0).
    """
    L, v = lanes(out), 0
    n_vectors = (H + L - 1) // L
    while v < n_vectors:
        width, panel = panel_width(n_vectors - v), at(panels, (1 + I + H) * v * L)
        _units(at(out, v * L), out_stride, h, h_stride, x, panel, width, n, I, H, n_units - v * L, nonlinearity)
        v += width


@njit(**OPTIONS)
def forward(h, x, panels, starts, counts, nonlinearity, d):
    """Run direction d."""
    S, I = x.shape[1:]
    H, B = h.shape[2], h.shape[1] - S
    h_d, x_d, panels_d = at(h, d * (B + S) * H), at(x, d * S * I), at(panels, d * panels.shape[2])
    for t in range(counts.size):
        row = starts[t]
        h_new, h_old, x_t = at(h_d, (B + row) * H), at(h_d, row_before(starts, t, B) * H), at(x_d, row * I)
        layer(h_new, H, h_old, H, x_t, panels_d, counts[t], I, H, H, nonlinearity)


@njit(**OPTIONS)
def backward(d_h, d_gates, d_out, h, hh_panels, starts, counts, nonlinearity, bptt_steps, d):
    """Direction d, last step first.

    Fills d_gates, and turns d_h (D, B, P) from the final into the initial states' gradient.
    d_out (D, S, >= H) is the gradient of each row's h; hh_panels (D, .) are W_hh (P, H), packed for `product`; a
    gradient stops at each multiple of `bptt_steps` steps, 0 for none.
    """
    S, width = d_out.shape[1:]
    B, P = d_h.shape[1:]
    H, L = h.shape[2], lanes(h)
    state = d * B * P
    zero = zeros(h)
    w_hh = at(hh_panels, d * hh_panels.shape[1])
    for t in range(counts.size - 1, -1, -1):
        n, row = counts[t], starts[t]
        now, kept, out = (d * (B + S) + B + row) * H, (d * S + row) * P, (d * S + row) * width
        for q in range(n):
            for unit in range(0, H, L):
                y = load_some(h, now + q * H + unit, H - unit)
                at_unit = state + q * P + unit
                dh = load(d_h, at_unit) + load_some(d_out, out + q * width + unit, H - unit)
                store(d_gates, kept + q * P + unit, dh * slope(nonlinearity, y))
                store(d_h, at_unit, zero)
        if not is_cut(t, bptt_steps):
            product(at(d_h, state), P, at(d_gates, kept), P, w_hh, n, P // L, P)
