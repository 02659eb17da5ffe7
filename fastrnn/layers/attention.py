"""A decoder's attention on the encoder's steps, after its recurrent stack (Luong et al., EMNLP 2015)."""

from collections import namedtuple

import numpy as np

from fastrnn.kernels.activations import tanh_groups, tanh_groups_backward
from fastrnn.kernels.attention import attend, attend_backward
from fastrnn.kernels.rows import copy_rows, scatter_add_rows, spread_columns
from fastrnn.kernels.vectors import padded
from fastrnn.layers.cells import add_sums, alone, in_parts, zeros
from fastrnn.layers.feedforward import Dense
from fastrnn.packing import Unpacked
from fastrnn.params import Parameters, uniform
from fastrnn.programs import PAIRS

PARTS = 16
"""Into which sequences are cut where threads share them: as sums are of a part, by no number of threads."""


Memory = namedtuple("Memory", "keys, values, firsts, lengths, sources")
"""What a decoder looks at: source k's rows are `lengths[k]` from `firsts[k]` on.

keys (S_k, >= H) are those of values (S_k, F), the encoder's rows; sources (B,) has the number k of each place's source.
"""
Attended = namedtuple("Attended", "rows, both, states, queries, weights, joined")
"""What attention makes of decoder rows; rows lie one sequence after the other, as `rows` (an `Unpacked`) says.

both (S_q, H + F) are states, and what was seen; weights those for each pair of a sequence's query and key, as of
`fastrnn.kernels.attention`; joined is (S_q, H).
"""


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
        self.query_size, self.value_size = query_size, value_size
        self.key_layer, self.joined_layer = (Dense(value_size, H, dtype), Dense(H + value_size, H, dtype))
        self.query_layer = Dense(H, H, dtype) if form == "additive" else None
        self.score = Direction(H if form == "additive" else 0, dtype)
        self.parts = {"attention_key": self.key_layer, "attention_joined": self.joined_layer}
        if form == "additive":
            self.parts |= {"attention_query": self.query_layer, "attention_score": self.score}

    def memory(self, p, x, rows, sources):
        """Add the calls from packed encoder rows x (S_k, F) to the `Memory` of them, and `rows` as they lie in it."""
        unpacked, values = Unpacked(p, rows), p.room(*x.shape)
        p.call(copy_rows, values, 0, x, 0, unpacked.packed, x.shape[1])
        keys = self.key_layer.forward(p, values)
        return Memory(keys, values, unpacked.firsts, unpacked.lengths, sources), unpacked

    def forward(self, p, x, rows, memory):
        """Add the calls from decoder rows x (S_q, H), packed by `rows`, to `Attended` ones."""
        H, F = self.query_size, self.value_size
        unpacked, both, joined = Unpacked(p, rows), p.room(rows.S, H + F), p.room(rows.S, H)
        p.call(copy_rows, both, 0, x, 0, unpacked.packed, H)
        queries = states = both
        if self.query_layer is not None:
            states = p.room(rows.S, H)
            p.call(copy_rows, states, 0, both, 0, None, H)
            queries = self.query_layer.forward(p, states)
        attended = Attended(unpacked, both, states, queries, p.room(PAIRS), joined)
        self._call(p, attend, [both, H], attended, memory, "forward")
        p.call(tanh_groups, alone(p, joined), self.joined_layer.forward(p, both))
        return attended

    def _call(self, p, kernel, outputs, attended, memory, stage, parts=PARTS):
        """Add the call of a kernel for all sequences, or let threads share these."""
        arrays = attended.weights, attended.queries, memory.keys, memory.values, self.score.v, self.query_size
        places = attended.rows.firsts, attended.rows.lengths, memory.firsts, memory.lengths, memory.sources
        in_parts(p, kernel, *outputs, *arrays, *places, parts=parts, stage=stage)

    def backward(self, p, d_joined, attended, memory):
        """Add the calls from d_joined (S_q, >= H) to the parameters' gradients.

        Returns d_x (S_q, H), packed, and two parts (S_k, >= F) of the encoder rows' gradient, which lie in memory.
        """
        rows, H = attended.rows, self.query_size
        d_both = p.room(rows.S, padded(H, p.dtype))
        p.call(tanh_groups_backward, d_both, alone(p, d_joined), alone(p, attended.joined), stage="backward")
        d_both = self.joined_layer.backward(p, attended.both, d_both)
        d_queries, d_keys = zeros(p, rows.S, padded(H, p.dtype)), zeros(p, *memory.keys.shape)
        d_values = zeros(p, *memory.values.shape)
        parts = PARTS if p.is_whole else 1  # whose sums are apart; not by the threads there are, as bits would be
        d_v, d_energies = p.sums(parts, self.score.v.size), p.room(PAIRS)
        outputs = d_queries, d_keys, d_values, d_v, d_energies, d_both, H
        self._call(p, attend_backward, outputs, attended, memory, "backward", parts)
        if self.query_layer is not None:
            d_weight = self.score.parameters.stored_gradients["weight"]
            for part in range(parts):
                add_sums(p, d_weight, d_v, d_weight.size, 0, part * d_weight.size)
            d_queries = self.query_layer.backward(p, attended.states, d_queries)
        d_x = p.room(rows.S, H)
        p.call(spread_columns, d_x, rows.packed, d_both, 0, H, stage="backward")
        p.call(scatter_add_rows, d_x, d_queries, rows.packed, rows.S, H, stage="backward")
        return d_x, (d_values, self.key_layer.backward(p, memory.values, d_keys))


class Direction:
    """The vector v of additive attention; parameter "weight" (size,)."""

    def __init__(self, size, dtype):
        self.parameters = Parameters({"weight": (size,)}, dtype)

    @property
    def v(self):
        return self.parameters.stored("weight")

    def reset_parameters(self, rng):
        uniform(self.parameters["weight"], 1 / np.sqrt(max(1, self.v.size)), rng)
