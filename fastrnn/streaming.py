"""Read sequences one step at a time through a trained network."""

from collections.abc import Hashable

import numpy as np

from fastrnn.columns import check_names
from fastrnn.kernels.holes import BAD_TIME
from fastrnn.kernels.rows import BAD_INPUT
from fastrnn.lists import refuse_masked
from fastrnn.programs import Standing
from fastrnn.storage import array, check, integer
from fastrnn.tables import as_numbers, seconds


class Stream:
    """Sequences that are read step by step; `stream` of a fitted estimator returns one.

    A step takes microseconds, however many steps came before. Its answer is exactly what the estimator says of the
    whole sequence so far. A stream keeps the network that it was made of: it follows later calls of `partial_fit`, but
    not of `fit`. Only one thread may use it at a time. Of a Pipeline use ``pipe[-1].stream()``, and give it what
    ``pipe[:-1].transform`` makes of a step.

    You need not call the constructor yourself.

    Parameters
    ----------
    network : SequenceNetwork
        The trained network, with one direction.
    batch : int
        Number of sequences that are read side by side.
    answer : callable
        How an answer is made of the network's outputs.
    n_tokens : int, default=None
        The number of tokens that a step may hold, if the network knows more.
    beginning : int, default=None
        The token that each sequence begins with.
    unit : pair of ndarray of shape (I,), default=None
        What is subtracted from the numbers of a step, and what they are then divided by.
    names : array of str, default=None
        The names of the columns in the fit. A step that is a pandas Series or frame must have the same.
    holes : fastrnn.holes.Holes, default=None
        How missing numbers and times are read.
    codes : list of (int, dict), default=()
        The columns of categories, and the codes of these; of others the code is 0.
    static : ndarray of shape (batch, F), default=None
        Facts of the sequences, as the network reads them.

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

    You can keep the state, and go back to it:

    >>> kept = stream.state
    >>> sorted(kept), kept["h"].shape
    (['h', 'n_steps'], (1, 1, 64))
    >>> later = stream.step(0.5)
    >>> stream.state = kept
    >>> bool((stream.step(0.5) == later).all())
    True
    """

    def __init__(self, network, batch, answer, n_tokens=None, beginning=None, unit=None, names=None, holes=None,
        codes=(), static=None):  # fmt: skip
        self.batch, self._network, self._answer, self._static = batch, network, answer, static
        self._n_tokens, self._beginning, I = n_tokens, beginning, network.encoder.input_size
        self._unit, self.feature_names_in_ = (np.zeros(I), np.ones(I)) if unit is None else unit, names
        self._count, self._status = np.zeros((2, 1), np.int64)
        self._holes, self._codes, n, I = holes, codes, batch, I - (holes.n_beside if holes else 0)
        self._given, self._takes_time = np.zeros((n, I)), holes is not None and holes.is_beside
        numbers = self._given[:, : I - self._takes_time]
        # Where a step's numbers go, by the shapes that it may come in.
        I = numbers.shape[1]
        shapes = [(n, I)[n == 1 :], (n, I), *([(n,)[n == 1 :]] if I == 1 else [])]
        self._places = {shape: numbers.reshape(shape) for shape in shapes}
        self._bind()
        self.reset()

    def __reduce__(self):
        known = self._n_tokens, self._beginning, self._unit, self.feature_names_in_, self._holes, self._codes
        return Stream, (self._network, self.batch, self._answer, *known, self._static), self.state

    def __setstate__(self, state):
        self.state = state

    def _bind(self):
        """Have the network's program of a step read and fill arrays of this stream."""
        network, n, dtype = self._network, self.batch, self._network.theta.dtype
        states, self._outputs = network.encoder.recurrent.zero_states(n), np.empty((n, network.head.output_size), dtype)
        self._options, given = self._answered(*self._outputs.shape)
        mean, scale = self._unit
        given |= {"given": self._given, "mean": mean, "scale": scale}
        given |= {"count": self._count, "status": self._status, "out": self._outputs}
        if self._static is not None:
            given["static"] = self._static
        given["state"], program = states, network.step(*self._options)
        self._parts = self._by_letter(states)
        if self._holes is not None:
            width = network.encoder.input_size
            self._parts |= {"seen": np.zeros((n, width), dtype), "time": np.zeros(n)}
            given |= {**self._holes._asdict(), **self._parts}
        for name, like in ("pooled", np.empty((n, network.n_pooled), dtype)), ("chain", self._said):
            if name in program.names:
                given[name] = np.zeros_like(like).reshape(n, -1)
                self._parts[name] = given[name][np.newaxis]
        self._program, self._version = Standing(program, **given), network.head.parameters.version

    def _answered(self, n, K):
        """How a network's step says its answer, and the arrays that it is given for this."""
        if self._network.chain is not None:
            self._said = np.empty((n, K))
            return (n, self._holes is not None), {"said": self._said}
        self._said, (fill, out, *more) = self._answer(n, K)
        numbers = (constant if isinstance(constant, int) else None for constant in more)
        constants = {f"constant {k}": array for k, array in enumerate(more)}
        return (n, self._holes is not None, fill, *numbers), {"said": out, **constants}

    @property
    def n_steps(self):  # numpydoc ignore=RT01
        """Number of steps that were read since the beginning."""
        return int(self._count[0]) - (self._beginning is not None)

    @property
    def state(self):  # numpydoc ignore=RT01
        """All that the next step depends on, as a dict of copies. You can keep it, pickle it and set it again.

        It has "n_steps" and these arrays:

        - "h", for an LSTM or SRU "c", for an sLSTM "c", "n" and "m", of shape (num_layers, batch, hidden_size); with
          `proj_size`, "h" of shape (num_layers, batch, proj_size);
        - "pooled" of shape (1, batch, numbers of h), if the readout is "mean" (the sum so far) or "max" (the largest so
          far), or of two more numbers if it is "attention" (the weighted sum, the largest energy, the sum of weights);
        - "chain" of shape (1, batch, n_classes), if there is a CRF;
        - "last" of shape (batch,), of a transcriber: the most probable label or blank of the last step, from 1 on;
        - "seen" of shape (batch, I) and "time" of shape (batch,), what was read last and when, if the model was fitted
          with `missing` or `time_column`.
        """
        return {**{name: part.copy() for name, part in self._parts.items()}, "n_steps": self.n_steps}

    @state.setter
    def state(self, state):  # numpydoc ignore=GL08
        rules = {name: array(part.dtype, *part.shape) for name, part in self._parts.items()}
        count = integer(0, 2**62)
        check(state, {**rules, "n_steps": lambda n: np.size(n) == 1 and count(np.asarray(n).item())}, "state")
        for name, part in self._parts.items():
            part[...] = state[name]
        self._count[0] = state["n_steps"] + (self._beginning is not None)

    def _by_letter(self, states):
        """Views of the states of all levels, by their letters."""
        cell = self._network.encoder.recurrent.cell
        parts = dict(zip(cell.states, np.split(states, len(cell.states)), strict=True))
        return parts | {"h": parts["h"][..., : cell.output_size]}

    def reset(self):
        """Begin new sequences."""
        self._keep_up()
        for part in self._parts.values():
            part[...] = 0
        if self._static is not None:
            for name, part in self._by_letter(self._network.static(self._static)).items():
                self._parts[name][...] = part
        self._count[0] = 0
        if self._beginning is not None:
            is_token = self._network.embedding is not None  # else it is the mean, of which the network reads zeros
            first = np.full(self.batch, self._beginning) if is_token else np.tile(self._unit[0], (self.batch, 1))
            self._advance(self._network.vectors(first) if is_token else first)

    def step(self, x, time=None):
        """Read one step of each sequence, and return the answer after it.

        Parameters
        ----------
        x : array-like of shape (I,), or (batch, I) with a batch
            The numbers of the step. If I is 1, a number or (batch,) is fine, too. For tokens, an integer or (batch,).
            For words with their characters, (1 + L,) or (batch, 1 + L): ``x.with_characters()[t]`` of a `Tokenizer`'s
            x, or ``x[t : t + 1]``.
        time : number or datetime, or array-like of shape (batch,), default=None
            When the step is, for a model that was fitted with ``time_column="index"``. Others have the time in x, if
            they read it.

        Returns
        -------
        ndarray of shape (K,) or float; with a batch of shape (batch, K) or (batch,)
            The answer for the sequence so far. A classifier or tagger gives the probabilities of the classes, and a
            regressor the prediction. A classifier with several columns of classes gives those of all columns side by
            side. A generator gives the probabilities of the next token; the last one is that of the end. Of numbers it
            gives weights, means, standard deviations and correlations of Gaussians, then probabilities of columns of 0
            and 1, and of the end.

        Raises
        ------
        ValueError
            If the step has a wrong width, holds NaN or infinity, or an unknown token, or if its time is before that of
            the last one: the stream has not changed then. NaN is taken if the model was fitted with `missing`.
            Also if the outputs overflow: call `reset` then.
        """
        self.outputs(x, time)
        return (self._said[0] if self.batch == 1 else self._said).copy()

    def outputs(self, x, time=None):
        """Read one step of each sequence, and return the raw outputs of the network.

        Parameters
        ----------
        x : array-like
            The step, as for `step`.
        time : number or datetime, or array-like of shape (batch,), default=None
            When it is, as for `step`.

        Returns
        -------
        ndarray of shape (batch, K)
            The outputs. The next step overwrites this array.
        """
        if self._version is not self._network.head.parameters.version:
            self._keep_up()
        if self.feature_names_in_ is not None and hasattr(x, "iloc"):
            self._check_names(x)
        refuse_masked(x, "a step")
        if self._network.embedding is not None:
            x = self._network.vectors(self._tokens(x))
        if self._takes_time or time is not None:
            self._set_time(time)
        return self._advance(self._coded(x) if self._codes else np.asarray(x))

    def _keep_up(self):
        """Go on with the network's weights as they are now."""
        self._version = self._network.head.parameters.version
        self._network.step(*self._options)  # packs them

    def _check_names(self, x):
        """A step of pandas has its features' names as those of the fit; sequences side by side are a frame's rows."""
        if x.ndim == 1 and self.batch == 1 and list(x.index) != list(self.feature_names_in_):
            check_names(self, [x.to_frame().T], reset=False)
        elif x.ndim == 2:
            check_names(self, [x], reset=False)

    def _tokens(self, x):
        """A step's tokens, (batch,) or (batch, 1 + L)."""
        limits = self._network.embedding.limits if self._n_tokens is None else (self._n_tokens,)
        are_spelt, n = len(limits) == 2, self.batch
        x = np.asarray(x.with_characters() if are_spelt and getattr(x, "spellings", None) is not None else x)
        columns = x.shape[-1:] if are_spelt else ()
        shape = (n, *columns)
        if x.shape not in (shape, shape[n == 1 :]) or are_spelt and columns < (2,):
            words = f"{'(1 + L,)' if n == 1 else f'({n}, 1 + L)'}, such as x.with_characters()[t] of a Tokenizer's x"
            raise ValueError(f"a step's tokens have shape {words if are_spelt else shape[n == 1 :]}; got {x.shape}")
        bounds = limits[0] if not columns else np.r_[limits[0], np.full(columns[0] - 1, limits[1])]
        is_integer = x.dtype.kind in "iu" or (x.dtype.kind == "f" and (x == np.floor(x)).all())
        if not is_integer or (x < 0).any() or (x >= bounds).any():
            known = f"{limits[0]} as in the fit" + (f" (of characters {limits[1]})" if columns else "")
            raise ValueError(f"a step's tokens are integers from 0 on, below {known}; got {x.tolist()}")
        return x.reshape(shape).astype(np.int64)

    def _set_time(self, time):
        if not self._takes_time or time is None:
            it = "needs the time of each step" if self._takes_time else "takes no time beside a step"
            raise ValueError(f"this stream {it}: time= goes with a model that was fitted with time_column='index'")
        times = seconds(np.asarray(time).reshape(-1), "time")
        if times.size not in (1, self.batch):
            raise ValueError(f"time has {times.size} values for {self.batch} sequences side by side: give each one")
        self._given[:, -1] = times

    def _coded(self, x):
        """A step with codes in place of categories."""
        x = np.array(x, object)
        if x.shape in self._places:
            rows = x.reshape(self.batch, -1)
            for k, numbers in self._codes:
                rows[:, k] = [numbers.get(value, 0) if isinstance(value, Hashable) else 0 for value in rows[:, k]]
        return x

    def _advance(self, x):
        place = self._places.get(x.shape)
        if place is None:
            got = x.shape if x.ndim or x.dtype != object else f"a {type(x.item()).__name__}: pass its numbers alone"
            raise ValueError(f"a step of this stream has shape {next(iter(self._places))}; got {got}")
        if x.dtype.kind not in "fiub":
            x = self._as_numbers(x.astype(object))
        place[...] = x
        if self._program.run():
            self._raise(x)
        return self._outputs

    def _as_numbers(self, x):
        """A step of objects, which may have a date in the column of times."""
        clock = -1 if self._holes is None or self._takes_time else self._holes.clock
        if clock >= 0 and x.ndim:
            x[..., clock] = seconds(np.atleast_1d(x[..., clock]), "time").reshape(x.shape[:-1])
        return as_numbers(x, "a step")

    def _raise(self, x):
        status = self._status[0]
        if status == 0:
            raise MemoryError("there is no memory for a step: reset the stream")
        if status == BAD_TIME:
            now, before = self._given[:, self._holes.clock].tolist(), self._parts["time"].tolist()
            found = f"a step's time is {now}" + f" after {before}" * (self.n_steps > 0)
            raise ValueError(f"{found}, and was not taken: times are finite, and do not go back")
        if status == BAD_INPUT:
            what = "NaN or infinity" if self._holes is None or self._holes.n_carried < 0 else "infinity"
            raise ValueError(f"a step holds {what} as {self._outputs.dtype}, and was not taken: {x.tolist()}")
        raise ValueError("the network's outputs overflow: reset the stream, and see that steps are as in the fit")
