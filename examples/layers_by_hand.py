"""A training loop by hand on `fastrnn.layers`, called as PyTorch's modules are.

An LSTM reads sine waves of many speeds and says what comes next at each step.  The output layer,
the loss and the gradient step are written out in NumPy; then the network goes on with a wave it
has never seen, fed with its own predictions, its state carried from call to call.
"""

import argparse

import numpy as np

from fastrnn.layers import LSTM

T, B, H = 40, 64, 32


def waves(rng, n_sequences):
    speeds, phases = rng.uniform(0.2, 0.6, n_sequences), rng.uniform(0, 2 * np.pi, n_sequences)
    return np.sin(speeds * np.arange(T + 1)[:, np.newaxis] + phases)[..., np.newaxis]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="the same; it takes seconds anyway")
    parser.parse_args()
    rng = np.random.RandomState(0)

    lstm = LSTM(1, H, random_state=0)
    weight, bias = rng.uniform(-1, 1, (H, 1)) / np.sqrt(H), np.zeros(1)
    velocity = dict.fromkeys([*lstm.state_dict(), "weight", "bias"], 0.0)
    for step in range(1001):
        x = waves(rng, B)  # (T + 1, B, 1)
        h_0, c_0 = np.zeros((1, B, H)), np.zeros((1, B, H))
        output, (h_n, c_n) = lstm(x[:-1], (h_0, c_0))
        error = output @ weight + bias - x[1:]
        if step % 200 == 0:
            print(f"step {step:4}   mean squared error {np.mean(error**2):.5f}")

        d_prediction = 2 * error / error.size
        lstm.zero_grad()  # backward adds to grads
        d_x, (d_h_0, d_c_0) = lstm.backward(d_prediction @ weight.T)
        grads = {**lstm.grads, "bias": d_prediction.sum(axis=(0, 1))}
        grads["weight"] = np.einsum("tbh,tbo->ho", output, d_prediction)

        parameters = {**lstm.state_dict(), "weight": weight, "bias": bias}
        for name, grad in grads.items():
            velocity[name] = 0.9 * velocity[name] + grad
            parameters[name] = parameters[name] - 0.1 * velocity[name]
        weight, bias = parameters.pop("weight"), parameters.pop("bias")
        lstm.load_state_dict(parameters)

    lstm.eval()  # keeps nothing for backward
    wave = waves(rng, 1)
    output, state = lstm(wave[:20])
    print("\n20 steps were read; from there on the network hears only itself\ntrue    said")
    for t in range(20, T):
        said = output[-1:] @ weight + bias
        output, state = lstm(said, state)
        marks = {round(20 + 18 * wave[t].item()): ".", round(20 + 18 * said.item()): "o"}
        line = "".join(marks.get(k, " ") for k in range(40))
        print(f"{wave[t].item():5.2f}   {said.item():5.2f}  {line}")


if __name__ == "__main__":
    main()
