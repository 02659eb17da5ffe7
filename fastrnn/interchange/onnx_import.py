"""Recurrent layers out of ONNX models."""

from os import PathLike, fspath

import numpy as np

from fastrnn.interchange.onnx_nodes import Level, Scope, all_nodes
from fastrnn.layers import GRU, LSTM, RNN
from fastrnn.lists import check_listed
from fastrnn.wording import optional, shown

LAYERS = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}


def from_onnx(model, nodes=None, *, return_states=False):
    """Read the recurrent layers of an ONNX model, by whichever library it was written.

    These are its RNN, GRU and LSTM nodes, also those inside the branches of an If. What stands around them
    (convolutions, embeddings, dense layers) is not read. Weights may be computed from what the model holds: float16 or
    integers that are scaled, pieces that are put together.

    Parameters
    ----------
    model : onnx.ModelProto, str or path-like
        The model, or its file.
    nodes : str or list of str, default=None
        The name of a node, or names of nodes that read each other, lowest first. A node without a name goes by its
        first output. None takes all recurrent nodes of the model, which must be one stack.
    return_states : bool, default=False
        Whether to return the initial states that the model holds, too. They are not part of a layer.

    Returns
    -------
    layer : fastrnn.layers.RNN, fastrnn.layers.GRU or fastrnn.layers.LSTM
        The layer, in evaluation mode; ``layer.train()`` lets it learn further. num_layers is the number of nodes. dtype
        is "float64" if the weights are, else "float32". batch_first is True for nodes with layout=1.
    hx : ndarray, or tuple of arrays, of shape (num_layers * D, B, H), or None
        Only with return_states=True: the initial state for ``layer(x, hx)``, for an LSTM (h_0, c_0). D is 2 if
        bidirectional, else 1. B is that of the model, often 1. None is zeros.

    Raises
    ------
    ImportError
        If onnx is not installed. The message says how to install it.
    ValueError
        If the file is no model, if there is no such node, if the nodes are not one stack, if the weights depend on the
        inputs of the model, or if a node has what no layer of fastrnn computes: clip, input_forget, other activations,
        or the reverse direction alone. Also if a node begins with states that are not zero, without
        return_states=True.

    See Also
    --------
    to_onnx : The way out, for whole estimators.
    from_torch : Gives an estimator the weights, as ``{f"recurrent.{name}": a for name, a in layer.state_dict()...}``.

    Notes
    -----
    The equations, and the order of gates, are those of https://onnx.ai/onnx/operators. A GRU has reset_after=True if
    its node has linear_before_reset=1. PyTorch exports this; the default of ONNX is 0. An LSTM has peephole=True if one
    of its nodes has peepholes P that are not zero.

    Lengths, and states that the model is given or computes, are inputs of a node, and not read: give ``lengths`` and
    ``hx`` to the layer. States that depend on the number of sequences alone are read as those of one. A node puts out
    (T, D, B, H) where a layer puts out (T, B, D * H).

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import SequenceTagger
    >>> from fastrnn.interchange import from_onnx, to_onnx
    >>> X = [np.random.default_rng(0).normal(size=(5, 3)) for _ in range(20)]
    >>> tagger = SequenceTagger(cell="lstm", hidden_size=4, num_layers=2, max_iter=1, random_state=0)
    >>> layer = from_onnx(to_onnx(tagger.fit(X, [[0, 1, 0, 1, 1]] * 20)))
    >>> output, (h_n, c_n) = layer(X[0])
    >>> output.shape, h_n.shape
    ((5, 8), (4, 4))
    """
    onnx = optional("onnx", "an ONNX model is read with onnx")
    if not isinstance(model, onnx.ModelProto):
        model = _loaded(onnx, model)
    if model.functions:
        from onnx.inliner import inline_local_functions

        model = inline_local_functions(model)
    opsets = {opset.domain: opset.version for opset in model.opset_import}
    chosen, names = _chosen(list(all_nodes(Scope(onnx, model.graph, opsets))), nodes)
    levels = [Level(onnx, *found) for found in chosen]
    for below, level in zip(levels, levels[1:], strict=False):
        if why := level.unlike(below):
            raise ValueError(f"{why}; ask for one of them by nodes=, of {', '.join(names)}")
    first, has_bias = levels[0], any(level.bias is not None for level in levels)
    peepholes = {"peephole": True} if any(level.has_peepholes for level in levels) else {}
    layer = LAYERS[first.operator](
        first.input_size, first.hidden_size, len(levels), bias=has_bias, batch_first=first.is_batch_first,
        bidirectional=first.n_directions == 2, dtype=first.dtype, **first.form, **peepholes,
    )  # fmt: skip
    named = (level.named(k, has_bias, bool(peepholes)) for k, level in enumerate(levels))
    layer.load_state_dict({name: array for own in named for name, array in own})
    hx = _states(levels)
    if hx is not None and not return_states:
        advice = "set return_states=True, and give them to the layer in each call"
        raise ValueError(f"the model begins {first.name} with states that are not zero: {advice}")
    return (layer.eval(), hx) if return_states else layer.eval()


def _loaded(onnx, path):
    if not isinstance(path, (str, PathLike)):
        advice = ": give onnx.load_model_from_string(model)" * isinstance(path, bytes)
        found = f"model is a {type(path).__name__}; expected an onnx.ModelProto or the path of its file"
        raise TypeError(f"{found}{advice}")
    try:
        return onnx.load(fspath(path))
    except OSError:
        raise
    except Exception as error:  # of protobuf, whose name is no business of ours
        raise ValueError(f"{path} cannot be read as an ONNX model: {error}") from None


def _chosen(found, nodes):
    """Name, node and scope of the recurrent nodes that a caller asks for, and the names of all."""
    recurrent = [(node, scope) for node, scope in found if node.op_type in LAYERS and node.domain in ("", "ai.onnx")]
    known = [(node.name or next(filter(None, node.output)), node, scope) for node, scope in recurrent]
    if not known:
        others = ", ".join(sorted({node.op_type for node, _ in found})) or "nothing"
        raise ValueError(f"the model has no RNN, GRU or LSTM node, but {others}: give a layer its weights by hand")
    names = [name for name, _, _ in known]
    if nodes is not None and not isinstance(nodes, str):
        check_listed(nodes, "nodes", "the name of a node, or a list of names")
    asked = names if nodes is None else [nodes] if isinstance(nodes, str) else list(nodes)
    for name in asked or [""]:
        if names.count(name) != 1:
            which = f"nodes={shown(nodes)}: {names.count(name)} recurrent nodes are called {shown(name)}"
            raise ValueError(f"{which}; the model has {', '.join(names)}")
    return [known[names.index(name)] for name in asked], names


def _states(levels):
    """The initial states that the model holds, or None."""
    places = (5, 6)[: 1 + (levels[0].operator == "LSTM")]
    found = [[level.state(place) for level in levels] for place in places]
    shape = next((a.shape for states in found for a in states if a is not None), None)
    if shape is None:
        return None
    dtype = levels[0].dtype
    filled = [[np.zeros(shape, dtype) if a is None else a.astype(dtype) for a in states] for states in found]
    hx = tuple(np.concatenate(states) for states in filled)
    return hx if len(hx) == 2 else hx[0]
