"""
A training loop by hand
=======================

``fastrnn.layers`` has the layers alone.  You call them as you call those of PyTorch, and ``backward`` is there, too.
Here an LSTM reads sine waves of many speeds, and says at each step what comes next.  The output layer, the loss and the
optimiser (Adam: Kingma and Ba, 2015, algorithm 1) are written in NumPy.  Then the network goes on with a wave that it
has never seen, from its own predictions alone.

You need matplotlib for the picture, and some seconds.
"""

import sys

import numpy as np

from fastrnn.layers import LSTM

T, B, H = 60, 32, 32  # steps, sequences, units

# %%
# Waves as arrays ``(T + 1, B, 1)``: time comes first, as in PyTorch.


def waves(rng, n_sequences, steps=T + 1):
    speeds, phases = rng.uniform(0.2, 0.6, n_sequences), rng.uniform(0, 2 * np.pi, n_sequences)
    return np.sin(speeds * np.arange(steps)[:, np.newaxis] + phases)[..., np.newaxis]


# %%
# The training.  ``lstm(x)`` gives the outputs ``(T, B, H)`` and the last states.  ``backward`` takes the gradient of
# the outputs; it adds the gradients of the weights to ``lstm.grads``.

rng = np.random.RandomState(0)
lstm = LSTM(1, H, random_state=0)
parameters = {**lstm.state_dict(), "weight": rng.uniform(-1, 1, (H, 1)) / np.sqrt(H), "bias": np.zeros(1)}
mean, square = dict.fromkeys(parameters, 0.0), dict.fromkeys(parameters, 0.0)
n_updates = 1000
for step in range(1, n_updates + 1):
    x = waves(rng, B)
    output, (h_n, c_n) = lstm(x[:-1])
    error = output @ parameters["weight"] + parameters["bias"] - x[1:]
    if step % 200 == 0:
        print(f"update {step:4}: mean squared error {np.mean(error**2):.6f}")

    d_prediction = 2 * error / error.size
    lstm.zero_grad()
    lstm.backward(d_prediction @ parameters["weight"].T)
    grads = {**lstm.grads, "bias": d_prediction.sum(axis=(0, 1))}
    grads["weight"] = np.einsum("tbh,tbo->ho", output, d_prediction)

    rate = 0.01 * (1 - step / (n_updates + 1))
    for name, grad in grads.items():
        mean[name] = 0.9 * mean[name] + 0.1 * grad
        square[name] = 0.999 * square[name] + 0.001 * grad**2
        change = mean[name] / (1 - 0.9**step) / (np.sqrt(square[name] / (1 - 0.999**step)) + 1e-8)
        parameters[name] = parameters[name] - rate * change
    lstm.load_state_dict({name: parameters[name] for name in lstm.state_dict()})

# %%
# Now a new wave.  The network reads 20 steps of it.  Then it reads what it has said itself, and its state is carried
# from call to call.

lstm.eval()  # keeps nothing for backward
wave = waves(rng, 1)
output, state = lstm(wave[:20])
said = []
for _ in range(20, T):
    said.append(output[-1:] @ parameters["weight"] + parameters["bias"])
    output, state = lstm(said[-1], state)
said = np.concatenate(said)
print(f"mean squared error of {T - 20} steps from its own predictions: {np.mean((said - wave[20:-1]) ** 2):.4f}")

# %%
# The network keeps to the wave for two periods.

try:
    import matplotlib.pyplot as plt
except ImportError:
    sys.exit("To see the picture, install matplotlib: pip install matplotlib")

_, ax = plt.subplots(figsize=(5, 3.4), layout="constrained")
ax.plot(wave[:, 0, 0], "k:", label="true wave")
ax.plot(range(20, T), said[:, 0, 0], "C0", label="from its own predictions")
ax.axvspan(0, 19.5, color="0.9", label="read")
ax.set(title="A wave that the network has not seen", xlabel="step", ylabel="value", ylim=(-1.1, 1.7))
ax.legend(ncols=2, fontsize="small")
plt.show()
