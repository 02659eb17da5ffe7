"""Zoneout and recurrent dropout by PyTorch's automatic gradients: tests/fixtures/torch_noise.npz.

`python tests/make_noise.py` writes the file anew; only that needs PyTorch.  The lines are those of the papers (Krueger
et al. 2017; Gal and Ghahramani 2016), float64, one level, one direction, sequence by sequence.  What is drawn follows
from key, sequence, step and unit, as `drawn` says in NumPy: masks are a part of what saved runs go on with.
"""

from pathlib import Path

import numpy as np

PATH = Path(__file__).parent / "fixtures" / "torch_noise.npz"
RATES = {"zoneout": 0.3, "recurrent_dropout": 0.4}
CASES = {
    f"{cell}-{'-'.join(names)}": (cell, {name: RATES[name] for name in names})
    for cell in ("rnn", "lstm", "gru")
    for names in (["zoneout"], ["recurrent_dropout"], [*RATES])
}
LENGTHS, I, H, KEY = (4, 7, 1, 6), 3, 5, 12345
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
KEYS_OF_NOISE = 2**16


def mixed(x):
    """The finaliser of SplitMix64."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def drawn(key, sequence, step, n, rate):
    """Which of n units are not dropped."""
    with np.errstate(over="ignore"):
        row = mixed(mixed(mixed(np.uint64(key)) + np.uint64(sequence)) + np.uint64(step))
        fours = np.arange(n, dtype=np.uint64) // np.uint64(4) + np.uint64(1)
        bits = mixed(row + fours * np.uint64(0x9E3779B97F4A7C15))
    shifts = np.arange(n, dtype=np.uint64) % np.uint64(4) * np.uint64(16)
    return (bits >> shifts) & np.uint64(0xFFFF) >= np.uint64(int(rate * 2**16))


def draws(number, length, rates, draws_at_all=True):
    """w and v (T, H), and the mask (H,), of a sequence of the first level, first direction; or their means."""
    zoneout, rate = rates.get("zoneout", 0.0), rates.get("recurrent_dropout", 0.0)
    if not draws_at_all:
        return np.full((2, length, H), 1 - zoneout), np.ones(H)
    keys = [KEY + KEYS_OF_NOISE * (1 + k) for k in range(3)]
    shares = [[drawn(key, number, t, H, zoneout) for t in range(length)] for key in keys[:2]]
    scale = 2**16 / (2**16 - int(rate * 2**16))
    return np.array(shares, float), drawn(keys[2], number, 0, H, rate) * scale


def inputs_of(cell, rng):
    """x (T, B, I), weights, gradients of the output and of the last states; initial states."""
    G, B, T = GATES[cell] * H, len(LENGTHS), max(LENGTHS)
    shapes = {"x": (T, B, I), "d_output": (T, B, H), "weight_ih_l0": (G, I), "weight_hh_l0": (G, H)}
    shapes |= {"bias_ih_l0": (G,), "bias_hh_l0": (G,)}
    for letter in "hc"[: 1 + (cell == "lstm")]:
        shapes |= {f"{letter}_0": (1, B, H), f"d_{letter}_n": (1, B, H)}
    return {name: rng.standard_normal(shape) * (0.6 if "_l0" in name else 1) for name, shape in shapes.items()}


def run(cell, given, rates):
    """The output, last states, and all gradients."""
    import torch

    own = {name: torch.tensor(array) for name, array in given.items()}
    learned = [name for name in own if not name.startswith("d_")]
    for name in learned:
        own[name].requires_grad_()
    loss, output = 0.0, torch.zeros(own["d_output"].shape, dtype=torch.float64)
    letters = [letter for letter in "hc" if f"{letter}_0" in own]
    ends = {letter: torch.zeros_like(own[f"{letter}_0"]) for letter in letters}
    for b, length in enumerate(LENGTHS):
        shares, mask = draws(b, length, rates)
        shares, mask = torch.tensor(shares), torch.tensor(mask)
        states = {letter: own[f"{letter}_0"][0, b] for letter in letters}
        for t in range(length):
            h = states["h"]
            a = own["weight_ih_l0"] @ own["x"][t, b] + own["bias_ih_l0"]
            of_h = own["weight_hh_l0"] @ (h * mask) + own["bias_hh_l0"]
            if cell == "rnn":
                new = {"h": torch.tanh(a + of_h)}
            elif cell == "gru":
                (a_r, a_z, a_n), (h_r, h_z, h_n) = a.split(H), of_h.split(H)
                r, z = torch.sigmoid(a_r + h_r), torch.sigmoid(a_z + h_z)
                n = torch.tanh(a_n + r * h_n)
                new = {"h": (1 - z) * n + z * h}
            else:
                i, f, g, o = (a + of_h).split(H)
                c = torch.sigmoid(f) * states["c"] + torch.sigmoid(i) * torch.tanh(g)
                new = {"h": torch.sigmoid(o) * torch.tanh(c), "c": c}
            states = {
                letter: share[t] * new[letter] + (1 - share[t]) * states[letter]
                for letter, share in zip(letters, shares, strict=False)
            }
            output[t, b] = states["h"].detach()
            loss = loss + (states["h"] * own["d_output"][t, b]).sum()
        for letter in letters:
            ends[letter][0, b] = states[letter].detach()
            loss = loss + (states[letter] * own[f"d_{letter}_n"][0, b]).sum()
    loss.backward()
    found = {"output": output, **{f"{letter}_n": end for letter, end in ends.items()}}
    found |= {f"d_{name}": own[name].grad for name in learned}
    return {name: array.detach().numpy() for name, array in found.items()}


def load(case):
    """What was given, and what came of it: two dicts of arrays."""
    with np.load(PATH) as file:
        parts = [{n.split()[2]: file[n] for n in file.files if n.split()[:2] == [case, p]} for p in ("given", "found")]
    return parts


def main():
    rng, arrays = np.random.default_rng(0), {}
    for case, (cell, rates) in CASES.items():
        given = inputs_of(cell, rng)
        for part, named in (("given", given), ("found", run(cell, given, rates))):
            arrays |= {f"{case} {part} {name}": array for name, array in named.items()}
    np.savez_compressed(PATH, **arrays)
    print(f"{len(CASES)} cases, {PATH.stat().st_size / 1e3:.1f} kB, in {PATH}")


if __name__ == "__main__":
    main()
