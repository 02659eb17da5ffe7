"""Facts of sequences, which are the same at all of their steps: first states of a stack, and columns beside rows.

The first states are those of Lim, Arik, Loeff and Pfister, "Temporal Fusion Transformers", International Journal of
Forecasting 37(4), 2021, by a linear map.
"""

from math import prod

import numpy as np

from fastrnn.kernels.rows import clear, copy_rows
from fastrnn.kernels.vectors import padded
from fastrnn.layers.cells import direction, zeros
from fastrnn.layers.feedforward import Dense


class FirstStates(Dense):
    """Facts of sequences (n, F) to the states of a stack before their first steps, by a linear map.

    It begins as zeros: states are what they are without facts, until training makes use of these.

    Parameters
    ----------
    n_facts : int
    stack : Stack
    """

    def __init__(self, n_facts, stack):
        levels = stack.num_layers * stack.n_directions
        self._states, self._n_groups = (stack.cell.n_made * levels, stack.hidden_size), stack.n_states * levels
        super().__init__(n_facts, prod(self._states), stack.dtype)

    def reset_parameters(self, rng):
        for name in self.parameters:
            self.parameters[name][...] = 0

    def __call__(self, facts):
        """Facts (n, F) to states (n_states * num_layers * D, n, H), arrays."""
        (n_made, H), n = self._states, len(facts)
        made = super().__call__(facts).reshape(n, n_made, H).swapaxes(0, 1)
        return np.concatenate([made, np.zeros((self._n_groups - n_made, n, H), made.dtype)])

    def forward(self, p, facts):
        """Add the calls from facts (B, F) to states (n_states * num_layers * D, B, H)."""
        (n_made, H), (B, _) = self._states, facts.shape
        rows, states = super().forward(p, facts), p.room(self._n_groups, B, H)
        for k in range(n_made):
            p.call(copy_rows, direction(p, states, k), 0, rows, k * H, None, H)
        clear_rest(p, states, n_made)
        return states

    def backward(self, p, facts, d_states):
        """Add the calls from d_states to the gradients of the parameters."""
        (n_made, H), (B, _) = self._states, facts.shape
        d_rows = zeros(p, B, padded(self.output_size, p.dtype))
        for k in range(n_made):
            p.call(copy_rows, d_rows, k * H, direction(p, d_states, k), 0, None, H, stage="backward")
        super().backward(p, facts, d_rows)


def clear_rest(p, states, n_made):
    """Add the call that sets states (G, B, H) to zero behind the first ones, if there are any."""
    G, B, H = states.shape
    if G > n_made:
        p.call(clear, p.part(states, (G - n_made, B, H), B, n_made * H), B)


def put_beside(p, x, facts, picked):
    """Add the calls from rows x (n, W) to rows (n, W + F): beside each the facts[picked], of all in order if None."""
    (n, W), F = x.shape, facts.shape[1]
    out = p.room(n, W + F)
    p.call(copy_rows, out, 0, x, 0, None, W)
    p.call(copy_rows, out, W, facts, 0, picked, F)
    return out
