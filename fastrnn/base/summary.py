"""Tell what a network is made of: its layers with their weights, as a table and as a drawing."""

from math import prod
from types import SimpleNamespace

import numpy as np
from sklearn.exceptions import NotFittedError

from fastrnn.losses.loss import cross_entropy
from fastrnn.programs import Pass, Program
from fastrnn.wording import check_count, counted

BOX = '<span style="border:1px solid;border-radius:4px;padding:.2em .6em"><b>{}</b><br>{}<br>{}</span>'
ROW = 'role="group" title="Layers: B sequences, T steps" style="display:flex;flex-wrap:wrap;align-items:center;gap:5px"'


class Summary(str):
    """A table as text, which ``print`` and notebooks show as it is.

    Attributes
    ----------
    n_parameters : int
        Number of numbers in all weights, including those of frozen embeddings.
    weights_bytes : int
        Memory of the weights. Training needs as much again for their gradient, and up to twice as much for the solver.
    batch_bytes : int or None
        The most memory that training on a batch takes beside that, without the data, if there is a thread for each
        shard. None if it is not known: for online learners, and for words that are read by their characters.
    """

    n_parameters: int
    weights_bytes: int
    batch_bytes: int | None

    def __repr__(self):
        return str(self)


def layers(network):
    """The name, kind, output's shape and weights' shapes of each layer, from the input to the output."""
    stack, readout = getattr(network.encoder, "recurrent", None), getattr(network, "readout", None)
    shape = f"(B, {network.n_features})" if stack is None else f"(B, T, {network.encoder.input_size})"
    yield "input", *(("numbers", shape) if network.embedding is None else ("tokens", "(B, T)")), {}
    for name, part in network.parts.items():
        is_pooled, kind, width = readout is not None, type(part).__name__.strip("_"), getattr(part, "output_size", "")
        if name == "head" and is_pooled:
            yield "readout", type(readout).__name__.lower(), f"(B, {network.n_features})", {}
        if hasattr(part, "levels"):
            ways = ", both directions" * (part.n_directions == 2)
            cell = type(part.cell).__name__.removeprefix("Noisy")[:-4]
            kind = f"{cell}, {counted(part.num_layers, 'level')}{ways}"
        kind += ", frozen" * getattr(part, "is_frozen", False)
        shape = f"(B, {width})" if name in ("bridge", "static") or name == "head" and is_pooled else f"(B, T, {width})"
        yield name, kind, shape if width else "", part.parameters.shapes


def batch_bytes(network, n_sequences, n_steps):
    """What training takes for a batch of so many sequences of so many steps, if each shard has a thread."""
    steps = SimpleNamespace(lengths=np.full(n_sequences, n_steps), are_words=False)
    program = Program(network.theta.dtype, *network.sharing(n_sequences))
    network._training(program, cross_entropy, None, network.dropout, False, 0, None, False)  # all losses take as much
    shards = network.shards(program, steps, [np.arange(n_sequences)], steps)
    arena = Pass(program, shards, 0, (), is_kept=True).kept_bytes // (len(shards) if program.is_shared else 1)
    rows = [shards.most_steps(o) * every.dtype.itemsize * prod(every.shape[1:]) for every, o in program.batch_rooms]
    return arena + min(len(shards), program.n_places) * program.sums_bytes + sum(rows)


class Summarised:
    """Of an estimator, before scikit-learn's base: a summary of its network, and a drawing in its HTML."""

    def summary(self, n_steps=100):
        """Make a table of the layers, their shapes, numbers of parameters, and the memory of a batch.

        Parameters
        ----------
        n_steps : int, default=100
            Steps of each sequence in a batch of `batch_size`.  The memory of a batch grows with them.

        Returns
        -------
        fastrnn.base.summary.Summary
            Text that `print` shows.  Its attributes `n_parameters`, `weights_bytes` and `batch_bytes` are numbers.
            In shapes B is the number of sequences, and T the number of steps.

        Raises
        ------
        NotFittedError
            If `fit` was not called before: it learns the widths of the layers from the data.
        ValueError
            If `n_steps` is no integer from 1 on.

        Examples
        --------
        >>> import numpy as np
        >>> from fastrnn import SequenceRegressor
        >>> X = np.random.RandomState(0).rand(20, 5, 3)
        >>> model = SequenceRegressor(hidden_size=4, bidirectional=False, bias=False, max_iter=1).fit(X, X[:, 0, 0])
        >>> print(model.summary())
        SequenceRegressor
        Layer           Type          Shape      Parameters
        input           numbers       (B, T, 3)
        recurrent       GRU, 1 level  (B, T, 4)          84
          weight_ih_l0                (12, 3)            36
          weight_hh_l0                (12, 4)            48
        readout         last          (B, 4)
        head            Dense         (B, 1)              5
          weight                      (1, 4)              4
          bias                        (1,)                1
        89 parameters: 0.5 kB
        Training on a batch of 32 sequences of 100 steps: up to ... kB more
        """
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(f"this {type(self).__name__} is not fitted yet: its layers get their widths from data")
        check_count("n_steps", n_steps)
        network, rows, n_bytes = self.network_, [("Layer", "Type", "Shape", "Parameters")], None
        for *told, weights in layers(network):
            sizes = [prod(shape) for shape in weights.values()]
            rows.append((*told, f"{sum(sizes):,}" if sizes else ""))
            rows += [("  " + name, "", str(weights[name]), f"{n:,}") for name, n in zip(weights, sizes, strict=True)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join([*map(str.ljust, row, widths[:3]), row[3].rjust(widths[3])]).rstrip() for row in rows]
        n = sum(prod(shape) for part in network.parts.values() for shape in part.parameters.shapes.values())
        lines.append(f"{n:,} parameters: {network.theta.nbytes / 1e3:,.1f} kB")
        if hasattr(self, "batch_size") and "character_embedding" not in network.parts:
            size, n_steps = int(self.batch_size), network.n_steps or int(n_steps)
            n_bytes, batch = batch_bytes(network, size, n_steps), f"{counted(size, 'sequence')} of {counted(n_steps)}"
            lines.append(f"Training on a batch of {batch}: up to {n_bytes / 1e3:,.1f} kB more")
        summary = Summary("\n".join([type(self).__name__, *lines]))
        vars(summary).update(n_parameters=n, weights_bytes=network.theta.nbytes, batch_bytes=n_bytes)
        return summary

    def _html_repr(self):
        """scikit-learn's, and below it a drawing of the network."""
        if not self.__sklearn_is_fitted__():
            return super()._html_repr()
        boxes = " → ".join(BOX.format(*told) for *told, _ in layers(self.network_))
        return f"{super()._html_repr()}<div {ROW}>{boxes}</div>"
