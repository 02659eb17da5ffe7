"""The reference is right: PyTorch's frozen figures, and finite differences."""

import numpy as np
import pytest
import reference as ref
from make_fixtures import CASES, MINIMAL, TWO_STATES, VARIANT_CASES, load, param_shapes

FORMS = {
    "rnn_tanh": ("rnn", {"nonlinearity": "tanh"}),
    "rnn_sigmoid": ("rnn", {"nonlinearity": "sigmoid"}),
    "lstm": ("lstm", {}),
    "gru_after": ("gru", {"reset_after": True}),
    "gru_before": ("gru", {"reset_after": False}),
    **{cell: (cell, {}) for cell in MINIMAL},
    **{cell: (cell, {}) for cell in ("lstm_peephole", "lstm_layer_norm", "gru_layer_norm")},
}


def rows(padded, lengths):
    """(T, B, N) to B arrays (T_b, N)."""
    return [padded[:length, b] for b, length in enumerate(lengths)]


def pad(sequences, T):
    """B arrays (T_b, N) to (T, B, N), zero past each end."""
    padded = np.zeros((T, len(sequences), sequences[0].shape[1]))
    for b, sequence in enumerate(sequences):
        padded[: len(sequence), b] = sequence
    return padded


@pytest.mark.parametrize("case", CASES + VARIANT_CASES, ids=str)
def test_stack_equals_pytorch(case):
    m = case.module
    inputs, expected = load(case, "float64")
    h_0, d_h_n = inputs["h_0"], inputs["d_h_n"]
    if m.cell in TWO_STATES:
        h_0, d_h_n = (h_0, inputs["c_0"]), (d_h_n, inputs["d_c_n"])
    params = {n: v for n, v in inputs.items() if n.startswith(("weight", "bias", "gain"))}
    form = {k: v for k, v in m.options.items() if k == "nonlinearity"}
    output, h_n, stash = ref.stack_forward(
        m.cell, rows(inputs["x"], case.lengths), h_0, params, m.num_layers, m.bidirectional, **form
    )
    d_x, d_h_0, d_params = ref.stack_backward(rows(inputs["d_output"], case.lengths), d_h_n, stash)
    actual = {"output": pad(output, m.T), "d_x": pad(d_x, m.T)}
    actual |= {"d_" + name: value for name, value in d_params.items()}
    if m.cell in TWO_STATES:
        actual["h_n"], actual["c_n"] = h_n
        actual["d_h_0"], actual["d_c_0"] = d_h_0
    else:
        actual["h_n"], actual["d_h_0"] = h_n, d_h_0
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        ref.assert_within(1e-10, actual[name], value, name)


def projected_slope(value, arrays, directions, step=1e-6):
    """Central difference of value(arrays) along the directions."""
    ahead = [a + step * d for a, d in zip(arrays, directions, strict=True)]
    behind = [a - step * d for a, d in zip(arrays, directions, strict=True)]
    return (value(ahead) - value(behind)) / (2 * step)


def assert_gradient(value, arrays, gradients, rng):
    """The gradients, projected on random directions, equal the slope."""
    directions = [rng.standard_normal(a.shape) for a in arrays]
    slope = projected_slope(value, arrays, directions)
    projection = sum((g * d).sum() for g, d in zip(gradients, directions, strict=True))
    ref.assert_within(1e-7, projection, slope)


@pytest.mark.parametrize("form", FORMS)
def test_gradients_of_the_forms_by_finite_differences(form):
    cell, options = FORMS[form]
    rng = np.random.default_rng(1)
    lengths = (3, 5, 1)
    shapes = param_shapes(cell, 2, True, 3, 4)
    params = {n: rng.uniform(-0.7, 0.7, shape) for n, shape in shapes.items()}
    x = [rng.standard_normal((T, 3)) for T in lengths]
    d_output = [rng.standard_normal((T, 8)) for T in lengths]
    n_states = 2 if cell in TWO_STATES else 1
    states = [rng.standard_normal((4, 3, 4)) for _ in range(n_states)]
    d_states = [rng.standard_normal((4, 3, 4)) for _ in range(n_states)]

    def as_state(parts):
        return tuple(parts) if cell in TWO_STATES else parts[0]

    def forward(arrays):
        x, states, values = arrays[:3], arrays[3 : 3 + n_states], arrays[-len(params) :]
        weights = dict(zip(params, values, strict=True))
        return ref.stack_forward(cell, x, as_state(states), weights, 2, True, **options)

    def loss(arrays):
        output, state_n, _ = forward(arrays)
        state_n = state_n if cell in TWO_STATES else (state_n,)
        pairs = [*zip(output, d_output, strict=True), *zip(state_n, d_states, strict=True)]
        return sum((a * d).sum() for a, d in pairs)

    arrays = [*x, *states, *params.values()]
    *_, stash = forward(arrays)
    d_x, d_state, d_params = ref.stack_backward(d_output, as_state(d_states), stash)
    d_state = d_state if cell in TWO_STATES else (d_state,)
    assert list(d_params) == list(params)
    assert_gradient(loss, arrays, [*d_x, *d_state, *d_params.values()], rng)


def test_gru_forms_agree_where_no_unit_is_reset():
    rng = np.random.default_rng(2)
    H = 4
    params = {n: rng.standard_normal(shape) for n, shape in param_shapes("gru", 1, False, 3, H).items()}
    params["bias_ih_l0"][:H] = 50  # r = 1
    x, h_0 = [rng.standard_normal((6, 3))], rng.standard_normal((1, 1, H))
    after, _, _ = ref.stack_forward("gru", x, h_0, params, reset_after=True)
    before, _, _ = ref.stack_forward("gru", x, h_0, params, reset_after=False)
    ref.assert_within(1e-12, before[0], after[0])


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ref.READOUTS)
def test_readout_gradients(kind, bidirectional):
    rng = np.random.default_rng(3)
    h = rng.standard_normal((5, 6))
    d_r = rng.standard_normal(ref.readout_forward(kind, h, bidirectional).shape)
    d_h = ref.readout_backward(kind, d_r, h, bidirectional)
    assert_gradient(lambda a: (ref.readout_forward(kind, a[0], bidirectional) * d_r).sum(), [h], [d_h], rng)


@pytest.mark.parametrize("weights", [None, [1.0, 0.0, 2.5, 0.5]])
@pytest.mark.parametrize("kind", ref.LOSSES)
def test_loss_gradients(kind, weights):
    rng = np.random.default_rng(4)
    o, t = 2 * rng.standard_normal((4, 3)), rng.standard_normal((4, 3))
    if kind == "cross_entropy":
        t = np.array([2, 0, 1, 1])
    elif kind == "logistic":
        t = (t > 0).astype(float)
    options = {"q": np.array([0.1, 0.5, 0.9])} if kind == "quantile" else {}
    loss = ref.LOSSES[kind]
    _, d_o = loss(o, t, weights, **options)
    assert_gradient(lambda a: loss(a[0], t, weights, **options)[0], [o], [d_o], rng)
