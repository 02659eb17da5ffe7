"""One layer: the forward pass, the training pass, and the training pass of a ragged batch."""

import numpy as np

from .mixins import LayerBenchmark


class Forward(LayerBenchmark):
    """Inference."""

    def run(self, layer):
        """Return the output."""
        layer.eval()
        return layer(self.x)[0]


class Training(LayerBenchmark):
    """Forward and backward, gradients of the parameters."""

    def run(self, layer):
        """Return the recurrent weights' gradient."""
        layer.zero_grad()
        layer(self.x, lengths=self.lengths)
        layer.backward(self.d_output, input_grad=False)
        return np.array(layer.grads["weight_hh_l0"])


class RaggedTraining(Training):
    """The same on lengths uniform in [T/4, T]."""

    def draw_lengths(self, rng, B, T):
        """Return the lengths."""
        return rng.integers(T // 4, T, B, endpoint=True)
