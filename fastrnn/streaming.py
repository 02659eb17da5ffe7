"""One step at a time through a trained network."""

import numpy as np

from fastrnn.columns import check_names
from fastrnn.kernels.caching import njit
from fastrnn.kernels.vectors import OPTIONS
from fastrnn.packing import OneStep
from fastrnn.programs import Program, Standing
from fastrnn.tables import as_numbers

BAD_INPUT, OVERFLOW = 1, 2
"""Why a kernel has ended a step; 0 if it is for want of memory."""


class Stream:
    """Sequences read step by step, as `stream` of a fitted estimator returns it.

    A step takes microseconds, however many came before, and its answer is to the bit what the estimator says of the
    whole sequence so far.  A stream goes on with the network it was made of: it follows `partial_fit`, but knows
    nothing of another `fit`.  It is for one thread at a time.  Of a Pipeline take
    ``pipe[-1].stream()``, and give it what ``pipe[:-1].transform`` makes of a step.

    Parameters
    ----------
    network : SequenceNetwork
        Of one direction.
    batch : int
        Sequences side by side.
    answer : callable
        What is said of the network's outputs, as `fastrnn.losses.softmax_answer`.
    n_tokens : int, optional
        What a step's tokens must be below, if the network knows more.
    beginning : int, optional
        A token that each sequence begins with.
    unit : pair of ndarray (I,), optional
        What is taken off a step's numbers, and what they are divided by; kept, and read at each step.
    names : array of str, optional
        The columns' names in the fit: a step that is a pandas Series or a frame must have the same.

    Examples
    --------
    >>> import numpy as np
    >>> from fastrnn import SequenceClassifier
    >>> X = [np.sin(np.arange(20) * rate) for rate in (0.3, 0.9) * 20]
    >>> clf = SequenceClassifier(bidirectional=False, max_iter=5, random_state=0).fit(X, [0, 1] * 20)
    >>> stream = clf.stream()
    >>> for x_t in X[0]:
    ...     probabilities = stream.step(x_t)
    >>> bool((probabilities == clf.predict_proba(X[:1])[0]).all())
    True

    The state can be kept, and gone back to:

    >>> kept = stream.state
    >>> sorted(kept), kept["h"].shape
    (['h', 'n_steps', 'pooled'], (1, 1, 64))
    >>> later = stream.step(0.5)
    >>> stream.state = kept
    >>> bool((stream.step(0.5) == later).all())
    True
    """

    def __init__(self, network, batch, answer, n_tokens=None, beginning=None, unit=None, names=None):
        self.batch, self._network, self._answer = batch, network, answer
        self._n_tokens, self._beginning, I = n_tokens, beginning, network.encoder.recurrent.input_size
        self._unit, self.feature_names_in_ = (np.zeros(I), np.ones(I)) if unit is None else unit, names
        if beginning is not None and not 0 <= beginning < network.embedding.limits[0]:
            raise ValueError(f"the beginning is token {beginning}, but the network knows {network.embedding.limits[0]}")
        self._count, self._status = np.zeros((2, 1), np.int64)
        self._places, self._given = self._room_for_steps(I)
        self._build()
        self.reset()

    def __reduce__(self):
        known = self._n_tokens, self._beginning, self._unit, self.feature_names_in_
        return Stream, (self._network, self.batch, self._answer, *known), self.state

    def __setstate__(self, state):
        self.state = state

    def _room_for_steps(self, I):
        """Where a step's numbers go, (batch, I), by the shapes that it may come in."""
        n, given = self.batch, np.zeros((self.batch, I))
        shapes = [(n, I)[n == 1 :], (n, I), *([(n,)[n == 1 :]] if I == 1 else [])]
        return {shape: given.reshape(shape) for shape in shapes}, given

    def _build(self):
        """A program of one step, over arrays that stay where they are."""
        network, K = self._network, self._network.head.output_size
        p = Program(network.theta.dtype)
        outputs = network.head.forward(p, self._add_network(p))
        p.call(_check, outputs, self._status)
        if network.chain is not None:
            self._said, self._parts["chain"] = network.chain.running(p, outputs, self._count)
        else:
            self._said, (fill, out, *more) = self._answer(self.batch, K)
            p.call(fill, out, outputs, *more)
        p.call(_check, self._said.reshape(self.batch, -1), self._status)
        self._program, self._version = Standing(p), None
        self._outputs = self._program.array(outputs)[:, :K]

    def _add_network(self, p):
        """Add the calls from a step's numbers to what the head reads, (batch, F); states are replaced by later ones."""
        network, recurrent = self._network, self._network.encoder.recurrent
        x, states = p.room(*self._given.shape), network.zero_states(self.batch)
        self._parts = dict(zip(("h", "c"), states, strict=False))
        p.call(_take, x, self._given, *self._unit, self._count, self._status)
        features, _ = recurrent.forward(p, x, OneStep(p, self.batch), states, final=states)
        if network.readout is not None:
            features, self._parts["pooled"] = network.readout.running(p, features, self._count)
        return features

    @property
    def n_steps(self):
        """Steps since the beginning."""
        return int(self._count[0]) - (self._beginning is not None)

    @property
    def state(self):
        """What the next step depends on: a dict of copies, to be kept, pickled, and set again.

        "h", and of an LSTM "c", (num_layers, batch, hidden_size); "pooled" (1, batch, hidden_size) where the readout is
        the mean (the sum so far) or the largest state; "chain" (1, batch, n_classes) of a CRF; and "n_steps".
        """
        arrays = {name: np.stack(parts) for name, parts in self._parts.items() if len(parts)}
        return {**arrays, "n_steps": self.n_steps}

    @state.setter
    def state(self, state):
        own = self.state
        if not isinstance(state, dict) or state.keys() != own.keys():
            raise ValueError(f"a state of this stream is a dict of {', '.join(own)}, as `state` returns it")
        for name, expected in own.items():
            value, expected = np.asarray(state[name]), np.asarray(expected)
            is_alike = value.shape == expected.shape and value.dtype.kind == expected.dtype.kind
            if not is_alike:
                raise ValueError(
                    f"state[{name!r}] has shape {value.shape} and holds {value.dtype} values; expected "
                    f"{expected.dtype} of shape {expected.shape}, as `state` returns them for a batch of {self.batch}"
                )
            with np.errstate(over="ignore"):
                if not np.isfinite(value.astype(expected.dtype)).all():
                    raise ValueError(f"state[{name!r}] holds NaN or infinity: reset the stream that it is of")
        if not 0 <= state["n_steps"] < 2**62:
            raise ValueError(f"state['n_steps'] is {state['n_steps']}; expected 0 or more")
        self._set(state)

    def _set(self, state):
        for name, parts in self._parts.items():
            for k, part in enumerate(parts):
                part[...] = state[name][k]
        self._count[0] = state["n_steps"] + (self._beginning is not None)

    def reset(self):
        """Begin new sequences."""
        self._keep_up()
        for parts in self._parts.values():
            for part in parts:
                part[...] = 0
        self._count[0] = 0
        if self._beginning is not None:
            self._advance(self._network.vectors(np.full(self.batch, self._beginning)))

    def step(self, x):
        """Read a step of each sequence.

        Parameters
        ----------
        x : array (I,), or with a batch (batch, I)
            Numbers; where I is 1 also one number, or (batch,).  For a model of tokens an integer, or (batch,); of
            words with their characters (1 + L,), or (batch, 1 + L).

        Returns
        -------
        array (K,) or number; with a batch (batch, K) or (batch,)
            Given the sequence so far: of a classifier or a tagger the probabilities of the classes, of a regressor the
            prediction, of a generator the probabilities of the next token, at last that of the end.

        Raises
        ------
        ValueError
            For a step of a wrong width, NaN, infinity or an unknown token, before anything has changed; or if the
            outputs overflow, after which the stream must be reset.
        """
        self.outputs(x)
        said = self._said[0] if self.batch == 1 else self._said
        return said.copy()

    def outputs(self, x):
        """As `step`; returns what the network puts out, (batch, K), which the next step overwrites."""
        self._keep_up()
        if self.feature_names_in_ is not None and hasattr(x, "iloc"):
            self._check_names(x)
        if self._network.embedding is not None:
            x = self._network.vectors(self._tokens(x))
        return self._advance(np.asarray(x))

    def _keep_up(self):
        """Go on with the network's weights if they have changed."""
        version = self._network.head.parameters.version
        if self._version is not version:
            self._program.prepare()
            self._version = version

    def _check_names(self, x):
        """A step of pandas has its features' names as those of the fit; sequences side by side are a frame's rows."""
        is_row = x.ndim == 1 and self.batch == 1
        if is_row and list(x.index) != list(self.feature_names_in_):
            check_names(self, [x.to_frame().T], reset=False)
        elif x.ndim == 2:
            check_names(self, [x], reset=False)

    def _tokens(self, x):
        """A step's tokens, (batch,) or (batch, 1 + L)."""
        x, limits = np.asarray(x), self._network.embedding.limits
        limits = limits if self._n_tokens is None else (self._n_tokens,)
        columns = x.shape[-1:] if len(limits) == 2 else ()
        shape = (self.batch, *columns)
        if x.shape != shape[self.batch == 1 :]:
            raise ValueError(f"a step's tokens have shape {shape[self.batch == 1 :]}; got {x.shape}")
        bounds = limits[0] if not columns else np.r_[limits[0], np.full(columns[0] - 1, limits[1])]
        is_integer = x.dtype.kind in "iu" or (x.dtype.kind == "f" and (x == np.floor(x)).all())
        if not is_integer or (x < 0).any() or (x >= bounds).any():
            raise ValueError(
                f"a step's tokens are integers from 0 on, below {limits[0]} as in the fit"
                f"{f' (of characters {limits[1]})' if columns else ''}; got {x.tolist()}"
            )
        return x.reshape(shape).astype(np.int64)

    def _advance(self, x):
        place = self._places.get(x.shape)
        if place is None:
            got = x.shape if x.ndim or x.dtype != object else f"a {type(x.item()).__name__}: pass its numbers alone"
            raise ValueError(f"a step of this stream has shape {next(iter(self._places))}; got {got}")
        if x.dtype.kind not in "fiub":
            x = as_numbers(x.astype(object), "a step")
        place[...] = x
        self._status[0] = 0
        if self._program.run():
            self._raise(x)
        return self._outputs

    def _raise(self, x):
        status = self._status[0]
        if status == 0:
            raise MemoryError("there is no memory for a step: reset the stream")
        if status == BAD_INPUT:
            raise ValueError(f"a step holds NaN or infinity as {self._outputs.dtype}, and was not taken: {x.tolist()}")
        raise ValueError("the network's outputs overflow: reset the stream, and see that steps are as in the fit")


@njit(**OPTIONS)
def _take(x, given, mean, scale, count, status):
    """x (B, I) = given (B, I) less `mean`, over `scale`, (I,), which ends the step unless it is finite.

    The sums are those of `fastrnn.sequences.Given.stored`.
    """
    for k in range(given.shape[0]):
        for j in range(given.shape[1]):
            x[k, j] = (given[k, j] - mean[j]) / scale[j]
            if not np.isfinite(x[k, j]):
                status[0] = BAD_INPUT
    if status[0]:
        raise ValueError
    count[0] += 1


@njit(**OPTIONS)
def _check(outputs, status):
    """End the step if outputs (n, K) overflow."""
    for k in range(outputs.shape[0]):
        for j in range(outputs.shape[1]):
            if not np.isfinite(outputs[k, j]):
                status[0] = OVERFLOW
    if status[0]:
        raise ValueError
