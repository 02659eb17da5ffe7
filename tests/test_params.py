"""One flat vector with views by name; initial values."""

import copy
import pickle

import numpy as np
import pytest

from fastrnn.params import Parameters, orthogonal, uniform

SHAPES = {"weight": (6, 5), "bias": (6,), "table": (3, 7), "last": (1, 1)}


def make(dtype="float32"):
    parameters = Parameters(SHAPES, dtype, by_row=("table",))
    for k, name in enumerate(parameters):
        parameters[name][...] = 100 * k + np.arange(np.prod(SHAPES[name])).reshape(SHAPES[name])
    return parameters


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_views_share_the_vector_and_have_pytorchs_shapes(dtype):
    parameters = make(dtype)
    assert list(parameters) == list(SHAPES)
    assert parameters.values.dtype == parameters.gradients.dtype == dtype
    for name, shape in SHAPES.items():
        for view, vector in ((parameters[name], parameters.values), (parameters.gradient(name), parameters.gradients)):
            assert view.shape == shape and np.shares_memory(view, vector)
            view[...] = 7
            assert (vector == 7).sum() >= view.size
            view[...] = 0
            assert not (vector == 7).any()


def test_matrices_are_stored_transposed_whole_cache_lines_apart():
    parameters = make()
    for name in SHAPES:
        stored = parameters.stored(name)
        expected = parameters[name] if name == "table" else parameters[name].T
        assert stored.flags.c_contiguous and stored.ctypes.data == expected.ctypes.data
        assert (stored == expected).all()
        assert (stored.ctypes.data - parameters.values.ctypes.data) % 64 == 0
        assert parameters.stored_gradients[name].shape == stored.shape


def test_is_matrix_leaves_out_biases_and_gaps():
    parameters = make()
    flags = parameters.is_decayed()
    parameters.values[:] = 0
    for name in ("weight", "table", "last"):
        parameters[name][...] = 1
    assert (flags == (parameters.values == 1)).all()
    assert flags.sum() == 30 + 21 + 1 and flags.size == parameters.size > flags.sum() + 6


def test_bind_moves_to_other_vectors():
    parameters = make()
    version = parameters.version
    values, gradients = np.full((2, parameters.size), 3, np.float32)
    parameters.bind(values, gradients)
    assert (parameters["weight"] == 3).all() and np.shares_memory(parameters["weight"], values)
    assert np.shares_memory(parameters.gradient("bias"), gradients)
    assert parameters.version is not version


def test_copies_are_copies():
    parameters = make()
    copies = parameters.copies()
    assert list(copies) == list(SHAPES)
    copies["weight"][:] = -1
    assert (parameters["weight"] >= 0).all()
    assert all(c.flags.c_contiguous and not np.shares_memory(c, parameters.values) for c in copies.values())


def test_load_and_its_errors():
    parameters, state = make(), {n: np.full(s, 2.5) for n, s in SHAPES.items()}
    version, before = parameters.version, parameters.values.copy()
    for changes, match in (
        ({"weight": np.ones((5, 6))}, r"weight has shape \(5, 6\).*\(6, 5\)"),
        ({"bias": np.full(6, np.nan)}, "bias.*finite"),
        ({"bias": np.full(6, np.inf)}, "bias.*finite"),
        ({"bias": np.full(6, 1j)}, "bias"),
        ({"bias": np.full(6, "a")}, "bias"),
        ({"more": np.ones(1)}, "unknown.*more"),
    ):
        with pytest.raises(ValueError, match=match):
            parameters.load({**state, **changes})
    with pytest.raises(ValueError, match="missing.*last"):
        parameters.load({n: v for n, v in state.items() if n != "last"})
    assert (parameters.values == before).all() and parameters.version is version
    parameters.load(state)
    assert all((parameters[name] == 2.5).all() for name in SHAPES)
    assert parameters.version is not version


def test_a_value_beyond_the_precision_is_an_error_and_changes_nothing():
    parameters = make("float32")
    before = parameters.values.copy()
    state = {**parameters.copies(), "last": np.array([[1e300]])}
    with pytest.raises(ValueError, match="last"):
        parameters.load(state)
    assert (parameters.values == before).all()


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_a_copy_has_views_of_its_own(duplicate):
    parameters = make()
    other = duplicate(parameters)
    assert (other.values == parameters.values).all()
    other["weight"][...] = -1
    assert (parameters["weight"] >= 0).all()
    assert np.shares_memory(other["weight"], other.values)
    assert (other.values == -1).sum() == 30
    assert other.version is not parameters.version


# -------------------------------------------------------------------------- initial values


def test_uniform():
    view = np.empty((200, 100))
    uniform(view, 0.25, np.random.RandomState(0))
    assert abs(view).max() <= 0.25 < abs(view).max() * 1.001
    assert abs(view.mean()) < 0.005
    again = np.empty((200, 100))
    uniform(again, 0.25, np.random.RandomState(0))
    assert (again == view).all()


@pytest.mark.parametrize("H", [1, 2, 9])
def test_orthogonal_blocks(H):
    view = np.empty((3 * H, H))
    orthogonal(view, np.random.RandomState(0))
    blocks = view.reshape(3, H, H)
    for block in blocks:
        np.testing.assert_allclose(block @ block.T, np.eye(H), atol=1e-12)
    if H > 1:
        assert abs(blocks[0] - blocks[1]).max() > 0.01
    draws = np.array([np.empty((H, H)) for _ in range(200)])
    for k, draw in enumerate(draws):
        orthogonal(draw, np.random.RandomState(k))
    assert abs(draws.mean(axis=0)).max() < 0.3  # no sign is preferred
