"""Writes tests/fixtures/torch_variants.npz: see `make_fixtures.py`.  Needs PyTorch, onnx and ONNX Runtime.

The equations are those of the papers, a gate a line, and PyTorch differentiates them; projections
are its own.  Of what ONNX has an operator
for, "CASE-onnxruntime" has output, h_n and c_n of ONNX Runtime, float32, one after the other.
"""

import make_fixtures as fixtures
import numpy as np


def peephole_step(x, h, c, p):
    """Gers and Schmidhuber 2000: i and f see the old cell state, o the new one."""
    import torch

    a_i, a_f, a_g, a_o = (p["weight_ih"] @ x + p["bias_ih"] + p["weight_hh"] @ h + p["bias_hh"]).chunk(4)
    p_i, p_f, p_o = p["weight_peephole"].chunk(3)
    i = torch.sigmoid(a_i + p_i * c)
    f = torch.sigmoid(a_f + p_f * c)
    c = f * c + i * torch.tanh(a_g)
    o = torch.sigmoid(a_o + p_o * c)
    return o * torch.tanh(c), c


def normalised(a, gain, bias):
    """Equation 4 of Ba, Kiros and Hinton 2016, over all units of a."""
    import torch

    return torch.nn.functional.layer_norm(a, a.shape, gain, bias, eps=1e-5)


def lstm_layer_norm_step(x, h, c, p):
    """Ba, Kiros and Hinton 2016, equations 20 to 22."""
    import torch

    a = normalised(p["weight_hh"] @ h, p["gain_hh"], p["bias_hh"])
    a_i, a_f, a_g, a_o = (a + normalised(p["weight_ih"] @ x, p["gain_ih"], p["bias_ih"])).chunk(4)
    c = torch.sigmoid(a_f) * c + torch.sigmoid(a_i) * torch.tanh(a_g)
    return torch.sigmoid(a_o) * torch.tanh(normalised(c, p["gain_c"], p.get("bias_c"))), c


def gru_layer_norm_step(x, h, p):
    """Ba, Kiros and Hinton 2016, equations 23 to 25, with z the share of the old state as in PyTorch."""
    import torch

    gates, new = [], []
    for of, value in (("ih", x), ("hh", h)):
        a, gain, bias = p[f"weight_{of}"] @ value, p[f"gain_{of}"], p[f"bias_{of}"]
        gates.append(normalised(a[: 2 * len(h)], gain[: 2 * len(h)], bias[: 2 * len(h)]))
        new.append(normalised(a[2 * len(h) :], gain[2 * len(h) :], bias[2 * len(h) :]))
    r, z = torch.sigmoid(gates[0] + gates[1]).chunk(2)
    n = torch.tanh(new[0] + r * new[1])
    return ((1 - z) * n + z * h,)


STEPS = {
    "lstm_peephole": peephole_step, "lstm_layer_norm": lstm_layer_norm_step, "gru_layer_norm": gru_layer_norm_step,
}  # fmt: skip


def run(case, flat, dtype):
    """PyTorch's results, one vector of `dtype` in the order of `result_shapes`."""
    import torch

    m = case.module
    letters, D = "hc"[: m.n_states], 1 + m.bidirectional
    inputs = {
        name: torch.tensor(array.astype(float), dtype=getattr(torch, dtype))
        for name, array in fixtures._cut(flat, fixtures.input_shapes(m)).items()
    }
    if not case.given_state:
        inputs |= {f"{s}_0": torch.zeros_like(inputs[f"{s}_0"]) for s in letters}
    learned = {name: value.requires_grad_() for name, value in inputs.items() if not name.startswith("d_")}
    no_bias = torch.zeros(m.H * {"l": 4, "g": 3}[m.cell[0]], dtype=inputs["x"].dtype)
    output = torch.zeros(inputs["d_output"].shape, dtype=no_bias.dtype)
    ends, loss = {s: torch.zeros_like(inputs[f"{s}_0"]) for s in letters}, 0.0
    for b, length in enumerate(case.lengths):
        rows = list(inputs["x"][:length, b])
        for level in range(m.num_layers):
            found = []
            for d, suffix in enumerate((f"_l{level}", f"_l{level}_reverse")[:D]):
                p = {name.removesuffix(suffix): learned[name] for name in learned if name.endswith(suffix)}
                p = {"bias_ih": no_bias, "bias_hh": no_bias, **p}
                state, own = [inputs[f"{s}_0"][level * D + d, b] for s in letters], [None] * length
                for t in range(length)[:: -1 if d else 1]:
                    state = STEPS[m.cell](rows[t], *state, p)
                    own[t] = state[0]
                for s, value in zip(letters, state, strict=True):
                    ends[s][level * D + d, b] = value.detach()
                    loss = loss + (value * inputs[f"d_{s}_n"][level * D + d, b]).sum()
                found.append(own)
            rows = [torch.cat(both) for both in zip(*found, strict=True)]
        output[:length, b] = torch.stack(rows).detach()
        loss = loss + sum((row * inputs["d_output"][t, b]).sum() for t, row in enumerate(rows))
    loss.backward()
    named = {"output": output, **{f"{s}_n": end for s, end in ends.items()}}
    shapes = fixtures.result_shapes(m)
    results = [named[name] if name in named else learned[name[2:]].grad for name in shapes]
    return np.concatenate([r.detach().numpy().ravel() for r in results])


def run_onnx(case, flat):
    """ONNX Runtime's LSTM with peepholes, of one level."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    m, inputs = case.module, fixtures._cut(flat.astype(np.float32), fixtures.input_shapes(case.module))
    suffixes = ("_l0", "_l0_reverse")[: 1 + m.bidirectional]

    def in_order(kind, order):
        every = [np.split(inputs[kind + s], len(order)) for s in suffixes]
        return np.stack([np.concatenate([gates[k] for k in order]) for gates in every])

    weights = {"W": in_order("weight_ih", [0, 3, 1, 2]), "R": in_order("weight_hh", [0, 3, 1, 2])}
    weights["B"] = np.hstack([in_order(f"bias_{of}", [0, 3, 1, 2]) for of in ("ih", "hh")])
    weights["P"] = in_order("weight_peephole", [0, 2, 1])
    weights["lengths"] = np.array(case.lengths, np.int32)
    weights |= {name: inputs[name] if case.given_state else 0 * inputs[name] for name in ("h_0", "c_0")}
    names = ["X", "W", "R", "B", "lengths", "h_0", "c_0", "P"]
    direction = "bidirectional" if m.bidirectional else "forward"
    node = helper.make_node("LSTM", names, ["Y", "h_n", "c_n"], hidden_size=m.H, direction=direction)
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in node.output]
    x = helper.make_tensor_value_info("X", TensorProto.FLOAT, inputs["x"].shape)
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph([node], "one", [x], outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    y, *states = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"X": inputs["x"]})
    output = y.transpose(0, 2, 1, 3)  # (T, B, D, H)
    return np.concatenate([array.ravel() for array in (output, *states)])


def main():
    rng, arrays = np.random.default_rng(0), {}
    for case in fixtures.VARIANT_CASES:
        m = case.module
        flat = arrays.setdefault(str(m), fixtures.draw_inputs(m, rng))
        for dtype in ("float32", "float64"):
            by = fixtures.run_torch if m.cell == "lstm_projected" else run
            arrays[f"{case}-{dtype}"] = by(case, flat, dtype).astype(dtype)
        if m.cell == "lstm_peephole" and m.num_layers == 1 and m.bias:
            arrays[f"{case}-onnxruntime"] = run_onnx(case, flat)
    np.savez_compressed(fixtures.VARIANTS, **arrays)
    size = fixtures.VARIANTS.stat().st_size / 1e3
    print(f"{len(fixtures.VARIANT_CASES)} cases of other cells, {size:.1f} kB, in {fixtures.VARIANTS}")


if __name__ == "__main__":
    main()
