"""Nodes of ONNX models, read as levels of recurrent layers.

Shapes, the order of gates and the equations are those of https://onnx.ai/onnx/operators.
"""

import numpy as np

from fastrnn.interchange.onnx_graph import OPERATORS
from fastrnn.interchange.weights import few
from fastrnn.layers.cells import NONLINEARITIES

GATES = {operator: np.argsort(order) for operator, order in OPERATORS.values()}
"""Where each of our gates stands."""
DEFAULTS = {"RNN": ["tanh"], "GRU": ["sigmoid", "tanh"], "LSTM": ["sigmoid", "tanh", "tanh"]}
"""Activations of a direction, where a node names none."""
MOVES = {"Constant", "Identity", "Squeeze", "Unsqueeze", "Transpose", "Reshape"}
"""Operators that change no value."""


class Scope:
    """The names that a graph sees: those of its own, and of the graphs around it."""

    def __init__(self, onnx, graph, opsets, outer=None):
        self._onnx, self.graph, self._opsets, self._outer = onnx, graph, opsets, outer
        self._tensors = {tensor.name: tensor for tensor in graph.initializer}
        self._makers, self._fixed, self._values = {}, {*self._tensors}, {}
        for node in graph.node:  # which stand in an order in which they can be computed
            self._makers.update(dict.fromkeys(filter(None, node.output), node))
            given, has_parts = [*filter(None, node.input)], any(a.HasField("g") or a.graphs for a in node.attribute)
            if node.op_type == "Constant" or given and not has_parts and all(map(self.is_fixed, given)):
                self._fixed.update(filter(None, node.output))

    def inner(self, graph):
        return Scope(self._onnx, graph, self._opsets, self)

    def nodes(self):
        """All nodes whose outputs are seen, in order."""
        return [*(self._outer.nodes() if self._outer else ()), *self.graph.node]

    def maker(self, name):
        """The node that puts out this name, or None."""
        return self._makers.get(name) or (self._outer and self._outer.maker(name))

    def is_fixed(self, name):
        """Whether this name is the same whatever the model is given."""
        return name in self._fixed or self._outer is not None and self._outer.is_fixed(name)

    def value(self, name):
        """The array of a name that is fixed."""
        if name in self._tensors:
            return self._onnx.numpy_helper.to_array(self._tensors[name])
        if name not in self._makers:
            return self._outer.value(name)
        if name not in self._values:
            node = self._makers[name]
            given = {n: self.value(n) for n in node.input if n}
            try:
                self._values[name] = self.run([node], given, name)
            except Exception as error:  # any that an operator may raise
                found = f"{name} is what {node.op_type} makes of what the model holds, which cannot be computed here"
                raise ValueError(f"{found}: {error}") from None
        return self._values[name]

    def behind(self, name, sizes=False):
        """What a name is made of: arrays by their names, the nodes that make it of these, and other names.

        That are those of what is given, or put out by recurrent nodes: each with whether its size alone is read, if one
        asks for `sizes`.
        """
        given, others, made, left = {}, {}, set(), [(name, False)]
        while left:
            name, is_size = left.pop()
            maker = self.maker(name)
            if self.is_fixed(name):
                given[name] = self.value(name)
            elif maker is None or maker.op_type in DEFAULTS or is_size:
                others[name] = is_size and others.get(name, True)
            elif name not in made:
                made.update(filter(None, maker.output))
                left += [(inner, sizes and maker.op_type == "Shape") for inner in maker.input if inner]
        return given, [node for node in self.nodes() if not made.isdisjoint(node.output)], others

    def of_one(self, name):
        """The array of a name that depends on sizes alone, where one sequence of one step is given; else None."""
        given, nodes, others = self.behind(name, sizes=True)
        if not all(others.values()):
            return None
        if not nodes:
            return given[name]
        try:
            return self.run(nodes, {**given, **{other: np.zeros(self._shape(other)) for other in others}}, name)
        except Exception:  # any that an operator may raise: then it is something that the model computes
            return None

    def _shape(self, name):
        """The shape of what is given, as far as it is known, with 1 elsewhere."""
        for known in (*self.graph.input, *self.graph.value_info):
            if known.name == name and known.type.tensor_type.HasField("shape"):
                return [max(1, axis.dim_value) for axis in known.type.tensor_type.shape.dim]
        return self._outer._shape(name) if self._outer else [1, 1, 1]

    def run(self, nodes, given, wanted):
        """What these nodes make of what they are given."""
        from onnx.reference import ReferenceEvaluator

        helper = self._onnx.helper
        inputs, outputs = ([helper.make_empty_tensor_value_info(n) for n in names] for names in (given, [wanted]))
        return ReferenceEvaluator(helper.make_graph(nodes, "part", inputs, outputs), self._opsets).run(None, given)[0]


def all_nodes(scope):
    """Each node of a graph, and of those within its nodes, with its scope."""
    for node in scope.graph.node:
        yield node, scope
        for attribute in node.attribute:
            for graph in [attribute.g] * attribute.HasField("g") + [*attribute.graphs]:
                yield from all_nodes(scope.inner(graph))


class Level:
    """A recurrent node, read as one level of a layer."""

    def __init__(self, onnx, name, node, scope):
        self.name, self.operator, self._node, self._scope = name, node.op_type, node, scope
        self._settings = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        self._check_settings()
        self.W, self.R = self._weight(1), self._weight(2)
        self.bias, self.P = (self._weight(place) if self._input(place) else None for place in (3, 7))
        self.has_peepholes = self.P is not None and self.P.any()
        I, H = (np.atleast_1d(a).shape[-1] for a in (self.W, self.R))
        G, D = len(GATES[self.operator]), self.n_directions
        shapes = {"W": (D, G * H, I), "R": (D, G * H, H), "B": (D, 2 * G * H), "P": (D, 3 * H)}
        for (letter, shape), array in zip(shapes.items(), (self.W, self.R, self.bias, self.P), strict=True):
            if array is not None and array.shape != shape:
                raise ValueError(f"{letter} of {name} has shape {array.shape}, expected {shape}")
        self.input_size, self.hidden_size = I, H
        self.dtype = "float64" if self.W.dtype == np.float64 else "float32"

    def _check_settings(self):
        """Refuse what no layer computes; set what its constructor is told."""
        settings, lacks = self._settings, "which no layer of fastrnn has"
        direction = settings.get("direction", b"forward").decode()
        if direction == "reverse":
            advice = "set it to 'forward' in the model, and give the layer its sequences backwards"
            raise ValueError(f"{self.name} has direction='reverse', {lacks} alone: {advice}")
        if "clip" in settings:
            raise ValueError(f"{self.name} has clip={settings['clip']:g}, {lacks}: its states would be others")
        if settings.get("input_forget", 0):
            raise ValueError(f"{self.name} has input_forget=1, {lacks}: its input gate is 1 minus the forget gate")
        self.n_directions = 2 if direction == "bidirectional" else 1
        self.is_batch_first = settings.get("layout", 0) == 1
        given = [name.decode().lower() for name in settings.get("activations", [])]
        expected = DEFAULTS[self.operator] * self.n_directions
        self.form = {}
        if self.operator == "RNN":
            self.form = {"nonlinearity": (given or expected)[0]}
            is_known = self.form["nonlinearity"] in NONLINEARITIES and len({*given}) < 2
        else:
            is_known = given in ([], expected)
        if not is_known:
            raise ValueError(f"{self.name} has activations={given}, {lacks}; expected {expected}")
        if self.operator == "GRU":
            self.form = {"reset_after": settings.get("linear_before_reset", 0) != 0}

    def _input(self, place):
        return self._node.input[place] if len(self._node.input) > place else ""

    def _weight(self, place):
        name = self._input(place)
        if not self._scope.is_fixed(name):
            which = "XWRB   P"[place]
            raise ValueError(f"{which} of {self.name} depends on what the model is given, so it is no weight to read")
        return self._scope.value(name)

    def named(self, k, has_bias, has_peepholes):
        """The arrays of level k of a layer, by PyTorch's names."""
        G, H = len(GATES[self.operator]), self.hidden_size
        bias = np.zeros((self.n_directions, 2 * G * H)) if self.bias is None else self.bias
        P = np.zeros((self.n_directions, 3 * H)) if self.P is None else self.P
        for d, suffix in enumerate(("", "_reverse")[: self.n_directions]):
            arrays = {"weight_ih": self.W[d], "weight_hh": self.R[d]}
            if has_bias:
                arrays |= dict(zip(("bias_ih", "bias_hh"), np.split(bias[d], 2), strict=True))
            if has_peepholes:
                i, o, f = np.split(P[d], 3)
                yield f"weight_peephole_l{k}{suffix}", np.concatenate([i, f, o]).astype(self.dtype)
            for name, array in arrays.items():
                ours = array.reshape(G, H, -1)[GATES[self.operator]].reshape(array.shape)
                yield f"{name}_l{k}{suffix}", ours.astype(self.dtype)

    def state(self, place):
        """What the model holds of the initial h (5) or c (6), as (D, B, H), or None if that is nothing or zeros."""
        name = self._input(place)
        if not name or (array := self._scope.of_one(name)) is None or not array.any():
            return None
        D, H = self.n_directions, self.hidden_size
        like = (1, D, H) if self.is_batch_first else (D, 1, H)
        try:
            array = np.broadcast_to(array, np.broadcast_shapes(array.shape, like))
        except ValueError:
            expected = f"{like}, or of more sequences"
            raise ValueError(f"{self.name} begins with states of shape {array.shape}; expected {expected}") from None
        return np.swapaxes(array, 0, 1) if self.is_batch_first else array

    def unlike(self, below):
        """Why this is no level above another one, in words, or nothing."""
        mine, other = (
            [level.operator, level.n_directions, level.hidden_size, level.form, level.is_batch_first, level._input(4)]
            for level in (self, below)
        )
        if mine != other or self.input_size != below.n_directions * below.hidden_size:
            return f"{below.name} and {self.name} differ in operator, direction, sizes, form or lengths"
        between = self._between(below)
        return between and f"{self.name} does not read {below.name} as it is: {between}"

    def _between(self, below):
        """What there is between a node's output and what this one reads, in words, or nothing: told by trying it."""
        scope, output = self._scope, below._node.output[0]
        given, between, others = scope.behind(self._input(0))
        others.pop(output, None)
        if others:
            return f"it reads {few([*others])}"
        T, D, B, H = 2, below.n_directions, 3, below.hidden_size
        shape, axes = ((B, T, D, H), (0, 1, 2, 3)) if self.is_batch_first else ((T, D, B, H), (0, 2, 1, 3))
        # Halves of both signs, which what rounds or rectifies changes.
        numbers = np.arange(T * D * B * H, dtype=self.dtype).reshape(shape) - 2.5
        expected = numbers.transpose(axes).reshape(*(np.array(shape)[list(axes)][:2]), D * H)
        operators = [node.op_type for node in between]
        try:
            found = scope.run(between, {output: numbers, **given}, self._input(0))
        except Exception as error:  # of shapes that are not open, or an operator that is not known
            return f"{few(operators)} cannot take {numbers.shape} ({error})"
        if np.array_equal(found, expected):
            return ""
        return f"between them is {few([name for name in operators if name not in MOVES] or operators)}"
