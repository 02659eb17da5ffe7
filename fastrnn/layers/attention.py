"""A decoder's attention on the encoder's steps, after its recurrent stack (Luong et al., EMNLP 2015)."""

import numpy as np

from fastrnn import threads
from fastrnn.kernels.attention import attend, attend_backward
from fastrnn.kernels.vectors import empty_aligned
from fastrnn.layers.feedforward import Dense
from fastrnn.params import Parameters, uniform


class Attention:
    """From decoder rows (S_q, H) and encoder rows (S_k, F) to tanh(W [state, context]) (S_q, H).

    Parameters
    ----------
    form : {"dot", "additive"}
    query_size, value_size : int
        H and F; keys are a dense layer of the encoder's rows.
    dtype : {"float32", "float64"}
    """

    def __init__(self, form, query_size, value_size, dtype):
        H = query_size
        self.key_layer, self.joined_layer = (Dense(value_size, H, dtype), Dense(H + value_size, H, dtype))
        self.query_layer = Dense(H, H, dtype) if form == "additive" else None
        self.score = _Direction(H if form == "additive" else 0, dtype)
        self._kept = None

    def __getstate__(self):
        return {**self.__dict__, "_kept": None}

    @property
    def parts(self):
        parts = {"attention_key": self.key_layer, "attention_joined": self.joined_layer}
        if self.query_layer is not None:
            parts |= {"attention_query": self.query_layer, "attention_score": self.score}
        return parts

    def keys(self, encoder_rows, keep=False):
        """The keys (S_k, H) of encoder rows; the same for all steps of a decoder."""
        return np.ascontiguousarray(self.key_layer.forward(encoder_rows, keep))

    def forward(self, rows, keys, values, places, keep=False):
        """Joined rows (S_q, H), and the weights, flat; `places` is a `Places`."""
        queries = rows if self.query_layer is None else self.query_layer.forward(rows, keep)
        queries = np.ascontiguousarray(queries)
        context = empty_aligned((len(rows), values.shape[1]), rows.dtype)
        weights = empty_aligned((places.weight_offsets[-1],), rows.dtype)
        places.run(attend, context, weights, queries, keys, values, self.score.v)
        joined = np.tanh(self.joined_layer.forward(np.hstack([rows, context]), keep))
        if keep:
            self._kept = (queries, keys, values, weights, joined, places)
        return joined, weights

    def backward(self, d_joined):
        """From d_joined (S_q, >= H) to d_rows (S_q, H) and d_encoder_rows (S_k, F)."""
        queries, keys, values, weights, joined, places = self._kept
        self._kept = None
        H, F = joined.shape[1], values.shape[1]
        d_both = self.joined_layer.backward(d_joined[:, :H] * (1 - joined * joined))
        d_rows, d_context = d_both[:, :H], np.ascontiguousarray(d_both[:, H : H + F])
        d_queries, d_keys, d_values = (np.zeros_like(a) for a in (queries, keys, values))
        v = self.score.v
        d_v = np.zeros((places.n_sequences, v.size), values.dtype)
        places.run(attend_backward, d_queries, d_keys, d_values, d_v, d_context, weights, queries, keys, values, v)
        d_values += self.key_layer.backward(d_keys)[:, :F]
        if self.query_layer is None:
            return d_rows + d_queries, d_values
        for row in d_v:
            self.score.parameters.stored_gradients["weight"][...] += row
        return d_rows + self.query_layer.backward(d_queries)[:, :H], d_values


class Places:
    """Which rows are queries and which keys of each sequence; arguments as of the kernels."""

    def __init__(self, query_rows, query_offsets, key_rows, key_offsets):
        sizes = np.diff(query_offsets) * np.diff(key_offsets)
        self.n_sequences = sizes.size
        self.weight_offsets = np.concatenate([[0], np.cumsum(sizes)])
        self.arrays = (query_rows, query_offsets, key_rows, key_offsets, self.weight_offsets)

    def run(self, kernel, *arrays):
        """Share the sequences among the threads."""
        # A query and a key take about as long as this many multiply-adds for each number of the values.
        work = 4 * int(self.weight_offsets[-1]) * arrays[0].shape[1]
        share = -(-self.n_sequences // threads.available(work))
        n_tasks = -(-self.n_sequences // share)
        threads.run_tasks(kernel, n_tasks, (*arrays, *self.arrays, share), work)

    def split(self, weights):
        """A list of each sequence's weights (queries, keys)."""
        n_queries, n_keys = np.diff(self.arrays[1]), np.diff(self.arrays[3])
        parts = np.split(weights, self.weight_offsets[1:-1])
        return [p.reshape(m, n) for p, m, n in zip(parts, n_queries, n_keys, strict=True)]


class _Direction:
    """The vector v of additive attention; parameter "weight" (size,)."""

    def __init__(self, size, dtype):
        self.parameters = Parameters({"weight": (size,)}, dtype)

    @property
    def v(self):
        return self.parameters.stored("weight")

    def reset_parameters(self, rng):
        uniform(self.parameters["weight"], 1 / np.sqrt(max(1, self.v.size)), rng)
        self.parameters.changed()
