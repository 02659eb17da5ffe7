"""A recurrent layer, its weights, and the batch that all libraries get."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.measuring.machine import GATES

FLOAT32 = np.dtype(np.float32)


def ragged_lengths(B, T):
    """Return ``B`` lengths, uniform in [T/4, T] from a fixed seed, as a tuple."""
    return tuple(np.random.default_rng(0).integers(T // 4, T, B, endpoint=True).tolist())


@dataclass(frozen=True)
class Case:
    """A layer, and a batch of ``B`` sequences of ``T`` steps, or of these lengths."""

    cell: str
    B: int
    T: int
    I: int
    H: int
    ragged: tuple[int, ...] | None = None

    @cached_property
    def lengths(self):
        """(B,) steps of each sequence."""
        return np.array(self.ragged or (self.T,) * self.B)

    @property
    def rows(self):
        """Rows of the packed batch, S: the sum of the lengths."""
        return int(self.lengths.sum())

    @cached_property
    def x(self):
        """(T, B, I) inputs, zero past each end."""
        x = np.random.default_rng(1).standard_normal((self.T, self.B, self.I)).astype(FLOAT32)
        x[np.arange(self.T)[:, None] >= self.lengths] = 0
        return x

    def ended(self, output):
        """Return an output (T, B, H) with zeros past each end, whatever stands there."""
        return np.where(np.arange(self.T)[:, None, None] < self.lengths[:, None], output, 0)

    @cached_property
    def d_output(self):
        """(T, B, H) gradient of the sum of the last valid steps' outputs."""
        d_output = np.zeros((self.T, self.B, self.H), FLOAT32)
        d_output[self.lengths - 1, np.arange(self.B)] = 1
        return d_output

    @cached_property
    def weights(self):
        """Parameters under PyTorch's names, drawn as PyTorch draws them."""
        rng = np.random.default_rng(2)
        rows = GATES[self.cell] * self.H
        shapes = {
            "weight_ih_l0": (rows, self.I),
            "weight_hh_l0": (rows, self.H),
            "bias_ih_l0": (rows,),
            "bias_hh_l0": (rows,),
        }
        bound = self.H**-0.5
        return {name: rng.uniform(-bound, bound, shape).astype(FLOAT32) for name, shape in shapes.items()}
