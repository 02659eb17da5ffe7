"""
Vanishing and exploding gradients
=================================

How much of a gradient is left a hundred steps back?  Networks that are not trained yet read noise.  A gradient enters
at the last step, and its norm is measured at the input of each step before.  In a plain RNN it vanishes, or explodes
if the weights are large.  A gate helps as far as it is open.  At first the forget gate of an LSTM lets about half of
the state through, so the gradient vanishes, too; with a bias of 3 it lets about 95 % through, and the gradient stays.

You need matplotlib for the picture, and a second.
"""

import sys

import numpy as np

from fastrnn.layers import GRU, LSTM, RNN

T, B, I, H = 101, 32, 8, 64  # steps, sequences, inputs, units

# %%
# Five layers: three as they are drawn, one with recurrent weights that are four times as large, and two with a bias
# that holds a gate open.  The second gate is the forget gate of an LSTM, and the update gate of a GRU.

kinds = {"RNN": (RNN, 1, 0), "RNN, weights x 4": (RNN, 4, 0), "LSTM": (LSTM, 1, 0), "LSTM, gate open": (LSTM, 1, 3)}
layers = {}
for name, (make, factor, bias) in {**kinds, "GRU, gate open": (GRU, 1, 3)}.items():
    layers[name] = make(I, H, random_state=0)
    parameters = layers[name].state_dict()
    parameters["weight_hh_l0"] *= factor
    parameters["bias_hh_l0"][H : 2 * H] += bias
    layers[name].load_state_dict(parameters)

# %%
# ``backward`` takes the gradient of all outputs, and gives that of all inputs.


def gradients(layer, x, d_last, state=None):
    """Norms at each step's input (T,), and the gradient of all weights as one vector."""
    output, _ = layer(x, state)
    layer.zero_grad()
    d_x, _ = layer.backward(np.concatenate([0 * output[:-1], d_last[np.newaxis]]))
    norms = np.linalg.norm(d_x.astype(float), axis=(1, 2))  # squares of float32 would be zero
    return norms, np.concatenate([grad.ravel() for grad in layer.grads.values()])


rng = np.random.RandomState(0)
x, d_last = rng.normal(0, 1, (T, B, I)), rng.normal(0, 1 / B, (B, H))
print("steps back                0       50      100")
norms = {}
for name, layer in layers.items():
    norms[name], _ = gradients(layer, x, d_last)
    print(f"{name:18}" + "".join(f"{norms[name][-1 - k]:9.0e}" for k in (0, 50, 100)))

# %%
# A straight line on the logarithmic axis means that each step takes the same share away.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for (name, of_steps), style in zip(norms.items(), ["-", "-", "--", "-", "-."], strict=True):
    ax.semilogy(of_steps[::-1], style, label=name)
ax.set(title="How far a gradient reaches", xlabel="steps back", ylabel="norm of the gradient")
ax.legend(fontsize="small")
plt.show()

# %%
# Two remedies have a price.  ``clip_norm=1`` makes the gradient of all weights shorter if its norm is more than 1.
# ``bptt_steps=20`` ends it after 20 steps: then all is lost that comes from further back, and this is much in the
# networks that reach further.

for name, layer in layers.items():
    _, whole = gradients(layer, x, d_last)
    _, recent = gradients(layer, x[-20:], d_last, layer(x[:-20])[1])
    size, lost = np.linalg.norm(whole), np.linalg.norm(whole - recent) / np.linalg.norm(whole)
    print(f"{name:18} norm {size:.0e}, clipped by a factor of {min(1, 1 / size):.0e}; truncation loses {lost:.0%}")
