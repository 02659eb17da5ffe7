"""Attention: against plain NumPy, one sequence at a time, and by projection."""

import numpy as np
import pytest
from reference import assert_within
from samples import assert_same_bits, assert_slope, ragged, watch_parallel
from scipy.special import softmax
from sklearn.utils import check_random_state

from fastrnn import threads
from fastrnn.kernels.attention import attend, spread_weights
from fastrnn.kernels.rows import copy_rows, scatter_add_rows, spread_columns
from fastrnn.layers.attention import Attention
from fastrnn.network.parts import Network, portions, stored
from fastrnn.packing import Rows, Shards
from fastrnn.programs import Pass, Program
from fastrnn.sequences import as_sequences

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


class Given:
    """Queries and encoder rows of sequences, and what attention makes of them."""

    def __init__(self, attention, queries, encoded, is_shared=False):
        dtype = queries[0].dtype
        self.attention = attention
        self.queries, self.encoded = (as_sequences(arrays, dtype) for arrays in (queries, encoded))
        self.shards = Shards(self.encoded.lengths, portions(len(queries)), 16, is_shared, self.queries.lengths)
        self.p = Program(dtype, is_shared)
        self.sources, self.targets = Rows(self.p), Rows(self.p, other=True)
        self._add_calls()

    def _add_calls(self):
        p, attention, rows, targets = self.p, self.attention, self.sources, self.targets
        x, q = (p.room(r.S, width) for r, width in ((rows, attention.value_size), (targets, attention.query_size)))
        for out, name, r in ((x, "values", rows), (q, "other_values", targets)):
            p.call(copy_rows, out, 0, p.given(name, p.dtype, 2), 0, r.rows, out.shape[1])
        memory, memory_rows = attention.memory(p, x, rows, targets.twins)
        attended = attention.forward(p, q, targets, memory)
        of_queries, of_memory = attended.rows, memory_rows
        self._give(attended.joined, of_queries.rows, "joined", "forward")
        lengths = of_queries.lengths, memory.lengths, memory.sources, of_queries.numbers
        begins = p.given("begins_of_weights", np.int64, 1)
        p.call(spread_weights, p.given("weights", p.dtype, 1), begins, attended.weights, *lengths)
        d_joined = p.room(*attended.joined.shape)
        factors = p.given("factors", p.dtype, 2)
        p.call(copy_rows, d_joined, 0, factors, 0, of_queries.rows, d_joined.shape[1], stage="backward")
        d_q, parts = attention.backward(p, d_joined, attended, memory)
        self._give(d_q, targets.rows, "d_queries", "backward")
        d_x = p.room(*x.shape)
        p.call(spread_columns, d_x, of_memory.packed, parts[0], 0, x.shape[1], stage="backward")
        p.call(scatter_add_rows, d_x, parts[1], of_memory.packed, rows.S, x.shape[1], stage="backward")
        self._give(d_x, rows.rows, "d_encoded", "backward")

    def _give(self, array, picked, name, stage):
        out = self.p.given(name, self.p.dtype, 2)
        self.p.call(spread_columns, out, picked, array, 0, array.shape[1], stage=stage)

    def run(self, factors=None):
        """Joined rows and weights, all in the order of sequences; with factors also d_queries and d_encoded."""
        q, x, sizes = self.queries, self.encoded, self.queries.lengths * self.encoded.lengths
        dtype, stages = q.values.dtype, ("forward",) if factors is None else ("forward", "backward")
        out = {"joined": np.empty_like(q.values), "weights": np.empty(sizes.sum(), dtype)}
        out |= {"d_queries": np.empty_like(q.values), "d_encoded": np.empty_like(x.values)}
        given = {**stored(x), **stored(q, "other_"), **self.shards.given, **out, "factors": factors}
        begins = np.cumsum(sizes) - sizes
        if factors is None:
            del given["factors"]
        Pass(self.p, self.shards, 1000, stages, begins_of_weights=begins, **given).run()
        return [*out.values()][: 2 if factors is None else 4]

    def results(self):
        """Two lists with an array a sequence: joined rows, and weights (M, N)."""
        joined, weights = self.run()
        lengths = self.queries.lengths
        parts = np.split(weights, np.cumsum(lengths * self.encoded.lengths)[:-1])
        return self.queries.split(joined), [w.reshape(M, -1) for w, M in zip(parts, lengths, strict=True)]


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
    results = Given(attention, queries, encoded).results()
    for *given, joined, weights in zip(queries, encoded, *results, strict=True):
        for actual, expected in zip((joined, weights), reference(network, form, *given), strict=True):
            assert actual.dtype == dtype
            assert_within(tolerance, actual, expected)
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("is_shared", [False, True])
@pytest.mark.parametrize(("n_queries", "n_keys"), [(N_QUERIES, N_KEYS), ((1,), (1,)), ((4,), (9,))])
@every_form
def test_gradient_by_projection(form, n_queries, n_keys, is_shared):
    attention, network = make(form)
    given = Given(attention, rows_of(n_queries, 5), rows_of(n_keys, 7, seed=1), is_shared)
    queries, encoded = given.queries.values, given.encoded.values
    factors = np.random.default_rng(2).standard_normal(queries.shape)
    _, _, d_queries, d_encoded = given.run(factors)

    def loss():
        return (given.run()[0] * factors).sum()

    assert_slope(loss, (network.theta, network.gradient), (queries, d_queries), (encoded, d_encoded))


@every_form
def test_a_sequence_has_the_same_bits_in_any_company(form):
    attention, _ = make(form, 17, 10, "float32")
    queries, encoded = ragged(20, I=17), ragged(20, I=10, longest=30, seed=1)
    queries, encoded = ([a.astype("float32") for a in arrays] for arrays in (queries, encoded))
    expected = Given(attention, queries, encoded).results()
    orders = [np.array([k]) for k in range(20)] + [np.random.default_rng(3).permutation(20)]
    for numbers in orders:
        some = Given(attention, [queries[k] for k in numbers], [encoded[k] for k in numbers])
        for actual, whole in zip(some.results(), expected, strict=True):
            for k, array in zip(numbers, actual, strict=True):
                assert_same_bits(array, whole[k])


@pytest.mark.parametrize("is_shared", [False, True])
@every_form
def test_threads_give_the_same_bits(form, is_shared, monkeypatch):
    attention, network = make(form, dtype="float32")
    given = Given(attention, rows_of(N_QUERIES, 5, "float32"), rows_of(N_KEYS, 7, "float32", seed=1), is_shared)

    def results():
        network.gradient[:] = 0
        return [*given.run(np.ones_like(given.queries.values)), network.gradient.copy()]

    expected = results()
    monkeypatch.setattr(threads, "SMALL", 0)
    seen = watch_parallel(monkeypatch.setattr)
    for actual, array in zip(results(), expected, strict=True):
        assert_same_bits(actual, array)
    assert seen or threads.available(1) == 1


def test_far_energies_and_equal_ones():
    queries, keys = np.array([[1e4], [-1e4], [0.0]]), np.array([[1.0], [-1.0], [1.0]])
    values, contexts, weights = np.eye(3), np.full((3, 4), 7.0), np.empty(9)
    none, three = np.zeros(1, int), np.full(1, 3)
    attend(contexts, 1, weights, queries, keys, values, np.empty(0), 1, none, three, none, three, none, 1, 0)
    expected = [[0.5, 0, 0.5], [0, 1, 0], [1 / 3] * 3]
    np.testing.assert_allclose(weights.reshape(3, 3), expected, atol=1e-15)
    np.testing.assert_allclose(contexts[:, 1:], expected, atol=1e-15)
    assert (contexts[:, 0] == 7).all()
