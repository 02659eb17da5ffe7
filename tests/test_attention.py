"""Attention: against plain NumPy, one sequence at a time, and by projection."""

import numpy as np
import pytest
from reference import assert_within
from samples import assert_same_bits, assert_slope, ragged, watch_parallel
from scipy.special import softmax
from sklearn.utils import check_random_state

from fastrnn import threads
from fastrnn.kernels.attention import attend
from fastrnn.layers.attention import Attention, Places
from fastrnn.network.parts import Network
from fastrnn.packing import Packing

# Queries and keys of each sequence; sizes are no multiples of the vector width, or are.
N_QUERIES, N_KEYS = (3, 1, 4, 2, 6, 1, 2, 5, 3), (2, 5, 1, 9, 4, 1, 3, 20, 7)
SIZES = [(5, 7), (16, 32), (17, 3), (1, 1)]
every_form = pytest.mark.parametrize("form", ["dot", "additive"])


def make(form, H=5, F=7, dtype="float64"):
    """Attention, and the network that holds its parameters."""
    attention = Attention(form, H, F, dtype)
    return attention, Network(attention.parts, check_random_state(0))


def rows_of(lengths, width, dtype="float64", seed=0):
    """A list of arrays (T, width)."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((T, width)).astype(dtype) for T in lengths]


class Packed:
    """Some queries and encoder rows of sequences, each packed in its own order, and what attention makes of them."""

    def __init__(self, queries, encoded):
        packings = [Packing([len(a) for a in arrays], 2) for arrays in (queries, encoded)]
        self.places = Places(*packings[0].by_sequence, *packings[1].by_sequence)
        self.rows, self.encoder_rows = map(self._pack, (queries, encoded), packings)
        self.packing = packings[0]

    @staticmethod
    def _pack(arrays, packing):
        out = np.empty((packing.n_rows, arrays[0].shape[1]), arrays[0].dtype)
        out[packing.by_sequence[0]] = np.concatenate(arrays)
        return out

    def forward(self, attention, keep=False):
        keys = attention.keys(self.encoder_rows, keep)
        return attention.forward(self.rows, keys, self.encoder_rows, self.places, keep)

    def results(self, attention):
        """Two lists with an array a sequence: joined rows, and weights."""
        joined, weights = self.forward(attention)
        rows, offsets = self.packing.by_sequence
        return np.split(joined[rows], offsets[1:-1]), self.places.split(weights)


def reference(network, form, queries, encoded):
    """Joined rows (M, H) and weights (M, N) of one sequence."""

    def dense(name, x):
        parameters = network.parts[f"attention_{name}"].parameters
        return x @ parameters["weight"].T + parameters["bias"]

    keys = dense("key", encoded)
    if form == "dot":
        energies = queries @ keys.T / np.sqrt(keys.shape[1])
    else:
        both = dense("query", queries)[:, None] + keys
        energies = np.tanh(both) @ network.parts["attention_score"].parameters["weight"]
    weights = softmax(energies, axis=1)
    return np.tanh(dense("joined", np.hstack([queries, weights @ encoded]))), weights


@pytest.mark.parametrize(("H", "F"), SIZES, ids=str)
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 2e-6)])
@every_form
def test_against_the_reference(form, dtype, tolerance, H, F):
    attention, network = make(form, H, F, dtype)
    queries, encoded = rows_of(N_QUERIES, H, dtype), rows_of(N_KEYS, F, dtype, seed=1)
    for given, *results in zip(
        zip(queries, encoded, strict=True), *Packed(queries, encoded).results(attention), strict=True
    ):
        for actual, expected in zip(results, reference(network, form, *given), strict=True):
            assert actual.dtype == dtype
            assert_within(tolerance, actual, expected)
        np.testing.assert_allclose(results[1].sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("n_queries", "n_keys"), [(N_QUERIES, N_KEYS), ((1,), (1,)), ((4,), (9,))])
@every_form
def test_gradient_by_projection(form, n_queries, n_keys):
    attention, network = make(form)
    given = Packed(rows_of(n_queries, 5), rows_of(n_keys, 7, seed=1))
    factors = np.random.default_rng(2).standard_normal(given.rows.shape)

    def loss():
        network.changed()
        return (given.forward(attention)[0] * factors).sum()

    given.forward(attention, keep=True)
    d_rows, d_encoder_rows = attention.backward(factors)
    assert_slope(loss, (network.theta, network.gradient), (given.rows, d_rows), (given.encoder_rows, d_encoder_rows))


@every_form
def test_a_sequence_has_the_same_bits_in_any_company(form, monkeypatch):
    attention, _ = make(form, 17, 10, "float32")
    queries, encoded = ragged(20, I=17), ragged(20, I=10, longest=30, seed=1)
    queries, encoded = ([a.astype("float32") for a in arrays] for arrays in (queries, encoded))
    expected = Packed(queries, encoded).results(attention)
    orders = [np.array([k]) for k in range(20)] + [np.random.default_rng(3).permutation(20)]
    for numbers in orders:
        some = Packed([queries[k] for k in numbers], [encoded[k] for k in numbers])
        for actual, whole in zip(some.results(attention), expected, strict=True):
            for k, array in zip(numbers, actual, strict=True):
                assert_same_bits(array, whole[k])


@every_form
def test_threads_give_the_same_bits(form, monkeypatch):
    attention, network = make(form, dtype="float32")
    given = Packed(rows_of(N_QUERIES, 5, "float32"), rows_of(N_KEYS, 7, "float32", seed=1))

    def results():
        network.gradient[:] = 0
        forward = given.forward(attention, keep=True)
        return [*forward, *attention.backward(np.ones_like(forward[0])), network.gradient.copy()]

    expected = results()
    monkeypatch.setattr(threads, "SMALL", 0)
    seen = watch_parallel(monkeypatch.setattr)
    for actual, array in zip(results(), expected, strict=True):
        assert_same_bits(actual, array)
    assert seen or threads.available(1) == 1


def test_far_energies_and_equal_ones():
    queries, keys = np.array([[1e4], [-1e4], [0.0]]), np.array([[1.0], [-1.0], [1.0]])
    values, context, weights = np.eye(3), np.empty((3, 3)), np.empty(9)
    ends = np.array([0, 3])
    every = np.arange(3)
    places = every, ends, every, ends, np.array([0, 9])
    attend(context, weights, queries, keys, values, np.empty(0), *places, 1, 0)
    expected = [[0.5, 0, 0.5], [0, 1, 0], [1 / 3] * 3]
    np.testing.assert_allclose(weights.reshape(3, 3), expected, atol=1e-15)
    np.testing.assert_allclose(context, expected, atol=1e-15)
