"""How much of a gradient is left a hundred steps back?  Why recurrent networks have gates.

Untrained networks read noise; a gradient enters at the last step alone, and its norm is taken at
the input of each step before.  In a plain RNN it should vanish by the same factor every few steps,
or explode where weights are large.  A gate helps as far as it is open: as drawn, the forget gate
lets half of the state through, and an LSTM is no better; with a bias of 3 it lets 95 % through.
The last lines tell of all weights' gradient: its norm, the factor that clips it to 1 (`clip_norm`),
and what is lost if it ends after 20 steps (`bptt_steps`): much in the networks that reach further.
"""

import argparse

import numpy as np

from fastrnn.layers import GRU, LSTM, RNN

T, B, I, H = 101, 32, 8, 64


def networks():
    """Some as drawn, some with larger recurrent weights, or with a bias that holds a gate open."""
    kinds = [("RNN", RNN, 1, 0), ("RNN, x 4", RNN, 4, 0), ("LSTM", LSTM, 1, 0), ("LSTM, open", LSTM, 1, 3)]
    for name, make, factor, bias in [*kinds, ("GRU, open", GRU, 1, 3)]:
        layer = make(I, H, random_state=0)
        parameters = layer.state_dict()
        parameters["weight_hh_l0"] *= factor
        parameters["bias_hh_l0"][H : 2 * H] += bias  # the second gate: f of an LSTM, z of a GRU
        layer.load_state_dict(parameters)
        yield name, layer


def gradients(layer, x, d_last, state=None):
    """Norms at each step's input (T,), and the gradient of all parameters as one vector."""
    output, _ = layer(x, state)
    layer.zero_grad()
    d_x, _ = layer.backward(np.concatenate([0 * output[:-1], d_last[np.newaxis]]))
    norms = np.linalg.norm(d_x.astype(float), axis=(1, 2))  # squares of float32 would be zero
    return norms, np.concatenate([grad.ravel() for grad in layer.grads.values()])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--short", action="store_true", help="the same; it takes seconds anyway")
    parser.parse_args()
    rng = np.random.RandomState(0)
    x, d_last = rng.normal(0, 1, (T, B, I)), rng.normal(0, 1 / B, (B, H))
    table = [["steps back", *map(str, range(0, T, 10)), "", "all weights", "clipped", "truncated"]]
    for name, layer in networks():
        norms, whole = gradients(layer, x, d_last)
        _, recent = gradients(layer, x[-20:], d_last, layer(x[:-20])[1])
        size, lost = np.linalg.norm(whole), np.linalg.norm(whole - recent) / np.linalg.norm(whole)
        bars = [f"{norm:.0e} {'#' * round(8 + np.log10(norm) / 3)}" for norm in norms[::-10]]
        table.append([name, *bars, "", f"{size:.0e}", f"x {min(1, 1 / size):.0e}", f"{lost:.0%} lost"])
    for row in zip(*table, strict=True):
        print("".join(f"{cell:18}" for cell in row).rstrip())


if __name__ == "__main__":
    main()
