"""Graphs of ONNX: vectors of tokens, recurrent stacks, readouts, and chains of labels.

Arrays are (time, batch, features).  Of the recurrent operators see https://onnx.ai/onnx/operators: they know where each
sequence ends, a reverse direction begins there, and final states are those at the ends.
"""

from functools import partial

import numpy as np

from fastrnn.wording import optional

OPERATORS = {"rnn": ("RNN", [0]), "lstm": ("LSTM", [0, 3, 1, 2]), "gru": ("GRU", [1, 0, 2])}
"""Of each cell, with the order of our gates there: i, o, f, c for i, f, g, o, and z, r, h for r, z, n."""
OPERATORS["gru_reset_before"] = OPERATORS["gru"]
OPERATORS["lstm_peephole"] = OPERATORS["lstm"]


class Graph:
    """Nodes, and their constants; a node and what it puts out (first) have one name.

    It stands for a part of `outer` if that is given, whose outputs it may read.
    """

    def __init__(self, prefix="", outer=None):
        onnx = optional("onnx", "an ONNX model is made with onnx")
        self.helper, self._from_array = onnx.helper, onnx.numpy_helper.from_array
        self.nodes, self.constants = [], [] if outer is None else outer.constants
        self._prefix = prefix

    def add(self, operator, *inputs, name=None, more=(), **attributes):
        """Add a node: inputs are names, or arrays that become constants.  Returns its name, with `more` a list."""
        name = name or f"{self._prefix}{operator}_{len(self.nodes)}"
        inputs = [v if isinstance(v, str) else self._constant(f"{name}.{k}", v) for k, v in enumerate(inputs)]
        self.nodes.append(self.helper.make_node(operator, inputs, [name, *more], name, **attributes))
        return [name, *more] if more else name

    def _constant(self, name, value):
        self.constants.append(self._from_array(np.array(value), name))
        return name

    def cast(self, value, dtype):
        """Values as others of this type."""
        return self.add("Cast", value, to=self._kind(dtype))

    def _kind(self, dtype):
        return self.helper.np_dtype_to_tensor_dtype(np.dtype(dtype))

    def value(self, name, dtype, *shape):
        """What comes in or out under a name; a dimension is a number, or the name of an unknown one."""
        return self.helper.make_tensor_value_info(name, self._kind(dtype), shape)

    def scan(self, name, step, state, rows, flags, emits=("float32", "batch", "labels"), backwards=False):
        """What `step(part, state, row, flag)` emits at each time, beside the next state (batch, labels) it returns.

        Without `flags` each flag is None.
        """
        part, way = Graph(f"{name}.", self), [int(backwards)]
        over = [rows] if flags is None else [rows, flags]
        kinds = ("state", "float32", "labels"), ("row", "float32", "labels"), ("flag", "bool", 1)
        inputs = [self.value(f"{name}.{kind}", dtype, "batch", width) for kind, dtype, width in kinds[: 1 + len(over)]]
        names = [value.name for value in inputs]
        following, emitted = step(part, *names, *[None] * (3 - len(names)))
        outputs = [self.value(following, "float32", "batch", "labels"), self.value(emitted, *emits)]
        body = self.helper.make_graph(part.nodes, name, inputs, outputs)
        attributes = {"num_scan_inputs": len(over), "scan_input_directions": way * len(over)}
        attributes |= {"scan_output_directions": way, "body": body}
        return self.add("Scan", state, *over, name=f"{name}.last", more=[name], **attributes)[1]

    def where(self, inside, values, others):
        """The values where it is inside a sequence, else the others; without `inside` all values."""
        return values if inside is None else self.add("Where", inside, values, others)


def add_scores(graph, network, shape, lengths, mean=None, known=(), units=None):
    """Those of the head, (batch, K) and None, or (time, batch, K) and which steps are inside a sequence, None for all.

    `shape` has the names of cell, nonlinearity and readout.  With `lengths` "lengths", "h_0" and "c_0" are read, and
    "h_n" and "c_n" put out; without, all sequences have all steps and begin with zeros.  What is missing in X is read
    as the mean (I,), if that is given, and flags beside it say what is there.  Of columns of categories these are
    `known`.  With `units`, the mean and the scale of facts, "static" is read in place of "h_0" and "c_0".
    """
    encoder, cell = network.encoder, (shape["cell"], shape["nonlinearity"])
    stack, states = encoder.recurrent, encoder.recurrent.cell.states
    x = "X" if encoder.embedding is None else add_vectors(graph, encoder.embedding, cell)
    if encoder.categories is not None:
        vectors, n_flags = add_categories(graph, encoder.categories, known), 0 if mean is None else mean.size
        numbers = encoder.categories.numbers
        x = graph.add("Gather", x, numbers[: numbers.size - n_flags], axis=2)
    if mean is not None:
        there = graph.add("Not", graph.add("IsNaN", x))
        x = graph.add("Concat", graph.add("Where", there, x, mean), graph.cast(there, "float32"), axis=2)
    if encoder.categories is not None:
        x = graph.add("Concat", x, *vectors, axis=2) if numbers.size else graph.add("Concat", *vectors, axis=2)
    facts = None if units is None else graph.add("Div", graph.add("Sub", "static", units[0]), units[1])
    if facts is not None:
        initial = add_first_states(graph, network, facts)
    elif lengths:
        shape_of_state = graph.add("Concat", [1], graph.add("Shape", "X", start=1, end=2), [1], axis=0)
        initial = [graph.add("Expand", f"{s}_0", shape_of_state) for s in states]
    else:
        initial = ()
    rows, finals = add_stack(graph, "recurrent", stack, cell, x, "lengths" if lengths else "", initial)
    if lengths:
        for s, levels in zip(states, zip(*finals, strict=True), strict=True):
            graph.add("Concat", *levels, axis=0, name=f"{s}_n")
    knows_ends = lengths and (network.readout is None or shape["readout"] in ("max", "mean", "attention"))
    inside = add_steps_inside(graph) if knows_ends else None
    if network.readout is not None:
        rows, inside = add_readout(graph, network.readout, shape["readout"], rows, finals[-1][0], inside), None
    if facts is not None and network.readout is None:
        each_step = graph.add("Concat", graph.add("Shape", "X", end=1), [1, 1], axis=0)
        facts = graph.add("Expand", graph.add("Unsqueeze", facts, [0]), each_step)
    rows = rows if facts is None else graph.add("Concat", rows, facts, axis=-1)
    return add_dense(graph, network.head, rows), inside


def add_dense(graph, layer, rows):
    """Rows (..., inputs) as a layer makes them rows (..., outputs)."""
    weight, bias = (np.float32(layer.parameters[name].T) for name in ("weight", "bias"))
    return graph.add("Add", graph.add("MatMul", rows, weight), bias)


def add_first_states(graph, network, facts):
    """The first states of a stack, each kind (num_layers D, batch, H), of facts (batch, F)."""
    stack = network.encoder.recurrent
    n, groups = stack.num_layers * stack.n_directions, [0, -1, stack.hidden_size]
    states = graph.add("Reshape", add_dense(graph, network.static, facts), groups)
    states = graph.add("Transpose", states, perm=[1, 0, 2])
    return [graph.add("Slice", states, [k * n], [(k + 1) * n]) for k in range(stack.n_states)]


def add_steps_inside(graph):
    """Whether a step of X is one of its sequence, (time, batch, 1)."""
    n_steps = graph.add("Squeeze", graph.add("Shape", "X", end=1), [0])
    steps = graph.add("Unsqueeze", graph.add("Range", 0, n_steps, 1), [1])
    return graph.add("Unsqueeze", graph.add("Less", steps, graph.cast("lengths", "int64")), [2], name="inside")


def add_vectors(graph, embedding, cell):
    """Those of the tokens X; with characters X (time, batch, 1 + L)."""
    if len(embedding.limits) == 1:
        return graph.add("Gather", np.float32(embedding.parameters["weight"]), "X", name="vectors")
    tables = [np.float32(part.parameters["weight"]) for part in (embedding.words, embedding.characters)]
    words = graph.add("Gather", tables[0], graph.add("Gather", "X", 0, axis=2))
    letters = graph.add("Flatten", graph.add("Slice", "X", [1], [2**31], [2]), axis=2)
    n_letters = graph.add("ReduceSum", graph.cast(graph.add("Greater", letters, 0), "int64"), [1], keepdims=0)
    lengths = graph.cast(graph.add("Max", n_letters, 1), "int32")
    x = graph.add("Gather", tables[1], graph.add("Transpose", letters, perm=[1, 0]))
    _, (final,) = add_stack(graph, "character_recurrent", embedding.recurrent, cell, x, lengths)
    shape = graph.add("Concat", graph.add("Shape", "X", end=2), [embedding.recurrent.output_size], axis=0)
    return graph.add("Concat", words, graph.add("Reshape", add_flat(graph, final[0]), shape), axis=2, name="vectors")


def add_categories(graph, layer, known):
    """The vectors of each column of categories in X, (time, batch, width): a sum, of one row at most."""
    found = []
    for k, name, own in zip(layer.columns, layer.parameters, known, strict=True):
        table = layer.parameters[name].astype(np.float64)
        other = table[0] + table[1:].mean(axis=0)
        is_one = graph.cast(graph.add("Equal", graph.add("Gather", "X", [k], axis=2), np.float32(own)), "float32")
        rows = graph.add("MatMul", is_one, np.float32(table[1:] - other))
        found.append(graph.add("Add", rows, np.float32(other)))
    return found


def add_stack(graph, name, stack, cell, x, lengths, initial=()):
    """The last level's rows (time, batch, D H); and the final states of each level, (D, batch, H) by place.

    A cell is its name and nonlinearity; initial states are (num_layers D, batch, H), or there are none.
    """
    D, H = stack.n_directions, stack.hidden_size
    attributes = {"hidden_size": H, "direction": "bidirectional" if D == 2 else "forward", "layout": 0}
    operator, order = OPERATORS[cell[0]]
    if operator == "RNN":
        attributes["activations"] = [cell[1].capitalize()] * D
    if operator == "GRU":
        attributes["linear_before_reset"] = int(cell[0] == "gru")
    finals = []
    for k in range(stack.num_layers):
        states = [graph.add("Slice", s, [k * D], [(k + 1) * D]) for s in initial]
        level, weights = f"{name}_l{k}", _weights(stack, k, order)
        more = [f"{level}.{letter}" for letter in stack.cell.states]
        if cell[0] == "lstm_peephole":
            states = [*(states or ("", "")), _peepholes(stack, k)]
        y, *final = graph.add(operator, x, *weights, lengths, *states, name=level, more=more, **attributes)
        x = graph.add("Reshape", graph.add("Transpose", y, perm=[0, 2, 1, 3]), [0, 0, D * H])
        finals.append(final)
    return x, finals


def _peepholes(stack, k):
    """P (D, 3 H) of level k, for i, o and f."""
    every = [stack.parameters[f"weight_peephole{s}"] for s in stack.levels[k].suffixes]
    return np.float32([np.concatenate([np.split(one, 3)[gate] for gate in (0, 2, 1)]) for one in every])


def _weights(stack, k, order):
    """W (D, G H, I), R (D, G H, H) and B (D, 2 G H), or "" without biases, of level k."""
    suffixes = [f"_l{k}", f"_l{k}_reverse"][: stack.n_directions]

    def ordered(name):
        value = stack.parameters[name]
        return np.float32(value.reshape(len(order), stack.hidden_size, -1)[order].reshape(value.shape))

    weights = [np.stack([ordered(f"weight_{of}{s}") for s in suffixes]) for of in ("ih", "hh")]
    biases = [np.concatenate([ordered(f"bias_{of}{s}") for of in ("ih", "hh")]) for s in suffixes if stack.bias]
    return *weights, np.stack(biases) if biases else ""


def add_flat(graph, rows):
    """Features (batch, . H) of final states (D, batch, H), or of rows (time, batch, H)."""
    return graph.add("Flatten", graph.add("Transpose", rows, perm=[1, 0, 2]))


def add_readout(graph, layer, readout, rows, final, inside):
    """Features (batch, .) of the last level's rows and its final state."""
    if readout in ("last", "concat"):
        return add_flat(graph, final if readout == "last" else rows)
    # ONNX Runtime has zeros past each end, but the format promises nothing.
    if readout == "attention":
        keys = graph.add("Tanh", add_dense(graph, layer.key_layer, rows))
        energies = graph.add("MatMul", keys, np.float32(layer.score.v)[:, np.newaxis])
        weights = graph.add("Softmax", graph.where(inside, energies, np.float32(-np.inf)), axis=0)
        weighted = graph.add("Mul", weights, graph.where(inside, rows, np.float32(0)))
        return graph.add("ReduceSum", weighted, [0], keepdims=0)
    if readout == "max":
        return graph.add("ReduceMax", graph.where(inside, rows, np.float32(-np.inf)), [0], keepdims=0)
    if inside is None:
        return graph.add("ReduceMean", rows, [0], keepdims=0)
    n_steps = graph.add("Unsqueeze", graph.cast("lengths", "float32"), [1])
    return graph.add("Div", graph.add("ReduceSum", graph.where(inside, rows, np.float32(0)), [0], keepdims=0), n_steps)


def add_chain(graph, chain, scores, inside):
    """From scores (time, batch, K) each label's probability (time, batch, K), and the best labels (time, batch).

    As `fastrnn.kernels.crf`, but of logarithms, normalised at each step: float32 has few exponents.  A scan's state is
    what a step is told by its neighbour: the first is told `begin`, and backwards each sequence's last is told `end`.
    """
    transitions, begin, end = (np.float32(chain.parameters[name]) for name in ("transitions", "begin", "end"))
    shape = graph.add("Concat", graph.add("Shape", "X", start=1, end=2), [1], axis=0)
    begin, end = graph.add("Expand", begin, shape), graph.add("Expand", end, shape)

    def forward(pool, part, before, scores, is_inside, moves=transitions):
        here = part.add("LogSoftmax", part.add("Add", before, scores))
        return part.add(pool, part.add("Add", part.add("Unsqueeze", here, [2]), moves), [1], keepdims=0), here

    def backward(part, after, scores, is_inside):
        before, _ = forward("ReduceLogSumExp", part, after, scores, is_inside, transitions.T)
        return part.where(is_inside, before, after), part.add("Identity", after)

    def trace(part, after, so_far, is_inside):
        label = part.add("ArgMax", part.add("Add", so_far, after), axis=1, keepdims=0)
        return part.where(is_inside, part.add("Gather", transitions.T, label), after), label

    so_far = graph.scan("forward", partial(forward, "ReduceLogSumExp"), begin, scores, inside)
    to_come = graph.scan("backward", backward, end, scores, inside, backwards=True)
    best = graph.scan("best", partial(forward, "ReduceMax"), begin, scores, inside)
    labels = graph.scan("trace", trace, end, best, inside, ("int64", "batch"), backwards=True)
    return graph.add("Softmax", graph.add("Add", so_far, to_come)), labels
