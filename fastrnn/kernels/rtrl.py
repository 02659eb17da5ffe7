"""Real-time recurrent learning: the gradient forward in time, exact at every step, with no past kept.

Williams and Zipser, "A learning algorithm for continually running fully recurrent neural networks", Neural
Computation 1(2), 1989.  With s the state (h, and the LSTM's c) and S = ds / dtheta, a step is

    s' = F(s, x, theta)        S' = J S + dF/dtheta,  J = dF/ds        dL/dtheta = dL/dh' S'_h

J and dF/dtheta both come from the derivatives by the sums a = W_i x + b_i and b = W_h h + b_h before each gate:
dF/dW_i = dF/da x^T, dF/dW_h = dF/db h^T, and J = dF/db W_h, plus what reaches s' beside the gates ("carry").

RNN     h' = f(a + b)                     dh'/da = f'
LSTM    c' = f c + i g                    dc'/da_i = g i (1 - i)             carry of c to c': f
        h' = o t,  t = tanh(c')           dc'/da_f = c f (1 - f)             of c to h': u f,  u = o (1 - t^2)
                                          dc'/da_g = i (1 - g^2)
                                          dh'/da_o = t o (1 - o),  dh'/da_{i,f,g} = u dc'/da_{i,f,g}
GRU     h' = (1 - z) n + z h              dh'/da_r = dh'/da_n b_n r (1 - r)  carry of h to h': z
        n = tanh(a_n + r b_n)             dh'/da_z = (h - n) z (1 - z)
                                          dh'/da_n = (1 - z) (1 - n^2),  dh'/db_n = r dh'/da_n

and db as da where nothing is said.  A step costs (n H)^2 P multiply-adds, P about G H (I + H): for small networks.

Arrays of one sequence; n is 2 for the LSTM (h, c), else 1:
    old, new    (n, H)       the state before and after the step
    s_old, s_new (n H, P)    their derivatives by the P elements of theta
    d_a, d_b    (n, G, H)    derivatives of each unit's new state by its own gates' sums
    carry       (n, n, H)    and by its old states, beside the gates
    theta       (P,)         the level's `Parameters.values`: weights (I, G H) and (H, G H), two biases (G H,)
    starts      (4,)         where each of them begins
"""

import numpy as np

from fastrnn.kernels.activations import SIGMOID, TANH, activate, slope
from fastrnn.kernels.caching import njit
from fastrnn.kernels.subnormals import flush, restore
from fastrnn.kernels.vectors import OPTIONS, lanes, load_some, load_wide, padded, store, store_some, zeros_aligned

WIDTH = 4
"""Vectors of a row of derivatives that are computed side by side; rows are padded to as many."""


def zeros(state, size):
    """The derivatives (n H, size padded) of the first state (n, H), by so many parameters."""
    return zeros_aligned((state.size, padded(size, state.dtype, WIDTH)), state.dtype)


@njit(**OPTIONS)
def _apply(out, code, sums):
    """out = the nonlinearity of sums; they may be the same."""
    for k in range(0, sums.size, lanes(sums)):
        m = sums.size - k
        store_some(out, k, activate(code, load_some(sums, k, m)), m)


@njit(**OPTIONS)
def _rnn(new, d_a, sums, code):
    _apply(new, code, sums)
    for k in range(0, sums.size, lanes(sums)):
        m = sums.size - k
        store_some(d_a, k, slope(code, load_some(new, k, m)), m)


@njit(**OPTIONS)
def _lstm(new, d_a, carry, old, sums):
    H, one = new.shape[1], new.dtype.type(1)
    for gate in range(4):
        span = sums[gate * H : (gate + 1) * H]
        _apply(span, TANH if gate == 2 else SIGMOID, span)
    for k in range(H):
        new[1, k] = sums[H + k] * old[1, k] + sums[k] * sums[2 * H + k]
    _apply(new[0], TANH, new[1])
    for k in range(H):
        i, f, g, o, t = sums[k], sums[H + k], sums[2 * H + k], sums[3 * H + k], new[0, k]
        u = o * (one - t * t)
        new[0, k] = o * t
        d_a[1, 0, k] = g * i * (one - i)
        d_a[1, 1, k] = old[1, k] * f * (one - f)
        d_a[1, 2, k] = i * (one - g * g)
        for gate in range(3):
            d_a[0, gate, k] = u * d_a[1, gate, k]
        d_a[0, 3, k] = t * o * (one - o)
        carry[0, 1, k] = u * f
        carry[1, 1, k] = f


@njit(**OPTIONS)
def _gru(new, d_a, d_b, carry, old, sums, b_n):
    H, one = new.shape[1], new.dtype.type(1)
    rz, a_n = sums[: 2 * H], sums[2 * H :]
    _apply(rz, SIGMOID, rz)
    for k in range(H):
        a_n[k] += rz[k] * b_n[k]
    _apply(a_n, TANH, a_n)
    for k in range(H):
        r, z, n = rz[k], rz[H + k], a_n[k]
        new[0, k] = (one - z) * n + z * old[0, k]
        d_n = (one - z) * (one - n * n)
        d_a[0, 0, k] = d_b[0, 0, k] = d_n * b_n[k] * r * (one - r)
        d_a[0, 1, k] = d_b[0, 1, k] = (old[0, k] - n) * z * (one - z)
        d_a[0, 2, k] = d_n
        d_b[0, 2, k] = r * d_n
        carry[0, 0, k] = z


@njit(**OPTIONS)
def add_sums(sums, inputs, theta, weight, bias):
    """sums (N,) += W inputs + b, for the weight (K, N) and the bias (N,) that begin there in theta."""
    N = sums.size
    for j in range(N):
        sums[j] += theta[bias + j]
    for k in range(inputs.size):
        for j in range(N):
            sums[j] += theta[weight + k * N + j] * inputs[k]


@njit(**OPTIONS)
def advance(new, old, x, theta, starts, n_gates, nonlinearity):
    """The state after one step, x (I,); returns d_a, d_b (but for the GRU the same) and carry."""
    (n, H), G = old.shape, n_gates
    d_a, carry = np.zeros((n, G, H), old.dtype), np.zeros((n, n, H), old.dtype)
    d_b = d_a.copy() if G == 3 else d_a
    a, b = np.zeros(G * H, old.dtype), np.zeros(G * H, old.dtype)
    add_sums(a, x, theta, starts[0], starts[2])
    add_sums(b, old[0], theta, starts[1], starts[3])
    for k in range(2 * H if G == 3 else G * H):
        a[k] += b[k]
    if G == 1:
        _rnn(new, d_a, a, nonlinearity)
    elif G == 3:
        _gru(new, d_a, d_b, carry, old, a, b[2 * H :])
    else:
        _lstm(new, d_a, carry, old, a)
    return d_a, d_b, carry


@njit(**OPTIONS)
def _jacobian(d_b, carry, theta, weight):
    """dF/ds (n H, n H), for the recurrent weight (H, G H) that begins there in theta."""
    n, G, H = d_b.shape
    jacobian = np.zeros((n * H, n * H), d_b.dtype)
    for part in range(n):
        for k in range(H):
            row = jacobian[part * H + k]
            for j in range(H):
                for g in range(G):
                    row[j] += d_b[part, g, k] * theta[weight + (j * G + g) * H + k]
            for other in range(n):
                row[other * H + k] += carry[part, other, k]
    return jacobian


@njit(**OPTIONS)
def _product(s_new, jacobian, s_old):
    """s_new = jacobian s_old; half of an LSTM's jacobian is zeros, which are passed over."""
    n_rows, P = s_old.shape
    for p in range(0, P, WIDTH * lanes(s_old)):
        for i in range(n_rows):
            total = load_wide(s_old, p, WIDTH) * jacobian[i, 0]
            for k in range(1, n_rows):
                if jacobian[i, k] != 0:
                    total = total + load_wide(s_old, k * P + p, WIDTH) * jacobian[i, k]
            store(s_new, i * P + p, total)


@njit(**OPTIONS)
def _add_immediate(s, d, inputs, start):
    """Add dF/dweight, for the weight (K, G H) that begins at `start`: unit k's part touches unit k alone."""
    n, G, H = d.shape
    for part in range(n):
        for k in range(H):
            row = s[part * H + k]
            for j in range(inputs.size):
                for g in range(G):
                    row[start + (j * G + g) * H + k] += d[part, g, k] * inputs[j]


@njit(**OPTIONS)
def step(new, s_new, old, s_old, x, theta, starts, n_gates, nonlinearity):
    """The state after one step, x (I,), and its derivatives by theta."""
    d_a, d_b, carry = advance(new, old, x, theta, starts, n_gates, nonlinearity)
    jacobian, one = _jacobian(d_b, carry, theta, starts[1]), np.ones(1, old.dtype)
    mode = flush()
    _product(s_new, jacobian, s_old)
    for d, inputs, weight, bias in ((d_a, x, starts[0], starts[2]), (d_b, old[0], starts[1], starts[3])):
        _add_immediate(s_new, d, inputs, weight)
        _add_immediate(s_new, d, one, bias)
    restore(mode)


@njit(**OPTIONS)
def d_dense(d_weight, d_bias, d_outputs, h, weight):
    """From d_outputs (K,) of a dense layer on h (H,), with weight (H, K), to its parameters' gradients; returns d_h."""
    d_h = np.empty_like(h)
    for j in range(d_outputs.size):
        d_bias[j] += d_outputs[j]
    for k in range(h.size):
        total = h.dtype.type(0)
        for j in range(d_outputs.size):
            d_weight[k, j] += h[k] * d_outputs[j]
            total += weight[k, j] * d_outputs[j]
        d_h[k] = total
    return d_h


@njit(**OPTIONS)
def add_gradient(d_theta, d_weight, d_bias, d_outputs, h, weight, s, starts):
    """From d_outputs (K,) of a dense layer on h to its parameters' gradients, as `d_dense`, and to theta's."""
    d_h = d_dense(d_weight, d_bias, d_outputs, h, weight)
    for k in range(d_h.size):
        for p in range(d_theta.size):
            d_theta[p] += d_h[k] * s[k, p]
