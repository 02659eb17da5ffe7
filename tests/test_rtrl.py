"""Real-time recurrent learning: the same gradients as backpropagation through all of time."""

import numpy as np
import pytest
from reference import assert_within

from fastrnn.kernels import rtrl
from fastrnn.layers import GRU, LSTM, RNN
from fastrnn.layers.cells import NONLINEARITIES

CELLS = {f"rnn, {name}": (RNN, {"nonlinearity": name}) for name in NONLINEARITIES} | {
    "lstm": (LSTM, {}),
    "gru": (GRU, {}),
}
NAMES = "weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def drawn(layer, H, T, dtype):
    """Random weights, and inputs (T, I), a state, and the loss's gradients (T, H)."""
    rng, stack = np.random.RandomState(0), layer._stack
    stack.parameters.values[:] *= 2  # so that gates leave the middle
    stack.parameters.changed()
    shapes = (T, layer.input_size), (stack.n_states, H), (T, H)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def forward_in_time(stack, code, x, state, d_h):
    """The states (T, H), and the gradient (P,) summed over the steps."""
    parameters, n_gates = stack.parameters, stack.cell.n_gates
    starts = np.array([parameters.offsets[name] for name in NAMES])
    s, total, states = rtrl.zeros(state, parameters.size), np.zeros_like(parameters.values), []
    for x_t, d_t in zip(x, d_h, strict=True):
        new, s_new, tentative = np.empty_like(state), np.empty_like(s), np.empty_like(state)
        rtrl.advance(tentative, state, x_t, parameters.values, starts, n_gates, code)
        rtrl.step(new, s_new, state, s, x_t, parameters.values, starts, n_gates, code)
        assert tentative.tobytes() == new.tobytes()
        state, s = new, s_new
        d_weight, d_bias = np.zeros((d_t.size, d_t.size), x.dtype), np.zeros_like(d_t)
        rtrl.add_gradient(total, d_weight, d_bias, d_t, state[0], np.eye(d_t.size, dtype=x.dtype), s)
        assert_within(TOLERANCE[x.dtype.name], d_weight, np.outer(state[0], d_t))
        assert d_bias.tobytes() == d_t.tobytes()
        states.append(state[0])
    return np.stack(states), total


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (4, 16, 7), (3, 5, 12), (2, 19, 9)], ids=str)
@pytest.mark.parametrize("kind", CELLS)
def test_gradients_are_those_of_backpropagation(kind, sizes, dtype):
    (make, options), (I, H, T) = CELLS[kind], sizes
    layer = make(I, H, dtype=dtype, random_state=0, **options)
    x, state, d_h = drawn(layer, H, T, dtype)
    code = NONLINEARITIES[options.get("nonlinearity", "tanh")]
    h, gradient = forward_in_time(layer._stack, code, x, state, d_h)
    initial = tuple(part[np.newaxis] for part in state)
    rows, _ = layer(x, initial if len(initial) > 1 else initial[0])
    layer.backward(d_h, input_grad=False)
    assert_within(TOLERANCE[dtype], h, rows)
    for name, expected in layer.grads.items():
        assert_within(TOLERANCE[dtype], layer._stack.parameters.stored_view(gradient, name).T, expected)
