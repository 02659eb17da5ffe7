"""Real-time recurrent learning of cells without a matrix over the state: as cheap as a step.

As `rtrl.py`, whose words these are.  A unit's state depends on the state and the parameters of that unit alone, so that
J is diagonal, and of S each parameter has one number a kind of state: dh_k / dtheta, where k is its unit.

minGRU   h' = h + z (n - h)              dh'/da_z = (n - h) z (1 - z)      carry of h to h': 1 - z
                                         dh'/da_n = z g'(a_n)
minLSTM  h' = n + s (h - n)              dh'/da_f = (h - n) s (1 - s) (1 - f)               to h': s
         s = f / (f + i)                 dh'/da_i = -(h - n) s (1 - s) (1 - i)
                                         dh'/da_n = (1 - s) g'(a_n)
SRU      c' = u + f (c - u), u = W x     dc'/du = 1 - f                    of c to c': q = f + (c - u) f (1 - f) v_f
         h' = k + r (c' - k)             dc'/da_f = (c - u) f (1 - f)      of c to h': r q + (c' - k) r (1 - r) v_r
         k = x or W_s x                  dh'/da_r = (c' - k) r (1 - r),  dh'/dk = 1 - r,  dh'/d. = r dc'/d. elsewhere

Arrays of one sequence; n is 2 for the SRU (h, c), else 1:
    old, new     (n, H)       the state before and after the step
    s_old, s_new (n, P)       their derivatives, as theta lies
    d_a          (n, G, H)    derivatives of each unit's new state by its own gates' sums
    carry        (n, H)       and by its last old state, c or h
    theta        (P,)         the level's `Parameters.values`: weights (I, G H), of the SRU v (2 H,), and biases
    starts       (2,) or (3,) where each of them begins
"""

from math import exp, log1p

import numpy as np

from fastrnn.kernels.caching import njit
from fastrnn.kernels.rtrl import d_dense
from fastrnn.kernels.subnormals import flush, restore
from fastrnn.kernels.vectors import OPTIONS, zeros_aligned


def zeros(state, size):
    """The derivatives (n, size) of the first state (n, H), by so many parameters."""
    return zeros_aligned((len(state), size), state.dtype)


@njit(**OPTIONS)
def _sigmoid(a):
    return 1.0 / (1.0 + exp(-a)) if a > 0 else 1.0 - 1.0 / (1.0 + exp(a))


@njit(**OPTIONS)
def _log_sigmoid(a):
    return min(a, 0.0) - log1p(exp(-abs(a)))


@njit(**OPTIONS)
def _g(a):
    """g of minGRU and minLSTM, and its derivative."""
    if a >= 0:
        return a + 0.5, 1.0
    return _sigmoid(a), _sigmoid(a) * _sigmoid(-a)


@njit(**OPTIONS)
def _mingru(new, d_a, carry, old, a):
    H = new.shape[1]
    for k in range(H):
        z, (n, slope), before = _sigmoid(a[k]), _g(a[H + k]), old[0, k]
        new[0, k] = before + z * (n - before)
        d_a[0, 0, k], d_a[0, 1, k] = (n - before) * z * (1 - z), z * slope
        carry[0, k] = 1 - z


@njit(**OPTIONS)
def _minlstm(new, d_a, carry, old, a):
    H = new.shape[1]
    for k in range(H):
        a_f, a_i, (n, slope), before = a[k], a[H + k], _g(a[2 * H + k]), old[0, k]
        share = _sigmoid(_log_sigmoid(a_f) - _log_sigmoid(a_i))
        new[0, k] = n + share * (before - n)
        d_share = (before - n) * share * (1 - share)
        d_a[0, 0, k], d_a[0, 1, k] = d_share * _sigmoid(-a_f), -d_share * _sigmoid(-a_i)
        d_a[0, 2, k] = (1 - share) * slope
        carry[0, k] = share


@njit(**OPTIONS)
def _sru(new, d_a, carry, old, a, x, v):
    """`v` (2 H,) and the sums of f and r with biases."""
    H = new.shape[1]
    for k in range(H):
        u, before = a[k], old[1, k]
        f, r = _sigmoid(a[H + k] + v[k] * before), _sigmoid(a[2 * H + k] + v[H + k] * before)
        skip = a[3 * H + k] if d_a.shape[1] == 4 else x[k]
        c = u + f * (before - u)
        new[0, k], new[1, k] = skip + r * (c - skip), c
        d_a[1, 0, k], d_a[1, 1, k] = 1 - f, (before - u) * f * (1 - f)
        d_a[0, 0, k], d_a[0, 1, k] = r * d_a[1, 0, k], r * d_a[1, 1, k]
        d_a[0, 2, k] = (c - skip) * r * (1 - r)
        if d_a.shape[1] == 4:
            d_a[0, 3, k] = 1 - r
        carry[1, k] = f + d_a[1, 1, k] * v[k]
        carry[0, k] = r * carry[1, k] + d_a[0, 2, k] * v[H + k]


@njit(**OPTIONS)
def advance(new, old, x, theta, starts, n_gates):
    """The state after one step, x (I,); returns d_a and carry."""
    (n, H), G = old.shape, n_gates
    d_a, carry, a = np.zeros((n, G, H), old.dtype), np.zeros((n, H), old.dtype), np.zeros(G * H, old.dtype)
    for j in range(x.size):
        for k in range(G * H):
            a[k] += theta[starts[0] + j * G * H + k] * x[j]
    # The SRU's biases are those of its second gate and its third.
    first, size, bias = (H, 2 * H, starts[starts.size - 1]) if n == 2 else (0, G * H, starts[1])
    for k in range(size):
        a[first + k] += theta[bias + k]
    if n == 2:
        _sru(new, d_a, carry, old, a, x, theta[starts[1] : starts[1] + 2 * H])
    elif G == 2:
        _mingru(new, d_a, carry, old, a)
    else:
        _minlstm(new, d_a, carry, old, a)
    return d_a, carry


@njit(**OPTIONS)
def _follow(s_new, s_old, d_a, carry, inputs, start, first, n_gates):
    """s_new of parameters from `start` on: for each of the inputs (K, 1 or H), gates from the first on, a row of units.

    An input is the same for all units, or each has its own.
    """
    n, _, H = d_a.shape
    for part in range(n):
        for j in range(inputs.shape[0]):
            for g in range(n_gates):
                row = start + (j * n_gates + g) * H
                for k in range(H):
                    seen = d_a[part, first + g, k] * inputs[j, k if inputs.shape[1] > 1 else 0]
                    s_new[part, row + k] = carry[part, k] * s_old[n - 1, row + k] + seen


@njit(**OPTIONS)
def step(new, s_new, old, s_old, x, theta, starts, n_gates):
    """The state after one step, x (I,), and its derivatives by theta."""
    d_a, carry = advance(new, old, x, theta, starts, n_gates)
    one, of_x = np.ones((1, 1), x.dtype), x.reshape(-1, 1)
    mode = flush()
    _follow(s_new, s_old, d_a, carry, of_x, starts[0], 0, n_gates)
    if old.shape[0] == 2:
        _follow(s_new, s_old, d_a, carry, old[1:2], starts[1], 1, 2)
        _follow(s_new, s_old, d_a, carry, one, starts[2], 1, 2)
    else:
        _follow(s_new, s_old, d_a, carry, one, starts[1], 0, n_gates)
    restore(mode)


@njit(**OPTIONS)
def add_gradient(d_theta, d_weight, d_bias, d_outputs, h, weight, s, starts):
    """As `rtrl.add_gradient`."""
    d_h = d_dense(d_weight, d_bias, d_outputs, h, weight)
    for i in range(starts.size):
        end = starts[i + 1] if i + 1 < starts.size else d_theta.size
        for p in range(starts[i], end):  # behind a parameter's last element s is 0
            d_theta[p] += d_h[(p - starts[i]) % d_h.size] * s[0, p]
