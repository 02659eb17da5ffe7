"""Every cell, readout and loss in plain NumPy: the oracle of the tests.

Obvious rather than fast: one sequence at a time, one step at a time, one gate
per line, gradients by hand. `test_reference.py` holds it to PyTorch's figures.

Letters: T steps, B sequences, I inputs, H hidden units, G gates (1 for the RNN,
4 for the LSTM, 3 for the GRU), D directions, K outputs, L layers.

A cell's parameters are a dict `p` under PyTorch's names without the suffix:
`weight_ih` (G*H, I), `weight_hh` (G*H, H), `bias_ih` (G*H,), `bias_hh` (G*H,),
gates in PyTorch's order (LSTM i, f, g, o; GRU r, z, n). Gradients come back as a
dict with the same keys. A stack's parameters are a dict under PyTorch's full
names (`weight_hh_l1_reverse`); where it holds no bias there is none.
"""

from itertools import product

import numpy as np
from scipy.special import digamma, gammaln


def assert_within(tolerance, actual, expected, name=""):
    """Fail where the error exceeds `tolerance` times max(1, largest magnitude)."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, (name, actual.shape, expected.shape)
    scale = max(1.0, np.abs(expected).max(initial=0.0))
    error = np.abs(actual - expected).max(initial=0.0) / scale
    assert error <= tolerance, f"{name}: error {error:.3g} > {tolerance:g}"


def sigmoid(a):
    return 0.5 * (1 + np.tanh(0.5 * a))


# ---------------------------------------------------------------- nonlinearities
# Derivatives are written from the output y.

NONLINEARITIES = {
    "tanh": (np.tanh, lambda y: 1 - y * y),
    "relu": (lambda a: np.maximum(a, 0), lambda y: (y > 0).astype(y.dtype)),
    "sigmoid": (sigmoid, lambda y: y * (1 - y)),
}


# --------------------------------------------------------------------------- RNN


def rnn_forward(x, h_0, p, nonlinearity="tanh"):
    """Elman's network: h' = f(W_ih x + b_ih + W_hh h + b_hh).

    Parameters
    ----------
    x : (T, I)
    h_0 : (H,)
    p : dict, the cell's parameters
    nonlinearity : "tanh", "relu" or "sigmoid"

    Returns
    -------
    h : (T, H)
    h_n : (H,)
    stash : what `rnn_backward` needs
    """
    f, _ = NONLINEARITIES[nonlinearity]
    h = np.zeros((len(x) + 1, len(h_0)), x.dtype)  # row 0 is the initial state
    h[0] = h_0
    for t in range(len(x)):
        a = p["weight_ih"] @ x[t] + p["bias_ih"] + p["weight_hh"] @ h[t] + p["bias_hh"]
        h[t + 1] = f(a)
    return h[1:], h[-1].copy(), (x, h, p, nonlinearity)


def rnn_backward(d_h, d_h_n, stash):
    """Gradients of sum(h * d_h) + sum(h_n * d_h_n).

    Parameters
    ----------
    d_h : (T, H)
    d_h_n : (H,)

    Returns
    -------
    d_x : (T, I)
    d_h_0 : (H,)
    d_p : dict
    """
    x, h, p, nonlinearity = stash
    _, derivative = NONLINEARITIES[nonlinearity]
    d_x = np.zeros_like(x)
    d_p = {name: np.zeros_like(value) for name, value in p.items()}
    d_state = d_h_n.copy()
    for t in reversed(range(len(x))):
        d_state = d_state + d_h[t]
        d_a = d_state * derivative(h[t + 1])
        _accumulate(d_p, d_a, x[t], d_a, h[t])
        d_x[t] = p["weight_ih"].T @ d_a
        d_state = p["weight_hh"].T @ d_a
    return d_x, d_state, d_p


def _accumulate(d_p, d_input, x, d_hidden, h):
    """Add one step's gradients of W_ih x + b_ih and of W_hh h + b_hh."""
    d_p["weight_ih"] += np.outer(d_input, x)
    d_p["bias_ih"] += d_input
    d_p["weight_hh"] += np.outer(d_hidden, h)
    d_p["bias_hh"] += d_hidden


# -------------------------------------------------------------------------- LSTM


def lstm_forward(x, state, p):
    """Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000.

    With `weight_peephole` (3H,), of i, f and o, it has those of Gers and Schmidhuber 2000.  With `weight_hr` (R, H) h
    has R numbers (Sak et al. 2014).

    Parameters
    ----------
    x : (T, I)
    state : (h_0, c_0), each (H,)
    p : dict, the cell's parameters

    Returns
    -------
    h : (T, H)
    state_n : (h_n, c_n), each (H,)
    stash : what `lstm_backward` needs
    """
    h_0, c_0 = state
    T, H = len(x), len(c_0)
    h = np.zeros((T + 1, len(h_0)), x.dtype)
    c = np.zeros((T + 1, H), x.dtype)
    gates = np.zeros((T, 4, H), x.dtype)
    h[0], c[0] = h_0, c_0
    p_i, p_f, p_o = p.get("weight_peephole", np.zeros(3 * H)).reshape(3, H)
    for t in range(T):
        a = p["weight_ih"] @ x[t] + p["bias_ih"] + p["weight_hh"] @ h[t] + p["bias_hh"]
        a_i, a_f, a_g, a_o = a.reshape(4, H)
        i = sigmoid(a_i + p_i * c[t])
        f = sigmoid(a_f + p_f * c[t])
        g = np.tanh(a_g)
        c[t + 1] = f * c[t] + i * g
        o = sigmoid(a_o + p_o * c[t + 1])
        u = o * np.tanh(c[t + 1])
        h[t + 1] = p["weight_hr"] @ u if "weight_hr" in p else u
        gates[t] = i, f, g, o
    return h[1:], (h[-1].copy(), c[-1].copy()), (x, h, c, gates, p)


def lstm_backward(d_h, d_state_n, stash):
    """Gradients of sum(h * d_h) + sum(h_n * d_h_n) + sum(c_n * d_c_n).

    Parameters
    ----------
    d_h : (T, H)
    d_state_n : (d_h_n, d_c_n), each (H,)

    Returns
    -------
    d_x : (T, I)
    d_state_0 : (d_h_0, d_c_0), each (H,)
    d_p : dict
    """
    x, h, c, gates, p = stash
    d_x = np.zeros_like(x)
    d_p = {name: np.zeros_like(value) for name, value in p.items()}
    d_h_state, d_c_state = (d.copy() for d in d_state_n)
    H = len(d_c_state)
    p_i, p_f, p_o = p.get("weight_peephole", np.zeros(3 * H)).reshape(3, H)
    for t in reversed(range(len(x))):
        i, f, g, o = gates[t]
        tanh_c = np.tanh(c[t + 1])
        d_h_state = d_h_state + d_h[t]
        d_u = d_h_state
        if "weight_hr" in p:
            d_p["weight_hr"] += np.outer(d_h_state, o * tanh_c)
            d_u = p["weight_hr"].T @ d_h_state
        d_a_o = d_u * tanh_c * o * (1 - o)
        d_c_state = d_c_state + d_u * o * (1 - tanh_c * tanh_c) + d_a_o * p_o
        d_a_i = d_c_state * g * i * (1 - i)
        d_a_f = d_c_state * c[t] * f * (1 - f)
        d_a_g = d_c_state * i * (1 - g * g)
        d_a = np.concatenate([d_a_i, d_a_f, d_a_g, d_a_o])
        _accumulate(d_p, d_a, x[t], d_a, h[t])
        d_x[t] = p["weight_ih"].T @ d_a
        d_h_state = p["weight_hh"].T @ d_a
        d_c_state = d_c_state * f + d_a_i * p_i + d_a_f * p_f
        if "weight_peephole" in p:
            d_p["weight_peephole"] += np.concatenate([d_a_i * c[t], d_a_f * c[t], d_a_o * c[t + 1]])
    return d_x, (d_h_state, d_c_state), d_p


# --------------------------------------------------------------------------- GRU


def gru_forward(x, h_0, p, reset_after=True):
    """Gated recurrent unit, h' = (1 - z) * n + z * h, in either of two forms.

    reset_after=True, PyTorch's: n = tanh(W_in x + b_in + r * (W_hn h + b_hn)).
    reset_after=False, Cho et al. 2014: n = tanh(W_in x + b_in + W_hn (r * h) + b_hn).

    Parameters
    ----------
    x : (T, I)
    h_0 : (H,)
    p : dict, the cell's parameters

    Returns
    -------
    h : (T, H)
    h_n : (H,)
    stash : what `gru_backward` needs
    """
    T, H = len(x), len(h_0)
    W_hr, W_hz, W_hn = p["weight_hh"].reshape(3, H, H)
    b_hr, b_hz, b_hn = p["bias_hh"].reshape(3, H)
    h = np.zeros((T + 1, H), x.dtype)
    gates = np.zeros((T, 3, H), x.dtype)
    h[0] = h_0
    for t in range(T):
        i_r, i_z, i_n = (p["weight_ih"] @ x[t] + p["bias_ih"]).reshape(3, H)
        r = sigmoid(i_r + W_hr @ h[t] + b_hr)
        z = sigmoid(i_z + W_hz @ h[t] + b_hz)
        if reset_after:
            n = np.tanh(i_n + r * (W_hn @ h[t] + b_hn))
        else:
            n = np.tanh(i_n + W_hn @ (r * h[t]) + b_hn)
        h[t + 1] = (1 - z) * n + z * h[t]
        gates[t] = r, z, n
    return h[1:], h[-1].copy(), (x, h, gates, p, reset_after)


def gru_backward(d_h, d_h_n, stash):
    """Gradients of sum(h * d_h) + sum(h_n * d_h_n).

    Parameters
    ----------
    d_h : (T, H)
    d_h_n : (H,)

    Returns
    -------
    d_x : (T, I)
    d_h_0 : (H,)
    d_p : dict
    """
    x, h, gates, p, reset_after = stash
    H = len(d_h_n)
    W_hr, W_hz, W_hn = p["weight_hh"].reshape(3, H, H)
    b_hn = p["bias_hh"][2 * H :]
    d_x = np.zeros_like(x)
    d_p = {name: np.zeros_like(value) for name, value in p.items()}
    d_state = d_h_n.copy()
    for t in reversed(range(len(x))):
        r, z, n = gates[t]
        d_state = d_state + d_h[t]
        d_z = d_state * (h[t] - n)
        d_a_z = d_z * z * (1 - z)
        d_a_n = d_state * (1 - z) * (1 - n * n)
        if reset_after:
            d_r = d_a_n * (W_hn @ h[t] + b_hn)
            d_hidden_n = d_a_n * r
            d_through_n = W_hn.T @ d_hidden_n
        else:
            d_reset_h = W_hn.T @ d_a_n
            d_r = d_reset_h * h[t]
            d_hidden_n = d_a_n
            d_through_n = d_reset_h * r
        d_a_r = d_r * r * (1 - r)
        d_input = np.concatenate([d_a_r, d_a_z, d_a_n])
        d_hidden = np.concatenate([d_a_r, d_a_z, d_hidden_n])
        _accumulate(d_p, d_input, x[t], d_hidden, h[t])
        if not reset_after:  # W_hn multiplied r * h, not h
            d_p["weight_hh"][2 * H :] += np.outer(d_a_n, r * h[t] - h[t])
        d_x[t] = p["weight_ih"].T @ d_input
        d_state = d_state * z + W_hr.T @ d_a_r + W_hz.T @ d_a_z + d_through_n
    return d_x, d_state, d_p


# ------------------------------------------------------- minGRU, minLSTM and SRU


def positive(a):
    """g of Feng et al. 2024, and its derivative."""
    return np.where(a >= 0, a + 0.5, sigmoid(a)), np.where(a >= 0, 1.0, sigmoid(a) * (1 - sigmoid(a)))


def mingru_forward(x, h_0, p):
    """Feng et al. 2024: h' = (1 - z) * h + z * n, z = sigmoid(W_z x + b_z), n = g(W_n x + b_n).

    Parameters and results are as those of `gru_forward`; p has no weight_hh and no bias_hh.
    """
    T, H = len(x), len(h_0)
    h, gates = np.zeros((T + 1, H), x.dtype), np.zeros((T, 2, H), x.dtype)
    h[0] = h_0
    for t in range(T):
        a_z, a_n = gates[t] = (p["weight_ih"] @ x[t] + p["bias_ih"]).reshape(2, H)
        z = sigmoid(a_z)
        h[t + 1] = (1 - z) * h[t] + z * positive(a_n)[0]
    return h[1:], h[-1].copy(), (x, h, gates, p)


def mingru_backward(d_h, d_h_n, stash):
    """As `gru_backward`."""
    x, h, gates, p = stash
    d_x, d_p = np.zeros_like(x), {name: np.zeros_like(value) for name, value in p.items()}
    d_state = d_h_n.copy()
    for t in reversed(range(len(x))):
        z, (n, slope) = sigmoid(gates[t, 0]), positive(gates[t, 1])
        d_state = d_state + d_h[t]
        d_x[t] = _accumulate_input(d_p, [d_state * (n - h[t]) * z * (1 - z), d_state * z * slope], x[t], p)
        d_state = d_state * (1 - z)
    return d_x, d_state, d_p


def minlstm_forward(x, h_0, p):
    """Feng et al. 2024: h' = f / (f + i) * h + i / (f + i) * n, with sigmoids f and i, and n = g(W_n x + b_n)."""
    T, H = len(x), len(h_0)
    h, gates = np.zeros((T + 1, H), x.dtype), np.zeros((T, 3, H), x.dtype)
    h[0] = h_0
    for t in range(T):
        a_f, a_i, a_n = gates[t] = (p["weight_ih"] @ x[t] + p["bias_ih"]).reshape(3, H)
        f, i = sigmoid(a_f), sigmoid(a_i)
        h[t + 1] = f / (f + i) * h[t] + i / (f + i) * positive(a_n)[0]
    return h[1:], h[-1].copy(), (x, h, gates, p)


def minlstm_backward(d_h, d_h_n, stash):
    """As `gru_backward`."""
    x, h, gates, p = stash
    d_x, d_p = np.zeros_like(x), {name: np.zeros_like(value) for name, value in p.items()}
    d_state = d_h_n.copy()
    for t in reversed(range(len(x))):
        f, i, (n, slope) = sigmoid(gates[t, 0]), sigmoid(gates[t, 1]), positive(gates[t, 2])
        d_state = d_state + d_h[t]
        d_f = d_state * (h[t] - n) * i / (f + i) ** 2
        d_i = d_state * (n - h[t]) * f / (f + i) ** 2
        d_n = d_state * i / (f + i)
        d_x[t] = _accumulate_input(d_p, [d_f * f * (1 - f), d_i * i * (1 - i), d_n * slope], x[t], p)
        d_state = d_state * f / (f + i)
    return d_x, d_state, d_p


def sru_forward(x, state, p):
    """Lei et al. 2018, equations 1 to 4, as in `lstm_forward`; h_0 is not read.

    weight_ih is W, W_f, W_r, and W_s if x has not H features; weight_c is v_f and v_r; bias_ih b_f and b_r.
    """
    h_0, c_0 = state
    T, H = len(x), len(h_0)
    (v_f, v_r), (b_f, b_r) = p["weight_c"].reshape(2, H), p["bias_ih"].reshape(2, H)
    h, c, gates = (np.zeros(shape, x.dtype) for shape in ((T + 1, H), (T + 1, H), (T, 4, H)))
    h[0], c[0] = h_0, c_0
    for t in range(T):
        new, a_f, a_r, *skip = (p["weight_ih"] @ x[t]).reshape(-1, H)
        skip = skip[0] if skip else x[t]
        f = sigmoid(a_f + v_f * c[t] + b_f)
        r = sigmoid(a_r + v_r * c[t] + b_r)
        c[t + 1] = f * c[t] + (1 - f) * new
        h[t + 1] = r * c[t + 1] + (1 - r) * skip
        gates[t] = new, f, r, skip
    return h[1:], (h[-1].copy(), c[-1].copy()), (x, c, gates, p)


def sru_backward(d_h, d_state_n, stash):
    """As `lstm_backward`; the gradient of h_0 is that of a state that nobody reads."""
    x, c, gates, p = stash
    H = c.shape[1]
    v_f, v_r = p["weight_c"].reshape(2, H)
    d_x, d_p = np.zeros_like(x), {name: np.zeros_like(value) for name, value in p.items()}
    d_h_state, d_c = (d.copy() for d in d_state_n)
    for t in reversed(range(len(x))):
        new, f, r, skip = gates[t]
        d_h_state = d_h_state + d_h[t]
        d_c = d_c + d_h_state * r
        d_r = d_h_state * (c[t + 1] - skip) * r * (1 - r)
        d_f = d_c * (c[t] - new) * f * (1 - f)
        d_skip = d_h_state * (1 - r)
        is_projected = len(p["weight_ih"]) == 4 * H
        d_a = np.concatenate([d_c * (1 - f), d_f, d_r, *[d_skip] * is_projected])
        d_p["weight_ih"] += np.outer(d_a, x[t])
        d_p["weight_c"] += np.concatenate([d_f * c[t], d_r * c[t]])
        d_p["bias_ih"] += np.concatenate([d_f, d_r])
        d_x[t] = p["weight_ih"].T @ d_a + (0 if is_projected else d_skip)
        d_h_state, d_c = np.zeros(H, x.dtype), d_c * f + d_f * v_f + d_r * v_r
    return d_x, (d_h_state, d_c), d_p


def _accumulate_input(d_p, d_gates, x, p):
    """Add one step's gradients of W_ih x + b_ih; returns that of x."""
    d_a = np.concatenate(d_gates)
    d_p["weight_ih"] += np.outer(d_a, x)
    d_p["bias_ih"] += d_a
    return p["weight_ih"].T @ d_a


# ------------------------------------------------------------------------- sLSTM


def slstm_forward(x, state, p):
    """Beck et al. 2024, arXiv:2405.04517, section 2.2; a head's units are as many as weight_hh (4 H, .) has columns.

    Parameters
    ----------
    x : (T, I)
    state : (h_0, c_0, n_0, m_0), each (H,)
    p : dict, the cell's parameters

    Returns
    -------
    h : (T, H)
    state_n : (h_n, c_n, n_n, m_n), each (H,)
    stash : what `slstm_backward` needs
    """
    (h, c, n, m), H, head = state, len(state[0]), p["weight_hh"].shape[1]
    recurrent = p["weight_hh"].reshape(4, H // head, head, head)
    rows, stash = [], []
    for x_t in x:
        a = p["weight_ih"] @ x_t + p["bias_ih"] + np.einsum("gkuv,kv->gku", recurrent, h.reshape(-1, head)).ravel()
        a_i, a_f, a_z, a_o = a.reshape(4, H)
        log_f = m - np.logaddexp(0, -a_f)
        m_new = np.where(n == 0, a_i, np.maximum(a_i, log_f))
        i = np.exp(a_i - m_new)
        f = np.minimum(np.exp(log_f - m_new), 1)
        z = np.tanh(a_z)
        o = sigmoid(a_o)
        c_new = f * c + i * z
        n_new = f * n + i
        stash.append((h, c, n, m, a_i, a_f, log_f, i, f, z, o, c_new, n_new))
        h, c, n, m = o * c_new / n_new, c_new, n_new, m_new
        rows.append(h)
    return np.reshape(rows, (len(x), H)), (h, c, n, m), (x, stash, p)


def slstm_backward(d_h, d_state_n, stash):
    """Gradients of sum(h * d_h) and of those of the final states, as `lstm_backward`."""
    x, steps, p = stash
    H, head = d_h.shape[1], p["weight_hh"].shape[1]
    recurrent = p["weight_hh"].reshape(4, H // head, head, head)
    d_x, d_p = np.zeros_like(x), {name: np.zeros_like(value) for name, value in p.items()}
    of_h, of_c, of_n, of_m = d_state_n
    for t in reversed(range(len(x))):
        h, c, n, m, a_i, a_f, log_f, i, f, z, o, c_new, n_new = steps[t]
        of_h = of_h + d_h[t]
        d_o = of_h * c_new / n_new
        of_c = of_c + of_h * o / n_new
        of_n = of_n - of_h * o * c_new / n_new**2
        of_exponent_i = (of_c * z + of_n) * i
        of_exponent_f = (of_c * c + of_n * n) * f * (log_f - np.where(n == 0, a_i, np.maximum(a_i, log_f)) <= 0)
        of_m = of_m - of_exponent_i - of_exponent_f
        is_input = (n == 0) | (a_i > log_f)
        d_log_f = of_exponent_f + np.where(is_input, 0, of_m)
        d_a_i = of_exponent_i + np.where(is_input, of_m, 0)
        d_a = np.array([d_a_i, d_log_f * sigmoid(-a_f), of_c * i * (1 - z * z), d_o * o * (1 - o)])
        d_p["weight_ih"] += np.outer(d_a, x[t])
        d_p["bias_ih"] += d_a.ravel()
        by_head = d_a.reshape(4, H // head, head)
        d_p["weight_hh"] += np.einsum("gku,kv->gkuv", by_head, h.reshape(-1, head)).reshape(4 * H, head)
        d_x[t] = p["weight_ih"].T @ d_a.ravel()
        of_h = np.einsum("gkuv,gku->kv", recurrent, by_head).ravel()
        of_c, of_n, of_m = of_c * f, of_n * f, d_log_f
    return d_x, (of_h, of_c, of_n, of_m), d_p


# ---------------------------------------------------------------- layer normalisation
# Ba, Kiros and Hinton 2016; what W x and W h have been normalised over is one group of gates.


def normalised(a, eps=1e-5):
    """(a - mean) / deviation, and what `d_normalised` needs."""
    scale = 1 / np.sqrt(a.var() + eps)
    y = (a - a.mean()) * scale
    return y, (y, scale)


def d_normalised(d_y, stash):
    y, scale = stash
    return scale * (d_y - d_y.mean() - y * (d_y * y).mean())


def _normalised_groups(a, groups):
    found = [normalised(a[group]) for group in groups]
    return np.concatenate([y for y, _ in found]), [stash for _, stash in found]


def _d_normalised_groups(d_y, groups, stashes):
    return np.concatenate([d_normalised(d_y[group], stash) for group, stash in zip(groups, stashes, strict=True)])


def _accumulate_normalised(d_p, p, d_input, d_hidden, x, h, stashes, groups):
    """Add one step's gradients from those of gain * LN(W x) + bias of both; returns those of x and h."""
    found = []
    for of, value, d, own in zip(("ih", "hh"), (x, h), (d_input, d_hidden), stashes, strict=True):
        d_p[f"gain_{of}"] += d * np.concatenate([y for y, _ in own])
        d_p[f"bias_{of}"] += d
        d_a = _d_normalised_groups(d * p[f"gain_{of}"], groups, own)
        d_p[f"weight_{of}"] += np.outer(d_a, value)
        found.append(p[f"weight_{of}"].T @ d_a)
    return found


def lstm_layer_norm_forward(x, state, p):
    """As `lstm_forward`; W x and W h are normalised over all 4H units, and c before its tanh over H."""
    (h, c), H = state, len(state[0])
    output, steps, groups = np.zeros((len(x), H), x.dtype), [], [slice(0, 4 * H)]
    for t in range(len(x)):
        y_x, of_x = _normalised_groups(p["weight_ih"] @ x[t], groups)
        y_h, of_h = _normalised_groups(p["weight_hh"] @ h, groups)
        a = p["gain_ih"] * y_x + p["bias_ih"] + p["gain_hh"] * y_h + p["bias_hh"]
        a_i, a_f, a_g, a_o = a.reshape(4, H)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
        before = h, c
        c = f * c + i * g
        y_c, of_c = normalised(c)
        shown = np.tanh(p["gain_c"] * y_c + p.get("bias_c", 0))
        h = o * shown
        output[t] = h
        steps.append((before, c, (i, f, g, o), shown, of_c, (of_x, of_h)))
    return output, (h.copy(), c.copy()), (x, steps, p, groups)


def lstm_layer_norm_backward(d_h, d_state_n, stash):
    x, steps, p, groups = stash
    d_x, d_p = np.zeros_like(x), {name: np.zeros_like(value) for name, value in p.items()}
    d_h_state, d_c_state = (d.copy() for d in d_state_n)
    for t in reversed(range(len(x))):
        (h, c), _, (i, f, g, o), shown, of_c, stashes = steps[t]
        d_h_state = d_h_state + d_h[t]
        d_shown = d_h_state * o * (1 - shown * shown)
        d_p["gain_c"] += d_shown * of_c[0]
        if "bias_c" in d_p:
            d_p["bias_c"] += d_shown
        d_c = d_c_state + d_normalised(d_shown * p["gain_c"], of_c)
        d_i, d_f, d_g, d_o = d_c * g, d_c * c, d_c * i, d_h_state * shown
        d_a = np.concatenate([d_i * i * (1 - i), d_f * f * (1 - f), d_g * (1 - g * g), d_o * o * (1 - o)])
        d_x[t], d_h_state = _accumulate_normalised(d_p, p, d_a, d_a, x[t], h, stashes, groups)
        d_c_state = d_c * f
    return d_x, (d_h_state, d_c_state), d_p


def gru_layer_norm_forward(x, h_0, p):
    """As `gru_forward`; W x and W h are normalised over the 2H units of r and z, and over the H of n."""
    h, H = h_0, len(h_0)
    output, steps, groups = np.zeros((len(x), H), x.dtype), [], [slice(0, 2 * H), slice(2 * H, 3 * H)]
    for t in range(len(x)):
        y_x, of_x = _normalised_groups(p["weight_ih"] @ x[t], groups)
        y_h, of_h = _normalised_groups(p["weight_hh"] @ h, groups)
        x_r, x_z, x_n = (p["gain_ih"] * y_x + p["bias_ih"]).reshape(3, H)
        h_r, h_z, h_n = (p["gain_hh"] * y_h + p["bias_hh"]).reshape(3, H)
        r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
        n = np.tanh(x_n + r * h_n)
        steps.append((h, r, z, n, h_n, (of_x, of_h)))
        h = (1 - z) * n + z * h
        output[t] = h
    gates = np.array([[r, z, n] for _, r, z, n, *_ in steps])
    return output, h.copy(), (x, steps, gates, p, groups)


def gru_layer_norm_backward(d_h, d_h_n, stash):
    x, steps, _, p, groups = stash
    d_x, d_p = np.zeros_like(x), {name: np.zeros_like(value) for name, value in p.items()}
    d_state = d_h_n.copy()
    for t in reversed(range(len(x))):
        h, r, z, n, h_n, stashes = steps[t]
        d_state = d_state + d_h[t]
        d_a_n = d_state * (1 - z) * (1 - n * n)
        d_a_r, d_a_z = d_a_n * h_n * r * (1 - r), d_state * (h - n) * z * (1 - z)
        d_input, d_hidden = np.concatenate([d_a_r, d_a_z, d_a_n]), np.concatenate([d_a_r, d_a_z, d_a_n * r])
        d_x[t], d_through = _accumulate_normalised(d_p, p, d_input, d_hidden, x[t], h, stashes, groups)
        d_state = d_state * z + d_through
    return d_x, d_state, d_p


# ------------------------------------------------------------------------- stack

CELLS = {"rnn": (rnn_forward, rnn_backward), "lstm": (lstm_forward, lstm_backward), "gru": (gru_forward, gru_backward)}
CELLS |= {"mingru": (mingru_forward, mingru_backward), "minlstm": (minlstm_forward, minlstm_backward)}
CELLS["sru"] = sru_forward, sru_backward
CELLS |= {"slstm": (slstm_forward, slstm_backward), **dict.fromkeys(("lstm_peephole", "lstm_projected"), CELLS["lstm"])}
CELLS["lstm_layer_norm"] = lstm_layer_norm_forward, lstm_layer_norm_backward
CELLS["gru_layer_norm"] = gru_layer_norm_forward, gru_layer_norm_backward
STATES = {"rnn": "h", "lstm": "hc", "gru": "h", "mingru": "h", "minlstm": "h", "sru": "hc", "slstm": "hcnm"}
STATES |= {"lstm_peephole": "hc", "lstm_layer_norm": "hc", "lstm_projected": "hc", "gru_layer_norm": "h"}


def as_state(cell, parts):
    """A cell's states as its functions take them."""
    return tuple(parts) if len(STATES[cell]) > 1 else parts[0]


def stack_forward(cell, x, state_0, params, num_layers=1, bidirectional=False, **form):
    """Layers and directions over ragged sequences, each sequence on its own.

    Parameters
    ----------
    cell : "rnn", "lstm" or "gru"
    x : list of B arrays (T_b, I)
    state_0 : h_0 (L*D, B, H), or (h_0, c_0) for the LSTM
    params : dict under PyTorch's names
    form : `nonlinearity` of the RNN, `reset_after` of the GRU

    Returns
    -------
    output : list of B arrays (T_b, D*H), the reverse half in forward time order
    state_n : arranged as `state_0`; a reverse direction's is at the first step
    stash : what `stack_backward` needs
    """
    forward, _ = CELLS[cell]
    suffixes = _suffixes(num_layers, bidirectional)
    state_n = _map_state(np.zeros_like, state_0)
    output, stashes = [], []
    for b, layer_input in enumerate(x):
        for layer in suffixes:
            directions = []
            for row, suffix, step in layer:
                start = _map_state(lambda s, row=row, b=b: s[row, b], state_0)
                p = _cell_params(params, suffix)
                h, end, stash = forward(layer_input[::step], start, p, **form)
                _set_state(state_n, row, b, end)
                directions.append(h[::step])
                stashes.append(stash)
            layer_input = np.concatenate(directions, axis=1)
        output.append(layer_input)
    return output, state_n, (cell, suffixes, state_n, params, stashes)


def stack_backward(d_output, d_state_n, stash):
    """Gradients of sum(output * d_output) + sum(state_n * d_state_n).

    Parameters
    ----------
    d_output : list of B arrays (T_b, D*H)
    d_state_n : d_h_n (L*D, B, H), or (d_h_n, d_c_n) for the LSTM

    Returns
    -------
    d_x : list of B arrays (T_b, I)
    d_state_0 : arranged as `d_state_n`
    d_params : dict under PyTorch's names
    """
    cell, suffixes, state_n, params, stashes = stash
    _, backward = CELLS[cell]
    stashes = iter(reversed(stashes))
    d_state_0 = _map_state(np.zeros_like, state_n)
    d_params = {name: np.zeros_like(value) for name, value in params.items()}
    d_x = [None] * len(d_output)
    for b in reversed(range(len(d_output))):
        d_layer = d_output[b]
        for layer in reversed(suffixes):
            d_input = 0
            halves = np.split(d_layer, len(layer), axis=1)
            for (row, suffix, step), d_h in reversed(list(zip(layer, halves, strict=True))):
                d_end = _map_state(lambda s, row=row, b=b: s[row, b], d_state_n)
                d_in, d_start, d_p = backward(d_h[::step], d_end, next(stashes))
                _set_state(d_state_0, row, b, d_start)
                d_input = d_input + d_in[::step]
                for name, value in d_p.items():
                    if name + suffix in d_params:
                        d_params[name + suffix] += value
            d_layer = d_input
        d_x[b] = d_layer
    return d_x, d_state_0, d_params


# ------------------------------------------------------------------------- decay


def last_seen(x, gaps):
    """Of x (T, d), NaN where nothing was seen: what was seen last (0 if nothing), 1 where it is, and how old it is."""
    seen, ages = np.zeros_like(x), np.zeros_like(x)
    there = (~np.isnan(x)).astype(x.dtype)
    for t in range(len(x)):
        seen[t] = np.where(there[t], x[t], seen[t - 1] if t else 0)
        if t:
            ages[t] = gaps[t] + (1 - there[t - 1]) * ages[t - 1]
    return seen, there, ages


def decayed_forward(cell, x, gaps, state_0, params, decay, num_layers=1):
    """GRU-D of Che et al. 2018, and an LSTM of which both states decay; ragged sequences, each on its own.

    Parameters
    ----------
    cell : "lstm" or "gru"
    x : list of B arrays (T_b, d), NaN where nothing was seen
    gaps : list of B arrays (T_b,), the times since the step before
    state_0 : h_0 (L, B, H), or (h_0, c_0) for the LSTM
    params : dict under PyTorch's names, whose first level reads 2 d numbers
    decay : dict of weight_x (d,), bias_x (d,), weight_h (H, d), bias_h (H,)

    Returns
    -------
    output : list of B arrays (T_b, H)
    state_n : arranged as `state_0`
    stash : what `decayed_backward` needs
    """
    forward, _ = CELLS[cell]
    state_n, output, stashes = _map_state(np.zeros_like, state_0), [], []
    for b in range(len(x)):
        seen, there, ages = last_seen(x[b], gaps[b])
        gamma_x = np.exp(-np.maximum(0, decay["weight_x"] * ages + decay["bias_x"]))
        gamma_h = np.exp(-np.maximum(0, ages @ decay["weight_h"].T + decay["bias_h"]))
        read = np.hstack([there * seen + (1 - there) * gamma_x * seen, there])
        state, rows, steps = _map_state(lambda s, b=b: s[0, b], state_0), [], []
        for t in range(len(read)):
            faded = _map_state(lambda s, gamma=gamma_h[t]: s * gamma, state)
            h, after, stash = forward(read[t : t + 1], faded, _cell_params(params, "_l0"))
            rows.append(h)
            steps.append((state, stash))
            state = after
        _set_state(state_n, 0, b, state)
        above, of_sequence = np.concatenate(rows), []
        for level in range(1, num_layers):
            start = _map_state(lambda s, b=b, level=level: s[level, b], state_0)
            above, end, stash = forward(above, start, _cell_params(params, f"_l{level}"))
            _set_state(state_n, level, b, end)
            of_sequence.append(stash)
        output.append(above)
        stashes.append((seen, there, ages, gamma_x, gamma_h, steps, of_sequence))
    return output, state_n, (cell, state_n, params, decay, stashes)


def decayed_backward(d_output, d_state_n, stash):
    """Gradients of sum(output * d_output) + sum(state_n * d_state_n): of the initial states, params and decay."""
    cell, state_n, params, decay, stashes = stash
    _, backward = CELLS[cell]
    d_state_0 = _map_state(np.zeros_like, state_n)
    d_params, d_decay = ({name: np.zeros_like(value) for name, value in of.items()} for of in (params, decay))

    def add(d_p, level):
        for name, value in d_p.items():
            d_params[f"{name}_l{level}"] += value

    for b, (seen, there, ages, gamma_x, gamma_h, steps, above) in enumerate(stashes):
        d_rows, d = d_output[b], seen.shape[1]
        for level in range(len(above), 0, -1):
            d_end = _map_state(lambda s, b=b, level=level: s[level, b], d_state_n)
            d_rows, d_start, d_p = backward(d_rows, d_end, above[level - 1])
            _set_state(d_state_0, level, b, d_start)
            add(d_p, level)
        d_state = _map_state(lambda s, b=b: s[0, b], d_state_n)
        for t in reversed(range(len(seen))):
            before, stash = steps[t]
            d_read, d_faded, d_p = backward(d_rows[t : t + 1], d_state, stash)
            add(d_p, 0)
            pairs = zip(d_faded, before, strict=True) if cell == "lstm" else [(d_faded, before)]
            d_a_h = -sum(d * s for d, s in pairs) * gamma_h[t] * (gamma_h[t] < 1)
            d_decay["weight_h"] += np.outer(d_a_h, ages[t])
            d_decay["bias_h"] += d_a_h
            d_a_x = -d_read[0, :d] * (1 - there[t]) * seen[t] * gamma_x[t] * (gamma_x[t] < 1)
            d_decay["weight_x"] += d_a_x * ages[t]
            d_decay["bias_x"] += d_a_x
            d_state = _map_state(lambda s, gamma=gamma_h[t]: s * gamma, d_faded)
        _set_state(d_state_0, 0, b, d_state)
    return d_state_0, d_params, d_decay


def _suffixes(num_layers, bidirectional):
    """A list per layer of (row of the state, suffix of the names, time step)."""
    directions = [("", 1), ("_reverse", -1)][: 1 + bidirectional]
    return [
        [(layer * len(directions) + d, f"_l{layer}{reverse}", step) for d, (reverse, step) in enumerate(directions)]
        for layer in range(num_layers)
    ]


def _cell_params(params, suffix):
    own = {name.removesuffix(suffix): value for name, value in params.items() if name.endswith(suffix)}
    no_bias = np.zeros_like(own.get("weight_c", own["weight_ih"][:, 0]))
    return {"bias_ih": no_bias, **({"bias_hh": no_bias} if "weight_hh" in own else {}), **own}


def _map_state(function, state):
    if isinstance(state, tuple):
        return tuple(function(part) for part in state)
    return function(state)


def _set_state(state, row, b, value):
    if not isinstance(state, tuple):
        state, value = (state,), (value,)
    for part, v in zip(state, value, strict=True):
        part[row, b] = v


# ---------------------------------------------------------------------- readouts

READOUTS = ("last", "mean", "max", "concat")


def readout_forward(kind, h, bidirectional=False):
    """One vector from the outputs of one sequence.

    `last` is the forward direction at the last step beside the backward
    direction at the first; `concat` is all steps side by side.

    Parameters
    ----------
    h : (T, D*H)

    Returns
    -------
    r : (D*H,), or (T*D*H,) for `concat`
    """
    if kind == "last":
        half = h.shape[1] // 2 if bidirectional else h.shape[1]
        return np.concatenate([h[-1, :half], h[0, half:]])
    if kind == "mean":
        return h.sum(axis=0) / len(h)
    if kind == "max":
        return h.max(axis=0)
    return h.ravel()


def readout_backward(kind, d_r, h, bidirectional=False):
    """Gradient of sum(r * d_r) in h (T, D*H); a tie of `max` goes to the first."""
    d_h = np.zeros_like(h)
    if kind == "last":
        half = h.shape[1] // 2 if bidirectional else h.shape[1]
        d_h[-1, :half] += d_r[:half]
        d_h[0, half:] += d_r[half:]
    elif kind == "mean":
        d_h += d_r / len(h)
    elif kind == "max":
        d_h[h.argmax(axis=0), np.arange(h.shape[1])] += d_r
    else:
        d_h += d_r.reshape(h.shape)
    return d_h


def attention_pooling_forward(h, p):
    """The mean of rows h (T, F), weighted by attention: r (F,), the weights (T,), and what the way back needs.

    p has "attention_key.weight" (A, F), "attention_key.bias" (A,) and "attention_score.weight" (A,).
    """
    keys = np.tanh(h @ p["attention_key.weight"].T + p["attention_key.bias"])
    e = keys @ p["attention_score.weight"]
    weights = np.exp(e - e.max())
    weights /= weights.sum()
    return weights @ h, weights, (h, keys, weights, p)


def attention_pooling_backward(d_r, stash):
    """From the gradient of r to those of h and of the parameters."""
    h, keys, weights, p = stash
    d_weights = h @ d_r
    d_e = weights * (d_weights - weights @ d_weights)
    d_a = np.outer(d_e, p["attention_score.weight"]) * (1 - keys * keys)
    d_h = np.outer(weights, d_r) + d_a @ p["attention_key.weight"]
    d_p = {"attention_key.weight": d_a.T @ h, "attention_key.bias": d_a.sum(axis=0)}
    return d_h, {**d_p, "attention_score.weight": keys.T @ d_e}


# ------------------------------------------------------------------------ losses
# Each takes outputs o (B, K), targets t and weights w (B,) (None: all one), and
# returns (loss, d_o): the weighted mean over the sequences, w divided by its sum,
# of the mean over the K outputs; cross-entropy has one term a sequence.


def _weighted(w, o):
    w = np.ones(len(o)) if w is None else np.asarray(w, float)
    return (w / w.sum())[:, None]


def _mean_over_outputs(value, d_value, w, o):
    w = _weighted(w, o) / o.shape[1]
    return (w * value).sum(), w * d_value


def cross_entropy(o, t, w=None):
    """Softmax and its cross-entropy; t (B,) integers in 0..K-1."""
    w = _weighted(w, o)
    one_hot = np.eye(o.shape[1])[t]
    shifted = o - o.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(w * one_hot * log_p).sum(), w * (np.exp(log_p) - one_hot)


def logistic(o, t, w=None):
    """Binary cross-entropy of logits; t (B, K) in [0, 1]."""
    value = np.maximum(o, 0) - o * t + np.log1p(np.exp(-np.abs(o)))
    return _mean_over_outputs(value, sigmoid(o) - t, w, o)


def squared(o, t, w=None):
    """(o - t)**2, without a half."""
    return _mean_over_outputs((o - t) ** 2, 2 * (o - t), w, o)


def absolute(o, t, w=None):
    """|o - t|."""
    return _mean_over_outputs(np.abs(o - t), np.sign(o - t), w, o)


def huber(o, t, w=None, delta=1.0):
    """Huber 1964: e**2 / 2 within delta, delta * (|e| - delta / 2) beyond."""
    e = o - t
    inside = np.abs(e) <= delta
    value = np.where(inside, 0.5 * e * e, delta * (np.abs(e) - 0.5 * delta))
    return _mean_over_outputs(value, np.clip(e, -delta, delta), w, o)


def quantile(o, t, w=None, q=0.5):
    """Pinball loss, Koenker and Bassett 1978; q a number or one for each output."""
    e = t - o
    d_value = np.where(e > 0, -np.asarray(q), 1 - np.asarray(q)) * (e != 0)
    return _mean_over_outputs(np.maximum(q * e, (q - 1) * e), d_value, w, o)


# Of each number by itself: the loss, and its slopes in the raw parameters.


def softplus(x):
    """And its slope."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))), sigmoid(x)


def gaussian(mean, raw, target):
    """-log density of the normal distribution; its scale is softplus(raw) + 0.001."""
    scale, slope = softplus(raw)
    scale = scale + 1e-3
    z = (target - mean) / scale
    return z**2 / 2 + np.log(scale) + np.log(2 * np.pi) / 2, (-z / scale, (1 - z**2) / scale * slope)


def student_t(mean, raw, raw_df, target):
    """-log density of Student's t; the scale likewise, 2 + softplus(raw_df) degrees of freedom."""
    (scale, d_scale), (df, d_df) = softplus(raw), softplus(raw_df)
    scale, df = scale + 1e-3, df + 2
    z = (target - mean) / scale
    log_of, pull = np.log1p(z**2 / df), (df + 1) / (df + z**2)
    loss = np.log(scale) + np.log(df * np.pi) / 2 + gammaln(df / 2) - gammaln((df + 1) / 2) + (df + 1) / 2 * log_of
    of_df = 0.5 / df + 0.5 * (digamma(df / 2) - digamma((df + 1) / 2) + log_of - pull * z**2 / df)
    return loss, (-pull * z / scale, (1 - pull * z**2) / scale * d_scale, of_df * d_df)


def negative_binomial(log_ratio, raw, target):
    """-log probability; targets are counts with their bases, the dispersion is softplus(raw) + 0.0001."""
    count, base = np.moveaxis(target, -1, 0)
    dispersion, slope = softplus(raw)
    mean, dispersion = base * np.exp(np.clip(log_ratio, -10, 10)), dispersion + 1e-4
    r, spread = 1 / dispersion, mean * dispersion
    loss = gammaln(count + 1) + gammaln(r) - gammaln(count + r) + (r + count) * np.log1p(spread)
    of_mean = (mean - count) / (1 + spread)
    of_dispersion = r**2 * (digamma(count + r) - digamma(r) - np.log1p(spread)) + r * of_mean
    is_shut = (np.abs(log_ratio) > 10) & (of_mean * log_ratio <= 0)
    return loss - count * np.log(spread), (np.where(is_shut, 0, of_mean), of_dispersion * slope)


def mixture(o, t, K, N=1, is_pair=False):
    """-log density of mixtures of K normal distributions over N numbers, outputs o (S, D P) kind by kind, t (S, D N).

    Of each row the losses (S, D), and the slopes (S, D P), from the components' responsibilities.  The covariance of a
    correlated pair, N = 2, is built as a matrix.
    """
    S, width = len(o), K * (1 + 2 * N + is_pair)
    p, x = o.reshape(-1, width // K, K), t.reshape(-1, N)
    log_w = p[:, 0] - p[:, 0].max(axis=1, keepdims=True)
    log_w = log_w - np.log(np.exp(log_w).sum(axis=1, keepdims=True))
    means, (scales, d_scales) = p[:, 1 : 1 + N], softplus(p[:, 1 + N : 1 + 2 * N])
    scales, y = scales + 1e-3, np.tanh(p[:, 5]) if is_pair else None
    matrix = np.zeros((len(p), K, N, N))
    matrix[..., range(N), range(N)] = (scales**2).swapaxes(1, 2)
    if is_pair:
        matrix[..., 0, 1] = matrix[..., 1, 0] = 0.999 * y * scales.prod(axis=1)
    away, inverse = (x[:, :, None] - means).swapaxes(1, 2), np.linalg.inv(matrix)
    pull = (inverse @ away[..., None])[..., 0]  # (rows, K, N)
    log_of = log_w - (away * pull).sum(-1) / 2 - np.linalg.slogdet(2 * np.pi * matrix)[1] / 2
    most = log_of.max(axis=1, keepdims=True)
    log_sum = most + np.log(np.exp(log_of - most).sum(axis=1, keepdims=True))
    share = np.exp(log_of - log_sum)
    d_matrix = (inverse - pull[..., None] * pull[..., None, :]) / 2  # of the loss of each component
    d_scale = 2 * np.einsum("rkmn,rkm->rkm", d_matrix * matrix, 1 / scales.swapaxes(1, 2))
    slopes = [(np.exp(log_w) - share)[:, None], -(share[..., None] * pull).swapaxes(1, 2)]
    slopes.append((share[..., None] * d_scale).swapaxes(1, 2) * d_scales)
    if is_pair:
        slopes.append((share * 2 * d_matrix[..., 0, 1] * scales.prod(axis=1) * 0.999 * (1 - y**2))[:, None])
    return -log_sum.reshape(S, -1), np.concatenate(slopes, axis=1).reshape(S, -1)


# ------------------------------------------------------------- labels without alignment


def read_path(path, blank):
    """The labels of a path: what repeats is taken once, and then blanks are left out."""
    return [k for t, k in enumerate(path) if k != blank and (t == 0 or path[t - 1] != k)]


def ctc(scores, labels):
    """-log probability of labels by all K**T paths one by one, and its gradient in scores (T, K); the blank is last.

    Of labels that no path can be read as the loss is infinite, and the gradient 0.
    """
    T, K = scores.shape
    log_p = scores - scores.max(axis=1, keepdims=True)
    log_p = log_p - np.log(np.exp(log_p).sum(axis=1, keepdims=True))
    paths = [path for path in product(range(K), repeat=T) if read_path(path, K - 1) == list(labels)]
    if not paths:
        return np.inf, np.zeros((T, K))
    totals = np.array([log_p[range(T), path].sum() for path in paths])
    log_z = totals.max() + np.log(np.exp(totals - totals.max()).sum())
    of_paths = np.zeros((T, K))
    for path, total in zip(paths, totals, strict=True):
        of_paths[range(T), path] += np.exp(total - log_z)
    return -log_z, np.exp(log_p) - of_paths


def most_probable_labels(scores):
    """Of all sequences of labels the most probable one, from all paths one by one."""
    T, K = scores.shape
    log_p, found = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True)), {}
    for path in product(range(K), repeat=T):
        labels = tuple(read_path(path, K - 1))
        found[labels] = found.get(labels, 0.0) + np.exp(log_p[range(T), path].sum())
    return list(max(found, key=found.get))


def prefix_beam_search(scores, width):
    """The best of at most `width` labellings at each frame (Hannun et al. 2014); the blank is last."""
    blank, beams = scores.shape[1] - 1, {(): (0.0, -np.inf)}  # by prefix: ends in the blank, in its label
    for row in scores - np.logaddexp.reduce(scores, axis=1, keepdims=True):
        found = {}
        for prefix, (of_blank, of_label) in beams.items():
            either = np.logaddexp(of_blank, of_label)
            ends = {prefix: (either + row[blank], of_label + row[prefix[-1]] if prefix else -np.inf)}
            for k in range(blank):
                ends[*prefix, k] = -np.inf, (of_blank if prefix[-1:] == (k,) else either) + row[k]
            for name, both in ends.items():
                found[name] = tuple(np.logaddexp(found.get(name, (-np.inf, -np.inf)), both))
        best = sorted(found, key=lambda name: -np.logaddexp(*found[name]))[:width]
        beams = {name: found[name] for name in best}
    return list(next(iter(beams)))


LOSSES = {
    "cross_entropy": cross_entropy,
    "logistic": logistic,
    "squared": squared,
    "absolute": absolute,
    "huber": huber,
    "quantile": quantile,
}
