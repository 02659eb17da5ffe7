"""Real-time recurrent learning: the same gradients as backpropagation through all of time."""

import numpy as np
import pytest
from reference import assert_within

from fastrnn.kernels import rtrl, rtrl_diagonal
from fastrnn.layers import GRU, LSTM, RNN, SRU, MinGRU, MinLSTM
from fastrnn.layers.cells import NONLINEARITIES

CELLS = {f"rnn, {name}": (RNN, {"nonlinearity": name}) for name in NONLINEARITIES} | {
    "lstm": (LSTM, {}),
    "gru": (GRU, {}), "mingru": (MinGRU, {}), "minlstm": (MinLSTM, {}), "sru": (SRU, {}),
}  # fmt: skip
DIAGONAL = MinGRU, MinLSTM, SRU
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def drawn(layer, H, T, dtype):
    """Random weights, and inputs (T, I), a state, and the loss's gradients (T, H)."""
    rng, stack = np.random.RandomState(0), layer._stack
    stack.parameters.values[:] *= 2  # so that gates leave the middle
    stack.parameters.changed()
    shapes = (T, layer.input_size), (stack.n_states, H), (T, H)
    return [rng.standard_normal(shape).astype(dtype) for shape in shapes]


def forward_in_time(engine, stack, code, x, state, d_h):
    """The states (T, H), and the gradient (P,) summed over the steps."""
    parameters, options = stack.parameters, (stack.levels[0].cell.n_gates, *code)
    starts = np.array([*parameters.offsets.values()])
    s, total, states = engine.zeros(state, parameters.size), np.zeros_like(parameters.values), []
    for x_t, d_t in zip(x, d_h, strict=True):
        new, s_new, tentative = np.empty_like(state), np.zeros_like(s), np.empty_like(state)
        engine.advance(tentative, state, x_t, parameters.values, starts, *options)
        engine.step(new, s_new, state, s, x_t, parameters.values, starts, *options)
        assert tentative.tobytes() == new.tobytes()
        state, s = new, s_new
        d_weight, d_bias = np.zeros((d_t.size, d_t.size), x.dtype), np.zeros_like(d_t)
        engine.add_gradient(total, d_weight, d_bias, d_t, state[0], np.eye(d_t.size, dtype=x.dtype), s, starts)
        assert_within(TOLERANCE[x.dtype.name], d_weight, np.outer(state[0], d_t))
        assert d_bias.tobytes() == d_t.tobytes()
        states.append(state[0])
    return np.stack(states), total


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("sizes", [(1, 1, 1), (4, 16, 7), (3, 5, 12), (2, 19, 9), (6, 6, 4)], ids=str)
@pytest.mark.parametrize("kind", CELLS)
def test_gradients_are_those_of_backpropagation(kind, sizes, dtype):
    (make, options), (I, H, T) = CELLS[kind], sizes
    layer = make(I, H, dtype=dtype, random_state=0, **options)
    x, state, d_h = drawn(layer, H, T, dtype)
    is_diagonal = make in DIAGONAL
    code = () if is_diagonal else (NONLINEARITIES[options.get("nonlinearity", "tanh")],)
    h, gradient = forward_in_time(rtrl_diagonal if is_diagonal else rtrl, layer._stack, code, x, state, d_h)
    initial = tuple(part[np.newaxis] for part in state)
    rows, _ = layer(x, initial if len(initial) > 1 else initial[0])
    layer.backward(d_h, input_grad=False)
    assert_within(TOLERANCE[dtype], h, rows)
    for name, expected in layer.grads.items():
        assert_within(TOLERANCE[dtype], layer._stack.parameters.stored_view(gradient, name).T, expected)
