"""Recurrent nodes of ONNX models compute as layers what ONNX Runtime makes of them."""

import sys

import numpy as np
import pytest
from reference import assert_within
from samples import assert_same_bits, labelled, spelt, tokens

from fastrnn import SequenceClassifier, SequenceGenerator, SequenceTagger
from fastrnn.interchange import from_onnx, to_onnx
from fastrnn.layers import GRU, LSTM, RNN

onnx = pytest.importorskip("onnx", reason="makes models")
runtime = pytest.importorskip("onnxruntime", reason="runs models")
helper, TensorProto = onnx.helper, onnx.TensorProto

I, H = 3, 5
KINDS = {
    "lstm": ("LSTM", {}), "gru": ("GRU", {"linear_before_reset": 1}), "gru_reset_before": ("GRU", {}),
    "rnn": ("RNN", {}), "rnn_relu": ("RNN", {"activations": ["Relu"]}),
    "rnn_sigmoid": ("RNN", {"activations": ["Sigmoid"]}),
}  # fmt: skip
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


class Model:
    """A model in the making, in the manner of PyTorch's exporter: constants, nodes, and what comes in."""

    def __init__(self, seed=0, dtype="float32"):
        self.rng, self.dtype = np.random.default_rng(seed), np.dtype(dtype)
        self.nodes, self.constants, self.inputs, self.functions = [], [], [], []

    def constant(self, name, value):
        self.constants.append(onnx.numpy_helper.from_array(np.asarray(value), name))
        return name

    def given(self, name, dtype="float32", shape=None):
        self.inputs.append(helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(dtype)), shape))
        return name

    def add(self, operator, inputs, *outputs, **attributes):
        self.nodes.append(helper.make_node(operator, inputs, outputs, outputs[0], **attributes))
        return outputs[0]

    def numbers(self, *shape):
        return self.rng.normal(size=shape).astype(self.dtype) / 2

    def recurrent(self, name, operator, x="X", inputs=I, D=1, bias=True, more=(), **attributes):
        """A node, and its output as the next one reads it (T, B, D H)."""
        G, direction = GATES[operator], "bidirectional" if D == 2 else attributes.pop("direction", "forward")
        names = [
            x,
            *(self.constant(f"{name}.{n}", self.numbers(D, G * H, n_in)) for n, n_in in (("W", inputs), ("R", H))),
        ]
        names += [self.constant(f"{name}.B", self.numbers(D, 2 * G * H)) if bias else "", *more]
        finals = [f"{name}.h", f"{name}.c"][: 1 + (operator == "LSTM")]
        if "activations" in attributes:
            attributes["activations"] = attributes["activations"] * D
        self.add(operator, names, f"{name}.y", *finals, hidden_size=H, direction=direction, **attributes)
        self.nodes[-1].name = name
        return self.flat(f"{name}.y", D), finals

    def flat(self, y, D):
        if D == 1:
            return self.add("Squeeze", [y, self.constant(f"{y}.axes", [1])], f"{y}.flat")
        across = self.add("Transpose", [y], f"{y}.across", perm=[0, 2, 1, 3])
        return self.add("Reshape", [across, self.constant(f"{y}.shape", [0, 0, -1])], f"{y}.flat")

    def made(self, *outputs, opset=22):
        dtype = helper.np_dtype_to_tensor_dtype(self.dtype)
        known = [helper.make_tensor_value_info(name, dtype, [None] * 3) for name in outputs]
        graph = helper.make_graph(self.nodes, "test", self.inputs, known, self.constants)
        ids = [helper.make_opsetid("", opset), *[helper.make_opsetid("mine", 1)] * bool(self.functions)]
        model = helper.make_model(graph, opset_imports=ids, ir_version=10, functions=self.functions)
        onnx.checker.check_model(model)
        return model


def stack(kind, n_levels=1, D=1, bias=True, dtype="float32", lengths=False, states=False):
    """A model of levels that read each other; it puts out the last one's rows, and all final states."""
    operator, attributes = KINDS[kind]
    model, finals = Model(dtype=dtype), []
    x, inputs = model.given("X", dtype, ["T", "B", I]), I
    n_states = 1 + (operator == "LSTM")
    given = [model.given(f"{s}_0", dtype, [n_levels * D, "B", H]) for s in "hc"[:n_states]] if states else []
    steps = model.given("lengths", "int32", ["B"]) if lengths else ""
    for k in range(n_levels):
        ends = [model.constant(f"{k}.{n}", [n]) for n in (k * D, (k + 1) * D)]
        own = [model.add("Slice", [state, *ends], f"{state}.{k}") for state in given]
        x, final = model.recurrent(f"level{k}", operator, x, inputs, D, bias, [steps, *own], **dict(attributes))
        inputs = D * H
        finals.append(final)
    names = [model.add("Concat", list(level), f"{s}_n", axis=0) for s, level in zip("hc", zip(*finals, strict=True))]  # noqa: B905
    return model.made(x, *names)


def run(model, **given):
    """Outputs of ONNX Runtime, in order."""
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    return runtime.InferenceSession(model.SerializeToString(), options).run(None, given)


def assert_same(layer, model, x, lengths=None, hx=None):
    """The layer and ONNX Runtime say the same of x (T, B, I)."""
    states = () if hx is None else hx if isinstance(hx, tuple) else (hx,)
    given = {"X": x} | {f"{s}_0": state for s, state in zip("hc", states)}  # noqa: B905
    expected = run(model, **given, **({} if lengths is None else {"lengths": np.array(lengths, "int32")}))
    output, final = layer(x, hx, lengths)
    for mine, its in zip((output, *(final if isinstance(final, tuple) else (final,))), expected, strict=True):
        assert_within(1e-5, mine, its)


def batch(T=6, B=4, dtype="float32"):
    return np.random.default_rng(3).normal(size=(T, B, I)).astype(dtype)


# ------------------------------------------------------------------------------------------ what is read


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(("n_levels", "D"), [(1, 1), (1, 2), (2, 1), (3, 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_stacks_of_every_kind(kind, n_levels, D, bias):
    model = stack(kind, n_levels, D, bias, lengths=True, states=True)
    layer = from_onnx(model)
    assert type(layer).__name__ == KINDS[kind][0] and not layer.training
    shape = layer.input_size, layer.hidden_size, layer.num_layers, layer.bias, layer.bidirectional, layer.dtype
    assert shape == (I, H, n_levels, bias, D == 2, np.float32)
    states = tuple(np.random.default_rng(4).normal(size=(2, n_levels * D, 4, H)).astype("float32"))
    hx = states if kind == "lstm" else states[0]
    assert_same(layer, model, batch(), [4, 6, 1, 3], hx)
    one = tuple(s[:, :1] for s in states)
    assert_same(layer, model, batch(1, 1), [1], one if kind == "lstm" else one[0])


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_float64(kind):
    model = stack(kind, 2, 2, dtype="float64")
    layer = from_onnx(model)
    assert layer.dtype == np.float64
    plain = from_onnx(stack(kind, 2, 2))
    for name, array in layer.state_dict().items():
        assert_within(1e-6, plain.state_dict()[name], array)


OF_LEVELS = {
    "lstm": {"cell": "lstm", "num_layers": 2}, "gru": {"bidirectional": False}, "unbiased": {"bias": False},
    "gru_reset_before": {"cell": "gru_reset_before"}, "peephole": {"cell": "lstm_peephole", "num_layers": 2},
    **{f: {"cell": "rnn", "nonlinearity": f, "bidirectional": False} for f in ("tanh", "relu", "sigmoid")},
}  # fmt: skip


@pytest.mark.parametrize("lengths", [True, False])
@pytest.mark.parametrize("which", OF_LEVELS)
def test_there_and_back(which, lengths, tmp_path):
    X, y = labelled(12)
    make = {"hidden_size": 5, "max_iter": 1, "random_state": 0, "normalize_X": False, **OF_LEVELS[which]}
    model = SequenceClassifier(**make).fit(X, y)
    to_onnx(model, tmp_path / "model.onnx", lengths=lengths)
    stack = model.network_.encoder.recurrent
    for source in (tmp_path / "model.onnx", str(tmp_path / "model.onnx"), onnx.load(tmp_path / "model.onnx")):
        layer = from_onnx(source)
        state = layer.state_dict()
        assert [*state] == [*stack.parameters]
        for name, array in state.items():
            assert_same_bits(array, stack.parameters[name])
    assert isinstance(layer, {"lstm": LSTM, "gru": GRU, "rnn": RNN}[stack_name(make)])


def stack_name(make):
    return make.get("cell", "gru").partition("_")[0]


def test_there_and_back_behind_tokens_and_characters():
    X, y = spelt(12)
    tagger = SequenceTagger(hidden_size=4, embedding_dim=3, character_embedding_dim=4, max_iter=1, random_state=0)
    model = to_onnx(tagger.fit(X, y))
    with pytest.raises(ValueError, match="by nodes=, of character_recurrent_l0, recurrent_l0"):
        from_onnx(model)
    own = tagger.network_.encoder
    for name, stack in (("recurrent_l0", own.recurrent), ("character_recurrent_l0", own.embedding.recurrent)):
        for weight, array in from_onnx(model, name).state_dict().items():
            assert_same_bits(array, stack.parameters[weight])
    generator = SequenceGenerator(hidden_size=4, num_layers=2, embedding_dim=3, max_iter=1, random_state=0)
    layer = from_onnx(to_onnx(generator.fit(tokens(9))), ["recurrent_l0", "recurrent_l1"])
    assert_same_bits(
        layer.state_dict()["weight_hh_l1"], generator.network_.encoder.recurrent.parameters["weight_hh_l1"]
    )


def test_a_layer_learns_on():
    layer = from_onnx(stack("lstm", 2)).train()
    output, _ = layer(batch())
    layer.backward(np.ones_like(output))
    assert all(layer.grads[name].any() for name in layer.grads)


def test_one_level_of_several_and_nodes_without_a_name():
    model = stack("gru", 2)
    both = from_onnx(model).state_dict()
    for k in range(2):
        for name, array in from_onnx(model, f"level{k}").state_dict().items():
            assert_same_bits(array, both[name.replace("l0", f"l{k}")])
    for node in model.graph.node:
        node.name = ""
    assert_same_bits(from_onnx(model, ["level1.y"]).state_dict()["weight_ih_l0"], both["weight_ih_l1"])


def test_levels_with_and_without_biases():
    model = Model()
    x, _ = model.recurrent("a", "GRU", model.given("X", shape=["T", "B", I]), bias=False, linear_before_reset=1)
    x, (h,) = model.recurrent("b", "GRU", x, H, linear_before_reset=1)
    made = model.made(x)
    layer = from_onnx(made)
    assert_within(1e-5, layer(batch())[0], run(made, X=batch())[0])
    assert not layer.state_dict()["bias_hh_l0"].any() and layer.state_dict()["bias_hh_l1"].any()


def test_batch_first():
    """ONNX Runtime has no layout=1: the layer is the same one, on other axes."""
    for D in (1, 2):
        plain, model = from_onnx(stack("lstm", 2, D)), Model()
        x, shape = model.given("X", shape=["B", "T", I]), [0, 0, -1]
        for k, inputs in enumerate((I, D * H)):
            model.recurrent(f"level{k}", "LSTM", x, inputs, D, layout=1)
            del model.nodes[-1 if D == 1 else -2 :]  # what (T, D, B, H) would need
            x = model.add("Reshape", [f"level{k}.y", model.constant(f"shape{k}", shape)], f"x{k}")
        layer = from_onnx(model.made(x))
        assert layer.batch_first
        x = batch()
        (output, (h, c)), (expected, (h_n, c_n)) = layer(x.swapaxes(0, 1)), plain(x)
        for mine, its in ((output.swapaxes(0, 1), expected), (h, h_n), (c, c_n)):
            assert_same_bits(mine, its)


def computed_weights(model, how):
    """A GRU whose W is made of constants."""
    model.recurrent("a", "GRU", linear_before_reset=1)
    W = onnx.numpy_helper.to_array(model.constants.pop(0))
    recurrent, flat = model.nodes
    model.nodes = []
    if how == "pieces":  # as PyTorch writes it without folding: gates in ONNX's order, and a direction's axis
        pieces = [model.constant(f"piece{k}", piece) for k, piece in enumerate(np.split(W[0], 3))]
        model.add("Concat", pieces, "joined", axis=0)
        model.add("Unsqueeze", ["joined", model.constant("axes", [0])], "a.W")
    elif how == "half":
        W = W.astype("float16")
        model.add("Cast", [model.constant("half", W)], "a.W", to=TensorProto.FLOAT)
    elif how == "integers":
        scale, W = np.float32(0.01), np.round(W / 0.01).astype("int8")
        model.add("DequantizeLinear", [model.constant("q", W), model.constant("scale", scale)], "a.W")
        W = W * scale
    elif how == "constant":
        model.add("Constant", [], "a.W", value=onnx.numpy_helper.from_array(W))
    model.nodes += [recurrent, flat]
    return W.astype("float32")


@pytest.mark.parametrize("how", ["pieces", "half", "integers", "constant"])
def test_weights_that_are_computed(how):
    model = Model()
    model.given("X", shape=["T", "B", I])
    W = computed_weights(model, how)
    made = model.made("a.y.flat")
    layer = from_onnx(made)
    assert_same_bits(layer.state_dict()["weight_ih_l0"], W[0].reshape(3, H, I)[[1, 0, 2]].reshape(3 * H, I))
    if how != "integers":
        assert_within(1e-5, layer(batch())[0], run(made, X=batch())[0])


def in_branches(model):
    """An If of two nodes, whose R is of the graph around them."""
    branches = []
    for name in ("yes", "no"):
        part = Model(seed=len(name))
        part.recurrent(name, "LSTM")
        R = part.constants.pop(1)
        if name == "yes":
            model.constants.append(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(R), "R"))
        part.nodes[0].input[2] = "R"
        out = helper.make_tensor_value_info(f"{name}.y.flat", TensorProto.FLOAT, [None] * 3)
        branches.append(helper.make_graph(part.nodes, name, [], [out], part.constants))
    model.add("If", [model.given("which", "bool", [])], "out", then_branch=branches[0], else_branch=branches[1])
    return model.made("out")


def test_nodes_in_branches():
    model = Model()
    model.given("X", shape=["T", "B", I])
    made = in_branches(model)
    for which, name in ((True, "yes"), (False, "no")):
        assert_within(1e-5, from_onnx(made, name)(batch())[0], run(made, X=batch(), which=np.array(which))[0])
    with pytest.raises(ValueError, match="no and yes differ in .*; ask for one of them by nodes=, of no, yes"):
        from_onnx(made)


def test_nodes_in_functions():
    model = Model()
    model.given("X", shape=["T", "B", I])
    model.recurrent("a", "RNN", linear_before_reset=None)
    inner = model.nodes
    names = ["X", *inner[0].input[1:], inner[1].input[1]]
    body = helper.make_function("mine", "Layer", names, ["a.y.flat"], inner, [helper.make_opsetid("", 22)])
    model.functions, model.nodes = [body], [helper.make_node("Layer", names, ["out"], domain="mine")]
    made = model.made("out")
    assert_within(1e-5, from_onnx(made)(batch())[0], run(made, X=batch())[0])


def test_nodes_of_a_deep_model():
    """Neither the weights nor the question of what a node reads goes through all that is below, twice at each sum."""
    model = Model()
    x = model.given("X", shape=["T", "B", I])
    for k in range(2000):
        x = model.add("Add", [x, x], f"sum{k}")
    x, _ = model.recurrent("a", "GRU", x)
    for k in range(2000):
        x = model.add("Identity", [x], f"same{k}")
    model.recurrent("b", "GRU", x, H)
    assert from_onnx(model.made("b.h")).num_layers == 2


@pytest.mark.filterwarnings("ignore")  # PyTorch's, of its older exporter
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_what_pytorch_exports(kind, bidirectional, tmp_path):
    torch = pytest.importorskip("torch", reason="writes models")
    torch.manual_seed(0)
    for n_levels in (1, 2):
        module = getattr(torch.nn, kind)(I, H, n_levels, bidirectional=bidirectional)
        x, path = torch.randn(6, 4, I), tmp_path / "model.onnx"
        axes = {"X": {0: "T", 1: "B"}}
        torch.onnx.export(module, (x,), path, input_names=["X"], dynamic_axes=axes, dynamo=False)
        state = from_onnx(path).state_dict()
        for name, tensor in module.state_dict().items():
            assert_same_bits(state[name], tensor.numpy())


# ------------------------------------------------------------------------------------------ initial states


@pytest.mark.parametrize("expand", [True, False])
@pytest.mark.parametrize("D", [1, 2])
def test_states_that_the_model_holds(D, expand):
    model, x, inputs = Model(), None, I
    x = model.given("X", shape=["T", "B", I])
    if expand:
        size = model.add("Shape", ["X"], "size", start=1, end=2)
        ones = [model.constant(f"one{k}", [n]) for k, n in enumerate((D, H))]
        shape = model.add("Concat", [ones[0], size, ones[1]], "shape", axis=0)
    for k in range(2):
        states = [model.constant(f"{s}{k}", model.numbers(D, 1 if expand else 4, H)) for s in "hc"]
        if k == 0:
            states[1] = ""  # the first cell begins with zeros
        if expand:
            states = [s and model.add("Expand", [s, shape], f"{s}.all") for s in states]
        x, _ = model.recurrent(f"level{k}", "LSTM", x, inputs, D, more=["", *states])
        inputs = D * H
    made = model.made(x)
    with pytest.raises(ValueError, match="begins level0 with states that are not zero: set return_states=True"):
        from_onnx(made)
    layer, (h, c) = from_onnx(made, return_states=True)
    assert h.shape == c.shape == (2 * D, 1 if expand else 4, H) and not c[:D].any()
    hx = tuple(np.broadcast_to(s, (2 * D, 4, H)) for s in (h, c))
    assert_within(1e-5, layer(batch(), hx)[0], run(made, X=batch())[0])


@pytest.mark.parametrize("how", ["sliced", "tiled", "filled"])
def test_states_that_depend_on_sizes_alone(how):
    """As PyTorch exports states of all levels that are expanded for a batch, or made for it."""
    model, inputs = Model(), I
    x = model.given("X", shape=["T", "B", I])
    size = model.add("Shape", ["X"], "size", start=1, end=2)
    shape = model.add("Concat", [model.constant("two", [2]), size, model.constant("H", [H])], "shape", axis=0)
    if how == "filled":
        half = onnx.numpy_helper.from_array(np.array([0.5], "float32"))
        model.add("ConstantOfShape", [shape], "all", value=half)
    else:
        values = model.constant("values", model.numbers(2, 1, H))
        repeats = model.add("Concat", [model.constant("one", [1]), size, "one"], "repeats", axis=0)
        model.add(*(("Expand", [values, shape]) if how == "sliced" else ("Tile", [values, repeats])), "all")
    for k in range(2):
        ends = [model.constant(f"end{n}.{k}", [n]) for n in (k, k + 1)]
        state = model.add("Slice", ["all", *ends], f"state{k}")
        x, _ = model.recurrent(f"level{k}", "GRU", x, inputs, more=["", state], linear_before_reset=1)
        inputs = H
    made = model.made(x)
    with pytest.raises(ValueError, match="states that are not zero"):
        from_onnx(made)
    layer, hx = from_onnx(made, return_states=True)
    assert hx.shape == (2, 1, H)
    assert_within(1e-5, layer(batch(), np.broadcast_to(hx, (2, 4, H)))[0], run(made, X=batch())[0])


def test_states_that_it_does_not_hold():
    for model in (stack("gru", states=True), stack("gru")):
        assert from_onnx(model, return_states=True)[1] is None
    model = Model()
    model.given("X", shape=["T", "B", I])
    model.recurrent("a", "GRU", more=["", model.constant("zeros", np.zeros((1, 4, H), "float32"))])
    assert from_onnx(model.made("a.h"), return_states=True)[1] is None
    model = Model()
    model.given("X", shape=["T", "B", I])
    model.recurrent("a", "GRU", more=["", model.constant("ones", np.ones((1, 4, H), "float32"))])
    assert from_onnx(model.made("a.h"), return_states=True)[1].shape == (1, 4, H)


# ------------------------------------------------------------------------------------------ what is refused

REFUSED = {
    "clip": ("LSTM", {"clip": 0.5}, r"a has clip=0.5, which no layer"),
    "input_forget": ("LSTM", {"input_forget": 1}, "a has input_forget=1"),
    "reverse": ("GRU", {"direction": "reverse"}, "direction='reverse', .*: set it to 'forward' .* backwards"),
    "lstm": ("LSTM", {"activations": ["HardSigmoid", "Tanh", "Tanh"]}, "activations=.'hardsigmoid', .* 'tanh'"),
    "gru": ("GRU", {"activations": ["Sigmoid", "Relu"]}, r"expected \['sigmoid', 'tanh'\]"),
    "rnn": ("RNN", {"activations": ["Softsign"]}, r"activations=\['softsign'\]"),
}


@pytest.mark.parametrize("which", REFUSED)
def test_what_no_layer_computes(which):
    operator, options, message = REFUSED[which]
    model = Model()
    model.given("X", shape=["T", "B", I])
    model.recurrent("a", operator, **options)
    with pytest.raises(ValueError, match=message):
        from_onnx(model.made("a.h"))


@pytest.mark.parametrize("D", [1, 2])
def test_peepholes(D):
    model = Model()
    model.given("X", shape=["T", "B", I])
    model.recurrent("a", "LSTM", D=D, more=["", "", "", model.constant("P", model.numbers(D, 3 * H))])
    made = model.made("a.y.flat", "a.h", "a.c")
    layer = from_onnx(made)
    assert layer.peephole
    assert_same(layer, made, batch())


@pytest.mark.parametrize("of_second", [None, 0.0])
def test_peepholes_of_one_level_are_zeros_in_the_other(of_second):
    model = Model()
    model.given("X", shape=["T", "B", I])
    x, _ = model.recurrent("a", "LSTM", more=["", "", "", model.constant("P", model.numbers(1, 3 * H))])
    P = "" if of_second is None else model.constant("P2", np.full((1, 3 * H), of_second, "float32"))
    x, _ = model.recurrent("b", "LSTM", x, H, more=["", "", "", P])
    made = model.made(x)
    layer = from_onnx(made)
    assert not layer.state_dict()["weight_peephole_l1"].any()
    assert_within(1e-5, layer(batch())[0], run(made, X=batch())[0])


def test_peepholes_of_another_shape_or_that_are_given():
    for given, message in ((False, r"P of a has shape \(1, 14\), expected \(1, 15\)"), (True, "P of a depends on")):
        model = Model()
        model.given("X", shape=["T", "B", I])
        p = model.given("P", shape=[1, 15]) if given else model.constant("P", np.ones((1, 14), "float32"))
        model.recurrent("a", "LSTM", more=["", "", "", p])
        with pytest.raises(ValueError, match=message):
            from_onnx(model.made("a.h"))


def test_peepholes_of_zeros_are_none():
    model = Model()
    model.given("X", shape=["T", "B", I])
    model.recurrent("a", "LSTM", more=["", "", "", model.constant("P", np.zeros((1, 3 * H), "float32"))])
    made = model.made("a.y.flat")
    assert_within(1e-5, from_onnx(made)(batch())[0], run(made, X=batch())[0])


def test_weights_that_are_given():
    model = Model()
    model.given("X", shape=["T", "B", I])
    model.recurrent("a", "GRU")
    del model.constants[1]
    factors = model.constant("own", model.numbers(1, 3 * H, H)), model.given("scale", shape=[1])
    model.nodes.insert(0, helper.make_node("Mul", factors, ["a.R"]))
    with pytest.raises(ValueError, match="R of a depends on what the model is given"):
        from_onnx(model.made("a.h"))
    model = Model()
    model.given("X", shape=["T", "B", I])
    model.recurrent("a", "GRU")
    model.constants[0].CopyFrom(onnx.numpy_helper.from_array(model.numbers(1, 3 * H + 1, I), "a.W"))
    with pytest.raises(ValueError, match=r"W of a has shape \(1, 16, 3\), expected \(1, 15, 3\)"):
        from_onnx(model.made("a.h"))


def test_weights_that_cannot_be_computed():
    for operator, domain, message in (("Mystery", "mine", "Mystery makes .* computed here: .*unknown"),
                                      ("Reshape", "", "Reshape makes .* computed here: cannot reshape")):  # fmt: skip
        model = Model()
        model.given("X", shape=["T", "B", I])
        model.recurrent("a", "GRU")
        names = ["a.W", model.constant("size", [7, 9])]
        model.nodes[0].input[1] = "W"
        model.nodes.insert(0, helper.make_node(operator, names, ["W"], domain=domain))
        graph = helper.make_graph(model.nodes, "test", model.inputs, [], model.constants)
        ids = [helper.make_opsetid("", 22), helper.make_opsetid("mine", 1)]
        with pytest.raises(ValueError, match=f"W is what {message}"):
            from_onnx(helper.make_model(graph, opset_imports=ids))


def test_weights_and_states_of_other_shapes():
    for name, value, message in (
        ("a.W", np.ones((), "float32"), r"W of a has shape \(\), expected"),
        ("h", np.ones((1, 4, H + 1), "float32"), r"a begins with states of shape \(1, 4, 6\); expected \(1, 1, 5\)"),
    ):
        model = Model()
        model.given("X", shape=["T", "B", I])
        model.recurrent("a", "GRU", more=["", model.constant("h", np.ones((1, 4, H), "float32"))])
        for constant in model.constants:
            if constant.name == name:
                constant.CopyFrom(onnx.numpy_helper.from_array(value, name))
        with pytest.raises(ValueError, match=message):
            from_onnx(model.made("a.h"), return_states=True)


def unlike(how):
    """Two nodes that are no stack."""
    model = Model()
    x, D = model.given("X", shape=["T", "B", I]), 2 if how == "scrambled" else 1
    x, _ = model.recurrent("a", "GRU", x, D=D)
    options, inputs = {}, D * H
    if how == "relu":
        x = model.add("Relu", [x], "relu")
    elif how == "rounded":
        x = model.add("Round", [x], "rounded")
    elif how == "scrambled":  # (T, D, B, H) as (T, B, D H) without a transposition
        x = model.add("Reshape", ["a.y", model.constant("size", [2, 3, 2 * H])], "x")
    elif how == "fixed":
        x = model.add("Reshape", [x, model.constant("size", [7, 1, H])], "x")
    elif how == "beside":
        x, inputs = "X", I
        model.recurrent("b", "GRU", x, H)
        x, inputs = model.add("Concat", ["X", "a.y.flat"], "both", axis=2), I + H
        del model.nodes[-3:-1], model.constants[-4:]
    elif how == "lengths":
        options = {"more": [model.given("lengths", "int32", ["B"])]}
    elif how == "form":
        options = {"linear_before_reset": 1}
    elif how == "residual":
        x = model.add("Add", [x, model.given("more", shape=["T", "B", H])], "sum")
    model.recurrent("b", "GRU", x, inputs, D, **options)
    return model.made("b.h")


UNLIKE = {
    "relu": "b does not read a as it is: between them is Relu; ask for one of them by nodes=, of a, b",
    "rounded": "b does not read a as it is: between them is Round",
    "scrambled": "b does not read a as it is: between them is Reshape",
    "fixed": r"b does not read a as it is: .*Reshape cannot take \(2, 1, 3, 5\)",
    "beside": "differ in operator, direction, sizes", "lengths": "a and b differ in .* lengths",
    "form": "a and b differ in .* form", "residual": "b does not read a as it is: it reads more",
}  # fmt: skip


@pytest.mark.parametrize("how", UNLIKE)
def test_nodes_that_are_no_stack(how):
    model = unlike(how)
    for nodes in (None, ["a", "b"]):
        with pytest.raises(ValueError, match=UNLIKE[how]):
            from_onnx(model, nodes)
    assert from_onnx(model, "b").num_layers == 1


def test_what_is_no_model_and_no_node(tmp_path):
    model = stack("gru", 2)
    for nodes, message in (
        ("c", "0 recurrent nodes are called 'c'; the model has level0, level1"),
        ([], r"nodes=\[\]"),
    ):
        with pytest.raises(ValueError, match=message):
            from_onnx(model, nodes)
    for node in model.graph.node:
        node.name = "same"
    with pytest.raises(ValueError, match="2 recurrent nodes are called 'same'"):
        from_onnx(model, "same")
    other = Model()
    other.given("X", shape=[1, 1, 1])
    other.add("Relu", ["X"], "y")
    with pytest.raises(ValueError, match="the model has no RNN, GRU or LSTM node, but Relu: give a layer"):
        from_onnx(other.made("y"))
    (tmp_path / "no.onnx").write_bytes(b"\x0bno model")
    with pytest.raises(ValueError, match="no.onnx cannot be read as an ONNX model"):
        from_onnx(tmp_path / "no.onnx")
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "none.onnx")
    with pytest.raises(TypeError, match="model is a int; expected an onnx.ModelProto or the path of its file"):
        from_onnx(5)
    with pytest.raises(TypeError, match="model is a bytes; .*: give onnx.load_model_from_string"):
        from_onnx(model.SerializeToString())
    with pytest.raises(ValueError, match="nodes must be the name of a node, or a list of names; got int"):
        from_onnx(model, 5)


def test_without_onnx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match='an ONNX model is read with onnx: pip install "onnx>=1.17"'):
        from_onnx("model.onnx")
