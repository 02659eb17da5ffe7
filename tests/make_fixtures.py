"""Figures frozen from PyTorch 2.13.0 (CPU): tests/fixtures/torch_layers.npz.

`python tests/make_fixtures.py` writes the file anew and says what it wrote; only
that needs PyTorch. The tests read the file with `CASES` and `load`.

A case is a module, its inputs, and whether the initial states are given or zero.
The figures are those of loss = sum(output * d_output) + sum(h_n * d_h_n)
+ sum(c_n * d_c_n). Inputs are stored in float16 and so exact in both precisions.
Cases of one module share them; x and d_output are not zero past a sequence's end.
A file of many small arrays would be mostly headers, so each case is one vector,
cut by the shapes that `input_shapes` and `result_shapes` name, in their order.

tests/fixtures/torch_model.safetensors holds a whole module: under "state." its
state dict, tokens (B, T) padded with -1, and its outputs in float64 for each of
READOUTS, one row after the other.

tests/fixtures/torch_decay.npz likewise has GRU-D and an LSTM that decays (`DECAYED`), written here with
PyTorch's cells and its automatic gradients, step by step from the paper's equations.

tests/fixtures/torch_minimal.npz has MinGRU, MinLSTM and SRU, cases as of torch_layers.npz: PyTorch's automatic
gradients of the papers' lines.
tests/fixtures/xlstm_slstm.npz likewise has layers of the sLSTM (`SLSTMS`), by the package xlstm 2.0.6 on PyTorch (its
backend "vanilla"; `pip install --no-deps xlstm`), of one sequence at a time.
tests/fixtures/torch_variants.npz likewise has cells that PyTorch lacks (`VARIANTS`), written in `make_variants.py`.

tests/fixtures/torch_ctc.npz holds what torch.nn.CTCLoss says in float64 of ALIGNED:
"scores" (S, K) in float32, "losses" (n,), and "d_scores" (S, K), that of their sum,
with zeros for labels that no path can be read as (zero_infinity).

tests/fixtures/torch_mixtures.npz holds -log densities of MIXED in float64, built from torch.distributions:
MixtureSameFamily of Normal, or of MultivariateNormal for correlated pairs, and Bernoulli for labels; for each case
"outputs" and "targets" in float32, "losses" (S,), and "slopes", the gradient of their sum by autograd.
"""

from dataclasses import astuple, dataclass
from itertools import product
from math import prod
from pathlib import Path

import numpy as np

PATH = Path(__file__).parent / "fixtures" / "torch_layers.npz"
DECAY = PATH.with_name("torch_decay.npz")
PAPERS = PATH.with_name("torch_minimal.npz")
VARIANTS = PATH.with_name("torch_variants.npz")
MODEL = PATH.with_name("torch_model.safetensors")
SLSTM = PATH.with_name("xlstm_slstm.npz")
ALIGNMENTS = PATH.with_name("torch_ctc.npz")
MIXTURES = PATH.with_name("torch_mixtures.npz")
MIXED = {
    "numbers": (4, 1, False, 0, 3), "one component": (1, 1, False, 0, 2), "steps": (5, 3, False, 1, 1),
    "strokes": (20, 2, True, 2, 1), "far apart": (3, 2, True, 1, 1),
}  # fmt: skip
"""By name: components, numbers, whether these are a correlated pair, labels, and how many mixtures a row."""
ALIGNED = {
    "ragged": (12, [0, 1, 2, 0, 3]), "one frame": (1, [2]), "repeats": (9, [1, 1, 1, 1]), "empty": (7, []),
    "one empty frame": (1, []), "no room to spare": (5, [2, 0, 0, 1]), "as many as frames": (4, [0, 1, 0, 1]),
    "long": (90, [k * k % 4 for k in range(30)]), "impossible": (4, [0, 0, 1, 1]),
    "a likely path": (20, [3, 2, 1]), "an unlikely one": (20, [0, 1, 2]),
}  # fmt: skip
"""By name: how many frames, and labels 0 to 3; the blank is 4."""
READOUTS = ("last", "mean", "max", "all")
EQUAL, RAGGED, ONE = (7, 7, 7, 7, 7), (4, 7, 1, 6, 3), (1,)
KINDS = ("rnn_tanh", "rnn_relu", "lstm", "gru")
MINIMAL = ("mingru", "minlstm", "sru")
TWO_STATES = ("lstm", "sru", "lstm_peephole", "lstm_layer_norm", "lstm_projected")
VARIANT_KINDS = ("lstm_peephole", "lstm_layer_norm", "gru_layer_norm", "lstm_projected")


@dataclass(frozen=True)
class Module:
    """A PyTorch module and the size of the batch it reads."""

    kind: str
    num_layers: int = 1
    bidirectional: bool = False
    I: int = 5
    H: int = 6
    bias: bool = True
    T: int = 7
    B: int = 5

    def __str__(self):
        return "-".join(str(value) for value in astuple(self))

    @property
    def cell(self):
        return self.kind if self.kind in VARIANT_KINDS else self.kind.split("_")[0]

    @property
    def width(self):
        """Numbers of h."""
        return self.H // 2 if self.kind == "lstm_projected" else self.H

    @property
    def n_states(self):
        return 1 + (self.cell in TWO_STATES)

    @property
    def options(self):
        """Keyword arguments of the constructor."""
        options = {"num_layers": self.num_layers, "bidirectional": self.bidirectional, "bias": self.bias}
        if self.cell == "rnn":
            options["nonlinearity"] = self.kind.split("_")[1]
        return options | ({"proj_size": self.width} if self.kind == "lstm_projected" else {})


@dataclass(frozen=True)
class Case:
    module: Module
    lengths: tuple = EQUAL
    given_state: bool = True

    def __str__(self):
        shape = {EQUAL: "equal", RAGGED: "ragged", ONE: "one"}[self.lengths]
        return f"{self.module}-{shape}-{'given' if self.given_state else 'zero'}"


def _cases():
    for kind, num_layers, two in product(KINDS, (1, 3), (False, True)):
        for lengths, given in product((EQUAL, RAGGED), (True, False)):
            yield Case(Module(kind, num_layers, two), lengths, given)
    for kind in KINDS:
        yield Case(Module(kind, 1, True, 3, 19), RAGGED)
        yield Case(Module(kind, T=1, B=1), ONE)
    for kind in ("lstm", "gru"):
        yield Case(Module(kind, 1, True, bias=False), RAGGED)


def _minimal_cases():
    for kind in MINIMAL:
        yield Case(Module(kind, 3), RAGGED)
        yield Case(Module(kind, 2, True), EQUAL)
        yield Case(Module(kind, 1, True, 3, 19), RAGGED)
        yield Case(Module(kind, 1, True, 19, 19), RAGGED)
        yield Case(Module(kind, T=1, B=1), ONE)
        yield Case(Module(kind, bias=False), RAGGED, False)


def _variant_cases():
    for kind in VARIANT_KINDS:
        for num_layers, two, given in ((1, False, True), (1, True, False), (2, True, True)):
            yield Case(Module(kind, num_layers, two), RAGGED, given)
        yield Case(Module(kind, 1, True, 3, 19), RAGGED)
        yield Case(Module(kind, T=1, B=1), ONE)
        yield Case(Module(kind, bias=False), EQUAL)


CASES, VARIANT_CASES = (*_cases(), *_minimal_cases()), tuple(_variant_cases())


def param_shapes(cell, num_layers, bidirectional, I, H, bias=True):
    """Names and shapes of the parameters, in PyTorch's order."""
    G = {"rnn": 1, "lstm": 4, "gru": 3, "mingru": 2, "minlstm": 3, "sru": 3}[cell.partition("_")[0]]
    R, shapes = H // 2 if cell == "lstm_projected" else H, {}
    for layer in range(num_layers):
        width = I if layer == 0 else R * (1 + bidirectional)
        for reverse in ("", "_reverse")[: 1 + bidirectional]:
            suffix = f"_l{layer}{reverse}"
            is_projected = cell == "sru" and width != H
            shapes["weight_ih" + suffix] = ((G + is_projected) * H, width)
            if cell == "sru":
                shapes["weight_c" + suffix] = (2 * H,)
            elif cell not in MINIMAL:
                shapes["weight_hh" + suffix] = (G * H, R)
            if bias:
                shapes["bias_ih" + suffix] = ((2 if cell == "sru" else G) * H,)
                if cell not in MINIMAL:
                    shapes["bias_hh" + suffix] = (G * H,)
            if cell == "lstm_projected":
                shapes["weight_hr" + suffix] = (R, H)
            if cell == "lstm_peephole":
                shapes["weight_peephole" + suffix] = (3 * H,)
            if cell.endswith("layer_norm"):
                shapes |= {f"gain_{of}{suffix}": (G * H,) for of in ("ih", "hh")}
            if cell == "lstm_layer_norm":
                shapes |= {f"{what}_c{suffix}": (H,) for what in ("gain", "bias")[: 1 + bias]}
    return shapes


def _module_params(m):
    return param_shapes(m.cell, m.num_layers, m.bidirectional, m.I, m.H, m.bias)


def _state_shapes(m, *names):
    n = m.num_layers * (1 + m.bidirectional)
    return {name: (n, m.B, m.width if "h_" in name else m.H) for name in names[: m.n_states]}


def input_shapes(m):
    D = 1 + m.bidirectional
    return {
        "x": (m.T, m.B, m.I),
        "d_output": (m.T, m.B, D * m.width),
        **_state_shapes(m, "h_0", "c_0"),
        **_state_shapes(m, "d_h_n", "d_c_n"),
        **_module_params(m),
    }


def result_shapes(m):
    D = 1 + m.bidirectional
    return {
        "output": (m.T, m.B, D * m.width),
        "d_x": (m.T, m.B, m.I),
        **_state_shapes(m, "h_n", "c_n"),
        **_state_shapes(m, "d_h_0", "d_c_0"),
        **{"d_" + name: shape for name, shape in _module_params(m).items()},
    }


def _cut(flat, shapes):
    ends = np.cumsum([prod(shape) for shape in shapes.values()])
    assert ends[-1] == len(flat)
    parts = np.split(flat, ends[:-1])
    return {n: p.reshape(s) for (n, s), p in zip(shapes.items(), parts, strict=True)}


def load(case, dtype):
    """Inputs and results of a case: two dicts of arrays of `dtype`, by name."""
    path = PAPERS if case.module.cell in MINIMAL else VARIANTS if case.module.kind in VARIANT_KINDS else PATH
    with np.load(path) as file:
        inputs = _cut(file[f"{case.module}"].astype(dtype), input_shapes(case.module))
        results = _cut(file[f"{case}-{dtype}"], result_shapes(case.module))
    if not case.given_state:
        for name in _state_shapes(case.module, "h_0", "c_0"):
            inputs[name] = np.zeros_like(inputs[name])
    return inputs, results


def draw_inputs(module, rng):
    """One float16 vector of all inputs; parameters within 0.6, the rest normal."""
    parts = []
    for name, shape in input_shapes(module).items():
        if name in _module_params(module):
            parts.append(rng.uniform(-0.6, 0.6, prod(shape)))
        else:
            parts.append(rng.standard_normal(prod(shape)))
    return np.concatenate(parts).astype(np.float16)


def run_torch(case, flat, dtype):
    """PyTorch's results, one vector of `dtype` in the order of `result_shapes`."""
    import torch
    from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

    m = case.module
    dtype = getattr(torch, dtype)
    inputs = {
        name: torch.tensor(array.astype(float), dtype=dtype) for name, array in _cut(flat, input_shapes(m)).items()
    }
    net = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[m.cell.removesuffix("_projected")]
    net = net(m.I, m.H, **m.options, dtype=dtype)
    net.load_state_dict({name: inputs[name] for name in _module_params(m)})

    x = inputs["x"].requires_grad_()
    state_0 = [inputs[name] for name in _state_shapes(m, "h_0", "c_0")]
    if not case.given_state:
        state_0 = [torch.zeros_like(s) for s in state_0]
    state_0 = [s.requires_grad_() for s in state_0]
    packed = pack_padded_sequence(x, case.lengths, enforce_sorted=False)
    packed, state_n = net(packed, tuple(state_0) if m.n_states == 2 else state_0[0])
    output, _ = pad_packed_sequence(packed, total_length=m.T)
    state_n = state_n if m.n_states == 2 else (state_n,)
    d_state_n = [inputs[name] for name in _state_shapes(m, "d_h_n", "d_c_n")]
    loss = (output * inputs["d_output"]).sum()
    loss = loss + sum((s * d).sum() for s, d in zip(state_n, d_state_n, strict=True))
    loss.backward()

    params = dict(net.named_parameters())
    d_params = [params[name].grad for name in _module_params(m)]
    results = [output, x.grad, *state_n, *(s.grad for s in state_0), *d_params]
    return np.concatenate([r.detach().numpy().ravel() for r in results])


def run_papers_lines(case, flat, dtype):
    """As `run_torch`, of a cell that PyTorch has no module for."""
    import torch

    def g(a):
        return torch.where(a >= 0, a + 0.5, torch.sigmoid(a))

    def step(x, states, p):
        H, parts = m.H, p["weight_ih"] @ x
        if m.cell == "sru":
            (_, c), (v_f, v_r), (b_f, b_r) = states, p["weight_c"].split(H), p["bias_ih"].split(H)
            new, a_f, a_r, *skip = parts.split(H)
            f, r = torch.sigmoid(a_f + v_f * c + b_f), torch.sigmoid(a_r + v_r * c + b_r)
            c = f * c + (1 - f) * new
            return r * c + (1 - r) * (skip[0] if skip else x), c
        (h,), parts = states, (parts + p["bias_ih"]).split(H)
        if m.cell == "mingru":
            z, n = torch.sigmoid(parts[0]), g(parts[1])
            return ((1 - z) * h + z * n,)
        f, i, n = torch.sigmoid(parts[0]), torch.sigmoid(parts[1]), g(parts[2])
        return (f / (f + i) * h + i / (f + i) * n,)

    m, shapes = case.module, _module_params(case.module)
    inputs = {
        name: torch.tensor(array.astype(float), dtype=getattr(torch, dtype))
        for name, array in _cut(flat, input_shapes(m)).items()
    }
    begins = _state_shapes(m, "h_0", "c_0")
    for name in begins if not case.given_state else ():
        inputs[name] = torch.zeros_like(inputs[name])
    for name in ("x", *begins, *shapes):
        inputs[name].requires_grad_()
    output = torch.zeros(result_shapes(m)["output"], dtype=inputs["x"].dtype)
    ends, loss, D = {name: torch.zeros_like(inputs[name]) for name in begins}, 0.0, 1 + m.bidirectional
    for b, length in enumerate(case.lengths):
        above = inputs["x"][:length, b]
        for level in range(m.num_layers):
            sides = []
            for d in range(D):
                suffix, row = f"_l{level}{('', '_reverse')[d]}", level * D + d
                p = {name.removesuffix(suffix): inputs[name] for name in shapes if name.endswith(suffix)}
                p.setdefault("bias_ih", torch.zeros_like(p.get("weight_c", p["weight_ih"][:, 0])))
                states, rows = tuple(inputs[name][row, b] for name in begins), [None] * length
                for t in range(length)[:: -1 if d else 1]:
                    states = step(above[t], states, p)
                    rows[t] = states[0]
                sides.append(torch.stack(rows))
                for name, state in zip(begins, states, strict=True):
                    ends[name][row, b] = state.detach()
                    loss = loss + (state * inputs[f"d_{name[0]}_n"][row, b]).sum()
            above = torch.cat(sides, 1)
        output[:length, b] = above.detach()
        loss = loss + (above * inputs["d_output"][:length, b]).sum()
    loss.backward()
    gradients = [inputs[name].grad for name in ("x", *begins, *shapes)]
    gradients = [torch.zeros_like(inputs["h_0"]) if g is None else g for g in gradients]  # SRU reads no h_0
    results = [output, gradients[0], *ends.values(), *gradients[1:]]
    return np.concatenate([r.numpy().ravel() for r in results])


def torch_model(kind, embedding, I, H, num_layers, bidirectional, K, steps=1, bias=True):
    """A module of `words`, if `embedding` tokens have vectors, `rnn` and `out`; called with sequences and a readout."""
    import torch
    from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

    class Model(torch.nn.Module):
        def __init__(self):
            super().__init__()
            if embedding:
                self.words = torch.nn.Embedding(embedding, I)
            name, _, nonlinearity = kind.partition("_")
            options = {"num_layers": num_layers, "bidirectional": bidirectional, "bias": bias}
            options |= {"nonlinearity": nonlinearity} if nonlinearity else {}
            self.rnn = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[name](I, H, **options)
            self.out = torch.nn.Linear(H * (1 + bidirectional) * steps, K)

        def forward(self, sequences, readout):
            x = [torch.as_tensor(s) for s in sequences]
            x = [self.words(s) for s in x] if embedding else [s.to(self.out.weight.dtype) for s in x]
            packed, state = self.rnn(pack_sequence(x, enforce_sorted=False))
            rows, lengths = pad_packed_sequence(packed, batch_first=True)
            rows = [row[:n] for row, n in zip(rows, lengths, strict=True)]
            if readout == "last":
                h = state[0] if isinstance(state, tuple) else state
                features = torch.cat(list(h[-2:] if bidirectional else h[-1:]), dim=1)
            elif readout == "all":
                return [self.out(row).detach().numpy() for row in rows]
            else:
                pool = {"mean": lambda r: r.mean(0), "max": lambda r: r.amax(0), "concat": torch.ravel}[readout]
                features = torch.stack([pool(row) for row in rows])
            return [row.detach().numpy() for row in self.out(features)[:, None]]

    return Model()


def attention_pooling(model, sequences):
    """The layers of additive attention over a module's rows, and what its `out` makes of the weighted means."""
    import torch
    from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

    key, score = torch.nn.Linear(model.out.in_features, model.rnn.hidden_size).double(), torch.nn.Parameter(
        torch.randn(model.rnn.hidden_size, dtype=torch.float64))  # fmt: skip
    rows, _ = pad_packed_sequence(model.rnn(pack_sequence([model.words(torch.as_tensor(s)) for s in sequences],
                                                          enforce_sorted=False))[0], batch_first=True)  # fmt: skip
    rows = [row[: len(s)] for row, s in zip(rows, sequences, strict=True)]
    weights = [torch.softmax(torch.tanh(key(row)) @ score, 0) for row in rows]
    outputs = torch.stack([model.out(p @ row) for p, row in zip(weights, rows, strict=True)])
    named = {"key.weight": key.weight, "key.bias": key.bias, "score.weight": score, "weights": torch.cat(weights)}
    arrays = {f"attention_{name}": tensor.detach().numpy() for name, tensor in named.items()}
    return {**arrays, "outputs.attention": outputs.detach().numpy()}


def make_model():
    import torch
    from safetensors.numpy import save_file

    torch.manual_seed(0)
    model = torch_model("lstm", embedding=7, I=3, H=4, num_layers=2, bidirectional=True, K=3).double()
    lengths = np.array(RAGGED)
    tokens = np.random.default_rng(0).integers(0, 7, (lengths.size, lengths.max()))
    sequences = [row[:n] for row, n in zip(tokens, lengths, strict=True)]
    arrays = {f"state.{name}": tensor.numpy() for name, tensor in model.state_dict().items()}
    arrays |= {f"outputs.{readout}": np.concatenate(model(sequences, readout)) for readout in READOUTS}
    arrays |= attention_pooling(model, sequences)
    arrays["tokens"] = np.where(np.arange(lengths.max()) < lengths[:, np.newaxis], tokens, -1)
    save_file(arrays, MODEL)
    print(f"a module's weights and outputs, {MODEL.stat().st_size / 1e3:.1f} kB, in {MODEL}")


@dataclass(frozen=True)
class Decayed:
    """Levels of a cell over sequences (T_b, d) with holes, the first of which decays."""

    cell: str
    num_layers: int = 1
    d: int = 5
    H: int = 6
    lengths: tuple = RAGGED

    def __str__(self):
        return f"{self.cell}-{self.num_layers}-{self.d}-{self.H}-{len(self.lengths)}"

    @property
    def states(self):
        return ("h", "c") if self.cell == "lstm" else ("h",)

    @property
    def parameters(self):
        d, H = self.d, self.H
        decay = {"weight_x": (d,), "bias_x": (d,), "weight_h": (H, d), "bias_h": (H,)}
        return {**param_shapes(self.cell, self.num_layers, False, 2 * d, H), **decay}

    @property
    def inputs(self):
        T, B, H = max(self.lengths), len(self.lengths), self.H
        states = {name: (self.num_layers, B, H) for kind in self.states for name in (f"{kind}_0", f"d_{kind}_n")}
        return {"x": (T, B, self.d), "gaps": (T, B), "d_output": (T, B, H), **states, **self.parameters}

    @property
    def results(self):
        T, B, H = max(self.lengths), len(self.lengths), self.H
        states = {name: (self.num_layers, B, H) for kind in self.states for name in (f"{kind}_n", f"d_{kind}_0")}
        return {"output": (T, B, H), **states, **{f"d_{name}": shape for name, shape in self.parameters.items()}}


DECAYED = tuple(Decayed(cell, n) for cell in ("gru", "lstm") for n in (1, 2)) + tuple(
    Decayed(cell, 1, d, H, lengths) for cell in ("gru", "lstm") for d, H, lengths in ((3, 19, RAGGED), (5, 6, ONE))
)


def load_decayed(case, dtype):
    """Inputs and results of a case: two dicts of arrays of `dtype`, by name."""
    with np.load(DECAY) as file:
        inputs, results = file[f"{case}"].astype(dtype), file[f"{case}-{dtype}"]
    return _cut(inputs, case.inputs), _cut(results, case.results)


def draw_decayed(case, rng):
    """One float16 vector of all inputs; two values of five are NaN, one of the features is never seen."""
    parts = []
    for name, shape in case.inputs.items():
        if name in case.parameters:
            part = rng.uniform(-0.6, 0.6, shape)
        elif name == "gaps":
            part = rng.exponential(1.0, shape)
            part[0] = 0
        else:
            part = rng.standard_normal(shape)
        if name == "x":
            part[rng.random(shape) < 0.4] = np.nan
            part[:, 0, 1] = np.nan
        parts.append(part.ravel())
    return np.concatenate(parts).astype(np.float16)


def run_decayed(case, flat, dtype):
    """PyTorch's results, one vector of `dtype` in the order of `results`."""
    import torch

    make = {"gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell}[case.cell]
    inputs = {
        name: torch.tensor(array.astype(float), dtype=getattr(torch, dtype))
        for name, array in _cut(flat, case.inputs).items()
    }
    for name in (*case.parameters, *(f"{kind}_0" for kind in case.states)):
        inputs[name].requires_grad_()

    def cell(level, x, state):
        module = make(x.numel(), case.H, dtype=x.dtype)
        own = {kind: inputs[f"{kind}_l{level}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}
        return torch.func.functional_call(module, own, (x[None], state))

    output = torch.zeros(case.inputs["d_output"], dtype=inputs["x"].dtype)
    ends = {kind: torch.zeros_like(inputs[f"{kind}_0"]) for kind in case.states}
    loss = 0.0
    for b, length in enumerate(case.lengths):
        states = [[inputs[f"{kind}_0"][level, b][None] for kind in case.states] for level in range(case.num_layers)]
        mask, last = torch.zeros(case.d, dtype=output.dtype), torch.zeros(case.d, dtype=output.dtype)
        delta = torch.zeros(case.d, dtype=output.dtype)
        for t in range(length):
            x, gap = inputs["x"][t, b], inputs["gaps"][t, b]
            delta = gap + (1 - mask) * delta if t else delta
            mask = (~torch.isnan(x)).to(x.dtype)
            x = torch.nan_to_num(x)
            gamma_x = torch.exp(-torch.relu(inputs["weight_x"] * delta + inputs["bias_x"]))
            gamma_h = torch.exp(-torch.relu(inputs["weight_h"] @ delta + inputs["bias_h"]))
            above = torch.cat([mask * x + (1 - mask) * gamma_x * last, mask])
            last = mask * x + (1 - mask) * last
            states[0] = [gamma_h * state for state in states[0]]
            for level in range(case.num_layers):
                state = states[level]
                after = cell(level, above, tuple(state) if case.cell == "lstm" else state[0])
                states[level] = list(after) if case.cell == "lstm" else [after]
                above = states[level][0][0]
            output[t, b] = above.detach()
            loss = loss + (above * inputs["d_output"][t, b]).sum()
        for level in range(case.num_layers):
            for kind, state in zip(case.states, states[level], strict=True):
                ends[kind][level, b] = state[0].detach()
                loss = loss + (state[0] * inputs[f"d_{kind}_n"][level, b]).sum()
    loss.backward()
    named = {"output": output, **{f"{kind}_n": end for kind, end in ends.items()}}
    results = [named[name] if name in named else inputs[name[2:]].grad for name in case.results]
    results = [torch.zeros(shape) if r is None else r for r, shape in zip(results, case.results.values(), strict=True)]
    return np.concatenate([r.numpy().ravel() for r in results])


def make_decayed():
    rng, arrays = np.random.default_rng(0), {}
    for case in DECAYED:
        arrays[f"{case}"] = draw_decayed(case, rng)
        for dtype in ("float32", "float64"):
            arrays[f"{case}-{dtype}"] = run_decayed(case, arrays[f"{case}"], dtype).astype(dtype)
    np.savez_compressed(DECAY, **arrays)
    print(f"{len(DECAYED)} cases that decay, {DECAY.stat().st_size / 1e3:.1f} kB, in {DECAY}")


@dataclass(frozen=True)
class ExponentialGates:
    """A layer of the sLSTM and sequences (T_b, I)."""

    I: int = 5
    H: int = 8
    heads: int = 4
    lengths: tuple = RAGGED
    given_state: bool = True

    def __str__(self):
        return "-".join(str(value) for value in (self.I, self.H, self.heads, len(self.lengths), self.given_state))

    @property
    def parameters(self):
        H = self.H
        return {"weight_ih_l0": (4 * H, self.I), "weight_hh_l0": (4 * H, H // self.heads), "bias_ih_l0": (4 * H,)}

    @property
    def inputs(self):
        T, B = max(self.lengths), len(self.lengths)
        states = {name: (1, B, self.H) for kind in "hcnm" for name in (f"{kind}_0", f"d_{kind}_n")}
        return {"x": (T, B, self.I), "d_output": (T, B, self.H), **states, **self.parameters}

    @property
    def results(self):
        T, B = max(self.lengths), len(self.lengths)
        states = {name: (1, B, self.H) for kind in "hcnm" for name in (f"{kind}_n", f"d_{kind}_0")}
        gradients = {f"d_{name}": shape for name, shape in self.parameters.items()}
        return {"output": (T, B, self.H), "d_x": (T, B, self.I), **states, **gradients}


SLSTMS = (
    ExponentialGates(), ExponentialGates(lengths=EQUAL, given_state=False), ExponentialGates(3, 7, 1),
    ExponentialGates(3, 32, 2), ExponentialGates(4, 12, 2, ONE, False),
)  # fmt: skip


def load_slstm(case, dtype):
    """Inputs and results of a case: two dicts of arrays of `dtype`, by name."""
    with np.load(SLSTM) as file:
        inputs, results = file[f"{case}"].astype(dtype), file[f"{case}-{dtype}"]
    return _cut(inputs, case.inputs), _cut(results, case.results)


def draw_slstm(case, rng):
    """One float16 vector of all inputs; a given n is at least a half."""
    parts = [rng.standard_normal(prod(shape)) for shape in case.inputs.values()]
    for k, name in enumerate(case.inputs):
        if name in case.parameters:
            parts[k] = parts[k] * 0.6
        elif name in ("h_0", "c_0", "n_0", "m_0"):
            parts[k] = (np.abs(parts[k]) + 0.5 if name == "n_0" else parts[k]) * case.given_state
    return np.concatenate(parts).astype(np.float16)


def run_slstm(case, flat, dtype):
    """xlstm's results, one vector of `dtype` in the order of `results`."""
    import torch
    from xlstm.blocks.slstm.cell import sLSTMCell, sLSTMCellConfig

    dtype, H, heads = getattr(torch, dtype), case.H, case.heads
    given = {name: torch.tensor(array.astype(float), dtype=dtype) for name, array in _cut(flat, case.inputs).items()}
    for name in ("x", *case.parameters, *(f"{kind}_0" for kind in "hcnm")):
        given[name].requires_grad_()
    options = dict.fromkeys(("dtype", "dtype_b", "dtype_r", "dtype_w", "dtype_g", "dtype_s", "dtype_a"), "float32")
    cell = sLSTMCell(sLSTMCellConfig(hidden_size=H, num_heads=heads, backend="vanilla", **options)).to(dtype)
    # Theirs is (heads, 4 units of a head, units of a head).
    recurrent = given["weight_hh_l0"].reshape(4, heads, H // heads, -1).transpose(0, 1).reshape(heads, -1, H // heads)
    own = {"_recurrent_kernel_": recurrent, "_bias_": given["bias_ih_l0"]}
    output, loss = torch.zeros(case.inputs["d_output"], dtype=dtype), 0.0
    ends = torch.zeros((4, 1, len(case.lengths), H), dtype=dtype)
    for b, length in enumerate(case.lengths):
        gates = (given["x"][:length, b] @ given["weight_ih_l0"].T)[None]
        state = torch.stack([given[f"{kind}_0"][:, b] for kind in "hcnm"])
        rows, end = torch.func.functional_call(cell, own, (gates, state))
        rows = rows[0].transpose(0, 1).reshape(length, H)  # from (1, heads, T, .)
        loss = loss + (rows * given["d_output"][:length, b]).sum()
        loss = loss + sum((end[k, 0] * given[f"d_{kind}_n"][0, b]).sum() for k, kind in enumerate("hcnm"))
        output[:length, b], ends[:, 0, b] = rows.detach(), end[:, 0].detach()
    loss.backward()
    named = {"output": output, **{f"{kind}_n": ends[k] for k, kind in enumerate("hcnm")}}
    results = [named[name] if name in named else given[name[2:]].grad for name in case.results]
    return np.concatenate([r.numpy().ravel() for r in results])


def make_slstms():
    rng, arrays = np.random.default_rng(0), {}
    for case in SLSTMS:
        arrays[f"{case}"] = draw_slstm(case, rng)
        for dtype in ("float32", "float64"):
            arrays[f"{case}-{dtype}"] = run_slstm(case, arrays[f"{case}"], dtype).astype(dtype)
    np.savez_compressed(SLSTM, **arrays)
    print(f"{len(SLSTMS)} layers of the sLSTM, {SLSTM.stat().st_size / 1e3:.1f} kB, in {SLSTM}")


def make_alignments():
    import torch

    lengths, labels = zip(*ALIGNED.values(), strict=True)
    scores = np.random.default_rng(0).standard_normal((sum(lengths), 5)).astype(np.float32)
    scores[-40:, 3] += 30
    scores[-40:] *= 5
    x = torch.tensor(scores, dtype=torch.float64, requires_grad=True)
    padded = torch.nn.utils.rnn.pad_sequence([part.log_softmax(1) for part in x.split(lengths)])
    given = padded, torch.tensor(sum(labels, [])), torch.tensor(lengths), torch.tensor([*map(len, labels)])
    losses = torch.nn.CTCLoss(blank=4, reduction="none")(*given).detach().numpy()
    torch.nn.CTCLoss(blank=4, reduction="sum", zero_infinity=True)(*given).backward()
    np.savez_compressed(ALIGNMENTS, scores=scores, losses=losses, d_scores=x.grad.numpy())
    print(f"{len(ALIGNED)} alignments, {ALIGNMENTS.stat().st_size / 1e3:.1f} kB, in {ALIGNMENTS}")


def make_mixtures():
    import torch
    from torch.distributions import Bernoulli, Categorical, Independent, MixtureSameFamily, MultivariateNormal, Normal

    rng, arrays = np.random.default_rng(0), {}
    for name, (K, N, is_pair, B, D) in MIXED.items():
        outputs = 4 * rng.standard_normal((6, D * K * (1 + 2 * N + is_pair) + B)).astype(np.float32)
        targets = (30 if name == "far apart" else 2) * rng.standard_normal((6, D * N + B)).astype(np.float32)
        targets[:, D * N :] = targets[:, D * N :] > 0
        x = torch.tensor(outputs, dtype=torch.float64, requires_grad=True)
        t = torch.tensor(targets, dtype=torch.float64)
        parts = x[:, : x.shape[1] - B].reshape(6, D, -1, K)
        means, scales = (parts[:, :, 1 + k * N : 1 + (k + 1) * N].transpose(2, 3) for k in (0, 1))
        scales = torch.nn.functional.softplus(scales) + 1e-3
        if is_pair:
            r = 0.999 * torch.tanh(parts[:, :, 5])
            (a, b), zero = scales.unbind(-1), torch.zeros_like(r)
            lower = torch.stack([a, zero, r * b, b * torch.sqrt(1 - r * r)], -1).unflatten(-1, (2, 2))
            components = MultivariateNormal(means, scale_tril=lower)
        else:
            components = Independent(Normal(means, scales), 1)
        logs = MixtureSameFamily(Categorical(logits=parts[:, :, 0]), components).log_prob(t[:, : D * N].view(6, D, N))
        losses = -logs.mean(1) - Bernoulli(logits=x[:, x.shape[1] - B :]).log_prob(t[:, D * N :]).sum(1)
        losses.sum().backward()
        own = {"outputs": outputs, "targets": targets, "losses": losses.detach().numpy(), "slopes": x.grad.numpy()}
        arrays |= {f"{name} {part}": array for part, array in own.items()}
    np.savez_compressed(MIXTURES, **arrays)
    print(f"{len(MIXED)} mixtures, {MIXTURES.stat().st_size / 1e3:.1f} kB, in {MIXTURES}")


def main():
    import torch

    torch.set_num_threads(1)
    make_model()
    make_decayed()
    make_alignments()
    print(f"PyTorch {torch.__version__}")
    make_cases(PATH, [*_cases()], run_torch)
    make_slstms()
    make_mixtures()
    make_cases(PAPERS, [*_minimal_cases()], run_papers_lines)


def make_cases(path, cases, run):
    rng, arrays = np.random.default_rng(0), {}
    for case in cases:
        key = str(case.module)
        if key not in arrays:
            arrays[key] = draw_inputs(case.module, rng)
        for dtype in ("float32", "float64"):
            arrays[f"{case}-{dtype}"] = run(case, arrays[key], dtype)
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **arrays)
    print(f"{len(cases)} cases in two precisions, {len(arrays)} arrays, {path.stat().st_size / 1e6:.2f} MB, in {path}")


if __name__ == "__main__":
    main()
